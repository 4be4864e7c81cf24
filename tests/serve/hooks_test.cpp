// The real program: Claude Code's hooks as the tool posts them, and through `hone hook`; the event
// posts of Continue and Tabby. Nothing of it may stop or delay the tool.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/json.h"
#include "cli/workspace.h"
#include "serve/serve_fixture.h"

namespace hone::serve_test {
namespace {

using namespace std::chrono_literals;

class ToolEvents : public Serve {
 protected:
  void SetUp() override {
    write_settings("", upstream_.url());
    start();
  }
  net::Response post(const std::string& path, const std::string& body) const {
    return send("POST", path, {{"content-type", "application/json"}}, body);
  }
  // What the server has kept, once it has ended: "SOURCE KEY by WHO[: comment]".
  std::vector<std::string> kept() {
    process_->terminate(10s);
    cli::Settings settings;
    settings.data = folder_.path("data");
    auto workspace = cli::Workspace::open(settings);
    EXPECT_TRUE(workspace) << (workspace ? "" : workspace.error().message);
    if (!workspace) return {};
    const auto rows =
        (*workspace)
            ->database()
            .query(
                "SELECT source, idempotency_key, by_whom, comment, interaction_id FROM feedback"
                " ORDER BY received_at, id");
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
    std::vector<std::string> lines;
    for (const store::Row row : *rows) {
      lines.push_back(row.text("source") + " " + row.text("idempotency_key") + " by " +
                      row.text("by_whom") +
                      (row.is_null("comment") ? "" : ": " + row.text("comment")));
    }
    return lines;
  }

