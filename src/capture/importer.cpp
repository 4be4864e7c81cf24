#include "capture/importer.h"

#include <filesystem>
#include <utility>

#include "capture/import_map.h"
#include "capture/import_record.h"
#include "store/database.h"
#include "store/outbox.h"

namespace hone::capture {
namespace {

constexpr std::size_t kMaxJoined = 1'000'000;
constexpr std::size_t kMaxJoinedBytes = 256U << 20;

Result<void> append(store::Outbox& outbox, store::OutboxRecord record) {
  const auto position = outbox.append(record);
  if (!position) return fail(position.error());
  return {};
}

// The file that each record finds its partner in. The smaller of the two: it is held in memory.
Result<JoinTable> load_join(const std::string& path, const MapJoin& join, ImportWriter& writer) {
  auto records = open_records(path, join.shape);
  if (!records) return fail(records.error());
  JoinTable table;
  std::size_t bytes = 0;
  for (;;) {
    auto record = (*records)->next();
    if (!record && !(*records)->may_go_on()) return fail(record.error().with(path));
    if (!record) {
      writer.left_out("join_malformed");
      continue;
    }
    if (!*record) return table;
    const json::value value(std::move(**record));
    const auto key = read_text(join.their_key, {.record = &value});
    if (!key || key->empty()) {
      writer.left_out("join_malformed");
      continue;
    }
    bytes += json::serialize(value).size() + key->size();
    if (table.size() >= kMaxJoined || bytes > kMaxJoinedBytes) {
      return fail(ErrorCode::kTooLarge,
                  path +
                      " has over a million records or 256 MiB, which is too much to join with; "
                      "import it, and join it with the other file");
    }
    if (!table.emplace(*key, value).second) writer.left_out("join_conflict");
  }
}

std::string join_path(const std::string& file, const ImportMap& map, const ImportOptions& options) {
  if (!options.join.empty()) return options.join;
  return (std::filesystem::path(file).parent_path() / map.join->file).string();
}

json::object counts(const std::map<std::string, std::int64_t>& by_name) {
  json::object object;
  for (const auto& [name, count] : by_name) object[name] = count;
  return object;
}

}  // namespace

json::object to_json(const ImportReport& report) {
  json::array errors;
  for (const auto& error : report.errors) errors.push_back(json::string(error));
  json::object object{{"records", report.records},
                      {"people", report.people},
                      {"interactions", report.interactions},
                      {"trainable", report.trainable},
                      {"tasks", report.tasks},
                      {"feedback", counts(report.feedback)},
                      {"left_out", counts(report.left_out)},
                      {"errors", std::move(errors)}};
  if (report.ended_early) object["ended_early"] = json::string(*report.ended_early);
  if (report.added) object["added"] = *report.added;
  return object;
}

Result<ImportReport> import_file(const std::string& path, const ImportMap& map,
                                 const ImportOptions& options, const ImportParts& parts,
                                 const ImportSink& sink) {
  ImportOptions complete = options;
  if (complete.source.empty()) complete.source = map.name;
  if (complete.team.empty()) complete.team = complete.source;
  if (!map.join && !options.join.empty()) {
    return fail(ErrorCode::kInvalid, "the map '" + map.name + "' joins with nothing: add [join]");
  }
  if (map.join && map.join->file.empty() && options.join.empty()) {
    return fail(ErrorCode::kInvalid,
                "the map '" + map.name + "' joins with a second file: name it with --join FILE");
  }
  auto records = open_records(path, map.file);
  if (!records) return fail(records.error());
  ImportWriter writer(complete, parts, sink);
  JoinTable join;
  if (map.join) {
    auto loaded = load_join(join_path(path, map, options), *map.join, writer);
    if (!loaded) return fail(loaded.error());
    join = std::move(*loaded);
  }
  if (auto read = read_mapped(**records, map, join, writer); !read) {
    return fail(read.error().with(path));
  }
  return writer.take_report();
}

ImportSink dry_sink(people::Consents consents) {
  ImportSink sink;
  sink.person = [consents](std::string_view name, std::string_view team) -> Result<people::Person> {
    people::Person person;
    person.id = "per_dry_run";
    person.name = name;
    person.team = team;
    person.team_name = team;
    person.consents = consents;
    return person;
  };
  sink.interaction = [](const store::Interaction&) -> Result<void> { return {}; };
  sink.feedback = [](const store::Feedback&) -> Result<void> { return {}; };
  return sink;
}

ImportSink outbox_sink(store::Outbox& outbox, people::Roster& roster, people::Consents consents) {
  ImportSink sink;
  sink.person = [&roster, consents](std::string_view name, std::string_view team) {
    return roster.ensure_person({.name = std::string(name),
                                 .team = std::string(team),
                                 .role = people::Role::kEmployee,
                                 .consents = consents});
  };
  sink.interaction = [&outbox](const store::Interaction& interaction) {
    return append(outbox, {.kind = store::RecordKind::kInteraction,
                           .id = interaction.id,
                           .persons = {interaction.person},
                           .payload = store::to_payload(interaction)});
  };
  sink.feedback = [&outbox](const store::Feedback& feedback) {
    return append(outbox, {.kind = store::RecordKind::kFeedback,
                           .id = feedback.id,
                           .persons = {feedback.person},
                           .payload = store::to_payload(feedback)});
  };
  return sink;
}

KnownInteraction known_in(store::Database& database) {
  return [&database](const store::Handle& handle, std::string_view session) -> Result<std::string> {
    const auto rows = database.query(
        "SELECT i.id FROM handle h JOIN interaction i ON i.id = h.interaction_id"
        " WHERE h.value = ? AND h.kind = ? AND (? = ''"
        " OR EXISTS (SELECT 1 FROM handle s WHERE s.interaction_id = i.id AND s.kind = 'session'"
        " AND s.value = ?)"
        " OR NOT EXISTS (SELECT 1 FROM handle s WHERE s.interaction_id = i.id"
        " AND s.kind = 'session')) ORDER BY i.started_at, i.id LIMIT 1",
        {handle.value, handle.kind, session, session});
    if (!rows) return fail(rows.error());
    return rows->empty() ? std::string() : rows->front().text("id");
  };
}

}  // namespace hone::capture
