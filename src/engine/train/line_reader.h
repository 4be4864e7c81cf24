// The lines that `score` and `grad` read, one JSON object each, as sequences of a model's tokens:
//   {"ids": [int, …]}                    every token after the first counts
//   {"messages": [{role, content}, …]}   the last assistant message's tokens and its end token do;
//                                        with "tools", calls and results as in a dataset's line
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/chat.h"
#include "engine/model/tokenizer.h"
#include "engine/train/examples.h"

namespace hone::engine {

class LineReader {
 public:
  // `model` is a Hugging Face folder. Without a tokenizer in it, ids are read all the same.
  LineReader(const std::string& model, std::int64_t vocab_size);

  [[nodiscard]] Result<Sequence> read(const std::string& line) const;

 private:
  [[nodiscard]] Result<Sequence> read_ids(const json::object& object) const;
  [[nodiscard]] Result<Sequence> read_conversation(const json::object& object) const;

  std::int64_t vocab_size_;
  std::unique_ptr<const Tokenizer> tokenizer_;  // at one place, because chat_ borrows it
  std::optional<Chat> chat_;
};

// A line of blanks, which is passed over.
[[nodiscard]] bool is_blank(const std::string& line);

}  // namespace hone::engine
