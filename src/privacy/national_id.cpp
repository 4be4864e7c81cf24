#include "privacy/national_id.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "base/text.h"
#include "privacy/boundary.h"
#include "privacy/context.h"

namespace hone::privacy {
namespace {

int digit(std::string_view digits, std::size_t at) {
  return digits[at] - '0';
}

int weighted(std::string_view digits, std::initializer_list<int> weights) {
  int sum = 0;
  std::size_t at = 0;
  for (const int weight : weights) sum += weight * digit(digits, at++);
  return sum;
}

long remainder(std::string_view digits, long modulus) {
  long rest = 0;
  for (const char c : digits) rest = (rest * 10 + (c - '0')) % modulus;
  return rest;
}

// Of two digits each, as in YYMMDD: a month and a day.
bool is_day(std::string_view month, std::string_view day) {
  const long m = remainder(month, 100);
  const long d = remainder(day, 100);
  return m >= 1 && m <= 12 && d >= 1 && d <= 31;
}

// SSA, POMS RM 10201.030.
bool is_ssn(std::string_view d) {
  return d.substr(0, 3) != "000" && d.substr(0, 3) != "666" && d[0] != '9' &&
         d.substr(3, 2) != "00" && d.substr(5) != "0000";
}

bool is_cpf(std::string_view d) {
  const auto check = [&](std::size_t count) {
    int sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += digit(d, i) * static_cast<int>(count + 1 - i);
    return sum * 10 % 11 % 10;
  };
  return check(9) == digit(d, 9) && check(10) == digit(d, 10);
}

// EAN-13, of which 756 is Switzerland.
bool is_ahv(std::string_view d) {
  return d.starts_with("756") && weighted(d, {1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1}) % 10 == 0;
}

bool is_belgian(std::string_view d) {
  const long check = remainder(d.substr(9), 100);
  return is_day(d.substr(2, 2), d.substr(4, 2)) &&
         (97 - remainder(d.substr(0, 9), 97) == check ||
          97 - remainder("2" + std::string(d.substr(0, 9)), 97) == check);
}

bool is_nir(std::string_view d) {
  const long month = remainder(d.substr(3, 2), 100);
  return (d[0] == '1' || d[0] == '2') && month >= 1 && month <= 12 &&
         97 - remainder(d.substr(0, 13), 97) == remainder(d.substr(13), 100);
}

// ISO 7064 MOD 11,10.
bool is_german_tax_id(std::string_view d) {
  int product = 10;
  for (std::size_t i = 0; i < 10; ++i) {
    int sum = (digit(d, i) + product) % 10;
    if (sum == 0) sum = 10;
    product = sum * 2 % 11;
  }
  return d[0] != '0' && (11 - product) % 10 == digit(d, 10);
}

bool is_pesel(std::string_view d) {
  return weighted(d, {1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1}) % 10 == 0;
}

bool is_bsn(std::string_view d) {
  return weighted(d, {9, 8, 7, 6, 5, 4, 3, 2, -1}) % 11 == 0;
}

bool is_personnummer(std::string_view d) {
  return is_day(d.substr(2, 2), d.substr(4, 2)) && passes_luhn(d);
}

bool is_cpr(std::string_view d) {
  return is_day(d.substr(2, 2), d.substr(0, 2));
}

bool is_fodselsnummer(std::string_view d) {
  return weighted(d, {3, 7, 6, 1, 8, 9, 4, 5, 2, 1}) % 11 == 0 &&
         weighted(d, {5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1}) % 11 == 0;
}

bool is_portuguese_nif(std::string_view d) {
  const int rest = weighted(d, {9, 8, 7, 6, 5, 4, 3, 2}) % 11;
  return digit(d, 8) == (rest < 2 ? 0 : 11 - rest);
}

bool is_turkish(std::string_view d) {
  const int odd = digit(d, 0) + digit(d, 2) + digit(d, 4) + digit(d, 6) + digit(d, 8);
  const int even = digit(d, 1) + digit(d, 3) + digit(d, 5) + digit(d, 7);
  const int tenth = ((odd * 7 - even) % 10 + 10) % 10;
  return d[0] != '0' && tenth == digit(d, 9) && (odd + even + tenth) % 10 == digit(d, 10);
}

bool is_korean(std::string_view d) {
  const int sum = weighted(d, {2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5});
  return is_day(d.substr(2, 2), d.substr(4, 2)) && (11 - sum % 11) % 10 == digit(d, 12);
}

// Verhoeff's check over the dihedral group D5: digits below 5 turn, the others mirror.
bool passes_verhoeff(std::string_view digits) {
  constexpr std::array<int, 10> kShuffle = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};
  const auto product = [](int a, int b) {
    const int turn = a < 5 ? a % 5 + b % 5 : a % 5 - b % 5 + 5;
    return turn % 5 + ((a < 5) == (b < 5) ? 0 : 5);
  };
  int check = 0;
  std::size_t position = 0;
  for (auto it = digits.rbegin(); it != digits.rend(); ++it, ++position) {
    int value = *it - '0';
    for (std::size_t i = 0; i < position % 8; ++i)
      value = kShuffle.at(static_cast<std::size_t>(value));
    check = product(check, value);
  }
  return check == 0;
}

bool is_aadhaar(std::string_view d) {
  return d[0] >= '2' && passes_verhoeff(d);
}

bool is_tfn(std::string_view d) {
  return weighted(d, {1, 4, 3, 7, 5, 8, 6, 9, 10}) % 11 == 0;
}

bool is_south_african(std::string_view d) {
  return is_day(d.substr(2, 2), d.substr(4, 2)) && passes_luhn(d);
}

bool is_my_number(std::string_view d) {
  const int rest = weighted(d, {6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2}) % 11;
  return digit(d, 11) == (rest <= 1 ? 0 : 11 - rest);
}

bool is_nhs(std::string_view d) {
  const int check = 11 - weighted(d, {10, 9, 8, 7, 6, 5, 4, 3, 2}) % 11;
  return (check == 11 ? 0 : check) == digit(d, 9);
}

bool is_sin(std::string_view d) {
  return passes_luhn(d) && d[0] != '0' && d[0] != '8';
}

struct NumberFormat {
  std::string_view rule;
  std::size_t digits;
  std::string_view groups;  // "3-2-4": printed so, it needs no word; empty: always needs one
  bool (*check)(std::string_view digits);
  std::array<std::string_view, 4> words;
};

constexpr NumberFormat kFormats[] = {
    {"US social security number", 9, "3-2-4", is_ssn, {{"ssn", "social security"}}},
    {"Brazilian CPF", 11, "3.3.3-2", is_cpf, {{"cpf"}}},
    {"Swiss AHV number", 13, "3.4.4.2", is_ahv, {{"ahv", "avs"}}},
    {"Belgian national number",
     11,
     "2.2.2-3.2",
     is_belgian,
     {{"rijksregister", "national number", "niss"}}},
    {"French NIR", 15, "1 2 2 2 3 3 2", is_nir, {{"nir", "insee", "sécurité sociale", "sécu"}}},
    {"Korean resident number", 13, "6-7", is_korean, {{"resident", "rrn", "주민"}}},
    {"German tax id", 11, "", is_german_tax_id, {{"steuer", "tax id", "idnr", "tin"}}},
    {"Polish PESEL", 11, "", is_pesel, {{"pesel"}}},
    {"Dutch BSN", 9, "", is_bsn, {{"bsn", "burgerservice", "sofi"}}},
    {"Swedish personnummer", 10, "", is_personnummer, {{"personnummer", "pnr", "swedish id"}}},
    {"Danish CPR number", 10, "", is_cpr, {{"cpr"}}},
    {"Norwegian fødselsnummer",
     11,
     "",
     is_fodselsnummer,
     {{"fødselsnummer", "fodselsnummer", "fnr"}}},
    {"Portuguese NIF", 9, "", is_portuguese_nif, {{"nif", "contribuinte"}}},
    {"Turkish identity number", 11, "", is_turkish, {{"kimlik", "tckn"}}},
    {"Indian Aadhaar", 12, "", is_aadhaar, {{"aadhaar", "aadhar", "uidai"}}},
    {"Australian TFN", 9, "", is_tfn, {{"tfn", "tax file"}}},
    {"South African id", 13, "", is_south_african, {{"id number", "said", "south african id"}}},
    {"Japanese My Number", 12, "", is_my_number, {{"my number", "マイナンバー"}}},
    {"NHS number", 10, "", is_nhs, {{"nhs"}}},
    {"Canadian SIN", 9, "", is_sin, {{"sin", "social insurance"}}},
};

// The sizes of groups and what separates them, "3-2-4".
std::string groups_of(const Number& number, std::size_t count) {
  std::string groups;
  for (std::size_t i = 0; i < count; ++i) {
    groups += number.groups[i].before;
    groups += std::to_string(number.groups[i].end - number.groups[i].begin);
  }
  return groups;
}

// As has_word_before, but "sin" does not stand in "using".
bool follows_word(std::string_view text, std::size_t begin,
                  std::span<const std::string_view> words) {
  const std::size_t from = begin > kContextBytes ? begin - kContextBytes : 0;
  std::string before = lower_case(text.substr(from, begin - from));
  if (const auto last = before.find_last_of("0123456789"); last != std::string::npos) {
    before.erase(0, last + 1);
  }
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    const std::size_t at = word.empty() ? std::string::npos : before.rfind(word);
    return at != std::string::npos && !is_letter(char_before(before, at)) &&
           (word.size() > 4 || !is_letter(char_at(before, at + word.size())));
  });
}

