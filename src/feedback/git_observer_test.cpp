// Edits followed through real repositories, which the git program makes in a temporary folder.
#include "feedback/git_observer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/test_support.h"
#include "feedback/cases.h"
#include "feedback/ci_outcome.h"
#include "store/feedback_record.h"
#include "store/rows.h"
#include "store/tree.h"
#include "support/databases.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;
using SignalLines = std::vector<std::string>;

constexpr Time kGitStart{std::chrono::milliseconds(1'800'000'000'000)};

const std::string kCalc =
    "import sys\n\n\ndef add(a, b):\n    return a + b\n\n\ndef scale(values, factor):\n"
    "    return [value * factor for value in values]\n\n\ndef largest(values):\n"
    "    return max(values)\n\n\ndef smallest(values):\n    return min(values)\n";
const std::string kOld = "    return a + b\n";
const std::string kNew = "    total = a + b\n    print('sum', total)\n    return total\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

enum class ToolSays { kDone, kRefused, kNothing };

class GitObserverBoth : public test::OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    if (IsSkipped()) return;
    db_ = open_unsynced();
    work_ = std::filesystem::canonical(temp_.path()).string() + "/work";
    std::filesystem::create_directories(work_ + "/src");
    git("init -q -b main .");
    write("src/calc.py", kCalc);
    commit("first");
    clock_.advance(10min);
  }

  // In the working tree, at the clock's time.
  void git(const std::string& arguments, const std::string& folder = "") {
    const std::string at = std::to_string(to_millis(clock_.now()) / 1000);
    const std::string command =
        "cd '" + (folder.empty() ? work_ : folder) + "' && env HOME='" + temp_.path() +
        "' GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_EDITOR=true GIT_AUTHOR_DATE='@" +
        at + " +0000' GIT_COMMITTER_DATE='@" + at +
        " +0000' git -c user.name=n -c user.email=e@example.org -c commit.gpgsign=false "
        "-c protocol.file.allow=always " +
        arguments + " >'" + temp_.path("git.log") + "' 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << arguments << "\n"
                                               << hone::testing::read_all(temp_.path("git.log"));
  }
  void commit(const std::string& message) {
    git("add -A");
    git("commit -q -m '" + message + "'");
  }
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file(work_ + "/" + path);
    std::filesystem::create_directories(file.parent_path());
    hone::testing::write_all(file.string(), text);
  }

  // An answer that calls a tool, and what the tool said, as the indexer writes them.
  void call(const std::string& id, const std::string& tool, json::object arguments,
            ToolSays says = ToolSays::kDone) {
    const auto asked = wire::text_message("user", "please " + id);
    const auto answer =
        wire::make_message("assistant", {json::object{{"type", "tool_call"},
                                                      {"id", id},
                                                      {"name", tool},
                                                      {"arguments", std::move(arguments)}}});
    keep("int_" + id, {asked}, answer);
    if (says == ToolSays::kNothing) return;
    json::object result{{"type", "tool_result"}, {"id", id}, {"content", json::array{}}};
    if (says == ToolSays::kRefused) result["is_error"] = true;
    keep("int_after_" + id, {asked, answer, wire::make_message("tool", {std::move(result)})},
         wire::text_message("assistant", "Done."));
  }
  void edit(const std::string& id, const std::string& from = kOld, const std::string& to = kNew,
            ToolSays says = ToolSays::kDone) {
    call(id, "Edit",
         {{"file_path", work_ + "/src/calc.py"}, {"old_string", from}, {"new_string", to}}, says);
  }
  // Edit "a" as the tool made it, in a commit a minute later.
  void edit_and_commit() {
    edit("a");
    write("src/calc.py", replaced(kCalc, kOld, kNew));
    clock_.advance(1min);
    commit("sum");
  }
  void keep(const std::string& id, const std::vector<json::object>& messages,
            const json::object& answer) {
    store::Interaction i;
    i.id = id;
    i.person = "per_1";
    i.tool = "claude-code";
    i.wire = "anthropic-messages";
    i.started_at = clock_.now();
    i.status = 200;
    const auto context = store::build_path("key", messages);
    const auto output = store::build_path("key", {answer}, context.leaf, context.depth);
    i.context_node = context.leaf;
    i.output_node = output.leaf;
    i.nodes = context.nodes;
    i.nodes.push_back(output.nodes.front());
    i.blocks = context.blocks;
    i.blocks.push_back(output.blocks.front());
    const store::OutboxRecord record{
        .kind = store::RecordKind::kInteraction, .id = id, .payload = store::to_payload(i)};
    const auto done = store::write_record(*db_, record);
    ASSERT_TRUE(done) << done.error().message;
  }
  Result<void> write_all(const std::vector<store::OutboxRecord>& records) {
    for (const auto& record : records) {
      if (auto done = store::write_record(*db_, record); !done) return done;
    }
    return {};
  }

  GitReport observe(GitOptions options = {}, const std::string& folder = "") {
    auto repository = GitRepository::open(folder.empty() ? work_ : folder);
    EXPECT_TRUE(repository) << repository.error().message;
    GitObserver observer(*db_, **repository, clock_, std::move(options));
    const auto report = observer.observe([this](auto records) { return write_all(records); });
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report.value_or(GitReport());
  }
  // "INTERACTION KIND CHECK VALUE by WHO", in the order of their times.
  SignalLines signals(const std::string& kinds = "kind IN ('persisted', 'undone')") {
    const auto rows =
        db_->query("SELECT interaction_id, kind, value, by_whom, detail FROM feedback WHERE " +
                   kinds + " AND interaction_id <> '' ORDER BY at, interaction_id, kind");
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
    SignalLines lines;
    for (const store::Row row : *rows) {
      const auto detail = parse_json_object(row.text("detail")).value();
      char value[16];
      std::snprintf(value, sizeof value, "%.2f", row.real("value"));
      lines.push_back(row.text("interaction_id") + " " + row.text("kind") + " " +
                      std::string(string_or_empty(detail, "check")) + " " + value + " by " +
                      row.text("by_whom"));
    }
    return lines;
  }
  std::int64_t count(const std::string& table) {
    const auto rows = db_->query("SELECT COUNT(*) AS n FROM " + table);
    EXPECT_TRUE(rows);
    return rows->front().integer("n");
  }
  std::string head() { return GitRepository::open(work_).value()->head().value_or(""); }

  hone::testing::TempFolder temp_;
  std::string work_;
  ManualClock clock_{kGitStart};
  std::unique_ptr<store::Database> db_;
};
INSTANTIATE_TEST_SUITE_P(Databases, GitObserverBoth, test::both_databases(), test::database_name);

