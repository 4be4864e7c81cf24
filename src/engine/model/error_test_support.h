// What tests of refused input look at: the error's text.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace hone::engine {

template <typename T>
std::string error_of(const Result<T>& result) {
  return result ? "accepted" : result.error().message;
}

// `message` has all `words`, and is shorter than `limit`, whatever the input was.
inline void expect_words(const std::string& message, const std::vector<std::string>& words,
                         std::size_t limit) {
  for (const std::string& word : words) {
    EXPECT_NE(message.find(word), std::string::npos) << word << ": " << message.substr(0, 5000);
  }
  EXPECT_LT(message.size(), limit) << message.substr(0, 200);
}

}  // namespace hone::engine