std::string compact(std::string_view text) {
  std::string plain;
  std::copy_if(text.begin(), text.end(), std::back_inserter(plain), is_word);
  return plain;
}

// Omocodia puts letters for digits; those count, too (DM 23 December 1976).
bool is_codice_fiscale(std::string_view code) {
  constexpr std::string_view kOdd = "BAKPLCQDREVOSFTGUHMINJWZYX";  // by value 0…25 of an odd place
  const auto ordinal = [](char c) { return is_digit(c) ? c - '0' : c - 'A'; };
  if (code.size() != 16) return false;
  int sum = 0;
  for (std::size_t i = 0; i < 15; ++i) {
    if (!is_upper(code[i]) && !is_digit(code[i])) return false;
    sum += i % 2 == 1 ? ordinal(code[i])
                      : static_cast<int>(kOdd.find(static_cast<char>('A' + ordinal(code[i]))));
  }
  return code[15] == 'A' + sum % 26;
}

bool is_nric(std::string_view code) {
  if (code.size() != 9) return false;
  int sum = code[0] == 'T' || code[0] == 'G' ? 4 : code[0] == 'M' ? 3 : 0;
  constexpr std::array<int, 7> kWeights = {2, 7, 6, 5, 4, 3, 2};
  for (std::size_t i = 0; i < 7; ++i) {
    if (!is_digit(code[i + 1])) return false;
    sum += kWeights.at(i) * (code[i + 1] - '0');
  }
  const std::string_view checks = code[0] == 'S' || code[0] == 'T'   ? "JZIHGFEDCBA"
                                  : code[0] == 'F' || code[0] == 'G' ? "XWUTRQPNMLK"
                                                                     : "KLJNPQRTUWX";
  const auto rest = static_cast<std::size_t>(sum % 11);
  return std::string_view("STFGM").find(code[0]) != std::string_view::npos &&
         code[8] == (code[0] == 'M' ? checks[10 - rest] : checks[rest]);
}

