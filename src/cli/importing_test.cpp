#include "cli/importing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "base/test_support.h"
#include "cli/command.h"
#include "feedback/policy.h"
#include "feedback/tool_fact.h"
#include "feedback/verdicts.h"

namespace hone::cli {
namespace {

class Importing : public ::testing::Test {
 protected:
  Importing() {
    hone::testing::write_all(folder_.path("pairs.jsonl"),
                             "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n"
                             "{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"d\"}\n");
    settings_.data = folder_.path("data");
  }

  hone::testing::TempFolder folder_;
  Settings settings_;
  capture::ImportMap pairs_ = capture::load_import_map("preference-jsonl").value();
};

TEST_F(Importing, TheSameFileTwiceIsStoredOnce) {
  auto workspace = Workspace::open(settings_).value();
  const auto count = [&](const std::string& table) {
    return workspace->database()
        .query("SELECT COUNT(*) AS n FROM " + table)
        .value()
        .front()
        .integer("n");
  };
  for (int again = 0; again < 2; ++again) {
    auto report = import_into(*workspace, folder_.path("pairs.jsonl"), pairs_, {}, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->interactions, 4);
    EXPECT_EQ(report->added, again == 0 ? 4 : 0);
    EXPECT_EQ(count("interaction"), 4);
    EXPECT_EQ(count("feedback"), 4);
  }
}

TEST_F(Importing, ADryRunShowsAndCountsButWritesNothing) {
  std::vector<json::object> shown;
  auto report = import_dry(settings_, folder_.path("pairs.jsonl"), pairs_, {},
                           {.capture = true, .train = true}, [&](const json::object& record) {
                             shown.push_back(record);
                             return shown.size() < 3;
                           });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->interactions, 4);
  EXPECT_EQ(shown.size(), 3U);
  EXPECT_FALSE(report->added);
  EXPECT_FALSE(std::filesystem::exists(settings_.data));
}

class ImportingTranscripts : public ::testing::Test {
 protected:
  void SetUp() override {
    settings_.data = folder_.path("data");
    auto opened = Workspace::open(settings_);
    ASSERT_TRUE(opened) << opened.error().message;
    workspace_ = std::move(*opened);
  }
  capture::ImportReport run(const std::string& path) {
    const auto report =
        import_transcripts_into(*workspace_, {.path = path, .person = "ada"}, {}, {});
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report.value_or(capture::ImportReport{});
  }
  std::int64_t count(const std::string& table) {
    return workspace_->database()
        .query("SELECT COUNT(*) AS n FROM " + table)
        .value()
        .front()
        .integer("n");
  }
  // "KIND by WHO of STOP_REASON[: comment]", with the stop reason of the answer it is linked to.
  std::vector<std::string> signals() {
    const auto rows = workspace_->database().query(
        "SELECT f.kind, f.by_whom, f.comment, COALESCE(i.stop_reason, 'nothing') AS stop"
        " FROM feedback f LEFT JOIN interaction i ON i.id = f.interaction_id"
        " WHERE f.source LIKE 'transcript:%'");
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
    std::vector<std::string> lines;
    for (const store::Row row : *rows) {
      lines.push_back(row.text("kind") + " by " + row.text("by_whom") + " of " + row.text("stop") +
                      (row.is_null("comment") ? "" : ": " + row.text("comment")));
    }
    return lines;
  }
  std::string verdict() {
    const auto decided = feedback::refresh(workspace_->database(), feedback::default_policy());
    EXPECT_TRUE(decided) << (decided ? "" : decided.error().message);
    const auto rows = workspace_->database().query("SELECT verdict, strength FROM verdict");
    EXPECT_TRUE(rows);
    return rows->empty() ? "" : rows->front().text("verdict");
  }

