// Tools connected, checked and disconnected, on settings files as people have them.
#include "cli/connect/connect.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/test_support.h"
#include "cli/connect/document.h"
#include "net/server.h"
#include "support/places.h"

namespace hone::cli::connect {
namespace {

namespace fs = std::filesystem;
using hone::testing::read_all;
using hone::testing::write_all;

constexpr std::string_view kTestKey = "hone_sk_abcdefgh";

class Connecting : public ::testing::Test {
 protected:
  Connecting() {
    places_ = {.home = folder_.path("home"), .state = folder_.path("home/.local/state/hone")};
    wish_.server = "http://127.0.0.1:8700";
    wish_.key = std::string(kTestKey);
    fs::create_directories(places_.home);
  }

  [[nodiscard]] std::string at_home(const std::string& name) const {
    return places_.home + "/" + name;
  }
  // A settings file as it is before Hone comes.
  std::string have(const std::string& name, const std::string& bytes, mode_t mode = 0644) {
    const auto path = at_home(name);
    fs::create_directories(fs::path(path).parent_path());
    write_all(path, bytes);
    ::chmod(path.c_str(), mode);
    return path;
  }
  [[nodiscard]] Plan plan(const std::string& tool) const {
    const auto* found = find_tool(tool);
    if (found == nullptr) return {};
    auto made = found->plan(wish_, places_);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : Plan{};
  }
  [[nodiscard]] std::string record_of(const std::string& tool) const {
    return record_folder(tool, places_);
  }

  Result<void> connect(const std::string& tool) {
    const auto record = load_record(record_of(tool));
    if (!record) return fail(record.error());
    const auto changes = work_out(plan(tool), *record);
    if (!changes) return fail(changes.error());
    shown_ = show_changes(*changes, wish_.key);
    if (shown_.empty()) return {};
    return write_changes(*changes, wish_, record_of(tool));
  }
  Result<void> remove(const std::string& tool) {
    const auto record = load_record(record_of(tool));
    if (!record) return fail(record.error());
    if (!*record) return fail(ErrorCode::kNotFound, "not connected");
    const auto changes = work_out_removal(**record);
    if (!changes) return fail(changes.error());
    changed_.clear();
    for (const auto& change : *changes) {
      changed_.insert(changed_.end(), change.changed.begin(), change.changed.end());
    }
    return write_removal(*changes, record_of(tool));
  }
  void connects(const std::string& tool) {
    const auto done = connect(tool);
    ASSERT_TRUE(done) << done.error().message;
  }
  void removes(const std::string& tool) {
    const auto done = remove(tool);
    ASSERT_TRUE(done) << done.error().message;
  }
  // How many of the plan's settings do not stand.
  [[nodiscard]] std::size_t missing(const std::string& tool) const {
    const auto findings = check_settings(plan(tool), true);
    EXPECT_TRUE(findings) << findings.error().message;
    std::size_t count = 0;
    for (const auto& one : *findings) count += one.good ? 0 : 1;
    return count;
  }

