#include "engine/model/import_tokenizer.h"

#include <algorithm>

#include "base/json.h"
#include "engine/model/gguf_format.h"
#include "engine/model/import_merges.h"
#include "engine/model/in_quotes.h"
#include "engine/model/pretokenizer.h"
#include "engine/model/tokenizer.h"
#include "engine/model/tokenizer_spaces.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

using Strings = std::vector<std::string_view>;
using Integers = std::vector<std::int64_t>;

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
    return invalid("tokenizer.ggml.pre is " + in_quotes(name) +
                   ": only smollm, llama-bpe and gpt-2 are supported");
  }
  return json::object{{"type", "Sequence"},
                      {"pretokenizers", json::array{std::move(first), byte_level(use_regex)}}};
}

json::array added_tokens(const Strings& tokens, const Integers& types,
                         const Integers& special_types) {
  json::array added;
  for (std::size_t id = 0; id < tokens.size() && id < types.size(); ++id) {
    const bool special =
        std::find(special_types.begin(), special_types.end(), types[id]) != special_types.end();
    if (!special && types[id] != gguf_token::kUserDefined) continue;
    added.push_back(json::object{{"id", id},
                                 {"content", tokens[id]},
                                 {"single_word", false},
                                 {"lstrip", false},
                                 {"rstrip", false},
                                 {"normalized", false},
                                 {"special", special}});
  }
  return added;
}

Result<json::object> vocabulary(const Strings& tokens) {
  json::object vocab;
  vocab.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!vocab.emplace(tokens[id], id).second) {
      return invalid("tokenizer.ggml.tokens: token " + std::to_string(id) +
                     " comes twice in the vocabulary");
    }
  }
  return vocab;
}

// Texts go into JSON, which is UTF-8.
Result<void> check_texts(std::string_view key, const Strings& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (is_utf8(texts[i])) continue;
    const std::string what = key.ends_with("tokens") ? ": token " : ": entry ";
    return invalid(std::string(key) + what + std::to_string(i) + " is not UTF-8");
  }
  return {};
}

// The token of the id at `key`, where the file has both.
Result<std::optional<std::string_view>> token_at(const GgufFile& file, std::string_view key) {
  const auto id = file.integer_if(key);
  if (!id) return fail(id.error());
  const auto* tokens = file.find_as<Strings>("tokenizer.ggml.tokens");
  if (!*id || tokens == nullptr || **id < 0 || static_cast<std::size_t>(**id) >= tokens->size()) {
    return std::optional<std::string_view>();
  }
  return std::optional((*tokens)[static_cast<std::size_t>(**id)]);
}

Result<bool> flag_at(const GgufFile& file, std::string_view key, bool otherwise) {
  const GgufValue* value = file.find(key);
  if (value == nullptr) return otherwise;
  if (const bool* flag = std::get_if<bool>(value)) return *flag;
  return invalid(std::string(key) + " must be true or false");
}

// A tokenizer.json of these parts, with nothing before or after the text that is encoded.
json::object root_of(json::array added, json::value normalizer, json::value pretokenizer,
                     json::value decoder, json::object model) {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", std::move(normalizer)},
          {"pre_tokenizer", std::move(pretokenizer)},
          {"post_processor", nullptr},
          {"decoder", std::move(decoder)},
          {"model", std::move(model)}};
}

Result<std::string> byte_level_json(const GgufFile& file) {
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
  if (types == nullptr ? file.find("tokenizer.ggml.token_type") != nullptr
                       : types->size() != tokens->size()) {
    return invalid("tokenizer.ggml.token_type has not one integer a token");
  }
  if (auto good = check_texts("tokenizer.ggml.tokens", *tokens); !good) return fail(good.error());
  if (auto good = check_texts("tokenizer.ggml.merges", *merges); !good) return fail(good.error());
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
  return json::serialize(
      root_of(added_tokens(*tokens, types != nullptr ? *types : Integers(), {gguf_token::kControl}),
              nullptr, std::move(*pretokenizer), std::move(decoder), std::move(bpe)));
}

// The file's merges, or those that follow from its scores.
Result<json::array> sentencepiece_merges(const GgufFile& file, const Strings& tokens,
                                         const Integers& types) {
  const auto* given = file.find_as<Strings>("tokenizer.ggml.merges");
  if (given != nullptr && !given->empty()) {
    auto good = check_texts("tokenizer.ggml.merges", *given);
    if (!good) return fail(good.error());
    return json::array(given->begin(), given->end());
  }
  const auto* scores = file.find_as<std::vector<double>>("tokenizer.ggml.scores");
  if (scores == nullptr || scores->size() != tokens.size()) {
    return invalid("tokenizer.ggml.scores is missing, or has not one score a token");
  }
  std::vector<bool> normal(tokens.size());
  std::transform(types.begin(), types.end(), normal.begin(),
                 [](std::int64_t type) { return type == gguf_token::kNormal; });
  const auto merges = merges_of_scores(tokens, *scores, normal);
  if (!merges) return fail(merges.error());
  json::array array;
  array.reserve(merges->size());
  for (const auto& [left, right] : *merges) array.push_back(json::array{left, right});
  return array;
}

