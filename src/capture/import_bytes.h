// The bytes of an import file, whatever it is packed in: plain, gzip or zstd, known by its first
// bytes. Memory does not grow with the file: bytes come in pieces, and a reader keeps no more than
// the record it is in. Used by the importers only.
//
//   auto bytes = open_import_bytes("events.csv.zst");
//   ByteWindow window(std::move(*bytes));
//   for (int c = window.get(); c >= 0; c = window.get()) …
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::capture {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `out`; 0 at the end. kCorrupt: the packed data is damaged (what came before
  // was given); kTooLarge: it unpacks to what no data does; kIo.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> out) = 0;
};

// kNotFound where the file cannot be opened. What unpacks to more than 1 GiB and to more than 500
// times its own size is a bomb, and ends with kTooLarge; zstd may ask for a window of 128 MiB.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_import_bytes(const std::string& path);
// Bytes that are in memory; they must outlive it.
[[nodiscard]] std::unique_ptr<ByteSource> bytes_of(std::string_view bytes);
// Windows-1252 (and with it ISO 8859-1) as UTF-8.
[[nodiscard]] std::unique_ptr<ByteSource> from_windows_1252(std::unique_ptr<ByteSource> source);

// One byte after another, with the way back to a mark. Not thread-safe.
class ByteWindow {
 public:
  static constexpr int kEnd = -1;
  static constexpr int kDamaged = -2;  // and for ever after: `error` says what

  explicit ByteWindow(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  [[nodiscard]] int get() {
    if (at_ == window_.size() && !fill()) return failed_ ? kDamaged : kEnd;
    const char c = window_[at_++];
    lines_ += c == '\n' ? 1 : 0;
    return static_cast<unsigned char>(c);
  }
  [[nodiscard]] int peek() {
    if (at_ == window_.size() && !fill()) return failed_ ? kDamaged : kEnd;
    return static_cast<unsigned char>(window_[at_]);
  }

  // From here on bytes are kept, until the next mark.
  void mark() { mark_ = at_; }
  [[nodiscard]] std::string_view since_mark() const {
    return std::string_view(window_).substr(mark_, at_ - mark_);
  }
  // Back to `offset` bytes behind the mark; it must have been read.
  void rewind(std::size_t offset);

  [[nodiscard]] std::int64_t lines() const { return lines_; }  // ended before this place
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  bool fill();
  std::unique_ptr<ByteSource> source_;
  std::string window_;
  std::size_t at_ = 0;
  std::size_t mark_ = 0;
  std::int64_t lines_ = 0;
  bool ended_ = false;
  bool failed_ = false;
  Error error_;
};

}  // namespace hone::capture
