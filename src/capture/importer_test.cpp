#include "capture/importer.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/test_support.h"
#include "capture/import_map.h"
#include "privacy/placeholder.h"

namespace hone::capture {
namespace {

using hone::testing::shared_path;

// A sink that keeps everything.
struct Kept {
  std::vector<store::Interaction> interactions;
  std::vector<store::Feedback> feedback;
  std::set<std::string> people;
  people::Consents consents;

  ImportSink sink() {
    ImportSink made;
    made.person = [this](std::string_view name, std::string_view team) -> Result<people::Person> {
      people.emplace(name);
      people::Person person;
      person.id = "per_" + std::string(name);
      person.team = team;
      person.team_name = team;
      person.consents = consents;
      return person;
    };
    made.interaction = [this](const store::Interaction& interaction) -> Result<void> {
      interactions.push_back(interaction);
      return {};
    };
    made.feedback = [this](const store::Feedback& signal) -> Result<void> {
      feedback.push_back(signal);
      return {};
    };
    return made;
  }

  // "accepted/person", … of one interaction, in order.
  [[nodiscard]] std::vector<std::string> signals(const store::Interaction& interaction) const {
    std::vector<std::string> result;
    for (const auto& signal : feedback) {
      if (signal.handle.value == interaction.id) result.push_back(signal.kind + "/" + signal.by);
    }
    return result;
  }
};

class Importer : public ::testing::Test {
 protected:
  // `map` is one that ships, or the text of one.
  ImportReport run(const std::string& path, const std::string& map,
                   const ImportOptions& options = {}) {
    const auto read = map.find('\n') == std::string::npos ? load_import_map(map)
                                                          : parse_import_map(map, "map.toml");
    EXPECT_TRUE(read) << read.error().message;
    if (!read) return {};
    auto report = import_file(path, *read, options, parts_, kept_.sink());
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(ImportReport{});
  }

  ImportReport run_text(const std::string& text, const std::string& map,
                        const ImportOptions& options = {}) {
    hone::testing::write_all(folder_.path("file"), text);
    return run(folder_.path("file"), map, options);
  }