bool is_nie(std::string_view code) {
  constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  if (code.size() != 9 || code[0] < 'X' || code[0] > 'Z') return false;
  long value = code[0] - 'X';
  for (std::size_t i = 1; i < 8; ++i) {
    if (!is_digit(code[i])) return false;
    value = value * 10 + (code[i] - '0');
  }
  return code[8] == kLetters[static_cast<std::size_t>(value % 23)];
}

// HMRC's rules for the two letters.
bool is_nino(std::string_view code) {
  constexpr std::string_view kNever = "DFIQUV";
  if (code.size() != 9 || !std::all_of(code.begin() + 2, code.begin() + 8, is_digit)) return false;
  const std::string_view prefix = code.substr(0, 2);
  for (const std::string_view bad : {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}) {
    if (prefix == bad) return false;
  }
  return kNever.find(code[0]) == std::string_view::npos &&
         kNever.find(code[1]) == std::string_view::npos && code[1] != 'O' && code[8] >= 'A' &&
         code[8] <= 'D';
}

// AAAA, a date, H or M, five letters, two more (RENAPO); the last digit is not checked.
bool is_curp(std::string_view code) {
  return code.size() == 18 && is_day(code.substr(6, 2), code.substr(8, 2)) &&
         (code[10] == 'H' || code[10] == 'M') &&
         std::all_of(code.begin() + 11, code.begin() + 16, is_upper) && is_digit(code[17]);
}

