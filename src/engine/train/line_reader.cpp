#include "engine/train/line_reader.h"

namespace hone::engine {

LineReader::LineReader(const std::string& model, std::int64_t vocab_size)
    : vocab_size_(vocab_size) {
  auto tokenizer = Tokenizer::load(model);
  if (!tokenizer) return;
  tokenizer_ = std::make_unique<const Tokenizer>(std::move(*tokenizer));
  auto chat = Chat::load(model, *tokenizer_);
  if (chat) chat_.emplace(std::move(*chat));
}

Result<Sequence> LineReader::read(const std::string& line) const {
  auto object = parse_json_object(line);
  if (!object) return fail(object.error());
  return object->contains("ids") ? read_ids(*object) : read_conversation(*object);
}

Result<Sequence> LineReader::read_ids(const json::object& object) const {
  auto array = field<json::array>(object, "ids");
  if (!array) return fail(array.error());
  Sequence sequence{{}, 1};
  for (const json::value& value : *array) {
    auto id = as<std::int64_t>(value, "ids");
    if (!id) return fail(id.error());
    if (*id < 0 || *id >= vocab_size_)
      return fail(ErrorCode::kInvalid,
                  "field 'ids': " + std::to_string(*id) + " is not a token of this model");
    sequence.ids.push_back(*id);
  }
  if (sequence.ids.size() < 2)
    return fail(ErrorCode::kInvalid, "field 'ids' needs at least two tokens");
  return sequence;
}

Result<Sequence> LineReader::read_conversation(const json::object& object) const {
  if (!chat_) return fail(ErrorCode::kInvalid, "the model has no chat template; send 'ids'");
  auto conversation = engine::read_conversation(object, "messages", "", *chat_);
  if (!conversation) return fail(conversation.error());
  auto sequence = encode_for_training(*conversation, *chat_);
  if (!sequence) return fail(sequence.error());
  for (const std::int64_t id : sequence->ids) {
    if (id >= vocab_size_)
      return fail(ErrorCode::kInvalid,
                  "the tokenizer knows token " + std::to_string(id) + ", which the model does not");
  }
  return sequence;
}

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

}  // namespace hone::engine
