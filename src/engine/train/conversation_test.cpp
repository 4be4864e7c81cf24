// Lines with tools: told in training as `render` and the server tell them, trained by every method
// that reads such lines, and refused where the model has no form for them.
#include "engine/train/conversation.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <sstream>

#include "engine/commands/render_lines.h"
#include "engine/train/examples.h"
#include "engine/train/line_reader.h"
#include "engine/train/tiny_tasks_support.h"

namespace hone::engine {
namespace {

json::array edit_tools() {
  return json::parse(R"([{"type":"function","function":{"name":"Edit","description":"Edits.",
      "parameters":{"type":"object","properties":{"path":{"type":"string"}}}}}])")
      .as_array();
}

json::object calling(const std::vector<std::string>& paths, const json::value& content = nullptr) {
  json::array calls;
  for (const std::string& path : paths) {
    const json::object function{{"name", "Edit"},
                                {"arguments", json::serialize(json::object{{"path", path}})}};
    calls.push_back(
        json::object{{"id", "call_" + path}, {"type", "function"}, {"function", function}});
  }
  return {{"role", "assistant"}, {"content", content}, {"tool_calls", std::move(calls)}};
}

std::string call_of(const std::string& path) {
  return R"({"name": "Edit", "parameters": {"path": ")" + path + "\"}}<|eot_id|>";
}

// A call and its result, and what was asked.
json::array asked() {
  return {{{"role", "system"}, {"content", "Be brief."}},
          {{"role", "user"}, {"content", "Fix a and b"}},
          calling({"a"}, "I begin."),
          {{"role", "tool"}, {"tool_call_id", "call_a"}, {"content", "done \"a\""}}};
}

json::object demonstration(json::object answer, const std::string& id = "ex_1") {
  json::array messages = asked();
  messages.push_back(std::move(answer));
  return {{"id", id}, {"messages", std::move(messages)}, {"tools", edit_tools()}};
}
json::object preference(const std::string& id) {
  return {{"id", id},
          {"prompt", asked()},
          {"tools", edit_tools()},
          {"chosen", calling({"b", "c"}, "Both.")},
          {"rejected", "I cannot."}};
}
json::object judgement(const std::string& id, bool label) {
  return {{"id", id},
          {"prompt", asked()},
          {"tools", edit_tools()},
          {"completion", label ? json::value(calling({"b", "c"})) : json::value("I cannot.")},
          {"label", label}};
}

std::string lines(const std::vector<json::object>& objects) {
  std::string text;
  for (const json::object& object : objects) text += json::serialize(object) + "\n";
  return text;
}

class Tools : public ::testing::Test {
 protected:
  void use_model(const TinyForm& form) { write_tiny_model(temp_.path("model"), 1.0F, form); }

  // The one demonstration, as training reads it.
  Sequence trained(const json::object& line) {
    const TinyChat tiny(temp_);
    write_all(temp_.path("d.jsonl"), lines({line}));
    auto dataset = read_demonstrations(temp_.path("d.jsonl"), tiny.chat, 4096);
    EXPECT_TRUE(dataset) << dataset.error().message;
    return dataset ? dataset->examples.at(0).sequence : Sequence{};
  }
  json::object rendered(const json::object& line) {
    std::istringstream in(json::serialize(
        json::object{{"messages", line.at("messages")}, {"tools", line.at("tools")}}));
    std::ostringstream out;
    const auto done = render_lines(in, out, {.model = temp_.path("model")});
    EXPECT_TRUE(done) << done.error().message;
    return json::parse(out.str()).as_object();
  }
  std::string learnt(const Sequence& sequence) {
    const TinyChat tiny(temp_);
    TokenIds ids;
    for (const std::size_t position : sequence.positions()) ids.push_back(sequence.ids[position]);
    return tiny.tokenizer.decode(ids, /*skip_specials=*/false);
  }
  void expect_one_step(const std::string& method, const std::string& dataset) {
    const std::string folder =
        write_tiny_run(temp_, method, dataset,
                       "method = \"" + method +
                           "\"\nlora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2\nepochs = 1\n"
                           "batch_size = 2\nmax_tokens = 4096\n");
    train(folder);
    const auto steps = lines_of(folder + "/progress.jsonl");
    ASSERT_EQ(steps.size(), 1U) << method;
    EXPECT_GT(number(steps[0], "grad_norm"), 0.0) << method;
  }

  TempFolder temp_;
};

TEST_F(Tools, AreToldInTrainingAsRenderTellsThem) {
  use_model(tiny_llama31());
  const std::vector<std::pair<json::object, std::string>> answers = {
      {calling({"b"}), call_of("b")},
      {calling({"b", "c"}), call_of("b") + call_of("c")},
      {calling({"b"}, "I go on."), call_of("b")},
      {{{"role", "assistant"}, {"content", "All is done."}}, "All is done.<|eot_id|>"}};
  for (const auto& [answer, wanted] : answers) {
    const json::object line = demonstration(answer);
    const Sequence sequence = trained(line);
    const json::object reference = rendered(line);
    EXPECT_EQ(json::value_from(sequence.ids), reference.at("ids")) << wanted;
    EXPECT_EQ(learnt(sequence), wanted);
    EXPECT_EQ(sequence.trained(), static_cast<std::int64_t>(sequence.positions().size()));
    const auto& mask = reference.at("loss_mask").as_array();
    for (const std::size_t position : sequence.positions()) {
      EXPECT_EQ(mask.at(position), 1) << wanted << position;
    }
    const auto text = json::value_to<std::string>(reference.at("text"));
    EXPECT_NE(text.find("Environment: ipython"), std::string::npos) << text;
    EXPECT_NE(text.find("<|start_header_id|>ipython<|end_header_id|>\n\n\"done \\\"a\\\"\""),
              std::string::npos)
        << text;
  }
}

