#include "store/compression.h"

#include <zstd.h>

#include <memory>

namespace hone::store {
namespace {

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

// Making a context costs more than compressing a small text: each thread keeps its own.

std::string compress(std::string_view bytes, int level) {
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  if (context == nullptr) return {};
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(size) != 0) return {};
  out.resize(size);
  return out;
}

std::optional<std::uint64_t> content_size(std::string_view frame) {
  const auto size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) return std::nullopt;
  return size;
}

std::optional<std::string> decompress(std::string_view frame, std::size_t size) {
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (context == nullptr) return std::nullopt;
  std::string content(size, '\0');
  const std::size_t read =
      ZSTD_decompressDCtx(context.get(), content.data(), size, frame.data(), frame.size());
  if (ZSTD_isError(read) != 0 || read != size) return std::nullopt;
  return content;
}

}  // namespace hone::store
