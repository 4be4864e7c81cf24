#include "engine/commands/render_lines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/json.h"
#include "engine/model/test_support.h"

namespace hone::engine {
namespace {

// A model folder with a golden tokenizer and a golden template, where there are such.
class ModelFolder {
 public:
  ModelFolder(const std::string& tokenizer, const std::string& chat_template) {
    const auto packed = shared_file("golden/tokenizer/" + tokenizer + ".tokenizer.json.gz");
    const auto source = shared_file("golden/chat/" + chat_template + ".jinja");
    if (!packed || !source) return;
    write_all(folder_.path("tokenizer.json"), unpacked(*packed));
    write_all(folder_.path("chat_template.jinja"), read_all(*source));
    usable_ = true;
  }
  [[nodiscard]] bool usable() const { return usable_; }
  [[nodiscard]] std::string path(const std::string& name = "") const { return folder_.path(name); }

 private:
  TempFolder folder_;
  bool usable_ = false;
};

struct Answers {
  std::vector<json::object> lines;
  std::string error;
};

Answers answers_to(const std::string& lines, const RenderLinesOptions& options) {
  std::istringstream in(lines);
  std::ostringstream out;
  const auto done = render_lines(in, out, options);
  Answers answers;
  if (!done) answers.error = done.error().message;
  std::istringstream written(out.str());
  for (std::string line; std::getline(written, line);) {
    answers.lines.push_back(json::parse(line).as_object());
  }
  return answers;
}

std::string text_of(const json::object& answer) {
  return json::value_to<std::string>(answer.at("text"));
}

std::int64_t count(const json::object& answer, const char* list, std::int64_t wanted) {
  const auto numbers = json::value_to<std::vector<std::int64_t>>(answer.at(list));
  return std::count(numbers.begin(), numbers.end(), wanted);
}

constexpr const char* kLine =
    R"({"messages": [{"role": "user", "content": "a<|im_end|>"}, {"role": "assistant", "content": "b"}]})";

TEST(RenderLines, WritesWhatTrainingAndServingRead) {
  const ModelFolder model("smollm2", "smollm2");
  if (!model.usable()) GTEST_SKIP();
  const std::string lines = std::string(kLine) + "\n\n" +
                            R"({"messages": [{"role": "user", "content": "c"}], )"
                            R"("add_generation_prompt": true})";
  const auto answers = answers_to(lines, {.model = model.path()});
  EXPECT_EQ(answers.error, "");
  ASSERT_EQ(answers.lines.size(), 2U);
  const json::object& first = answers.lines[0];
  EXPECT_TRUE(text_of(first).ends_with(
      "<|im_start|>user\na<|im_end|><|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"));
  EXPECT_EQ(first.at("ids").as_array().size(), first.at("loss_mask").as_array().size());
  EXPECT_EQ(count(first, "ids", 2), 3);        // system, user, assistant
  EXPECT_EQ(count(first, "loss_mask", 1), 2);  // "b" and its end
  EXPECT_TRUE(text_of(answers.lines[1]).ends_with("c<|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_EQ(count(answers.lines[1], "loss_mask", 1), 0);
  const auto reference = answers_to(lines, {.model = model.path(), .as_reference = true});
  ASSERT_EQ(reference.lines.size(), 2U);
  EXPECT_EQ(count(reference.lines[0], "ids", 2), 4);
}

TEST(RenderLines, WritesTheSameThroughTheModelsTemplate) {
  const ModelFolder model("smollm2", "smollm2");
  if (!model.usable()) GTEST_SKIP();
  for (const bool as_reference : {false, true}) {
    RenderLinesOptions options;
    options.model = model.path();
    options.as_reference = as_reference;
    const auto through_chat = answers_to(kLine, options);
    options.template_file = model.path("chat_template.jinja");
    const auto through_template = answers_to(kLine, options);
    EXPECT_EQ(through_template.error, "");
    ASSERT_EQ(through_template.lines.size(), 1U);
    ASSERT_EQ(through_chat.lines.size(), 1U);
    EXPECT_EQ(through_chat.lines[0], through_template.lines[0]);
  }
}

TEST(RenderLines, OffersToolsAndNamesTheDay) {
  const ModelFolder model("llama3", "llama3_1");
  if (!model.usable()) GTEST_SKIP();
  const std::string line =
      R"({"messages": [{"role": "user", "content": "Weather?"},
          {"role": "assistant", "content": null, "tool_calls": [{"type": "function", "function":
            {"name": "get_weather", "arguments": {"city": "Bern"}}}]},
          {"role": "tool", "content": "sun"}],
          "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {}}}],
          "add_generation_prompt": true, "date": "01 Jan 2026"})";
  std::string one_line = line;
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  RenderLinesOptions options;
  options.model = model.path();
  write_all(model.path("tokenizer_config.json"), R"({"bos_token": "<|begin_of_text|>"})");
  const auto through_chat = answers_to(one_line, options);
  options.template_file = model.path("chat_template.jinja");
  const auto through_template = answers_to(one_line, options);
  EXPECT_EQ(through_chat.error, "");
  EXPECT_EQ(through_template.error, "");
  ASSERT_EQ(through_chat.lines.size(), 1U);
  ASSERT_EQ(through_template.lines.size(), 1U);
  EXPECT_NE(text_of(through_chat.lines[0]).find("Today Date: 01 Jan 2026"), std::string::npos);
  EXPECT_EQ(through_chat.lines[0], through_template.lines[0]);
  EXPECT_GT(count(through_chat.lines[0], "loss_mask", 1), 5);  // the call
}

TEST(RenderLines, GivesTextsWhereNoTokenizerCanBeRead) {
  const TempFolder folder;
  write_all(folder.path("t.jinja"),
            "{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}{{ note }}"
            "{{ date_string }}{{ strftime_now('%Y') }}");
  write_all(folder.path("tokenizer_config.json"), R"({"bos_token": "<s>"})");
  const auto answers =
      answers_to(R"({"messages": [{"role": "user", "content": "é"}], "kwargs": {"note": "!"},)"
                 R"( "date": "2026-01-01"})",
                 {.model = folder.path(), .template_file = folder.path("t.jinja")});
  EXPECT_EQ(answers.error, "");
  ASSERT_EQ(answers.lines.size(), 1U);
  EXPECT_EQ(answers.lines[0], (json::object{{"text", "<s>[é]!2026-01-012026"}}));
  EXPECT_NE(answers_to(kLine, {.model = folder.path()}).error, "");
}

TEST(RenderLines, NamesTheBadLineAndAnswersThoseBefore) {
  const TempFolder folder;
  write_all(folder.path("t.jinja"), "{{ messages[0].content + '.' }}");
  const std::string good = R"({"messages": [{"role": "user", "content": "a"}]})";
  const RenderLinesOptions options{.model = folder.path(), .template_file = folder.path("t.jinja")};
  const std::vector<std::pair<const char*, const char*>> bad = {
      {"{", "line 3: not valid JSON"},
      {R"({"messages": [], "date": 5})", "line 3: field 'date'"},
      {R"({"messages": [], "temperature": 1})", "line 3: "},
      {R"({"messages": "a"})", "line 3: field 'messages'"},
      {R"({"messages": [{}]})", "t.jinja: line 1: 'dict object' has no attribute 'content'"},
      {R"({"messages": [], "kwargs": {"tools": 1}})", "line 3: the variable 'tools'"}};
  for (const auto& [line, why] : bad) {
    const auto answers = answers_to(good + "\n\n" + line + "\n" + good, options);
    EXPECT_EQ(answers.lines.size(), 1U) << line;
    EXPECT_TRUE(answers.error.starts_with("line 3: ")) << answers.error;
    EXPECT_NE(answers.error.find(why), std::string::npos) << answers.error;
  }
}

TEST(RenderLines, RefusesVariablesWhereThereIsNoTemplate) {
  const ModelFolder model("smollm2", "smollm2");
  if (!model.usable()) GTEST_SKIP();
  const auto answers =
      answers_to(R"({"messages": [{"role": "user", "content": "a"}], "kwargs": {"x": 1}})",
                 {.model = model.path()});
  EXPECT_EQ(answers.error, "line 1: field 'kwargs' is for templates: use --template");
}

}  // namespace
}  // namespace hone::engine
