// What a recipe can ask beyond the plain dataset: near-duplicates, evaluation sets, rules of
// quality, ranked pairs, tasks, samples.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/config.h"
#include "base/file.h"
#include "base/random.h"
#include "curate/curate_test_support.h"
#include "curate/run.h"

namespace hone::curate {
namespace {

std::string last_prompt(const json::object& line) {
  return std::string(line.at("prompt").as_array().back().at("content").as_string());
}

std::string curated_words(Random& random, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (int letter = 0; letter < 6; ++letter) {
      text += static_cast<char>('a' + random.below(26));
    }
    text += ' ';
  }
  return text;
}

class Curation : public testing::DatasetTest {
 protected:
  Curation() {
    recipe_.name = "curated";
    recipe_.alias = "assistant";
    recipe_.text = "name = \"curated\"";
    recipe_.dataset.max_per_person = 0;
    no_split();
  }
  void add(const test::SampleInteraction& interaction, const test::SampleFeedback& given = {}) {
    if (people_.insert(interaction.person).second) sample_.person(interaction.person);
    sample_.interaction(interaction);
    sample_.feedback(interaction.id, given);
  }
  void set(const std::string& id, const std::string& column, const std::string& value) {
    ASSERT_TRUE(
        db_->execute("UPDATE interaction SET " + column + " = ? WHERE id = ?", {value, id}));
  }