  hone::testing::TempFolder folder_;
  ManualClock clock_{from_millis(1'764'000'000'000)};
  std::unique_ptr<privacy::Redactor> redactor_ = privacy::Redactor::create("key").value();
  ImportParts parts_{*redactor_, "key", clock_};
  Kept kept_;
};

TEST_F(Importer, FollowsTheTeamsPolicy) {
  const std::string line = "{\"prompt\":\"a quiet word\",\"chosen\":\"a\",\"rejected\":\"b\"}\n";
  parts_.capture_policy.everyone = people::CaptureLevel::kMetadata;
  EXPECT_EQ(run_text(line, "preference-jsonl").interactions, 2);
  ASSERT_EQ(kept_.interactions.size(), 2U);
  EXPECT_EQ(kept_.interactions[0].content, "policy");
  EXPECT_TRUE(kept_.interactions[0].blocks.empty());
  EXPECT_EQ(kept_.feedback.size(), 2U);
  parts_.capture_policy.everyone = people::CaptureLevel::kNothing;
  const auto report = run_text(line, "preference-jsonl");
  EXPECT_EQ(report.interactions, 0);
  EXPECT_EQ(report.left_out.at("policy"), 2);
  EXPECT_EQ(kept_.feedback.size(), 2U);
}

TEST_F(Importer, BadLinesAreNamedAndGoodOnesKept) {
  const auto report = run_text(
      "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n"
      "{\"prompt\":\"p\",\"rejected\":\"b\"}\n"
      "not json\n"
      "\n"
      "{\"prompt\":7,\"chosen\":\"a\",\"rejected\":\"b\"}\r\n"
      "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejectd\":\"b\"}\n"
      "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"chosen\":\"a\",\"rejected\":\"b\"}",
      "preference-jsonl");
  EXPECT_EQ(report.records, 6) << "a blank line is none";
  EXPECT_EQ(report.interactions, 4);
  EXPECT_EQ(report.left_out.at("malformed"), 4);
  ASSERT_EQ(report.errors.size(), 4U);
  EXPECT_EQ(report.errors[0], "line 2: pair.chosen ('/chosen') is missing");
  EXPECT_TRUE(report.errors[1].starts_with("line 3: ")) << report.errors[1];
  EXPECT_EQ(report.errors[2],
            "line 5: interaction.messages ('/prompt') must be a text or a list of messages");
  EXPECT_EQ(report.errors[3], "line 6: pair.rejected ('/rejected') is missing");
  EXPECT_EQ(report.feedback.at("compared"), 4);
  EXPECT_EQ(kept_.feedback[0].value, 1.0);
  EXPECT_EQ(kept_.feedback[1].value, 0.0);
  EXPECT_EQ(kept_.interactions[0].context_node, kept_.interactions[1].context_node);
  EXPECT_NE(kept_.interactions[0].output_node, kept_.interactions[1].output_node);
}

TEST_F(Importer, NothingPersonalPassesUnredacted) {
  (void)run_text(
      R"({"id":"1","messages":[{"role":"user","content":"mail ana@example.org"},
        {"role":"assistant","content":"done, ana@example.org"}],"feedback":[{"kind":"edited",
        "final_text":"to ana@example.org","comment":"call +49 30 901820"}]})"
      "\n",
      "chat-jsonl");
  ASSERT_EQ(kept_.interactions.size(), 0U) << "a line break inside a line is two bad lines";
  (void)run_text(
      R"({"id":"1","messages":[{"role":"user","content":"mail ana@example.org"},)"
      R"({"role":"assistant","content":"done, ana@example.org"}],"feedback":[{"kind":"edited",)"
      R"("final_text":"to ana@example.org","comment":"call +49 30 901820"},"accepted"]})",
      "chat-jsonl");
  ASSERT_EQ(kept_.interactions.size(), 1U);
  std::string all = store::to_payload(kept_.interactions[0]);
  for (const auto& signal : kept_.feedback) all += store::to_payload(signal);
  EXPECT_EQ(all.find("ana@"), std::string::npos);
  EXPECT_EQ(all.find("901820"), std::string::npos);
  EXPECT_EQ(privacy::find_placeholders(all).size(), 4U);
  EXPECT_EQ(kept_.signals(kept_.interactions[0]),
            (std::vector<std::string>{"edited/person", "accepted/person"}));
}

TEST_F(Importer, APersonWithoutConsentLeavesNoContent) {
  kept_.consents.capture = false;
  (void)run_text(
      R"({"messages":[{"role":"user","content":"secret words"},{"role":"assistant","content":)"
      R"("secret words"}],"feedback":{"kind":"edited","final_text":"secret words"}})",
      "chat-jsonl");
  ASSERT_EQ(kept_.interactions.size(), 1U);
  EXPECT_EQ(kept_.interactions[0].content, "no_consent");
  EXPECT_EQ(store::to_payload(kept_.interactions[0]).find("secret"), std::string::npos);
  EXPECT_EQ(store::to_payload(kept_.feedback.at(0)).find("secret"), std::string::npos);
}

TEST_F(Importer, OnlyOpenModelsAreTrainableUnlessToldOtherwise) {
  const std::string line =
      R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"model":")";
  (void)run_text(line + "GPT-4o\"}\n" + line + "CodeLlama7b (chat)\"}\n" + line + "\"}\n",
                 "chat-jsonl");
  ASSERT_EQ(kept_.interactions.size(), 3U);
  EXPECT_FALSE(kept_.interactions[0].trainable);
  EXPECT_TRUE(kept_.interactions[1].trainable);
  EXPECT_FALSE(kept_.interactions[2].trainable);
  (void)run_text(line + "GPT-4o\"}\n", "chat-jsonl", {.trainable = true});
  EXPECT_TRUE(kept_.interactions[3].trainable);
}

