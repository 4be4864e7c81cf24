// The parts that need no repository: edits read out of tool calls, the measure, CI's events.
#include <gtest/gtest.h>

#include "base/json.h"
#include "feedback/ci_outcome.h"
#include "feedback/file_edits.h"
#include "feedback/survival.h"

namespace hone::feedback {
namespace {

using EditLines = std::vector<std::string>;

std::vector<FileEdit> edits_of_call(std::string_view tool, std::string_view arguments) {
  return file_edits_of(tool, parse_json(arguments).value());
}

Survival measured(std::string_view written, std::string_view now, std::string_view before = "") {
  return measure_survival(squeeze_text(written).lines, squeeze_text(now), squeeze_text(before));
}

TEST(FileEdits, ReadsTheShapesThatToolsUse) {
  const std::pair<const char*, const char*> same[] = {
      {"Edit",
       R"({"file_path":"/p/a.py","old_string":"x = 1\ny = 2\n","new_string":"x = 1\ny = 3\n"})"},
      {"edit", R"({"filePath":"/p/a.py","oldString":"y = 2","newString":"y = 3"})"},
      {"str_replace_editor",
       R"({"command":"str_replace","path":"/p/a.py","old_str":"y = 2","new_str":"y = 3"})"},
      {"replace",
       R"({"file_path":"/p/a.py","old_string":"  y = 2","new_string":"y = 3","instruction":"i"})"},
      {"MultiEdit", R"({"file_path":"/p/a.py","edits":[{"old_string":"y = 2","new_string":"y = 9"},
                       {"old_string":"y = 9","new_string":"y = 3"}]})"},
      {"apply_patch",
       R"({"patchText":"*** Begin Patch\n*** Update File: /p/a.py\n@@\n x = 1\n-y = 2\n+y = 3\n*** End Patch"})"},
      {"exec_command",
       R"({"cmd":"apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: /p/a.py\n@@ def f\n-y = 2\n+y = 3\n*** End Patch\nEOF"})"},
      {"shell",
       R"({"command":["apply_patch","*** Begin Patch\n*** Update File: /p/a.py\n@@\n-y = 2\n+y = 3\n*** End Patch\n"]})"},
      {"patcher",
       R"({"diff":"--- a//p/a.py\n+++ b//p/a.py\n@@ -1,2 +1,2 @@\n x = 1\n-y = 2\n+y = 3\n"})"},
      {"apply_patch",
       R"("*** Begin Patch\n*** Update File: /p/a.py\n-y = 2\n+y = 3\n*** End Patch")"}};
  for (const auto& [tool, arguments] : same) {
    SCOPED_TRACE(arguments);
    const auto edits = edits_of_call(tool, arguments);
    ASSERT_EQ(edits.size(), 1U);
    EXPECT_EQ(edits[0].path, "/p/a.py");
    EXPECT_EQ(edits[0].added, EditLines{"y=3"});
    EXPECT_EQ(edits[0].removed, EditLines{"y=2"});
    EXPECT_FALSE(edits[0].whole);
  }
}

TEST(FileEdits, ReadsWholeFiles) {
  const auto edits =
      edits_of_call("Write", R"({"file_path":"/p/b.py","content":"def f():\n    return 2\n"})");
  ASSERT_EQ(edits.size(), 1U);
  EXPECT_TRUE(edits[0].whole);
  EXPECT_EQ(edits[0].added, (EditLines{"deff():", "return2"}));
}

TEST(FileEdits, LeavesOtherCallsAlone) {
  EXPECT_TRUE(edits_of_call("Read", R"({"file_path":"/p/a.py"})").empty());
  EXPECT_TRUE(edits_of_call("Bash", R"({"command":"ls -l"})").empty());
  EXPECT_TRUE(edits_of_call("send_mail", R"({"path":"x","content":"hello there"})").empty());
  EXPECT_TRUE(
      edits_of_call("Edit", R"({"file_path":"a","old_string":"x","new_string":" x "})").empty());
  EXPECT_TRUE(
      edits_of_call("Edit", R"({"file_path":7,"old_string":"x","new_string":"y"})").empty());
  EXPECT_TRUE(edits_of_call("Edit", R"([1, null])").empty());
}

TEST(FileEdits, ReadsPatchesOfSeveralFiles) {
  const auto codex = read_patch(
      "*** Begin Patch\n*** Add File: new.txt\n+one two\n+\n*** Update File: old.txt\n"
      "*** Move to: moved.txt\n@@\n-gone\n+came\n*** Delete File: dead.txt\n*** End "
      "Patch\n+none\n");
  ASSERT_EQ(codex.size(), 2U);
  EXPECT_EQ(codex[0].path, "new.txt");
  EXPECT_EQ(codex[0].added, EditLines{"onetwo"});
  EXPECT_EQ(codex[1].path, "moved.txt");
  EXPECT_EQ(codex[1].removed, EditLines{"gone"});

  // A line that looks like a header is one only outside of a hunk.
  const auto unified = read_patch(
      "diff --git a/x b/x\n--- a/x\t2026-01-01\n+++ b/x\n@@ -1,2 +1 @@ f\n--- old\n+++ new\n-last\n"
      "--- a/y\n+++ /dev/null\n@@ -1 +0,0 @@\n-all of it\n\\ No newline at end of file\n");
  ASSERT_EQ(unified.size(), 2U);
  EXPECT_EQ(unified[0].path, "x");
  EXPECT_EQ(unified[0].removed, (EditLines{"--old", "last"}));
  EXPECT_EQ(unified[0].added, EditLines{"++new"});
  EXPECT_EQ(unified[1].path, "y");
  EXPECT_EQ(unified[1].removed, EditLines{"allofit"});
}

TEST(Survival, CountsMovedReformattedAndLightlyEditedLines) {
  const std::string written = "total = a + b\nprint('sum', total)\nreturn total\n}\n";
  EXPECT_EQ(measured(written, written).fraction(), 1);
  EXPECT_EQ(measured(written, written).counted, 3U);  // "}" says nothing
  const auto moved = measured(written, "return total\n\n\ttotal=a+b\nprint( 'sum',total )\n");
  EXPECT_EQ(moved.exact, 3U);
  const auto wrapped =
      measured("value = compute(first, second)\n", "value = compute(\n    first,\n    second)\n");
  EXPECT_EQ(wrapped.reflowed, 1U);
  const auto edited = measured("print('sum', total)\n", "print('sum is', total)\n");
  EXPECT_EQ(edited.edited, 1U);
  EXPECT_EQ(edited.exact, 0U);
  EXPECT_EQ(measured(written, "def other():\n    raise NotImplementedError\n").survived(), 0U);
  EXPECT_EQ(measured(written, "").survived(), 0U);
}

TEST(Survival, DoesNotCountWhatStoodThereBefore) {
  const std::string before = "def f(x):\n    return x + 1\n";
  // The person put the old line back: near what the tool wrote, and not it.
  EXPECT_EQ(measured("return x + 2\n", before, before).survived(), 0U);
  EXPECT_EQ(measured("return x + 2\n", "def f(x):\n    return x + 2\n", before).exact, 1U);
  // A second line of the same words is one only where there are two.
  const std::string one = "return None\n";
  EXPECT_EQ(measured(one, one, one).survived(), 0U);
  EXPECT_EQ(measured(one, one + one, one).exact, 1U);
  // One line of the text is one line's success.
  EXPECT_EQ(measured(one + one, one).survived(), 1U);
}

TEST(Survival, StaysBoundedOnHugeTexts) {
  std::string many;
  std::string other;
  for (int i = 0; i < 3'000; ++i) {
    many += "line number " + std::to_string(i) + " of one\n";
    other += "some quite different text " + std::to_string(i * 7) + "\n";
  }
  EXPECT_EQ(measured(many, many).exact, 3'000U);
  EXPECT_LE(measured(many, other).survived(), 3'000U);
  // One line as long as a file, nearly found at each place of another: minutes, if looked for so.
  const std::string nearly = std::string(500'000, 'a') + "b\n";
  EXPECT_EQ(measured(nearly, std::string(2'000'000, 'a')).survived(), 0U);
}

constexpr std::string_view kCommitId = "0123456789abcdef0123456789abcdef01234567";

std::string github_says(std::string_view event, std::string body) {
  for (auto at = body.find("SHA"); at != std::string::npos; at = body.find("SHA")) {
    body.replace(at, 3, kCommitId);
  }
  const auto read = read_github_event(event, parse_json_object(body).value());
  if (!read) return "error: " + read.error().message;
  if (!read->outcome) return read->says_nothing;
  EXPECT_EQ(read->outcome->commit, kCommitId);
  return (read->outcome->passed ? "pass " : "fail ") + read->outcome->name;
}

TEST(CiEvents, ReadsGithub) {
  EXPECT_EQ(github_says("check_run",
                        R"({"action":"completed","check_run":{"head_sha":"SHA","name":"build",
    "status":"completed","conclusion":"success","completed_at":"2026-11-28T00:00:00Z"}})"),
            "pass build");
  EXPECT_EQ(github_says("check_suite", R"({"check_suite":{"head_sha":"SHA","status":"completed",
    "conclusion":"failure","app":{"slug":"github-actions"}}})"),
            "fail github-actions");
  EXPECT_EQ(github_says("workflow_run", R"({"workflow_run":{"head_sha":"SHA","name":"CI",
    "status":"completed","conclusion":"timed_out"}})"),
            "fail CI");
  EXPECT_EQ(github_says("status", R"({"sha":"SHA","state":"success","context":"ci/x"})"),
            "pass ci/x");
  EXPECT_EQ(github_says("workflow_run", R"({"workflow_run":{"head_sha":"SHA","status":"in_progress",
    "conclusion":null}})"),
            "not completed");
  EXPECT_EQ(github_says("check_run", R"({"check_run":{"head_sha":"SHA","status":"completed",
    "conclusion":"cancelled"}})"),
            "cancelled");
  EXPECT_EQ(github_says("status", R"({"sha":"SHA","state":"pending"})"), "pending");
  EXPECT_EQ(github_says("ping", R"({"zen":"z"})"), "ping");
  EXPECT_EQ(github_says("star", R"({})"), "");
  EXPECT_EQ(github_says("status", R"({"sha":"xyz","state":"success"})"),
            "error: field 'sha' is no commit: 40 or 64 hex digits are");
  EXPECT_EQ(github_says("check_run", R"({})"), "error: field 'check_run' is missing");
}

