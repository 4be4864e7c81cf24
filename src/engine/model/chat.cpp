#include "engine/model/chat.h"

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

// Llama 3.1's template puts the day into the prompt. Training and serving must agree on it, so
// unless another is asked for it is the day that the template itself falls back to.
constexpr std::string_view kLlama31Preamble = "Cutting Knowledge Date: December 2023\nToday Date: ";
constexpr std::string_view kLlama31Date = "26 Jul 2024";

constexpr std::string_view kLlama31WithTools = "Environment: ipython\n";

constexpr std::string_view kImStart = "<|im_start|>";
constexpr std::string_view kImEnd = "<|im_end|>";
constexpr std::string_view kStartHeader = "<|start_header_id|>";

// The system message that a ChatML template writes out where none is given: a literal between
// "<|im_start|>system\n" and "<|im_end|>" with no expression inside.
std::string default_system_in(std::string_view source) {
  constexpr std::string_view kOpening = "<|im_start|>system";
  for (auto at = source.find(kOpening); at != std::string_view::npos;
       at = source.find(kOpening, at + 1)) {
    std::string_view rest = source.substr(at + kOpening.size());
    if (rest.starts_with("\\n")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("\n")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    const std::string_view literal = rest.substr(0, rest.find(kImEnd));
    if (literal.size() == rest.size() || literal.empty()) continue;
    if (literal.find_first_of("{}+~") == std::string_view::npos) return std::string(literal);
  }
  return "";
}

}  // namespace

Result<std::string> read_chat_template(const std::string& folder) {
  auto source = read_file(posix_files(), folder + "/chat_template.jinja", 1U << 20);
  if (source || source.error().code != ErrorCode::kNotFound) return source;
  const std::string path = folder + "/tokenizer_config.json";
  auto text = read_file(posix_files(), path);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::string();
  if (!text) return text;
  auto config = parse_json_object(*text);
  if (!config) return fail(config.error().with(path));
  const json::value* given = config->if_contains("chat_template");
  if (given == nullptr || given->is_null()) return std::string();
  if (given->is_string()) return json::value_to<std::string>(*given);
  auto named = as<json::array>(*given, "chat_template");
  if (!named) return fail(named.error().with(path));
  for (const json::value& item : *named) {
    const auto* object = item.if_object();
    if (object != nullptr && string_or_empty(*object, "name") == "default") {
      return std::string(string_or_empty(*object, "template"));
    }
  }
  return std::string();
}

class Chat::Builder {
 public:
  explicit Builder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void special(std::int64_t id, bool trained = false) {
    pieces_.push_back({std::string(tokenizer_.bytes(id)), id, trained});
  }
  void text(std::string text, bool trained = false) {
    if (!text.empty()) pieces_.push_back({std::move(text), -1, trained});
  }
  // What follows a message's header: one text with it, except for an answer, which is generated
  // after its header and so is encoded apart.
  void body(std::string header, std::string_view content, bool answer) {
    if (answer) {
      text(std::move(header));
      text(std::string(content), true);
    } else {
      text(std::move(header) + std::string(content));
    }
  }
  [[nodiscard]] std::vector<Piece> take() { return std::move(pieces_); }

 private:
  const Tokenizer& tokenizer_;
  std::vector<Piece> pieces_;
};

Result<void> Chat::find_specials() {
  const auto find = [this](std::string_view text) -> Result<std::int64_t> {
    const auto id = tokenizer_->added_id(text);
    if (!id) return fail(ErrorCode::kInvalid, "the tokenizer has no token " + std::string(text));
    return *id;
  };
  if (format_ == ChatFormat::kLlama2) {
    const auto begin = find("<s>");
    const auto end = find("</s>");
    if (!begin) return fail(begin.error());
    if (!end) return fail(end.error());
    begin_token_ = *begin;
    end_token_ = *end;
    return {};
  }
  const bool chat_ml = format_ == ChatFormat::kChatMl;
  const auto start = find(chat_ml ? kImStart : kStartHeader);
  const auto end = find(chat_ml ? kImEnd : "<|eot_id|>");
  if (!start) return fail(start.error());
  if (!end) return fail(end.error());
  start_token_ = *start;
  end_token_ = *end;
  if (chat_ml) return {};
  const auto begin = find("<|begin_of_text|>");
  const auto header_end = find("<|end_header_id|>");
  if (!begin) return fail(begin.error());
  if (!header_end) return fail(header_end.error());
  begin_token_ = *begin;
  header_end_token_ = *header_end;
  return {};
}