  hone::testing::TempFolder folder_;
  Places places_;
  Wish wish_;
  std::string shown_;
  std::vector<std::string> changed_;
};

mode_t mode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what << " is not in\n" << text;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

const std::string kClaudeSettings =
    "{\n"
    "  \"$schema\": \"https://json.schemastore.org/claude-code-settings.json\",\n"
    "  \"permissions\": {\n"
    "    \"allow\": [\n"
    "      \"Bash(npm run test:*)\"\n"
    "    ]\n"
    "  },\n"
    "  \"env\": {\n"
    "    \"ANTHROPIC_MODEL\": \"opus\",\n"
    "    \"OTEL_METRICS_EXPORTER\": \"prometheus\"\n"
    "  },\n"
    "  \"hooks\": {\n"
    "    \"Stop\": [\n"
    "      {\n"
    "        \"hooks\": [\n"
    "          {\n"
    "            \"type\": \"command\",\n"
    "            \"command\": \"notify-send done\"\n"
    "          }\n"
    "        ]\n"
    "      }\n"
    "    ]\n"
    "  },\n"
    "  \"model\": \"opus\"\n"
    "}\n";

struct ToolFile {
  std::string tool;
  std::string file;
  std::vector<std::string> texts;
};

const std::vector<ToolFile> kToolFiles = {
    {"claude-code",
     ".claude/settings.json",
     {kClaudeSettings, "", "{}", "{ }", "{\r\n\t\"model\": \"opus\"\r\n}\r\n",
      "{\"model\":\"opus\",\"env\":{\"X\":\"1\"}}",
      "// mine\n{\n   \"model\": \"opus\", // the large one\n   \"env\": {},\n}"}},
    {"codex",
     ".codex/config.toml",
     {"", "model = \"gpt-5.2\"\n", "# mine\n\nmodel_reasoning_effort = \"high\"",
      "[otel]\r\nenvironment = \"dev\"\r\nexporter = \"none\" # off\r\n\r\n[tui]\r\nx = true\r\n",
      "model = 'o' # c\n[projects.\"/home/ana/work\"]\ntrust_level = \"trusted\"\n\n"
      "[mcp_servers.docs]\ncommand = \"npx\"\nargs = [\n  \"-y\", # yes\n  \"docs\",\n]\n"}},
    {"opencode",
     ".config/opencode/opencode.json",
     {"{\n    \"$schema\": \"https://opencode.ai/config.json\"\n}\n", "",
      "{\n  // which\n  \"model\": \"anthropic/claude\",\n  \"provider\": {\n    \"x\": {},\n  "
      "},\n}"}},
    {"gemini-cli",
     ".gemini/settings.json",
     {"{\n  \"ui\": {\"theme\": \"GitHub\"},\n  \"telemetry\": {\n    \"enabled\": false\n  }\n}",
      "{}", "{\"security\":{\"auth\":{\"selectedType\":\"oauth-personal\"}}}"}},
    {"continue",
     ".continue/config.yaml",
     {"", "name: Mine\nversion: 0.0.1\nschema: v1\nmodels: []\n",
      "# mine\nname: Mine\nversion: 0.0.1\nschema: v1\nmodels:\n  - name: GPT\n    provider: "
      "openai\n"
      "    model: gpt-5\n    apiKey: ${{ secrets.OPENAI }}\ncontext:\n  - provider: file",
      "name: Mine\r\nversion: 0.0.1\r\nschema: v1\r\ndata:\r\n- name: Own\r\n"
      "  destination: file:///tmp/x\r\n  schema: 0.2.0\r\n"}}};

TEST_F(Connecting, GivesBackEveryFileByteForByte) {
  for (const auto& [tool, name, texts] : kToolFiles) {
    for (const auto& text : texts) {
      SCOPED_TRACE(tool + ":\n" + text);
      const auto path = have(name, text, 0640);
      connects(tool);
      EXPECT_NE(read_all(path), text);
      EXPECT_EQ(mode_of(path), 0640U);
      EXPECT_EQ(missing(tool), 0U);
      EXPECT_FALSE(shown_.contains(kTestKey)) << shown_;
      const auto once = read_all(path);
      connects(tool);
      EXPECT_EQ(shown_, "") << "twice is once";
      EXPECT_EQ(read_all(path), once);
      removes(tool);
      EXPECT_EQ(read_all(path), text);
      EXPECT_FALSE(fs::exists(record_of(tool)));
    }
  }
}

TEST_F(Connecting, WhatWasNotThereIsGoneAgain) {
  for (const auto& [tool, name, texts] : kToolFiles) {
    SCOPED_TRACE(tool);
    connects(tool);
    EXPECT_EQ(missing(tool), 0U);
    for (const auto& file : plan(tool).files) {
      const auto text = read_all(file.path);
      EXPECT_EQ(mode_of(file.path) & 0077U, text.contains(kTestKey) ? 0U : 0044U) << file.path;
    }
    removes(tool);
    EXPECT_FALSE(fs::exists(at_home(name)));
    EXPECT_FALSE(fs::exists(fs::path(at_home(name)).parent_path())) << "the folder was ours, too";
  }
  EXPECT_FALSE(fs::exists(places_.state + "/keys"));
}

TEST_F(Connecting, KeepsWhatOthersChangedInBetween) {
  const auto path = have(".claude/settings.json", kClaudeSettings);
  connects("claude-code");
  auto now = replaced(read_all(path), "\"model\": \"opus\"\n", "\"model\": \"sonnet\"\n");
  now = replaced(now, "      \"Bash(npm run test:*)\"\n",
                 "      \"Bash(npm run test:*)\",\n      \"WebFetch\"\n");
  write_all(path, now);
  EXPECT_EQ(missing("claude-code"), 0U);
  removes("claude-code");
  auto expected = replaced(kClaudeSettings, "\"model\": \"opus\"\n", "\"model\": \"sonnet\"\n");
  expected = replaced(expected, "      \"Bash(npm run test:*)\"\n",
                      "      \"Bash(npm run test:*)\",\n      \"WebFetch\"\n");
  EXPECT_EQ(read_all(path), expected);
  EXPECT_TRUE(changed_.empty());
}

// As Claude Code itself writes its settings: read, changed, and written as a whole.
TEST_F(Connecting, TakesItsSettingsOutOfARewrittenFile) {
  const auto path = have(".claude/settings.json", kClaudeSettings);
  connects("claude-code");
  auto document = parse_jsonc(read_all(path)).value();
  document.as_object()["theme"] = "dark";
  document.as_object()["env"].as_object()["ANTHROPIC_MODEL"] = "haiku";
  write_all(path, json::serialize(document));
  removes("claude-code");
  auto expected = parse_jsonc(kClaudeSettings).value();
  expected.as_object()["theme"] = "dark";
  expected.as_object()["env"].as_object()["ANTHROPIC_MODEL"] = "haiku";
  EXPECT_EQ(canonical(parse_jsonc(read_all(path)).value()), canonical(expected));
  EXPECT_EQ(changed_, std::vector<std::string>{"env.ANTHROPIC_MODEL"}) << "it is told";
}

// A line of ours got a comment, so that the block is not found as it was written.
TEST_F(Connecting, TakesItsLinesOutOneByOneWhereTheBlockChanged) {
  const auto toml = have(".codex/config.toml", "x = 1\n");
  connects("codex");
  write_all(toml, replaced(read_all(toml), "env_key = \"HONE_KEY\"\n",
                           "env_key = \"HONE_KEY\" # where from?\n"));
  write_all(at_home(".codex/.env"), "MINE=1\n" + read_all(at_home(".codex/.env")) + "\n# end\n");
  removes("codex");
  EXPECT_EQ(read_all(toml), "x = 1\n");
  EXPECT_EQ(read_all(at_home(".codex/.env")), "MINE=1\n\n# end\n");

  const std::string mine = "name: Mine\nmodels:\n  - name: GPT\n    model: x\n";
  const auto yaml = have(".continue/config.yaml", mine);
  connects("continue");
  auto now = replaced(read_all(yaml), "- name: Hone\n", "- name: Hone # ours\n");
  now = replaced(now, "    schema: \"0.2.0\"\n", "    schema: 0.2.0\n\n");
  write_all(yaml, now);
  removes("continue");
  const auto left = parse_yaml(read_all(yaml)).value();
  auto expected = parse_yaml(mine).value();
  for (const char* name : {"version", "schema"}) {
    EXPECT_FALSE(left.as_object().contains(name)) << read_all(yaml);
  }
  EXPECT_EQ(canonical(left), canonical(expected)) << read_all(yaml);
}

TEST_F(Connecting, SaysWhatItCannotTakeOut) {
  const auto path = have(".continue/config.yaml", "name: Mine\n");
  connects("continue");
  const auto data = parse_yaml(read_all(path)).value().as_object().at("data");
  write_all(path, "name: Mine\ndata: " + json::serialize(data) + "\n");
  const auto removed = remove("continue");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(removed.error().message.contains(path + ": data: line 2: "))
      << removed.error().message;
  EXPECT_FALSE(removed.error().message.contains(kTestKey));
  EXPECT_TRUE(fs::exists(record_of("continue"))) << "the copy from before stays";
  EXPECT_FALSE(fs::exists(at_home(".continue/.env"))) << "what could be undone is";
  EXPECT_EQ(remove("continue").error().message, removed.error().message) << "however often";
}

TEST_F(Connecting, AnotherServerAndFewerSettingsReplaceTheFormer) {
  const auto path = have(".claude/settings.json", kClaudeSettings);
  connects("claude-code");
  wish_.server = "https://hone.example:8443";
  wish_.gateway = false;
  connects("claude-code");
  const auto text = read_all(path);
  EXPECT_FALSE(text.contains("127.0.0.1:8700")) << text;
  EXPECT_FALSE(text.contains("ANTHROPIC_BASE_URL")) << text;
  EXPECT_TRUE(text.contains("\"ANTHROPIC_MODEL\": \"opus\"")) << "what was there is back\n" << text;
  EXPECT_TRUE(text.contains("OTEL_LOG_USER_PROMPTS"));
  EXPECT_EQ(missing("claude-code"), 0U);
  removes("claude-code");
  EXPECT_EQ(read_all(path), kClaudeSettings);
}

TEST_F(Connecting, AMalformedFileIsNamedAndNothingIsWritten) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"claude-code", ".claude/settings.json", "{\n  \"env\": {\n"},
      {"codex", ".codex/config.toml", "a = 1\n[b\n"},
      {"continue", ".continue/config.yaml", "name: x\nmodels: [\n"}};
  for (const auto& [tool, name, text] : cases) {
    const auto path = have(name, text);
    const auto done = connect(tool);
    ASSERT_FALSE(done);
    EXPECT_TRUE(done.error().message.starts_with(path + ": line ")) << done.error().message;
    EXPECT_EQ(read_all(path), text);
    EXPECT_FALSE(fs::exists(record_of(tool)));
  }
  EXPECT_FALSE(fs::exists(at_home(".codex/.env"))) << "all or nothing";
}

