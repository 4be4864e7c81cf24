#include "engine/train/progress.h"

namespace hone::engine {
namespace {

// How many bytes of `text` are whole lines of steps up to `done`.
std::size_t kept_bytes(std::string_view text, std::int64_t done) {
  std::size_t kept = 0;
  while (kept < text.size()) {
    const auto newline = text.find('\n', kept);
    if (newline == std::string_view::npos) break;
    auto line = parse_json_object(text.substr(kept, newline - kept));
    if (!line) break;
    auto step = field<std::int64_t>(*line, "step");
    if (!step || *step > done) break;
    kept = newline + 1;
  }
  return kept;
}

}  // namespace

Result<ProgressLog> ProgressLog::open(const std::string& run_folder, std::int64_t done) {
  const std::string path = run_folder + "/progress.jsonl";
  auto text = read_file(posix_files(), path);
  if (!text && text.error().code != ErrorCode::kNotFound) return fail(text.error());
  const bool exists = text.has_value();
  auto file =
      posix_files().open(path, exists ? FileSystem::Mode::kReadWrite : FileSystem::Mode::kCreate);
  if (!file) return fail(file.error());
  const std::size_t kept = exists ? kept_bytes(*text, done) : 0;
  if (auto cut = (*file)->truncate(kept); !cut) return fail(cut.error());
  return ProgressLog(std::move(*file), kept);
}

Result<void> ProgressLog::append(const json::object& line) {
  const std::string text = json::serialize(line) + "\n";
  if (auto written = file_->write_at(end_, text); !written) return written;
  end_ += text.size();
  return {};
}

Result<void> write_result(const std::string& run_folder, const json::object& result) {
  return write_file_atomically(posix_files(), run_folder + "/result.json",
                               json::serialize(result) + "\n");
}

bool is_done(const std::string& run_folder) {
  const auto text = read_file(posix_files(), run_folder + "/result.json");
  if (!text) return false;
  const auto result = parse_json_object(*text);
  return result && string_or_empty(*result, "state") == "done";
}

}  // namespace hone::engine