// Llama 2's decoder. The prefix is the space that the normalizer puts before a text.
json::object sentencepiece_decoder(bool prefix) {
  json::array steps{
      json::object{{"type", "Replace"}, {"pattern", {{"String", kSpaceMark}}}, {"content", " "}},
      json::object{{"type", "ByteFallback"}}, json::object{{"type", "Fuse"}}};
  if (prefix) {
    steps.push_back(json::object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

json::object sentencepiece_normalizer(bool prefix) {
  json::array steps;
  if (prefix) steps.push_back(json::object{{"type", "Prepend"}, {"prepend", kSpaceMark}});
  steps.push_back(
      json::object{{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpaceMark}});
  return {{"type", "Sequence"}, {"normalizers", std::move(steps)}};
}

// What llama.cpp's "llama" never does; a vocabulary that asks for it would be encoded wrongly.
Result<void> check_sentencepiece(const GgufFile& file) {
  if (file.find("tokenizer.ggml.precompiled_charsmap") != nullptr) {
    return invalid("tokenizer.ggml.precompiled_charsmap (a normalizer) is not supported");
  }
  const auto removes = flag_at(file, "tokenizer.ggml.remove_extra_whitespaces", false);
  if (!removes) return fail(removes.error());
  if (*removes) return invalid("tokenizer.ggml.remove_extra_whitespaces is not supported");
  return {};
}

Result<std::string> sentencepiece_json(const GgufFile& file) {
  if (auto done = check_sentencepiece(file); !done) return fail(done.error());
  const auto* tokens = file.find_as<Strings>("tokenizer.ggml.tokens");
  const auto* types = file.find_as<Integers>("tokenizer.ggml.token_type");
  if (tokens == nullptr || types == nullptr || types->size() != tokens->size()) {
    return invalid(
        "tokenizer.ggml.tokens or tokenizer.ggml.token_type is missing, or they differ in length");
  }
  if (auto good = check_texts("tokenizer.ggml.tokens", *tokens); !good) return fail(good.error());
  auto vocab = vocabulary(*tokens);
  if (!vocab) return fail(vocab.error());
  auto merges = sentencepiece_merges(file, *tokens, *types);
  if (!merges) return fail(merges.error());
  const auto unknown = token_at(file, "tokenizer.ggml.unknown_token_id");
  if (!unknown) return fail(unknown.error());
  const auto prefix = flag_at(file, "tokenizer.ggml.add_space_prefix", true);
  if (!prefix) return fail(prefix.error());
  json::object bpe{{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", *unknown ? json::value(**unknown) : json::value(nullptr)},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", true},
                   {"byte_fallback", true},
                   {"ignore_merges", false},
                   {"vocab", std::move(*vocab)},
                   {"merges", std::move(*merges)}};
  return json::serialize(root_of(
      added_tokens(*tokens, *types, {gguf_token::kUnknown, gguf_token::kControl}),
      sentencepiece_normalizer(*prefix), nullptr, sentencepiece_decoder(*prefix), std::move(bpe)));
}

Result<std::string> tokenizer_json_by(std::string_view model, const GgufFile& file) {
  if (model == "gpt2") return byte_level_json(file);
  if (model == "llama") return sentencepiece_json(file);
  return invalid("tokenizer.ggml.model is " + in_quotes(model) +
                 ": only byte-level BPE ('gpt2') and SentencePiece ('llama') are supported");
}

}  // namespace

Result<std::string> tokenizer_json_of(const GgufFile& file) {
  auto model = file.text("tokenizer.ggml.model");
  if (!model) return fail(model.error());
  auto text = tokenizer_json_by(*model, file);
  if (!text) return text;
  // An import leaves nothing behind that does not load.
  const auto read = Tokenizer::parse(*text, "the GGUF file's tokenizer");
  if (!read) return fail(read.error());
  return text;
}

Result<std::string> tokenizer_config_of(const GgufFile& file) {
  json::object root{{"tokenizer_class", "PreTrainedTokenizerFast"},
                    {"clean_up_tokenization_spaces", false}};
  const auto length = file.integer_if("llama.context_length");
  if (!length) return fail(length.error());
  if (*length) root["model_max_length"] = **length;
  for (const auto& [name, key] : {std::pair("bos_token", "tokenizer.ggml.bos_token_id"),
                                  std::pair("eos_token", "tokenizer.ggml.eos_token_id"),
                                  std::pair("unk_token", "tokenizer.ggml.unknown_token_id"),
                                  std::pair("pad_token", "tokenizer.ggml.padding_token_id")}) {
    const auto token = token_at(file, key);
    if (!token) return fail(token.error());
    if (*token) root[name] = **token;
    if (*token && !is_utf8(**token)) return invalid(std::string(key) + ": the token is not UTF-8");
  }
  if (const auto* adds = file.find_as<bool>("tokenizer.ggml.add_bos_token")) {
    root["add_bos_token"] = *adds;
  }
  if (const auto* chat = file.find_as<std::string_view>("tokenizer.chat_template")) {
    if (!is_utf8(*chat)) return invalid("tokenizer.chat_template is not UTF-8");
    root["chat_template"] = *chat;
  }
  return json::serialize(root);
}

Result<std::vector<std::int64_t>> end_tokens_of(const GgufFile& file) {
  std::vector<std::int64_t> ids;
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"}) {
    const auto id = file.integer_if(key);
    if (!id) return fail(id.error());
    if (*id && std::find(ids.begin(), ids.end(), **id) == ids.end()) ids.push_back(**id);
  }
  return ids;
}

}  // namespace hone::engine
