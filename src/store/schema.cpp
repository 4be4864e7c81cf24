#include "store/schema.h"

#include <array>

namespace hone::store {
namespace {

// Times are UTC milliseconds, truths are 0 or 1, digests are lower-case hex, JSON is TEXT. One text
// for SQLite and PostgreSQL: no type or function that only one of them has, but for the words of
// kWords.
constexpr std::string_view kFirst = R"sql(
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

-- How far each outbox has been indexed, kept in the same transaction as what it wrote.
CREATE TABLE outbox_position (outbox TEXT PRIMARY KEY, position BIGINT NOT NULL);

-- Counted losses and refusals: "interactions_cut_off", "records_tombstoned", ...
CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL);

CREATE TABLE team (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL);

-- A person is a pseudonym; the name stands apart in person_name, so that it can be withheld or erased.
CREATE TABLE person (id TEXT PRIMARY KEY, team_id TEXT NOT NULL, role TEXT NOT NULL,
  capture BIGINT NOT NULL, train BIGINT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE person_name (person_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE consent (id TEXT PRIMARY KEY, person_id TEXT NOT NULL, capture BIGINT, train BIGINT,
  by_whom TEXT NOT NULL, at BIGINT NOT NULL);

CREATE TABLE api_key (id TEXT PRIMARY KEY, person_id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL, revoked_at BIGINT);

CREATE TABLE block (hash TEXT PRIMARY KEY, role TEXT NOT NULL, content TEXT NOT NULL);
CREATE TABLE node (hash TEXT PRIMARY KEY, parent TEXT NOT NULL, block TEXT NOT NULL, depth BIGINT NOT NULL);
CREATE INDEX node_parent ON node (parent);

CREATE TABLE interaction (
  id TEXT PRIMARY KEY, person_id TEXT NOT NULL, team_id TEXT NOT NULL, tool TEXT NOT NULL,
  wire TEXT NOT NULL, alias TEXT NOT NULL, arm TEXT NOT NULL, release_id TEXT NOT NULL,
  propensity DOUBLE PRECISION NOT NULL, model TEXT NOT NULL, upstream TEXT NOT NULL,
  trainable BIGINT NOT NULL, purpose TEXT NOT NULL, access_label TEXT NOT NULL,
  started_at BIGINT NOT NULL, first_byte_ms BIGINT NOT NULL, duration_ms BIGINT NOT NULL,
  status BIGINT NOT NULL, stop_reason TEXT NOT NULL, error TEXT NOT NULL, streamed BIGINT NOT NULL,
  prompt_tokens BIGINT NOT NULL, completion_tokens BIGINT NOT NULL, cost_usd DOUBLE PRECISION NOT NULL,
  params TEXT NOT NULL, content TEXT NOT NULL, context_node TEXT NOT NULL, output_node TEXT NOT NULL);
CREATE INDEX interaction_started ON interaction (started_at);
CREATE INDEX interaction_person ON interaction (person_id, started_at);
CREATE INDEX interaction_context ON interaction (context_node);
CREATE INDEX interaction_release ON interaction (release_id);

CREATE TABLE handle (kind TEXT NOT NULL, value TEXT NOT NULL, interaction_id TEXT NOT NULL,
  PRIMARY KEY (kind, value, interaction_id));
CREATE INDEX handle_value ON handle (value);

-- interaction_id is empty while the feedback waits for its interaction.
CREATE TABLE feedback (id TEXT PRIMARY KEY, source TEXT NOT NULL, idempotency_key TEXT NOT NULL,
  handle_kind TEXT NOT NULL, handle_value TEXT NOT NULL, interaction_id TEXT NOT NULL,
  kind TEXT NOT NULL, by_whom TEXT NOT NULL, person_id TEXT NOT NULL, value DOUBLE PRECISION,
  final_text TEXT, comment TEXT, detail TEXT NOT NULL, at BIGINT NOT NULL, received_at BIGINT NOT NULL,
  UNIQUE (source, idempotency_key));
CREATE INDEX feedback_interaction ON feedback (interaction_id);
CREATE INDEX feedback_waiting ON feedback (handle_value);

-- Derived from feedback under a policy; can be dropped and made again.
CREATE TABLE verdict (interaction_id TEXT PRIMARY KEY, policy TEXT NOT NULL, verdict TEXT NOT NULL,
  strength DOUBLE PRECISION NOT NULL, final_text TEXT, edit_distance DOUBLE PRECISION,
  reasons TEXT NOT NULL, decided_at BIGINT NOT NULL);

-- decided_at is the time of the newest feedback that the verdict rests on.
CREATE INDEX verdict_decided ON verdict (decided_at);

CREATE TABLE dataset (digest TEXT PRIMARY KEY, name TEXT NOT NULL, recipe TEXT NOT NULL,
  folder TEXT NOT NULL, seed BIGINT NOT NULL, examples BIGINT NOT NULL, counts TEXT NOT NULL,
  left_out TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE dataset_example (dataset_digest TEXT NOT NULL, example_id TEXT NOT NULL,
  kind TEXT NOT NULL, split TEXT NOT NULL, interaction_id TEXT NOT NULL, person_id TEXT NOT NULL,
  PRIMARY KEY (dataset_digest, example_id, interaction_id));
CREATE INDEX dataset_example_person ON dataset_example (person_id);

CREATE TABLE run (id TEXT PRIMARY KEY, recipe TEXT NOT NULL, dataset_digest TEXT NOT NULL,
  base_model TEXT NOT NULL, method TEXT NOT NULL, seed BIGINT NOT NULL, folder TEXT NOT NULL,
  state TEXT NOT NULL, result TEXT NOT NULL, started_at BIGINT NOT NULL, finished_at BIGINT);

-- kind: "base" or "adapter"; parent is the base of an adapter; folder is in Hugging Face layout.
CREATE TABLE model (digest TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,
  parent TEXT NOT NULL, run_id TEXT NOT NULL, folder TEXT NOT NULL, trainable BIGINT NOT NULL,
  created_at BIGINT NOT NULL);

CREATE TABLE evaluation (id TEXT PRIMARY KEY, model TEXT NOT NULL, baseline TEXT NOT NULL,
  dataset_digest TEXT NOT NULL, passed BIGINT NOT NULL, results TEXT NOT NULL, created_at BIGINT NOT NULL);

-- What an alias serves when no release is running.
CREATE TABLE alias (name TEXT PRIMARY KEY, upstream TEXT NOT NULL, model TEXT NOT NULL,
  changed_at BIGINT NOT NULL);

-- state: "canary", "promoted", "rolled_back", "ended". share: fraction of people on the candidate;
-- holdback and reserve: fractions that stay on the baseline for good, and until the release has ended.
CREATE TABLE release (id TEXT PRIMARY KEY, alias TEXT NOT NULL, baseline TEXT NOT NULL,
  candidate TEXT NOT NULL, state TEXT NOT NULL, share DOUBLE PRECISION NOT NULL,
  holdback DOUBLE PRECISION NOT NULL, reserve DOUBLE PRECISION NOT NULL, salt TEXT NOT NULL,
  evaluation_id TEXT NOT NULL, recipe TEXT NOT NULL, reason TEXT NOT NULL,
  started_at BIGINT NOT NULL, decided_at BIGINT);

-- Everything that happened to a release, in order: shares, looks, decisions, with the numbers seen.
CREATE TABLE release_event (release_id TEXT NOT NULL, number BIGINT NOT NULL, kind TEXT NOT NULL,
  at BIGINT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (release_id, number));

CREATE TABLE assignment (release_id TEXT NOT NULL, person_id TEXT NOT NULL, arm TEXT NOT NULL,
  propensity DOUBLE PRECISION NOT NULL, share DOUBLE PRECISION NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (release_id, person_id, at));
)sql";

// Interactions whose feedback changed since their verdict was made. Whoever links feedback to an
// interaction adds its id in the same transaction (nothing happens where it is there already);
// feedback::refresh empties the table, so that it costs what is new and not what is stored.
constexpr std::string_view kVerdictDue = R"sql(
CREATE TABLE verdict_due (interaction_id TEXT PRIMARY KEY);
)sql";

constexpr std::string_view kStarts = R"sql(
-- Interactions that have started and not ended, as far as indexed. What an earlier process left here becomes
-- an interaction with content 'cut'.
CREATE TABLE interaction_start (id TEXT PRIMARY KEY, outbox TEXT NOT NULL, position BIGINT NOT NULL,
  person_id TEXT NOT NULL, alias TEXT NOT NULL, model TEXT NOT NULL, started_at BIGINT NOT NULL);
CREATE INDEX interaction_start_outbox ON interaction_start (outbox, position);

-- Records that could not become rows, kept whole until somebody looks.
CREATE TABLE set_aside (outbox TEXT NOT NULL, position BIGINT NOT NULL, kind BIGINT NOT NULL,
  record_id TEXT NOT NULL, reason TEXT NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (outbox, position));
)sql";

constexpr std::string_view kCosts = R"sql(
-- In the currency of setting "currency".
ALTER TABLE interaction RENAME COLUMN cost_usd TO cost;
-- Of prompt_tokens, those read from the provider's cache.
ALTER TABLE interaction ADD COLUMN cached_tokens BIGINT NOT NULL DEFAULT 0;
-- The API key that asked, where it has a limit of its own.
ALTER TABLE interaction ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
)sql";

