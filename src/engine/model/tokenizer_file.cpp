#include "engine/model/tokenizer_file.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/json.h"
#include "engine/model/in_quotes.h"
#include "engine/model/tokenizer_steps.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

constexpr JsonLimits kLimits{.size_bytes = kMaxTokenizerBytes, .depth = 32};
constexpr std::int64_t kMaxId = 1 << 22;  // no vocabulary is that large
// The largest that is known has 33,000; a file of a million would make each look-up costly.
constexpr std::size_t kMaxAdded = 1U << 18;
// Added tokens are sought at every byte of a text; real ones have some tens of bytes.
constexpr std::size_t kMaxAddedBytes = 1024;

std::unexpected<Error> unsupported(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

// The characters 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for themselves; the other 68 bytes, in
// order, are written as U+0100, U+0101, …
std::array<std::int16_t, 0x144> byte_of_character() {
  std::array<std::int16_t, 0x144> table{};
  table.fill(-1);
  std::size_t next = 0x100;
  for (std::int16_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    table[printable ? static_cast<std::size_t>(byte) : next++] = byte;
  }
  return table;
}

Result<void> read_split(const json::object& step, Pretokenizer& into) {
  const json::value* pattern = step.if_contains("pattern");
  const json::object* object = pattern != nullptr ? pattern->if_object() : nullptr;
  const auto regex = object != nullptr ? string_or_empty(*object, "Regex") : std::string_view();
  if (regex == kLlama3Regex) {
    into.pattern = SplitPattern::kLlama3;
  } else if (regex == kGpt2Regex) {
    into.pattern = SplitPattern::kGpt2;
  } else {
    return unsupported("pre_tokenizer: the Split pattern is neither Llama 3's nor GPT-2's");
  }
  if (string_or_empty(step, "behavior") != "Isolated" || !is_false_or_absent(step, "invert")) {
    return unsupported("pre_tokenizer: Split must have behavior \"Isolated\" and not be inverted");
  }
  return {};
}

// Accepts [Digits] (ByteLevel with its own pattern | Split ByteLevel without).
Result<Pretokenizer> read_pretokenizer(const json::value& value) {
  const json::object* root = value.if_object();
  if (root == nullptr)
    return unsupported("pre_tokenizer is missing: only byte-level BPE is supported");
  json::array steps{*root};
  if (string_or_empty(*root, "type") == "Sequence") {
    auto given = field<json::array>(*root, "pretokenizers");
    if (!given) return fail(given.error());
    steps = std::move(*given);
  }
  Pretokenizer pretokenizer;
  bool has_pattern = false;
  bool has_bytes = false;
  for (const json::value& item : steps) {
    auto step = as<json::object>(item, "pretokenizers");
    if (!step) return fail(step.error());
    const std::string type(string_or_empty(*step, "type"));
    if (has_bytes) return unsupported("pre_tokenizer: " + in_quotes(type) + " after ByteLevel");
    if (type == "Digits" && is_true(*step, "individual_digits") && !has_pattern) {
      pretokenizer.digits_alone = true;
    } else if (type == "Split" && !has_pattern) {
      if (auto split = read_split(*step, pretokenizer); !split) return fail(split.error());
      has_pattern = true;
    } else if (type == "ByteLevel" && is_false_or_absent(*step, "add_prefix_space") &&
               has_pattern == is_false_or_absent(*step, "use_regex")) {
      has_bytes = true;
    } else {
      return unsupported("pre_tokenizer: " + in_quotes(type) + " is not supported here");
    }
  }
  if (!has_bytes)
    return unsupported("pre_tokenizer has no ByteLevel: only byte-level BPE is supported");
  return pretokenizer;
}

// Ids index arrays, whose size must follow from the file's and not from what it claims: real files
// leave few ids out.
std::int64_t highest_id(std::size_t tokens) {
  return std::min(kMaxId, static_cast<std::int64_t>(4 * tokens + 65'536));
}

std::string out_of_range(std::int64_t id, std::int64_t highest) {
  return "id " + std::to_string(id) + " is not from 0 to " + std::to_string(highest) +
         ", which is plenty for the tokens of this file";
}

Result<AddedToken> read_added_token(const json::value& item, std::int64_t highest) {
  const json::object* object = item.if_object();
  if (object == nullptr) {
    return unsupported("added_tokens: an object is expected, not " + std::string(kind_name(item)));
  }
  auto content = field<std::string>(*object, "content");
  auto id = field<std::int64_t>(*object, "id");
  if (!content) return fail(content.error());
  if (!id) return fail(id.error().with(in_quotes(*content)));
  if (content->empty() || content->size() > kMaxAddedBytes) {
    return unsupported("the content of id " + std::to_string(*id) + " has " +
                       std::to_string(content->size()) + " bytes; 1 to " +
                       std::to_string(kMaxAddedBytes) + " are supported");
  }
  if (*id < 0 || *id > highest) {
    return unsupported(in_quotes(*content) + ": " + out_of_range(*id, highest));
  }
  for (const std::string_view flag : {"single_word", "lstrip", "rstrip"}) {
    if (is_true(*object, flag)) {
      return unsupported("added token " + in_quotes(*content) + ": " + std::string(flag) +
                         " is not supported");
    }
  }
  AddedToken token{.content = std::move(*content), .pattern = {}, .id = *id};
  token.pattern = token.content;
  token.special = is_true(*object, "special");
  token.normalized = is_true(*object, "normalized");
  return token;
}

// Of two tokens with one id, or two ids of one text, it could not be told which is meant.
Result<void> check_once(const std::vector<AddedToken>& added) {
  std::unordered_map<std::int64_t, const AddedToken*> by_id;
  std::unordered_map<std::string_view, const AddedToken*> by_text;
  for (const AddedToken& token : added) {
    const AddedToken& same_id = *by_id.emplace(token.id, &token).first->second;
    const AddedToken& same_text = *by_text.emplace(token.content, &token).first->second;
    if (same_id.content == token.content && same_text.id == token.id &&
        same_id.special == token.special && same_id.normalized == token.normalized) {
      continue;
    }
    return unsupported("added_tokens: " + in_quotes(token.content) + " with the id " +
                       std::to_string(token.id) + " is not the first with this " +
                       (same_id.content != token.content ? "id" : "content"));
  }
  return {};
}

Result<std::vector<AddedToken>> read_added(const json::object& root, std::int64_t highest) {
  std::vector<AddedToken> added;
  const json::value* items = root.if_contains("added_tokens");
  if (items == nullptr || items->is_null()) return added;
  const json::array* array = items->if_array();
  if (array == nullptr) return unsupported("field 'added_tokens' must be an array");
  if (array->size() > kMaxAdded) {
    return fail(ErrorCode::kTooLarge, "added_tokens has " + std::to_string(array->size()) +
                                          " tokens; up to " + std::to_string(kMaxAdded) +
                                          " are supported");
  }
  added.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    auto token = read_added_token((*array)[i], highest);
    if (!token) return fail(token.error().with("added_tokens[" + std::to_string(i) + "]"));
    added.push_back(std::move(*token));
  }
  if (auto once = check_once(added); !once) return fail(once.error());
  return added;
}

void put(TokenTexts& texts, std::int64_t id, std::string text) {
  const auto at = static_cast<std::size_t>(id);
  if (at >= texts.size()) texts.resize(at + 1);
  texts[at] = std::move(text);
}

const json::object* vocab_of(const json::object& model) {
  const json::value* vocab = model.if_contains("vocab");
  return vocab == nullptr ? nullptr : vocab->if_object();
}

std::size_t count_tokens(const json::object& root, const json::object& model) {
  const json::object* vocab = vocab_of(model);
  const json::value* added = root.if_contains("added_tokens");
  return (vocab == nullptr ? 0 : vocab->size()) +
         (added == nullptr || !added->is_array() ? 0 : added->get_array().size());
}

Result<TokenTexts> read_vocab(const json::object& model, std::int64_t highest) {
  const json::object* vocab = vocab_of(model);
  if (vocab == nullptr) return unsupported("model: field 'vocab' must be an object");
  TokenTexts texts;
  for (const auto& member : *vocab) {
    auto id = as<std::int64_t>(member.value(), "id");
    if (!id) return fail(id.error().with("model: vocab: " + in_quotes(member.key())));
    if (*id < 0 || *id > highest) {
      return unsupported("model: vocab: " + in_quotes(member.key()) + ": " +
                         out_of_range(*id, highest));
    }
    if (static_cast<std::size_t>(*id) < texts.size() &&
        !texts[static_cast<std::size_t>(*id)].empty()) {
      return unsupported("model: vocab: two tokens have the id " + std::to_string(*id) + ": " +
                         in_quotes(texts[static_cast<std::size_t>(*id)]) + " and " +
                         in_quotes(member.key()));
    }
    put(texts, *id, std::string(member.key()));
  }
  return texts;
}

// A merge is "left right" or ["left", "right"].
std::optional<std::pair<std::string_view, std::string_view>> parts_of_merge(
    const json::value& item) {
  if (const auto* text = item.if_string()) {
    const std::string_view view(*text);
    const auto blank = view.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    return std::pair(view.substr(0, blank), view.substr(blank + 1));
  }
  const auto* both = item.if_array();
  if (both == nullptr || both->size() != 2) return std::nullopt;
  const auto* left = (*both)[0].if_string();
  const auto* right = (*both)[1].if_string();
  if (left == nullptr || right == nullptr) return std::nullopt;
  return std::pair(std::string_view(*left), std::string_view(*right));
}

Result<void> check_model(const json::object& model) {
  const auto type = string_or_empty(model, "type");
  if (!type.empty() && type != "BPE") {
    return unsupported("model: type " + in_quotes(type) + " is not supported: only BPE is");
  }
  for (const std::string_view name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!string_or_empty(model, name).empty())
      return unsupported("model: '" + std::string(name) + "' is not supported");
  }
  const auto dropout = optional_field<double>(model, "dropout");
  if (!dropout) return fail(dropout.error().with("model"));
  if (dropout->value_or(0) != 0)
    return unsupported("model: 'dropout' is not supported: it makes ids a matter of chance");
  return {};
}

// How a kind of tokenizer writes what it works with: a token of the file to that.
using Spelling = std::string (*)(std::string_view);

std::string as_written(std::string_view token) {
  return std::string(token);
}

Result<Bpe> read_bpe(const json::object& model, const TokenTexts& vocab, Spelling spelling) {
  const json::value* merges = model.if_contains("merges");
  if (merges == nullptr || !merges->is_array())
    return unsupported("model: field 'merges' must be an array");
  TokenTexts tokens(vocab.size());
  std::transform(vocab.begin(), vocab.end(), tokens.begin(), spelling);
  Bpe bpe(std::move(tokens), is_true(model, "ignore_merges"));
  for (std::size_t i = 0; i < merges->get_array().size(); ++i) {
    const auto parts = parts_of_merge(merges->get_array()[i]);
    if (!parts) {
      return unsupported("model: merge " + std::to_string(i) +
                         " is neither \"a b\" nor [\"a\", \"b\"]");
    }
    auto done = bpe.add_merge(spelling(parts->first), spelling(parts->second));
    if (!done) return fail(done.error().with("model"));
  }
  return bpe;
}

TokenTexts with_added(TokenTexts texts, const std::vector<AddedToken>& added, Spelling spelling) {
  std::transform(texts.begin(), texts.end(), texts.begin(), spelling);
  for (const AddedToken& token : added) put(texts, token.id, spelling(token.content));
  return texts;
}

// The reference takes an added token's id from the vocabulary, whatever the file gives it.
Result<void> check_ids(const std::vector<AddedToken>& added, const TokenTexts& vocab) {
  std::unordered_map<std::string_view, std::int64_t> ids;
  for (const AddedToken& token : added) ids.emplace(token.content, token.id);
  const auto differs = [](std::string_view content, std::int64_t id) {
    return unsupported("added token " + in_quotes(content) + ": its id " + std::to_string(id) +
                       " is not what the vocabulary says");
  };
  for (std::size_t id = 0; id < vocab.size(); ++id) {
    const auto found = ids.find(vocab[id]);
    if (found == ids.end() || found->second == static_cast<std::int64_t>(id)) continue;
    return differs(found->first, found->second);
  }
  for (const AddedToken& token : added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= vocab.size() || vocab[id].empty() || vocab[id] == token.content) continue;
    return differs(token.content, token.id);
  }
  return {};
}

