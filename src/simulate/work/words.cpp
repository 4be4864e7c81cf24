#include "simulate/work/words.h"

#include <algorithm>
#include <array>

#include "base/text.h"

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
char upper_char(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

}  // namespace

std::span<const std::string_view> product_parts() {
  return kParts;
}

int parts_named(std::string_view text) {
  const std::string low = lower_case(text);
  return static_cast<int>(std::ranges::count_if(
      kParts, [&](std::string_view part) { return low.find(part) != std::string::npos; }));
}

std::string_view tidy(std::string_view answer) {
  answer = trimmed(answer);
  if (answer.size() >= 2 && answer.front() == '"' && answer.back() == '"') {
    answer = trimmed(answer.substr(1, answer.size() - 2));
  }
  if (answer.ends_with('.')) answer.remove_suffix(1);
  return answer;
}

bool one_line(std::string_view answer) {
  return !trimmed(answer).contains('\n');
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