// A hash of 64 digits stood in every row and index that referred to a node or a block; now it
// stands in one row and one index, as 32 bytes, and everything else refers to it by number. An
// interaction's own id is no longer a row of handle: whoever looks for one asks interaction.id too.
constexpr std::string_view kSmall = R"sql(
ALTER TABLE block RENAME TO old_block;
ALTER TABLE node RENAME TO old_node;
ALTER TABLE handle RENAME TO old_handle;

-- One of content and packed (zstd) is not null.
CREATE TABLE block (id @id@, hash @bytes@ NOT NULL UNIQUE, role TEXT NOT NULL, content TEXT, packed @bytes@);
INSERT INTO block (hash, role, content) SELECT decode(hash, 'hex'), role, content FROM old_block;

-- parent is null at a root. block is null while the node is only a name: something refers to it, and the
-- record that brings it has not come (or never will, where it was damaged or erased).
CREATE TABLE node (id @id@, hash @bytes@ NOT NULL UNIQUE, parent BIGINT, block BIGINT, depth BIGINT NOT NULL);
INSERT INTO node (hash, block, depth)
  SELECT decode(n.hash, 'hex'), b.id, n.depth
  FROM old_node n LEFT JOIN block b ON b.hash = decode(n.block, 'hex');
INSERT INTO node (hash, depth)
  SELECT decode(n.parent, 'hex'), n.depth - 1 FROM old_node n
  WHERE n.parent <> '' AND NOT EXISTS (SELECT 1 FROM old_node o WHERE o.hash = n.parent)
  ON CONFLICT DO NOTHING;
