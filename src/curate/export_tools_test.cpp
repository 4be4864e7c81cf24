// Exports of conversations with tools.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "curate/curate_test_support.h"
#include "curate/export.h"

namespace hone::curate {
namespace {

// A dataset of conversations with a tool: an accepted call over a rejected answer, and a text.
class ExportOfTools : public testing::DatasetTest {
 protected:
  void SetUp() override {
    recipe_.name = "agents";
    recipe_.alias = "assistant";
    recipe_.text = "name = \"agents\"\n";
    recipe_.dataset.kinds = {"demonstration", "preference"};
    recipe_.dataset.tool_calls = true;
    no_split();
    for (const auto* person : {"ann", "bob"}) sample_.person(person);
    add("good", "ann", calling("t2", ""), "accepted");
    add("bad", "bob", test::sample_message("assistant", "No."), "rejected");
    dataset_ = build();
  }
  static json::object calling(std::string_view id, std::string_view text) {
    json::array parts;
    if (!text.empty()) parts.push_back({{"type", "text"}, {"text", text}});
    parts.push_back(
        {{"type", "tool_call"}, {"id", id}, {"name", "Edit"}, {"arguments", {{"share", 0.5}}}});
    return {{"role", "assistant"}, {"content", std::move(parts)}};
  }
  void add(const std::string& id, const std::string& person, json::object said,
           const std::string& verdict) {
    const json::object tool{{"type", "tool"},
                            {"name", "Edit"},
                            {"description", "Edits."},
                            {"parameters", {{"type", "object"}}}};
    const json::array seen{{{"type", "text"}, {"text", "done"}}};
    const json::object result{{"type", "tool_result"}, {"id", "t1"}, {"content", seen}};
    sample_.interaction(
        {.id = id,
         .person = person,
         .context = {json::object{{"role", "tools"}, {"content", json::array{tool}}},
                     test::sample_message("user", "Fix it"), calling("t1", "I begin."),
                     json::object{{"role", "tool"}, {"content", json::array{result}}}},
         .said = std::move(said)});
    sample_.feedback(id, {.kind = verdict});
  }
  // The one line of a kind.
  json::object exported(const std::string& format, const std::string& kind) {
    const auto about = export_dataset(dataset_, format, folder_ / (format + kind));
    EXPECT_TRUE(about) << about.error().message;
    const auto lines = lines_of(folder_ / (format + kind) + "/" + kind + ".jsonl");
    EXPECT_EQ(lines.size(), 1U) << format << kind;
    return lines.empty() ? json::object() : lines[0];
  }

