// What the trainer writes into a run folder, read back; and the digest that names what it made.
#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "curate/run.h"

namespace hone::curate {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostProgressBytes = 1ULL << 30;
constexpr std::size_t kReadBytes = 1U << 20;

// Numbers that are absent or of another type read as 0: a trainer need not write all of them.
double real_or_zero(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<double>();
}

std::int64_t whole_or_zero(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* number = value == nullptr ? nullptr : value->if_int64();
  return number == nullptr ? 0 : *number;
}

Result<std::string> digest_file(const std::string& path) {
  auto file = posix_files().open(path, FileSystem::Mode::kRead);
  if (!file) return fail(file.error());
  Sha256 sum;
  for (std::uint64_t at = 0;;) {
    auto bytes = (*file)->read_at(at, kReadBytes);
    if (!bytes) return fail(bytes.error());
    if (bytes->empty()) return hex(sum.finish());
    sum.update(*bytes);
    at += bytes->size();
  }
}

Result<std::vector<std::string>> files_below(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_regular_file(error)) names.push_back(fs::relative(at->path(), folder).string());
  }
  if (error) return fail(ErrorCode::kIo, folder + ": " + error.message());
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<std::vector<Progress>> read_progress(const std::string& run_folder) {
  const std::string path = run_folder + "/progress.jsonl";
  std::error_code error;
  std::vector<Progress> steps;
  if (!fs::exists(path, error)) return steps;
  auto text = read_file(posix_files(), path, kMostProgressBytes);
  if (!text) return fail(text.error());
  std::string_view rest = *text;
  for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    // A line that a killed trainer cut off is followed by whole ones after its restart.
    if (const auto line = parse_json_object(rest.substr(0, end))) {
      steps.push_back({whole_or_zero(*line, "step"), whole_or_zero(*line, "steps"),
                       real_or_zero(*line, "loss"), real_or_zero(*line, "learning_rate"),
                       real_or_zero(*line, "grad_norm"), whole_or_zero(*line, "tokens"),
                       real_or_zero(*line, "seconds")});
    }
    rest.remove_prefix(end + 1);
  }
  return steps;
}

Result<RunResult> read_result(const std::string& run_folder) {
  const std::string path = run_folder + "/result.json";
  std::error_code error;
  if (!fs::exists(path, error)) {
    return RunResult{.state = "failed", .error = "the trainer ended without a result"};
  }
  auto text = read_file(posix_files(), path);
  if (!text) return fail(text.error());
  auto object = parse_json_object(*text);
  if (!object) return fail(object.error().with(path));
  RunResult result;
  result.state = string_or_empty(*object, "state");
  result.error = string_or_empty(*object, "error");
  result.steps = whole_or_zero(*object, "steps");
  result.tokens = whole_or_zero(*object, "tokens");
  result.seconds = real_or_zero(*object, "seconds");
  result.loss_first = real_or_zero(*object, "loss_first");
  result.loss_last = real_or_zero(*object, "loss_last");
  if (result.state != "done" && result.state != "failed") {
    return fail(ErrorCode::kInvalid, path + ": 'state' must be done or failed");
  }
  if (result.state == "failed") return result;
  const auto output = string_or_empty(*object, "output");
  if (output.empty()) return fail(ErrorCode::kInvalid, path + ": 'output' is missing");
  result.output = (fs::path(run_folder) / output).lexically_normal().string();
  if (!fs::is_directory(result.output, error)) {
    return fail(ErrorCode::kInvalid,
                path + ": 'output' names " + result.output + ", which is not a folder");
  }
  return result;
}

Result<std::string> digest_folder(const std::string& folder) {
  auto names = files_below(folder);
  if (!names) return fail(names.error());
  if (names->empty()) return fail(ErrorCode::kNotFound, folder + " holds no files");
  Sha256 sum;
  for (const auto& name : *names) {
    auto digest = digest_file(folder + "/" + name);
    if (!digest) return fail(digest.error());
    sum.update(name + "\n" + *digest + "\n");
  }
  return hex(sum.finish());
}

}  // namespace hone::curate
