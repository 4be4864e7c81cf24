#include "feedback/git_edits.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/json.h"
#include "base/text.h"
#include "feedback/conversation.h"
#include "feedback/tool_fact.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

constexpr std::int64_t kReadAtOnce = 500;
constexpr std::int64_t kMostOpen = 5'000;
constexpr std::size_t kResultBegins = 200;
constexpr std::size_t kLongestCall = 512;

std::string texts_as_json(const auto& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return json::serialize(array);
}

std::vector<std::string> texts_of_json(const std::string& text) {
  std::vector<std::string> texts;
  const auto value = parse_json(text);
  const auto* array = value ? value->if_array() : nullptr;
  if (array == nullptr) return texts;
  for (const auto& item : *array) {
    if (const auto* one = item.if_string()) texts.emplace_back(*one);
  }
  return texts;
}

struct EditingCall {
  std::string id;
  std::vector<FileEdit> files;
};

std::vector<EditingCall> editing_calls(const json::object& answer) {
  std::vector<EditingCall> calls;
  for (const json::value& part : wire::content_of(answer)) {
    const auto* object = part.if_object();
    if (object == nullptr || string_or_empty(*object, "type") != "tool_call") continue;
    const auto id = string_or_empty(*object, "id");
    const json::value* arguments = object->if_contains("arguments");
    if (id.empty() || id.size() > kLongestCall || arguments == nullptr) continue;
    auto files = file_edits_of(string_or_empty(*object, "name"), *arguments);
    if (!files.empty()) calls.push_back({std::string(id), std::move(files)});
  }
  return calls;
}

// "Error: no such file", "Exit code: 1", "apply_patch verification failed": not every format says
// that a result is an error, and what only looks like one is not known to be one.
bool begins_like_a_failure(const json::object& result) {
  const json::value* content = result.if_contains("content");
  const auto* parts = content == nullptr ? nullptr : content->if_array();
  if (parts == nullptr || parts->empty() || !parts->front().is_object()) return false;
  const std::string text =
      lower_case(string_or_empty(parts->front().get_object(), "text").substr(0, kResultBegins));
  if (text.find("exit code: 0") != std::string::npos) return false;
  for (const char* word :
       {"error", "fail", "exit code", "reject", "denied", "aborted", "not found"}) {
    if (text.find(word) != std::string::npos) return true;
  }
  return false;
}

Result<void> ran_on_edits(const Result<std::int64_t>& done) {
  if (!done) return fail(done.error());
  return {};
}

}  // namespace

bool is_later(const GitEdit& a, const GitEdit& b) {
  return std::tie(a.at, a.interaction, a.place) > std::tie(b.at, b.interaction, b.place);
}

Result<void> GitEditTable::read_one(const store::Row& row, NewEdits& report) {
  ++report.interactions;
  const auto messages = messages_of(db_, {row.integer("output_node")});
  if (!messages) {
    if (!is_of_one_conversation(messages.error())) return fail(messages.error());
    ++report.unreadable;
    return {};
  }
  const Time at = row.time("started_at") + std::chrono::milliseconds(row.integer("duration_ms"));
  for (const EditingCall& call : editing_calls(messages->front())) {
    std::vector<std::string> paths;
    for (const FileEdit& file : call.files) paths.push_back(file.path);
    const auto added = db_.execute(
        "INSERT INTO git_edit (interaction_id, tool_call, person_id, at, paths, repository,"
        " commit_id, committed_at, merged, checks, closed)"
        " VALUES (?, ?, ?, ?, ?, '', '', 0, 0, '[]', 0) ON CONFLICT DO NOTHING",
        {row.text("id"), call.id, row.text("person_id"), at, texts_as_json(paths)});
    if (!added) return fail(added.error());
    if (*added == 0) continue;
    ++report.edits;
  }
  return {};
}

