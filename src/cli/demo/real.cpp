#include "cli/demo/real.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "cli/importing.h"
#include "cli/policy.h"
#include "cli/shop.h"
#include "curate/split.h"
#include "evaluate/auc.h"
#include "feedback/verdicts.h"
#include "net/process.h"
#include "release/registry.h"
#include "store/tree.h"
#include "wire/message.h"

namespace hone::cli::demo {
namespace {

// One answer of which it is known whether its person took it.
struct Judged {
  std::string person;
  std::string source;  // "import:cups-copilot", …
  bool taken = false;
  std::optional<double> confidence;  // the tool's own
  json::array messages;              // prompt and answer
};

constexpr std::size_t kMaxPromptBytes = 800;  // the end of a prompt is what the answer continues

json::object plain_message(const json::object& block) {
  std::string text = wire::text_of(block);
  if (wire::role_of(block) != "assistant" && text.size() > kMaxPromptBytes) {
    std::size_t from = text.size() - kMaxPromptBytes;
    while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0U) == 0x80U) ++from;
    text = text.substr(from);
  }
  return {{"role", json::string(wire::role_of(block))}, {"content", json::string(text)}};
}

Result<std::vector<Judged>> load_judged(store::Database& database) {
  auto rows = database.query(
      "SELECT i.person_id, i.upstream, i.tool, i.params, encode(n.hash, 'hex') AS output_node, "
      "v.verdict FROM interaction i JOIN verdict v ON v.interaction_id = i.id "
      "JOIN node n ON n.id = i.output_node WHERE v.verdict <> 'contested' ORDER BY i.id");
  if (!rows) return fail(rows.error());
  std::vector<Judged> all;
  for (const store::Row row : *rows) {
    Judged judged{.person = row.text("person_id"),
                  .source = row.text("tool"),
                  .taken = row.text("verdict") != "rejected"};
    if (const auto params = parse_json_object(row.text("params"))) {
      for (const auto* name : {"confidence", "mean_logprob"}) {
        const auto* value = params->if_contains(name);
        if (value != nullptr && value->is_number() && !judged.confidence) {
          judged.confidence = value->to_number<double>();
        }
      }
    }
    auto path = store::load_path(database, row.text("output_node"));
    if (!path) return fail(path.error());
    for (const auto& block : *path) {
      auto message = parse_json_object(block.content);
      if (!message) return fail(message.error());
      if (wire::role_of(*message) != "tools") judged.messages.push_back(plain_message(*message));
    }
    all.push_back(std::move(judged));
  }
  return all;
}

// Mean log-probability of each answer, through `hone-engine score`.
Result<std::vector<double>> score(const Invocation& call, const std::string& folder,
                                  const std::string& base, const std::string& adapter,
                                  const std::vector<const Judged*>& rows) {
  const std::string in = folder + "/score.in.jsonl";
  const std::string out = folder + "/score.out.jsonl";
  {
    std::ofstream file(in);
    for (const auto* row : rows) {
      file << json::serialize(json::object{{"messages", row->messages}}) << '\n';
    }
  }
  std::string command = "exec \"$0\" score --model \"$1\" --dtype bf16";
  if (!adapter.empty()) command += " --adapter \"$2\"";
  command += " < \"$3\" > \"$4\"";
  auto process = net::Process::spawn(
      {.argv = {"/bin/sh", "-c", command, call.beside("hone-engine"), base, adapter, in, out},
       .log_file = folder + "/score.log"});
  if (!process) return fail(process.error());
  if (process->wait().code != 0) {
    return fail(ErrorCode::kInternal, "hone-engine score failed; see " + folder + "/score.log");
  }
  std::vector<double> means;
  std::ifstream file(out);
  for (std::string line; std::getline(file, line);) {
    auto object = parse_json_object(line);
    if (!object) return fail(object.error().with(out));
    auto mean = field<double>(*object, "mean");
    if (!mean) return fail(mean.error().with(out));
    means.push_back(*mean);
  }
  if (means.size() != rows.size()) {
    return fail(ErrorCode::kInternal, "hone-engine score gave " + std::to_string(means.size()) +
                                          " lines for " + std::to_string(rows.size()));
  }
  return means;
}

// Scores of one source: by the base, by the model trained without the person, by the tool itself.
struct Columns {
  std::vector<evaluate::Scored> before;
  std::vector<evaluate::Scored> after;
  std::vector<evaluate::Scored> confidence;
};

std::string described(const char* name, const evaluate::Auc& auc) {
  char text[160];
  if (auc.too_few()) {
    std::snprintf(text, sizeof text, "%-18s too few (%lld taken, %lld not)", name,
                  static_cast<long long>(auc.positives), static_cast<long long>(auc.negatives));
  } else {
    std::snprintf(text, sizeof text,
                  "%-18s AUC %.3f [%.3f, %.3f]  %lld taken, %lld not, %lld people", name, auc.value,
                  auc.low, auc.high, static_cast<long long>(auc.positives),
                  static_cast<long long>(auc.negatives), static_cast<long long>(auc.people));
  }
  return text;
}

