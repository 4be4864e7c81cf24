#include "engine/train/examples.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/json.h"

namespace hone::engine {
namespace {

Result<double> parse_weight(const json::object& object) {
  auto weight = optional_field<double>(object, "weight");
  if (!weight) return fail(weight.error());
  const double value = weight->value_or(1.0);
  if (!(value > 0.0 && value <= 1e6))
    return fail(ErrorCode::kInvalid, "field 'weight' must be above 0 and at most 1000000");
  return value;
}

Result<std::vector<ChatMessage>> messages_field(const json::object& object, std::string_view name) {
  auto array = field<json::array>(object, name);
  if (!array) return fail(array.error());
  auto messages = parse_messages(*array);
  if (!messages) return fail(messages.error().with(name));
  return messages;
}

Result<Demonstration> parse_demonstration(const json::object& object, const Chat& chat) {
  auto id = field<std::string>(object, "id");
  if (!id) return fail(id.error());
  auto conversation = read_conversation(object, "messages", "", chat);
  if (!conversation) return fail(conversation.error());
  auto weight = parse_weight(object);
  if (!weight) return fail(weight.error());
  auto sequence = encode_for_training(*conversation, chat);
  if (!sequence) return fail(sequence.error());
  return Demonstration{std::move(*id), std::move(*sequence), *weight};
}

Result<Sequence> encode_answer(const json::object& object, std::string_view name,
                               const Chat& chat) {
  auto conversation = read_conversation(object, "prompt", name, chat);
  if (!conversation) return fail(conversation.error());
  return encode_for_training(*conversation, chat);
}

Result<Preference> parse_preference(const json::object& object, const Chat& chat) {
  auto id = field<std::string>(object, "id");
  if (!id) return fail(id.error());
  auto weight = parse_weight(object);
  if (!weight) return fail(weight.error());
  auto chosen = encode_answer(object, "chosen", chat);
  if (!chosen) return fail(chosen.error());
  auto rejected = encode_answer(object, "rejected", chat);
  if (!rejected) return fail(rejected.error());
  if (chosen->ids == rejected->ids)
    return fail(ErrorCode::kInvalid, "'chosen' and 'rejected' are the same");
  auto margin = optional_field<double>(object, "margin");
  if (!margin) return fail(margin.error());
  if (!(std::abs(margin->value_or(0.0)) <= 1e6))
    return fail(ErrorCode::kInvalid, "field 'margin' must be a number up to 1000000");
  return Preference{std::move(*id), std::move(*chosen), std::move(*rejected), *weight,
                    margin->value_or(0.0)};
}

Result<Judgement> parse_judgement(const json::object& object, const Chat& chat) {
  auto id = field<std::string>(object, "id");
  if (!id) return fail(id.error());
  auto label = field<bool>(object, "label");
  if (!label) return fail(label.error());
  auto weight = parse_weight(object);
  if (!weight) return fail(weight.error());
  auto sequence = encode_answer(object, "completion", chat);
  if (!sequence) return fail(sequence.error());
  return Judgement{std::move(*id), std::move(*sequence), *label, *weight};
}

Result<Task> parse_task(const json::object& object, const Chat& chat) {
  auto id = field<std::string>(object, "id");
  if (!id) return fail(id.error());
  if (has_tools(object, "prompt"))
    return fail(ErrorCode::kInvalid,
                "task '" + *id + "' has tools, but answers to tasks are texts");
  auto messages = messages_field(object, "prompt");
  if (!messages) return fail(messages.error());
  if (messages->back().role == "assistant")
    return fail(ErrorCode::kInvalid, "prompt: the last message is the assistant's");
  auto weight = parse_weight(object);
  if (!weight) return fail(weight.error());
  auto description = optional_field<json::object>(object, "verifier");
  if (!description) return fail(description.error());
  std::optional<Verifier> verifier;
  if (*description) {
    auto parsed = Verifier::parse(**description);
    if (!parsed) return fail(parsed.error());
    verifier.emplace(std::move(*parsed));
  }
  TokenIds prompt = chat.encode(*messages, {.add_generation_prompt = true}).ids;
  return Task{std::move(*id), std::move(*messages), std::move(prompt), std::move(verifier),
              *weight};
}

bool fits(const Task& task, std::size_t limit) {
  return task.prompt.size() <= limit;
}

bool fits(const Demonstration& example, std::size_t limit) {
  return example.sequence.ids.size() <= limit;
}

bool fits(const Judgement& example, std::size_t limit) {
  return example.sequence.ids.size() <= limit;
}

bool fits(const Preference& example, std::size_t limit) {
  return example.chosen.ids.size() <= limit && example.rejected.ids.size() <= limit;
}

template <typename Example, typename Parse>
Result<Dataset<Example>> read_lines(const std::string& path, std::int64_t max_tokens,
                                    const Parse& parse) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))  // a pipe would keep us waiting
    return fail(ErrorCode::kNotFound, "dataset " + path + " is not a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, "dataset " + path + " cannot be opened");
  Dataset<Example> dataset;
  std::set<std::string> ids;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = path + ": line " + std::to_string(number);
    auto object = parse_json_object(line);
    if (!object) return fail(object.error().with(place));
    auto example = parse(*object);
    if (!example) return fail(example.error().with(place));
    if (!ids.insert(example->id).second)
      return fail(Error{ErrorCode::kInvalid, "id '" + example->id + "' occurs twice"}.with(place));
    if (fits(*example, static_cast<std::size_t>(max_tokens))) {
      dataset.examples.push_back(std::move(*example));
    } else {
      ++dataset.too_long;
    }
  }
  if (file.bad()) return fail(ErrorCode::kIo, "dataset " + path + " cannot be read to its end");
  if (dataset.examples.empty()) {
    return fail(ErrorCode::kInvalid,
                dataset.too_long == 0
                    ? "dataset " + path + " is empty"
                    : "dataset " + path + ": all " + std::to_string(dataset.too_long) +
                          " examples are longer than max_tokens = " + std::to_string(max_tokens));
  }
  return dataset;
}

}  // namespace

Result<Dataset<Demonstration>> read_demonstrations(const std::string& path, const Chat& chat,
                                                   std::int64_t max_tokens) {
  return read_lines<Demonstration>(path, max_tokens, [&chat](const json::object& object) {
    return parse_demonstration(object, chat);
  });
}

Result<Dataset<Preference>> read_preferences(const std::string& path, const Chat& chat,
                                             std::int64_t max_tokens) {
  return read_lines<Preference>(path, max_tokens, [&chat](const json::object& object) {
    return parse_preference(object, chat);
  });
}

Result<Dataset<Task>> read_tasks(const std::string& path, const Chat& chat,
                                 std::int64_t max_tokens) {
  return read_lines<Task>(path, max_tokens,
                          [&chat](const json::object& object) { return parse_task(object, chat); });
}

Result<Dataset<Judgement>> read_judgements(const std::string& path, const Chat& chat,
                                           std::int64_t max_tokens) {
  return read_lines<Judgement>(path, max_tokens, [&chat](const json::object& object) {
    return parse_judgement(object, chat);
  });
}

}  // namespace hone::engine
