#include "curate/lines.h"

#include <filesystem>

namespace hone::curate {
namespace {

constexpr std::size_t kChunkBytes = 1U << 20;
constexpr std::size_t kLongestLine = 64U << 20;

}  // namespace

Result<std::unique_ptr<LineReader>> LineReader::open(const std::string& path) {
  auto file = posix_files().open(path, FileSystem::Mode::kRead);
  if (!file) return fail(file.error());
  return std::unique_ptr<LineReader>(new LineReader(path, std::move(*file)));
}

Result<std::optional<std::string_view>> LineReader::next() {
  for (std::size_t searched = at_;;) {
    const auto end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      const std::string_view line(buffer_.data() + at_, end - at_);
      at_ = end + 1;
      ++number_;
      return std::optional(line);
    }
    if (ended_) {
      if (at_ == buffer_.size()) return std::optional<std::string_view>();
      const std::string_view line(buffer_.data() + at_, buffer_.size() - at_);
      at_ = buffer_.size();
      ++number_;
      return std::optional(line);
    }
    buffer_.erase(0, at_);
    at_ = 0;
    searched = buffer_.size();
    if (buffer_.size() > kLongestLine) {
      return fail(Error{ErrorCode::kInvalid, "the line is longer than 64 MiB"}.with(
          path_ + ": line " + std::to_string(number_ + 1)));
    }
    auto bytes = file_->read_at(position_, kChunkBytes);
    if (!bytes) return fail(bytes.error());
    position_ += bytes->size();
    ended_ = bytes->empty();
    buffer_ += *bytes;
  }
}

std::string LineReader::place() const {
  return path_ + ": line " + std::to_string(number_);
}

Result<void> for_each_object(
    const std::string& path,
    const std::function<Result<void>(json::object& object, std::string_view line)>& use,
    const std::stop_token& stop) {
  auto lines = LineReader::open(path);
  if (!lines) return fail(lines.error());
  for (;;) {
    if (stop.stop_requested()) return fail(ErrorCode::kUnavailable, "given up: " + path);
    auto text = (*lines)->next();
    if (!text) return fail(text.error());
    if (!*text) return {};
    auto object = parse_json_object(**text);
    if (!object) return fail(object.error().with((*lines)->place()));
    if (auto used = use(*object, **text); !used) return fail(used.error().with((*lines)->place()));
  }
}

Result<std::unique_ptr<LineWriter>> LineWriter::create(const std::string& path) {
  auto file = posix_files().open(path, FileSystem::Mode::kCreate);
  if (!file) return fail(file.error());
  return std::unique_ptr<LineWriter>(new LineWriter(std::move(*file)));
}

Result<void> LineWriter::write(std::string_view line) {
  buffer_ += line;
  buffer_ += '\n';
  ++lines_;
  return buffer_.size() < kChunkBytes ? Result<void>() : flush();
}

Result<void> LineWriter::flush() {
  if (buffer_.empty()) return {};
  if (auto written = file_->write_at(position_, buffer_); !written) return written;
  position_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<void> LineWriter::finish() {
  if (auto written = flush(); !written) return written;
  return file_->sync_data();
}

Result<std::string> begin_folder(const std::string& folder) {
  std::string part = folder + ".part";
  std::error_code error;
  std::filesystem::remove_all(part, error);
  if (auto made = posix_files().make_folder(part); !made) return fail(made.error());
  return part;
}

Result<void> finish_folder(const std::string& part, const std::string& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder, error)) {
    std::filesystem::remove_all(part, error);
    return fail(ErrorCode::kConflict, folder + " is there already; give another name");
  }
  if (auto synced = posix_files().sync_folder(part); !synced) return synced;
  if (auto renamed = posix_files().rename(part, folder); !renamed) return renamed;
  const auto parent = std::filesystem::absolute(folder).parent_path();
  return posix_files().sync_folder(parent.string());
}

}  // namespace hone::curate
