// How one answer is written: the seam between the service and the two wire formats. An object
// serves one request.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "engine/model/tokenizer.h"
#include "engine/serve/generation.h"

namespace hone::engine {

struct AnswerHead {
  std::string id;
  std::string model;  // as the request named it
  std::int64_t created_seconds = 0;
  std::int64_t prompt_tokens = 0;
  bool include_usage = false;
  const Tokenizer* tokenizer = nullptr;
};

class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;
  // The whole body of an answer that is not streamed.
  [[nodiscard]] virtual json::object whole(const Piece& all) = 0;
  // Server-sent events: before the first piece, for a piece, and after the last, which has
  // `finish`.
  [[nodiscard]] virtual std::string opening() = 0;
  [[nodiscard]] virtual std::string piece(const Piece& piece) = 0;
  [[nodiscard]] virtual std::string closing(const Piece& last) = 0;
  // The event for what goes wrong after the stream began.
  [[nodiscard]] virtual std::string failure(const Error& error) = 0;
};

}  // namespace hone::engine
