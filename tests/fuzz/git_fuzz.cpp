// Patches that tools apply, and what CI posts.
#include "feedback/ci_outcome.h"
#include "feedback/file_edits.h"
#include "feedback/survival.h"
#include "fuzz/targets.h"

namespace hone::fuzz {
namespace {

void must_be_edits(const std::vector<feedback::FileEdit>& edits) {
  must(edits.size() <= 50, "more files than a call may edit");
  for (const feedback::FileEdit& edit : edits) {
    must(!edit.path.empty(), "an edit of no file");
    must(!edit.added.empty() || !edit.removed.empty(), "an edit of nothing");
    feedback::SqueezedText text;
    for (const std::string& line : edit.added) {
      must(!line.empty() && feedback::squeeze(line) == line, "a line with blanks");
      text.lines.push_back(line);
      text.joined += line;
    }
    // What was written is all there in what was written, and nothing of it is new to itself.
    const auto all = feedback::measure_survival(edit.added, text, {});
    must(all.exact == all.counted && all.survived() == all.counted, "a line that is not found");
    must(feedback::measure_survival(edit.added, text, text).exact == 0, "a line that was there");
  }
}

}  // namespace

void patch_text(std::string_view bytes) {
  must_be_edits(feedback::read_patch(bytes));
  must_be_edits(feedback::file_edits_of("apply_patch", json::value(json::string(bytes))));
  const auto arguments = parse_json(bytes);
  if (arguments) must_be_edits(feedback::file_edits_of("Edit", *arguments));
}

void ci_event(std::string_view bytes) {
  const auto body = parse_json_object(bytes);
  if (!body) return;
  const auto check = [](const Result<feedback::CiEvent>& event) {
    if (!event || !event->outcome) return;
    must(feedback::is_commit_id(event->outcome->commit), "an outcome of no commit");
    must(event->outcome->name.size() <= 200, "a long name");
    const auto fact = feedback::outcome_feedback(*event->outcome, "ci:test", Time{});
    must(store::read_feedback(store::to_payload(fact)).has_value(), "a record that is not read");
  };
  for (const char* event : {"check_run", "check_suite", "workflow_run", "status", "ping", "x"}) {
    check(feedback::read_github_event(event, *body));
  }
  for (const char* event : {"Pipeline Hook", "Job Hook", "x"}) {
    check(feedback::read_gitlab_event(event, *body));
  }
}

}  // namespace hone::fuzz
