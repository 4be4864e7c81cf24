#include "privacy/rules.h"

#include "privacy/address.h"
#include "privacy/number.h"
#include "privacy/secret.h"

namespace hone::privacy {
namespace {

// A literal as a pattern.
std::string quoted(std::string_view literal) {
  std::string pattern;
  for (const char c : literal) {
    if (!is_word(c)) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// A number can be one thing only: a card or an address by its check, else a telephone number.
std::optional<Finding> find_number(std::string_view text, std::size_t end) {
  // An IPv4 address may have four digits only.
  const bool dotted = text.substr(end, 4).find('.') != std::string_view::npos;
  if (!dotted && !has_enough_digits(text, end - 1)) return std::nullopt;
  const Number number = read_number(text, end - 1);
  if (auto card = find_card(text, number)) return card;
  if (auto address = find_ipv4(text, number)) return address;
  return find_phone(text, number);
}

void add_tokens(std::vector<Rule>& all) {
  for (const TokenFormat& format : token_formats()) {
    all.push_back({"token " + std::string(format.prefix), quoted(format.prefix), false,
                   [&format](std::string_view text, std::size_t end) {
                     return find_token(text, end - format.prefix.size(), format);
                   }});
  }
  // SendGrid: the prefix alone is too short to look for.
  all.push_back({"sendgrid", R"(SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43})", false,
                 [](std::string_view, std::size_t end) -> std::optional<Finding> {
                   return Finding{end - 69, end, Type::kSecret};
                 }});
}

void add_secrets(std::vector<Rule>& all) {
  add_tokens(all);
  const auto before = [](auto find, std::size_t size) {
    return [find, size](std::string_view text, std::size_t end) { return find(text, end - size); };
  };
  all.push_back({"jwt", "eyJ", false, before(find_jwt, 3)});
  all.push_back({"private key", "-----BEGIN", false, before(find_private_key, 10)});
  all.push_back(
      {"telegram", R"([0-9]{8}:AA[A-Za-z0-9_\-])", false, before(find_telegram_token, 4)});
  all.push_back({"url password", "://", false, before(find_url_password, 3)});
  all.push_back({"authorization", R"((?:bearer|basic)[ \t])", true, before(find_authorization, 1)});
  all.push_back(
      {"assignment",
       R"((?:passw|passphrase|passcode|kennwort|pwd|secret|token|credential|key|pass|bearer))"
       R"([a-z_]{0,6}[\]"'\\ \t]{0,5}[=:])",
       true, before(find_assigned, 1)});
}

std::vector<Rule> make_rules() {
  std::vector<Rule> all;
  all.push_back({"email", "[^ \\t\\r\\n@]@[^ \\t\\r\\n@]", false,
                 [](std::string_view text, std::size_t end) { return find_email(text, end - 2); }});
  all.push_back({"email in a URL", "%40", false,
                 [](std::string_view text, std::size_t end) { return find_email(text, end - 3); }});
  all.push_back({"number", "(?:^|[^A-Za-z0-9_])[0-9]", false, find_number});
  all.push_back({"ipv6", ":[0-9a-f]{0,4}:", true,
                 [](std::string_view text, std::size_t end) { return find_ipv6(text, end - 1); }});
  all.push_back({"iban", "[a-z]{2}[0-9]{2} ?[a-z0-9]{4}", true,
                 [](std::string_view text, std::size_t end) -> std::optional<Finding> {
                   const std::size_t size = char_before(text, end - 4) == ' ' ? 9 : 8;
                   return find_iban(text, end - size);
                 }});
  add_secrets(all);
  return all;
}

}  // namespace

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = make_rules();
  return all;
}

}  // namespace hone::privacy
