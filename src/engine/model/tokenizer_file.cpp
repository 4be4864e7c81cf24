#include "engine/model/tokenizer_file.h"

#include <array>
#include <map>
#include <optional>

#include "base/json.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

constexpr JsonLimits kLimits{.size_bytes = 256U << 20, .depth = 32};
constexpr std::int64_t kMaxId = 1 << 22;  // no vocabulary is that large; ids index an array

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

bool is_false_or_absent(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr || value->is_null() || (value->is_bool() && !value->get_bool());
}

bool is_true(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
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
    if (has_bytes) return unsupported("pre_tokenizer: '" + type + "' after ByteLevel");
    if (type == "Digits" && is_true(*step, "individual_digits") && !has_pattern) {
      pretokenizer.digits_alone = true;
    } else if (type == "Split" && !has_pattern) {
      if (auto split = read_split(*step, pretokenizer); !split) return fail(split.error());
      has_pattern = true;
    } else if (type == "ByteLevel" && is_false_or_absent(*step, "add_prefix_space") &&
               has_pattern == is_false_or_absent(*step, "use_regex")) {
      has_bytes = true;
    } else {
      return unsupported("pre_tokenizer: '" + type + "' is not supported here");
    }
  }
  if (!has_bytes)
    return unsupported("pre_tokenizer has no ByteLevel: only byte-level BPE is supported");
  return pretokenizer;
}

Result<std::vector<AddedToken>> read_added(const json::object& root) {
  std::vector<AddedToken> added;
  auto items = optional_field<json::array>(root, "added_tokens");
  if (!items) return fail(items.error());
  if (!*items) return added;
  for (const json::value& item : **items) {
    auto object = as<json::object>(item, "added_tokens");
    if (!object) return fail(object.error());
    auto content = field<std::string>(*object, "content");
    auto id = field<std::int64_t>(*object, "id");
    if (!content) return fail(content.error().with("added_tokens"));
    if (!id) return fail(id.error().with("added_tokens"));
    if (content->empty() || *id < 0 || *id > kMaxId)
      return unsupported("added_tokens: bad content or id");
    for (const std::string_view flag : {"single_word", "lstrip", "rstrip"}) {
      if (is_true(*object, flag)) {
        return unsupported("added token '" + *content + "': " + std::string(flag) +
                           " is not supported");
      }
    }
    added.push_back({std::move(*content), *id, is_true(*object, "special")});
  }
  return added;
}

Result<std::vector<std::string>> read_tokens(const json::object& vocab,
                                             const std::vector<AddedToken>& added) {
  std::vector<std::string> tokens;
  const auto put = [&tokens](std::string_view token, std::int64_t id) {
    if (static_cast<std::size_t>(id) >= tokens.size())
      tokens.resize(static_cast<std::size_t>(id) + 1);
    tokens[static_cast<std::size_t>(id)] = bytes_of_token(token);
  };
  for (const auto& member : vocab) {
    auto id = as<std::int64_t>(member.value(), "vocab");
    if (!id) return fail(id.error());
    if (*id < 0 || *id > kMaxId) return unsupported("vocab: an id is out of range");
    put(member.key(), *id);
  }
  for (const AddedToken& token : added) put(token.content, token.id);
  return tokens;
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

Result<Bpe> read_model(const json::object& model, const std::vector<AddedToken>& added) {
  const auto type = string_or_empty(model, "type");
  if (!type.empty() && type != "BPE") {
    return unsupported("model type '" + std::string(type) +
                       "' is not supported: only byte-level BPE is");
  }
  if (is_true(model, "byte_fallback")) {
    return unsupported(
        "byte_fallback (SentencePiece, as in Llama 2) is not supported: only byte-level BPE is");
  }
  for (const std::string_view name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!string_or_empty(model, name).empty())
      return unsupported("model: '" + std::string(name) + "' is not supported");
  }
  const json::value* vocab = model.if_contains("vocab");
  const json::value* merges = model.if_contains("merges");
  if (vocab == nullptr || !vocab->is_object())
    return unsupported("model: field 'vocab' must be an object");
  if (merges == nullptr || !merges->is_array())
    return unsupported("model: field 'merges' must be an array");
  auto tokens = read_tokens(vocab->get_object(), added);
  if (!tokens) return fail(tokens.error());
  Bpe bpe(std::move(*tokens), is_true(model, "ignore_merges"));
  for (const json::value& item : merges->get_array()) {
    const auto parts = parts_of_merge(item);
    if (!parts) return unsupported("model: a merge is neither \"a b\" nor [\"a\", \"b\"]");
    auto done = bpe.add_merge(bytes_of_token(parts->first), bytes_of_token(parts->second));
    if (!done) return fail(done.error());
  }
  return bpe;
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
  const json::value* normalizer = root->if_contains("normalizer");
  if (normalizer != nullptr && !normalizer->is_null()) {
    return unsupported("a normalizer is not supported: only byte-level BPE without one is");
  }
  auto added = read_added(*root);
  if (!added) return fail(added.error());
  const json::value* model = root->if_contains("model");
  if (model == nullptr || !model->is_object())
    return unsupported("field 'model' must be an object");
  auto bpe = read_model(model->get_object(), *added);
  if (!bpe) return fail(bpe.error());
  const json::value* steps = root->if_contains("pre_tokenizer");
  auto pretokenizer = read_pretokenizer(steps != nullptr ? *steps : json::value());
  if (!pretokenizer) return fail(pretokenizer.error());
  return TokenizerFile{std::move(*bpe), *pretokenizer, std::move(*added)};
}

}  // namespace hone::engine