TEST_F(Connecting, LinksStayAndOddFilesAreRefused) {
  const auto target = have("dotfiles/claude.json", kClaudeSettings, 0600);
  fs::create_directories(at_home(".claude"));
  const auto link = at_home(".claude/settings.json");
  fs::create_symlink("../dotfiles/claude.json", link);
  connects("claude-code");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_TRUE(shown_.contains("# it is a link to " + fs::canonical(target).string())) << shown_;
  EXPECT_TRUE(read_all(target).contains("ANTHROPIC_BASE_URL"));
  removes("claude-code");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read_all(target), kClaudeSettings);
  fs::remove(target);
  const auto dangling = connect("claude-code");
  ASSERT_FALSE(dangling);
  EXPECT_TRUE(dangling.error().message.contains("leads nowhere"));
  fs::remove(link);
  fs::create_directory(link);
  EXPECT_FALSE(connect("claude-code"));
  fs::remove(link);
  have(".claude/settings.json", kClaudeSettings, 0444);
  const auto read_only = connect("claude-code");
  ASSERT_FALSE(read_only);
  EXPECT_EQ(read_only.error().code, ErrorCode::kDenied);
}

TEST_F(Connecting, DoesNotOverwriteWhatIsWrittenMeanwhile) {
  const auto path = have(".claude/settings.json", kClaudeSettings);
  const auto changes = work_out(plan("claude-code"), std::nullopt);
  ASSERT_TRUE(changes) << changes.error().message;
  write_all(path, "{}\n");
  const auto written = write_changes(*changes, wish_, record_of("claude-code"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kConflict);
  EXPECT_EQ(read_all(path), "{}\n");
  EXPECT_FALSE(fs::exists(path + ".hone-new"));
  removes("claude-code");
  EXPECT_EQ(read_all(path), "{}\n");
}

TEST_F(Connecting, TheRecordIsForItsOwnerAlone) {
  have(".claude/settings.json", kClaudeSettings);
  connects("claude-code");
  EXPECT_EQ(mode_of(record_of("claude-code")), 0700U);
  for (const auto& file : fs::directory_iterator(record_of("claude-code"))) {
    EXPECT_EQ(mode_of(file.path().string()), 0600U) << file.path();
  }
  EXPECT_TRUE(shown_.contains("chmod 600")) << "others may read this settings file\n" << shown_;
}

TEST_F(Connecting, AProjectHasItsOwnSettings) {
  places_.project = folder_.path("work");
  fs::create_directories(places_.project);
  connects("claude-code");
  EXPECT_TRUE(fs::exists(places_.project + "/.claude/settings.local.json"));
  EXPECT_FALSE(fs::exists(at_home(".claude")));
  connects("opencode");
  EXPECT_TRUE(read_all(places_.project + "/opencode.json").contains("{env:HONE_KEY}"));
  EXPECT_FALSE(read_all(places_.project + "/opencode.json").contains(places_.home));
  removes("claude-code");
  removes("opencode");
  EXPECT_TRUE(fs::is_empty(places_.project));
  for (const char* tool : {"codex", "continue"}) {
    EXPECT_FALSE(find_tool(tool)->plan(wish_, places_)) << tool;
  }
}

TEST_F(Connecting, WithoutAKeyNoneIsWrittenAndItIsSaid) {
  wish_.key.clear();
  for (const auto& tool : tools()) {
    const auto made = plan(tool.name);
    EXPECT_FALSE(made.remarks.empty()) << tool.name;
    for (const auto& file : made.files) {
      EXPECT_FALSE(file.content_is_key);
      for (const auto& setting : file.settings) {
        EXPECT_EQ(setting.secret, Secret::kNo) << tool.name << " " << dotted(setting.path);
      }
    }
  }
}

TEST_F(Connecting, ContinuesOlderSettingsAreNotHidden) {
  have(".continue/config.json", "{}");
  const auto made = find_tool("continue")->plan(wish_, places_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kConflict);
}

// The gateway's two answers that --check asks for.
class ProbedServer {
 public:
  ProbedServer() {
    auto server = net::Server::listen(
        runtime_, {.address = "127.0.0.1", .port = 0},
        [this](net::Request& request, net::Responder& out) { return answer(request, out); });
    if (server) server_ = std::move(*server);
  }
  ~ProbedServer() {
    if (server_) server_->stop(std::chrono::seconds(1));
  }
  ProbedServer(const ProbedServer&) = delete;
  ProbedServer& operator=(const ProbedServer&) = delete;
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port());
  }

 private:
  net::awaitable<void> answer(net::Request& request, net::Responder& out) {
    const bool known = request.headers.get("authorization") == "Bearer " + std::string(kTestKey);
    const bool health = request.path() == "/healthz";
    const bool models = request.path() == "/v1/models";
    const int status = health ? 200 : !models ? 404 : known ? 200 : 401;
    net::Response response = net::text_response(status, "");
    (void)co_await out.send(std::move(response));
  }
  net::Runtime runtime_;
  std::unique_ptr<net::Server> server_;
};