  std::set<std::string> people_;
};

// Prompts that everybody writes with one word of their own.
TEST_F(Curation, NoNearDuplicateStraddlesTheSplit) {
  Random random(3);
  std::vector<std::string> subjects;
  for (int i = 0; i < 12; ++i) subjects.push_back(curated_words(random, 40));
  for (int p = 0; p < 8; ++p) {
    for (int i = 0; i < 12; ++i) {
      const std::string id = "p" + std::to_string(p) + "." + std::to_string(i);
      add({.id = id,
           .person = "p" + std::to_string(p),
           .prompt = subjects[static_cast<std::size_t>(i)] + curated_words(random, 1),
           .answer = curated_words(random, 20)});
    }
  }
  recipe_.dataset.kinds = {"judgement"};
  recipe_.dataset.held_out_people = 0.25;
  recipe_.dataset.held_out_prompts = 0.3;
  const auto straddling = [](const Dataset& dataset) {
    int pairs = 0;
    const auto held_out = lines_of(dataset.held_out_file());
    EXPECT_FALSE(held_out.empty());
    for (const auto& trained : lines_of(dataset.train_file())) {
      for (const auto& other : held_out) {
        pairs += testing::true_jaccard(last_prompt(trained), last_prompt(other)) >= 0.8 ? 1 : 0;
      }
    }
    return pairs;
  };
  EXPECT_GT(straddling(build()), 0);  // they are there to be found
  recipe_.dataset.near_duplicates = 0.8;
  const Dataset apart = build();
  EXPECT_EQ(straddling(apart), 0);
  EXPECT_GT(apart.left_out.at("straddles_split"), 0);
}

TEST_F(Curation, OfNearDuplicatesTheStrongestStays) {
  Random random(4);
  const std::string prompt = curated_words(random, 30);
  const std::string answer = curated_words(random, 60);
  add({.id = "weak", .person = "ann", .prompt = prompt, .answer = answer + "almost"});
  add({.id = "strong", .person = "bob", .prompt = prompt + "please", .answer = answer});
  sample_.feedback("strong", {.kind = "rated", .value = 1.0});
  add({.id = "other answer",
       .person = "ann",
       .prompt = prompt,
       .answer = curated_words(random, 60)});
  add({.id = "other prompt",
       .person = "ann",
       .prompt = curated_words(random, 30),
       .answer = answer});
  EXPECT_EQ(build().examples, 4);
  recipe_.dataset.near_duplicates = 0.8;
  const Dataset dataset = build();
  EXPECT_EQ(dataset.left_out, (Counts{{"near_duplicate", 1}}));
  std::set<std::string> kept;
  for (const auto& line : lines_of(dataset.folder + "/lineage.jsonl")) {
    kept.emplace(line.at("interactions").at(0).as_string());
  }
  EXPECT_EQ(kept, (std::set<std::string>{"strong", "other answer", "other prompt"}));
}

TEST_F(Curation, AConversationIsOnOneSideWhereTheRecipeAsksForIt) {
  for (int c = 0; c < 10; ++c) {
    std::vector<json::object> before;
    for (int turn = 0; turn < 4; ++turn) {
      const std::string id = "c" + std::to_string(c) + "." + std::to_string(turn);
      add({.id = id, .person = "ann", .prompt = "Ask " + id, .answer = "Say", .before = before});
      before.push_back(test::sample_message("user", "Ask " + id));
      before.push_back(test::sample_message("assistant", "Say"));
    }
  }
  recipe_.dataset.held_out_prompts = 0.3;
  const auto torn = [](const Dataset& dataset) {
    std::map<std::string, std::set<std::string>> sides;
    for (const auto& line : lines_of(dataset.folder + "/lineage.jsonl")) {
      const std::string id(line.at("interactions").at(0).as_string());
      sides[id.substr(0, 2)].emplace(line.at("split").as_string());
    }
    return std::ranges::count_if(sides, [](const auto& side) { return side.second.size() > 1; });
  };
  EXPECT_GT(torn(build()), 0);
  recipe_.dataset.whole_conversations = true;
  const Dataset whole = build();
  EXPECT_EQ(torn(whole), 0);
  EXPECT_EQ(whole.counts.at("held_out").at("accepted"), 12);
}

TEST_F(Curation, WhatEvaluationSetsHaveIsNotTrainedOn) {
  const std::string file = folder_ / "eval.jsonl";
  const std::string question = "A farmer has seven sheep and eleven goats, and sells nine of them";
  std::ofstream(file) << json::serialize(json::object{{"question", question + ". How many?"}})
                      << "\n";
  add({.id = "asked", .person = "ann", .prompt = "Tell me: " + question, .answer = "Nine"});
  add({.id = "said", .person = "ann", .prompt = "Make a puzzle", .answer = question + " today"});
  add({.id = "fixed", .person = "ann", .prompt = "One more", .answer = "No"},
      {.kind = "edited", .final_text = "Well, " + question});
  add({.id = "before",
       .person = "ann",
       .prompt = "And now?",
       .before = {test::sample_message("user", question), test::sample_message("assistant", "9")}});
  add({.id = "clean", .person = "ann", .prompt = "A farmer has a field", .answer = "Good"});
  recipe_.dataset.decontaminate = {file};
  recipe_.dataset.decontaminate_words = 8;
  const Dataset dataset = build();
  EXPECT_EQ(dataset.left_out, (Counts{{"contaminated", 4}}));
  EXPECT_EQ(dataset.examples, 1);

  // The digest is of what the file holds, not of where it lies.
  const std::string moved = folder_ / "moved.jsonl";
  std::filesystem::rename(file, moved);
  recipe_.dataset.decontaminate = {moved};
  EXPECT_EQ(build().digest, dataset.digest);
  std::ofstream(moved, std::ios::app) << "some more of the words that nobody has said here\n";
  EXPECT_NE(build().digest, dataset.digest);
  recipe_.dataset.decontaminate = {folder_ / "absent.jsonl"};
  const auto absent = try_build();
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find("absent.jsonl"), std::string::npos);
}