  Upstream upstream_;
};

json::array hooks_of(const std::string& file) {
  const auto path = hone::testing::shared_path("recordings/" + file);
  if (!path) return {};
  return parse_json(hone::testing::read_all(*path)).value().as_array();
}

TEST_F(ToolEvents, HooksOverHttpAreAnsweredWithNothingAndKeptOnce) {
  const auto events = hooks_of("hooks__pty-noamend.json");
  if (events.empty()) GTEST_SKIP();
  for (int delivered = 0; delivered < 2; ++delivered) {
    for (const json::value& event : events) {
      const auto response = post("/v1/hooks/claude-code", json::serialize(event));
      EXPECT_EQ(response.status, 200);
      EXPECT_EQ(response.body, "{}") << "nothing that the tool takes for a decision";
    }
  }
  for (const auto* broken : {"", "{", "[]", R"({"hook_event_name":"Vision","session_id":"s"})",
                             R"({"hook_event_name":"PostToolUse"})"}) {
    const auto response = post("/v1/hooks/claude-code", broken);
    EXPECT_EQ(response.status, 200) << broken;
    EXPECT_EQ(response.body, "{}") << broken;
  }
  EXPECT_EQ(post("/v1/hooks/claude-code", std::string(5U << 20, 'x')).status, 200);
  EXPECT_TRUE(metrics_say("hone_tool_events_total{said=\"signal\"} 2"));
  EXPECT_TRUE(metrics_say("hone_tool_events_total{said=\"unknown\"} 1"));
  EXPECT_TRUE(metrics_say("hone_tool_events_total{said=\"malformed\"} 5"));
  EXPECT_EQ(get("/v1/hooks/claude-code").status, 405);
  EXPECT_EQ(send("POST", "/v1/hooks/claude-code", {{"origin", "http://example.com"}},
                 json::serialize(events.back()))
                .status,
            403)
      << "a page that somebody looks at, on a server that asks for no key";
  EXPECT_EQ(kept(), (std::vector<std::string>{
                        "hook:claude-code/open rejected/toolu_stub3 by person: use tabs instead"}));
}

TEST_F(ToolEvents, TheHookCommandSendsThemAndNeverFails) {
  const auto events = hooks_of("hooks__pty-yes.json");
  if (events.empty()) GTEST_SKIP();
  const std::string server = "HONE_URL=http://127.0.0.1:" + std::to_string(port_) + " ";
  const auto run = [this](const std::string& environment, const std::string& words) {
    return hone::testing::output_of("cd " + folder_.path() + " && " + environment + bin_dir() +
                                    "/hone " + words + " <event.json 2>&1; echo status $?");
  };
  for (const json::value& event : events) {
    hone::testing::write_all(folder_.path("event.json"), json::serialize(event));
    // A person takes a moment to answer.
    if (event.at("hook_event_name") == "PostToolUse") std::this_thread::sleep_for(600ms);
    EXPECT_EQ(run(server, "hook claude-code"), "status 0\n");
  }
  EXPECT_TRUE(metrics_say("hone_tool_events_total{said=\"signal\"} 1"));
  EXPECT_EQ(kept(),
            (std::vector<std::string>{"hook:claude-code/open accepted/toolu_stub3 by person"}));

  // The server is away, the settings are broken, the words are wrong: nobody is to notice.
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(run(server, "hook claude-code"), "status 0\n");
  hone::testing::write_all(folder_.path("hone.toml"), "data = [\n");
  EXPECT_EQ(run("", "hook claude-code"), "status 0\n");
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
  EXPECT_TRUE(run("", "hook claude-code --loudly").ends_with("status 0\n"))
      << "2 would stop the tool's work";
}

TEST_F(ToolEvents, EditorsPostWhatBecameOfTheirSuggestions) {
  const std::string taken =
      R"({"name":"autocomplete","schema":"0.2.0","data":{"accepted":true,"prefix":"def f(",)"
      R"("suffix":"]","completion":"x, y","completionId":"c-1","modelName":"qwen2.5-coder",)"
      R"("time":80}})";
  const std::string rated =
      R"({"name":"chatFeedback","data":{"feedback":false,"prompt":"why?","completion":"because",)"
      R"("modelName":"m"}})";
  for (const auto& body : {taken, rated}) {
    EXPECT_EQ(post("/v1/events/continue", body).status, 200) << body;
  }
  EXPECT_EQ(
      post("/v1/events", R"({"type":"view","completion_id":"cmpl-1","choice_index":0})").status,
      200);
  EXPECT_EQ(
      post("/v1/events", R"({"type":"select","completion_id":"cmpl-1","choice_index":0})").status,
      200);
  EXPECT_EQ(post("/v1/events/continue", R"({"name":"tokensGenerated","data":{}})").status, 200)
      << "not ours, and no error";
  const auto wrong = post("/v1/events/continue", R"({"name":"editOutcome","data":{}})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("'accepted' is missing"), std::string::npos) << wrong.body;
  ASSERT_TRUE(lists_an_interaction()) << "a completion that Hone did not pass on is one of its own";
  EXPECT_TRUE(comes([this] {
    const auto list = get("/api/v1/interactions").body;
    return list.find("\"verdict\":\"accepted\"") != std::string::npos &&
           list.find("\"verdict\":\"rejected\"") != std::string::npos;
  })) << get("/api/v1/interactions").body;
  auto lines = kept();
  std::ranges::sort(lines);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], "event:tabby/open accepted/cmpl-1/0 by person");
  EXPECT_EQ(lines[1], "event:tabby/open shown/cmpl-1/0 by automatic");
  EXPECT_TRUE(lines[2].starts_with("import:continue/open accepted/autocomplete/c-1/")) << lines[2];
  EXPECT_TRUE(lines[3].starts_with("import:continue/open rated/chat/")) << lines[3];
}

// All ways by which a program says what became of an answer, with words of a person's in each.
class PostsUnderPolicy : public Serve {
 protected:
  std::vector<int> post_words(const std::string& privacy, const std::string& key = "") {
    const std::vector<std::pair<std::string, std::string>> posts = {
        {"/api/v1/feedback",
         R"({"handle":"h","kind":"edited","final_text":"zebra-1","comment":"zebra-2"})"},
        {"/v1/logs",
         R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"gen_ai.evaluation.result",)"
         R"("attributes":[{"key":"gen_ai.evaluation.name","value":{"stringValue":"user"}},)"
         R"({"key":"gen_ai.evaluation.score.value","value":{"doubleValue":1}},)"
         R"({"key":"gen_ai.evaluation.explanation","value":{"stringValue":"zebra-3"}},)"
         R"({"key":"gen_ai.response.id","value":{"stringValue":"r"}}]}]}]}]})"},
        {"/v1/events/continue",
         R"({"name":"autocomplete","schema":"0.2.0","data":{"accepted":true,"prefix":"zebra-4",)"
         R"("suffix":"]","completion":"zebra-5","completionId":"c-1","modelName":"m"}})"},
        {"/v1/hooks/claude-code",
         R"({"hook_event_name":"PostToolUse","session_id":"s","tool_use_id":"toolu_1",)"
         R"("tool_name":"Edit","tool_response":{"userModified":true,"content":"zebra-6"}})"}};
    write_settings(privacy, upstream_.url());
    if (!process_) start();
    std::vector<int> statuses;
    for (const auto& [path, body] : posts) {
      net::Headers headers = {{"content-type", "application/json"}};
      if (!key.empty()) headers.set("x-api-key", key);
      statuses.push_back(send("POST", path, std::move(headers), body).status);
    }
    return statuses;
  }
  // Which of the words are anywhere in the data folder, once the server has ended.
  std::string words_kept() {
    process_->terminate(10s);
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path("data"))) {
      if (entry.is_regular_file()) all += hone::testing::read_all(entry.path().string());
    }
    std::string kept;
    for (const char word : std::string("123456")) {
      if (all.find(std::string("zebra-") + word) != std::string::npos) kept += word;
    }
    return kept;
  }
  std::int64_t rows_of(const std::string& table) {
    cli::Settings settings;
    settings.data = folder_.path("data");
    const auto workspace = cli::Workspace::open(settings);
    EXPECT_TRUE(workspace) << (workspace ? "" : workspace.error().message);
    if (!workspace) return -1;
    const auto rows = (*workspace)->database().query("SELECT COUNT(*) AS n FROM " + table);
    return rows ? rows->front().integer("n") : -1;
  }

  Upstream upstream_;
};

