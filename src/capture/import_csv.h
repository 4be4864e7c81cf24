// Rows of CSV: RFC 4180, and what real files do besides (LF for CRLF, other separators, a quote in
// the middle of a field, blank lines). Used by the importers only.
//
// A quote that never closes must not swallow the file. A row is broken where
//   - a closing quote is followed by anything but a separator or the line's end,
//   - the file ends inside quotes,
//   - it grows over `max_row_bytes`,
//   - it goes over several lines and has another width than the header.
// Then only the line in which the row began is left out, and reading goes on with the line after
// it. A stray quote is found by the next quote in the file, which it turns from an opening into a
// closing one with text behind it, and at the latest after `max_row_bytes`. Only where a field that
// opens by mistake closes before a separator, in a row that has the right width by chance, does it
// go unnoticed. The cost stays linear: after a broken row the lines that are read again hold no
// open quote of their own, or the row had ended there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/import_bytes.h"

namespace hone::capture {

struct CsvShape {
  char separator = ',';
  bool quotes = true;  // false: a quote is a character like others, a field ends with its line
  std::size_t max_row_bytes = 8U << 20;
};

class CsvReader {
 public:
  // `window` must outlive it.
  CsvReader(ByteWindow& window, CsvShape shape) : window_(window), shape_(shape) {}

  // The next row that is not blank; none at the end. kInvalid or kTooLarge for a broken row, after
  // which the next may be read; any other error is the file's end.
  [[nodiscard]] Result<std::optional<std::vector<std::string>>> next();
  // In which the row that was read last began, from 1.
  [[nodiscard]] std::int64_t line() const { return line_; }
  // What a row of several lines must have.
  void set_width(std::size_t width) { width_ = width; }

 private:
  enum class State { kFieldStart, kPlain, kQuoted, kAfterQuote };
  enum class Step { kOn, kRowEnds, kBroken };
  [[nodiscard]] Step take(char c);
  [[nodiscard]] Error broken(ErrorCode code, std::string why);

  ByteWindow& window_;
  const CsvShape shape_;
  std::optional<std::size_t> width_;
  std::int64_t line_ = 0;
  State state_ = State::kFieldStart;
  std::vector<std::string> fields_;
};

// The separator that the first lines of a file agree on: ',', ';', tab or '|'.
[[nodiscard]] char guess_separator(std::string_view beginning);

}  // namespace hone::capture
