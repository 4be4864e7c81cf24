// BPE from a Hugging Face tokenizer.json, of two kinds: byte-level (Llama 3, SmolLM2: GPT-2's
// family) and SentencePiece's with byte fallback (Llama 2).
//
//   auto tokenizer = Tokenizer::load(model_folder);
//   auto ids = tokenizer->encode(text, Specials::kText);
//
// `Specials::kText` is for what people and tools write: the text of a special token stays ordinary
// text. `Specials::kParse` is for templates only. No BOS is added. The file is what counts: a
// `legacy` in tokenizer_config.json is not read. A construct that is not known here (Unigram, other
// normalizers, another pre-tokenizer) is refused by its name. Immutable: any thread may use it.
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

// Where a text stands in what the model reads. SentencePiece puts a space before a text, and before
// what follows a special token, but not into the middle of a stretch that is encoded in parts.
enum class TextPlace { kStart, kAfterToken, kInText };

class Tokenizer {
 public:
  // `path`: a model folder, or a tokenizer.json itself.
  [[nodiscard]] static Result<Tokenizer> load(const std::string& path);
  // `name` leads error messages.
  [[nodiscard]] static Result<Tokenizer> parse(std::string_view tokenizer_json,
                                               std::string_view name);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // n log n in the text, whatever it is made of.
  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text, Specials specials,
                                                 TextPlace place = TextPlace::kStart) const;

  // Text of `ids`; bytes that are not UTF-8 become U+FFFD (SentencePiece: every byte of a run of
  // byte tokens that is not UTF-8 as a whole). Ids outside the vocabulary give nothing.
  [[nodiscard]] std::string decode(std::span<const std::int64_t> ids, bool skip_specials) const;

  // The bytes that `id` stands for, perhaps a part of a character; empty for an unknown id. Those
  // of an answer put together are its text, with the space before it that `decode` leaves out.
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
