// zstd, for what the store keeps compressed: records of the outbox, blocks of the database.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hone::store {

// One frame, which says how large `bytes` is. "" where zstd has no memory.
[[nodiscard]] std::string compress(std::string_view bytes, int level);

// How large a frame's content says it is; nothing where the frame is damaged or does not say.
[[nodiscard]] std::optional<std::uint64_t> content_size(std::string_view frame);

// The content of a frame, which must have exactly `size` bytes.
[[nodiscard]] std::optional<std::string> decompress(std::string_view frame, std::size_t size);

}  // namespace hone::store
