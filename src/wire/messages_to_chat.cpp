#include "wire/messages_to_chat.h"

#include <functional>
#include <set>
#include <string>

#include "wire/anthropic_messages.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

json::object text_of_chat(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

// The parts of one Messages message, which may become several messages there.
struct Turn {
  json::array parts;    // text and images
  json::array calls;    // an assistant's
  json::array results;  // messages of the role "tool"
  json::array images;   // of results: a "tool" message has text only
};

class Translation {
 public:
  Result<void> add_system(const json::value& system);
  Result<void> add_messages(const json::object& request);
  Result<json::array> tools(const json::value& value) const;

  json::array messages;

 private:
  Result<void> add_message(const json::object& message, const std::string& where);
  Result<void> add_block(const json::value& value, const std::string& where, std::string_view role,
                         Turn& turn);
  Result<void> add_result(const json::object& block, const std::string& where, Turn& turn);
  Result<void> add_result_block(const json::value& value, const std::string& where,
                                json::array& parts, json::array& images);

  std::set<std::string, std::less<>> found_tools_;  // that a search of the client's has brought
};

Result<json::object> read_text(const json::object& block, const std::string& where) {
  if (auto fields = check_fields(block, where, {"type", "text"}, {"cache_control", "citations"});
      !fields) {
    return fail(fields.error());
  }
  auto text = string_at(block, where, "text");
  if (!text) return fail(text.error());
  return text_of_chat(*text);
}

Result<json::object> read_image(const json::object& block, const std::string& where) {
  if (auto fields = check_fields(block, where, {"type", "source"}, {"cache_control"}); !fields) {
    return fail(fields.error());
  }
  const std::string at = member_of(where, "source");
  const auto source = object_member(block, where, "source");
  if (!source) return fail(source.error());
  const std::string_view type = string_or_empty(**source, "type");
  std::string url;
  if (type == "url") {
    auto given_url = string_at(**source, at, "url");
    if (!given_url) return fail(given_url.error());
    url = std::move(*given_url);
  } else if (type == "base64") {
    auto media = string_at(**source, at, "media_type");
    if (!media) return fail(media.error());
    auto data = string_at(**source, at, "data");
    if (!data) return fail(data.error());
    url = "data:" + *media + ";base64," + *data;
  } else {
    return untranslatable(member_of(at, "type"), "an image must be 'base64' or 'url'");
  }
  return json::object{{"type", "image_url"}, {"image_url", json::object{{"url", url}}}};
}

Result<json::object> read_call_of(const json::object& block, const std::string& where) {
  if (auto fields =
          check_fields(block, where, {"type", "id", "name", "input"}, {"cache_control", "caller"});
      !fields) {
    return fail(fields.error());
  }
  auto id = string_at(block, where, "id");
  if (!id) return fail(id.error());
  auto name = string_at(block, where, "name");
  if (!name) return fail(name.error());
  auto input = arguments_object(given(block, "input"), member_of(where, "input"));
  if (!input) return fail(input.error());
  return json::object{{"id", *id},
                      {"type", "function"},
                      {"function", {{"name", *name}, {"arguments", plain_json(*input)}}}};
}

// A string, or blocks. `each` takes a block and its name.
template <typename Each>
Result<void> for_blocks(const json::value* content, const std::string& where, Each each) {
  if (content == nullptr) return {};
  if (const auto* text = content->if_string()) {
    return each(json::object{{"type", "text"}, {"text", *text}}, where);
  }
  const auto blocks = array_in(*content, where);
  if (!blocks) return fail(blocks.error());
  for (std::size_t i = 0; i < (*blocks)->size(); ++i) {
    if (auto done = each((**blocks)[i], item_of(where, i)); !done) return done;
  }
  return {};
}

Result<void> Translation::add_system(const json::value& system) {
  json::array parts;
  auto read = for_blocks(&system, "system", [&](const json::value& value, const std::string& at) {
    auto block = object_in(value, at);
    if (!block) return Result<void>(fail(block.error()));
    if (string_or_empty(**block, "type") != "text") {
      return Result<void>(untranslatable(member_of(at, "type"), "a system prompt is text"));
    }
    if (string_or_empty(**block, "text").starts_with(kBillingBlock)) return Result<void>();
    auto text = read_text(**block, at);
    if (!text) return Result<void>(fail(text.error()));
    parts.push_back(std::move(*text));
    return Result<void>();
  });
  if (!read || parts.empty()) return read;
  messages.push_back(
      json::object{{"role", "system"}, {"content", content_of_chat(std::move(parts))}});
  return {};
}

Result<void> Translation::add_messages(const json::object& request) {
  const auto list = array_member(request, "", "messages");
  if (!list) return fail(list.error());
  for (std::size_t i = 0; i < (*list)->size(); ++i) {
    const std::string where = item_of("messages", i);
    const auto message = object_in((**list)[i], where);
    if (!message) return fail(message.error());
    if (auto done = add_message(**message, where); !done) return done;
    const bool last = i + 1 == (*list)->size();
    if (last && string_or_empty(**message, "role") == "assistant") {
      return untranslatable(where + ".role",
                            "an answer's beginning that the model shall go on with; Chat "
                            "Completions always begins a new answer");
    }
  }
  return {};
}

Result<void> Translation::add_message(const json::object& message, const std::string& where) {
  if (auto fields = check_fields(message, where, {"role", "content", "output_config"}); !fields) {
    return fields;
  }
  if (const auto* config = given(message, "output_config")) {
    const std::string at = member_of(where, "output_config");
    const auto object = object_in(*config, at);
    if (!object) return fail(object.error());
    if (auto fields = check_fields(**object, at, {}, {"effort"}); !fields) return fields;
  }
  const std::string_view role = string_or_empty(message, "role");
  if (role != "user" && role != "assistant" && role != "system") {
    return untranslatable(where + ".role", "it must be user, assistant or system");
  }
  Turn turn;
  auto read = for_blocks(given(message, "content"), member_of(where, "content"),
                         [&](const json::value& block, const std::string& at) {
                           return add_block(block, at, role, turn);
                         });
  if (!read) return read;
  // Results answer the calls before them, and nothing may stand between the two.
  const bool had_results = !turn.results.empty();
  for (auto& result : turn.results) messages.push_back(std::move(result));
  for (auto& part : turn.parts) turn.images.push_back(std::move(part));
  json::array parts = std::move(turn.images);
  if (had_results && parts.empty()) return {};
  json::object out{{"role", role}};
  out["content"] = parts.empty() && !turn.calls.empty() ? json::value(nullptr)
                                                        : content_of_chat(std::move(parts));
  if (!turn.calls.empty()) out["tool_calls"] = std::move(turn.calls);
  messages.push_back(std::move(out));
  return {};
}

Result<void> Translation::add_block(const json::value& value, const std::string& where,
                                    std::string_view role, Turn& turn) {
  const auto block = object_in(value, where);
  if (!block) return fail(block.error());
  const std::string_view type = string_or_empty(**block, "type");
  const auto keep = [](json::array& list, Result<json::object> part) -> Result<void> {
    if (!part) return fail(part.error());
    list.push_back(std::move(*part));
    return {};
  };
  if (type == "text") return keep(turn.parts, read_text(**block, where));
  if (role == "user" && type == "image") return keep(turn.parts, read_image(**block, where));
  if (role == "user" && type == "tool_result") return add_result(**block, where, turn);
  if (role == "assistant" && type == "tool_use") {
    return keep(turn.calls, read_call_of(**block, where));
  }
  // What another model thought: it is not part of a conversation in Chat Completions.
  if (role == "assistant" && (type == "thinking" || type == "redacted_thinking")) return {};
  return untranslatable(member_of(where, "type"), "a " + std::string(role) +
                                                      " message of Chat Completions has no '" +
                                                      std::string(type.substr(0, 64)) + "'");
}

Result<void> Translation::add_result(const json::object& block, const std::string& where,
                                     Turn& turn) {
  if (auto fields = check_fields(block, where, {"type", "tool_use_id", "content", "is_error"},
                                 {"cache_control"});
      !fields) {
    return fields;
  }
  auto id = string_at(block, where, "tool_use_id");
  if (!id) return fail(id.error());
  json::array parts;
  json::array images;
  auto read = for_blocks(given(block, "content"), member_of(where, "content"),
                         [&](const json::value& inner, const std::string& at) {
                           return add_result_block(inner, at, parts, images);
                         });
  if (!read) return read;
  // Chat Completions has no flag for it, so the text says it.
  const auto* is_error = given(block, "is_error");
  if (is_error != nullptr && *is_error == true) {
    if (parts.empty()) parts.push_back(text_of_chat(""));
    auto& first = parts.front().get_object();
    first["text"] = failed_result_text(string_or_empty(first, "text"));
  }
  if (!images.empty()) {
    if (parts.empty()) parts.push_back(text_of_chat("The result is an image; it follows."));
    turn.images.push_back(text_of_chat("From the result of the tool call " + *id + ":"));
    for (auto& image : images) turn.images.push_back(std::move(image));
  }
  turn.results.push_back(json::object{
      {"role", "tool"}, {"tool_call_id", *id}, {"content", content_of_chat(std::move(parts))}});
  return {};
}

Result<void> Translation::add_result_block(const json::value& value, const std::string& where,
                                           json::array& parts, json::array& images) {
  const auto block = object_in(value, where);
  if (!block) return fail(block.error());
  const std::string_view type = string_or_empty(**block, "type");
  if (type == "text") {
    auto text = read_text(**block, where);
    if (!text) return fail(text.error());
    parts.push_back(std::move(*text));
    return {};
  }
  if (type == "image") {
    auto image = read_image(**block, where);
    if (!image) return fail(image.error());
    images.push_back(std::move(*image));
    return {};
  }
  if (type == "tool_reference") {
    // A search for tools has brought one: from here on the model may call it.
    auto name = string_at(**block, where, "tool_name");
    if (!name) return fail(name.error());
    parts.push_back(text_of_chat(found_tool_text(*name)));
    found_tools_.insert(std::move(*name));
    return {};
  }
  return untranslatable(member_of(where, "type"), "a tool message of Chat Completions has no '" +
                                                      std::string(type.substr(0, 64)) + "'");
}

Result<json::array> Translation::tools(const json::value& value) const {
  const auto list = array_in(value, "tools");
  if (!list) return fail(list.error());
  json::array out;
  for (std::size_t i = 0; i < (*list)->size(); ++i) {
    const std::string where = item_of("tools", i);
    const auto tool = object_in((**list)[i], where);
    if (!tool) return fail(tool.error());
    const std::string_view type = string_or_empty(**tool, "type");
    if (!type.empty() && type != "custom") {
      return untranslatable(member_of(where, "type"), "'" + std::string(type.substr(0, 64)) +
                                                          "' is a tool that Anthropic defines");
    }
    if (auto fields =
            check_fields(**tool, where,
                         {"type", "name", "description", "input_schema", "strict", "defer_loading"},
                         {"cache_control", "eager_input_streaming"});
        !fields) {
      return fail(fields.error());
    }
    auto name = string_at(**tool, where, "name");
    if (!name) return fail(name.error());
    // A deferred tool is no part of the context until a search brings it.
    const auto* deferred = given(**tool, "defer_loading");
    if (deferred != nullptr && *deferred == true && !found_tools_.contains(*name)) continue;
    json::object function{{"name", *name}};
    copy_field(**tool, "description", function, "description");
    copy_field(**tool, "input_schema", function, "parameters");
    copy_field(**tool, "strict", function, "strict");
    out.push_back(json::object{{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

Result<void> add_tool_choice(const json::value& value, json::object& out) {
  const auto choice = object_in(value, "tool_choice");
  if (!choice) return fail(choice.error());
  if (auto fields =
          check_fields(**choice, "tool_choice", {"type", "name", "disable_parallel_tool_use"});
      !fields) {
    return fields;
  }
  const std::string_view type = string_or_empty(**choice, "type");
  if (!out.contains("tools")) {
    if (type == "auto" || type == "none") return {};
    return untranslatable("tool_choice", "the request has no tools to choose from");
  }
  if (type == "auto" || type == "none") {
    out["tool_choice"] = type;
  } else if (type == "any") {
    out["tool_choice"] = "required";
  } else if (type == "tool") {
    auto name = string_at(**choice, "tool_choice", "name");
    if (!name) return fail(name.error());
    out["tool_choice"] =
        json::object{{"type", "function"}, {"function", json::object{{"name", *name}}}};
  } else {
    return untranslatable("tool_choice.type", "it must be auto, any, tool or none");
  }
  const auto* alone = given(**choice, "disable_parallel_tool_use");
  if (alone != nullptr && *alone == true) out["parallel_tool_calls"] = false;
  return {};
}

// {"type": "json_schema", "schema": …}
Result<void> add_output_format(const json::value& value, const std::string& where,
                               json::object& out) {
  const auto format = object_in(value, where);
  if (!format) return fail(format.error());
  if (auto fields = check_fields(**format, where, {"type", "schema"}); !fields) return fields;
  if (string_or_empty(**format, "type") != "json_schema") {
    return untranslatable(member_of(where, "type"), "it must be json_schema");
  }
  const auto* schema = given(**format, "schema");
  if (schema == nullptr) {
    return fail(ErrorCode::kInvalid, "field '" + member_of(where, "schema") + "' is missing");
  }
  out["response_format"] =
      json::object{{"type", "json_schema"},
                   {"json_schema", {{"name", "answer"}, {"schema", *schema}, {"strict", true}}}};
  return {};
}

Result<void> add_output_config(const json::value& value, json::object& out) {
  const auto config = object_in(value, "output_config");
  if (!config) return fail(config.error());
  if (auto fields = check_fields(**config, "output_config", {"format"}, {"effort"}); !fields) {
    return fields;
  }
  const auto* format = given(**config, "format");
  return format == nullptr ? Result<void>()
                           : add_output_format(*format, "output_config.format", out);
}

// Thinking is the upstream's to switch on; whether the client wants to see it is ours to know.
Result<void> read_thinking(const json::value& value, AnswerPlan& plan) {
  const auto thinking = object_in(value, "thinking");
  if (!thinking) return fail(thinking.error());
  if (auto fields = check_fields(**thinking, "thinking", {"type", "display"}, {"budget_tokens"});
      !fields) {
    return fields;
  }
  const std::string_view type = string_or_empty(**thinking, "type");
  if (type != "enabled" && type != "adaptive" && type != "disabled") {
    return untranslatable("thinking.type", "it must be enabled, adaptive or disabled");
  }
  plan.wants_thinking = type != "disabled" && string_or_empty(**thinking, "display") != "omitted";
  return {};
}

// Clearing what was thought before changes nothing, for none of it is sent. Other edits would.
Result<void> read_context_management(const json::value& value) {
  const auto management = object_in(value, "context_management");
  if (!management) return fail(management.error());
  if (auto fields = check_fields(**management, "context_management", {"edits"}); !fields) {
    return fields;
  }
  const auto* given_edits = given(**management, "edits");
  if (given_edits == nullptr) return {};
  const auto edits = array_in(*given_edits, "context_management.edits");
  if (!edits) return fail(edits.error());
  for (std::size_t i = 0; i < (*edits)->size(); ++i) {
    const auto* edit = (**edits)[i].if_object();
    const std::string_view type = edit == nullptr ? "" : string_or_empty(*edit, "type");
    if (type.starts_with("clear_thinking_")) continue;
    return untranslatable(item_of("context_management.edits", i) + ".type",
                          "only clear_thinking edits can be had");
  }
  return {};
}

Result<void> add_stream(const json::value& value, json::object& out, AnswerPlan& plan) {
  if (!value.is_bool()) return fail(ErrorCode::kInvalid, "field 'stream' must be true or false");
  plan.streamed = value.get_bool();
  if (!plan.streamed) return {};
  out["stream"] = true;
  // Messages always tells what an answer cost; Chat Completions when asked.
  out["stream_options"] = json::object{{"include_usage", true}};
  return {};
}

// The members that need more than a copy.
Result<void> add_settings(const json::object& request, json::object& out, AnswerPlan& plan) {
  Result<void> done;
  const auto step = [&](std::string_view name, auto read) {
    const auto* value = given(request, name);
    if (done && value != nullptr) done = read(*value);
  };
  step("tool_choice", [&](const json::value& value) { return add_tool_choice(value, out); });
  step("output_config", [&](const json::value& value) { return add_output_config(value, out); });
  step("output_format",
       [&](const json::value& value) { return add_output_format(value, "output_format", out); });
  step("thinking", [&](const json::value& value) { return read_thinking(value, plan); });
  step("context_management",
       [](const json::value& value) { return read_context_management(value); });
  step("stream", [&](const json::value& value) { return add_stream(value, out, plan); });
  return done;
}

}  // namespace

Result<json::object> messages_to_chat(const json::object& request, AnswerPlan& plan) {
  if (auto fields =
          check_fields(request, "",
                       {"model", "messages", "system", "max_tokens", "stop_sequences",
                        "temperature", "top_p", "stream", "tools", "tool_choice", "output_config",
                        "output_format", "thinking", "context_management"},
                       {"metadata", "cache_control", "service_tier", "safeguards"});
      !fields) {
    return fail(fields.error());
  }
  Translation translation;
  if (const auto* system = given(request, "system")) {
    if (auto done = translation.add_system(*system); !done) return fail(done.error());
  }
  if (auto done = translation.add_messages(request); !done) return fail(done.error());
  json::object out;
  out["messages"] = std::move(translation.messages);
  if (const auto* tools = given(request, "tools")) {
    auto functions = translation.tools(*tools);
    if (!functions) return fail(functions.error());
    if (!functions->empty()) out["tools"] = std::move(*functions);
  }
  copy_field(request, "max_tokens", out, "max_tokens");
  copy_field(request, "temperature", out, "temperature");
  copy_field(request, "top_p", out, "top_p");
  copy_field(request, "stop_sequences", out, "stop");
  if (auto done = add_settings(request, out, plan); !done) return fail(done.error());
  return out;
}

}  // namespace hone::wire
