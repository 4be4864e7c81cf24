#include "store/block_content.h"

#include "store/compression.h"
#include "store/outbox_format.h"

namespace hone::store {
namespace {

constexpr std::size_t kPackFrom = 256;  // below, the frame eats the gain
// zstd's own default: a block is some kilobytes, written once and kept, and a higher level finds
// little more in so little text.
constexpr int kLevel = 3;

}  // namespace

PackedContent pack_content(std::string_view content, bool compress) {
  if (compress && content.size() >= kPackFrom) {
    std::string frame = store::compress(content, kLevel);
    // An eighth, or it is not worth that nobody can read it by plain SQL.
    if (!frame.empty() && frame.size() < content.size() - content.size() / 8) {
      return {.content = Value(), .packed = Bytes{std::move(frame)}};
    }
  }
  return {.content = content, .packed = Value()};
}

Result<std::string> read_content(const Row& row) {
  if (row.is_null("packed")) return row.text("content");
  const std::string& frame = row.bytes("packed");
  const auto size = content_size(frame);
  // A block came in a record, so that it is no larger than one.
  if (size && *size <= kMaxPayloadBytes) {
    if (auto content = decompress(frame, *size)) return std::move(*content);
  }
  return fail(ErrorCode::kCorrupt, "block " + row.text("block") +
                                       " is damaged: its content does not decompress; restore the "
                                       "database from a backup");
}

Result<Block> read_block(const Row& row) {
  auto content = read_content(row);
  if (!content) return fail(content.error());
  return Block{row.text("block"), row.text("role"), std::move(*content)};
}

}  // namespace hone::store
