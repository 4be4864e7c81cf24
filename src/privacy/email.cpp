#include <algorithm>
#include <array>

#include "base/text.h"
#include "privacy/address.h"
#include "privacy/secret.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kMaxLocal = 64;  // RFC 5321, section 4.5.3.1
constexpr std::size_t kMaxDomain = 255;

bool is_local(char c) {
  return is_word(c) || c == '.' || c == '-' || c == '+' || c == '%' || c == '\'';
}

bool is_label(char c) {
  return is_letter(c) || is_digit(c) || c == '-';
}

// A letter of two bytes in UTF-8 that ends before `end`, or begins at `at`: its size, else 0.
// Latin, Greek, Cyrillic and their neighbours; in scripts of three bytes no blank would end the
// address.
bool is_lead(char c) {
  return static_cast<unsigned char>(c) >= 0xC2 && static_cast<unsigned char>(c) <= 0xDF;
}
bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}
std::size_t wide_before(std::string_view text, std::size_t end) {
  return end >= 2 && is_continuation(text[end - 1]) && is_lead(text[end - 2]) ? 2 : 0;
}
std::size_t wide_at(std::string_view text, std::size_t at) {
  return at + 1 < text.size() && is_lead(text[at]) && is_continuation(text[at + 1]) ? 2 : 0;
}

std::size_t local_begin(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && end - begin < kMaxLocal) {
    const std::size_t size = is_local(text[begin - 1]) ? 1 : wide_before(text, begin);
    if (size == 0) break;
    begin -= size;
  }
  // Quotes, dots and dashes may stand before an address; they do not begin one.
  while (begin < end && (text[begin] == '.' || text[begin] == '\'' || text[begin] == '-')) ++begin;
  return begin;
}

std::size_t label_size(std::string_view text, std::size_t at) {
  return is_label(char_at(text, at)) ? 1 : wide_at(text, at);
}

// The end of labels joined by dots, or `begin` if they are no domain.
std::size_t read_domain(std::string_view text, std::size_t begin) {
  std::size_t at = begin;
  std::size_t label = begin;  // where the label being read began
  std::size_t dots = 0;
  while (at - begin < kMaxDomain) {
    while (const std::size_t size = label_size(text, at)) at += size;
    if (at == label) return begin;
    // A dot ends a sentence unless a label follows.
    if (char_at(text, at) != '.' || label_size(text, at + 1) == 0) break;
    ++dots;
    label = ++at;
  }
  const std::string_view top = text.substr(label, at - label);
  const bool letters =
      std::all_of(top.begin(), top.end(), [](char c) { return !is_digit(c) && c != '-'; });
  const bool punycode = lower_case(top.substr(0, 4)) == "xn--";
  return dots > 0 && top.size() >= 2 && (letters || punycode) ? at : begin;
}

// "x@w.shape", "a@b.to(device)": matrix products, not addresses.
bool is_product(std::string_view text, std::string_view local, std::size_t domain,
                std::size_t end) {
  const char after = char_at(text, end);
  const bool short_names = local.size() == 1 && char_at(text, domain + 1) == '.';
  return after == '(' || after == '[' || (short_names && end - domain > 6);
}

}  // namespace

std::optional<Finding> find_email(std::string_view text, std::size_t at) {
  const std::size_t begin = local_begin(text, at);
  const std::string_view local = text.substr(begin, at - begin);
  const std::size_t domain = at + 1;
  const std::size_t end = read_domain(text, domain);
  if (local.empty() || end == domain || is_product(text, local, domain, end)) return std::nullopt;
  if (local == "git") return std::nullopt;  // git@host:path names a repository
  // The end of a password in a URL, or a token in the user's place.
  constexpr std::size_t kLongestUrl = 600;
  const std::size_t from = begin > kLongestUrl ? begin - kLongestUrl : 0;
  const std::size_t scheme = text.substr(from, begin - from).rfind("://");
  if (scheme != std::string_view::npos) {
    const auto password = find_url_password(text, from + scheme);
    if (password && password->end == at) return std::nullopt;
  }
  return Finding{begin, end, Type::kEmail, "e-mail address", "a name at a domain"};
}

}  // namespace hone::privacy
