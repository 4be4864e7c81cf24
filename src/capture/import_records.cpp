#include "capture/import_records.h"

#include <algorithm>

#include "base/text.h"
#include "store/text.h"

namespace hone::capture {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t kBeginning = 1U << 16;  // of a file, from which its format is told

using NextRecord = Result<std::optional<json::object>>;

std::unexpected<Error> not_utf8(std::string_view what) {
  return fail(ErrorCode::kInvalid, std::string(what) +
                                       " is not UTF-8, or holds a zero byte; if the file is in "
                                       "Windows-1252 say [file] encoding = \"windows-1252\"");
}

class CsvRecords final : public Records {
 public:
  CsvRecords(std::unique_ptr<ByteWindow> window, FileShape shape)
      : Records(std::move(window), std::move(shape)),
        csv_(*window_, {.separator = shape_.separator.front(),
                        .quotes = shape_.quotes,
                        .max_row_bytes = max_bytes()}) {}

  Result<void> read_header() {
    if (shape_.header) {
      auto row = csv_.next();
      if (!row) return fail(row.error().with("line 1"));
      if (!*row) return fail(ErrorCode::kInvalid, "the file is empty");
      shape_.columns = std::move(**row);
    }
    if (shape_.columns.empty()) {
      return fail(ErrorCode::kInvalid, "a file without a header needs [file] columns = [names]");
    }
    for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
      std::string& column = shape_.columns[i];
      if (!store::is_storable(column)) return not_utf8("the header");
      const auto here = shape_.columns.begin() + static_cast<std::ptrdiff_t>(i);
      if (column.empty() || std::find(shape_.columns.begin(), here, column) != here) {
        column += "#" + std::to_string(i + 1);
      }
    }
    csv_.set_width(shape_.columns.size());
    return {};
  }

  NextRecord next() override {
    auto row = csv_.next();
    line_ = csv_.line();
    if (!row) {
      const auto code = row.error().code;
      may_go_on_ = code == ErrorCode::kInvalid || code == ErrorCode::kTooLarge;
      if (code == ErrorCode::kTooLarge && window_->peek() == ByteWindow::kDamaged)
        may_go_on_ = false;
      return fail(row.error());
    }
    if (!*row) return std::optional<json::object>();
    const auto& fields = **row;
    if (fields.size() != shape_.columns.size()) {
      return fail(ErrorCode::kInvalid, std::to_string(fields.size()) +
                                           " fields where the header has " +
                                           std::to_string(shape_.columns.size()));
    }
    json::object record;
    record.reserve(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (!store::is_storable(fields[i])) return not_utf8("column '" + shape_.columns[i] + "'");
      record.emplace(shape_.columns[i], fields[i]);
    }
    return std::optional<json::object>(std::move(record));
  }

 private:
  CsvReader csv_;
};

NextRecord parse_record(std::string_view text) {
  auto object = parse_json_object(text);
  if (!object) return fail(ErrorCode::kInvalid, object.error().message);
  return std::optional<json::object>(std::move(*object));
}

class LineRecords final : public Records {
 public:
  using Records::Records;

  NextRecord next() override {
    for (;;) {
      line_ = window_->lines() + 1;
      std::string text;
      bool too_large = false;
      int byte = window_->get();
      if (byte == ByteWindow::kEnd) return std::optional<json::object>();
      for (; byte >= 0 && byte != '\n'; byte = window_->get()) {
        too_large = too_large || text.size() >= max_bytes();
        if (!too_large) text += static_cast<char>(byte);
        window_->mark();
      }
      if (byte == ByteWindow::kDamaged) return end_by(window_->error());
      if (too_large) {
        return fail(ErrorCode::kTooLarge,
                    "the line is over " + std::to_string(shape_.max_record_mib) + " MiB");
      }
      if (text.find_first_not_of(kBlanks) != std::string::npos) return parse_record(text);
    }
  }
};

// The objects of a list, cut out by brackets and quotes and parsed one by one, so that the list may
// be of any length and a bad object takes only itself along.
class ElementRecords final : public Records {
 public:
  using Records::Records;

  NextRecord next() override {
    if (ended_) return std::optional<json::object>();
    if (!found_) {
      if (auto there = find_list(); !there) return end_by(there.error());
      if (ended_) return whole_;
    }
    int c = after_blanks();
    if (c == ',' && !first_) {
      (void)window_->get();
      c = after_blanks();
    } else if (c != ']' && !first_) {
      return end_by(wrong("',' or ']' is missing"));
    }
    first_ = false;
    if (c == ']') {
      ended_ = true;
      return std::optional<json::object>();
    }
    line_ = window_->lines() + 1;
    auto text = take_value(max_bytes());
    if (text) return parse_record(*text);
    if (text.error().code != ErrorCode::kTooLarge) return end_by(text.error());
    return fail(text.error());
  }

 private:
  [[nodiscard]] Error wrong(const std::string& what) const {
    if (window_->error().message.empty()) {
      return {ErrorCode::kCorrupt, "line " + std::to_string(window_->lines() + 1) +
                                       ": the JSON is broken (" + what +
                                       "); what follows cannot be told apart"};
    }
    return window_->error();
  }

  int after_blanks() {
    while (window_->peek() >= 0 &&
           kBlanks.find(static_cast<char>(window_->peek())) != std::string_view::npos) {
      (void)window_->get();
      window_->mark();
    }
    return window_->peek();
  }

