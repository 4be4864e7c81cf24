#include "engine/model/jinja_strings.h"

#include <string.h>  // memmem
#include <utf8proc.h>

#include <algorithm>

#include "engine/model/utf8.h"

namespace hone::engine::jinja {
namespace {

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

// The character before `end`, which is not 0.
std::size_t start_before(std::string_view text, std::size_t end) {
  do {
    --end;
  } while (end > 0 && !begins_character(text[end]));
  return end;
}

enum class Case { kUpper, kLower, kTitle };

void append_in_case(std::string& out, char32_t code, Case wanted) {
  constexpr char32_t kSharpS = 0xDF;
  constexpr char32_t kDottedI = 0x130;
  if (code == kSharpS && wanted != Case::kLower) {
    out += wanted == Case::kUpper ? "SS" : "Ss";
    return;
  }
  if (code == kDottedI && wanted == Case::kLower) {
    out += "i\xCC\x87";  // with a combining dot above
    return;
  }
  const auto given = static_cast<utf8proc_int32_t>(code);
  const auto mapped = wanted == Case::kUpper   ? utf8proc_toupper(given)
                      : wanted == Case::kLower ? utf8proc_tolower(given)
                                               : utf8proc_totitle(given);
  append_utf8(out, static_cast<char32_t>(mapped));
}

bool has_case(char32_t code) {
  const auto given = static_cast<utf8proc_int32_t>(code);
  return utf8proc_toupper(given) != given || utf8proc_tolower(given) != given || code == 0xDF;
}

// Every character in the case that `choose` says, which sees them in order.
template <typename Choose>
std::string in_cases(std::string_view text, Choose choose) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Character character = character_at(text, i);
    append_in_case(out, character.code, choose(character.code));
    i += character.size;
  }
  return out;
}

std::vector<Text> parts_of(const Text& text, const std::vector<Span>& spans) {
  std::vector<Text> parts;
  parts.reserve(spans.size());
  for (const Span& span : spans) parts.push_back(text.part(span));
  return parts;
}

}  // namespace

std::size_t count_characters(std::string_view text, Budget& budget) {
  budget.read(text.size());
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::vector<std::size_t> character_starts(std::string_view text, Budget& budget) {
  budget.make(text.size() * sizeof(std::size_t));
  std::vector<std::size_t> starts;
  starts.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_character(text[i])) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

std::size_t position_of(std::string_view text, std::size_t character, Budget& budget) {
  budget.read(text.size());
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (!begins_character(text[i])) continue;
    if (character == 0) break;
    --character;
  }
  return i;
}

bool is_space(char32_t code) {
  // Python counts the information separators, which White_Space lacks.
  return is_white_space(code) || (code >= 0x1C && code <= 0x1F);
}

std::size_t find_in(std::string_view text, std::string_view wanted, std::size_t from,
                    Budget& budget) {
  if (from > text.size()) return std::string_view::npos;
  if (wanted.empty()) return from;
  const char* begin = text.data() + from;
  const void* found = ::memmem(begin, text.size() - from, wanted.data(), wanted.size());
  const std::size_t at =
      found == nullptr ? std::string_view::npos
                       : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  budget.spend();
  budget.read(wanted.size() + std::min(at, text.size()) - std::min(from, at));
  return at;
}

Text strip_ends(const Text& text, Ends ends, std::optional<std::string_view> which,
                Budget& budget) {
  const std::string_view bytes = text.bytes();
  const auto strips = [&](std::size_t at) {
    const Character character = character_at(bytes, at);
    if (!which) return is_space(character.code);
    budget.spend();  // per character of the text, for `which` is short
    budget.read(which->size());
    return which->find(bytes.substr(at, character.size)) != std::string_view::npos;
  };
  std::size_t begin = 0;
  std::size_t end = bytes.size();
  if (ends != Ends::kRight) {
    while (begin < end && strips(begin)) begin += character_at(bytes, begin).size;
  }
  if (ends != Ends::kLeft) {
    while (end > begin) {
      const std::size_t last = start_before(bytes, end);
      if (!strips(last)) break;
      end = last;
    }
  }
  budget.read(begin + bytes.size() - end);  // what is gone was looked at, and nothing is made of it
  return text.part({begin, end});
}

std::vector<Text> split_at(const Text& text, std::string_view separator, std::int64_t limit,
                           bool from_right, Budget& budget) {
  if (separator.empty()) refuse("split: the separator is empty");
  const std::string_view bytes = text.bytes();
  std::vector<std::size_t> places;
  if (from_right) {
    // Overlapping separators are matched from the right, as str.rsplit does.
    std::size_t end = bytes.size();
    while (end >= separator.size()) {
      budget.spend();
      budget.read(separator.size());
      if (static_cast<std::int64_t>(places.size()) >= limit) break;
      if (bytes.substr(end - separator.size(), separator.size()) == separator) {
        end -= separator.size();
        places.push_back(end);
      } else {
        --end;
      }
    }
    std::reverse(places.begin(), places.end());
  } else {
    std::size_t from = 0;
    while (static_cast<std::int64_t>(places.size()) < limit) {
      const std::size_t at = find_in(bytes, separator, from, budget);
      if (at == std::string_view::npos) break;
      places.push_back(at);
      from = at + separator.size();
    }
  }
  budget.make_items(places.size() + 1);
  std::vector<Span> spans;
  std::size_t begin = 0;
  for (const std::size_t place : places) {
    spans.push_back({begin, place});
    begin = place + separator.size();
  }
  spans.push_back({begin, bytes.size()});
  return parts_of(text, spans);
}

