#include "capture/import_bytes.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace hone::capture {
namespace {

constexpr std::size_t kPiece = 1U << 16;
constexpr std::uint64_t kHarmless = 1ULL << 30;  // so much may come out of however little
constexpr std::uint64_t kMostGrowth = 500;       // text packs 3 to 30 times
constexpr int kZstdWindowLog = 27;

bool is_bomb(std::uint64_t packed, std::uint64_t unpacked) {
  return unpacked > kHarmless && unpacked / kMostGrowth > packed;
}

std::unexpected<Error> bomb() {
  return fail(ErrorCode::kTooLarge,
              "the file unpacks to more than 500 times its size, as no data does; unpack it "
              "yourself if it is what it should be");
}

// Plain or gzip, of one member or several: zlib tells them apart.
class ZlibSource final : public ByteSource {
 public:
  explicit ZlibSource(gzFile file) : file_(file) {}
  ~ZlibSource() override { gzclose(file_); }
  ZlibSource(const ZlibSource&) = delete;
  ZlibSource& operator=(const ZlibSource&) = delete;

  Result<std::size_t> read(std::span<char> out) override {
    const int size = gzread(file_, out.data(), static_cast<unsigned>(out.size()));
    int code = Z_OK;
    const char* what = gzerror(file_, &code);
    // A file that is cut off gives what it has first.
    if (size < 0 || (size == 0 && code != Z_OK && code != Z_STREAM_END)) {
      if (code == Z_ERRNO) return fail(ErrorCode::kIo, "the file cannot be read");
      return fail(ErrorCode::kCorrupt, std::string("the compressed data is damaged: ") + what);
    }
    unpacked_ += static_cast<std::uint64_t>(size);
    const auto packed = gzoffset(file_);
    if (gzdirect(file_) == 0 && packed > 0 &&
        is_bomb(static_cast<std::uint64_t>(packed), unpacked_))
      return bomb();
    return static_cast<std::size_t>(size);
  }

