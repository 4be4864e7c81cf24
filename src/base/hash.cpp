#include "base/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>

#include "base/result.h"

namespace hone {
namespace {

// Table of CRC-32C, reflected polynomial 0x82F63B78, made at compile time.
constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1U) ? 0x82F63B78U : 0U);
    table[i] = value;
  }
  return table;
}

constexpr auto kCrcTable = make_table();

std::uint32_t crc_by_table(std::string_view bytes, std::uint32_t crc) {
  for (const char c : bytes) {
    crc = kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xFFU] ^ (crc >> 8);
  }
  return crc;
}

#ifdef __x86_64__
// The processor's own, some twenty times as fast: every record of the outbox is summed twice.
__attribute__((target("sse4.2"))) std::uint32_t crc_by_instruction(std::string_view bytes,
                                                                   std::uint32_t crc) {
  std::uint64_t wide = crc;
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
    bytes.remove_prefix(8);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (const char c : bytes) crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(c));
  return crc;
}
#endif

// Looked up once: OpenSSL 3 would do so at every use.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  HONE_ASSERT(method != nullptr);
  return method;
}

// HMAC-SHA-256, looked up once and told once; OpenSSL's HMAC() does both at every use.
struct Hmac {
  Hmac() {
    static EVP_MAC* const method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    HONE_ASSERT(method != nullptr);
    context = EVP_MAC_CTX_new(method);
    HONE_ASSERT(context != nullptr);
    std::string digest = "SHA256";
    const std::array<OSSL_PARAM, 2> wanted = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
        OSSL_PARAM_construct_end()};
    HONE_ASSERT(EVP_MAC_CTX_set_params(context, wanted.data()) == 1);
  }
  ~Hmac() { EVP_MAC_CTX_free(context); }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;
  EVP_MAC_CTX* context;
};

}  // namespace

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(bytes.size() * 2, '\0');
  char* to = text.data();
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *to++ = kDigits[byte >> 4];
    *to++ = kDigits[byte & 15];
  }
  return text;
}

std::string hex(const Digest& digest) {
  return hex(as_bytes(digest));
}

Digest sha256(std::string_view bytes) {
  thread_local Sha256 hash;  // making one costs as much as a small text's digest
  hash.update(bytes);
  return hash.finish();
}

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  thread_local const Hmac hmac;
  const auto* secret = reinterpret_cast<const unsigned char*>(key.empty() ? "" : key.data());
  HONE_ASSERT(EVP_MAC_init(hmac.context, secret, key.size(), nullptr) == 1);
  HONE_ASSERT(EVP_MAC_update(hmac.context, reinterpret_cast<const unsigned char*>(bytes.data()),
                             bytes.size()) == 1);
  Digest digest;
  std::size_t size = 0;
  HONE_ASSERT(EVP_MAC_final(hmac.context, digest.data(), &size, digest.size()) == 1);
  return digest;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
#ifdef __x86_64__
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~crc_by_instruction(bytes, ~crc);
#endif
  return ~crc_by_table(bytes, ~crc);
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { HONE_ASSERT(context != nullptr); }
  ~State() { EVP_MD_CTX_free(context); }
  void begin() { HONE_ASSERT(EVP_DigestInit_ex(context, sha256_method(), nullptr) == 1); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->begin();
}
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  HONE_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest;
  HONE_ASSERT(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  state_->begin();
  return digest;
}

}  // namespace hone
