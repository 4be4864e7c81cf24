// Tokenizers, configurations and chat templates that somebody made to harm, or that belong to
// another model: each is refused with an error that names the file and the field.
#include <gtest/gtest.h>

#include <chrono>

#include "base/json.h"
#include "engine/model/chat_template.h"
#include "engine/model/config.h"
#include "engine/model/error_test_support.h"
#include "engine/model/jinja.h"
#include "engine/model/template_tokens.h"
#include "engine/model/test_support.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {
namespace {

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  engine::expect_words(message, words, 5000);
}

// Each of its parts to be replaced.
json::object tiny() {
  return json::parse(R"({"added_tokens": [{"id": 5, "content": "<|end|>", "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "abb": 3, "Ġ": 4},
              "merges": ["a b", ["ab", "b"]]}})")
      .as_object();
}

Result<Tokenizer> parse(const json::object& root) {
  return Tokenizer::parse(json::serialize(root), "tokenizer.json");
}

std::string with_added(const json::object& token) {
  json::object root = tiny();
  root["added_tokens"].as_array().push_back(token);
  return error_of(parse(root));
}

std::string with_token(std::string_view token, std::int64_t id) {
  json::object root = tiny();
  root["model"].as_object()["vocab"].as_object()[token] = id;
  return error_of(parse(root));
}

std::string with_merges(std::string_view merges) {
  json::object root = tiny();
  root["model"].as_object()["merges"] = json::parse(merges);
  return error_of(parse(root));
}

TEST(HostileTokenizer, CannotClaimMemoryByAnId) {
  // Four million ids would take hundreds of megabytes, for a file of some hundred bytes.
  expect_words(with_token("x", (1 << 22) - 1), {"tokenizer.json", "vocab", "'x'", "4194303"});
  expect_words(with_token("x", std::int64_t{1} << 62), {"vocab", "'x'", "4611686018427387904"});
  expect_words(with_token("x", -1), {"vocab", "'x'", "-1"});
  expect_words(with_added({{"id", 1 << 22}, {"content", "x"}}), {"added_tokens[1]", "'x'"});
  expect_words(with_added({{"id", -1}, {"content", "x"}}), {"added_tokens[1]", "'x'", "-1"});
  EXPECT_EQ(with_added({{"id", 9000}, {"content", "x"}}), "accepted");
}

TEST(HostileTokenizer, HasOneIdForATokenAndOneTokenForAnId) {
  expect_words(with_token("x", 3), {"vocab", "id 3", "'abb'", "'x'"});
  expect_words(with_added({{"id", 5}, {"content", "x"}}),
               {"added_tokens", "'x'", "id 5", "this id"});
  expect_words(with_added({{"id", 6}, {"content", "<|end|>"}}),
               {"'<|end|>'", "id 6", "this content"});
  expect_words(with_added({{"id", 5}, {"content", "<|end|>"}}), {"'<|end|>'"});  // special or not?
  EXPECT_EQ(with_added({{"id", 5}, {"content", "<|end|>"}, {"special", true}}), "accepted");
  expect_words(with_added({{"id", 6}, {"content", "ab"}}), {"'ab'", "id 6", "vocabulary"});
  expect_words(with_added({{"id", 2}, {"content", "x"}}), {"'x'", "id 2", "vocabulary"});
  expect_words(with_added({{"id", 6}, {"content", ""}}), {"added_tokens[1]", "id 6", "0 bytes"});
  expect_words(with_added({{"id", "6"}, {"content", "x"}}), {"added_tokens[1]", "'id'"});
  expect_words(with_added({{"id", 6}, {"content", 7}}), {"added_tokens[1]", "'content'"});
}

TEST(HostileTokenizer, HasNoCircleOfMerges) {
  // A merge makes a longer token of two that are there; what it makes can begin no circle.
  expect_words(with_merges(R"([["a", "b"], ["ab", ""]])"), {"model", "merge 1", "'ab'", "''"});
  expect_words(with_merges(R"(["", " a"])"), {"model", "merge 0"});
  expect_words(with_merges(R"(["a b", "a zz"])"), {"merge 1", "'a'", "'zz'"});
  expect_words(with_merges(R"(["b b"])"), {"merge 0", "makes"});
  expect_words(with_merges(R"([["a"]])"), {"merge 0", "neither"});
  expect_words(with_merges(R"([7])"), {"merge 0", "neither"});
  expect_words(with_merges(R"("a b")"), {"merges", "array"});
}