TEST_P(GitObserverBoth, SaysOnceWhatShareACommitHolds) {
  edit("a");
  // The person leaves one of three lines out.
  write("src/calc.py", replaced(kCalc, kOld, replaced(kNew, "    print('sum', total)\n", "")));
  clock_.advance(5min);
  commit("sum");
  const auto report = observe();
  EXPECT_EQ(report.edits, 1);
  EXPECT_EQ(report.followed, 1);
  const SignalLines once = {"int_a persisted commit 0.67 by automatic"};
  EXPECT_EQ(signals(), once);
  EXPECT_EQ(observe().signals, 0);
  EXPECT_EQ(observe({.since = kGitStart}).signals, 0);
  EXPECT_EQ(signals(), once);
}

TEST_P(GitObserverBoth, FollowsAmendAndRebaseAndSaysTheMerge) {
  git("checkout -q -b feature");
  edit_and_commit();
  observe();
  git("commit -q --amend -m better");
  clock_.advance(1min);
  git("checkout -q main");
  write("other.txt", "something else\n");
  commit("other");
  git("checkout -q feature");
  observe();
  EXPECT_EQ(count("git_commit"), 2);
  git("rebase -q main");
  EXPECT_EQ(observe().signals, 0);
  EXPECT_EQ(count("git_commit"), 3);
  const SignalLines before = {"int_a persisted commit 1.00 by automatic"};
  EXPECT_EQ(signals(), before);
  clock_.advance(1min);
  git("checkout -q main");
  git("merge -q --no-ff -m merge feature");
  EXPECT_EQ(observe().signals, 1);
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted commit 1.00 by automatic",
                                    "int_a persisted merge 1.00 by automatic"}));
  EXPECT_EQ(observe().signals, 0);
}

TEST_P(GitObserverBoth, KnowsASquashedMerge) {
  git("checkout -q -b feature");
  edit_and_commit();
  observe();
  clock_.advance(1min);
  git("checkout -q main");
  git("merge -q --squash feature");
  git("commit -q -m squashed");
  git("branch -q -D feature");
  clock_.advance(2h);
  observe();
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted commit 1.00 by automatic",
                                    "int_a persisted merge 1.00 by automatic"}));
}