TEST_F(Connecting, ChecksSettingsServerAndKey) {
  const ProbedServer server;
  wish_.server = server.url();
  EXPECT_GT(missing("claude-code"), 0U);
  EXPECT_EQ(key_in_files(plan("claude-code")), "");
  for (const auto& tool : tools()) {
    SCOPED_TRACE(tool.name);
    connects(tool.name);
    EXPECT_EQ(key_in_files(plan(tool.name)), kTestKey);
    EXPECT_EQ(missing(tool.name), 0U);
  }
  EXPECT_TRUE(check_answer(wish_.server).good);
  EXPECT_TRUE(check_key(wish_.server, std::string(kTestKey)).good);
  EXPECT_TRUE(check_key(wish_.server, "hone_sk_of_another").state.contains("not known"));
  EXPECT_FALSE(check_key(wish_.server, "").good);
  EXPECT_FALSE(check_answer(wish_.server + "/elsewhere").good);
  EXPECT_FALSE(check_answer("http://127.0.0.1:1").good);

  const auto path = at_home(".claude/settings.json");
  write_all(path, replaced(read_all(path), "\"OTEL_LOGS_EXPORTER\": \"otlp\"",
                           "\"OTEL_LOGS_EXPORTER\": \"none\""));
  write_all(path, replaced(read_all(path), kTestKey, "hone_sk_of_another"));
  const auto findings = check_settings(plan("claude-code"), true).value();
  std::vector<std::string> bad;
  for (const auto& one : findings) {
    if (!one.good) bad.push_back(one.setting + " " + one.state);
  }
  EXPECT_EQ(bad, (std::vector<std::string>{"env.ANTHROPIC_AUTH_TOKEN is another key",
                                           "env.OTEL_LOGS_EXPORTER is \"none\", not \"otlp\""}));
}

