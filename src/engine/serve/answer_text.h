// Turns the bytes of generated tokens into text that can be shown: whole characters only, nothing
// that may still turn out to begin a stop string, and nothing from a stop string on. What `take`
// gives, put together, does not depend on how often it is called.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone::engine {

class AnswerText {
 public:
  explicit AnswerText(std::vector<std::string> stop) : stop_(std::move(stop)) {}

  // Adds a token's bytes. True: a stop string is complete, and the answer ends before it.
  [[nodiscard]] bool add(std::string_view bytes);
  // What can be shown and was not taken yet.
  [[nodiscard]] std::string take();
  // Everything that is left, at the end; bytes that are no characters become U+FFFD.
  [[nodiscard]] std::string take_rest();
  [[nodiscard]] const std::string& stop_string() const { return found_; }

 private:
  std::vector<std::string> stop_;
  std::string held_;   // not taken yet
  std::string found_;  // the stop string that came
};

}  // namespace hone::engine