TEST_F(Curation, RulesOfQualityHoldForTextsToBeLearnt) {
  const std::string english = "The report is ready, and it is on the table for you.";
  add({.id = "good", .person = "ann", .prompt = "1", .answer = english});
  add({.id = "short", .person = "ann", .prompt = "2", .answer = "Ok."});
  add({.id = "long", .person = "ann", .prompt = "3", .answer = std::string(200, 'x')});
  add({.id = "refusal", .person = "ann", .prompt = "4", .answer = "I'm sorry, but I can't do it."});
  add({.id = "cut", .person = "ann", .prompt = "5", .answer = english + " And"});
  add({.id = "german",
       .person = "ann",
       .prompt = "6",
       .answer = "Der Bericht ist fertig und liegt mit der Post auf dem Tisch."});
  add({.id = "mended", .person = "ann", .prompt = "7", .answer = "I can't help with that."},
      {.kind = "edited", .final_text = english + " Please."});
  add({.id = "bad", .person = "ann", .prompt = "8", .answer = "I can't help with that."},
      {.kind = "rejected"});
  set("cut", "stop_reason", "length");
  set("mended", "stop_reason", "length");
  recipe_.dataset.kinds = {"judgement"};
  EXPECT_TRUE(build().left_out.empty());
  recipe_.dataset.min_answer_characters = 5;
  recipe_.dataset.max_answer_characters = 100;
  recipe_.dataset.languages = {"en"};
  recipe_.dataset.leave_out = {"refusal", "truncated"};
  EXPECT_EQ(
      build().left_out,
      (Counts{
          {"too_short", 1}, {"too_long", 1}, {"refusal", 1}, {"truncated", 1}, {"language", 1}}));
}

TEST_F(Curation, RankedPairsPutEditedOverAcceptedOverRejectedWithMargins) {
  add({.id = "e", .person = "ann", .answer = "Draft"}, {.kind = "edited", .final_text = "Best"});
  add({.id = "a", .person = "bob", .answer = "Good"});
  add({.id = "r", .person = "cy", .answer = "Bad"}, {.kind = "rejected"});
  recipe_.dataset.kinds = {"preference"};
  const auto pairs = [](const Dataset& dataset) {
    std::map<std::string, double> margins;
    for (const auto& line : lines_of(dataset.train_file())) {
      const auto* margin = line.if_contains("margin");
      margins[std::string(line.at("chosen").as_string()) + ">" +
              std::string(line.at("rejected").as_string())] =
          margin == nullptr ? 0 : margin->to_number<double>();
    }
    return margins;
  };
  const auto plain = pairs(build());
  EXPECT_EQ(plain, (std::map<std::string, double>{{"Best>Draft", 0}, {"Good>Bad", 0}}));
  recipe_.dataset.ranked_pairs = true;
  const auto ranked = pairs(build());
  ASSERT_EQ(ranked.size(), 4U);
  const auto rows = db_->query("SELECT interaction_id AS id, strength FROM verdict");
  std::map<std::string, double> strength;
  for (const auto row : *rows) strength[row.text("id")] = row.real("strength");
  EXPECT_DOUBLE_EQ(ranked.at("Best>Draft"), strength["e"]);
  EXPECT_DOUBLE_EQ(ranked.at("Good>Bad"), std::min(strength["a"], strength["r"]));
  EXPECT_DOUBLE_EQ(ranked.at("Best>Good"), std::min(strength["e"], strength["a"]));
  EXPECT_DOUBLE_EQ(ranked.at("Best>Bad"), 2 * std::min(strength["e"], strength["r"]));
}

// The conversation went on after the step that was corrected.
TEST_F(Curation, ACorrectionOfAStepTeachesThatStepWithWhatCameBeforeIt) {
  const std::vector<json::object> first = {test::sample_message("user", "Name a city"),
                                           test::sample_message("assistant", "Bonn")};
  std::vector<json::object> later = first;
  later.push_back(test::sample_message("user", "Its river?"));
  later.push_back(test::sample_message("assistant", "The Elbe"));
  add({.id = "step",
       .person = "ann",
       .prompt = "Its river?",
       .answer = "The Elbe",
       .before = first},
      {.kind = "corrected", .final_text = "The Rhine"});
  add({.id = "after", .person = "ann", .prompt = "Thanks", .answer = "Sure", .before = later});
  recipe_.dataset.kinds = {"demonstration", "preference"};
  const auto lines = lines_of(build().train_file());
  ASSERT_EQ(lines.size(), 3U);
  for (const auto& line : lines) {
    if (line.at("kind") != "preference") continue;
    EXPECT_EQ(line.at("chosen"), "The Rhine");
    EXPECT_EQ(line.at("rejected"), "The Elbe");
    EXPECT_EQ(line.at("prompt").as_array().size(), 3U);
  }
}