json::object to_json(const evaluate::Auc& auc) {
  json::object object{
      {"taken", auc.positives}, {"not_taken", auc.negatives}, {"people", auc.people}};
  if (auc.too_few()) {
    object["too_few"] = true;
  } else {
    object["auc"] = auc.value;
    object["low"] = auc.low;
    object["high"] = auc.high;
  }
  return object;
}

class RealRun {
 public:
  RealRun(const Invocation& call, const RealOptions& options, Screen& screen)
      : call_(call), options_(options), screen_(screen) {}

  Result<json::object> run() {
    if (auto opened = open(); !opened) return fail(opened.error());
    if (auto imported = import(); !imported) return fail(imported.error());
    auto judged = load_judged(workspace_->database());
    if (!judged) return fail(judged.error());
    set_aside_the_too_few(*judged);
    for (std::int64_t fold = 0; fold < options_.folds; ++fold) {
      screen_.step("Fold " + std::to_string(fold + 1) + " of " + std::to_string(options_.folds));
      if (auto done = run_fold(fold, *judged); !done) return fail(done.error());
    }
    return report();
  }

 private:
  Result<void> open() {
    screen_.step("A fresh store");
    Settings settings;
    settings.data = options_.data;
    settings.engine.model = options_.base_model;
    auto workspace = Workspace::open(settings);
    if (!workspace) return fail(workspace.error());
    workspace_ = std::move(*workspace);
    auto policy = load_policy(settings);
    if (!policy) return fail(policy.error());
    policy_ = std::move(*policy);
    const auto folder = std::filesystem::absolute(options_.base_model).lexically_normal();
    auto base = release::add_base(workspace_->database(), folder.string(),
                                  folder.filename().string(), true, workspace_->clock().now());
    if (!base) return fail(base.error());
    base_ = *base;
    return {};
  }

  Result<void> import() {
    screen_.step("Real people's work, imported");
    const std::pair<const char*, const char*> files[] = {
        {"/cups-copilot/events.dev.jsonl.gz", "cups-copilot"},
        {"/realhumaneval-chat/chat_data.dev.csv.gz", "realhumaneval-chat"}};
    json::object imported;
    for (const auto& [file, name] : files) {
      const auto map = capture::load_import_map(name);
      if (!map) return fail(map.error());
      auto report = import_into(*workspace_, options_.shared + file, *map, {.alias = "assistant"},
                                {.capture = true, .train = true});
      if (!report) return fail(report.error());
      screen_.say(std::string(name) + ": " + std::to_string(report->people) + " people, " +
                  std::to_string(report->interactions) + " interactions, " +
                  std::to_string(report->trainable) +
                  " of them by models whose terms allow training");
      imported[name] = capture::to_json(*report);
    }
    imported_ = std::move(imported);
    auto decided = feedback::refresh(workspace_->database(), policy_);
    if (!decided) return fail(decided.error());
    screen_.say(std::to_string(*decided) + " verdicts");
    return {};
  }

  // Where nearly all answers were taken, or none, no score can tell them apart: scoring the rest
  // would
  // be work for nothing.
  void set_aside_the_too_few(std::vector<Judged>& judged) {
    std::map<std::string, std::vector<evaluate::Scored>> sources;
    for (const auto& row : judged) sources[row.source].push_back({row.person, 0, row.taken});
    for (const auto& [source, rows] : sources) {
      const auto counts = evaluate::area_under_curve(rows, 0, 1);
      if (!counts.too_few()) continue;
      columns_[source] = {.before = rows, .after = rows, .confidence = {}};
      std::erase_if(judged, [&source](const Judged& row) { return row.source == source; });
    }
  }

  // The recipe leaves the fold's people out of training; everyone has a fold by the same ranking.
  Result<void> run_fold(std::int64_t fold, const std::vector<Judged>& judged) {
    auto recipe = curate::load_recipe(options_.recipe);
    if (!recipe) return fail(recipe.error());
    recipe->dataset.fold = fold;
    recipe->dataset.seed = recipe->train.seed = options_.seed;
    recipe->dataset.held_out_people = 1.0 / static_cast<double>(options_.folds);
    recipe->text += "\n# fold " + std::to_string(fold) + ", seed " + std::to_string(options_.seed);
    auto shop = make_shop(call_, *workspace_, policy_);
    if (!shop) return fail(shop.error());
    auto dataset =
        curate::build_dataset(shop->database, *recipe, shop->data + "/datasets", shop->clock);
    if (!dataset) return fail(dataset.error());
    left_out_ = curate::to_json(*dataset)["left_out"];
    auto run = curate::prepare_run(shop->database, *recipe, *dataset, {base_.digest, base_.folder},
                                   shop->data + "/runs", shop->ids, shop->clock);
    if (!run) return fail(run.error());
    auto ran = loop::run_trainer(shop->trainer, run->folder, [this](const auto& step) {
      screen_.progress("train: step " + std::to_string(step.step) + " of " +
                       std::to_string(step.steps));
    });
    auto result = curate::finish_run(shop->database, run->id, shop->clock);
    if (!ran) return fail(ran.error());
    if (!result) return fail(result.error());
    auto people = people_of(dataset->digest);
    if (!people) return fail(people.error());
    return score_fold(fold, judged, *people, run->folder, result->output);
  }