  hone::testing::TempFolder folder_;
  Settings settings_;
  std::unique_ptr<Workspace> workspace_;
};

// What a person writes down who reads the transcript alone, at the answer that made the call.
class RecordedTranscript : public ImportingTranscripts,
                           public ::testing::WithParamInterface<std::array<const char*, 3>> {};

TEST_P(RecordedTranscript, SaysWhatAPersonReadsThereOnce) {
  const auto& [name, seen, verdict_seen] = GetParam();
  const auto path =
      hone::testing::shared_path("recordings/transcript__" + std::string(name) + ".jsonl");
  if (!path) GTEST_SKIP();
  for (int again = 0; again < 2; ++again) {
    const auto report = run(*path);
    EXPECT_TRUE(report.left_out.empty()) << json::serialize(capture::to_json(report));
    EXPECT_EQ(report.added, again == 0 ? report.interactions : 0);
    EXPECT_EQ(signals(), std::vector<std::string>{seen}) << "and importing again adds nothing";
  }
  EXPECT_EQ(verdict(), verdict_seen);
}

INSTANTIATE_TEST_SUITE_P(
    Recordings, RecordedTranscript,
    ::testing::Values(
        // Automatic: no acceptance, and so no verdict.
        std::array<const char*, 3>{"claude-code__accept", "accepted by automatic of tool_use", ""},
        std::array<const char*, 3>{"claude-code__deny", "rejected by policy of tool_use",
                                   "rejected"},
        std::array<const char*, 3>{"claude-code__tty-accept-comment",
                                   "accepted by person of tool_use: also add tests", "accepted"},
        std::array<const char*, 3>{"claude-code__tty-reject-esc", "rejected by person of tool_use",
                                   "rejected"},
        std::array<const char*, 3>{"claude-code__tty-reject-feedback",
                                   "rejected by person of tool_use: use tabs instead", "rejected"},
        std::array<const char*, 3>{"codex__tool", "accepted by automatic of ", ""}));

// As the gateway has it, with the hook's word and telemetry's.
TEST_F(ImportingTranscripts, JoinTheCallThatTheGatewayCaptured) {
  const auto path =
      hone::testing::shared_path("recordings/transcript__claude-code__tty-reject-feedback.jsonl");
  if (!path) GTEST_SKIP();
  store::Interaction captured;
  captured.id = "int_gateway";
  captured.tool = "claude-code";
  captured.wire = "anthropic-messages";
  captured.started_at = from_millis(1'795'000'000'000);
  captured.status = 200;
  captured.content = "no_consent";
  captured.handles = {{"id", captured.id},
                      {"session", "816d6d64-17bd-4a57-a3ef-be4fe58ddafe"},
                      {"response", "msg_stub3"},
                      {"tool_call", "toolu_stub3"}};
  feedback::ToolFact fact{.tool = "claude-code",
                          .about = {"tool_call", "toolu_stub3"},
                          .kind = "rejected",
                          .by = "person"};
  fact.at = from_millis(1'795'330'208'000);
  std::vector<store::OutboxRecord> records = {{.kind = store::RecordKind::kInteraction,
                                               .id = captured.id,
                                               .payload = store::to_payload(captured)}};
  for (const auto* source : {"hook:claude-code/open", "otlp:claude-code/open"}) {
    const auto told = feedback::to_feedback(fact, source, "", fact.at);
    records.push_back(
        {.kind = store::RecordKind::kFeedback, .id = told.id, .payload = store::to_payload(told)});
  }
  ASSERT_TRUE(workspace_->capture(std::move(records)));
  const auto report = run(*path);
  EXPECT_EQ(report.left_out.at("captured"), 1);
  EXPECT_EQ(report.added, 1) << "the answer that the gateway did not see";
  const auto rows = workspace_->database()
                        .query(
                            "SELECT source, idempotency_key FROM feedback WHERE interaction_id = ?"
                            " ORDER BY source",
                            {"int_gateway"})
                        .value();
  ASSERT_EQ(rows.size(), 3U) << "all witnesses are kept";
  for (const store::Row row : rows) {
    EXPECT_EQ(row.text("idempotency_key"), "rejected/toolu_stub3");
  }
  EXPECT_EQ(verdict(), "rejected");
  const auto strength =
      workspace_->database().query("SELECT strength FROM verdict").value().front().real("strength");
  EXPECT_NEAR(strength, 0.80, 0.01) << "tanh(2.2 / 2): told by three, it counts once";
}

// As main.cpp parses it.
bool parses_as_hook(std::vector<std::string> arguments) {
  Invocation call;
  CLI::App app;
  app.add_option("--config", call.config);
  app.require_subcommand(1);
  app.fallthrough();
  add_import(app, call);
  add_hook(app, call);
  std::ranges::reverse(arguments);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError&) {
    // What main.cpp asks about.
  }
  return is_hook(app);
}

TEST(CommandLine, OnlyTheSubcommandHookMustNotFail) {
  EXPECT_TRUE(parses_as_hook({"hook", "claude-code"}));
  EXPECT_TRUE(parses_as_hook({"hook"}));
  EXPECT_TRUE(parses_as_hook({"--config", "x", "hook", "claude-kode", "--mistyped"}));
  EXPECT_FALSE(parses_as_hook({"import", "transcript", "p", "--person", "hook", "--mistyped"}));
  EXPECT_FALSE(parses_as_hook({"--config", "hook", "import", "--mistyped"}));
  EXPECT_FALSE(parses_as_hook({"import", "hook"}));
}

}  // namespace
}  // namespace hone::cli
