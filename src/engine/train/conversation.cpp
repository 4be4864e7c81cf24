#include "engine/train/conversation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/model/chat_tools.h"
#include "engine/serve/openai_messages.h"

namespace hone::engine {
namespace {

bool is_of_tools(const json::value& value) {
  const auto* message = value.if_object();
  if (message == nullptr) return false;
  const auto* calls = message->if_contains("tool_calls");
  return string_or_empty(*message, "role") == "tool" || (calls != nullptr && !calls->is_null());
}

std::unexpected<Error> no_form(const json::object& line, const Chat& chat) {
  const std::string model = chat.model().empty() ? "this model" : chat.model();
  return fail(ErrorCode::kInvalid,
              "example '" + std::string(string_or_empty(line, "id")) +
                  "' has tools, and the chat template of " + model +
                  " has no form for them; train a model that has one (Llama 3.1 to 3.3), or make "
                  "the dataset without tool_calls");
}

Result<json::array> messages_of(const json::object& line, std::string_view name,
                                std::string_view answer) {
  auto messages = field<json::array>(line, name);
  if (!messages || answer.empty()) return messages;
  const auto* said = line.if_contains(answer);
  if (const auto* message = said == nullptr ? nullptr : said->if_object()) {
    messages->push_back(*message);
    return messages;
  }
  auto text = field<std::string>(line, answer);
  if (!text) return fail(text.error());
  messages->push_back({{"role", "assistant"}, {"content", std::move(*text)}});
  return messages;
}

Result<Conversation> tell_with_tools(const json::object& line, json::array messages,
                                     const Chat& chat) {
  if (chat.format() != ChatFormat::kLlama31) return no_form(line, chat);
  json::object request{{"messages", std::move(messages)}};
  if (const auto* tools = line.if_contains("tools")) request["tools"] = *tools;
  auto turns = openai::read_messages(request);
  if (!turns) return fail(turns.error());
  const auto tools = openai::read_tools(request);
  if (!tools) return fail(tools.error());
  Conversation conversation;
  conversation.with_tools = !tools->offered.empty();
  conversation.calls = turns->back().calls.size();
  auto told = write_tools(std::move(*turns), tools->offered, chat.format(), chat.default_system());
  if (!told) return fail(told.error());
  conversation.messages = std::move(*told);
  return conversation;
}

}  // namespace

std::vector<std::size_t> Sequence::positions() const {
  std::vector<std::size_t> result;
  result.reserve(ids.size() - answer);
  auto next = passed_over.begin();
  for (std::size_t position = answer; position < ids.size(); ++position) {
    if (next != passed_over.end() && *next == position) {
      ++next;
    } else {
      result.push_back(position);
    }
  }
  return result;
}

bool has_tools(const json::object& line, std::string_view name) {
  const auto* tools = line.if_contains("tools");
  const auto* list = tools == nullptr ? nullptr : tools->if_array();
  if (list != nullptr && !list->empty()) return true;
  for (const std::string_view answer : {"chosen", "rejected", "completion"}) {
    const auto* said = line.if_contains(answer);
    if (said != nullptr && said->is_object()) return true;
  }
  const auto* value = line.if_contains(name);
  const auto* messages = value == nullptr ? nullptr : value->if_array();
  return messages != nullptr && std::any_of(messages->begin(), messages->end(), is_of_tools);
}

Result<Conversation> read_conversation(const json::object& line, std::string_view name,
                                       std::string_view answer, const Chat& chat) {
  auto messages = messages_of(line, name, answer);
  if (!messages) return fail(messages.error());
  if (has_tools(line, name)) return tell_with_tools(line, std::move(*messages), chat);
  auto parsed = parse_messages(*messages);
  if (!parsed) return fail(parsed.error().with(name));
  return Conversation{std::move(*parsed)};
}

Result<std::vector<ChatMessage>> parse_messages(const json::array& array) {
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string place = "message " + std::to_string(i + 1);
    auto object = as<json::object>(array[i], place);
    if (!object) return fail(object.error());
    auto role = field<std::string>(*object, "role");
    if (!role) return fail(role.error().with(place));
    auto content = field<std::string>(*object, "content");
    if (!content) return fail(content.error().with(place));
    messages.push_back({std::move(*role), std::move(*content)});
  }
  if (messages.empty()) return fail(ErrorCode::kInvalid, "there are no messages");
  return messages;
}

Result<Sequence> encode_for_training(const Conversation& conversation, const Chat& chat) {
  const auto& messages = conversation.messages;
  if (messages.empty() || messages.back().role != "assistant")
    return fail(ErrorCode::kInvalid, "the last message is not the assistant's");
  if (auto fine = chat.check(messages); !fine) return fail(fine.error());
  ChatOptions options;
  options.with_tools = conversation.with_tools;
  EncodedChat encoded = chat.encode(messages, options);
  const auto& counts = encoded.assistant_mask;
  std::size_t end = encoded.ids.size();
  while (end > 0 && counts[end - 1] == 0) --end;
  std::size_t begin = end;
  std::vector<std::size_t> passed_over;
  for (std::size_t calls = std::max<std::size_t>(conversation.calls, 1); calls > 0; --calls) {
    while (begin > 0 && counts[begin - 1] != 0) --begin;
    while (calls > 1 && begin > 0 && counts[begin - 1] == 0) passed_over.push_back(--begin);
  }
  if (begin == end || begin == 0)
    return fail(ErrorCode::kInvalid, "no token of it would be trained on");
  encoded.ids.resize(end);
  std::reverse(passed_over.begin(), passed_over.end());
  return Sequence{std::move(encoded.ids), begin, std::move(passed_over)};
}

Result<Sequence> encode_for_training(const std::vector<ChatMessage>& messages, const Chat& chat) {
  return encode_for_training(Conversation{messages}, chat);
}

}  // namespace hone::engine