TEST(CiEvents, ReadsGitlab) {
  const auto says = [](std::string_view event, const std::string& body) -> std::string {
    const auto read = read_gitlab_event(event, parse_json_object(body).value());
    if (!read) return "error: " + read.error().message;
    if (!read->outcome) return read->says_nothing;
    return (read->outcome->passed ? "pass " : "fail ") + read->outcome->name;
  };
  const std::string sha(kCommitId);
  EXPECT_EQ(says("Pipeline Hook", R"({"object_attributes":{"sha":")" + sha +
                                      R"(","status":"success","name":null}})"),
            "pass pipeline");
  EXPECT_EQ(
      says("Pipeline Hook", R"({"object_attributes":{"sha":")" + sha + R"(","status":"running"}})"),
      "running");
  EXPECT_EQ(
      says("Job Hook", R"({"sha":")" + sha + R"(","build_status":"failed","build_name":"test"})"),
      "fail test");
  EXPECT_EQ(says("Job Hook",
                 R"({"sha":")" + sha + R"(","build_status":"failed","build_allow_failure":true})"),
            "allowed to fail");
  EXPECT_EQ(says("Push Hook", "{}"), "");
}

TEST(CiEvents, EachRunOfAJobIsAFactAndEachDeliveryIsNot) {
  const Time now = from_millis(1'800'000'000'000);
  const auto key = [&](std::string_view event, std::string body) {
    for (auto at = body.find("SHA"); at != std::string::npos; at = body.find("SHA")) {
      body.replace(at, 3, kCommitId);
    }
    const auto object = parse_json_object(body).value();
    const auto read = event.ends_with(" Hook") ? read_gitlab_event(event, object)
                                               : read_github_event(event, object);
    EXPECT_TRUE(read && read->outcome) << body;
    return outcome_feedback(*read->outcome, "ci", now).idempotency_key;
  };
  const auto checked = [&](const std::string& id, const std::string& conclusion) {
    return key("check_run", R"({"check_run":{"id":)" + id +
                                R"(,"head_sha":"SHA","name":"build","status":"completed",)"
                                R"("conclusion":")" +
                                conclusion + R"(","completed_at":"2026-11-28T00:00:00Z"}})");
  };
  EXPECT_EQ(checked("1", "success"), checked("1", "success"));
  EXPECT_NE(checked("1", "success"), checked("3", "success"));
  EXPECT_NE(checked("1", "success"), checked("1", "failure"));
  const auto workflow = [&](const std::string& attempt) {
    return key("workflow_run", R"({"workflow_run":{"id":7,"run_attempt":)" + attempt +
                                   R"(,"head_sha":"SHA","name":"CI","status":"completed",)"
                                   R"("conclusion":"success"}})");
  };
  EXPECT_EQ(workflow("1"), workflow("1"));
  EXPECT_NE(workflow("1"), workflow("3"));
  const auto pipeline = [&](const std::string& finished) {
    return key("Pipeline Hook",
               R"({"object_attributes":{"id":9,"sha":"SHA","status":"success","finished_at":")" +
                   finished + R"("}})");
  };
  EXPECT_EQ(pipeline("2026-01-01 10:00:00 UTC"), pipeline("2026-01-01 10:00:00 UTC"));
  EXPECT_NE(pipeline("2026-01-01 10:00:00 UTC"), pipeline("2026-01-01 11:00:00 UTC"));
  const auto job = [&](const std::string& id) {
    return key("Job Hook", R"({"sha":"SHA","build_status":"success","build_id":)" + id + "}");
  };
  EXPECT_EQ(job("1"), job("1"));
  EXPECT_NE(job("1"), job("2"));
}