TEST_P(GitObserverBoth, ARevertUndoesAndEndsIt) {
  edit_and_commit();
  observe();
  clock_.advance(1h);
  git("revert --no-edit HEAD");
  observe();
  const SignalLines said = {"int_a persisted commit 1.00 by automatic",
                            "int_a undone revert 0.00 by unknown"};
  EXPECT_EQ(signals(), said);
  clock_.advance(48h);
  EXPECT_EQ(observe().signals, 0);
}

TEST_P(GitObserverBoth, ALineThatComesBackIsARevertHoweverAlikeTheTwoAre) {
  edit("a", kOld, "    return a + b + 1\n");
  write("src/calc.py", replaced(kCalc, kOld, "    return a + b + 1\n"));
  clock_.advance(1min);
  commit("one more");
  clock_.advance(1h);
  write("src/calc.py", kCalc);
  commit("as it was");  // by hand: it does not say so
  observe();
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted commit 1.00 by automatic",
                                    "int_a undone revert 0.00 by unknown"}));
}

TEST_P(GitObserverBoth, AnEditThatIsKnownLateIsFoundInACommitThatIsKnown) {
  edit("early");
  write("src/calc.py", replaced(kCalc, kOld, kNew));
  const std::string late = "def product(a, b):\n    return a * b\n";
  write("src/more.py", late);
  clock_.advance(1min);
  commit("both");
  EXPECT_EQ(observe().signals, 1);
  clock_.advance(-30s);  // the index was behind
  call("late", "Write", {{"file_path", work_ + "/src/more.py"}, {"content", late}});
  clock_.advance(1min);
  EXPECT_EQ(observe().signals, 1);
  EXPECT_EQ(signals().size(), 2U);
}

TEST_P(GitObserverBoth, ADayLaterRenamedMovedAndLightlyEditedLinesStand) {
  edit_and_commit();
  observe();
  clock_.advance(1h);
  git("mv src/calc.py src/sums.py");
  commit("rename");
  observe();
  clock_.advance(1h);
  std::string text = replaced(kCalc, kOld, kNew);
  text = replaced(text, "    print('sum', total)\n", "    print('sum is', total)\n");
  write("src/sums.py", replaced(text, "    return total\n", "  return   total\n"));
  commit("by hand");
  observe();  // before a day has passed
  clock_.advance(30h);
  observe();  // and long after
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted commit 1.00 by automatic",
                                    "int_a persisted day 1.00 by automatic"}));
  const auto rows =
      db_->query("SELECT at, detail FROM feedback WHERE detail LIKE '%\"check\":\"day\"%'");
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().time("at"), kGitStart + 11min + 24h);
  EXPECT_EQ(parse_json_object(rows->front().text("detail")).value().at("edited"), 1);
}

// All that git said of an edit, through the shipped policy.
TEST_P(GitObserverBoth, AnEditCountsOnceInAVerdictByItsLatestLook) {
  const auto log_odds = [this] {
    const auto cases = load_cases(*db_, {std::string("int_a")});
    EXPECT_TRUE(cases) << (cases ? "" : cases.error().message);
    if (!cases || cases->size() != 1) return 0.0;
    const auto verdict = decide_case(cases->front(), default_policy());
    return verdict ? verdict->log_odds : 0.0;
  };
  git("checkout -q -b feature");
  edit_and_commit();
  observe();
  // 1.2 by automatic; a commit counts as 600 s do, a merge and a day as a day.
  EXPECT_NEAR(log_odds(), 1.2 * 2.0, 1e-9);
  clock_.advance(1min);
  git("checkout -q main");
  git("merge -q --ff-only feature");  // at the same time as the commit
  observe();
  EXPECT_EQ(signals().size(), 2U);
  EXPECT_NEAR(log_odds(), 1.2 * 2.5, 1e-9);
  clock_.advance(25h);
  observe();
  EXPECT_EQ(signals().size(), 3U);
  EXPECT_NEAR(log_odds(), 1.2 * 2.5, 1e-9);
  git("revert --no-edit HEAD");
  observe();
  EXPECT_EQ(signals().back(), "int_a undone revert 0.00 by unknown");
  EXPECT_NEAR(log_odds(), -2.4, 1e-9);
}

TEST_P(GitObserverBoth, ADayLaterNothingIsLeft) {
  edit_and_commit();
  clock_.advance(3h);
  write("src/calc.py", replaced(kCalc, kOld, "    raise NotImplementedError(__name__)\n"));
  commit("another way");
  clock_.advance(30h);
  observe();
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted commit 1.00 by automatic",
                                    "int_a undone day 0.00 by unknown"}));
}

