#include "capture/memo.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/random.h"

namespace hone::capture {
namespace {

MemoKey key_of(std::string_view bytes) {
  static const std::string secret = secret_bytes(XXH3_SECRET_SIZE_MIN + 56);
  const XXH128_hash_t hash =
      XXH3_128bits_withSecret(bytes.data(), bytes.size(), secret.data(), secret.size());
  return {hash.low64, hash.high64};
}

}  // namespace

MemoKey memo_key(std::string_view bytes, const MemoKey& after) {
  const std::array<MemoKey, 2> both = {after, key_of(bytes)};
  return key_of({reinterpret_cast<const char*>(both.data()), sizeof both});
}

}  // namespace hone::capture