TEST(CiEvents, ReadsTimesAsGitlabWritesThem) {
  const auto finished = [](const std::string& time) {
    const auto read = read_gitlab_event(
        "Job Hook",
        parse_json_object(R"({"sha":")" + std::string(kCommitId) +
                          R"(","build_status":"success","build_finished_at":")" + time + R"("})")
            .value());
    EXPECT_TRUE(read && read->outcome) << time;
    return read->outcome->at ? to_text(*read->outcome->at) : std::string("none");
  };
  for (const auto* time :
       {"2026-01-01 10:00:00 UTC", "2026-01-01 12:00:00 +0200", "2026-01-01 05:30:00 -04:30",
        "2026-01-01T10:00:00Z", "2026-01-01T12:00:00+02:00", "2026-01-01T10:00:00.000Z"}) {
    EXPECT_EQ(finished(time), "2026-01-01T10:00:00.000Z") << time;
  }
  EXPECT_EQ(finished("soon"), "none");
}

TEST(CiEvents, TheSameResultIsOneFact) {
  const Time now = from_millis(1'800'000'000'000);
  const std::string id(kCommitId);
  const auto first =
      outcome_feedback({.commit = id, .passed = true, .name = "n"}, "ci:github", now);
  const auto again = outcome_feedback({.commit = id, .passed = true, .name = "n"}, "ci:github",
                                      now + std::chrono::hours(1));
  const auto failed = outcome_feedback({.commit = id, .name = "n"}, "ci:github", now);
  const auto other =
      outcome_feedback({.commit = id, .passed = true, .name = "m"}, "ci:github", now);
  EXPECT_EQ(first.id, again.id);
  EXPECT_NE(first.id, failed.id);
  EXPECT_NE(first.id, other.id);
  EXPECT_EQ(first.by, "automatic");
  EXPECT_EQ(first.handle.kind, "commit");
  EXPECT_EQ(failed.value, 0.0);
}

}  // namespace
}  // namespace hone::feedback
