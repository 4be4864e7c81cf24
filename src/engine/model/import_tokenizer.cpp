#include "engine/model/import_tokenizer.h"

#include <algorithm>

#include "base/json.h"
#include "engine/model/pretokenizer.h"

namespace hone::engine {
namespace {

using Strings = std::vector<std::string_view>;
using Integers = std::vector<std::int64_t>;

// llama.cpp's token types.
constexpr std::int64_t kControl = 3;
constexpr std::int64_t kUserDefined = 4;

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

json::object byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

// What tokenizer.ggml.pre stands for. transformers' own conversion loses SmolLM's Digits.
Result<json::object> pretokenizer_named(std::string_view name) {
  if (name == "gpt-2") return byte_level(true);
  json::object first;
  bool use_regex = false;
  if (name == "smollm") {
    first = {{"type", "Digits"}, {"individual_digits", true}};
    use_regex = true;
  } else if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") {
    first = {{"type", "Split"},
             {"pattern", {{"Regex", kLlama3Regex}}},
             {"behavior", "Isolated"},
             {"invert", false}};
  } else {
    return invalid("tokenizer.ggml.pre is '" + std::string(name) +
                   "': only smollm, llama-bpe and gpt-2 are supported");
  }
  return json::object{{"type", "Sequence"},
                      {"pretokenizers", json::array{std::move(first), byte_level(use_regex)}}};
}

json::array added_tokens(const Strings& tokens, const Integers& types) {
  json::array added;
  for (std::size_t id = 0; id < tokens.size() && id < types.size(); ++id) {
    if (types[id] != kControl && types[id] != kUserDefined) continue;
    added.push_back(json::object{{"id", id},
                                 {"content", tokens[id]},
                                 {"single_word", false},
                                 {"lstrip", false},
                                 {"rstrip", false},
                                 {"normalized", false},
                                 {"special", types[id] == kControl}});
  }
  return added;
}

Result<json::object> vocabulary(const Strings& tokens) {
  json::object vocab;
  vocab.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!vocab.emplace(tokens[id], id).second) {
      return invalid("token " + std::to_string(id) + " comes twice in the vocabulary");
    }
  }
  return vocab;
}

std::optional<std::string_view> token_at(const GgufFile& file, std::string_view key) {
  const auto id = file.integer_if(key);
  const auto* tokens = file.find_as<Strings>("tokenizer.ggml.tokens");
  if (!id || tokens == nullptr || *id < 0 || static_cast<std::size_t>(*id) >= tokens->size()) {
    return std::nullopt;
  }
  return (*tokens)[static_cast<std::size_t>(*id)];
}

}  // namespace

Result<std::string> tokenizer_json_of(const GgufFile& file) {
  auto model = file.text("tokenizer.ggml.model");
  if (!model) return fail(model.error());
  if (*model != "gpt2") {
    return invalid("tokenizer.ggml.model is '" + std::string(*model) +
                   "' (SentencePiece is 'llama'): only byte-level BPE ('gpt2') is supported");
  }
  auto pre = file.text("tokenizer.ggml.pre");
  if (!pre) return fail(pre.error());
  auto pretokenizer = pretokenizer_named(*pre);
  if (!pretokenizer) return fail(pretokenizer.error());
  const auto* tokens = file.find_as<Strings>("tokenizer.ggml.tokens");
  const auto* merges = file.find_as<Strings>("tokenizer.ggml.merges");
  if (tokens == nullptr || merges == nullptr) {
    return invalid("the GGUF file has no tokenizer.ggml.tokens or no tokenizer.ggml.merges");
  }
  const auto* types = file.find_as<Integers>("tokenizer.ggml.token_type");
  auto vocab = vocabulary(*tokens);
  if (!vocab) return fail(vocab.error());
  json::object bpe{{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", pre->starts_with("llama")},
                   {"vocab", std::move(*vocab)},
                   {"merges", json::array(merges->begin(), merges->end())}};
  json::object decoder = byte_level(true);
  decoder["add_prefix_space"] = true;
  const json::object root{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added_tokens(*tokens, types != nullptr ? *types : Integers())},
      {"normalizer", nullptr},
      {"pre_tokenizer", std::move(*pretokenizer)},
      {"post_processor", nullptr},
      {"decoder", std::move(decoder)},
      {"model", std::move(bpe)}};
  return json::serialize(root);
}

Result<std::string> tokenizer_config_of(const GgufFile& file) {
  json::object root{{"tokenizer_class", "PreTrainedTokenizerFast"},
                    {"clean_up_tokenization_spaces", false}};
  if (const auto length = file.integer_if("llama.context_length"))
    root["model_max_length"] = *length;
  for (const auto& [name, key] : {std::pair("bos_token", "tokenizer.ggml.bos_token_id"),
                                  std::pair("eos_token", "tokenizer.ggml.eos_token_id"),
                                  std::pair("unk_token", "tokenizer.ggml.unknown_token_id"),
                                  std::pair("pad_token", "tokenizer.ggml.padding_token_id")}) {
    if (const auto token = token_at(file, key)) root[name] = *token;
  }
  if (const auto* chat = file.find_as<std::string_view>("tokenizer.chat_template")) {
    root["chat_template"] = *chat;
  }
  return json::serialize(root);
}

std::vector<std::int64_t> end_tokens_of(const GgufFile& file) {
  std::vector<std::int64_t> ids;
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    const auto id = file.integer_if(key);
    if (id && std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
  }
  return ids;
}

}  // namespace hone::engine
