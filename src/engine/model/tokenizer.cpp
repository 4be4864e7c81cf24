#include "engine/model/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "base/file.h"
#include "engine/model/tokenizer_file.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

using Ids = std::vector<std::int64_t>;

// The added tokens that count, as they are and in normalized text.
struct Matchers {
  AddedMatcher verbatim;
  AddedMatcher normalized;

  Matchers(const std::vector<AddedToken>& added, Specials specials)
      : verbatim(entries(added, specials, false)), normalized(entries(added, specials, true)) {}

  static std::vector<AddedMatcher::Entry> entries(const std::vector<AddedToken>& added,
                                                  Specials specials, bool normalized) {
    std::vector<AddedMatcher::Entry> chosen;
    for (const AddedToken& token : added) {
      if (token.special && specials == Specials::kText) continue;
      if (token.normalized == normalized) chosen.push_back({token.pattern, token.id});
    }
    return chosen;
  }
};

// Appends the ids of the tokens that `matcher` finds; gives `plain` each stretch between them, and
// where it stands.
template <typename Plain>
void cut(const AddedMatcher& matcher, std::string_view text, TextPlace place, Ids& ids,
         const Plain& plain) {
  std::size_t begin = 0;
  const auto end_stretch = [&](std::size_t end) {
    if (end == begin) return;
    plain(text.substr(begin, end - begin), begin == 0 ? place : TextPlace::kAfterToken);
  };
  for (std::size_t i = 0; !matcher.empty() && i < text.size();) {
    const auto* token = matcher.match(text.substr(i));
    if (token == nullptr) {
      ++i;
      continue;
    }
    end_stretch(i);
    ids.push_back(token->id);
    i += token->text.size();
    begin = i;
  }
  end_stretch(text.size());
}

}  // namespace

struct Tokenizer::State {
  TokenizerFile file;
  std::unordered_map<std::int64_t, bool> special_of_added;       // by id
  std::unordered_map<std::string_view, std::int64_t> added_ids;  // by content
  Matchers in_text;
  Matchers in_template;

  explicit State(TokenizerFile given)
      : file(std::move(given)),
        in_text(file.added, Specials::kText),
        in_template(file.added, Specials::kParse) {
    for (const AddedToken& token : file.added) {
      special_of_added[token.id] = token.special;
      added_ids.emplace(token.content, token.id);
    }
  }

  // `text` has no added tokens left.
  void encode_plain(std::string_view text, TextPlace place, Ids& ids) const {
    if (!file.sentencepiece) {
      for (const std::string_view piece : split(file.pretokenizer, text)) {
        file.bpe.encode(piece, ids);
      }
      return;
    }
    const Spaces& spaces = file.sentencepiece->spaces;
    const std::string marked = mark_spaces(spaces, text, place);
    const std::string_view all = marked;
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t next =
          spaces.split ? std::min(all.find(kSpaceMark, begin + 1), all.size()) : all.size();
      file.bpe.encode_characters(all.substr(begin, next - begin), ids);
      begin = next;
    }
  }

  // A stretch between added tokens that are not `normalized`.
  void encode_stretch(std::string_view text, TextPlace place, const AddedMatcher& normalized,
                      Ids& ids) const {
    if (!file.sentencepiece || !file.sentencepiece->spaces.normalizes) {
      return cut(normalized, text, place, ids, [&](std::string_view plain, TextPlace plain_place) {
        encode_plain(plain, plain_place, ids);
      });
    }
    const std::string marked = mark_spaces(file.sentencepiece->spaces, text, place);
    cut(normalized, marked, place, ids, [&](std::string_view plain, TextPlace /*marked*/) {
      file.bpe.encode_characters(plain, ids);
    });
  }
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::string& path) {
  std::error_code ignored;
  const bool is_file = std::filesystem::is_regular_file(path, ignored);
  const std::string file = is_file ? path : path + "/tokenizer.json";
  auto text = read_file(posix_files(), file, kMaxTokenizerBytes);
  if (!text) return fail(text.error());
  return parse(*text, file);
}

Result<Tokenizer> Tokenizer::parse(std::string_view tokenizer_json, std::string_view name) {
  auto file = read_tokenizer_file(tokenizer_json);
  if (!file) return fail(file.error().with(name));
  return Tokenizer(std::make_unique<State>(std::move(*file)));
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text, Specials specials,
                                            TextPlace place) const {
  const Matchers& added = specials == Specials::kText ? state_->in_text : state_->in_template;
  Ids ids;
  ids.reserve(text.size() / 3 + 1);
  cut(added.verbatim, text, place, ids, [&](std::string_view stretch, TextPlace stretch_place) {
    state_->encode_stretch(stretch, stretch_place, added.normalized, ids);
  });
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool skip_specials) const {
  if (!state_->file.sentencepiece) {
    std::string all;
    for (const std::int64_t id : ids) {
      if (!skip_specials || !is_special(id)) all += bytes(id);
    }
    return replace_invalid_utf8(all);
  }
  const SentencePiece& pieces = *state_->file.sentencepiece;
  std::vector<std::string> tokens;
  for (const std::int64_t id : ids) {
    if (id < 0 || id >= vocab_size() || (skip_specials && is_special(id))) continue;
    const std::string& text = pieces.texts[static_cast<std::size_t>(id)];
    if (!text.empty()) tokens.push_back(text);
  }
  return decode_tokens(pieces.decoder, std::move(tokens));
}

std::string_view Tokenizer::bytes(std::int64_t id) const {
  if (id < 0 || id >= vocab_size()) return {};
  return state_->file.bytes[static_cast<std::size_t>(id)];
}

bool Tokenizer::is_special(std::int64_t id) const {
  const auto found = state_->special_of_added.find(id);
  return found != state_->special_of_added.end() && found->second;
}

std::optional<std::int64_t> Tokenizer::added_id(std::string_view text) const {
  const auto found = state_->added_ids.find(text);
  return found == state_->added_ids.end() ? std::nullopt : std::optional(found->second);
}

std::int64_t Tokenizer::vocab_size() const {
  return static_cast<std::int64_t>(state_->file.bytes.size());
}

}  // namespace hone::engine
