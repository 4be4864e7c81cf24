#include "wire/chat_to_messages.h"

#include <string>

#include "wire/translate_part.h"

namespace hone::wire {
namespace {

// "https://…", or bytes: "data:image/png;base64,iVBOR…".
Result<json::object> read_image_url(const json::object& part, const std::string& where) {
  if (auto fields = check_fields(part, where, {"type", "image_url"}); !fields) {
    return fail(fields.error());
  }
  const auto image = object_member(part, where, "image_url");
  if (!image) return fail(image.error());
  const std::string at = member_of(where, "image_url");
  if (auto fields = check_fields(**image, at, {"url"}, {"detail"}); !fields) {
    return fail(fields.error());
  }
  auto url = string_at(**image, at, "url");
  if (!url) return fail(url.error());
  json::object source;
  if (url->starts_with("http://") || url->starts_with("https://")) {
    source = {{"type", "url"}, {"url", *url}};
  } else {
    const std::string_view text = *url;
    const auto comma = text.find(',');
    const std::string_view head = text.substr(0, comma);
    if (comma == std::string_view::npos || !head.starts_with("data:") ||
        !head.ends_with(";base64")) {
      return untranslatable(at + ".url", "it must be an http address or 'data:TYPE;base64,…'");
    }
    source = {{"type", "base64"},
              {"media_type", head.substr(5, head.size() - 5 - 7)},
              {"data", text.substr(comma + 1)}};
  }
  return json::object{{"type", "image"}, {"source", std::move(source)}};
}

void add_text_block(json::array& blocks, std::string_view text) {
  // Messages refuses a block of text that is empty.
  if (!text.empty()) blocks.push_back(json::object{{"type", "text"}, {"text", text}});
}

Result<void> add_part(const json::value& value, const std::string& where, bool images,
                      json::array& blocks) {
  const auto part = object_in(value, where);
  if (!part) return fail(part.error());
  const std::string_view type = string_or_empty(**part, "type");
  if (type == "text" || type == "refusal") {
    if (auto fields = check_fields(**part, where, {"type", type}); !fields) return fields;
    const auto text = string_at(**part, where, type);
    if (!text) return fail(text.error());
    add_text_block(blocks, *text);
    return {};
  }
  if (type == "image_url" && images) {
    auto image = read_image_url(**part, where);
    if (!image) return fail(image.error());
    blocks.push_back(std::move(*image));
    return {};
  }
  return untranslatable(member_of(where, "type"), "such a message of Anthropic's has no '" +
                                                      std::string(type.substr(0, 64)) + "'");
}

// A string or parts.
Result<json::array> read_content(const json::object& message, const std::string& where,
                                 bool images) {
  json::array blocks;
  const auto* content = given(message, "content");
  if (content == nullptr) return blocks;
  if (const auto* text = content->if_string()) {
    add_text_block(blocks, *text);
    return blocks;
  }
  const std::string at = member_of(where, "content");
  const auto parts = array_in(*content, at);
  if (!parts) return fail(parts.error());
  for (std::size_t i = 0; i < (*parts)->size(); ++i) {
    if (auto done = add_part((**parts)[i], item_of(at, i), images, blocks); !done) {
      return fail(done.error());
    }
  }
  return blocks;
}

// {"id", "type": "function", "function": {"name", "arguments": "{…}"}}
Result<json::object> read_tool_call(const json::value& value, const std::string& where) {
  const auto call = object_in(value, where);
  if (!call) return fail(call.error());
  if (auto fields = check_fields(**call, where, {"id", "type", "function"}, {"index"}); !fields) {
    return fail(fields.error());
  }
  auto id = string_at(**call, where, "id");
  if (!id) return fail(id.error());
  const auto function = object_member(**call, where, "function");
  if (!function) return fail(function.error());
  const std::string at = member_of(where, "function");
  if (auto fields = check_fields(**function, at, {"name", "arguments"}); !fields) {
    return fail(fields.error());
  }
  auto name = string_at(**function, at, "name");
  if (!name) return fail(name.error());
  auto input = arguments_object(given(**function, "arguments"), member_of(at, "arguments"));
  if (!input) return fail(input.error());
  return json::object{{"type", "tool_use"},
                      {"id", anthropic_tool_id(*id)},
                      {"name", *name},
                      {"input", std::move(*input)}};
}

class Conversation {
 public:
  Result<void> add(const json::object& message, const std::string& where);

  json::array system;  // what stands before the conversation
  json::array messages;