TEST_F(Curation, TasksComeWithVerifiersThatTheEngineReads) {
  const auto add_task = [&](const std::string& id, const std::string& params) {
    add({.id = id, .person = "authors", .prompt = "Task " + id, .answer = "72"});
    set(id, "params", params);
  };
  add_task("number", R"({"verifier":{"kind":"number","expected":"72"}})");
  add_task("python", R"({"verifier":{"kind":"python","setup":"","tests":["assert f(1) == 2"]}})");
  add_task("own", R"({"verifier":{"type":"regex","pattern":"7."}})");
  add_task("odd", R"({"verifier":{"kind":"oracle"}})");
  add_task("plain", "{}");
  sample_.interaction({.id = "unjudged", .person = "authors", .prompt = "Task unjudged"});
  set("unjudged", "params", R"({"verifier":{"kind":"number","expected":"5"}})");
  recipe_.dataset.kinds = {"task"};
  const Dataset dataset = build();
  EXPECT_EQ(dataset.left_out, (Counts{{"unknown_verifier", 1}, {"other_kind", 1}}));
  std::map<std::string, std::string> verifiers;
  for (const auto& line : lines_of(dataset.train_file())) {
    EXPECT_EQ(line.size(), 4U);
    verifiers[last_prompt(line)] = canonical(line.at("verifier"));
  }
  EXPECT_EQ(verifiers, (std::map<std::string, std::string>{
                           {"Task number", R"({"answer":"72","type":"numeric"})"},
                           {"Task own", R"({"pattern":"7.","type":"regex"})"},
                           {"Task python", R"({"tests":["assert f(1) == 2"],"type":"unit_tests"})"},
                           {"Task unjudged", R"({"answer":"5","type":"numeric"})"}}));

  recipe_.train.method = "grpo";
  recipe_.train.options["max_new_tokens"] = std::int64_t{64};
  IdSource ids(clock_, Random(1));
  const auto run =
      prepare_run(*db_, recipe_, dataset, {"base", "/models/base"}, folder_ / "runs", ids, clock_);
  ASSERT_TRUE(run) << run.error().message;
  auto file = TomlFile::parse(*read_file(posix_files(), run->folder + "/run.toml"), "run.toml");
  ASSERT_TRUE(file);
  auto root = (*file)->root();
  EXPECT_EQ(root.get<std::string>("method"), "grpo");
  EXPECT_EQ(root.get<std::int64_t>("max_new_tokens"), 64);
  EXPECT_EQ(lines_of(run->folder + "/train.jsonl").size(), 4U);

  // Held out, a task is measured by its reference answer, where it has one: of six prompts three.
  recipe_.dataset.held_out_prompts = 0.5;
  const Dataset split = build();
  EXPECT_GE(split.counts.at("train").at("task"), 1);
  const auto no_reference = split.left_out.find("no_reference");
  const auto unmeasured = no_reference == split.left_out.end() ? 0 : no_reference->second;
  EXPECT_EQ(split.counts.at("held_out").at("accepted") + unmeasured, 3);
}

