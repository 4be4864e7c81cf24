// Training examples of one kind, as trainers read them: the lines of train.jsonl without `kind`.
#include "base/file.h"
#include "curate/dataset.h"

namespace hone::curate {
namespace {

constexpr std::uint64_t kMostBytes = 16ULL << 30;

// The line for a trainer; empty for one of another kind, or erased.
Result<std::string> trainer_line(std::string_view line, std::string_view kind) {
  auto object = parse_json_object(line);
  if (!object) return fail(object.error());
  if (string_or_empty(*object, "kind") != kind) return std::string();
  object->erase("kind");
  return json::serialize(*object) + "\n";
}

}  // namespace

Result<std::int64_t> export_examples(const Dataset& dataset, std::string_view kind,
                                     const std::string& path) {
  auto text = read_file(posix_files(), dataset.train_file(), kMostBytes);
  if (!text) return fail(text.error());
  std::string lines;
  std::int64_t count = 0;
  std::int64_t number = 0;
  for (std::string_view rest = *text; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    ++number;
    auto written = trainer_line(line, kind);
    if (!written) {
      return fail(written.error().with(dataset.train_file() + ": line " + std::to_string(number)));
    }
    if (written->empty()) continue;
    lines += *written;
    ++count;
  }
  if (count == 0) {
    return fail(ErrorCode::kNotFound, "dataset " + dataset.name +
                                          " has no training examples of the kind '" +
                                          std::string(kind) + "'");
  }
  if (auto done = write_file_atomically(posix_files(), path, lines); !done)
    return fail(done.error());
  return count;
}

}  // namespace hone::curate
