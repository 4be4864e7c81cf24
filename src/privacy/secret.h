// Credentials: tokens that their issuers' prefixes give away, and values that are assigned to a
// name such as "password". Used inside this folder only.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "privacy/finding.h"

namespace hone::privacy {

enum class Alphabet { kAlphanumeric, kUpper, kHex, kUrlSafe, kBase32, kBase64 };

// A token is its prefix and then `min` to `max` characters, after which none of the alphabet
// follows.
struct TokenFormat {
  std::string_view prefix;
  Alphabet alphabet;
  std::size_t min;
  std::size_t max;
  bool must_look_random = false;  // where the prefix alone is too common
};

[[nodiscard]] const std::vector<TokenFormat>& token_formats();
// `at`: of the prefix.
[[nodiscard]] std::optional<Finding> find_token(std::string_view text, std::size_t at,
                                                const TokenFormat& format);

// `at`: of "eyJ". RFC 7519: header and claims are JSON objects in base64url.
[[nodiscard]] std::optional<Finding> find_jwt(std::string_view text, std::size_t at);
// `at`: of "-----BEGIN". RFC 7468, any kind of private key; a block cut off is taken to its last
// line.
[[nodiscard]] std::optional<Finding> find_private_key(std::string_view text, std::size_t at);
// `at`: of the ":" in "123456789:AA…", a Telegram bot's token.
[[nodiscard]] std::optional<Finding> find_telegram_token(std::string_view text, std::size_t at);
// `at`: of "://". The password in "scheme://user:password@host".
[[nodiscard]] std::optional<Finding> find_url_password(std::string_view text, std::size_t at);
// `at`: of the "=" or ":" after a name that names a secret.
[[nodiscard]] std::optional<Finding> find_assigned(std::string_view text, std::size_t at);
// `at`: behind the word "Bearer" or "Basic".
[[nodiscard]] std::optional<Finding> find_authorization(std::string_view text, std::size_t at);

// For JSON, where name and value are apart.
[[nodiscard]] bool names_secret(std::string_view name);
[[nodiscard]] bool is_assigned_secret(std::string_view name, std::string_view value);

// Letters and digits mixed as chance mixes them, not as words and numbers do: at least 3 bits of
// entropy a character and a change of class every eighth character or more often.
[[nodiscard]] bool looks_random(std::string_view text);

}  // namespace hone::privacy
