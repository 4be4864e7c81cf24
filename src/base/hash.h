// Digests and checksums. SHA-256 names things (models, datasets, blocks); HMAC-SHA-256 names things
// that must not be guessed from outside (blocks under the tenant's key, pseudonyms, assignment);
// CRC-32C guards records on disk. Hex is lower-case.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace hone {

using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] std::string hex(std::string_view bytes);
[[nodiscard]] std::string hex(const Digest& digest);
[[nodiscard]] inline std::string_view as_bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

[[nodiscard]] Digest sha256(std::string_view bytes);
[[nodiscard]] Digest hmac_sha256(std::string_view key, std::string_view bytes);

// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4; `crc` continues an earlier one.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

// SHA-256 of bytes that arrive in parts. `finish` makes it ready for the next.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hone
