// Tokenizers and chat templates of a test's own: any names, any rows, and what is said of those
// that are wrong.
#include <gtest/gtest.h>

#include "engine/golden/golden_test_support.h"
#include "engine/model/tokenizer.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine::golden {
namespace {

// "a" is 64, "b" 65, <|im_start|> 96, <|im_end|> 97.
constexpr std::string_view kRows =
    R"({"text": "ab", "ids": [64, 65], "ids_special": null, "decoded": "ab",)"
    R"( "decoded_special": null, "decoded_skip": null})"
    "\n\n"
    R"({"text": "a<|im_end|>", "ids": [64, 27, 91, 72, 76, 62, 68, 77, 67, 91, 29],)"
    R"( "ids_special": [64, 97], "decoded": "a<|im_end|>", "decoded_special": "a<|im_end|>",)"
    R"( "decoded_skip": "a"})"
    "\n";

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string all(text);
  const auto at = all.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return all.replace(at, from.size(), to);
}

TEST(GoldenTokenizer, TakesAnyName) {
  const OwnFolder own;
  own.write("tokenizer/tiny.tokenizer.json", tiny_tokenizer());
  own.write("tokenizer/tiny.jsonl", std::string(kRows));
  expect_all_pass(check_tokenizers(own.place()), 2);
}

TEST(GoldenTokenizer, NamesTheLineThatIsOff) {
  const OwnFolder own;
  own.write("tokenizer/tiny.tokenizer.json", tiny_tokenizer());
  const auto report_of = [&](std::string_view from, std::string_view to) {
    own.write("tokenizer/tiny.jsonl", replaced(kRows, from, to));
    return check_tokenizers(own.place());
  };
  expect_one_fails(report_of("[64, 65]", "[64, 66]"), 2, "tiny:1",
                   "ids: from place 1 on 65 instead of 66");
  expect_one_fails(report_of("[64, 97]", "[64, 96]"), 2, "tiny:3", "ids_special: ");
  expect_one_fails(report_of(R"("decoded_skip": "a")", R"("decoded_skip": "b")"), 2, "tiny:3",
                   "decoded_skip: from byte 0 on \"a\" instead of \"b\"");
  expect_one_fails(report_of(R"("ids": [64, 65])", R"("ids": "ab")"), 2, "tiny:1", "'ids'");
  expect_one_fails(report_of(R"({"text": "ab")", R"({"text": "ab)"), 2, "tiny:1", "");
}

TEST(GoldenTokenizer, SaysWhichFilesAreBrokenOrMissing) {
  const OwnFolder own;
  own.write("tokenizer/tiny.tokenizer.json", tiny_tokenizer());
  own.write("tokenizer/tiny.jsonl", std::string(kRows));
  own.write("tokenizer/bad.tokenizer.json", "{");
  own.write("tokenizer/bad.jsonl", std::string(kRows));
  expect_one_fails(check_tokenizers(own.place()), 3, "bad", "");
  own.write("tokenizer/bad.tokenizer.json", tiny_tokenizer());
  std::filesystem::remove(own.path("tokenizer/bad.jsonl"));
  expect_one_fails(check_tokenizers(own.place()), 3, "bad", "bad.jsonl");
  std::filesystem::remove(own.path("tokenizer/bad.tokenizer.json"));
  own.write("tokenizer/lone.jsonl", std::string(kRows));
  expect_one_fails(check_tokenizers(own.place()), 3, "lone.jsonl", "no tokenizer");
  std::filesystem::remove(own.path("tokenizer/lone.jsonl"));
  own.write("tokenizer/tiny-vocab.gguf", "GGUF");
  expect_one_fails(check_tokenizers(own.place()), 3, "tiny-vocab.gguf", "tiny-vocab.gguf");
  std::filesystem::remove(own.path("tokenizer/tiny-vocab.gguf"));
  own.write("tokenizer/tiny.tokenizer.json.gz", "not packed");
  expect_one_fails(check_tokenizers(own.place()), 3, "tiny", "tiny.tokenizer.json.gz");
}

TEST(GoldenTokenizer, FindsAChangeInTheOtherLayoutOfLlama2) {
  const OwnFolder own;
  if (!own.take("tokenizer/llama2.tokenizer.json.gz")) GTEST_SKIP();
  const std::string row =
      R"({"text": "a</s>a", "ids": IDS, "ids_special": SPECIAL, "decoded": "a</s>a",)"
      R"( "decoded_special": "a</s> a", "decoded_skip": "a a", "ids_special_nonlegacy": OTHER})"
      "\n";
  // " a" is 263, "a" 29874.
  const std::string good = replaced(
      replaced(replaced(row, "IDS", "[263, 829, 29879, 29958, 29874]"), "SPECIAL", "[263, 2, 263]"),
      "OTHER", "[263, 2, 29874]");
  own.write("tokenizer/llama2.jsonl", good);
  const GroupReport report = check_tokenizers(own.place());
  EXPECT_EQ(report.cases, 2);
  EXPECT_FALSE(finds(report, "llama2 (not legacy):1", ""));
  own.write("tokenizer/llama2.jsonl", replaced(good, "[263, 2, 29874]", "[263, 2, 263]"));
  EXPECT_TRUE(finds(check_tokenizers(own.place()), "llama2 (not legacy):1",
                    "ids_special_nonlegacy: from place 2 on 29874 instead of 263"));
}

constexpr std::string_view kRendered =
    R"({"template": "greet", "messages": [{"role": "user", "content": "hi"}], "tools": null,)"
    R"( "add_generation_prompt": false, "kwargs": {"date": "today"}, "bos_token": "<s>",)"
    R"( "eos_token": "</s>", "rendered": "<s>hi today", "error": null})"
    "\n"
    R"({"template": "strict", "messages": [], "tools": null, "add_generation_prompt": true,)"
    R"( "kwargs": {}, "bos_token": null, "eos_token": null, "rendered": null, "error": "no"})"
    "\n";

TEST(GoldenRendered, NamesTheRowThatIsOff) {
  const OwnFolder own;
  own.write("chat/greet.jinja", "{{ bos_token }}{{ messages[0].content }} {{ date }}");
  own.write("chat/plain.jinja", "text");
  own.write("chat/strict.jinja", "{{ raise_exception('no') }}");
  const auto report_of = [&](std::string_view from, std::string_view to) {
    own.write("chat/rendered.jsonl", replaced(kRendered, from, to));
    return check_rendered(own.place());
  };
  expect_all_pass(report_of(R"("error": "no")", R"("error": "any")"), 2);
  expect_one_fails(report_of("<s>hi today", "<s>hi  today"), 2, "greet:1",
                   "rendered: from byte 6 on ");
  expect_one_fails(report_of(R"("template": "strict")", R"("template": "plain")"), 2, "plain:2",
                   "where the reference fails");
  expect_one_fails(report_of(R"("template": "strict")", R"("template": "none")"), 2, "none:2",
                   "none.jinja");
  expect_one_fails(report_of(R"("template": "strict")", R"("template": "../chat/strict")"), 2,
                   "../chat/strict:2", "not the name of a file");
  expect_one_fails(report_of(R"("error": "no")", R"("error": null)"), 2, "strict:2", "'error'");
  expect_one_fails(report_of(R"({"template": "strict")", "{"), 2, "rendered.jsonl:2", "");
}

// Characters are tokens: 21 before the answer's two, then its end and a line end.
constexpr std::string_view kTrained =
    R"({"template": "tiny_chat", "messages": [{"role": "user", "content": "hi"},)"
    R"( {"role": "assistant", "content": "yo"}], "rendered": "<|im_start|>user\nhi<|im_end|>\n)"
    R"(<|im_start|>assistant\nyo<|im_end|>\n", "training_template_equals_plain": true,)"
    R"( "ids": IDS, "assistant_mask": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,)"
    R"( 0, 0, 1, 1, 1, 0]})"
    "\n";