TEST_F(PostsUnderPolicy, KeepWordsWhereContentIsKept) {
  EXPECT_EQ(post_words(""), (std::vector<int>{202, 200, 200, 200}));
  // All but the suggestion, which came with its interaction, are about answers that never passed.
  const std::string three =
      R"({"waiting":3,"at_most":100000,"days":30,"expired":0,"crowded_out":0,)"
      R"("outcomes_expired":0,"outcomes_crowded_out":0,"sources":[)";
  EXPECT_TRUE(comes([&] {
    return command({"--json", "feedback", "waiting"}).find(three) != std::string::npos;
  })) << command({"--json", "feedback", "waiting"});
  EXPECT_TRUE(metrics_say("hone_feedback_given_up_total{reason=\"age\"} 0"));
  EXPECT_EQ(words_kept(), "123456") << "or the next tests show nothing";
}

TEST_F(PostsUnderPolicy, KeepNoWordsWhereOnlyFactsAre) {
  EXPECT_EQ(post_words("[privacy]\ncapture = \"metadata\"\n"),
            (std::vector<int>{202, 200, 200, 200}));
  EXPECT_EQ(words_kept(), "");
  EXPECT_EQ(rows_of("feedback"), 4);
  EXPECT_EQ(rows_of("block"), 0);
}

TEST_F(PostsUnderPolicy, KeepNothingWhereNothingIsRecorded) {
  // A tool is not disturbed by a refusal; whoever waits for an answer is told.
  EXPECT_EQ(post_words("[privacy]\ncapture = \"nothing\"\n"),
            (std::vector<int>{403, 403, 200, 200}));
  EXPECT_EQ(words_kept(), "");
  EXPECT_EQ(rows_of("feedback"), 0);
  EXPECT_EQ(rows_of("interaction"), 0);
}

TEST_F(PostsUnderPolicy, KeepNoWordsOfWhoDoesNotConsent) {
  write_settings("", upstream_.url());
  environment_["HONE_AUTH"] = "keys";
  start();
  (void)command({"person", "create", "Ana", "--capture", "no"});
  const std::string made = command({"key", "create", "--person", "Ana"});
  const std::string key = secret_in(made);
  ASSERT_NE(key, "") << made;
  ASSERT_TRUE(comes([&] { return send("GET", "/api/v1/me", {{"x-api-key", key}}).status == 200; }));
  EXPECT_EQ(post_words("", key), (std::vector<int>{202, 200, 200, 200}));
  EXPECT_EQ(words_kept(), "");
  EXPECT_EQ(rows_of("feedback"), 4);
}

}  // namespace
}  // namespace hone::serve_test