TEST_F(Tools, AreTrainedOnByEveryMethodThatReadsSuchLines) {
  use_model(tiny_llama31());
  expect_one_step("sft", lines({demonstration(calling({"b", "c"}, "Both."))}));
  for (const auto* method : {"dpo", "orpo", "simpo", "reward"}) {
    expect_one_step(method, lines({preference("ex_1"), preference("ex_2")}));
  }
  expect_one_step("kto", lines({judgement("ex_1", true), judgement("ex_2", false)}));
}

TEST_F(Tools, WhatTheLossPassesOverIsCountedInNoMethod) {
  use_model(tiny_llama31());
  const TinyChat tiny(temp_);
  write_all(temp_.path("p.jsonl"), lines({preference("ex_1")}));
  const auto pairs = read_preferences(temp_.path("p.jsonl"), tiny.chat, 4096);
  ASSERT_TRUE(pairs) << pairs.error().message;
  EXPECT_EQ(learnt(pairs->examples[0].chosen), call_of("b") + call_of("c"));
  EXPECT_EQ(learnt(pairs->examples[0].rejected), "I cannot.<|eot_id|>");
  write_all(temp_.path("j.jsonl"), lines({judgement("ex_1", true), judgement("ex_2", false)}));
  const auto judged = read_judgements(temp_.path("j.jsonl"), tiny.chat, 4096);
  ASSERT_TRUE(judged) << judged.error().message;
  EXPECT_EQ(learnt(judged->examples[0].sequence), call_of("b") + call_of("c"));
  const LineReader reader(temp_.path("model"), 100);
  const auto scored = reader.read(json::serialize(demonstration(calling({"b", "c"}))));
  ASSERT_TRUE(scored) << scored.error().message;
  EXPECT_EQ(learnt(*scored), call_of("b") + call_of("c"));
}

TEST_F(Tools, RefuseTheRunOfAModelWithoutAFormForThem) {
  use_model(tiny_chat_ml());
  const std::string plain =
      R"({"id": "plain", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})"
      "\n";
  json::object only_results = demonstration(calling({"b"}));
  only_results.erase("tools");
  const std::vector<std::pair<std::string, std::string>> runs = {
      {"sft", plain + lines({demonstration(calling({"b"}))})},
      {"sft", lines({only_results})},
      {"dpo", lines({preference("ex_1")})},
      {"kto", lines({judgement("ex_1", true), judgement("ex_2", false)})}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::string folder =
        write_tiny_run(temp_, "run" + std::to_string(i), runs[i].second,
                       "method = \"" + runs[i].first + "\"\nbatch_size = 1\nmax_tokens = 4096\n");
    const std::atomic<bool> go_on = false;
    const auto ending = train_run(folder, go_on);
    ASSERT_FALSE(ending) << i;
    const std::string& message = ending.error().message;
    EXPECT_NE(message.find("example 'ex_1' has tools"), std::string::npos) << message;
    EXPECT_NE(message.find("model has no form for them"), std::string::npos) << message;
    EXPECT_FALSE(std::filesystem::exists(folder + "/progress.jsonl")) << i;
  }
}

TEST_F(Tools, BadLinesAreRefusedByTheFieldAndTasksWithThemByTheirId) {
  use_model(tiny_llama31());
  const TinyChat tiny(temp_);
  const auto error_of = [&](const json::object& line) {
    write_all(temp_.path("d.jsonl"), lines({line}));
    const auto dataset = read_demonstrations(temp_.path("d.jsonl"), tiny.chat, 4096);
    return dataset ? std::string("accepted") : dataset.error().message;
  };
  json::object line = demonstration(calling({"b"}));
  line["messages"].as_array()[2].as_object()["tool_calls"].as_array()[0].as_object()["function"] =
      json::object{{"name", "Edit"}, {"arguments", "{\"path\": \"a"}};
  EXPECT_NE(error_of(line).find("line 1: field 'messages[2].tool_calls[0].function.arguments'"),
            std::string::npos)
      << error_of(line);
  line = demonstration(calling({"b"}));
  line["tools"].as_array()[0] = json::object{{"type", "web_search"}};
  EXPECT_NE(error_of(line).find("'tools[0].type'"), std::string::npos) << error_of(line);
  line = demonstration(calling({"b"}));
  line["messages"].as_array().pop_back();
  EXPECT_NE(error_of(line).find("the last message is not the assistant's"), std::string::npos)
      << error_of(line);
  const json::object task{{"id", "task_1"}, {"prompt", asked()}, {"tools", edit_tools()}};
  write_all(temp_.path("t.jsonl"), lines({task}));
  const auto tasks = read_tasks(temp_.path("t.jsonl"), tiny.chat, 4096);
  ASSERT_FALSE(tasks);
  EXPECT_NE(tasks.error().message.find("task 'task_1' has tools"), std::string::npos)
      << tasks.error().message;
}

}  // namespace
}  // namespace hone::engine