Result<Chat> Chat::from_template(std::string_view chat_template, const Tokenizer& tokenizer) {
  const auto names = [&](std::string_view token) {
    return chat_template.empty() ? tokenizer.added_id(token).has_value()
                                 : chat_template.find(token) != std::string_view::npos;
  };
  ChatFormat format{};
  if (names(kImStart)) {
    format = ChatFormat::kChatMl;
  } else if (names(kStartHeader)) {
    const bool dated = chat_template.find("Cutting Knowledge Date") != std::string_view::npos;
    format = dated ? ChatFormat::kLlama31 : ChatFormat::kLlama3;
  } else if (!chat_template.empty() && names("[INST]") && names("<<SYS>>")) {
    format = ChatFormat::kLlama2;  // others with [INST] (Mistral) have no <<SYS>>, and differ
  } else {
    return fail(ErrorCode::kInvalid,
                "the chat template is neither ChatML (<|im_start|>) nor Llama 3's "
                "(<|start_header_id|>) nor Llama 2's ([INST] and <<SYS>>)");
  }
  Chat chat(format, tokenizer);
  if (auto found = chat.find_specials(); !found) return fail(found.error());
  if (format == ChatFormat::kChatMl) chat.default_system_ = default_system_in(chat_template);
  return chat;
}

Result<Chat> Chat::load(const std::string& model_folder, const Tokenizer& tokenizer) {
  auto source = read_chat_template(model_folder);
  if (!source) return fail(source.error());
  auto chat = from_template(*source, tokenizer);
  if (!chat) return fail(chat.error().with(model_folder));
  chat->model_ = model_folder;
  return chat;
}

Result<void> Chat::check(const std::vector<ChatMessage>& messages) const {
  if (format_ != ChatFormat::kLlama2) return {};
  const std::size_t first = !messages.empty() && messages.front().role == "system" ? 1 : 0;
  for (std::size_t i = first; i < messages.size(); ++i) {
    const std::string_view wanted = (i - first) % 2 == 0 ? "user" : "assistant";
    if (messages[i].role == wanted) continue;
    return fail(ErrorCode::kInvalid,
                "message " + std::to_string(i + 1) + " is of the role '" + messages[i].role +
                    "', but this model's (Llama 2's) must be of '" + std::string(wanted) +
                    "': user and assistant alternate, after a system message at most");
  }
  if (first == messages.size() && first > 0) {
    return fail(ErrorCode::kInvalid,
                "a system message alone cannot be told to this model (Llama 2): it stands in the "
                "user's first message");
  }
  return {};
}

// Every turn is a sequence of its own, <s>…</s>, the system message inside the first one:
//   <s>[INST] <<SYS>>\nsystem\n<</SYS>>\n\nuser [/INST] assistant </s><s>[INST] user [/INST]
// An answer's blanks are its own tokens, since the model writes them.
std::vector<Chat::Piece> Chat::llama2_pieces(const std::vector<ChatMessage>& messages,
                                             const ChatOptions& options) const {
  Builder builder(*tokenizer_);
  std::string system;
  std::size_t first = 0;
  if (!messages.empty() && messages.front().role == "system") {
    system = "<<SYS>>\n" + messages.front().content + "\n<</SYS>>\n\n";
    first = 1;
  }
  for (std::size_t i = first; i < messages.size(); ++i) {
    if (messages[i].role != "assistant") {
      const std::string content = (i == first ? system : "") + messages[i].content;
      builder.special(begin_token_);
      builder.text("[INST] " + std::string(strip(content)) + " [/INST]");
      continue;
    }
    builder.text(" " + std::string(strip(messages[i].content)), true);
    if (i + 1 == messages.size() && options.continue_final_message) break;
    builder.text(" ", true);
    builder.special(end_token_, true);
  }
  return builder.take();
}