 private:
  Result<void> add_system(const json::object& message, const std::string& where);
  Result<void> add_user(const json::object& message, const std::string& where);
  Result<void> add_assistant(const json::object& message, const std::string& where);
  Result<void> add_tool(const json::object& message, const std::string& where);
  void push(std::string_view role, json::array blocks);

  // The last message holds results of tools, and takes more of them, or what the user says then:
  // all results of one answer's calls have to be in one message.
  bool has_results_ = false;
};

void Conversation::push(std::string_view role, json::array blocks) {
  json::value content = blocks.empty() ? json::value("") : json::value(std::move(blocks));
  messages.push_back(json::object{{"role", role}, {"content", std::move(content)}});
}

Result<void> Conversation::add(const json::object& message, const std::string& where) {
  const std::string_view role = string_or_empty(message, "role");
  if (role == "tool") return add_tool(message, where);
  if (role == "user") return add_user(message, where);
  has_results_ = false;
  if (role == "assistant") return add_assistant(message, where);
  if (role == "system" || role == "developer") return add_system(message, where);
  return untranslatable(where + ".role", "it must be system, developer, user, assistant or tool");
}

Result<void> Conversation::add_system(const json::object& message, const std::string& where) {
  if (auto fields = check_fields(message, where, {"role", "content"}); !fields) return fields;
  auto blocks = read_content(message, where, false);
  if (!blocks) return fail(blocks.error());
  if (blocks->empty()) return {};
  if (!messages.empty()) {
    push("system", std::move(*blocks));
    return {};
  }
  for (auto& block : *blocks) system.push_back(std::move(block));
  return {};
}

Result<void> Conversation::add_user(const json::object& message, const std::string& where) {
  if (auto fields = check_fields(message, where, {"role", "content"}); !fields) return fields;
  auto blocks = read_content(message, where, true);
  if (!blocks) return fail(blocks.error());
  if (!has_results_) {
    push("user", std::move(*blocks));
    return {};
  }
  has_results_ = false;
  json::array& said = messages.back().at("content").get_array();
  for (auto& block : *blocks) said.push_back(std::move(block));
  return {};
}

Result<void> Conversation::add_assistant(const json::object& message, const std::string& where) {
  // What it thought is text that Messages takes with its maker's signature only.
  if (auto fields = check_fields(message, where, {"role", "content", "tool_calls", "refusal"},
                                 {"reasoning_content", "reasoning", "annotations"});
      !fields) {
    return fields;
  }
  auto blocks = read_content(message, where, false);
  if (!blocks) return fail(blocks.error());
  if (given(message, "refusal") != nullptr) {
    const auto refusal = string_at(message, where, "refusal");
    if (!refusal) return fail(refusal.error());
    add_text_block(*blocks, *refusal);
  }
  if (given(message, "tool_calls") != nullptr) {
    const auto calls = array_member(message, where, "tool_calls");
    if (!calls) return fail(calls.error());
    for (std::size_t i = 0; i < (*calls)->size(); ++i) {
      auto call = read_tool_call((**calls)[i], item_of(member_of(where, "tool_calls"), i));
      if (!call) return fail(call.error());
      blocks->push_back(std::move(*call));
    }
  }
  // An answer in which nothing was said; Messages refuses it.
  if (!blocks->empty()) push("assistant", std::move(*blocks));
  return {};
}

Result<void> Conversation::add_tool(const json::object& message, const std::string& where) {
  if (auto fields = check_fields(message, where, {"role", "content", "tool_call_id"}, {"name"});
      !fields) {
    return fields;
  }
  const auto id = string_at(message, where, "tool_call_id");
  if (!id) return fail(id.error());
  auto blocks = read_content(message, where, false);
  if (!blocks) return fail(blocks.error());
  json::object result{{"type", "tool_result"}, {"tool_use_id", anthropic_tool_id(*id)}};
  if (!blocks->empty()) result["content"] = std::move(*blocks);
  if (has_results_) {
    messages.back().at("content").get_array().push_back(std::move(result));
    return {};
  }
  has_results_ = true;
  json::array results;
  results.push_back(std::move(result));
  push("user", std::move(results));
  return {};
}

Result<void> add_conversation(const json::object& request, json::object& out) {
  const auto list = array_member(request, "", "messages");
  if (!list) return fail(list.error());
  Conversation conversation;
  for (std::size_t i = 0; i < (*list)->size(); ++i) {
    const std::string where = item_of("messages", i);
    const auto message = object_in((**list)[i], where);
    if (!message) return fail(message.error());
    if (auto done = conversation.add(**message, where); !done) return done;
    const bool last = i + 1 == (*list)->size();
    if (last && string_or_empty(**message, "role") == "assistant") {
      return untranslatable(where + ".role",
                            "after an assistant's message Anthropic's models go on with it, and "
                            "begin no new answer");
    }
  }
  if (!conversation.system.empty()) out["system"] = std::move(conversation.system);
  out["messages"] = std::move(conversation.messages);
  return {};
}

Result<void> add_tools(const json::value& value, json::object& out) {
  const auto list = array_in(value, "tools");
  if (!list) return fail(list.error());
  json::array tools;
  for (std::size_t i = 0; i < (*list)->size(); ++i) {
    const std::string where = item_of("tools", i);
    const auto tool = object_in((**list)[i], where);
    if (!tool) return fail(tool.error());
    if (string_or_empty(**tool, "type") != "function") {
      return untranslatable(member_of(where, "type"), "it must be function");
    }
    if (auto fields = check_fields(**tool, where, {"type", "function"}); !fields) return fields;
    const auto function = object_member(**tool, where, "function");
    if (!function) return fail(function.error());
    const std::string at = member_of(where, "function");
    if (auto fields = check_fields(**function, at, {"name", "description", "parameters", "strict"});
        !fields) {
      return fields;
    }
    auto name = string_at(**function, at, "name");
    if (!name) return fail(name.error());
    json::object made{{"name", *name}};
    copy_field(**function, "description", made, "description");
    // A function without parameters has none to give; Messages wants that said.
    made["input_schema"] = json::object{{"type", "object"}, {"properties", json::object()}};
    copy_field(**function, "parameters", made, "input_schema");
    const auto* strict = given(**function, "strict");
    if (strict != nullptr && *strict == true) made["strict"] = true;
    tools.push_back(std::move(made));
  }
  if (!tools.empty()) out["tools"] = std::move(tools);
  return {};
}

// "auto", "none", "required", or {"type": "function", "function": {"name"}}
Result<json::object> read_tool_choice(const json::value& value) {
  if (const auto* word = value.if_string()) {
    if (*word == "auto" || *word == "none") return json::object{{"type", *word}};
    if (*word == "required") return json::object{{"type", "any"}};
    return untranslatable("tool_choice", "it must be auto, none, required or a function");
  }
  const auto choice = object_in(value, "tool_choice");
  if (!choice) return fail(choice.error());
  if (string_or_empty(**choice, "type") != "function") {
    return untranslatable("tool_choice.type", "it must be function");
  }
  if (auto fields = check_fields(**choice, "tool_choice", {"type", "function"}); !fields) {
    return fail(fields.error());
  }
  const auto function = object_member(**choice, "tool_choice", "function");
  if (!function) return fail(function.error());
  auto name = string_at(**function, "tool_choice.function", "name");
  if (!name) return fail(name.error());
  return json::object{{"type", "tool"}, {"name", *name}};
}

Result<void> add_tool_choice(const json::object& request, json::object& out) {
  const auto* value = given(request, "tool_choice");
  const auto* parallel = given(request, "parallel_tool_calls");
  if (!out.contains("tools")) {
    // Nothing to choose, nor to call side by side.
    if (value == nullptr || *value == "auto" || *value == "none") return {};
    return untranslatable("tool_choice", "the request has no tools to choose from");
  }
  json::object choice{{"type", "auto"}};
  if (value != nullptr) {
    auto read = read_tool_choice(*value);
    if (!read) return fail(read.error());
    choice = std::move(*read);
  }
  const bool alone = parallel != nullptr && *parallel == false && choice.at("type") != "none";
  if (value == nullptr && !alone) return {};
  if (alone) choice["disable_parallel_tool_use"] = true;
  out["tool_choice"] = std::move(choice);
  return {};
}

Result<void> add_response_format(const json::value& value, json::object& out) {
  const auto format = object_in(value, "response_format");
  if (!format) return fail(format.error());
  const std::string_view type = string_or_empty(**format, "type");
  if (type == "text") return {};
  if (type != "json_schema") {
    return untranslatable("response_format.type", "it must be text or json_schema");
  }
  const auto schema = object_member(**format, "response_format", "json_schema");
  if (!schema) return fail(schema.error());
  // The name is a label; that the answer keeps to the schema goes without saying there.
  if (auto fields =
          check_fields(**schema, "response_format.json_schema", {"schema"}, {"name", "strict"});
      !fields) {
    return fields;
  }
  const auto inner = object_member(**schema, "response_format.json_schema", "schema");
  if (!inner) return fail(inner.error());
  out["output_config"] =
      json::object{{"format", json::object{{"type", "json_schema"}, {"schema", **inner}}}};
  return {};
}

// Messages knows 0 to 1, Chat Completions 0 to 2: to squeeze the one into the other would change
// what was asked for.
Result<void> add_temperature(const json::value& value, json::object& out) {
  const auto number = as<double>(value, "temperature");
  if (!number) return fail(number.error());
  if (*number > 1) return untranslatable("temperature", "Anthropic's models take 0 to 1");
  out["temperature"] = value;
  return {};
}

Result<void> add_stream(const json::object& request, json::object& out, AnswerPlan& plan) {
  const auto stream = optional_field<bool>(request, "stream");
  if (!stream) return fail(stream.error());
  plan.streamed = stream->value_or(false);
  if (plan.streamed) out["stream"] = true;
  if (given(request, "stream_options") == nullptr) return {};
  const auto options = object_member(request, "", "stream_options");
  if (!options) return fail(options.error());
  if (auto fields =
          check_fields(**options, "stream_options", {"include_usage"}, {"include_obfuscation"});
      !fields) {
    return fields;
  }
  const auto usage = optional_field<bool>(**options, "include_usage");
  if (!usage) return fail(usage.error().with("stream_options"));
  plan.include_usage = usage->value_or(false);
  return {};
}

// Fields that may be given only with the value that means nothing: Messages lacks them.
Result<void> check_idle_fields(const json::object& request) {
  const auto allow = [&](std::string_view name, auto idle, std::string_view only) -> Result<void> {
    const auto* value = given(request, name);
    if (value == nullptr || idle(*value)) return {};
    return untranslatable(name, "only " + std::string(only) + " can be had");
  };
  const auto is_zero = [](const json::value& value) {
    return value.is_number() && value.to_number<double>() == 0;
  };
  const auto is_one = [](const json::value& value) { return value == 1; };
  const auto is_false = [](const json::value& value) { return value == false; };
  const auto is_text = [](const json::value& value) { return value == json::array{"text"}; };
  const auto is_empty = [](const json::value& value) {
    return value.is_object() && value.get_object().empty();
  };
  Result<void> done = allow("n", is_one, "1");
  if (done) done = allow("presence_penalty", is_zero, "0");
  if (done) done = allow("frequency_penalty", is_zero, "0");
  if (done) done = allow("logit_bias", is_empty, "{}");
  if (done) done = allow("logprobs", is_false, "false");
  if (done) done = allow("top_logprobs", is_zero, "0");
  if (done) done = allow("store", is_false, "false");
  if (done) done = allow("modalities", is_text, "[\"text\"]");
  return done;
}

Result<void> add_stop(const json::value& value, json::object& out) {
  if (value.is_string()) {
    json::array one;
    one.push_back(value);
    out["stop_sequences"] = std::move(one);
    return {};
  }
  const auto list = array_in(value, "stop");
  if (!list) return fail(list.error());
  out["stop_sequences"] = **list;
  return {};
}

Result<void> add_settings(const json::object& request, json::object& out) {
  Result<void> done = check_idle_fields(request);
  const auto step = [&](std::string_view name, auto read) {
    const auto* value = given(request, name);
    if (done && value != nullptr) done = read(*value, out);
  };
  step("temperature", add_temperature);
  step("stop", add_stop);
  step("tools", add_tools);
  step("response_format", add_response_format);
  if (!done) return done;
  out["max_tokens"] = kMaxTokensUnlessGiven;
  copy_field(request, "max_tokens", out, "max_tokens");
  copy_field(request, "max_completion_tokens", out, "max_tokens");
  copy_field(request, "top_p", out, "top_p");
  return add_tool_choice(request, out);
}

}  // namespace

Result<json::object> chat_to_messages(const json::object& request, AnswerPlan& plan) {
  if (auto fields =
          check_fields(request, "",
                       {"model",
                        "messages",
                        "max_tokens",
                        "max_completion_tokens",
                        "stop",
                        "temperature",
                        "top_p",
                        "stream",
                        "stream_options",
                        "tools",
                        "tool_choice",
                        "parallel_tool_calls",
                        "response_format",
                        "n",
                        "presence_penalty",
                        "frequency_penalty",
                        "logit_bias",
                        "logprobs",
                        "top_logprobs",
                        "store",
                        "modalities"},
                       {"user", "metadata", "service_tier", "reasoning_effort", "prompt_cache_key",
                        "prompt_cache_retention", "safety_identifier", "prediction"});
      !fields) {
    return fail(fields.error());
  }
  json::object out;
  if (auto done = add_conversation(request, out); !done) return fail(done.error());
  if (auto done = add_settings(request, out); !done) return fail(done.error());
  if (auto done = add_stream(request, out, plan); !done) return fail(done.error());
  return out;
}

}  // namespace hone::wire
