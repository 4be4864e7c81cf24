#include "privacy/structure.h"

#include <array>
#include <cstdint>

#include "privacy/address.h"
#include "privacy/boundary.h"
#include "privacy/national_id.h"
#include "privacy/number.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kBetweenLooksAtTheClock = 1U << 16;

// A word that begins with at most six letters and goes on with a digit may be a number or an id;
// inside any other word (a hash, a name) there is nothing to stop for. One letter more, for the "n"
// of a "\n" before it.
constexpr std::uint64_t kOutside = 0;
constexpr std::uint64_t kMostLetters = 7;
constexpr std::uint64_t kInside = 8;
constexpr std::uint64_t kStop = 9;
constexpr std::uint64_t kStateBits = 6;

constexpr std::uint64_t next_state(std::uint64_t state, char c) {
  if (c == '@' || c == ':' || c == '-' || c == '%' || c == '\\') return kStop;
  if (is_digit(c)) return state <= kMostLetters ? kStop : kInside;
  if (is_letter(c)) return state < kMostLetters ? state + 1 : kInside;
  return c == '_' ? kInside : kOutside;
}

// An automaton in one shift a byte: a byte's row holds, at each state's place, the next state's
// place.
constexpr std::array<std::uint64_t, 256> make_rows() {
  std::array<std::uint64_t, 256> rows{};
  for (std::size_t c = 0; c < rows.size(); ++c) {
    for (std::uint64_t state = kOutside; state < kStop; ++state) {
      const std::uint64_t place = next_state(state, static_cast<char>(c)) * kStateBits;
      rows.at(c) |= place << (state * kStateBits);
    }
  }
  return rows;
}
constexpr auto kRows = make_rows();

std::size_t digits_end(std::string_view text, std::size_t at) {
  while (is_digit(char_at(text, at))) ++at;
  return at;
}

// Four numbers joined by dots begin at `at`.
bool is_dotted_quad(std::string_view text, std::size_t at) {
  for (int dots = 0; dots < 3; ++dots) {
    const std::size_t end = digits_end(text, at);
    if (end == at || end - at > 3 || char_at(text, end) != '.') return false;
    at = end + 1;
  }
  return is_digit(char_at(text, at));
}

class Scan {
 public:
  Scan(std::string_view text, Structures& out) : text_(text), out_(out) {}

  // Looks at the byte at `at` and gives where to go on.
  std::size_t stop(std::size_t at) {
    switch (text_[at]) {
      case '@':
        keep(find_email(text_, at));
        break;
      case ':':
        colon(at);
        break;
      case '-':
        if (char_at(text_, at + 3) == '-' && is_hex_digit(char_before(text_, at)))
          keep(find_mac(text_, at));
        break;
      case '%':
        if (is_hex_digit(char_at(text_, at + 1)) && is_hex_digit(char_at(text_, at + 2))) {
          out_.percents.push_back(at);
        }
        break;
      case '\\':
        if (char_at(text_, at + 1) == '/' || text_.substr(at + 1, 3) == "u00")
          out_.escapes.push_back(at);
        break;
      default:
        return number(at);
    }
    return at + 1;
  }

 private:
  bool keep(std::optional<Finding> finding) {
    if (!finding) return false;
    out_.findings.push_back(std::move(*finding));
    return true;
  }

  std::size_t number(std::size_t at) {
    const std::size_t end = digits_end(text_, at);
    const char before = char_before(text_, at);
    if (!is_word(before) || ends_escape(text_, at)) {
      read_number_at(at, end);
    } else if (is_letter(before)) {
      lettered(at);
    }
    return end;
  }

  // A number can be one thing only.
  void read_number_at(std::size_t at, std::size_t end) {
    // "AB 12 34 56 C"
    if (at >= 3 && text_[at - 1] == ' ' && is_upper(text_[at - 2]) && is_upper(text_[at - 3]) &&
        begins_word(text_, at - 3) && keep(find_lettered_id(text_, at - 3, 2))) {
      return;
    }
    // Within a word with dashes, a UUID for instance.
    if (at >= 2 && text_[at - 1] == '-' && is_word(text_[at - 2]) && is_word(char_at(text_, end)))
      return;
    const bool decimal = char_at(text_, end) == '.';
    if (decimal && end - at <= 3 && keep(find_coordinates(text_, at))) return;
    const bool dotted = decimal && is_dotted_quad(text_, at);
    if (!dotted && !has_enough_digits(text_, at)) return;
    const Number number = read_number(text_, at);
    if (keep(find_card(text_, number))) return;
    if (keep(find_national_number(text_, number))) return;
    if (dotted && keep(find_ipv4(text_, number))) return;
    keep(find_phone(text_, number));
  }

  // "DE89…", "S1234567D": a word's letters, then the digit at `at`.
  void lettered(std::size_t at) {
    constexpr std::size_t kMost = 6;
    std::size_t begin = at;
    while (begin > 0 && at - begin <= kMost && is_letter(text_[begin - 1]) &&
           !ends_escape(text_, begin)) {
      --begin;
    }
    const std::size_t letters = at - begin;
    if (letters == 0 || letters > kMost || !begins_word(text_, begin)) return;
    if (letters == 2 && keep(find_iban(text_, begin))) return;
    keep(find_lettered_id(text_, begin, letters));
  }

  void colon(std::size_t at) {
    if (text_.substr(at + 1, 2) == "//") {
      keep(find_site(text_, at));
      return;
    }
    if (char_at(text_, at + 3) == ':' && is_hex_digit(char_before(text_, at)) &&
        keep(find_mac(text_, at))) {
      return;
    }
    // Two colons with at most four hexadecimal digits between.
    std::size_t next = at + 1;
    while (next - at <= 4 && is_hex_digit(char_at(text_, next))) ++next;
    if (char_at(text_, next) == ':') keep(find_ipv6(text_, next));
  }

  std::string_view text_;
  Structures& out_;
};

}  // namespace

Result<Structures> find_structures(std::string_view text, const Deadline& deadline) {
  Structures structures;
  Scan scan(text, structures);
  std::size_t look = kBetweenLooksAtTheClock;
  std::uint64_t state = kOutside;
  for (std::size_t at = 0; at < text.size();) {
    state = kRows[static_cast<unsigned char>(text[at])] >> (state & 63U);
    if ((state & 63U) != kStop * kStateBits) {
      ++at;
      continue;
    }
    at = scan.stop(at);
    state = (is_word(text[at - 1]) ? kInside : kOutside) * kStateBits;
    if (at < look) continue;
    look = at + kBetweenLooksAtTheClock;
    if (deadline.passed()) return fail(Deadline::error());
  }
  return structures;
}

}  // namespace hone::privacy
