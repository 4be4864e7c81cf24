#include "simulate/work/words.h"

#include <algorithm>
#include <array>

namespace hone::simulate {
namespace {

constexpr std::array<std::string_view, 40> kParts{
    "invoice exporter", "checkout page",  "search index",   "order service",  "profile page",
    "mail sender",      "report builder", "image resizer",  "coupon service", "audit log",
    "login form",       "price list",     "stock counter",  "map view",       "chat window",
    "payment form",     "news feed",      "photo album",    "tax calculator", "address book",
    "calendar view",    "file upload",    "data import",    "shipping label", "password reset",
    "wish list",        "product page",   "gift card",      "cookie banner",  "mobile app",
    "help center",      "backup job",     "user directory", "time sheet",     "room planner",
    "expense form",     "contact list",   "survey editor",  "video player",   "barcode scanner"};

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
char lower_char(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
char upper_char(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::span<const std::string_view> product_parts() {
  return kParts;
}

int parts_named(std::string_view text) {
  const std::string low = lower(text);
  return static_cast<int>(std::ranges::count_if(
      kParts, [&](std::string_view part) { return low.find(part) != std::string::npos; }));
}

std::string_view tidy(std::string_view answer) {
  answer = without_blanks(answer);
  if (answer.size() >= 2 && answer.front() == '"' && answer.back() == '"') {
    answer = without_blanks(answer.substr(1, answer.size() - 2));
  }
  if (answer.ends_with('.')) answer.remove_suffix(1);
  return answer;
}

bool one_line(std::string_view answer) {
  return !without_blanks(answer).contains('\n');
}

int word_count(std::string_view text) {
  int words = 0;
  bool inside = false;
  for (const char c : text) {
    if (!is_blank(c) && !inside) ++words;
    inside = !is_blank(c);
  }
  return words;
}

std::string lower(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(), lower_char);
  return low;
}

std::string upper(std::string_view text) {
  std::string high(text);
  std::ranges::transform(high, high.begin(), upper_char);
  return high;
}

std::string with_capital(std::string_view text) {
  std::string word(text);
  if (!word.empty()) word.front() = upper_char(word.front());
  return word;
}

std::string_view take_word(std::uint64_t& number, std::span<const std::string_view> words) {
  const std::string_view word = words[number % words.size()];
  number /= words.size();
  return word;
}

}  // namespace hone::simulate
