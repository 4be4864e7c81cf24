#include "engine/model/jinja_text.h"

#include <algorithm>

namespace hone::engine::jinja {

Text Text::given(std::string bytes) {
  Text text(std::move(bytes));
  text.add_given({0, text.size()});
  return text;
}

void Text::add_given(Span span) {
  if (span.begin == span.end) return;
  if (!given_.empty() && given_.back().end == span.begin) {
    given_.back().end = span.end;
  } else {
    given_.push_back(span);
  }
}

void Text::append(const Text& other, Span part) {
  const std::size_t base = bytes_.size();
  bytes_.append(other.bytes_, part.begin, part.end - part.begin);
  auto span = std::lower_bound(other.given_.begin(), other.given_.end(), part.begin,
                               [](const Span& one, std::size_t begin) { return one.end <= begin; });
  for (; span != other.given_.end() && span->begin < part.end; ++span) {
    const std::size_t begin = std::max(span->begin, part.begin) - part.begin;
    const std::size_t end = std::min(span->end, part.end) - part.begin;
    add_given({base + begin, base + end});
  }
}

Text Text::part(Span part) const {
  Text text;
  text.append(*this, part);
  return text;
}

Text Text::remade(std::string bytes) const {
  return given_.empty() ? Text(std::move(bytes)) : given(std::move(bytes));
}

}  // namespace hone::engine::jinja
