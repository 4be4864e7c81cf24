// Steps over JSON text without making a document of it, at some GB/s: to find one field of a large
// body, or to cut it into its parts. It is no validation: it follows strings, braces and commas, so
// that what it takes for one value is what a parser that accepts the text takes for one, and leaves
// other mistakes to that parser. No recursion, however deep the text.
//
//   JsonScanner scanner(R"({"model": "m", "messages": […]})");
//   if (scanner.take('{')) …
//   const auto key = scanner.string();       // with its quotes
//   const auto value = scanner.value();      // of any kind, as it stands
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace hone {

class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  // The next character that is no blank, or 0 at the end.
  char peek();
  // Steps over `wanted` if it comes next.
  bool take(char wanted);
  // A string with its quotes; nullopt where there is none or it has no end.
  std::optional<std::string_view> string();
  // A value of any kind; nullopt where there is none or it has no end.
  std::optional<std::string_view> value();
  // Where it stands, in bytes from the beginning.
  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  bool skip_value();
  bool skip_word();

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace hone