// Events of one person: state, milliseconds since the beginning, prompt, suggestion.
std::string event(std::string_view state, int at_ms, std::string_view prompt,
                  std::string_view suggestion, int document_length = 100) {
  const auto inner = [](std::string_view text) { return json::serialize(json::value(text)); };
  return json::serialize(json::object{
             {"UserId", 1},
             {"StateName", state},
             {"TimeGenerated", to_text(from_millis(1'660'000'000'000 + at_ms))},
             {"CurrentPrompt", prompt.empty() ? std::string() : inner(prompt)},
             {"CurrentSuggestion", inner(suggestion)},
             {"Measurements",
              {{"confidence", 0.5}, {"meanLogProb", -0.25}, {"documentLength", document_length}}},
             {"EditPercentage", {0, 0, 0.25, 0.25, 0.5}},
             {"Task", "t"}}) +
         "\n";
}

TEST_F(Importer, CupsRejectionsAreReadByWhoTookTheSuggestionAway) {
  const auto report = run_text(
      event("Shown", 0, "x = ", "one") + event("Rejected", 700, "x = ", "one") +  // unread
          event("Shown", 1000, "x = ", "two") + event("Replay", 1500, "x = ", "two") +
          event("Rejected", 3000, "x = ", "two") +  // another
          event("Shown", 3010, "x = ", "three") + event("Rejected", 6000, "x = ", "three") +
          event("Shown", 6100, "x = th", "ree") + event("Rejected", 9000, "x = th", "ree") +
          event("Shown", 9100, "x = that", "()") + event("Rejected", 12000, "x = that", "()") +
          event("Shown", 12100, "x", " = 1") + event("Rejected", 14000, "x", " = 1") +
          event("Shown", 14100, "def f", "()") + event("Rejected", 16000, "def f", "()"),
      "cups-copilot");
  EXPECT_FALSE(report.left_out.contains("malformed"));
  ASSERT_EQ(kept_.interactions.size(), 7U);
  const std::vector<std::string> by = {"automatic", "unknown", "automatic", "person",
                                       "person",    "unknown", "unknown"};
  for (std::size_t i = 0; i < by.size(); ++i) {
    EXPECT_EQ(kept_.signals(kept_.interactions[i]),
              (std::vector<std::string>{"shown/person", "rejected/" + by[i]}))
        << i;
  }
}

TEST_F(Importer, CupsAcceptancesPersistOrAreTakenBack) {
  const auto report =
      run_text(event("Shown", 0, "x = ", "one") + event("Accepted", 2000, "x = ", "one") +
                   event("Shown", 4000, "x = one", "\n", 103) +
                   event("Accepted", 5000, "x = one", "\n", 103) +
                   event("Shown", 6000, "x = one", "\n", 103) + event("Shown", 7000, "", "lost") +
                   event("Accepted", 8000, "q", "never shown"),
               "cups-copilot");
  ASSERT_EQ(kept_.interactions.size(), 3U);
  const store::Interaction& first = kept_.interactions[0];
  EXPECT_EQ(kept_.signals(first)[1], "accepted/person");
  EXPECT_EQ(kept_.signals(first).size(), 2U + 5U);
  EXPECT_EQ(kept_.feedback[2].value, 1.0);
  EXPECT_EQ(kept_.feedback[6].value, 0.5);
  EXPECT_EQ(kept_.signals(kept_.interactions[1]),
            (std::vector<std::string>{"shown/person", "accepted/person", "undone/person"}));
  EXPECT_EQ(kept_.signals(kept_.interactions[2]), (std::vector<std::string>{"shown/person"}));
  EXPECT_EQ(canonical(first.params), R"({"confidence":5E-1,"mean_logprob":-2.5E-1,"task":"t"})");
  EXPECT_FALSE(first.trainable);
  EXPECT_EQ(report.left_out.at("no_prompt"), 1);
  EXPECT_EQ(report.left_out.at("never_shown"), 1);
}

