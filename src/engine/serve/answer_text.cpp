#include "engine/serve/answer_text.h"

#include <algorithm>

#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

// How much of the end of `text` begins `stop`.
std::size_t overlap(std::string_view text, std::string_view stop) {
  for (std::size_t size = std::min(text.size(), stop.size() - 1); size > 0; --size) {
    if (text.substr(text.size() - size) == stop.substr(0, size)) return size;
  }
  return 0;
}

}  // namespace

bool AnswerText::add(std::string_view bytes) {
  held_ += bytes;
  std::size_t cut = std::string::npos;
  for (const std::string& stop : stop_) {
    const std::size_t at = held_.find(stop);
    if (at < cut) {
      cut = at;
      found_ = stop;
    }
  }
  if (cut == std::string::npos) return false;
  held_.resize(cut);
  return true;
}

std::string AnswerText::take() {
  std::size_t keep = incomplete_utf8_tail(held_);
  for (const std::string& stop : stop_) keep = std::max(keep, overlap(held_, stop));
  // What is held back for a stop string may begin inside a character.
  std::size_t shown = held_.size() - keep;
  shown -= incomplete_utf8_tail(std::string_view(held_).substr(0, shown));
  std::string text = replace_invalid_utf8(std::string_view(held_).substr(0, shown));
  held_.erase(0, shown);
  return text;
}

std::string AnswerText::take_rest() {
  std::string text = replace_invalid_utf8(held_);
  held_.clear();
  return text;
}

}  // namespace hone::engine
