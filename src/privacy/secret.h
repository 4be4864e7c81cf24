// Credentials: tokens that their issuers' forms give away, and values that stand where a secret is
// said to stand: after a name such as "password", in a URL, in a header. Used inside this folder
// only.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "privacy/finding.h"
#include "privacy/shape.h"

namespace hone::privacy {

enum class TokenCheck {
  kForm,            // the form is enough
  kRandom,          // and it must look drawn by chance
  kGitHubChecksum,  // carries a checksum, which makes it certain
};

struct TokenFormat {
  std::string_view name;  // of issuer and kind
  Shape shape;
  TokenCheck check;
};

[[nodiscard]] const std::vector<TokenFormat>& token_formats();
// `at`: of the shape's anchor.
[[nodiscard]] std::optional<Finding> find_token(std::string_view text, std::size_t at,
                                                const TokenFormat& format);
// The last six characters of a GitHub token are the CRC-32 of those between "_" and them, in
// base62.
[[nodiscard]] bool has_github_checksum(std::string_view token);

// `at`: of "eyJ". RFC 7519: header and claims are JSON objects in base64url.
[[nodiscard]] std::optional<Finding> find_jwt(std::string_view text, std::size_t at);
// `at`: of "-----BEGIN" or "---- BEGIN". RFC 7468, any kind of private key; a block cut off is
// taken to its last line.
[[nodiscard]] std::optional<Finding> find_private_key(std::string_view text, std::size_t at);
// `at`: of "://". The password in "scheme://user:password@host", or a token in the user's place.
[[nodiscard]] std::optional<Finding> find_url_password(std::string_view text, std::size_t at);
// `at`: behind a word that names secrets, or is the end of a name that does ("password",
// "api_key").
[[nodiscard]] std::optional<Finding> find_assigned(std::string_view text, std::size_t at);
// `at`: behind the word "Bearer", "Basic" or another scheme of an Authorization header.
[[nodiscard]] std::optional<Finding> find_authorization(std::string_view text, std::size_t at);
// `at`: behind "-u " or "--user ": curl's user and password.
[[nodiscard]] std::optional<Finding> find_user_option(std::string_view text, std::size_t at);

// For JSON, where name and value are apart.
[[nodiscard]] bool is_assigned_secret(std::string_view name, std::string_view value);

// Letters and digits mixed as chance mixes them, not as words and numbers do: at least 3 bits of
// entropy a character and a change of class every eighth character or more often.
[[nodiscard]] bool looks_random(std::string_view text);
// Letters in an order that nobody can say, as chance alone makes: two runs of four consonants.
[[nodiscard]] bool is_unspeakable(std::string_view text);
// Nearly one character only, or counted up: "xxxxxxxx", "1234567890", "abcdefgh".
[[nodiscard]] bool looks_made_up(std::string_view text);

}  // namespace hone::privacy
