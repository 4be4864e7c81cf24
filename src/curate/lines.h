// Files of lines, read and written with bounded memory: datasets have gigabytes. And folders that
// are whole or not there: files are written into FOLDER.part, which is renamed at the end.
//
//   auto file = LineReader::open(path);
//   for (;;) {
//     auto line = (*file)->next();                  // Result<std::optional<std::string_view>>
//     if (!line) return fail(line.error());         // names file and line
//     if (!*line) break;
//   }
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"

namespace hone::curate {

class LineReader {
 public:
  [[nodiscard]] static Result<std::unique_ptr<LineReader>> open(const std::string& path);

  // Without its end; valid until the next call. Nothing at the file's end. A line of more than
  // 64 MiB is an error.
  [[nodiscard]] Result<std::optional<std::string_view>> next();
  // "PATH: line N", of the line that was read last.
  [[nodiscard]] std::string place() const;

 private:
  LineReader(std::string path, std::unique_ptr<File> file)
      : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  std::size_t at_ = 0;          // of the next line, in buffer_
  std::uint64_t position_ = 0;  // in the file, of the buffer's end
  std::uint64_t number_ = 0;
  bool ended_ = false;
};

// Calls `use` with each line's object, and the line, until one fails; errors name file and line.
// kUnavailable once `stop` is asked for.
[[nodiscard]] Result<void> for_each_object(
    const std::string& path,
    const std::function<Result<void>(json::object& object, std::string_view line)>& use,
    const std::stop_token& stop = {});

class LineWriter {
 public:
  // The file must not be there.
  [[nodiscard]] static Result<std::unique_ptr<LineWriter>> create(const std::string& path);

  [[nodiscard]] Result<void> write(std::string_view line);  // and its end
  [[nodiscard]] Result<void> finish();                      // on disk
  [[nodiscard]] std::int64_t lines() const { return lines_; }

 private:
  explicit LineWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Result<void> flush();
  std::unique_ptr<File> file_;
  std::string buffer_;
  std::uint64_t position_ = 0;
  std::int64_t lines_ = 0;
};

// An empty FOLDER.part, whatever an earlier attempt left there.
[[nodiscard]] Result<std::string> begin_folder(const std::string& folder);
// Renames it; kConflict where `folder` is there already.
[[nodiscard]] Result<void> finish_folder(const std::string& part, const std::string& folder);

}  // namespace hone::curate
