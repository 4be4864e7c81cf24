// The form of a token as a row of a table can state it: literal text and runs of one alphabet.
//
//   "ghp_{w36,255}"      "ghp_", then 36 to 255 letters or digits
//   "SG.{u22}.{u43}"     two runs of exact length
//   "{h32}-us{d1,2}"     the first literal may stand behind one run
//   "AccountKey=|{b80,}" where "|" ends the first literal, that only introduces the secret
//
// Alphabets: d digits, h lower-case hex, H hex, A upper case and digits, l lower case and digits,
// w letters and digits, u those with "_" and "-", t those with "." too, e those with "=" too, b
// base64 with padding, 3 base32 in lower case, x what may stand in a URL's query value. Used inside
// this folder only.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone::privacy {

class Shape {
 public:
  // The text is one of ours; a mistake in it is a bug.
  explicit Shape(std::string_view text);

  // As the table states it.
  [[nodiscard]] const std::string& text() const { return text_; }
  // What Vectorscan looks for: the first literal.
  [[nodiscard]] const std::string& anchor() const { return anchor_; }

  struct Match {
    std::size_t begin = 0;  // of the secret
    std::size_t end = 0;
    std::size_t random = 0;  // where the part behind the anchor begins
  };
  // `at`: of the anchor. Nothing that belongs to the last run's alphabet may follow, nor a word
  // character stand before a word.
  [[nodiscard]] std::optional<Match> match(std::string_view text, std::size_t at) const;

 private:
  struct Part {
    std::string literal;  // or a run
    char alphabet = 0;
    std::size_t min = 0;
    std::size_t max = 0;
  };
  std::string text_;
  Part head_;  // a run before the anchor, with max 0 where there is none
  std::string anchor_;
  std::vector<Part> rest_;
  bool introduces_ = false;  // the anchor is no part of the secret
};

// Whether `c` is of that alphabet.
[[nodiscard]] bool belongs(char alphabet, char c);

}  // namespace hone::privacy