// The end of a word of upper-case letters and digits, with single blanks in it where a NINO has
// them.
std::size_t code_end(std::string_view text, std::size_t at, bool blanks) {
  std::size_t end = at;
  while (is_upper(char_at(text, end)) || is_digit(char_at(text, end)) ||
         (blanks && char_at(text, end) == ' ' && end - at < 12 &&
          (is_digit(char_before(text, end)) || end - at == 2) &&
          (is_digit(char_at(text, end + 1)) ||
           (is_upper(char_at(text, end + 1)) && !is_word(char_at(text, end + 2)))))) {
    ++end;
  }
  return end;
}

}  // namespace

std::optional<Finding> find_national_number(std::string_view text, const Number& number) {
  if (number.plus || number.parenthesis || !begins_word(text, number.begin)) return std::nullopt;
  const char before = char_before(text, number.begin);
  if ((before == '-' || before == '.') && is_word(char_before(text, number.begin - 1)))
    return std::nullopt;
  const std::size_t groups = number.groups.size();
  const std::string digits = number.digits(text, groups);
  const std::size_t end = number.end(groups);
  // China: seventeen digits and a check, which may be X (GB 11643).
  if (groups == 1 && (digits.size() == 18 || (digits.size() == 17 && char_at(text, end) == 'X'))) {
    const std::size_t last = digits.size() == 18 ? end : end + 1;
    const int rest = weighted(digits, {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}) % 11;
    const bool century = digits.substr(6, 2) == "19" || digits.substr(6, 2) == "20";
    if (century && is_day(digits.substr(10, 2), digits.substr(12, 2)) &&
        !is_word(char_at(text, last)) &&
        std::string_view("10X98765432")[static_cast<std::size_t>(rest)] == text[last - 1]) {
      return Finding{number.begin, last, Type::kId, "Chinese resident number",
                     "date and check digit"};
    }
  }
  // Finland: a date, a century's sign, three digits and a check (mod 31).
  if (digits.size() == 9 && groups == 2 && number.groups[0].end - number.groups[0].begin == 6 &&
      number.groups[1].before == "-") {
    constexpr std::string_view kChecks = "0123456789ABCDEFHJKLMNPRSTUVWXY";
    const char check = char_at(text, end);
    if (is_day(digits.substr(2, 2), digits.substr(0, 2)) && !is_word(char_at(text, end + 1)) &&
        check == kChecks[static_cast<std::size_t>(remainder(digits, 31))]) {
      return Finding{number.begin, end + 1, Type::kId, "Finnish personal code", "date and check"};
    }
  }
  if (is_word(char_at(text, end))) {
    // Spain: eight digits and a letter.
    constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
    constexpr std::array<std::string_view, 3> kWords = {"dni", "nif", "documento"};
    const bool dni = groups == 1 && digits.size() == 8 && !is_word(char_at(text, end + 1)) &&
                     text[end] == kLetters[static_cast<std::size_t>(remainder(digits, 23))] &&
                     follows_word(text, number.begin, kWords);
    if (!dni) return std::nullopt;
    return Finding{number.begin, end + 1, Type::kId, "Spanish DNI",
                   "check letter, behind its name"};
  }
  std::string printed;
  for (const NumberFormat& format : kFormats) {
    if (format.digits != digits.size() || !format.check(digits)) continue;
    if (printed.empty()) printed = groups_of(number, groups);
    if (!format.groups.empty() && printed == format.groups) {
      return Finding{number.begin, end, Type::kId, format.rule, "printed form and checks"};
    }
    if (follows_word(text, number.begin, format.words)) {
      return Finding{number.begin, end, Type::kId, format.rule, "checks, behind its name"};
    }
  }
  return std::nullopt;
}

