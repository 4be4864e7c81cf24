// Byte-level BPE from a Hugging Face tokenizer.json: the tokenizers of Llama 3 and SmolLM2 (GPT-2's
// family).
//
//   auto tokenizer = Tokenizer::load(model_folder);
//   auto ids = tokenizer->encode(text, Specials::kText);
//
// `Specials::kText` is for what people and tools write: the text of a special token stays ordinary
// text. `Specials::kParse` is for templates only. No BOS is added. A tokenizer.json with a
// construct that is not known here (SentencePiece, normalizers, another pre-tokenizer) is refused
// by the construct's name. Immutable: any thread may use it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::engine {

enum class Specials { kText, kParse };

class Tokenizer {
 public:
  [[nodiscard]] static Result<Tokenizer> load(const std::string& model_folder);
  // `name` leads error messages.
  [[nodiscard]] static Result<Tokenizer> parse(std::string_view tokenizer_json,
                                               std::string_view name);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text, Specials specials) const;

  // Text of `ids`; bytes that are not UTF-8 become U+FFFD. Ids outside the vocabulary give nothing.
  [[nodiscard]] std::string decode(std::span<const std::int64_t> ids, bool skip_specials) const;

  // The bytes that `id` stands for, perhaps a part of a character; empty for an unknown id.
  [[nodiscard]] std::string_view bytes(std::int64_t id) const;
  [[nodiscard]] bool is_special(std::int64_t id) const;
  // The id of an added token, by its text ("<|im_end|>").
  [[nodiscard]] std::optional<std::int64_t> added_id(std::string_view text) const;
  [[nodiscard]] std::int64_t vocab_size() const;  // one more than the largest id

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone::engine
