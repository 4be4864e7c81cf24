#include "curate/run.h"

#include <fmt/format.h>

#include "base/file.h"
#include "store/database.h"

namespace hone::curate {
namespace {

constexpr std::string_view kColumns =
    "SELECT id, recipe, dataset_digest, base_model, method, seed, folder, state, result,"
    " started_at, finished_at FROM run";

// A TOML basic string.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04X}", static_cast<int>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string option_text(const TrainOption& option) {
  if (const auto* text = std::get_if<std::string>(&option)) return quoted(*text);
  if (const auto* names = std::get_if<std::vector<std::string>>(&option)) {
    std::string list;
    for (const auto& name : *names) list += (list.empty() ? "" : ", ") + quoted(name);
    return "[" + list + "]";
  }
  if (const auto* whole = std::get_if<std::int64_t>(&option)) return fmt::format("{}", *whole);
  if (const auto* number = std::get_if<double>(&option)) return fmt::format("{}", *number);
  return std::get<bool>(option) ? "true" : "false";
}

std::string run_text(const Recipe& recipe, const BaseModel& base_model) {
  const TrainRecipe& train = recipe.train;
  std::string text = fmt::format("# Run of recipe {}. Format: docs/formats/run.md\n", recipe.name);
  const auto line = [&](std::string_view key, const auto& value) {
    text += fmt::format("{} = {}\n", key, value);
  };
  line("method", quoted(train.method));
  line("base_model", quoted(base_model.folder));
  line("dataset", quoted("train.jsonl"));
  line("seed", train.seed);
  line("lora_r", train.lora_r);
  line("lora_alpha", train.lora_alpha);
  line("lora_rs", train.lora_rs);
  line("learning_rate", train.learning_rate);
  line("schedule", quoted(train.schedule));
  line("warmup_fraction", train.warmup_fraction);
  line("epochs", train.epochs);
  line("batch_size", train.batch_size);
  line("gradient_accumulation", train.gradient_accumulation);
  line("max_grad_norm", train.max_grad_norm);
  line("weight_decay", train.weight_decay);
  line("max_tokens", train.max_tokens);
  line("dtype", quoted(train.dtype));
  line("threads", train.threads);
  line("checkpoint_every", train.checkpoint_every);
  for (const auto& [key, value] : method_options(train)) line(key, option_text(value));
  return text;
}

Run read_row(const store::Row& row) {
  Run run;
  run.id = row.text("id");
  run.recipe = row.text("recipe");
  run.dataset_digest = row.text("dataset_digest");
  run.base_model = row.text("base_model");
  run.method = row.text("method");
  run.seed = row.integer("seed");
  run.folder = row.text("folder");
  run.state = row.text("state");
  run.result = row.text("result");
  run.started_at = row.time("started_at");
  if (!row.is_null("finished_at")) run.finished_at = row.time("finished_at");
  return run;
}

Result<void> write_row(store::Database& database, const Run& run) {
  auto written = database.execute(
      "INSERT INTO run (id, recipe, dataset_digest, base_model, method, seed, folder, state, "
      "result,"
      " started_at, finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
      {run.id, run.recipe, run.dataset_digest, run.base_model, run.method, run.seed, run.folder,
       run.state, run.result, run.started_at});
  if (!written) return fail(written.error());
  return {};
}

json::object to_json(const RunResult& result) {
  return {{"state", result.state},         {"error", result.error},
          {"steps", result.steps},         {"tokens", result.tokens},
          {"seconds", result.seconds},     {"loss_first", result.loss_first},
          {"loss_last", result.loss_last}, {"output", result.output}};
}

}  // namespace

Result<Run> prepare_run(store::Database& database, const Recipe& recipe, const Dataset& dataset,
                        const BaseModel& base_model, const std::string& root, IdSource& ids,
                        Clock& clock) {
  Run run;
  run.id = ids.next("run");
  run.recipe = recipe.text;
  run.dataset_digest = dataset.digest;
  run.base_model = base_model.digest;
  run.method = recipe.train.method;
  run.seed = recipe.train.seed;
  run.folder = root + "/" + run.id;
  run.state = "running";
  run.started_at = clock.now();
  if (auto made = posix_files().make_folder(run.folder); !made) return fail(made.error());
  const std::string_view kind = kind_for(run.method);
  auto exported = export_examples(dataset, kind, run.folder + "/train.jsonl");
  if (!exported) {
    const bool none = exported.error().code == ErrorCode::kNotFound;
    if (!none) return fail(exported.error());
    return fail(ErrorCode::kInvalid,
                fmt::format("method {} learns from {}s: {}; see 'kinds' in the recipe", run.method,
                            kind, exported.error().message));
  }
  auto written =
      write_file_atomically(posix_files(), run.folder + "/run.toml", run_text(recipe, base_model));
  if (!written) return fail(written.error());
  if (auto row = write_row(database, run); !row) return fail(row.error());
  return run;
}

Result<Run> find_run(store::Database& database, std::string_view id) {
  auto rows = database.query(fmt::format("{} WHERE id = ?", kColumns), {id});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return fail(ErrorCode::kNotFound, fmt::format("no run '{}'", id));
  return read_row(rows->front());
}

Result<std::vector<Run>> list_runs(store::Database& database) {
  auto rows = database.query(fmt::format("{} ORDER BY id DESC", kColumns));
  if (!rows) return fail(rows.error());
  std::vector<Run> runs;
  for (const auto row : *rows) runs.push_back(read_row(row));
  return runs;
}

Result<RunResult> finish_run(store::Database& database, std::string_view id, Clock& clock) {
  auto run = find_run(database, id);
  if (!run) return fail(run.error());
  auto result = read_result(run->folder);
  // A result that cannot be read is a failed run too, and the row must not say "running" for good.
  if (!result) result = RunResult{.state = "failed", .error = result.error().message};
  auto written =
      database.execute("UPDATE run SET state = ?, result = ?, finished_at = ? WHERE id = ?",
                       {result->state, json::serialize(to_json(*result)), clock.now(), id});
  if (!written) return fail(written.error());
  return result;
}

json::object to_json(const Run& run) {
  json::object object{{"id", run.id},
                      {"dataset", run.dataset_digest},
                      {"base_model", run.base_model},
                      {"method", run.method},
                      {"seed", run.seed},
                      {"folder", run.folder},
                      {"state", run.state},
                      {"result", nullptr},
                      {"started_at", to_text(run.started_at)},
                      {"finished_at", nullptr}};
  if (const auto result = parse_json(run.result)) object["result"] = *result;
  if (run.finished_at) object["finished_at"] = to_text(*run.finished_at);
  return object;
}

json::object to_json(const Progress& progress) {
  return {{"step", progress.step},           {"steps", progress.steps},
          {"loss", progress.loss},           {"learning_rate", progress.learning_rate},
          {"grad_norm", progress.grad_norm}, {"tokens", progress.tokens},
          {"seconds", progress.seconds}};
}

}  // namespace hone::curate
