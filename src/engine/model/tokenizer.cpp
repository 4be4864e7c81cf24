#include "engine/model/tokenizer.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/file.h"
#include "engine/model/tokenizer_file.h"
#include "engine/model/utf8.h"

namespace hone::engine {

struct Tokenizer::State {
  TokenizerFile file;
  std::unordered_map<std::int64_t, bool> special_of_added;              // by id
  std::array<std::vector<const AddedToken*>, 256> added_by_first_byte;  // longest first

  explicit State(TokenizerFile given) : file(std::move(given)) {
    for (const AddedToken& token : file.added) {
      special_of_added[token.id] = token.special;
      added_by_first_byte[static_cast<unsigned char>(token.content.front())].push_back(&token);
    }
    for (auto& tokens : added_by_first_byte) {
      std::stable_sort(tokens.begin(), tokens.end(), [](const auto* a, const auto* b) {
        return a->content.size() > b->content.size();
      });
    }
  }

  // The longest added token that begins `text`, or null. Special ones count only when parsed.
  [[nodiscard]] const AddedToken* match(std::string_view text, Specials specials) const {
    for (const AddedToken* token : added_by_first_byte[static_cast<unsigned char>(text.front())]) {
      if (token->special && specials == Specials::kText) continue;
      if (text.starts_with(token->content)) return token;
    }
    return nullptr;
  }

  void encode_plain(std::string_view text, std::vector<std::int64_t>& ids) const {
    for (const std::string_view piece : split(file.pretokenizer, text)) file.bpe.encode(piece, ids);
  }
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::string& model_folder) {
  const std::string path = model_folder + "/tokenizer.json";
  auto text = read_file(posix_files(), path, 256U << 20);
  if (!text) return fail(text.error());
  return parse(*text, path);
}

Result<Tokenizer> Tokenizer::parse(std::string_view tokenizer_json, std::string_view name) {
  auto file = read_tokenizer_file(tokenizer_json);
  if (!file) return fail(file.error().with(name));
  return Tokenizer(std::make_unique<State>(std::move(*file)));
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text, Specials specials) const {
  std::vector<std::int64_t> ids;
  ids.reserve(text.size() / 3 + 1);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size();) {
    const AddedToken* token = state_->match(text.substr(i), specials);
    if (token == nullptr) {
      ++i;
      continue;
    }
    state_->encode_plain(text.substr(begin, i - begin), ids);
    ids.push_back(token->id);
    i += token->content.size();
    begin = i;
  }
  state_->encode_plain(text.substr(begin), ids);
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool skip_specials) const {
  std::string all;
  for (const std::int64_t id : ids) {
    if (!skip_specials || !is_special(id)) all += bytes(id);
  }
  return replace_invalid_utf8(all);
}

std::string_view Tokenizer::bytes(std::int64_t id) const {
  return state_->file.bpe.bytes(id);
}

bool Tokenizer::is_special(std::int64_t id) const {
  const auto found = state_->special_of_added.find(id);
  return found != state_->special_of_added.end() && found->second;
}

std::optional<std::int64_t> Tokenizer::added_id(std::string_view text) const {
  for (const AddedToken& token : state_->file.added) {
    if (token.content == text) return token.id;
  }
  return std::nullopt;
}

std::int64_t Tokenizer::vocab_size() const {
  return state_->file.bpe.vocab_size();
}

}  // namespace hone::engine