Result<TokenizerFile> read_byte_level(const json::object& root, const json::object& model,
                                      TokenTexts vocab, std::vector<AddedToken> added) {
  const json::value* normalizer = root.if_contains("normalizer");
  if (normalizer != nullptr && !normalizer->is_null()) {
    return unsupported("a normalizer is not supported: only byte-level BPE without one is");
  }
  auto bpe = read_bpe(model, vocab, bytes_of_token);
  if (!bpe) return fail(bpe.error());
  const json::value* steps = root.if_contains("pre_tokenizer");
  auto pretokenizer = read_pretokenizer(steps != nullptr ? *steps : json::value());
  if (!pretokenizer) return fail(pretokenizer.error());
  TokenTexts bytes = with_added(std::move(vocab), added, bytes_of_token);
  return TokenizerFile{std::move(*bpe), *pretokenizer, std::nullopt, std::move(bytes),
                       std::move(added)};
}

Result<TokenizerFile> read_sentencepiece(const json::object& root, const json::object& model,
                                         TokenTexts vocab, std::vector<AddedToken> added) {
  auto spaces = read_spaces(root);
  if (!spaces) return fail(spaces.error());
  auto decoder = read_decoder(root);
  if (!decoder) return fail(decoder.error());
  auto bpe = read_bpe(model, vocab, as_written);
  if (!bpe) return fail(bpe.error());
  // With them all there is no unknown character, so `unk_token` and `fuse_unk` say nothing.
  if (auto found = bpe->use_byte_tokens(); !found) return fail(found.error().with("model"));
  for (AddedToken& token : added) {
    if (!token.normalized || !spaces->normalizes) continue;
    token.pattern = mark_spaces(*spaces, token.content, TextPlace::kStart);
  }
  TokenTexts bytes = with_added(vocab, added, bytes_of_piece);
  TokenTexts texts = with_added(std::move(vocab), added, as_written);
  return TokenizerFile{std::move(*bpe),
                       {},
                       SentencePiece{*spaces, std::move(*decoder), std::move(texts)},
                       std::move(bytes),
                       std::move(added)};
}

}  // namespace