std::vector<Chat::Piece> Chat::pieces(const std::vector<ChatMessage>& messages,
                                      const ChatOptions& options) const {
  if (format_ == ChatFormat::kLlama2) return llama2_pieces(messages, options);
  Builder builder(*tokenizer_);
  const bool chat_ml = format_ == ChatFormat::kChatMl;
  const auto open = [&](const std::string& role, std::string_view content, bool answer) {
    builder.special(start_token_);
    if (chat_ml) {
      builder.body(role + "\n", content, answer);
    } else {
      builder.text(role);
      builder.special(header_end_token_);
      builder.body("\n\n", content, answer);
    }
  };
  const auto close = [&](bool answer) {
    builder.special(end_token_, answer);
    if (chat_ml) builder.text("\n");
  };
  std::size_t first = 0;
  if (!chat_ml) builder.special(begin_token_);
  const bool has_system = !messages.empty() && messages.front().role == "system";
  if (format_ == ChatFormat::kLlama31) {
    std::string system(options.with_tools ? kLlama31WithTools : "");
    system += kLlama31Preamble;
    system += options.date.empty() ? kLlama31Date : options.date;
    system += "\n\n";
    if (has_system) system += strip(messages[first++].content);
    open("system", system, false);
    close(false);
  } else if (!messages.empty() && !has_system && !default_system_.empty()) {
    open("system", default_system_, false);
    close(false);
  }
  for (std::size_t i = first; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    const bool answer = message.role == "assistant";
    open(message.role, chat_ml ? std::string_view(message.content) : strip(message.content),
         answer);
    if (i + 1 < messages.size() || !options.continue_final_message) close(answer);
  }
  if (options.add_generation_prompt) open("assistant", "", true);
  return builder.take();
}

std::string Chat::render(const std::vector<ChatMessage>& messages,
                         const ChatOptions& options) const {
  std::string text;
  for (const Piece& piece : pieces(messages, options)) text += piece.text;
  return text;
}

EncodedChat Chat::encode(const std::vector<ChatMessage>& messages,
                         const ChatOptions& options) const {
  const auto all = pieces(messages, options);
  if (options.as_reference) return encode_as_reference(all);
  EncodedChat encoded;
  TextPlace place = TextPlace::kStart;
  for (const Piece& piece : all) {
    if (piece.special >= 0) {
      encoded.ids.push_back(piece.special);
      place = TextPlace::kAfterToken;
    } else {
      const auto ids = tokenizer_->encode(piece.text, Specials::kText, place);
      encoded.ids.insert(encoded.ids.end(), ids.begin(), ids.end());
      place = TextPlace::kInText;
    }
    encoded.assistant_mask.resize(encoded.ids.size(), piece.trained ? 1 : 0);
  }
  return encoded;
}

// The whole text at once; a token counts as trained if any byte of it is.
EncodedChat Chat::encode_as_reference(const std::vector<Piece>& pieces) const {
  std::string text;
  std::vector<std::uint8_t> trained;  // by byte
  for (const Piece& piece : pieces) {
    text += piece.text;
    trained.resize(text.size(), piece.trained ? 1 : 0);
  }
  EncodedChat encoded;
  encoded.ids = tokenizer_->encode(text, Specials::kParse);
  std::size_t offset = 0;
  for (const std::int64_t id : encoded.ids) {
    std::string_view bytes = tokenizer_->bytes(id);
    // The blank that SentencePiece puts before a stretch is not in the text.
    const bool added =
        bytes.starts_with(' ') && !std::string_view(text).substr(offset).starts_with(' ');
    if (added) bytes.remove_prefix(1);
    const std::size_t end = std::min(offset + bytes.size(), trained.size());
    const bool any = std::any_of(trained.begin() + static_cast<std::ptrdiff_t>(offset),
                                 trained.begin() + static_cast<std::ptrdiff_t>(end),
                                 [](std::uint8_t one) { return one != 0; });
    encoded.assistant_mask.push_back(any ? 1 : 0);
    offset = end;
  }
  return encoded;
}

}  // namespace hone::engine
