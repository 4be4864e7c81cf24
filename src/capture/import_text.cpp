#include "capture/import_text.h"

#include <zlib.h>

#include <array>

namespace hone::capture {
namespace {

constexpr std::size_t kMaxLine = 32U << 20;
constexpr std::size_t kMaxFields = 1000;
constexpr int kEnd = -1;
constexpr int kDamaged = -2;

}  // namespace

struct ImportFile::Stream {
  gzFile file = nullptr;
  std::array<char, 1U << 16> bytes{};
  std::size_t size = 0;
  std::size_t at = 0;

  ~Stream() {
    if (file != nullptr) gzclose(file);
  }
};

ImportFile::ImportFile(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
ImportFile::~ImportFile() = default;

Result<std::unique_ptr<ImportFile>> ImportFile::open(const std::string& path) {
  auto stream = std::make_unique<Stream>();
  stream->file = gzopen(path.c_str(), "rb");
  if (stream->file == nullptr) return fail(ErrorCode::kNotFound, "cannot open '" + path + "'");
  return std::unique_ptr<ImportFile>(new ImportFile(std::move(stream)));
}

// Bytes come one by one, millions of them, so that no Result is made for each.
int ImportFile::next_byte() {
  Stream& stream = *stream_;
  if (stream.at == stream.size) {
    const int read =
        gzread(stream.file, stream.bytes.data(), static_cast<unsigned>(stream.bytes.size()));
    int code = Z_OK;
    gzerror(stream.file, &code);
    // A file that is cut off gives what it has first.
    if (read < 0 || (read == 0 && code != Z_OK && code != Z_STREAM_END)) return kDamaged;
    if (read == 0) return kEnd;
    stream.size = static_cast<std::size_t>(read);
    stream.at = 0;
  }
  return static_cast<unsigned char>(stream.bytes[stream.at++]);
}

Error ImportFile::damage() const {
  int code = Z_OK;
  return {ErrorCode::kCorrupt,
          std::string("the compressed data is damaged: ") + gzerror(stream_->file, &code)};
}

Result<std::optional<std::string>> ImportFile::next_line() {
  std::string line;
  bool too_large = false;
  line_number_ = lines_ + 1;
  int byte = next_byte();
  if (byte == kEnd) return std::optional<std::string>();
  for (; byte != kEnd && byte != '\n'; byte = next_byte()) {
    if (byte == kDamaged) return fail(damage());
    too_large = too_large || line.size() >= kMaxLine;
    if (!too_large) line += static_cast<char>(byte);
  }
  ++lines_;
  if (too_large) return fail(ErrorCode::kTooLarge, "the line is over 32 MiB");
  if (line.ends_with('\r')) line.pop_back();
  return std::optional<std::string>(std::move(line));
}

Result<std::optional<std::vector<std::string>>> ImportFile::next_row() {
  std::vector<std::string> fields(1);
  std::size_t size = 0;
  bool quoted = false;
  bool after_quote = false;  // a quote inside quotes: the end, or the first of two
  line_number_ = lines_ + 1;
  int byte = next_byte();
  if (byte == kEnd) return std::optional<std::vector<std::string>>();
  for (; byte != kEnd; byte = next_byte()) {
    if (byte == kDamaged) return fail(damage());
    const char c = static_cast<char>(byte);
    if (c == '\n') ++lines_;
    if (++size > kMaxLine) return fail(ErrorCode::kTooLarge, "the row is over 32 MiB");
    if (quoted && !after_quote) {
      after_quote = c == '"';
      if (!after_quote) fields.back() += c;
    } else if (after_quote && c == '"') {
      fields.back() += c;
      after_quote = false;
    } else if (c == ',') {
      if (fields.size() >= kMaxFields) return fail(ErrorCode::kTooLarge, "over 1000 fields");
      fields.emplace_back();
      quoted = after_quote = false;
    } else if (c == '\n') {
      return std::optional<std::vector<std::string>>(std::move(fields));
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  if (quoted && !after_quote) return fail(ErrorCode::kInvalid, "a quoted field never ends");
  return std::optional<std::vector<std::string>>(std::move(fields));
}

}  // namespace hone::capture