std::string bytes_of_token(std::string_view token) {
  static const auto kTable = byte_of_character();
  std::string bytes;
  for (std::size_t i = 0; i < token.size();) {
    const Character character = character_at(token, i);
    const std::int16_t byte = character.valid && character.code < kTable.size()
                                  ? kTable[character.code]
                                  : std::int16_t{-1};
    if (byte < 0) return std::string(token);
    bytes.push_back(static_cast<char>(byte));
    i += character.size;
  }
  return bytes;
}

Result<TokenizerFile> read_tokenizer_file(std::string_view text) {
  auto root = parse_json_object(text, kLimits);
  if (!root) return fail(root.error());
  const json::value* model = root->if_contains("model");
  const json::object* object = model == nullptr ? nullptr : model->if_object();
  const json::object none;
  const std::int64_t highest = highest_id(count_tokens(*root, object == nullptr ? none : *object));
  auto added = read_added(*root, highest);
  if (!added) return fail(added.error());
  if (object == nullptr) return unsupported("field 'model' must be an object");
  if (auto known = check_model(*object); !known) return fail(known.error());
  auto vocab = read_vocab(*object, highest);
  if (!vocab) return fail(vocab.error());
  if (auto agree = check_ids(*added, *vocab); !agree) return fail(agree.error());
  const auto read = is_true(*object, "byte_fallback") ? read_sentencepiece : read_byte_level;
  return read(*root, *object, std::move(*vocab), std::move(*added));
}

}  // namespace hone::engine