TEST(GoldenSft, NamesTheRowThatIsOff) {
  const OwnFolder own;
  const std::string_view plain =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
      "{% endfor %}";
  own.write("chat/tiny_chat.jinja", std::string(plain));
  own.write("chat/tiny_chat_training.jinja",
            "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
            "{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>' }}"
            "{% endgeneration %}{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\\n' }}"
            "{% endfor %}");
  own.write("tokenizer/tiny.tokenizer.json", tiny_tokenizer());
  const auto tokenizer = Tokenizer::parse(tiny_tokenizer(), "tiny");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto ids = tokenizer->encode(
      "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyo<|im_end|>\n", Specials::kParse);
  ASSERT_EQ(ids.size(), 25U);
  const std::string good =
      replaced(kTrained, "IDS", json::serialize(json::array(ids.begin(), ids.end())));
  const auto report_of = [&](std::string_view from, std::string_view to) {
    own.write("chat/sft.jsonl", good + replaced(good, from, to));
    return check_sft(own.place());
  };
  expect_all_pass(report_of("yo", "yo"), 2);
  expect_one_fails(report_of("1, 1, 1, 0", "0, 1, 1, 0"), 2, "tiny_chat:2",
                   "assistant_mask: from place 21 on 1 1 1 0 instead of 0 1 1 0");
  expect_one_fails(report_of("[96,", "[95,"), 2, "tiny_chat:2", "ids: from place 0 on ");
  expect_one_fails(report_of("nhi<", "nho<"), 2, "tiny_chat:2", "rendered: ");
  expect_one_fails(report_of("\"training_template_equals_plain\": true",
                             "\"training_template_equals_plain\": false"),
                   2, "tiny_chat:2", "tiny_chat.jinja");
  expect_one_fails(report_of("tiny_chat", "tiny_none"), 2, "tiny_none:2",
                   "tiny_none_training.jinja");
  expect_one_fails(report_of("tiny_chat", "other"), 2, "other:2", "no tokenizer");
}

}  // namespace
}  // namespace hone::engine::golden
