// Chat formats: messages to the one text, and the one sequence of ids, that a model was trained on.
// Formats are ChatML (SmolLM2), Llama 2's and Llama 3's; which one a model has is read from its
// tokenizer_config.json.
//
//   auto chat = Chat::load(model_folder, *tokenizer);
//   auto prompt = chat->encode(messages, {.add_generation_prompt = true});
//
// Training and serving both encode here, so that they cannot differ. Two rules keep them together:
// special-token text inside a message stays plain text (`as_reference` parses it, as Hugging Face's
// apply_chat_template does, for comparison only); and an answer is encoded apart from its header,
// because that is how it is generated. Tools and calls become messages in chat_tools.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {

struct ChatMessage {
  std::string role;
  std::string content;
};

enum class ChatFormat { kChatMl, kLlama2, kLlama3, kLlama31 };

struct ChatOptions {
  bool add_generation_prompt = false;
  // The last message is left open (no end token), for a model to go on with.
  bool continue_final_message = false;
  bool as_reference = false;
  // Tools are offered (chat_tools.h), which Llama 3.1's system message begins with.
  bool with_tools = false;
  // The day that Llama 3.1's system message names; empty: the one its template falls back to.
  std::string_view date{};
};

struct EncodedChat {
  std::vector<std::int64_t> ids;
  // As long as `ids`: 1 where the loss counts, which is the content and end token of assistant
  // messages.
  std::vector<std::uint8_t> assistant_mask;
};

// The Jinja source of a model folder's template: chat_template.jinja (transformers 5), or
// chat_template in tokenizer_config.json; empty where there is none.
[[nodiscard]] Result<std::string> read_chat_template(const std::string& folder);

class Chat {
 public:
  // Borrows `tokenizer`, which must outlive it.
  [[nodiscard]] static Result<Chat> load(const std::string& model_folder,
                                         const Tokenizer& tokenizer);
  // `chat_template` is the Jinja source, from which the format and the default system message are
  // read.
  [[nodiscard]] static Result<Chat> from_template(std::string_view chat_template,
                                                  const Tokenizer& tokenizer);

  // kInvalid names the first message that the format has no place for: Llama 2's turns alternate,
  // beginning with the user's, after a system message at most. What is not checked is rendered all
  // the same, each message by itself.
  [[nodiscard]] Result<void> check(const std::vector<ChatMessage>& messages) const;
  [[nodiscard]] std::string render(const std::vector<ChatMessage>& messages,
                                   const ChatOptions& options = {}) const;
  [[nodiscard]] EncodedChat encode(const std::vector<ChatMessage>& messages,
                                   const ChatOptions& options = {}) const;
  [[nodiscard]] std::int64_t end_token() const {
    return end_token_;
  }  // ends an assistant's message
  [[nodiscard]] ChatFormat format() const { return format_; }
  // The folder that it was loaded from, for messages; empty where it was made of a template.
  [[nodiscard]] const std::string& model() const { return model_; }
  // The format puts a blank between an answer's header and its content, which the model writes.
  [[nodiscard]] bool answers_begin_with_blank() const { return format_ == ChatFormat::kLlama2; }
  // What the model is told where a conversation has no system message; empty: nothing.
  [[nodiscard]] const std::string& default_system() const { return default_system_; }

 private:
  Chat(ChatFormat format, const Tokenizer& tokenizer) : format_(format), tokenizer_(&tokenizer) {}

  // A stretch of the rendered text: one special token of the format, or text.
  struct Piece {
    std::string text;
    std::int64_t special = -1;  // its id
    bool trained = false;
  };
  class Builder;
  [[nodiscard]] std::vector<Piece> pieces(const std::vector<ChatMessage>& messages,
                                          const ChatOptions& options) const;
  [[nodiscard]] std::vector<Piece> llama2_pieces(const std::vector<ChatMessage>& messages,
                                                 const ChatOptions& options) const;
  [[nodiscard]] EncodedChat encode_as_reference(const std::vector<Piece>& pieces) const;
  [[nodiscard]] Result<void> find_specials();

  ChatFormat format_;
  const Tokenizer* tokenizer_;
  std::string model_;
  std::string default_system_;     // ChatML: what stands first where no system message is given
  std::int64_t begin_token_ = -1;  // Llama 3's BOS, Llama 2's <s>
  std::int64_t start_token_ = -1;  // <|im_start|> or <|start_header_id|>
  std::int64_t header_end_token_ = -1;  // Llama 3's <|end_header_id|>
  std::int64_t end_token_ = -1;         // <|im_end|>, <|eot_id|> or </s>
};

}  // namespace hone::engine