Result<GitEditTable::NewEdits> GitEditTable::read_new(std::optional<Time> since, Time now,
                                                      std::chrono::minutes again) {
  NewEdits report;
  Time from = now - kGitFollows;
  if (!since) {
    const auto mark = db_.query("SELECT value FROM setting WHERE name = 'git_read_until'");
    if (!mark) return fail(mark.error());
    if (!mark->empty()) {
      const auto until = parse_time(mark->front().text("value"));
      if (until) from = std::max(from, *until - again);
    }
  }
  Time at = since.value_or(from);
  std::string after;
  for (;;) {
    const auto rows = db_.query(
        "SELECT i.id, i.person_id, i.started_at, i.duration_ms, i.output_node FROM interaction i"
        " WHERE i.started_at >= ? AND (i.started_at > ? OR i.id > ?) AND i.output_node IS NOT NULL"
        " ORDER BY i.started_at, i.id LIMIT ?",
        {at, at, after, kReadAtOnce});
    if (!rows) return fail(rows.error());
    if (rows->empty()) break;
    const auto done = db_.transaction([&]() -> Result<void> {
      for (const store::Row row : *rows) {
        if (auto read = read_one(row, report); !read) return read;
      }
      // Somebody else may be further.
      const std::string until =
          hone::to_text(std::min((*rows)[rows->size() - 1].time("started_at"), now));
      return ran_on_edits(
          db_.execute("INSERT INTO setting (name, value) VALUES ('git_read_until', ?)"
                      " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
                      " WHERE setting.value < excluded.value",
                      {until}));
    });
    if (!done) return fail(done.error());
    at = (*rows)[rows->size() - 1].time("started_at");
    after = (*rows)[rows->size() - 1].text("id");
  }
  return report;
}

Result<std::vector<GitEdit>> GitEditTable::open_edits(const std::string& repository, Time from) {
  const auto rows = db_.query(
      "SELECT g.interaction_id, g.tool_call, g.person_id, g.at, g.paths, g.repository, g.commit_id,"
      " g.committed_at, g.merged, g.checks, i.output_node FROM git_edit g"
      " JOIN interaction i ON i.id = g.interaction_id"
      " WHERE g.closed = 0 AND g.at >= ? AND g.repository IN ('', ?)"
      " ORDER BY g.at DESC, g.interaction_id DESC, g.tool_call DESC LIMIT ?",
      {from, repository, kMostOpen});
  if (!rows) return fail(rows.error());
  std::vector<GitEdit> edits;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (std::size_t i = rows->size(); i-- > 0;) {
    const store::Row row = (*rows)[i];
    GitEdit edit;
    edit.interaction = row.text("interaction_id");
    edit.tool_call = row.text("tool_call");
    edit.person = row.text("person_id");
    edit.at = row.time("at");
    edit.paths = texts_of_json(row.text("paths"));
    edit.repository = row.text("repository");
    edit.commit = row.text("commit_id");
    edit.committed_at = row.time("committed_at");
    edit.merged = row.truth("merged");
    for (std::string& check : texts_of_json(row.text("checks")))
      edit.checks.insert(std::move(check));
    edit.output_node = row.integer("output_node");
    places[{edit.interaction, edit.tool_call}] = edits.size();
    edits.push_back(std::move(edit));
  }
  const auto commits = db_.query(
      "SELECT c.commit_id, c.interaction_id, c.tool_call FROM git_commit c JOIN git_edit g"
      " ON g.interaction_id = c.interaction_id AND g.tool_call = c.tool_call"
      " WHERE g.closed = 0 AND g.at >= ? AND g.repository = ? ORDER BY c.commit_id",
      {from, repository});
  if (!commits) return fail(commits.error());
  for (const store::Row row : *commits) {
    const auto found = places.find({row.text("interaction_id"), row.text("tool_call")});
    if (found != places.end()) edits[found->second].commits.push_back(row.text("commit_id"));
  }
  return edits;
}

Result<void> GitEditTable::load(GitEdit& edit) {
  const auto messages = messages_of(db_, {edit.output_node});
  if (!messages) {
    if (!is_of_one_conversation(messages.error())) return fail(messages.error());
    edit.closed = true;
    return {};
  }
  for (EditingCall& call : editing_calls(messages->front())) {
    ++edit.place;
    if (call.id != edit.tool_call) continue;
    for (FileEdit& file : call.files) edit.files.push_back({.edit = std::move(file)});
    break;
  }
  const auto made = was_made(edit);
  if (!made) return fail(made.error());
  edit.made = *made;
  if (edit.files.empty() || edit.made == EditMade::kNo) edit.closed = true;
  return {};
}

