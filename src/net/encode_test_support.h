// For tests only: bodies as encoders write them.
#pragma once

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <string>
#include <vector>

namespace hone::net {

// The pieces one after the other, each flushed, so that a reader has it before the next is written.
inline std::string deflate_flushed(int window_bits, const std::vector<std::string>& pieces) {
  std::string out;
  std::string buffer(64U << 10, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
  const auto run = [&](std::string_view in, int flush) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      deflate(&stream, flush);
      out.append(buffer.data(), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  };
  for (const auto& piece : pieces) run(piece, Z_SYNC_FLUSH);
  run({}, Z_FINISH);
  deflateEnd(&stream);
  return out;
}

inline std::string brotli_flushed(const std::vector<std::string>& pieces) {
  std::string out;
  std::string buffer(64U << 10, '\0');
  auto* state = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
  const auto run = [&](std::string_view in, BrotliEncoderOperation operation) {
    std::size_t left = in.size();
    const auto* next = reinterpret_cast<const std::uint8_t*>(in.data());
    do {
      std::size_t room = buffer.size();
      auto* to = reinterpret_cast<std::uint8_t*>(buffer.data());
      BrotliEncoderCompressStream(state, operation, &left, &next, &room, &to, nullptr);
      out.append(buffer.data(), buffer.size() - room);
    } while (left > 0 || BrotliEncoderHasMoreOutput(state) != 0);
  };
  for (const auto& piece : pieces) run(piece, BROTLI_OPERATION_FLUSH);
  run({}, BROTLI_OPERATION_FINISH);
  BrotliEncoderDestroyInstance(state);
  return out;
}

inline std::string zstd_flushed(const std::vector<std::string>& pieces) {
  std::string out;
  std::string buffer(64U << 10, '\0');
  auto* state = ZSTD_createCCtx();
  const auto run = [&](std::string_view in, ZSTD_EndDirective end) {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer to{buffer.data(), buffer.size(), 0};
      left = ZSTD_compressStream2(state, &to, &from, end);
      out.append(buffer.data(), to.pos);
    } while (left > 0);
  };
  for (const auto& piece : pieces) run(piece, ZSTD_e_flush);
  run({}, ZSTD_e_end);
  ZSTD_freeCCtx(state);
  return out;
}

// `coding`: gzip, deflate, br or zstd.
inline std::string encode_flushed(std::string_view coding, const std::vector<std::string>& pieces) {
  if (coding == "gzip") return deflate_flushed(15 + 16, pieces);
  if (coding == "deflate") return deflate_flushed(15, pieces);
  if (coding == "br") return brotli_flushed(pieces);
  EXPECT_EQ(coding, "zstd");
  return zstd_flushed(pieces);
}

inline std::string encode(std::string_view coding, const std::string& text) {
  if (text.empty()) return encode_flushed(coding, {});
  return encode_flushed(coding, {text});
}

}  // namespace hone::net
