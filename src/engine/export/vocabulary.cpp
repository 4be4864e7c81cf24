#include "engine/export/vocabulary.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "base/file.h"
#include "base/json.h"
#include "engine/model/chat.h"
#include "engine/model/gguf_format.h"
#include "engine/model/import_merges.h"
#include "engine/model/pretokenizer.h"
#include "engine/model/tokenizer.h"
#include "engine/model/tokenizer_spaces.h"
#include "engine/model/tokenizer_steps.h"

namespace hone::engine {
namespace {

constexpr std::uint64_t kMaxFile = 256U << 20;  // tokenizer.json, as the tokenizer's own limit
constexpr std::int64_t kMaxId = 1 << 22;

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

const json::object* object_at(const json::object& parent, std::string_view name) {
  const json::value* value = parent.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

// An absent file is an empty object.
Result<json::object> read_object(const std::string& path) {
  auto text = read_file(posix_files(), path, kMaxFile);
  if (!text && text.error().code == ErrorCode::kNotFound) return json::object();
  if (!text) return fail(text.error());
  auto object = parse_json_object(*text, {.size_bytes = kMaxFile, .depth = 64});
  if (!object) return fail(object.error().with(path));
  return object;
}

// The steps of a pre_tokenizer: its own, or those of a Sequence.
std::vector<const json::object*> steps_of(const json::object& pretokenizer) {
  std::vector<const json::object*> steps{&pretokenizer};
  const json::value* listed = pretokenizer.if_contains("pretokenizers");
  if (string_or_empty(pretokenizer, "type") != "Sequence" || listed == nullptr ||
      !listed->is_array()) {
    return steps;
  }
  steps.clear();
  for (const json::value& item : listed->get_array()) {
    if (const auto* step = item.if_object()) steps.push_back(step);
  }
  return steps;
}

// The name that llama.cpp has for a byte-level pre-tokenizer which our own tokenizer can read, and
// so is made of Digits, Split and ByteLevel. The name says too whether merges are ignored for whole
// words.
Result<std::string> pre_named(const json::object& root, bool ignore_merges) {
  bool digits = false;
  bool llama3 = false;
  if (const json::object* pretokenizer = object_at(root, "pre_tokenizer")) {
    for (const json::object* step : steps_of(*pretokenizer)) {
      const auto type = string_or_empty(*step, "type");
      if (type == "Digits") digits = true;
      const json::object* pattern = object_at(*step, "pattern");
      if (type == "Split" && pattern != nullptr) {
        llama3 = string_or_empty(*pattern, "Regex") == kLlama3Regex;
      }
    }
  }
  if (llama3 && !digits && ignore_merges) return "llama-bpe";
  if (!llama3 && !ignore_merges) return digits ? "smollm" : "gpt-2";
  return invalid(std::string("llama.cpp has no name for this pre-tokenizer: Llama 3's pattern ") +
                 (llama3 ? "is there" : "is not there") + ", Digits " +
                 (digits ? "are" : "are not") + ", ignore_merges is " +
                 (ignore_merges ? "true" : "false") +
                 ". It knows Llama 3's (with ignore_merges), SmolLM's and GPT-2's");
}

// Names that llama.cpp's own converter takes for special even where the file does not, so that a
// user's text never becomes one.
bool looks_special(std::string_view token) {
  return token.starts_with("<|") && token.ends_with("|>");
}

class Reader {
 public:
  Reader(json::object root, json::object settings, const LlamaConfig& config)
      : root_(std::move(root)), settings_(std::move(settings)), config_(config) {}

  Result<Vocabulary> read() {
    const json::object* model = object_at(root_, "model");
    if (model == nullptr) return invalid("field 'model' must be an object");
    model_ = model;
    sentencepiece_ = is_true(*model, "byte_fallback");
    out_.model = sentencepiece_ ? "llama" : "gpt2";
    if (auto done = read_tokens(); !done) return fail(done.error());
    if (auto done = read_added(); !done) return fail(done.error());
    if (auto done = read_merges(); !done) return fail(done.error());
    if (sentencepiece_) {
      if (auto done = score(); !done) return fail(done.error());
      if (auto done = read_space_prefix(); !done) return fail(done.error());
      out_.pre = "default";
    } else {
      auto pre = pre_named(root_, is_true(*model_, "ignore_merges"));
      if (!pre) return fail(pre.error());
      out_.pre = std::move(*pre);
    }
    name_specials();
    return std::move(out_);
  }

 private:
  // Tokens that the model has embeddings for and the file no text get a name of their own.
  Result<void> read_tokens() {
    const json::object* vocab = object_at(*model_, "vocab");
    if (vocab == nullptr) return invalid("model: field 'vocab' must be an object");
    const auto size = static_cast<std::size_t>(config_.vocab_size);
    out_.tokens.resize(size);
    out_.types.assign(size, gguf_token::kUnused);
    for (const auto& member : *vocab) {
      auto id = as<std::int64_t>(member.value(), "vocab");
      if (!id) return fail(id.error());
      const bool byte = sentencepiece_ && is_byte(member.key());
      if (auto done = put(*id, member.key(), byte ? gguf_token::kByte : gguf_token::kNormal); !done)
        return done;
    }
    return {};
  }

  Result<void> put(std::int64_t id, std::string_view text, std::int32_t type) {
    if (id < 0 || id > kMaxId || id >= config_.vocab_size) {
      return invalid("token '" + std::string(text) + "' has the id " + std::to_string(id) +
                     ", but config.json has a 'vocab_size' of " +
                     std::to_string(config_.vocab_size));
    }
    out_.tokens[static_cast<std::size_t>(id)] = text;
    out_.types[static_cast<std::size_t>(id)] = type;
    ids_.insert_or_assign(std::string(text), id);
    return {};
  }

  static bool is_byte(std::string_view token) {
    return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">");
  }

  Result<void> read_added() {
    const std::string_view unknown = string_or_empty(*model_, "unk_token");
    const json::value* items = root_.if_contains("added_tokens");
    const json::array none;
    const json::array* added = items != nullptr && items->is_array() ? &items->get_array() : &none;
    for (const json::value& item : *added) {
      const json::object* token = item.if_object();
      if (token == nullptr) return invalid("added_tokens: an object is expected");
      auto id = field<std::int64_t>(*token, "id");
      if (!id) return fail(id.error().with("added_tokens"));
      const std::string_view text = string_or_empty(*token, "content");
      std::int32_t type = gguf_token::kUserDefined;
      if (is_true(*token, "special") || looks_special(text)) type = gguf_token::kControl;
      if (sentencepiece_ && text == unknown) type = gguf_token::kUnknown;
      if (auto done = put(*id, text, type); !done) return done;
    }
    for (std::size_t id = 0; id < out_.tokens.size(); ++id) {
      if (out_.tokens[id].empty()) out_.tokens[id] = "[PAD" + std::to_string(id) + "]";
    }
    return {};
  }

  // "left right", or ["left", "right"].
  Result<void> read_merges() {
    const json::value* merges = model_->if_contains("merges");
    if (merges == nullptr || !merges->is_array()) {
      return invalid("model: field 'merges' must be an array");
    }
    for (const json::value& item : merges->get_array()) {
      if (const auto* text = item.if_string()) {
        out_.merges.emplace_back(*text);
        continue;
      }
      const auto* both = item.if_array();
      if (both == nullptr || both->size() != 2 || !(*both)[0].is_string() ||
          !(*both)[1].is_string()) {
        return invalid(R"(model: a merge is neither "a b" nor ["a", "b"])");
      }
      out_.merges.push_back(std::string((*both)[0].get_string()) + " " +
                            std::string((*both)[1].get_string()));
    }
    return {};
  }

  // Tokens that merges make, from 0 downwards in the order in which merges first make them; tokens
  // whose merges stand between each other's are of one score, by which those were sorted. Then the
  // other ordinary ones. This is how SentencePiece numbers a BPE vocabulary.
  Result<void> score() {
    auto made = made_by_merges();
    if (!made) return fail(made.error());
    std::unordered_map<std::size_t, std::size_t> last;
    for (std::size_t i = 0; i < made->size(); ++i) last[(*made)[i]] = i;
    constexpr float kNone = 1;
    std::vector<float> scores(out_.tokens.size(), kNone);
    float next = 0;
    std::size_t reach = 0;  // where the merges of tokens with this score end
    for (std::size_t i = 0; i < made->size(); ++i) {
      if (i > reach) next -= 1;
      reach = std::max(reach, last[(*made)[i]]);
      if (out_.types[(*made)[i]] == gguf_token::kNormal && scores[(*made)[i]] == kNone)
        scores[(*made)[i]] = next;
    }
    for (std::size_t id = 0; id < scores.size(); ++id) {
      if (scores[id] != kNone) continue;
      scores[id] = out_.types[id] == gguf_token::kNormal ? next -= 1 : 0;
    }
    out_.scores = std::move(scores);
    if (auto done = check_scores(); !done) return done;
    out_.merges.clear();  // llama.cpp does not look at them here
    return {};
  }

  // The token that each merge makes.
  [[nodiscard]] Result<std::vector<std::size_t>> made_by_merges() const {
    std::vector<std::size_t> made;
    for (const std::string& merge : out_.merges) {
      const auto blank = merge.find(' ');
      if (blank == std::string::npos) return invalid("model: the merge '" + merge + "' is no pair");
      const auto id = ids_.find(merge.substr(0, blank) + merge.substr(blank + 1));
      if (id == ids_.end())
        return invalid("model: the merge '" + merge + "' makes no token of the vocabulary");
      made.push_back(static_cast<std::size_t>(id->second));
    }
    return made;
  }

  Result<void> check_scores() const {
    const std::vector<std::string_view> tokens(out_.tokens.begin(), out_.tokens.end());
    const std::vector<double> scores(out_.scores.begin(), out_.scores.end());
    std::vector<bool> normal(tokens.size());
    std::transform(out_.types.begin(), out_.types.end(), normal.begin(),
                   [](std::int32_t type) { return type == gguf_token::kNormal; });
    const auto merges = merges_of_scores(tokens, scores, normal);
    if (!merges) return fail(merges.error());
    const bool same = std::equal(merges->begin(), merges->end(), out_.merges.begin(),
                                 out_.merges.end(), [](const auto& pair, const std::string& merge) {
                                   const auto left = pair.first.size();
                                   return merge.size() == left + 1 + pair.second.size() &&
                                          merge.starts_with(pair.first) && merge[left] == ' ' &&
                                          merge.ends_with(pair.second);
                                 });
    if (same) return {};
    return invalid(
        "its merges do not follow from one score a token, which is all that a GGUF file of "
        "SentencePiece's kind has: llama.cpp would cut text otherwise");
  }

  Result<void> read_space_prefix() {
    const auto spaces = read_spaces(root_);
    if (!spaces) return fail(spaces.error());
    out_.add_space_prefix = spaces->prefix != SpacePrefix::kNone;
    if (out_.add_space_prefix && spaces->prefix != SpacePrefix::kEveryStretch) {
      out_.notes.emplace_back(
          "llama.cpp puts a space before the text behind each special token, as the first Llama 2 "
          "files did; this tokenizer (Metaspace) does not always");
    }
    return {};
  }

  [[nodiscard]] std::optional<std::int64_t> id_of(std::string_view text) const {
    const auto found = ids_.find(std::string(text));
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

  // The id of the token that tokenizer_config.json names: "<s>", or {"content": "<s>", …}.
  [[nodiscard]] std::optional<std::int64_t> setting(std::string_view name) const {
    const json::value* given = settings_.if_contains(name);
    if (given == nullptr) return std::nullopt;
    if (const auto* object = given->if_object()) given = object->if_contains("content");
    return given != nullptr && given->is_string() ? id_of(given->get_string()) : std::nullopt;
  }

  void name_specials() {
    out_.bos = setting("bos_token");
    if (!out_.bos) out_.bos = config_.bos_token_id;
    if (out_.bos && (*out_.bos < 0 || *out_.bos >= config_.vocab_size)) out_.bos.reset();
    out_.eos = setting("eos_token");
    const auto& ends = config_.eos_token_ids;
    if (!out_.eos && !ends.empty()) out_.eos = ends.front();
    // Further tokens that end an answer have a key each; llama.cpp knows others by their text.
    for (const std::int64_t id : ends) {
      if (id == out_.eos) continue;
      const std::string& text = out_.tokens[static_cast<std::size_t>(id)];
      if (text == "<|eot_id|>" || text == "<|im_end|>") {
        out_.eot = id;
      } else if (text == "<|eom_id|>") {
        out_.eom = id;
      } else if (text != "<|end_of_text|>" && text != "<|endoftext|>") {
        out_.notes.push_back("a GGUF file has no place for '" + text +
                             "', which ends answers too by config.json");
      }
    }
    out_.unknown = setting("unk_token");
    if (!out_.unknown) out_.unknown = id_of(string_or_empty(*model_, "unk_token"));
    out_.padding = setting("pad_token");
    const json::value* says = settings_.if_contains("add_bos_token");
    out_.add_bos = says != nullptr && says->is_bool() ? says->get_bool() : adds_bos_itself();
    out_.add_bos = out_.add_bos && out_.bos.has_value();
  }

  // Whether tokenizer.json's post_processor puts BOS first.
  [[nodiscard]] bool adds_bos_itself() const {
    const json::object* root = object_at(root_, "post_processor");
    if (root == nullptr || !out_.bos) return false;
    std::vector<const json::object*> steps{root};
    if (const json::value* listed = root->if_contains("processors");
        listed != nullptr && listed->is_array()) {
      for (const json::value& item : listed->get_array()) {
        if (const auto* step = item.if_object()) steps.push_back(step);
      }
    }
    return std::any_of(steps.begin(), steps.end(), [this](const json::object* step) {
      const json::value* single = step->if_contains("single");
      if (single == nullptr || !single->is_array() || single->get_array().empty()) return false;
      const json::object* first = single->get_array().front().if_object();
      const json::object* special = first == nullptr ? nullptr : object_at(*first, "SpecialToken");
      return special != nullptr && id_of(string_or_empty(*special, "id")) == out_.bos;
    });
  }

  json::object root_;
  json::object settings_;
  const LlamaConfig& config_;
  const json::object* model_ = nullptr;  // in root_
  bool sentencepiece_ = false;
  std::unordered_map<std::string, std::int64_t> ids_;
  Vocabulary out_;
};

}  // namespace

Result<Vocabulary> read_vocabulary(const std::string& folder, const LlamaConfig& config) {
  // What our own tokenizer refuses would not be understood here either.
  if (const auto known = Tokenizer::load(folder); !known) return fail(known.error());
  const std::string path = folder + "/tokenizer.json";
  auto root = read_object(path);
  if (!root) return fail(root.error());
  auto settings = read_object(folder + "/tokenizer_config.json");
  if (!settings) return fail(settings.error());
  auto map = read_object(folder + "/special_tokens_map.json");
  if (!map) return fail(map.error());
  for (const auto& member : *map) settings->emplace(member.key(), member.value());
  auto vocabulary = Reader(std::move(*root), std::move(*settings), config).read();
  if (!vocabulary) return fail(vocabulary.error().with(path));
  auto chat = read_chat_template(folder);
  if (!chat) return fail(chat.error());
  vocabulary->chat_template = std::move(*chat);
  return vocabulary;
}

void put_vocabulary(const Vocabulary& vocabulary, GgufMetadata& metadata) {
  metadata.text("tokenizer.ggml.model", vocabulary.model);
  metadata.text("tokenizer.ggml.pre", vocabulary.pre);
  metadata.texts("tokenizer.ggml.tokens", vocabulary.tokens);
  metadata.integers("tokenizer.ggml.token_type", vocabulary.types);
  if (vocabulary.model == "llama") {
    metadata.numbers("tokenizer.ggml.scores", vocabulary.scores);
    metadata.truth("tokenizer.ggml.add_space_prefix", vocabulary.add_space_prefix);
  } else {
    metadata.texts("tokenizer.ggml.merges", vocabulary.merges);
  }
  for (const auto& [key, id] :
       {std::pair("bos", vocabulary.bos), std::pair("eos", vocabulary.eos),
        std::pair("eot", vocabulary.eot), std::pair("eom", vocabulary.eom),
        std::pair("unknown", vocabulary.unknown), std::pair("padding", vocabulary.padding)}) {
    if (id) metadata.integer("tokenizer.ggml." + std::string(key) + "_token_id", *id);
  }
  metadata.truth("tokenizer.ggml.add_bos_token", vocabulary.add_bos);
  if (!vocabulary.chat_template.empty()) {
    metadata.text("tokenizer.chat_template", vocabulary.chat_template);
  }
}

}  // namespace hone::engine
