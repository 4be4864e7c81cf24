// The golden folder's tokenizers, for tests that encode with one.
#pragma once

#include <optional>
#include <string>

#include "engine/model/test_support.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {

// Empty where the golden folder is absent.
inline std::optional<Tokenizer> reference_tokenizer(const std::string& name) {
  const auto packed = shared_file("golden/tokenizer/" + name + ".tokenizer.json.gz");
  if (!packed) return std::nullopt;
  auto tokenizer = Tokenizer::parse(unpacked(*packed), name);
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().message;
    return std::nullopt;
  }
  return std::move(*tokenizer);
}

}  // namespace hone::engine
