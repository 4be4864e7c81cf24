#include "curate/example_lines.h"

#include <algorithm>
#include <utility>

#include "curate/example.h"

namespace hone::curate {
namespace {

// Below so many bytes, one line after the other is looked at.
constexpr std::uint64_t kSearchWindow = 4096;
constexpr std::size_t kSearchStep = 16U << 10;
constexpr std::string_view kLineBegins = R"({"id":")";  // as curate/example_text.h writes it

// A line's place, and its id; at `end` where there is no further line. Lines without an id are
// passed over.
struct IdAt {
  std::uint64_t start = 0;
  std::string id;
};

// Where the first line begins that begins at `from` or later; `end` where none does before it.
Result<std::uint64_t> line_start(File& file, std::uint64_t from, std::uint64_t end) {
  if (from == 0) return from;
  for (std::uint64_t at = from - 1; at < end;) {
    const auto bytes = file.read_at(at, kSearchStep);
    if (!bytes) return fail(bytes.error());
    if (bytes->empty()) break;
    if (const auto found = bytes->find('\n'); found != std::string::npos) {
      return std::min(at + found + 1, end);
    }
    at += bytes->size();
  }
  return end;
}

Result<IdAt> id_from(File& file, std::uint64_t from, std::uint64_t end) {
  for (;;) {
    const auto start = line_start(file, from, end);
    if (!start) return fail(start.error());
    if (*start >= end) return IdAt{end, ""};
    const auto head = file.read_at(*start, 64);
    if (!head) return fail(head.error());
    if (head->starts_with(kLineBegins)) {
      const auto quote = head->find('"', kLineBegins.size());
      if (quote != std::string::npos) {
        return IdAt{*start, head->substr(kLineBegins.size(), quote - kLineBegins.size())};
      }
    }
    from = *start + 1;
  }
}

Result<std::string> whole_line(File& file, const std::string& path, std::uint64_t at,
                               std::size_t most_bytes) {
  std::string line;
  while (line.size() <= most_bytes) {
    const auto bytes = file.read_at(at + line.size(), kSearchStep);
    if (!bytes) return fail(bytes.error());
    const auto end = bytes->find('\n');
    line.append(*bytes, 0, end);
    if (end != std::string::npos || bytes->empty()) break;
  }
  if (line.size() > most_bytes) {
    return fail(ErrorCode::kTooLarge, path + ": the line at byte " + std::to_string(at) +
                                          " is longer than " + std::to_string(most_bytes) +
                                          " bytes");
  }
  return line;
}

// The line that begins with `id`; the file's size where there is none.
Result<std::uint64_t> find_line(File& file, std::uint64_t size, std::string_view id) {
  // The line begins at `low` or later, and before `high`.
  std::uint64_t low = 0;
  std::uint64_t high = size;
  while (high - low > kSearchWindow) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto found = id_from(file, middle, high);
    if (!found) return fail(found.error());
    if (found->start < high && found->id <= id) {
      low = found->start;
    } else {
      high = middle;
    }
  }
  while (low < high) {
    const auto found = id_from(file, low, high);
    if (!found) return fail(found.error());
    if (found->start < high && found->id == id) return found->start;
    low = found->start + 1;
  }
  return size;
}

}  // namespace

Result<std::unique_ptr<ExampleLines>> ExampleLines::open(const Dataset& dataset) {
  std::unique_ptr<ExampleLines> lines(new ExampleLines());
  for (const auto& [split, path] : {std::pair(kTrainSplit, dataset.train_file()),
                                    std::pair(kHeldOutSplit, dataset.held_out_file())}) {
    auto file = posix_files().open(path, FileSystem::Mode::kRead);
    if (!file) return fail(file.error());
    const auto size = (*file)->size();
    if (!size) return fail(size.error());
    lines->splits_.emplace(split, Lines{path, std::move(*file), *size});
  }
  return lines;
}

Result<std::optional<std::string>> ExampleLines::find(std::string_view split, std::string_view id,
                                                      std::size_t most_bytes) {
  const auto at = splits_.find(split);
  if (at == splits_.end()) return std::optional<std::string>();
  const auto& [path, file, size] = at->second;
  const auto start = find_line(*file, size, id);
  if (!start) return fail(start.error().with(path));
  if (*start == size) return std::optional<std::string>();
  auto line = whole_line(*file, path, *start, most_bytes);
  if (!line) return fail(line.error());
  return std::optional(std::move(*line));
}

}  // namespace hone::curate