Result<EditMade> GitEditTable::was_made(const GitEdit& edit) {
  // Of those who know: that a call was interrupted, or not heard of again, is a guess.
  const auto said = db_.query(
      "SELECT kind FROM feedback WHERE interaction_id = ? AND handle_value = ?"
      " AND kind IN ('accepted', 'rejected') AND detail NOT LIKE '%\"weak\":true%'"
      " ORDER BY at DESC, id LIMIT 1",
      {edit.interaction, edit.tool_call});
  if (!said) return fail(said.error());
  if (!said->empty()) {
    return said->front().text("kind") == "accepted" ? EditMade::kYes : EditMade::kNo;
  }
  // Results stand directly below the answer, one a message.
  const auto below = db_.query(
      "WITH RECURSIVE below (id, block, step) AS ("
      " SELECT n.id, n.block, 1 FROM node n WHERE n.parent = ?"
      " UNION ALL SELECT n.id, n.block, w.step + 1 FROM below w JOIN node n ON n.parent = w.id"
      " WHERE w.step < 12)"
      " SELECT w.id FROM below w JOIN block b ON b.id = w.block WHERE b.role = 'tool'"
      " ORDER BY w.step, w.id LIMIT 64",
      {edit.output_node});
  if (!below) return fail(below.error());
  std::vector<std::int64_t> nodes;
  for (const store::Row row : *below) nodes.push_back(row.integer("id"));
  const auto messages = messages_of(db_, nodes);
  if (!messages) {
    if (!is_of_one_conversation(messages.error())) return fail(messages.error());
    return EditMade::kUnknown;
  }
  for (const json::object& message : *messages) {
    for (const json::value& part : wire::content_of(message)) {
      const auto* object = part.if_object();
      if (object == nullptr || string_or_empty(*object, "type") != "tool_result") continue;
      if (string_or_empty(*object, "id") != edit.tool_call) continue;
      if (truth_at(*object, "is_error")) return EditMade::kNo;
      return begins_like_a_failure(*object) ? EditMade::kUnknown : EditMade::kYes;
    }
  }
  return EditMade::kUnknown;
}

Result<GitEditTable::Mark> GitEditTable::mark(const std::string& repository) {
  const auto rows =
      db_.query("SELECT heads, read_at FROM git_repository WHERE id = ?", {repository});
  if (!rows) return fail(rows.error());
  Mark mark;
  if (rows->empty()) return mark;
  mark.heads = texts_of_json(rows->front().text("heads"));
  mark.read_at = rows->front().time("read_at");
  return mark;
}

Result<void> GitEditTable::save_one(const GitEdit& edit) {
  const auto done = db_.execute(
      "UPDATE git_edit SET repository = ?, commit_id = ?, committed_at = ?, merged = ?, checks = ?,"
      " closed = ? WHERE interaction_id = ? AND tool_call = ?",
      {edit.repository, edit.commit, edit.committed_at, edit.merged, texts_as_json(edit.checks),
       edit.closed, edit.interaction, edit.tool_call});
  if (!done) return fail(done.error());
  for (const std::string& commit : edit.new_commits) {
    const auto noted = db_.execute(
        "INSERT INTO git_commit (commit_id, interaction_id, tool_call) VALUES (?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        {commit, edit.interaction, edit.tool_call});
    if (!noted) return fail(noted.error());
    if (*noted == 0) continue;
    const auto due = db_.execute(
        "INSERT INTO outcome_due (commit_id, what) VALUES (?, ?) ON CONFLICT DO NOTHING",
        {commit, edit.interaction});
    if (!due) return fail(due.error());
  }
  return {};
}

Result<void> GitEditTable::save(const std::vector<GitEdit>& edits) {
  return db_.transaction([&]() -> Result<void> {
    for (const GitEdit& edit : edits) {
      if (auto saved = save_one(edit); !saved) return saved;
    }
    return {};
  });
}

Result<void> GitEditTable::save_heads(const std::string& repository,
                                      const std::vector<std::string>& heads, Time now) {
  return ran_on_edits(
      db_.execute("INSERT INTO git_repository (id, heads, read_at) VALUES (?, ?, ?)"
                  " ON CONFLICT (id) DO UPDATE SET heads = excluded.heads,"
                  " read_at = excluded.read_at",
                  {repository, texts_as_json(heads), now}));
}

Result<void> GitEditTable::close_older(Time than) {
  return ran_on_edits(
      db_.execute("UPDATE git_edit SET closed = 1 WHERE closed = 0 AND at < ?", {than}));
}

}  // namespace hone::feedback