std::vector<Text> split_at_space(const Text& text, std::int64_t limit, bool from_right,
                                 Budget& budget) {
  const std::string_view bytes = text.bytes();
  budget.read(bytes.size());
  std::vector<Span> words;
  for (std::size_t i = 0; i < bytes.size();) {
    const Character character = character_at(bytes, i);
    const std::size_t next = i + character.size;
    if (!is_space(character.code)) {
      if (words.empty() || words.back().end != i) words.push_back({i, i});
      words.back().end = next;
    }
    i = next;
  }
  budget.make_items(words.size());
  // Past the limit the words stay together, with the space between them and behind.
  if (static_cast<std::int64_t>(words.size()) > limit) {
    const auto kept = static_cast<std::size_t>(limit);
    if (from_right) {
      const std::size_t joined_end = words[words.size() - kept - 1].end;
      words.erase(words.begin(), words.end() - static_cast<std::ptrdiff_t>(kept + 1));
      words.front() = {0, joined_end};
    } else {
      words.resize(kept + 1);
      words.back().end = bytes.size();
    }
  }
  return parts_of(text, words);
}

std::vector<Text> split_lines(const Text& text, Budget& budget) {
  const std::string_view bytes = text.bytes();
  budget.read(bytes.size());
  const auto ends_line = [](char32_t code) {
    return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
  };
  std::vector<Span> lines;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < bytes.size();) {
    const Character character = character_at(bytes, i);
    std::size_t next = i + character.size;
    if (ends_line(character.code)) {
      lines.push_back({begin, i});
      if (bytes.substr(i).starts_with("\r\n")) ++next;
      begin = next;
    }
    i = next;
  }
  if (begin < bytes.size()) lines.push_back({begin, bytes.size()});
  budget.make_items(lines.size());
  return parts_of(text, lines);
}

Text replace_in(const Text& text, const Text& old, const Text& by, std::int64_t limit,
                Budget& budget) {
  const std::string_view bytes = text.bytes();
  Text out;
  std::size_t copied = 0;
  std::size_t at = 0;
  for (std::int64_t done = 0; done < limit; ++done) {
    if (old.empty() && done > 0) {  // "" stands before every character and at the end
      if (at >= bytes.size()) break;
      at += character_at(bytes, at).size;
    } else {
      at = find_in(bytes, old.bytes(), at, budget);
      if (at == std::string_view::npos) break;
    }
    budget.make(by.size() + 1);
    out.append(text, {copied, at});
    out.append(by);
    copied = at + old.size();
    at = copied;
  }
  out.append(text, {copied, bytes.size()});
  return out;
}

Text repeat(const Text& text, std::int64_t times, Budget& budget) {
  Text out;
  for (std::int64_t i = 0; i < times && !text.empty(); ++i) {
    budget.spend();
    budget.make(text.size());
    out.append(text);
  }
  return out;
}

Text join(const std::vector<Text>& parts, const Text& separator, Budget& budget) {
  Text out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    budget.make(separator.size() + parts[i].size());
    if (i > 0) out.append(separator);
    out.append(parts[i]);
  }
  return out;
}

std::string upper(std::string_view text) {
  return in_cases(text, [](char32_t) { return Case::kUpper; });
}

std::string lower(std::string_view text) {
  return in_cases(text, [](char32_t) { return Case::kLower; });
}

std::string capitalized(std::string_view text) {
  return in_cases(text, [first = true](char32_t) mutable {
    return std::exchange(first, false) ? Case::kTitle : Case::kLower;
  });
}

std::string titled(std::string_view text) {
  return in_cases(text, [inside = false](char32_t code) mutable {
    const bool was_inside = std::exchange(inside, has_case(code));
    return was_inside ? Case::kLower : Case::kTitle;
  });
}

std::string titled_by_jinja(std::string_view text) {
  // Words and what parts them are items alike, and each begins with a capital.
  return in_cases(text, [begun = false, was_parting = false](char32_t code) mutable {
    constexpr std::string_view kParting = "-({[<";
    const bool parting = is_space(code) || (code < 0x80 && kParting.find(static_cast<char>(code)) !=
                                                               std::string_view::npos);
    const bool first = !begun || parting != was_parting;
    begun = true;
    was_parting = parting;
    return first ? Case::kUpper : Case::kLower;
  });
}

}  // namespace hone::engine::jinja
