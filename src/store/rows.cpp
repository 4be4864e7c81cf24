#include "store/rows.h"

#include "store/records.h"
#include "store/tree_rows.h"

namespace hone::store {
namespace {

Result<void> run(Database& db, std::string_view sql, const Params& params) {
  auto done = db.execute(sql, params);
  if (!done) return fail(done.error());
  return {};
}

// Runs `step` for each item until one fails.
template <typename Item, typename Step>
Result<void> each(const std::vector<Item>& items, Step step) {
  for (const Item& item : items) {
    if (Result<void> done = step(item); !done) return done;
  }
  return {};
}

// `context` and `output`: the numbers of its nodes, or NULL.
Result<std::int64_t> insert_interaction(Database& db, const Interaction& i, const Value& context,
                                        const Value& output) {
  return db.execute(
      "INSERT INTO interaction (id, person_id, team_id, tool, wire, alias, arm, release_id,"
      " propensity, model, upstream, trainable, purpose, access_label, started_at, first_byte_ms,"
      " duration_ms, status, stop_reason, error, streamed, prompt_tokens, completion_tokens,"
      " cost, params, content, context_node, output_node, cached_tokens, key_id, retry_of)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
      " ?, ?, ?)"
      " ON CONFLICT DO NOTHING",
      {i.id,
       i.person,
       i.team,
       i.tool,
       i.wire,
       i.alias,
       i.arm,
       i.release,
       i.propensity,
       i.model,
       i.upstream,
       i.trainable,
       i.purpose,
       i.access_label,
       i.started_at,
       i.first_byte_ms,
       i.duration_ms,
       i.status,
       i.stop_reason,
       i.error,
       i.streamed,
       i.prompt_tokens,
       i.completion_tokens,
       i.cost,
       json::serialize(i.params),
       i.content,
       context,
       output,
       i.cached_tokens,
       i.key,
       i.retry_of});
}

// Its feedback has changed: the verdict must be made anew.
Result<void> mark_due(Database& db, const std::string& interaction) {
  return run(db, "INSERT INTO verdict_due (interaction_id) VALUES (?) ON CONFLICT DO NOTHING",
             {interaction});
}

// What it says about the answer before it is still to be read. Importers bring feedback of their
// own.
Result<void> mark_to_mine(Database& db, const Interaction& interaction) {
  if (interaction.wire == "import" || interaction.context_node.empty()) return {};
  return run(db,
             "INSERT INTO mining_due (interaction_id, due_at) VALUES (?, 0) ON CONFLICT DO NOTHING",
             {interaction.id});
}

// Links the feedback that came before the interaction which it names so.
Result<void> link_feedback(Database& db, const std::string& interaction, const Handle& handle) {
  const auto linked = db.execute(
      "UPDATE feedback SET interaction_id = ? WHERE interaction_id = '' AND"
      " handle_value = ? AND (handle_kind = '' OR handle_kind = ?)",
      {interaction, handle.value, handle.kind});
  if (!linked) return fail(linked.error());
  return *linked > 0 ? mark_due(db, interaction) : Result<void>();
}

// The names of an interaction. Its own id is one without a row: whoever looks for a handle asks
// interaction.id as well.
Result<void> write_handles(Database& db, const std::string& interaction,
                           const std::vector<Handle>& handles, bool feedback_waits) {
  const auto write = [&](const Handle& handle) {
    if (handle.kind == "id" && handle.value == interaction) return Result<void>();
    auto named = run(db,
                     "INSERT INTO handle (value, kind, interaction_id) VALUES (?, ?, ?)"
                     " ON CONFLICT DO NOTHING",
                     {handle.value, handle.kind, interaction});
    return named && feedback_waits ? link_feedback(db, interaction, handle) : named;
  };
  if (feedback_waits) {
    auto linked = link_feedback(db, interaction, {"id", interaction});
    if (!linked) return linked;
  }
  return each(handles, write);
}

// The tree first: the interaction's row refers to it by number.
Result<void> write_interaction(Database& db, const Interaction& interaction,
                               const RowOptions& options) {
  TreeWriter tree(db, options.compress);
  if (auto done = tree.write(interaction.blocks, interaction.nodes); !done) return done;
  const auto context = tree.reference(interaction.context_node);
  if (!context) return fail(context.error());
  const auto output = tree.reference(interaction.output_node);
  if (!output) return fail(output.error());
  const auto inserted = insert_interaction(db, interaction, *context, *output);
  if (!inserted) return fail(inserted.error());
  if (*inserted > 0) {
    if (auto marked = mark_to_mine(db, interaction); !marked) return marked;
  }
  auto named = write_handles(db, interaction.id, interaction.handles, options.feedback_waits);
  if (!named) return named;
  return run(db, "DELETE FROM interaction_start WHERE id = ?", {interaction.id});
}

// The interaction that `handle` names, or "": the one whose id it is, else the latest of those that
// have it.
Result<std::string> find_interaction(Database& db, const Handle& handle) {
  const bool any = handle.kind.empty();
  if (any || handle.kind == "id") {
    const auto own = db.query("SELECT id FROM interaction WHERE id = ?", {handle.value});
    if (!own) return fail(own.error());
    if (!own->empty()) return handle.value;
  }
  const std::string sql = std::string(
                              "SELECT i.id FROM handle h JOIN interaction i ON"
                              " i.id = h.interaction_id WHERE h.value = ?") +
                          (any ? "" : " AND h.kind = ?") +
                          " ORDER BY i.started_at DESC, i.id DESC LIMIT 1";
  const auto rows =
      any ? db.query(sql, {handle.value}) : db.query(sql, {handle.value, handle.kind});
  if (!rows) return fail(rows.error());
  return rows->empty() ? std::string() : rows->front().text("id");
}

Result<void> write_feedback(Database& db, const Feedback& f) {
  auto interaction = find_interaction(db, f.handle);
  if (!interaction) return fail(interaction.error());
  // A conflict is the same id, or the same key of the same source: the first one counts.
  const auto stored = db.execute(
      "INSERT INTO feedback (id, source, idempotency_key, handle_kind, handle_value,"
      " interaction_id, kind, by_whom, person_id, value, final_text, comment, detail, at,"
      " received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
      " ON CONFLICT DO NOTHING",
      {f.id, f.source, f.idempotency_key, f.handle.kind, f.handle.value, *interaction, f.kind, f.by,
       f.person, f.value, f.final_text, f.comment, json::serialize(f.detail), f.at, f.received_at});
  if (!stored) return fail(stored.error());
  if (*stored == 0) return {};
  if (!interaction->empty()) return mark_due(db, *interaction);
  if (f.handle.kind != "commit") return {};
  return run(db, "INSERT INTO outcome_due (commit_id, what) VALUES (?, ?) ON CONFLICT DO NOTHING",
             {f.handle.value, f.id});
}

// Which of the feedback that waits. `waits` says so in the words of an index.
struct WaitingPart {
  std::string waits;
  std::int64_t count = 0;
  std::int64_t expired = 0;
  std::int64_t crowded_out = 0;
};

Result<void> count_waiting(Database& db, WaitingPart& part) {
  const auto rows = db.query("SELECT COUNT(*) AS n FROM feedback WHERE " + part.waits);
  if (!rows) return fail(rows.error());
  part.count = rows->front().integer("n");
  return {};
}

// What waits is asked again of each row that is removed: another process may link it now.
Result<void> expire_waiting(Database& db, Time since, WaitingPart& part) {
  const auto expired = db.execute(
      "DELETE FROM feedback WHERE " + part.waits + " AND received_at > 0 AND received_at < ?",
      {since});
  if (!expired) return fail(expired.error());
  part.expired = *expired;
  return {};
}

Result<void> crowd_out(Database& db, std::int64_t at_most, WaitingPart& part) {
  if (part.count <= at_most) return {};
  const auto removed = db.execute("DELETE FROM feedback WHERE " + part.waits +
                                      " AND id IN (SELECT id FROM feedback WHERE " + part.waits +
                                      " ORDER BY received_at, id LIMIT ?)",
                                  {part.count - at_most});
  if (!removed) return fail(removed.error());
  part.crowded_out = *removed;
  part.count -= *removed;
  return {};
}

// The person's flag is what the latest consent that speaks of it says.
Result<void> apply_consent(Database& db, const Consent& c, std::string_view column, bool value) {
  const std::string name(column);
  return run(db,
             "UPDATE person SET " + name +
                 " = ? WHERE id = ? AND NOT EXISTS (SELECT 1 FROM consent"
                 " WHERE person_id = ? AND at > ? AND consent." +
                 name + " IS NOT NULL)",
             {value, c.person, c.person, c.at});
}

Result<void> write_consent(Database& db, const Consent& c) {
  const auto noted = run(db,
                         "INSERT INTO consent (id, person_id, capture, train, by_whom, at)"
                         " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                         {c.id, c.person, c.capture, c.train, c.by, c.at});
  if (!noted) return noted;
  if (c.capture) {
    if (auto done = apply_consent(db, c, "capture", *c.capture); !done) return done;
  }
  if (c.train) return apply_consent(db, c, "train", *c.train);
  return {};
}

template <typename Record>
Result<void> write_payload(Database& db, const Result<Record>& record,
                           Result<void> (*write)(Database&, const Record&)) {
  if (!record) return fail(record.error());
  return write(db, *record);
}

}  // namespace

Result<bool> feedback_waits(Database& db) {
  const auto rows = db.query("SELECT 1 AS one FROM feedback WHERE interaction_id = '' LIMIT 1", {});
  if (!rows) return fail(rows.error());
  return !rows->empty();
}

Result<void> write_record(Database& db, const OutboxRecord& record, const RowOptions& options) {
  switch (record.kind) {
    case RecordKind::kInteraction: {
      const auto interaction = read_interaction(record.payload);
      if (!interaction) return fail(interaction.error());
      return write_interaction(db, *interaction, options);
    }
    case RecordKind::kFeedback:
      return write_payload(db, read_feedback(record.payload), write_feedback);
    case RecordKind::kConsent:
      return write_payload(db, read_consent(record.payload), write_consent);
    case RecordKind::kInteractionStart:
    case RecordKind::kErasure:
      break;
  }
  return fail(ErrorCode::kInvalid,
              "no table takes records of kind " + std::to_string(static_cast<int>(record.kind)));
}

Result<void> write_start(Database& db, const InteractionStart& start, std::string_view outbox,
                         std::int64_t position) {
  return run(
      db,
      "INSERT INTO interaction_start (id, outbox, position, person_id, alias, model,"
      " started_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      {start.id, outbox, position, start.person, start.alias, start.model, start.started_at});
}

Result<std::int64_t> cut_off_starts(Database& db, std::string_view outbox, std::int64_t position) {
  const auto rows = db.query(
      "SELECT id, person_id, alias, model, started_at FROM interaction_start"
      " WHERE outbox = ? AND position <= ?",
      {outbox, position});
  if (!rows) return fail(rows.error());
  std::int64_t cut = 0;
  for (const Row row : *rows) {
    Interaction i;
    i.id = row.text("id");
    i.person = row.text("person_id");
    i.alias = row.text("alias");
    i.model = row.text("model");
    i.started_at = row.time("started_at");
    i.error = "the process ended before the answer did";
    i.content = "cut";
    const auto inserted = insert_interaction(db, i, Value(), Value());
    if (!inserted) return fail(inserted.error());
    cut += *inserted;
    if (auto linked = write_handles(db, i.id, {}, true); !linked) return fail(linked.error());
  }
  const auto done = run(db, "DELETE FROM interaction_start WHERE outbox = ? AND position <= ?",
                        {outbox, position});
  if (!done) return fail(done.error());
  if (cut > 0) {
    if (auto noted = count(db, "interactions_cut_off", cut); !noted) return fail(noted.error());
  }
  return cut;
}

Result<void> count(Database& db, std::string_view name, std::int64_t more) {
  return run(db,
             "INSERT INTO counter (name, value) VALUES (?, ?)"
             " ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value",
             {name, more});
}

Result<std::int64_t> link_waiting_feedback(Database& db) {
  const auto rows = db.query(
      "SELECT f.id, f.handle_kind, f.handle_value FROM feedback f"
      " JOIN handle h ON h.value = f.handle_value"
      " WHERE f.interaction_id = '' AND (f.handle_kind = '' OR f.handle_kind = h.kind)"
      " UNION SELECT f.id, f.handle_kind, f.handle_value FROM feedback f"
      " JOIN interaction i ON i.id = f.handle_value"
      " WHERE f.interaction_id = '' AND f.handle_kind IN ('', 'id')");
  if (!rows) return fail(rows.error());
  for (const Row row : *rows) {
    auto interaction = find_interaction(db, {row.text("handle_kind"), row.text("handle_value")});
    if (!interaction) return fail(interaction.error());
    if (interaction->empty()) continue;
    auto linked = run(db, "UPDATE feedback SET interaction_id = ? WHERE id = ?",
                      {*interaction, row.text("id")});
    if (linked) linked = mark_due(db, *interaction);
    if (!linked) return fail(linked.error());
  }
  return static_cast<std::int64_t>(rows->size());
}

Result<WaitingFeedback> bound_waiting_feedback(Database& db, Time since, std::int64_t at_most) {
  WaitingPart outcomes{.waits = "interaction_id = '' AND handle_kind = 'commit'"};
  WaitingPart others{.waits = "interaction_id = '' AND handle_kind <> 'commit'"};
  for (WaitingPart* part : {&outcomes, &others}) {
    if (auto done = expire_waiting(db, since, *part); !done) return fail(done.error());
  }
  if (auto done = count_waiting(db, outcomes); !done) return fail(done.error());
  // All together stand in one index, so that nobody need be asked for his kind.
  WaitingPart all{.waits = "interaction_id = ''"};
  if (auto done = count_waiting(db, all); !done) return fail(done.error());
  others.count = all.count - outcomes.count;
  for (WaitingPart* part : {&outcomes, &others}) {
    if (auto done = crowd_out(db, at_most, *part); !done) return fail(done.error());
  }
  for (const auto& [name, more] : {std::pair("feedback_expired", others.expired),
                                   std::pair("feedback_crowded_out", others.crowded_out),
                                   std::pair("outcomes_expired", outcomes.expired),
                                   std::pair("outcomes_crowded_out", outcomes.crowded_out)}) {
    if (more == 0) continue;
    if (auto done = count(db, name, more); !done) return fail(done.error());
  }
  return WaitingFeedback{.waits = others.count,
                         .expired = others.expired,
                         .crowded_out = others.crowded_out,
                         .outcomes = outcomes.count,
                         .outcomes_expired = outcomes.expired,
                         .outcomes_crowded_out = outcomes.crowded_out};
}

}  // namespace hone::store
