// A string of a template: UTF-8 that remembers which of its bytes were given to the template, by
// whatever way they came to stand where they are. Positions are bytes. Used by jinja*.cpp only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/model/jinja.h"

namespace hone::engine::jinja {

class Text {
 public:
  Text() = default;
  explicit Text(std::string own) : bytes_(std::move(own)) {}
  [[nodiscard]] static Text given(std::string bytes);

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] const std::vector<Span>& given() const { return given_; }

  void append(const Text& other) { append(other, {0, other.size()}); }
  void append(const Text& other, Span part);
  void append_own(std::string_view bytes) { bytes_ += bytes; }
  [[nodiscard]] Text part(Span part) const;

  // A text of other bytes that was made of this one. Which of them stands for which is not known,
  // so if anything here was given, all of it is.
  [[nodiscard]] Text remade(std::string bytes) const;

 private:
  void add_given(Span span);

  std::string bytes_;
  std::vector<Span> given_;  // in order, none empty, no two touching
};

}  // namespace hone::engine::jinja
