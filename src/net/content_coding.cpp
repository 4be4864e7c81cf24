#include "net/content_coding.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <limits>
#include <memory>
#include <vector>

#include "base/text.h"

namespace hone::net {
namespace {

constexpr std::size_t kMaxCodings = 2;
constexpr int kZstdWindowLog = 23;  // 8 MiB: all that the coding may use (RFC 9659)
constexpr int kZlibOrGzip = 15 + 32;
constexpr int kRawDeflate = -15;
constexpr std::string_view kGzipMagic = "\x1f\x8b";

enum class End { kWhole, kCut, kTooLarge };

// What has come out so far, and may still come.
class Output {
 public:
  explicit Output(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  [[nodiscard]] std::array<char, 64U << 10>& piece() { return piece_; }
  // Takes the first `size` bytes of the piece; false where they are too many.
  [[nodiscard]] bool take(std::size_t size) {
    if (size > max_bytes_ - text_.size()) return false;
    text_.append(piece_.data(), size);
    return true;
  }
  [[nodiscard]] std::string text() { return std::move(text_); }

 private:
  std::size_t max_bytes_;
  std::string text_;
  std::array<char, 64U << 10> piece_{};
};

template <typename T, auto kFree>
struct Freed {
  void operator()(T* state) const { kFree(state); }
};

// "deflate" means the zlib format; some servers send the bare stream all the same.
bool has_zlib_header(std::string_view in) {
  if (in.size() < 2) return false;
  const unsigned first = static_cast<unsigned char>(in[0]);
  const unsigned second = static_cast<unsigned char>(in[1]);
  return (first & 0x0FU) == Z_DEFLATED && ((first << 8U) | second) % 31 == 0;
}

End inflate_all(std::string_view in, int window_bits, Output& out) {
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK) return End::kCut;
  const std::unique_ptr<z_stream, Freed<z_stream, inflateEnd>> owner(&stream);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  while (true) {
    stream.next_out = reinterpret_cast<Bytef*>(out.piece().data());
    stream.avail_out = static_cast<uInt>(out.piece().size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (!out.take(out.piece().size() - stream.avail_out)) return End::kTooLarge;
    if (code == Z_STREAM_END) {
      // A gzip file may have several members; what is no member after the last is passed over.
      if (!in.substr(in.size() - stream.avail_in).starts_with(kGzipMagic)) return End::kWhole;
      if (inflateReset(&stream) != Z_OK) return End::kCut;
    } else if (code != Z_OK) {
      return End::kCut;  // Z_BUF_ERROR: no input left
    }
  }
}

End unbrotli_all(std::string_view in, Output& out) {
  const std::unique_ptr<BrotliDecoderState, Freed<BrotliDecoderState, BrotliDecoderDestroyInstance>>
      state(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr));
  if (!state) return End::kCut;
  std::size_t left = in.size();
  const auto* next = reinterpret_cast<const std::uint8_t*>(in.data());
  while (true) {
    std::size_t room = out.piece().size();
    auto* to = reinterpret_cast<std::uint8_t*>(out.piece().data());
    const auto code = BrotliDecoderDecompressStream(state.get(), &left, &next, &room, &to, nullptr);
    if (!out.take(out.piece().size() - room)) return End::kTooLarge;
    if (code == BROTLI_DECODER_RESULT_SUCCESS) return End::kWhole;
    if (code != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) return End::kCut;
  }
}

End unzstd_all(std::string_view in, Output& out) {
  const std::unique_ptr<ZSTD_DCtx, Freed<ZSTD_DCtx, ZSTD_freeDCtx>> state(ZSTD_createDCtx());
  if (!state) return End::kCut;
  ZSTD_DCtx_setParameter(state.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  ZSTD_inBuffer from{in.data(), in.size(), 0};
  while (true) {
    ZSTD_outBuffer to{out.piece().data(), out.piece().size(), 0};
    const std::size_t hint = ZSTD_decompressStream(state.get(), &to, &from);
    if (ZSTD_isError(hint) != 0) return End::kCut;
    if (!out.take(to.pos)) return End::kTooLarge;
    // 0: a frame has ended and is flushed; another may follow.
    const bool all_read = from.pos == from.size;
    if (hint == 0 && all_read) return End::kWhole;
    if (all_read && to.pos < to.size) return End::kCut;
  }
}

std::vector<std::string> codings_of(std::string_view list) {
  std::vector<std::string> codings;
  while (!list.empty()) {
    const auto comma = list.find(',');
    std::string coding = lower_case(trimmed(list.substr(0, comma), " \t"));
    if (!coding.empty() && coding != "identity") codings.push_back(std::move(coding));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return codings;
}

Result<End> decode_one(const std::string& coding, std::string_view in, Output& out) {
  if (coding == "gzip" || coding == "x-gzip") return inflate_all(in, kZlibOrGzip, out);
  if (coding == "deflate") {
    return inflate_all(in, has_zlib_header(in) ? kZlibOrGzip : kRawDeflate, out);
  }
  if (coding == "br") return unbrotli_all(in, out);
  if (coding == "zstd") return unzstd_all(in, out);
  return fail(ErrorCode::kInvalid, "content-encoding '" + coding + "' is not known");
}

}  // namespace

std::string content_encoding(const Headers& headers) {
  std::string list;
  for (const auto& field : headers) {
    if (!same_name(field.name, "content-encoding")) continue;
    for (const auto& coding : codings_of(field.value)) {
      if (!list.empty()) list += ", ";
      list += coding;
    }
  }
  return list;
}

Result<Decoded> decode_content(std::string_view encoding, std::string_view body,
                               std::size_t max_bytes) {
  const auto codings = codings_of(encoding);
  if (codings.size() > kMaxCodings) {
    return fail(ErrorCode::kInvalid, "content-encoding names more than two codings");
  }
  if (body.size() > std::numeric_limits<uInt>::max()) {
    return fail(ErrorCode::kTooLarge, "an encoded body of 4 GiB or more is not read");
  }
  Decoded decoded{.body = std::string(body), .whole = true};
  for (auto coding = codings.rbegin(); coding != codings.rend(); ++coding) {
    const auto out = std::make_unique<Output>(max_bytes);
    const auto end = decode_one(*coding, decoded.body, *out);
    if (!end) return fail(end.error());
    if (*end == End::kTooLarge) {
      return fail(ErrorCode::kTooLarge,
                  "the decoded body is over the limit of " + std::to_string(max_bytes) + " bytes");
    }
    decoded.body = out->text();
    decoded.whole = decoded.whole && *end == End::kWhole;
  }
  return decoded;
}

}  // namespace hone::net
