// Files that are imported, and the maps that say what they are.
#include <algorithm>

#include "capture/import_map.h"
#include "capture/import_records.h"
#include "fuzz/targets.h"

namespace hone::fuzz {
namespace {

// Reads to the end: each record or error is about another line than one before it, or the bytes
// would never end.
std::size_t read_to_end(std::string_view bytes, const capture::FileShape& shape) {
  auto records = capture::read_records(capture::bytes_of(bytes), "", shape);
  if (!records) return 0;
  std::size_t count = 0;
  for (;;) {
    auto record = (*records)->next();
    if (record && !*record) return count;
    if (!record && !(*records)->may_go_on()) return count;
    must(++count <= bytes.size() + 1, "more records than bytes");
  }
}

// As RFC 4180 writes rows.
std::string written(const std::vector<std::string>& row, char separator) {
  std::string line;
  for (const std::string& field : row) {
    if (&field != row.data()) line += separator;
    line += '"';
    for (const char c : field) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line + "\r\n";
}

}  // namespace

void import_csv(std::string_view bytes) {
  for (const char separator : {',', '\t'}) {
    capture::ByteWindow window(capture::bytes_of(bytes));
    capture::CsvReader csv(window, {.separator = separator});
    std::int64_t before = 0;
    std::size_t rows = 0;
    for (;;) {
      auto row = csv.next();
      if (row && !*row) break;
      must(csv.line() > before, "a row that begins no later than the one before");
      before = csv.line();
      must(++rows <= bytes.size() + 1, "more rows than bytes");
      if (!row) continue;
      must(!(*row)->empty(), "a row without a field");
      // What was read comes back when it is written and read again.
      const std::string text = written(**row, separator);
      capture::ByteWindow again(capture::bytes_of(text));
      auto same = capture::CsvReader(again, {.separator = separator}).next();
      must(same && *same && **same == **row, "a row that does not come back");
    }
    must(window.get() == capture::ByteWindow::kEnd, "bytes that were not read");
  }
}

void import_json(std::string_view bytes) {
  (void)read_to_end(bytes, {});
  (void)read_to_end(bytes, {.format = "json"});
  (void)read_to_end(bytes, {.format = "json", .records = "/data/rows"});
  (void)read_to_end(bytes, {.format = "jsonl"});
  (void)capture::parse_python_literal(bytes);
}

// The map, and behind an empty line of dashes a record that it is followed through.
void import_map(std::string_view bytes) {
  constexpr std::string_view kRule = "\n----\n";
  const auto rule = bytes.find(kRule);
  const auto map = capture::parse_import_map(bytes.substr(0, rule), "map.toml");
  if (!map || rule == std::string_view::npos) return;
  const auto record = parse_json(bytes.substr(rule + kRule.size()));
  if (!record) return;
  const capture::MapScope scope{.record = &*record, .each = &*record};
  for (const auto* value : {&map->key, &map->person, &map->prompt, &map->output, &map->system}) {
    (void)capture::read_text(*value, scope);
  }
  (void)capture::read_time(map->time, scope);
  (void)capture::read_messages(map->messages, scope);
  for (const auto& [name, value] : map->params) (void)capture::read_value(value, scope);
  for (const auto& signal : map->signals) {
    (void)capture::read_text(signal.kind, scope);
    const auto share = capture::read_number(signal.value, scope);
    must(!share || !*share || signal.value.scale.empty() || (**share >= 0 && **share <= 1),
         "a share beyond its scale");
  }
}

}  // namespace hone::fuzz
