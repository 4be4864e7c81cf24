// Fills a migrated database with people, interactions and feedback, as the indexer would:
//
//   test::SampleStore sample(*db);
//   sample.person("ann");
//   sample.interaction({.id = "i1", .person = "ann", .prompt = "Hi", .answer = "Hello"});
//   sample.feedback("i1", {.kind = "edited", .final_text = "Good morning"});
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "store/database.h"
#include "store/tree.h"
#include "store/tree_rows.h"

namespace hone::test {

struct SampleInteraction {
  std::string id;
  std::string person = {};
  std::string prompt = "Hi";
  std::string answer = "Hello";
  std::vector<json::object> before = {};  // messages that lead up to the prompt
  std::string team = "team";
  std::string alias = "assistant";
  std::string arm = {};
  std::string purpose = {};
  bool trainable = true;
  std::string content = "stored";
  Time at = from_millis(1'000'000);
  std::vector<json::object> context = {};  // in the place of `before` and `prompt`
  json::object said = {};                  // in the place of `answer`
};

struct SampleFeedback {
  std::string kind = "accepted";
  std::string by = "person";
  std::optional<double> value = {};
  std::optional<std::string> final_text = {};
  std::string person = {};
};

[[nodiscard]] inline json::object sample_message(std::string_view role, std::string_view text) {
  return {{"role", role}, {"content", json::array{{{"type", "text"}, {"text", text}}}}};
}

class SampleStore {
 public:
  explicit SampleStore(store::Database& database) : database_(database) {
    // Thousands of rows, none of which need survive a power cut.
    if (database.dialect() == store::Database::Dialect::kSqlite) {
      EXPECT_TRUE(database.execute_script("PRAGMA synchronous = OFF"));
    }
  }

  void person(const std::string& id, bool train = true) {
    run("INSERT INTO person (id, team_id, role, capture, train, created_at)"
        " VALUES (?, 'team', 'employee', 1, ?, 0)",
        {id, train});
  }

  void interaction(const SampleInteraction& sample) {
    std::vector<json::object> messages = sample.context;
    if (messages.empty()) {
      messages = sample.before;
      messages.push_back(sample_message("user", sample.prompt));
    }
    const auto said =
        sample.said.empty() ? sample_message("assistant", sample.answer) : sample.said;
    const auto context = store::build_path("key", messages);
    const auto answer = store::build_path("key", {said}, context.leaf, context.depth);
    const bool stored = sample.content == "stored";
    store::TreeWriter tree(database_, true);
    if (stored) {
      write_path(tree, context);
      write_path(tree, answer);
    }
    const auto context_node = tree.reference(stored ? context.leaf : "");
    const auto output_node = tree.reference(stored ? answer.leaf : "");
    ASSERT_TRUE(context_node && output_node);
    run("INSERT INTO interaction (id, person_id, team_id, tool, wire, alias, arm, release_id,"
        " propensity, model, upstream, trainable, purpose, access_label, started_at, first_byte_ms,"
        " duration_ms, status, stop_reason, error, streamed, prompt_tokens, completion_tokens,"
        " cost, params, content, context_node, output_node) VALUES (?, ?, ?, 'sdk',"
        " 'openai-chat', ?, ?, '', 1, 'base', 'engine', ?, ?, '', ?, 1, 2, 200, 'stop', '', 0, 3, "
        "4,"
        " 0, '{}', ?, ?, ?)",
        {sample.id, sample.person, sample.team, sample.alias, sample.arm, sample.trainable,
         sample.purpose, sample.at, sample.content, *context_node, *output_node});
  }

  // One second after the feedback before it.
  void feedback(const std::string& interaction, const SampleFeedback& sample) {
    const std::string number = std::to_string(++feedbacks_);
    const Time at = from_millis(2'000'000 + 1000 * feedbacks_);
    run("INSERT INTO feedback (id, source, idempotency_key, handle_kind, handle_value,"
        " interaction_id, kind, by_whom, person_id, value, final_text, comment, detail, at,"
        " received_at) VALUES (?, ?, ?, 'id', ?, ?, ?, ?, ?, ?, ?, NULL, '{}', ?, ?)",
        {"fb_" + number, "api:" + sample.person, number, interaction, interaction, sample.kind,
         sample.by, sample.person, sample.value, sample.final_text, at, at});
    run("INSERT INTO verdict_due (interaction_id) VALUES (?) ON CONFLICT DO NOTHING",
        {interaction});
  }

 private:
  static void write_path(store::TreeWriter& tree, const store::Path& path) {
    const auto written = tree.write(path.blocks, path.nodes);
    ASSERT_TRUE(written) << written.error().message;
  }
  void run(std::string_view sql, const store::Params& params) {
    const auto done = database_.execute(sql, params);
    ASSERT_TRUE(done) << done.error().message;
  }

  store::Database& database_;
  std::int64_t feedbacks_ = 0;
};

}  // namespace hone::test