  // One value of any kind. Of a longer one than `limit` the rest is read over: kTooLarge.
  Result<std::string> take_value(std::size_t limit) {
    std::string text;
    bool begun = false;
    bool too_large = false;
    std::size_t depth = 0;
    bool quoted = false;
    bool escaped = false;
    for (;;) {
      const int byte = window_->peek();
      if (byte < 0) return fail(wrong("it ends inside a value"));
      const char c = static_cast<char>(byte);
      const bool closes = !quoted && (c == '}' || c == ']');
      // A number or a word ends before what follows it.
      if (depth == 0 && !quoted && begun && (closes || c == ',' || c == ':')) break;
      if (depth == 0 && closes) return fail(wrong("a value is missing"));
      (void)window_->get();
      window_->mark();
      begun = true;
      if (quoted) {
        quoted = escaped || c != '"';
        escaped = !escaped && c == '\\';
      } else if (c == '"') {
        quoted = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (closes) {
        --depth;
      }
      too_large = too_large || text.size() >= limit;
      if (!too_large) text += c;
      if (depth == 0 && !quoted && (closes || c == '"')) break;
    }
    if (too_large) return fail(ErrorCode::kTooLarge, "the value is over its limit");
    return text;
  }

  Result<void> find_list() {
    found_ = true;
    std::string_view rest = shape_.records;
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const auto size = std::min(rest.find('/'), rest.size());
      if (auto there = enter(rest.substr(0, size)); !there) return there;
      rest.remove_prefix(size);
    }
    if (after_blanks() == '[') {
      (void)window_->get();
      return {};
    }
    // One object is a list of one.
    ended_ = true;
    line_ = window_->lines() + 1;
    auto text = take_value(max_bytes());
    if (!text) return fail(text.error());
    auto only = parse_record(*text);
    if (!only) return fail(only.error().with("'" + shape_.records + "' holds no list of objects"));
    whole_ = std::move(*only);
    return {};
  }

  Result<void> enter(std::string_view name) {
    if (after_blanks() != '{') return fail(wrong("'" + std::string(name) + "' is not there"));
    (void)window_->get();
    for (;;) {
      int c = after_blanks();
      if (c == ',') {
        (void)window_->get();
        c = after_blanks();
      }
      if (c != '"') {
        return fail(ErrorCode::kInvalid,
                    "the document has no '" + shape_.records + "' ([file] records)");
      }
      const auto text = take_value(kBeginning);
      if (!text) return fail(text.error());
      const auto key = parse_json(*text);
      if (after_blanks() != ':') return fail(wrong("':' is missing"));
      (void)window_->get();
      (void)after_blanks();
      if (key && key->is_string() && std::string_view(key->get_string()) == name) return {};
      if (auto other = take_value(0); !other && other.error().code != ErrorCode::kTooLarge) {
        return fail(other.error());
      }
    }
  }

  bool found_ = false;
  bool first_ = true;
  bool ended_ = false;
  std::optional<json::object> whole_;
};

bool ends_with_one_of(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view end) { return name.ends_with(end); });
}

std::string format_of(std::string_view name, std::string_view beginning) {
  std::string lower = lower_case(name);
  for (const std::string_view packed : {".gz", ".zst"}) {
    if (lower.ends_with(packed)) lower.resize(lower.size() - packed.size());
  }
  if (ends_with_one_of(lower, {".jsonl", ".ndjson"})) return "jsonl";
  if (ends_with_one_of(lower, {".tsv", ".tab"})) return "tsv";
  if (lower.ends_with(".csv")) return "csv";
  const auto first = beginning.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return lower.ends_with(".json") ? "json" : "csv";
  if (beginning[first] == '[') return "json";
  if (beginning[first] != '{') return lower.ends_with(".json") ? "json" : "csv";
  // Many files named .json hold a line an object.
  const auto line = beginning.substr(first, beginning.find('\n', first) - first);
  const bool more = beginning.find_first_not_of(kBlanks, first + line.size()) != std::string::npos;
  return more && parse_json_object(line) ? "jsonl" : "json";
}

// What a file begins with, kept for the reader that comes after.
std::string look_ahead(ByteWindow& window) {
  window.mark();
  while (window.since_mark().size() < kBeginning && window.get() >= 0) {
  }
  std::string beginning(window.since_mark());
  window.rewind(0);
  return beginning;
}

}  // namespace

Result<std::unique_ptr<Records>> read_records(std::unique_ptr<ByteSource> bytes,
                                              std::string_view name, const FileShape& given) {
  FileShape shape = given;
  if (shape.encoding == "windows-1252") bytes = from_windows_1252(std::move(bytes));
  auto window = std::make_unique<ByteWindow>(std::move(bytes));
  std::string beginning = look_ahead(*window);
  if (beginning.starts_with("\xFF\xFE") || beginning.starts_with("\xFE\xFF")) {
    return fail(ErrorCode::kInvalid, "the file is UTF-16; write it as UTF-8 first (iconv)");
  }
  if (beginning.starts_with("\xEF\xBB\xBF")) {
    for (int i = 0; i < 3; ++i) (void)window->get();
    beginning.erase(0, 3);
  }
  if (shape.format.empty()) shape.format = format_of(name, beginning);
  if (shape.format == "jsonl") {
    return std::make_unique<LineRecords>(std::move(window), std::move(shape));
  }
  if (shape.format == "json") {
    return std::make_unique<ElementRecords>(std::move(window), std::move(shape));
  }
  if (shape.separator.empty()) {
    shape.separator = shape.format == "tsv" ? '\t' : guess_separator(beginning);
  }
  auto csv = std::make_unique<CsvRecords>(std::move(window), std::move(shape));
  if (auto header = csv->read_header(); !header) return fail(header.error());
  return csv;
}

Result<std::unique_ptr<Records>> open_records(const std::string& path, const FileShape& shape) {
  auto bytes = open_import_bytes(path);
  if (!bytes) return fail(bytes.error());
  auto records = read_records(std::move(*bytes), path, shape);
  if (!records) return fail(records.error().with(path));
  return records;
}

}  // namespace hone::capture