 private:
  gzFile file_;
  std::uint64_t unpacked_ = 0;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdSource final : public ByteSource {
 public:
  ZstdSource(std::unique_ptr<std::FILE, CloseFile> file, std::unique_ptr<ZSTD_DCtx, FreeZstd> zstd)
      : file_(std::move(file)), zstd_(std::move(zstd)), packed_(kPiece) {}

  Result<std::size_t> read(std::span<char> out) override {
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    while (to.pos == 0) {
      const bool fed = from_.pos < from_.size || load();
      if (!fed && std::ferror(file_.get()) != 0) {
        return fail(ErrorCode::kIo, "the file cannot be read");
      }
      if (!fed && !inside_frame_) return std::size_t{0};
      // Without more to read, too: what did not fit into `out` before is still inside.
      const std::size_t left = ZSTD_decompressStream(zstd_.get(), &to, &from_);
      if (ZSTD_isError(left) != 0) {
        return fail(ErrorCode::kCorrupt,
                    std::string("the compressed data is damaged: ") + ZSTD_getErrorName(left));
      }
      inside_frame_ = left != 0;
      if (!fed && to.pos == 0 && inside_frame_) {
        return fail(ErrorCode::kCorrupt, "the compressed data ends too early");
      }
    }
    unpacked_ += to.pos;
    if (is_bomb(read_, unpacked_)) return bomb();
    return to.pos;
  }

 private:
  bool load() {
    const std::size_t size = std::fread(packed_.data(), 1, packed_.size(), file_.get());
    read_ += size;
    from_ = {packed_.data(), size, 0};
    return size > 0;
  }

  std::unique_ptr<std::FILE, CloseFile> file_;
  std::unique_ptr<ZSTD_DCtx, FreeZstd> zstd_;
  std::vector<char> packed_;
  ZSTD_inBuffer from_{nullptr, 0, 0};
  bool inside_frame_ = false;
  std::uint64_t read_ = 0;
  std::uint64_t unpacked_ = 0;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  Result<std::size_t> read(std::span<char> out) override {
    const std::size_t size = std::min(out.size(), bytes_.size());
    std::copy_n(bytes_.data(), size, out.data());
    bytes_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view bytes_;
};

// 0x80 to 0x9F of Windows-1252; the five bytes it leaves open stand for themselves.
constexpr std::array<std::uint16_t, 32> kUpper = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

class Windows1252Source final : public ByteSource {
 public:
  explicit Windows1252Source(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  Result<std::size_t> read(std::span<char> out) override {
    HONE_ASSERT(out.size() >= 3);  // a byte becomes at most three
    const std::size_t wanted = std::min(out.size() / 3, kPiece);
    piece_.resize(wanted);
    const auto size = source_->read(piece_);
    if (!size) return size;
    std::size_t written = 0;
    const auto put = [&](unsigned byte) { out[written++] = static_cast<char>(byte); };
    for (std::size_t i = 0; i < *size; ++i) {
      const auto byte = static_cast<unsigned char>(piece_[i]);
      const unsigned code = byte >= 0x80 && byte < 0xA0 ? kUpper.at(byte - 0x80U) : byte;
      if (code < 0x80) {
        put(code);
      } else if (code < 0x800) {
        put(0xC0U | code >> 6U);
        put(0x80U | (code & 0x3FU));
      } else {
        put(0xE0U | code >> 12U);
        put(0x80U | (code >> 6U & 0x3FU));
        put(0x80U | (code & 0x3FU));
      }
    }
    return written;
  }

 private:
  std::unique_ptr<ByteSource> source_;
  std::vector<char> piece_;
};

bool is_zstd(std::FILE* file) {
  constexpr std::array<unsigned char, 4> kMagic = {0x28, 0xB5, 0x2F, 0xFD};
  std::array<unsigned char, 4> begin{};
  const bool same =
      std::fread(begin.data(), 1, begin.size(), file) == begin.size() && begin == kMagic;
  std::rewind(file);
  return same;
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_import_bytes(const std::string& path) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) return fail(ErrorCode::kNotFound, "cannot open '" + path + "'");
  if (is_zstd(file.get())) {
    std::unique_ptr<ZSTD_DCtx, FreeZstd> zstd(ZSTD_createDCtx());
    if (!zstd ||
        ZSTD_isError(ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax, kZstdWindowLog)) != 0)
      return fail(ErrorCode::kInternal, "zstd cannot be started");
    return std::make_unique<ZstdSource>(std::move(file), std::move(zstd));
  }
  const gzFile plain_or_gzip = gzopen(path.c_str(), "rb");
  if (plain_or_gzip == nullptr) return fail(ErrorCode::kNotFound, "cannot open '" + path + "'");
  return std::make_unique<ZlibSource>(plain_or_gzip);
}

std::unique_ptr<ByteSource> bytes_of(std::string_view bytes) {
  return std::make_unique<MemorySource>(bytes);
}

std::unique_ptr<ByteSource> from_windows_1252(std::unique_ptr<ByteSource> source) {
  return std::make_unique<Windows1252Source>(std::move(source));
}

void ByteWindow::rewind(std::size_t offset) {
  HONE_ASSERT(mark_ + offset <= at_);
  const auto begin = window_.begin() + static_cast<std::ptrdiff_t>(mark_ + offset);
  lines_ -= std::count(begin, window_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
  at_ = mark_ + offset;
}

bool ByteWindow::fill() {
  if (ended_ || failed_) return false;
  // Only where half of it is behind us, so that what is kept is not moved again and again.
  if (mark_ > 0 && mark_ >= window_.size() / 2) {
    window_.erase(0, mark_);
    at_ -= mark_;
    mark_ = 0;
  }
  const std::size_t kept = window_.size();
  window_.resize(kept + kPiece);
  const auto size = source_->read(std::span(window_).subspan(kept));
  window_.resize(kept + size.value_or(0));
  if (!size) {
    failed_ = true;
    error_ = size.error();
  }
  ended_ = size && *size == 0;
  return size && *size > 0;
}

}  // namespace hone::capture