TEST_P(GitObserverBoth, AForcePushDropsItFromAMirror) {
  const std::string mirror = temp_.path("mirror.git");
  git("init -q --bare -b main '" + mirror + "'");
  git("remote add origin '" + mirror + "'");
  edit_and_commit();
  git("push -q origin main");
  EXPECT_EQ(observe({}, mirror).signals, 1);
  git("reset -q --hard HEAD~1");
  git("push -q --force origin main");
  clock_.advance(10min);
  EXPECT_EQ(observe({}, mirror).signals, 0);  // it may come back
  clock_.advance(2h);
  observe({}, mirror);
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted commit 1.00 by automatic",
                                    "int_a undone dropped 0.00 by unknown"}));
}

TEST_P(GitObserverBoth, TheToolsOwnNextDraftIsNoVerdictInAMirrorEither) {
  const std::string mirror = temp_.path("mirror.git");
  git("init -q --bare -b main '" + mirror + "'");
  git("remote add origin '" + mirror + "'");
  const std::string last = replaced(kNew, "    print('sum', total)\n", "    log.info(sum=total)\n");
  edit("a");
  clock_.advance(1min);
  edit("b", "    print('sum', total)\n", "    log.info(sum=total)\n    assert total >= a\n");
  write("src/calc.py", replaced(kCalc, kOld, last + "    assert total >= a\n"));
  clock_.advance(1min);
  commit("sum");
  git("push -q origin main");
  observe({}, mirror);
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted commit 1.00 by automatic",
                                    "int_b persisted commit 1.00 by automatic"}));
}

TEST_P(GitObserverBoth, OnlyWhatWasMadeCanBeDiscarded) {
  edit("made");
  edit("refused", kOld, "    return sum([a, b, 0])\n", ToolSays::kRefused);
  edit("silent", kOld, "    return math.fsum((a, b))\n", ToolSays::kNothing);
  write("src/calc.py", replaced(kCalc, kOld, kNew));
  clock_.advance(11min);
  EXPECT_EQ(observe().signals, 0);
  git("stash -q");
  EXPECT_EQ(observe().signals, 0);
  git("stash drop -q");
  observe();
  EXPECT_EQ(signals(), SignalLines{"int_made undone discarded 0.00 by unknown"});
}

TEST_P(GitObserverBoth, AGuessThatACallWasRefusedEndsNothing) {
  edit("guessed");
  edit("known", kOld, "    return math.fsum((a, b))\n");
  const auto refused = [&](const std::string& call, const std::string& detail) {
    const auto said = db_->execute(
        "INSERT INTO feedback (id, source, idempotency_key, handle_kind, handle_value,"
        " interaction_id, kind, by_whom, person_id, detail, at, received_at)"
        " VALUES (?, 'hook:claude-code/k', ?, 'tool_call', ?, ?, 'rejected', 'person', '', ?, ?, "
        "0)",
        {"fb_" + call, call, call, "int_" + call, detail, clock_.now()});
    ASSERT_TRUE(said) << said.error().message;
  };
  refused("guessed", R"({"fact":"rejected/guessed","weak":true})");
  refused("known", R"({"fact":"rejected/known"})");
  write("src/calc.py", replaced(kCalc, kOld, kNew + "    return math.fsum((a, b))\n"));
  clock_.advance(1min);
  commit("sum");
  observe();
  EXPECT_EQ(signals(), SignalLines{"int_guessed persisted commit 1.00 by automatic"});
}

TEST_P(GitObserverBoth, TheToolsOwnNextDraftIsNoVerdict) {
  edit("a");
  clock_.advance(1min);
  edit("b", "    print('sum', total)\n", "    log.info('adding gives %s', total)\n");
  write("src/calc.py", replaced(kCalc, kOld,
                                replaced(kNew, "    print('sum', total)\n",
                                         "    log.info('adding gives %s', total)\n")));
  clock_.advance(1min);
  commit("sum");
  observe();
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted commit 1.00 by automatic",
                                    "int_b persisted commit 1.00 by automatic"}));
}

TEST_P(GitObserverBoth, WritesAndPatchesAreFollowedToo) {
  call("w", "Write",
       {{"file_path", work_ + "/src/new.py"}, {"content", "def fresh():\n    return 'new'\n"}});
  call("p", "apply_patch",
       {{"patchText",
         "*** Begin Patch\n*** Update File: src/calc.py\n@@ def add\n-    return a + b\n"
         "+    combined = a + b\n+    return combined\n*** End Patch"}});
  write("src/new.py", "def fresh():\n    return 'new'\n");
  write("src/calc.py", replaced(kCalc, kOld, "    combined = a + b\n    return combined\n"));
  clock_.advance(1min);
  commit("both");
  observe();
  EXPECT_EQ(signals(), (SignalLines{"int_p persisted commit 1.00 by automatic",
                                    "int_w persisted commit 1.00 by automatic"}));
}

