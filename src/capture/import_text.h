// The ways in which import files write things: compressed or not, lines, CSV, and Python's
// literals. Used by the importers only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::capture {

// Reads a file, through zlib where it is compressed. Lines end in LF or CRLF, and have a limit.
class ImportFile {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ImportFile>> open(const std::string& path);
  ~ImportFile();
  ImportFile(const ImportFile&) = delete;
  ImportFile& operator=(const ImportFile&) = delete;

  // The next line without its end; none at the end of the file. kTooLarge for a line over the
  // limit, after which the next line may be read; kCorrupt where the compressed data is damaged.
  [[nodiscard]] Result<std::optional<std::string>> next_line();
  // The next row of CSV (RFC 4180): quoted fields may hold line ends. kInvalid for an open quote at
  // the end.
  [[nodiscard]] Result<std::optional<std::vector<std::string>>> next_row();
  // Of the line or row read last, from 1.
  [[nodiscard]] std::int64_t line_number() const { return line_number_; }

 private:
  struct Stream;
  explicit ImportFile(std::unique_ptr<Stream> stream);
  [[nodiscard]] int next_byte();  // 0 to 255, kEnd, or kDamaged
  [[nodiscard]] Error damage() const;
  std::unique_ptr<Stream> stream_;
  std::int64_t lines_ = 0;  // ended so far
  std::int64_t line_number_ = 0;
};

// A literal as Python's repr() writes it: strings, numbers, True, False, None, lists, tuples,
// dicts.
[[nodiscard]] Result<json::value> parse_python_literal(std::string_view text);

}  // namespace hone::capture