TEST_F(Curation, ASampleIsSharedOutOverItsStrata) {
  for (int i = 0; i < 60; ++i) {
    const std::string id = "i" + std::to_string(i);
    add({.id = id, .person = "ann", .prompt = "Ask " + id, .answer = "Say " + id});
    if (i < 40) set(id, "tool", "chat");
    if (i >= 56) set(id, "upstream", "import:votes");
  }
  recipe_.dataset.max_examples = 18;
  recipe_.dataset.stratify = "source";
  const auto sources = [](const Dataset& dataset) {
    Counts counts;
    for (const auto& line : lines_of(dataset.folder + "/lineage.jsonl")) {
      ++counts[std::string(line.at("source").as_string())];
    }
    return counts;
  };
  const Dataset fair = build();
  EXPECT_EQ(sources(fair), (Counts{{"chat", 12}, {"import:votes", 1}, {"sdk", 5}}));
  EXPECT_EQ(fair.left_out, (Counts{{"not_drawn", 42}}));
  recipe_.dataset.balance = "equal";
  EXPECT_EQ(sources(build()), (Counts{{"chat", 7}, {"import:votes", 4}, {"sdk", 7}}));
  recipe_.dataset.mix = {{"sdk", 2}, {"chat", 1}};
  EXPECT_EQ(sources(build()), (Counts{{"chat", 6}, {"sdk", 12}}));
  recipe_.dataset.mix = {{"sdk", 2}, {"import:vote", 1}};
  const auto mistyped = build_dataset(*db_, recipe_, folder_ / "datasets", clock_);
  ASSERT_FALSE(mistyped);
  EXPECT_EQ(mistyped.error().message,
            "[dataset.mix] weighs 'import:vote', and by 'source' there is only 'chat', "
            "'import:votes', 'sdk'; correct the name, or take it out");
}

TEST_F(Curation, DisagreementIsReportedInTheManifest) {
  for (const auto* person : {"ann", "bob"}) {
    add({.id = std::string(person) + "1", .person = person, .prompt = "1", .answer = "Same"},
        {.kind = person == std::string("ann") ? "accepted" : "rejected"});
    add({.id = std::string(person) + "2", .person = person, .prompt = "2", .answer = "Same"});
  }
  const Dataset dataset = build();
  const auto text = read_file(posix_files(), dataset.folder + "/manifest.json");
  const auto manifest = parse_json_object(*text);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(json::serialize(manifest->at("conflicts")),
            R"({"judged_by_several":2,"in_conflict":1})");
  EXPECT_EQ(manifest->at("examples").as_array().size(), static_cast<std::size_t>(dataset.examples));
}

// More than a page of rows and many batches of texts, of one long conversation and many short ones.
TEST_F(Curation, ManyInteractionsAreReadInPages) {
  constexpr int kCount = 5200;
  const auto filled = db_->transaction([&]() -> Result<void> {
    std::vector<json::object> before;
    for (int i = 0; i < kCount; ++i) {
      const std::string number = std::to_string(i);
      const bool talks = i < 30;
      add({.id = "i" + number,
           .person = "p" + std::to_string(i % 7),
           .prompt = "Ask " + number,
           .answer = "Say " + number,
           .before = talks ? before : std::vector<json::object>()});
      if (!talks) continue;
      before.push_back(test::sample_message("user", "Ask " + number));
      before.push_back(test::sample_message("assistant", "Say " + number));
    }
    return {};
  });
  ASSERT_TRUE(filled) << filled.error().message;
  const Dataset dataset = build();
  EXPECT_EQ(dataset.examples, kCount);
  EXPECT_TRUE(dataset.left_out.empty());
  std::size_t longest = 0;
  std::set<std::string> answers;
  std::string last_id;
  for (const auto& line : lines_of(dataset.train_file())) {
    const auto& messages = line.at("messages").as_array();
    longest = std::max(longest, messages.size());
    const std::string asked(messages[messages.size() - 2].at("content").as_string());
    const std::string said(messages.back().at("content").as_string());
    EXPECT_EQ(asked.substr(4), said.substr(4));
    answers.insert(said);
    const std::string id(line.at("id").as_string());
    EXPECT_LT(last_id, id);
    last_id = id;
  }
  EXPECT_EQ(longest, 60U);
  EXPECT_EQ(answers.size(), static_cast<std::size_t>(kCount));
  const auto rows = db_->query("SELECT COUNT(*) AS n FROM dataset_example");
  EXPECT_EQ(rows->front().integer("n"), kCount);
}

}  // namespace
}  // namespace hone::curate