INSERT INTO node (hash, depth)
  SELECT decode(i.context_node, 'hex'), 0 FROM interaction i
  WHERE i.context_node <> '' AND NOT EXISTS (SELECT 1 FROM old_node o WHERE o.hash = i.context_node)
  ON CONFLICT DO NOTHING;
INSERT INTO node (hash, depth)
  SELECT decode(i.output_node, 'hex'), 0 FROM interaction i
  WHERE i.output_node <> '' AND NOT EXISTS (SELECT 1 FROM old_node o WHERE o.hash = i.output_node)
  ON CONFLICT DO NOTHING;
UPDATE node SET parent = (SELECT p.id FROM old_node o JOIN node p ON p.hash = decode(o.parent, 'hex')
  WHERE o.hash = encode(node.hash, 'hex'));

-- Null: no content, or no answer.
ALTER TABLE interaction ADD COLUMN context_id BIGINT;
ALTER TABLE interaction ADD COLUMN output_id BIGINT;
UPDATE interaction SET
  context_id = (SELECT n.id FROM node n WHERE n.hash = decode(interaction.context_node, 'hex')),
  output_id = (SELECT n.id FROM node n WHERE n.hash = decode(interaction.output_node, 'hex'));
DROP INDEX interaction_context;
ALTER TABLE interaction DROP COLUMN context_node;
ALTER TABLE interaction DROP COLUMN output_node;
ALTER TABLE interaction RENAME COLUMN context_id TO context_node;
ALTER TABLE interaction RENAME COLUMN output_id TO output_node;
CREATE INDEX interaction_context ON interaction (context_node);

