// Text inside text: percent-encoded parts of URLs, escapes of JSON strings, base64. Each decoder
// keeps where every byte came from, so that what is found in the plain text can be covered in the
// text as it stands. Used inside this folder only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone::privacy {

struct Decoded {
  std::string text;
  std::vector<std::uint32_t> from;  // of each byte of `text`, and of its end: offset in the source
  std::size_t begin = 0;            // the part of the source that was decoded
  std::size_t end = 0;

  // The part of the source that says text[from, to).
  [[nodiscard]] std::size_t source_begin(std::size_t at) const { return from[at]; }
  [[nodiscard]] std::size_t source_end(std::size_t at) const;
};

// RFC 3986, section 2.1: the run of URL characters around the "%" at `at`.
[[nodiscard]] Decoded decode_percent(std::string_view text, std::size_t at);
// RFC 8259, section 7: \uXXXX, \/, \", \\ and \n in the run without blanks around the "\" at `at`.
[[nodiscard]] Decoded decode_escapes(std::string_view text, std::size_t at);
// RFC 4648, either alphabet, padded or not, line breaks between: text[begin, end).
[[nodiscard]] Decoded decode_base64(std::string_view text, std::size_t begin, std::size_t end);
// Printable ASCII with line breaks.
[[nodiscard]] bool is_plain_text(std::string_view text);

// The runs of base64 characters that are long enough to hold a credential and begin as text does.
struct Block {
  std::size_t begin = 0;
  std::size_t end = 0;
};
[[nodiscard]] std::vector<Block> base64_blocks(std::string_view text);

}  // namespace hone::privacy