std::optional<Finding> find_lettered_id(std::string_view text, std::size_t at,
                                        std::size_t letters) {
  if (letters == 3 || !is_upper(char_at(text, at))) return std::nullopt;
  const std::size_t end = code_end(text, at, letters == 2);
  if (end - at < 9 || is_word(char_at(text, end))) return std::nullopt;
  const std::string code = compact(text.substr(at, end - at));
  const auto found = [&](std::string_view rule, std::string_view reason) {
    return Finding{at, end, Type::kId, rule, reason};
  };
  switch (letters) {
    case 1:
      if (is_nric(code)) return found("Singapore NRIC", "check letter");
      if (is_nie(code)) return found("Spanish NIE", "check letter");
      break;
    case 2:
      if (is_nino(code)) return found("UK national insurance number", "letters and six digits");
      break;
    case 4:
      if (is_curp(code)) return found("Mexican CURP", "date and letters");
      break;
    case 5: {
      constexpr std::array<std::string_view, 3> kWords = {"pan", "permanent account", "income tax"};
      const bool pan = code.size() == 10 &&
                       std::all_of(code.begin() + 5, code.begin() + 9, is_digit) &&
                       is_upper(code[9]) && follows_word(text, at, kWords);
      if (pan) return found("Indian PAN", "form, behind its name");
      break;
    }
    case 6:
      if (is_codice_fiscale(code)) return found("Italian codice fiscale", "check letter");
      break;
    default:
      break;
  }
  return std::nullopt;
}

std::optional<Finding> find_document(std::string_view text, std::size_t at) {
  // "passport number is C01X00T47", "licence no.: MORGA753116SM9IJ"
  constexpr std::array<std::string_view, 9> kWords = {"number", "no", "nr", "num", "id",
                                                      "is",     "s",  "'s", "card"};
  std::size_t begin = at;
  bool numbered = false;
  for (int words = 0; words < 4; ++words) {
    while (begin < text.size() &&
           std::string_view(" \t:.#='\"").find(text[begin]) != std::string_view::npos)
      ++begin;
    std::size_t end = begin;
    while (is_letter(char_at(text, end))) ++end;
    const std::string word = lower_case(text.substr(begin, end - begin));
    if (is_digit(char_at(text, end)) ||
        std::find(kWords.begin(), kWords.end(), word) == kWords.end())
      break;
    numbered = numbered || word == "number" || word.starts_with("n");
    begin = end;
  }
  std::size_t end = begin;
  std::size_t digits = 0;
  while (is_upper(char_at(text, end)) || is_digit(char_at(text, end)) ||
         (char_at(text, end) == '-' && is_digit(char_at(text, end + 1)))) {
    digits += is_digit(text[end]) ? 1 : 0;
    ++end;
  }
  if (!numbered || end - begin < 6 || end - begin > 20 || digits < 5 ||
      is_word(char_at(text, end))) {
    return std::nullopt;
  }
  return Finding{begin, end, Type::kId, "identity document", "behind the document's name"};
}

}  // namespace hone::privacy