CREATE TABLE handle (value TEXT NOT NULL, kind TEXT NOT NULL, interaction_id TEXT NOT NULL,
  PRIMARY KEY (value, kind, interaction_id)) @one_tree@;
INSERT INTO handle (value, kind, interaction_id)
  SELECT value, kind, interaction_id FROM old_handle WHERE kind <> 'id' OR value <> interaction_id
  ORDER BY value, kind, interaction_id;
-- From an interaction to the others of its session.
CREATE INDEX handle_session ON handle (interaction_id) WHERE kind = 'session';

DROP TABLE old_block;
DROP TABLE old_node;
DROP TABLE old_handle;
CREATE INDEX node_parent ON node (parent);

-- Only what is looked for: a query must say `release_id <> ''` (`interaction_id = ''`) to go by these.
DROP INDEX interaction_release;
CREATE INDEX interaction_release ON interaction (release_id) WHERE release_id <> '';
DROP INDEX feedback_waiting;
CREATE INDEX feedback_waiting ON feedback (handle_value) WHERE interaction_id = '';
)sql";

constexpr std::string_view kKeyLimitsAndRetries = R"sql(
-- What the key may use at most, beside what hone.toml says: {"requests_per_minute": 60, ...}, '' for no limit.
ALTER TABLE api_key ADD COLUMN limits TEXT NOT NULL DEFAULT '';
-- The attempt before this one: the same body, whose client did not get its answer. '' for none.
ALTER TABLE interaction ADD COLUMN retry_of TEXT NOT NULL DEFAULT '';
CREATE INDEX interaction_retry ON interaction (retry_of) WHERE retry_of <> '';
)sql";

// Interactions that feedback is still to be mined from (feedback/miner.h): at once where due_at is
// 0, else from that time on. The indexer adds what it writes; who mines takes it out once what was
// found is in the outbox.
constexpr std::string_view kMiningDue = R"sql(
CREATE TABLE mining_due (interaction_id TEXT PRIMARY KEY, due_at BIGINT NOT NULL);
CREATE INDEX mining_due_at ON mining_due (due_at, interaction_id);
)sql";

// People of whom something is held against their opinions (feedback/habits.h), as of the last
// replay of verdicts. Derived; can be dropped and made again.
constexpr std::string_view kDeciderHabits = R"sql(
CREATE TABLE decider (person_id TEXT PRIMARY KEY, opinions BIGINT NOT NULL, accepted BIGINT NOT NULL,
  rejected BIGINT NOT NULL, expected_accepted DOUBLE PRECISION NOT NULL,
  expected_rejected DOUBLE PRECISION NOT NULL, careless DOUBLE PRECISION NOT NULL,
  contrary DOUBLE PRECISION NOT NULL, unkept DOUBLE PRECISION NOT NULL);
)sql";

constexpr std::string_view kKeyScope = R"sql(
-- What the key opens: 'all', or 'feedback' (it may say what became of an answer, and read nothing).
ALTER TABLE api_key ADD COLUMN scope TEXT NOT NULL DEFAULT 'all';
)sql";