  Dataset dataset_;
};

constexpr std::string_view kCallArguments = R"({"share":0.5})";

TEST_F(ExportOfTools, TrlAndOpenAiTakeMessagesAndDefinitions) {
  constexpr std::string_view kDefinitions =
      R"([{"type":"function","function":{"name":"Edit","description":"Edits.",)"
      R"("parameters":{"type":"object"}}}])";
  const auto trl = exported("trl", "demonstration");
  EXPECT_EQ(trl.at("tools").as_string(), kDefinitions);  // as text
  const auto& prompt = trl.at("prompt").as_array();
  ASSERT_EQ(prompt.size(), 3U);
  EXPECT_EQ(prompt[1].at("content"), "I begin.");
  EXPECT_EQ(prompt[2].at("role"), "tool");
  EXPECT_EQ(prompt[2].at("tool_call_id"), prompt[1].at("tool_calls").at(0).at("id"));
  const auto& completion = trl.at("completion").at(0);
  EXPECT_EQ(completion.at("tool_calls").at(0).at("function").at("arguments").as_string(),
            kCallArguments);
  const auto pair = exported("trl", "preference");
  EXPECT_EQ(pair.at("tools").as_string(), kDefinitions);
  EXPECT_EQ(pair.at("chosen").at(0), completion);
  EXPECT_EQ(pair.at("rejected").at(0).at("content"), "No.");

  const auto openai = exported("openai", "demonstration");
  EXPECT_EQ(json::serialize(openai.at("tools")), kDefinitions);
  EXPECT_EQ(openai.at("messages").at(1).at("weight"), 0);
  EXPECT_EQ(openai.at("messages").at(3), completion);
  const auto tuned = exported("openai", "preference");
  EXPECT_EQ(json::serialize(tuned.at("input").at("tools")), kDefinitions);
  EXPECT_EQ(tuned.at("preferred_output").at(0), completion);
}

TEST_F(ExportOfTools, ShareGptHasCallsAndObservations) {
  const std::string call = R"({"name":"Edit","arguments":{"share":0.5}})";
  const auto line = exported("sharegpt", "demonstration");
  EXPECT_EQ(line.at("tools").as_string(), R"([{"name":"Edit","description":"Edits.",)"
                                          R"("parameters":{"type":"object","properties":{}}}])");
  const auto& turns = line.at("conversations").as_array();
  const std::vector<std::pair<std::string, std::string>> expected = {{"human", "Fix it"},
                                                                     {"gpt", "I begin."},
                                                                     {"function_call", call},
                                                                     {"observation", "done"},
                                                                     {"function_call", call}};
  ASSERT_EQ(turns.size(), expected.size());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    EXPECT_EQ(turns[i].at("from").as_string(), expected[i].first) << i;
    EXPECT_EQ(turns[i].at("value").as_string(), expected[i].second) << i;
  }
  const auto pair = exported("sharegpt", "preference");
  EXPECT_EQ(pair.at("chosen").at("from"), "function_call");
  EXPECT_EQ(pair.at("rejected").at("from"), "gpt");
}

TEST_F(ExportOfTools, AsTablesHasAColumnOfDefinitionsWhereThereAreSome) {
  std::map<std::string, std::string> columns;  // by kind
  const ToParquet note = [&](const std::string& of, const std::string& from,
                             const std::string& to) -> Result<void> {
    columns[std::filesystem::path(from).stem().string()] = of;
    std::ofstream(to) << of;
    return {};
  };
  ASSERT_TRUE(export_dataset(dataset_, "trl", folder_ / "trl", note));
  EXPECT_EQ(columns["demonstration"],
            "id:string,prompt:messages,completion:messages,tools:string?");
  EXPECT_EQ(columns["preference"],
            "id:string,prompt:messages,chosen:messages,rejected:messages,tools:string?");
  ASSERT_TRUE(export_dataset(dataset_, "sharegpt", folder_ / "sharegpt", note));
  EXPECT_EQ(columns["demonstration"], "id:string,conversations:turns,tools:string?");
  EXPECT_EQ(columns["preference"],
            "id:string,conversations:turns,chosen:turn,rejected:turn,tools:string?");
}

TEST_F(ExportOfTools, WhatHasNoFormIsCounted) {
  const auto none = export_dataset(dataset_, "torchtune", folder_ / "torchtune");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  // One more, of plain text; and an answer that says something before its call.
  sample_.interaction({.id = "plain", .person = "ann", .prompt = "Hi"});
  sample_.feedback("plain", {.kind = "accepted"});
  add("both", "ann", calling("t3", "I go on."), "accepted");
  add("other", "bob", test::sample_message("assistant", "Never."), "rejected");
  dataset_ = build();
  const auto about = export_dataset(dataset_, "torchtune", folder_ / "some");
  ASSERT_TRUE(about) << about.error().message;
  EXPECT_EQ(json::serialize(about->at("not_exported")), R"({"demonstration":2,"preference":2})");
  const auto shared = export_dataset(dataset_, "sharegpt", folder_ / "shared");
  ASSERT_TRUE(shared) << shared.error().message;
  EXPECT_EQ(json::serialize(shared->at("not_exported")), R"({"preference":1})");
}

}  // namespace
}  // namespace hone::curate