  // Everyone with an example in a dataset: true for those it trains on.
  Result<std::map<std::string, bool>> people_of(const std::string& digest) {
    auto rows = workspace_->database().query(
        "SELECT person_id, MAX(CASE WHEN split = 'train' THEN 1 ELSE 0 END) AS trained FROM "
        "dataset_example WHERE dataset_digest = ? GROUP BY person_id",
        {digest});
    if (!rows) return fail(rows.error());
    std::map<std::string, bool> people;
    for (const store::Row row : *rows) people[row.text("person_id")] = row.truth("trained");
    return people;
  }

  // A person is scored once: in the first fold that leaves them out, or, where nothing of theirs
  // may be trained on, in a fold by hash.
  [[nodiscard]] bool is_due(const std::string& person, std::int64_t fold,
                            const std::map<std::string, bool>& people) const {
    if (scored_.contains(person)) return false;
    const auto found = people.find(person);
    return found == people.end() ? fold_of(person) == fold : !found->second;
  }

  Result<void> score_fold(std::int64_t fold, const std::vector<Judged>& judged,
                          const std::map<std::string, bool>& people, const std::string& folder,
                          const std::string& adapter) {
    std::vector<const Judged*> rows;
    for (const auto& row : judged) {
      if (is_due(row.person, fold, people)) rows.push_back(&row);
    }
    screen_.progress("scoring " + std::to_string(rows.size()) + " answers of people left out");
    auto before = score(call_, folder, base_.folder, "", rows);
    if (!before) return fail(before.error());
    auto after = score(call_, folder, base_.folder, adapter, rows);
    if (!after) return fail(after.error());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto& columns = columns_[rows[i]->source];
      columns.before.push_back({rows[i]->person, (*before)[i], rows[i]->taken});
      columns.after.push_back({rows[i]->person, (*after)[i], rows[i]->taken});
      if (rows[i]->confidence) {
        columns.confidence.push_back({rows[i]->person, *rows[i]->confidence, rows[i]->taken});
      }
    }
    for (const auto* row : rows) scored_.insert(row->person);
    const auto trained = std::ranges::count_if(people, [](const auto& p) { return p.second; });
    screen_.say(std::to_string(rows.size()) + " answers scored, " + std::to_string(trained) +
                " people trained on");
    return {};
  }

  [[nodiscard]] std::int64_t fold_of(const std::string& person) const {
    const std::string rank = curate::keyed_rank(options_.seed, "real", person);
    return static_cast<unsigned char>(rank.front()) % options_.folds;
  }

  Result<json::object> report() {
    screen_.step("Does its log-probability tell what people took from what they did not?");
    json::object sources;
    for (const auto& [source, columns] : columns_) {
      const auto seed = static_cast<std::uint64_t>(options_.seed);
      const auto before = evaluate::area_under_curve(columns.before, seed);
      const auto after = evaluate::area_under_curve(columns.after, seed);
      const auto own = evaluate::area_under_curve(columns.confidence, seed);
      screen_.say(source + ":");
      screen_.say("  " + described("before training", before));
      screen_.say("  " + described("after training", after));
      screen_.say("  " + described("the tool's own", own));
      sources[source] = json::object{
          {"before", to_json(before)}, {"after", to_json(after)}, {"confidence", to_json(own)}};
    }
    screen_.finish();
    return json::object{{"seed", options_.seed},
                        {"folds", options_.folds},
                        {"imported", imported_},
                        {"left_out", left_out_},
                        {"sources", std::move(sources)}};
  }

  const Invocation& call_;
  const RealOptions& options_;
  Screen& screen_;
  std::unique_ptr<Workspace> workspace_;
  feedback::Policy policy_;
  release::Model base_;
  json::object imported_;
  json::value left_out_;
  std::map<std::string, Columns> columns_;
  std::set<std::string> scored_;
};

}  // namespace

Result<json::object> tell_real(const Invocation& call, const RealOptions& options, Screen& screen) {
  return RealRun(call, options, screen).run();
}

}  // namespace hone::cli::demo