constexpr std::string_view kGit = R"sql(
-- A tool call that edits files, followed through git (feedback/git_observer.h). repository is '' until one is
-- known to be meant; commit_id is '' until its lines are in a commit; checks is JSON, the names of those made.
CREATE TABLE git_edit (interaction_id TEXT NOT NULL, tool_call TEXT NOT NULL, person_id TEXT NOT NULL,
  at BIGINT NOT NULL, paths TEXT NOT NULL, repository TEXT NOT NULL, commit_id TEXT NOT NULL,
  committed_at BIGINT NOT NULL, merged BIGINT NOT NULL, checks TEXT NOT NULL, closed BIGINT NOT NULL,
  PRIMARY KEY (interaction_id, tool_call));
CREATE INDEX git_edit_open ON git_edit (at) WHERE closed = 0;
-- Which edits a commit brought in; of one that was rewritten, both commits.
CREATE TABLE git_commit (commit_id TEXT NOT NULL, interaction_id TEXT NOT NULL, tool_call TEXT NOT NULL,
  PRIMARY KEY (commit_id, interaction_id, tool_call));
CREATE INDEX git_commit_edit ON git_commit (interaction_id);
-- Where branches stood when a repository was last read: JSON.
CREATE TABLE git_repository (id TEXT PRIMARY KEY, heads TEXT NOT NULL, read_at BIGINT NOT NULL);
)sql";

constexpr std::string_view kDatasetsOfInteraction = R"sql(
-- From an interaction to the datasets that use it.
CREATE INDEX dataset_example_interaction ON dataset_example (interaction_id);
)sql";

// Commits of which something is new: an outcome, or an interaction whose edits they brought in.
// Whoever writes either adds it in the same transaction, under the id of what is new;
// feedback::spread_outcomes takes out what it has read, and no more.
constexpr std::string_view kOutcomeDue = R"sql(
CREATE TABLE outcome_due (commit_id TEXT NOT NULL, what TEXT NOT NULL, PRIMARY KEY (commit_id, what));
INSERT INTO outcome_due (commit_id, what)
  SELECT handle_value, id FROM feedback WHERE interaction_id = '' AND handle_kind = 'commit';
-- Outcomes wait for good, the rest for its interaction: each is counted and bounded by itself.
CREATE INDEX feedback_outcome ON feedback (handle_value)
  WHERE interaction_id = '' AND handle_kind = 'commit';
)sql";

// What the two databases call differently.
struct Word {
  std::string_view word, sqlite, postgres;
};
constexpr std::array<Word, 3> kWords = {{
    {"@id@", "INTEGER PRIMARY KEY", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"},
    {"@bytes@", "BLOB", "BYTEA"},
    {"@one_tree@", "WITHOUT ROWID", ""},  // a table that is its primary key's index
}};

}  // namespace

std::string in_dialect(std::string_view sql, Database::Dialect dialect) {
  std::string text(sql);
  for (const Word& word : kWords) {
    const auto own = dialect == Database::Dialect::kSqlite ? word.sqlite : word.postgres;
    for (std::size_t at = text.find(word.word); at != std::string::npos;
         at = text.find(word.word, at + own.size())) {
      text.replace(at, word.word.size(), own);
    }
  }
  return text;
}

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> all = {
      {1, "first tables", kFirst},
      {2, "verdicts that are due", kVerdictDue},
      {3, "starts, and records set aside", kStarts},
      {4, "costs", kCosts},
      {5, "numbers for the tree", kSmall},
      {6, "limits of keys, retries", kKeyLimitsAndRetries},
      {7, "what is to be mined", kMiningDue},
      {8, "habits of deciders", kDeciderHabits},
      {9, "what a key opens", kKeyScope},
      {10, "edits in git", kGit},
      {11, "datasets of an interaction", kDatasetsOfInteraction},
      {12, "outcomes of commits", kOutcomeDue}};
  return all;
}

Result<void> check_schema(Database& db) {
  const auto rows = db.query("SELECT COALESCE(MAX(number), 0) AS newest FROM schema_migration");
  if (!rows) return fail(rows.error());
  if (rows->front().integer("newest") <= migrations().back().number) return {};
  return fail(ErrorCode::kUnavailable,
              "a newer Hone has migrated the database; records wait in the outbox for it");
}

}  // namespace hone::store
