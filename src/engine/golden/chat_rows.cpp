#include "engine/golden/chat_rows.h"

namespace hone::engine::golden {

std::string subject_of(const Line& line, const std::string& file) {
  const std::string name(line.row ? string_or_empty(*line.row, "template") : "");
  return (name.empty() ? file : name) + ":" + std::to_string(line.number);
}

Result<TemplateInput> read_input(const json::object& row) {
  auto messages = field<json::array>(row, "messages");
  if (!messages) return fail(messages.error());
  auto tools = optional_field<json::array>(row, "tools");
  if (!tools) return fail(tools.error());
  const auto prompt = optional_field<bool>(row, "add_generation_prompt");
  if (!prompt) return fail(prompt.error());
  auto variables = optional_field<json::object>(row, "kwargs");
  if (!variables) return fail(variables.error());
  TemplateInput input;
  input.messages = std::move(*messages);
  input.tools = std::move(*tools);
  input.add_generation_prompt = prompt->value_or(false);
  if (variables->has_value()) input.variables = std::move(**variables);
  return input;
}

json::object special_tokens_in(const json::object& row) {
  json::object tokens;
  for (const char* name : {"bos_token", "eos_token"}) {
    const json::value* token = row.if_contains(name);
    if (token != nullptr && token->is_string()) tokens[name] = *token;
  }
  return tokens;
}

Result<std::string> read_template(const std::string& chat, const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return fail(ErrorCode::kInvalid, "template '" + name + "' is not the name of a file");
  }
  return read_text(chat + name + ".jinja");
}

}  // namespace hone::engine::golden