TEST_F(Importer, CupsFileIsReadWhole) {
  const auto path = shared_path("data/cups-copilot/events.dev.jsonl.gz");
  if (!path) GTEST_SKIP();
  const auto report = run(*path, "cups-copilot");
  EXPECT_EQ(report.records, 2010);
  EXPECT_FALSE(report.left_out.contains("malformed"));
  EXPECT_EQ(report.people, 11);
  EXPECT_EQ(report.feedback.at("accepted"), 207);
  EXPECT_EQ(report.feedback.at("rejected"), 425);
  EXPECT_GT(report.feedback.at("undone"), 10);
  std::map<std::string, int> by;
  for (const auto& signal : kept_.feedback) {
    if (signal.kind == "rejected") ++by[signal.by];
  }
  for (const auto& [who, count] : by) std::cout << "rejected by " << who << ": " << count << "\n";
  for (const auto& [why, count] : report.left_out) std::cout << why << ": " << count << "\n";
  std::cout << report.interactions << " interactions\n";
  EXPECT_GT(by["person"], 150);
}

TEST_F(Importer, RealHumanEvalFileIsReadAndItsEmptyRowCounted) {
  const auto path = shared_path("data/realhumaneval-chat/chat_data.dev.csv.gz");
  if (!path) GTEST_SKIP();
  const auto report = run(*path, "realhumaneval-chat");
  EXPECT_EQ(report.records, 522);
  EXPECT_EQ(report.interactions, 521);
  EXPECT_EQ(report.people, 53);
  EXPECT_EQ(report.trainable, 220) << "the two CodeLlamas";
  EXPECT_EQ(report.feedback.at("copied"), 232);
  EXPECT_EQ(report.left_out.at("empty"), 1);
  EXPECT_TRUE(report.errors.empty());
  // A session's later requests hang below its earlier answers.
  std::set<std::string> outputs;
  std::set<std::string> parents;
  for (const auto& interaction : kept_.interactions) {
    outputs.insert(interaction.output_node);
    for (const auto& node : interaction.nodes) parents.insert(node.parent);
  }
  std::size_t continued = 0;
  for (const auto& output : outputs) continued += parents.contains(output) ? 1 : 0;
  std::cout << continued << " answers are followed by another request\n";
  EXPECT_GT(continued, 150U);
}

TEST_F(Importer, AFailingSinkEndsTheImportAndADamagedFileEndsEarly) {
  const ImportMap pairs = load_import_map("preference-jsonl").value();
  ImportSink full = kept_.sink();
  full.interaction = [](const store::Interaction&) -> Result<void> {
    return fail(ErrorCode::kUnavailable, "the disk is full");
  };
  hone::testing::write_all(folder_.path("f"),
                           "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n");
  const auto failed = import_file(folder_.path("f"), pairs, {}, parts_, full);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(import_file(folder_.path("none"), pairs, {}, parts_, full).error().code,
            ErrorCode::kNotFound);
  std::string lines;
  for (int i = 0; i < 2000; ++i) {
    lines +=
        "{\"prompt\":\"" + std::to_string(i * 7919) + "\",\"chosen\":\"a\",\"rejected\":\"b\"}\n";
  }
  hone::testing::write_all(folder_.path("g"), lines);
  (void)hone::testing::output_of("gzip -c '" + folder_.path("g") + "' | head -c 3000 > '" +
                                 folder_.path("g.gz") + "'");
  const auto cut = import_file(folder_.path("g.gz"), pairs, {}, parts_, kept_.sink());
  ASSERT_TRUE(cut) << cut.error().message;
  ASSERT_TRUE(cut->ended_early);
  EXPECT_NE(cut->ended_early->find("damaged"), std::string::npos) << *cut->ended_early;
  EXPECT_FALSE(kept_.interactions.empty()) << "what came before the damage is kept";
}

}  // namespace
}  // namespace hone::capture