// The program itself, with a home folder of its own: what it prints and how it ends.
TEST_F(Connecting, TheCommandAsksShowsWritesChecksAndUndoes) {
  const auto path = have(".claude/settings.json", kClaudeSettings);
  const auto key_file = have("key", std::string(kTestKey) + "\n");
  const auto run = [&](const std::string& words) {
    return hone::testing::output_of("cd '" + places_.home + "' && env -i PATH=\"$PATH\" HOME='" +
                                    places_.home + "' '" + bin_dir() + "/hone' connect " + words +
                                    " </dev/null 2>&1; echo \"exit $?\"");
  };
  const std::string server = " --server http://127.0.0.1:1";
  EXPECT_TRUE(run("emacs").contains("exit 2"));
  EXPECT_TRUE(run("claude-code --check").contains("exit 3")) << "not connected";
  EXPECT_TRUE(run("claude-code --remove --yes").contains("exit 3"));
  EXPECT_TRUE(run("claude-code" + server + " --yes").contains("no key: set HONE_KEY"));
  const auto with_key = server + " --key-file '" + key_file + "'";
  const auto unasked = run("claude-code" + with_key);
  EXPECT_TRUE(unasked.contains("--yes writes this")) << unasked;
  EXPECT_TRUE(unasked.contains("exit 2")) << unasked;
  const auto dry = run("claude-code --dry-run" + with_key);
  EXPECT_TRUE(dry.contains("+    \"ANTHROPIC_BASE_URL\": \"http://127.0.0.1:1\",")) << dry;
  EXPECT_TRUE(dry.contains("exit 0")) << dry;
  EXPECT_FALSE(dry.contains(kTestKey)) << dry;
  EXPECT_EQ(read_all(path), kClaudeSettings) << "nothing is written yet";

  const auto written = run("claude-code --yes" + with_key);
  EXPECT_TRUE(written.contains("exit 0")) << written;
  EXPECT_FALSE(written.contains(kTestKey)) << written;
  EXPECT_TRUE(run("claude-code --yes").contains("everything stands already"))
      << "server and key are those that stand";
  const auto checked = run("claude-code --check");
  EXPECT_TRUE(checked.contains("env.ANTHROPIC_BASE_URL")) << checked;
  EXPECT_TRUE(checked.contains("does not answer")) << checked;
  EXPECT_TRUE(checked.contains("exit 4")) << checked;
  EXPECT_FALSE(checked.contains(kTestKey)) << checked;
  const auto removed = run("claude-code --remove --yes");
  EXPECT_TRUE(removed.contains("exit 0")) << removed;
  EXPECT_FALSE(removed.contains(kTestKey)) << removed;
  EXPECT_EQ(read_all(path), kClaudeSettings);
}

}  // namespace
}  // namespace hone::cli::connect
