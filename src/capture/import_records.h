// The records of an import file, one JSON object after another, whatever the file is: JSONL, a JSON
// document with a list of objects, or CSV (a row is an object of texts, named by the header). A
// record that cannot be read is an error by itself, named by its line; the next may be read.
// Memory holds one record. Used by the importers only.
//
//   auto records = open_records("votes.csv.gz", {});
//   for (;;) {
//     auto record = (*records)->next();
//     if (!record && !(*records)->may_go_on()) …     // the file's end, by damage
//     if (record && !*record) break;
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "capture/import_bytes.h"
#include "capture/import_csv.h"

namespace hone::capture {

// What is known of a file beforehand; the rest is told from its name and its first bytes.
struct FileShape {
  std::string format;                     // csv, tsv, json, jsonl
  std::string separator;                  // csv: one character
  bool quotes = true;                     // csv
  bool header = true;                     // csv: the first row has the columns' names
  std::vector<std::string> columns = {};  // csv: their names where there is no header
  std::string encoding = "utf-8";         // or windows-1252
  std::string records = {};               // json: pointer to the list; empty: the document itself
  std::size_t max_record_mib = 8;         // 1 to 32
};

class Records {
 public:
  Records(std::unique_ptr<ByteWindow> window, FileShape shape)
      : window_(std::move(window)), shape_(std::move(shape)) {}
  virtual ~Records() = default;
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;
  // The next record, none at the end. After an error `may_go_on` tells whether it was this record's
  // (kInvalid, kTooLarge) or the file's.
  [[nodiscard]] virtual Result<std::optional<json::object>> next() = 0;
  [[nodiscard]] bool may_go_on() const { return may_go_on_; }
  // In which the record read last began, from 1.
  [[nodiscard]] std::int64_t line() const { return line_; }
  // As it turned out to be.
  [[nodiscard]] const FileShape& shape() const { return shape_; }

 protected:
  [[nodiscard]] std::size_t max_bytes() const { return shape_.max_record_mib << 20U; }
  // The file is at its end by `error`.
  [[nodiscard]] std::unexpected<Error> end_by(Error error) {
    may_go_on_ = false;
    return fail(std::move(error));
  }

  std::unique_ptr<ByteWindow> window_;
  FileShape shape_;
  std::int64_t line_ = 0;
  bool may_go_on_ = true;
};

[[nodiscard]] Result<std::unique_ptr<Records>> open_records(const std::string& path,
                                                            const FileShape& shape);
// Of bytes; `name` is the file's, for its endings, and may be empty.
[[nodiscard]] Result<std::unique_ptr<Records>> read_records(std::unique_ptr<ByteSource> bytes,
                                                            std::string_view name,
                                                            const FileShape& shape);

// A literal as Python's repr() writes it, as data frames written to CSV hold them: strings,
// numbers, True, False, None, lists, tuples, dicts.
[[nodiscard]] Result<json::value> parse_python_literal(std::string_view text);

}  // namespace hone::capture
