// hone feedback mine: what conversations say about the answers in them; hone feedback waiting:
// what has not found its interaction.
#include "cli/command.h"
#include "cli/policy.h"
#include "feedback/miner.h"
#include "feedback/verdicts.h"

namespace hone::cli {
namespace {

struct FeedbackOptions {
  std::string rules;
  bool again = false;
};

constexpr std::int64_t kBatch = 2'000;

Result<void> mine(const Invocation& call, const FeedbackOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  const auto rules = load_mining_rules((*workspace)->settings(), options.rules);
  if (!rules) return fail(rules.error());
  const auto policy = load_policy((*workspace)->settings());
  if (!policy) return fail(policy.error());
  auto& database = (*workspace)->database();
  if (options.again) {
    const auto due = feedback::mine_again(database, *rules);
    if (!due) return fail(due.error());
    remark(std::to_string(*due) + " interactions are read again");
  }
  feedback::Miner miner(database, *rules, (*workspace)->clock());
  feedback::MiningReport total;
  for (bool more = true; more;) {
    const auto report = miner.mine_batch(
        [&](std::vector<store::OutboxRecord> records) {
          return (*workspace)->capture(std::move(records));
        },
        kBatch);
    if (!report) return fail(report.error());
    total.interactions += report->interactions;
    total.signals += report->signals;
    total.unreadable += report->unreadable;
    more = report->interactions > 0;
  }
  const auto decided = feedback::refresh(database, *policy);
  if (!decided) return fail(decided.error());
  show(call, json::object{{"rules", rules->version},
                          {"interactions", total.interactions},
                          {"signals", total.signals},
                          {"unreadable", total.unreadable}});
  return {};
}

constexpr std::int64_t kMostWaitingShown = 100;

Result<void> show_waiting(const Invocation& call) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto& database = (*workspace)->database();
  const auto rows = database.query(
      "SELECT source, handle_kind, COUNT(*) AS n, MIN(received_at) AS oldest FROM feedback"
      " WHERE interaction_id = '' GROUP BY source, handle_kind ORDER BY 3 DESC, 1, 2 LIMIT ?",
      {kMostWaitingShown});
  if (!rows) return fail(rows.error());
  const auto all =
      database.query("SELECT COUNT(*) AS n FROM feedback WHERE interaction_id = ''", {});
  if (!all) return fail(all.error());
  json::array sources;
  for (const store::Row row : *rows) {
    sources.push_back(json::object{{"source", row.text("source")},
                                   {"handle", row.text("handle_kind")},
                                   {"waiting", row.integer("n")},
                                   {"oldest", to_text(row.time("oldest"))}});
  }
  json::object said{{"waiting", all->front().integer("n")},
                    {"at_most", (*workspace)->settings().store.waiting_at_most},
                    {"days", (*workspace)->settings().store.waiting_days}};
  for (const auto& [shown, counter] :
       {std::pair("expired", "feedback_expired"), std::pair("crowded_out", "feedback_crowded_out"),
        std::pair("outcomes_expired", "outcomes_expired"),
        std::pair("outcomes_crowded_out", "outcomes_crowded_out")}) {
    const auto counted = database.query("SELECT value FROM counter WHERE name = ?", {counter});
    if (!counted) return fail(counted.error());
    said[shown] = counted->empty() ? 0 : counted->front().integer("value");
  }
  if (call.json) said["sources"] = sources;
  show(call, said);
  if (!call.json && !sources.empty()) show(call, sources);
  return {};
}

}  // namespace

void add_feedback(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<FeedbackOptions>();
  auto* feedback =
      app.add_subcommand("feedback", "what people do with answers: mine, outcome, waiting");
  feedback->require_subcommand(1);
  add_feedback_outcome(*feedback, call);
  auto* mine_command = feedback->add_subcommand(
      "mine",
      "reads refusals, interruptions, corrections, thanks and second tries out of conversations "
      "that "
      "are due, as `hone serve` does by itself; mining twice adds nothing");
  mine_command->add_flag("--again", options->again,
                         "reads all conversations of the store: after a change of the rules");
  mine_command->add_option("--rules", options->rules,
                           "TOML file (default: mining_rules of the settings, or those that ship)");
  mine_command->callback(
      [&call, options] { call.action = [&call, options] { return mine(call, *options); }; });
  feedback
      ->add_subcommand("waiting",
                       "feedback whose interaction has not come, by source and kind of handle, and "
                       "how much was given up (waiting_days and waiting_at_most in [store])")
      ->callback([&call] { call.action = [&call] { return show_waiting(call); }; });
}

}  // namespace hone::cli