TEST(HostileTokenizer, TakesTheLastRankOfAMergeThatComesTwiceAsTheReferenceDoes) {
  json::object root = tiny();
  root["model"].as_object()["vocab"].as_object()["bb"] = 6;
  root["added_tokens"] = json::array();
  root["model"].as_object()["merges"] = json::parse(R"(["a b", "b b", "a b"])");
  const auto tokenizer = parse(root);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("abb", Specials::kText), (std::vector<std::int64_t>{0, 6}));
}

TEST(HostileTokenizer, OfAMillionAddedTokensIsRefusedByTheirNumber) {
  json::object root = tiny();
  json::array& added = root["added_tokens"].as_array();
  const json::object token{{"id", 5}, {"content", "x"}};
  for (int i = 0; i < 1'000'000; ++i) added.push_back(token);
  expect_words(error_of(parse(root)), {"tokenizer.json", "added_tokens", "1000001"});
}

TEST(HostileTokenizer, IsNotNestedOrLongWithoutEnd) {
  expect_words(error_of(Tokenizer::parse("{\"model\":" + std::string(100'000, '['), "t")),
               {"t: ", "nested"});
  json::object root = tiny();
  root["model"].as_object()["type"] = std::string(1 << 20, 'x');
  expect_words(error_of(parse(root)), {"model: type 'xxx", "…'"});
  root = tiny();
  root["pre_tokenizer"] = json::object{{"type", std::string(1 << 20, 'x')}};
  expect_words(error_of(parse(root)), {"pre_tokenizer: 'xxx"});
  const TempFolder folder;
  write_all(folder.path("tokenizer.json"), "");
  std::filesystem::resize_file(folder.path("tokenizer.json"), std::uintmax_t{1} << 30);
  expect_words(error_of(Tokenizer::load(folder.path())), {"tokenizer.json", "1073741824"});
}

// However many special tokens begin alike, a text of beginnings is looked through once.
TEST(HostileTokenizer, OfManySpecialTokensIsSoughtInReasonableTime) {
  json::object root = tiny();
  json::array& added = root["added_tokens"].as_array();
  for (int i = 0; i < 100'000; ++i) {
    added.push_back(json::object{
        {"id", 10 + i}, {"content", "<" + std::to_string(i) + ">"}, {"special", true}});
  }
  const auto tokenizer = parse(root);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const SpecialTokens specials(*tokenizer);
  EXPECT_TRUE(specials.find(std::string(1 << 18, '<'), {}).empty());
  using Place = SpecialTokens::Place;
  EXPECT_EQ(specials.find("<7<77>", {}), (std::vector<Place>{{2, 6, 87}}));
}

constexpr std::string_view kSizes =
    R"("vocab_size": 300, "hidden_size": 64, "intermediate_size": 112, "num_hidden_layers": 2,
       "num_attention_heads": 4, "num_key_value_heads": 2)";

std::string config_error(std::string_view fields) {
  return error_of(
      parse_config("{" + std::string(kSizes) + ", " + std::string(fields) + "}", "config.json"));
}

TEST(HostileConfig, NamesTheFieldThatIsOutOfRange) {
  // Of two fields with one name the last counts, as in Python.
  for (const auto& [fields, word] : std::vector<std::pair<std::string, std::string>>{
           {R"("vocab_size": 0)", "'vocab_size'"},
           {R"("hidden_size": -64)", "'hidden_size'"},
           {R"("intermediate_size": 4611686018427387904)", "'intermediate_size'"},
           {R"("intermediate_size": 1e30)", "'intermediate_size'"},
           {R"("intermediate_size": 1.5)", "'intermediate_size'"},
           {R"("num_hidden_layers": 1000000)", "'num_hidden_layers'"},
           {R"("num_attention_heads": 3)", "'num_attention_heads' must divide"},
           {R"("num_attention_heads": 100000)", "'num_attention_heads'"},
           {R"("num_key_value_heads": 3)", "'num_key_value_heads' must divide"},
           {R"("num_key_value_heads": 0)", "'num_key_value_heads'"},
           {R"("head_dim": 15)", "'head_dim' must be even"},
           {R"("head_dim": -16)", "'head_dim'"},
           {R"("head_dim": 16777216)", "'head_dim'"},
           {R"("rms_norm_eps": 0)", "'rms_norm_eps'"},
           {R"("rms_norm_eps": -1e-5)", "'rms_norm_eps'"},
           {R"("rms_norm_eps": 1e999)", "config.json"},
           {R"("rms_norm_eps": NaN)", "not valid JSON"},
           {R"("rope_theta": 1e-300)", "'rope_theta'"},
           {R"("rope_theta": Infinity)", "not valid JSON"},
           {R"("max_position_embeddings": 0)", "'max_position_embeddings'"},
           {R"("eos_token_id": 300)", "'eos_token_id'"},
           {R"("eos_token_id": [1, -1])", "'eos_token_id'"},
           {R"("eos_token_id": [[1]])", "'eos_token_id'"},
           {R"("bos_token_id": 300)", "'bos_token_id'"},
           {R"("attention_bias": "yes")", "'attention_bias'"},
       }) {
    expect_words(config_error(fields), {"config.json", word});
  }
  EXPECT_EQ(config_error(R"("head_dim": 24, "num_attention_heads": 6)"), "accepted");
  std::string ids = "0";
  for (int i = 0; i < 2000; ++i) ids += ",0";
  expect_words(config_error("\"eos_token_id\": [" + ids + "]"), {"'eos_token_id'", "1024"});
  expect_words(error_of(parse_config(std::string(100'000, '['), "config.json")), {"nested"});
}

TEST(HostileConfig, OfAnotherModelIsRefusedByWhatDiffers) {
  for (const auto& [fields, word] : std::vector<std::pair<std::string, std::string>>{
           {R"("model_type": "qwen2")", "'model_type' is 'qwen2'"},
           {R"("model_type": 5)", "'model_type'"},
           {R"("architectures": ["MistralForCausalLM"])", "'MistralForCausalLM'"},
           {R"("architectures": "LlamaForCausalLM")", "'architectures'"},
           {R"("hidden_act": "gelu")", "'hidden_act' is 'gelu'"},
           {R"("hidden_act": ["silu"])", "'hidden_act'"},
           {R"("quantization_config": {"quant_method": "gptq", "bits": 4})",
            "'quantization_config'"},
           {R"("sliding_window": 4096)", "'sliding_window'"},
           {R"("sliding_window": 4096, "use_sliding_window": true)", "'sliding_window'"},
           {R"("layer_types": ["full_attention", "sliding_attention"])", "'layer_types'"},
           {R"("num_local_experts": 8)", "'num_local_experts'"},
           {R"("n_routed_experts": 64)", "'n_routed_experts'"},
           {R"("kv_lora_rank": 512)", "'kv_lora_rank'"},
           {R"("use_qk_norm": true)", "'use_qk_norm'"},
           {R"("qkv_bias": true)", "'qkv_bias'"},
           {R"("attn_logit_softcapping": 50.0)", "'attn_logit_softcapping'"},
           {R"("partial_rotary_factor": 0.5)", "'partial_rotary_factor'"},
           {R"("residual_multiplier": 0.22)", "'residual_multiplier'"},
           {R"("vision_config": {"hidden_size": 1})", "'vision_config'"},
       }) {
    expect_words(config_error(fields), {"config.json", word});
  }
  EXPECT_EQ(config_error(R"("architectures": ["LlamaForCausalLM"], "model_type": "llama",
      "hidden_act": "silu", "sliding_window": null, "quantization_config": null,
      "num_local_experts": 0, "qkv_bias": false, "partial_rotary_factor": 1.0, "pretraining_tp": 1,
      "layer_types": ["full_attention", "full_attention"])"),
            "accepted");
  EXPECT_EQ(config_error(R"("sliding_window": 4096, "use_sliding_window": false)"), "accepted");
}

TEST(HostileConfig, OfAnotherRopeIsRefusedByWhatDiffers) {
  for (const auto& [fields, word] : std::vector<std::pair<std::string, std::string>>{
           {R"("rope_scaling": {"rope_type": "yarn", "factor": 2})", "'yarn'"},
           {R"("rope_scaling": {"rope_type": "dynamic", "factor": 2})", "'dynamic'"},
           {R"("rope_scaling": {"factor": 8})", "'factor'"},
           {R"("rope_scaling": {"rope_type": "linear", "type": "yarn", "factor": 8})", "differ"},
           {R"("rope_scaling": {"rope_type": 7})", "'rope_type'"},
           {R"("rope_scaling": {"rope_type": "linear"})", "'factor'"},
           {R"("rope_scaling": {"rope_type": "linear", "factor": 0})", "'factor'"},
           {R"("rope_scaling": {"rope_type": "linear", "factor": -8})", "'factor'"},
           {R"("rope_scaling": "linear")", "'rope_scaling'"},
           {R"("rope_parameters": {"full_attention": {"rope_theta": 1e4}})", "'full_attention'"},
           {R"("rope_parameters": {"rope_type": "default", "rope_theta": 0})", "'rope_theta'"},
           {R"("rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4,
               "high_freq_factor": 1, "original_max_position_embeddings": 8192})",
            "'high_freq_factor'"},
       }) {
    expect_words(config_error(fields), {"config.json", word});
  }
}

std::string rendered(const std::string& source, std::size_t steps = jinja::Limits().steps) {
  const auto parsed = jinja::Template::parse(source, "t.jinja");
  if (!parsed) return parsed.error().message;
  jinja::RenderOptions options;
  options.limits.steps = steps;
  const auto result = parsed->render({}, options);
  return result ? result->text : result.error().message;
}

// A loop's items are asked for by what is outside of it when it is over.
TEST(HostileTemplate, LooksAtALoopThatIsOver) {
  EXPECT_EQ(
      rendered("{% set ns = namespace() %}{% for i in [1, 2] %}{% set ns.l = loop %}"
               "{% endfor %}[{{ ns.l.nextitem }}|{{ ns.l.previtem }}|{{ ns.l.cycle(5, 6) }}]"),
      "[|2|5]");
}

// Each looks at much and makes little of it, again and again: hours, if it were not counted.
TEST(HostileTemplate, PaysForWhatItLooksAt) {
  const auto started = std::chrono::steady_clock::now();
  const std::string often = "{% for i in range(1000) %}{% for j in range(100000) %}";
  const std::string ends = "{% endfor %}{% endfor %}";
  const std::string blanks = "{% set s = ' ' * 1000 * 5000 %}";
  const std::string big = "{% set s = 'a' * 1000 * 5000 %}{% set d = {s: 1} %}";
  for (const std::string& source : std::vector<std::string>{
           blanks + often + "{% if s.strip() %}{% endif %}" + ends,
           blanks + often + "{% if s | trim %}{% endif %}" + ends,
           big + often + "{% if s.removeprefix(s) %}{% endif %}" + ends,
           big + often + "{% if s.removesuffix(s) %}{% endif %}" + ends,
           big + often + "{% if d.get(s) == 2 %}{% endif %}" + ends,
           big + "{% set e = {s ~ '': 1} %}" + often + "{% if d != e %}{% endif %}" + ends,
           "{% set t = ('x',) * 100000 %}" + often + "{% if 'a'.startswith(t) %}{% endif %}" + ends,
       }) {
    expect_words(rendered(source, 2'000'000), {"t.jinja: line 1: the template uses more than"});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::minutes(3));
}

TEST(HostileTemplate, PaysForMemoryBeforeItTakesIt) {
  for (const char* source : {"{{ ''.join(['a' * 1000 * 1000] * 10000) | length }}",
                             "{{ ('\\u0001' * 1000 * 40000) | tojson | length }}"}) {
    expect_words(rendered(source), {"t.jinja: line 1: the template uses more than", "memory"});
  }
}

// A conversation of many answers is rendered for each of them.
TEST(HostileTemplate, IsBoundedOverAllRenderingsOfAConversation) {
  const auto chat = ChatTemplate::parse(
      "{% set s = 'a' * 1000 * 30000 %}{% for m in messages %}>{{ m.content }}<|end|>{% endfor %}"
      "{% if add_generation_prompt %}>{% endif %}",
      "t.jinja", {});
  ASSERT_TRUE(chat) << chat.error().message;
  const auto tokenizer = parse(tiny());
  ASSERT_TRUE(tokenizer);
  TemplateInput input;
  for (int i = 0; i < 200; ++i) {
    input.messages.push_back(json::object{{"role", "assistant"}, {"content", "ab"}});
  }
  const auto text = chat->render(input);
  ASSERT_TRUE(text) << text.error().message;
  const SpecialTokens specials(*tokenizer);
  expect_words(error_of(chat->trained(input, *text, specials, false)), {"messages[", "steps"});
  input.messages.resize(3);
  const auto few = chat->render(input);
  ASSERT_TRUE(few);
  const auto trained = chat->trained(input, *few, specials, false);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_EQ(trained->size(), 3U);
}

}  // namespace
}  // namespace hone::engine