TEST_P(GitObserverBoth, ComparesWithWhatRedactionLeft) {
  edit("a", kOld, "    mail('<EMAIL:7f3a>', a + b)\n");
  write("src/calc.py", replaced(kCalc, kOld, "    mail('bob.whoever@example.org', a + b)\n"));
  clock_.advance(1min);
  commit("mail");
  GitOptions options;
  options.redact = [](std::string_view text) -> Result<std::string> {
    return replaced(std::string(text) + "bob.whoever@example.org", "bob.whoever@example.org",
                    "<EMAIL:7f3a>");
  };
  observe(options);
  const auto rows = db_->query("SELECT detail FROM feedback WHERE source = 'git'");
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(parse_json_object(rows->front().text("detail")).value().at("exact"), 1);
}

TEST_P(GitObserverBoth, WatchesTheFirstMinutes) {
  edit("a");
  auto repository = GitRepository::open(work_).value();
  GitObserver observer(*db_, *repository, clock_);
  const auto look = [&] {
    const auto report = observer.watch([this](auto records) { return write_all(records); });
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
  };
  look();  // it is not in the file yet
  clock_.advance(20s);
  write("src/calc.py", replaced(kCalc, kOld, kNew));
  look();
  clock_.advance(25s);
  look();
  EXPECT_TRUE(signals().empty());
  clock_.advance(6s);
  look();
  look();
  clock_.advance(40s);
  write("src/calc.py", kCalc);
  look();
  clock_.advance(60s);
  look();
  clock_.advance(10min);
  look();
  EXPECT_EQ(signals(), (SignalLines{"int_a persisted 30s 1.00 by automatic",
                                    "int_a undone 2m 0.00 by unknown"}));
  EXPECT_EQ(observe().signals, 0);  // that it was discarded is known
}

TEST_P(GitObserverBoth, OutcomesReachTheEditsOfACommitWheneverTheyCome) {
  const auto spread = [this] {
    const auto told =
        spread_outcomes(*db_, clock_.now(), [this](auto records) { return write_all(records); });
    EXPECT_TRUE(told) << (told ? "" : told.error().message);
    return told.value_or(-1);
  };
  const auto ends = [this](bool passed, const std::string& name) {
    const auto fact = outcome_feedback({.commit = head(), .passed = passed, .name = name},
                                       "ci:github", clock_.now());
    EXPECT_TRUE(write_all({store::feedback_record(fact, "")}));
  };
  edit_and_commit();
  ends(true, "build");
  EXPECT_EQ(spread(), 0);  // nobody has observed the commit
  observe();
  EXPECT_EQ(spread(), 1);
  EXPECT_EQ(spread(), 0);
  clock_.advance(1min);
  ends(true, "build");
  EXPECT_EQ(spread(), 0);
  ends(false, "tests");
  EXPECT_EQ(spread(), 1);
  EXPECT_EQ(count("outcome_due"), 0) << "what was looked at is not looked at again";
  EXPECT_EQ(signals("kind = 'outcome'"),
            (SignalLines{"int_a outcome  1.00 by automatic", "int_a outcome  0.00 by automatic"}));
}

TEST(GitRepositoryAt, NamesWhatIsNoRepository) {
  const hone::testing::TempFolder folder;
  const auto opened = GitRepository::open(folder.path("nowhere"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
  EXPECT_NE(opened.error().message.find(folder.path("nowhere")), std::string::npos);
}

TEST(GitMeasurePaths, MeanAFileByWholeParts) {
  EXPECT_TRUE(may_mean("/home/x/proj/src/a.py", "src/a.py"));
  EXPECT_TRUE(may_mean("./src/a.py", "src/a.py"));
  EXPECT_FALSE(may_mean("/home/x/proj/mysrc/a.py", "src/a.py"));
  EXPECT_FALSE(may_mean("a.py", "src/a.py"));
  EXPECT_FALSE(may_mean("a.py", ""));
  EXPECT_EQ(path_inside("/w/p", "/w/p/src/../a.py"), "a.py");
  EXPECT_EQ(path_inside("/w/p", "/w/px/a.py"), "");
  EXPECT_EQ(path_inside("/w/p", "/w/p/../q/a.py"), "");
}

}  // namespace
}  // namespace hone::feedback
