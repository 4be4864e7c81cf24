#include "wire/responses_to_chat.h"

#include <string>
#include <utility>

#include "wire/translate_part.h"

namespace hone::wire {
namespace {

// Chat Completions has no namespaces: a tool goes by both names.
std::string flat_name(std::string_view space, std::string_view name) {
  return space.empty() ? std::string(name) : std::string(space) + "__" + std::string(name);
}

Result<json::object> read_text_part(const json::object& part, const std::string& where,
                                    std::string_view field) {
  if (auto fields = check_fields(part, where, {"type", field}, {"annotations", "logprobs"});
      !fields) {
    return fail(fields.error());
  }
  auto text = string_at(part, where, field);
  if (!text) return fail(text.error());
  return json::object{{"type", "text"}, {"text", *text}};
}

Result<json::object> read_image_part(const json::object& part, const std::string& where) {
  if (auto fields = check_fields(part, where, {"type", "image_url"}, {"detail"}); !fields) {
    return fail(fields.error());
  }
  auto url = string_at(part, where, "image_url");
  if (!url) return fail(url.error());
  return json::object{{"type", "image_url"}, {"image_url", json::object{{"url", *url}}}};
}

// A string or parts. `images` is null where there can be none.
Result<void> read_content(const json::value* content, const std::string& where, json::array& texts,
                          json::array* images) {
  if (content == nullptr) return {};
  if (const auto* text = content->if_string()) {
    texts.push_back(json::object{{"type", "text"}, {"text", *text}});
    return {};
  }
  const auto parts = array_in(*content, where);
  if (!parts) return fail(parts.error());
  for (std::size_t i = 0; i < (*parts)->size(); ++i) {
    const std::string at = item_of(where, i);
    const auto part = object_in((**parts)[i], at);
    if (!part) return fail(part.error());
    const std::string_view type = string_or_empty(**part, "type");
    Result<json::object> made;
    if (type == "input_text" || type == "output_text" || type == "text") {
      made = read_text_part(**part, at, "text");
    } else if (type == "refusal") {
      made = read_text_part(**part, at, "refusal");
    } else if (type == "input_image" && images != nullptr) {
      made = read_image_part(**part, at);
      if (made) {
        images->push_back(std::move(*made));
        continue;
      }
    } else {
      return untranslatable(at + ".type", "such a message of Chat Completions has no '" +
                                              std::string(type.substr(0, 64)) + "'");
    }
    if (!made) return fail(made.error());
    texts.push_back(std::move(*made));
  }
  return {};
}

class Conversation {
 public:
  Result<void> add_input(const json::value& input);
  void add_system(json::array texts);
  json::array finish();

 private:
  Result<void> add_item(const json::object& item, const std::string& where);
  Result<void> add_message(const json::object& item, const std::string& where);
  Result<void> add_call(const json::object& item, const std::string& where);
  Result<void> add_output(const json::object& item, const std::string& where);
  void push(std::string_view role, json::array parts);
  void end_answer();
  void end_results();

  json::array messages_;
  // Items of the assistant that follow each other are one message there.
  json::array texts_;
  json::array calls_;
  // A "tool" message has text only, and nothing may stand between two of them.
  json::array result_images_;
};

void Conversation::push(std::string_view role, json::array parts) {
  messages_.push_back(json::object{{"role", role}, {"content", content_of_chat(std::move(parts))}});
}

void Conversation::add_system(json::array texts) {
  if (!texts.empty()) push("system", std::move(texts));
}

void Conversation::end_answer() {
  if (texts_.empty() && calls_.empty()) return;
  json::object message{{"role", "assistant"}};
  message["content"] =
      texts_.empty() ? json::value(nullptr) : content_of_chat(std::exchange(texts_, {}));
  if (!calls_.empty()) message["tool_calls"] = std::exchange(calls_, {});
  messages_.push_back(std::move(message));
}

void Conversation::end_results() {
  if (!result_images_.empty()) push("user", std::exchange(result_images_, {}));
}

json::array Conversation::finish() {
  end_answer();
  end_results();
  return std::move(messages_);
}

Result<void> Conversation::add_input(const json::value& input) {
  if (const auto* text = input.if_string()) {
    push("user", {json::object{{"type", "text"}, {"text", *text}}});
    return {};
  }
  const auto items = array_in(input, "input");
  if (!items) return fail(items.error());
  for (std::size_t i = 0; i < (*items)->size(); ++i) {
    const std::string where = item_of("input", i);
    const auto item = object_in((**items)[i], where);
    if (!item) return fail(item.error());
    if (auto done = add_item(**item, where); !done) return done;
  }
  return {};
}

Result<void> Conversation::add_item(const json::object& item, const std::string& where) {
  const std::string_view type = string_or_empty(item, "type");
  if (type.empty() || type == "message") return add_message(item, where);
  if (type == "function_call") return add_call(item, where);
  if (type == "function_call_output") return add_output(item, where);
  // What another model thought: it is not part of a conversation in Chat Completions.
  if (type == "reasoning") return {};
  return untranslatable(where + ".type",
                        "Chat Completions has no '" + std::string(type.substr(0, 64)) + "'");
}

Result<void> Conversation::add_message(const json::object& item, const std::string& where) {
  if (auto fields =
          check_fields(item, where, {"type", "role", "content"},
                       {"id", "status", "phase", "internal_chat_message_metadata_passthrough"});
      !fields) {
    return fields;
  }
  const std::string_view role = string_or_empty(item, "role");
  const std::string at = where + ".content";
  if (role == "assistant") {
    end_results();
    // Calls come last in a message: what is said behind them is the next answer.
    if (!calls_.empty()) end_answer();
    return read_content(given(item, "content"), at, texts_, nullptr);
  }
  end_answer();
  end_results();
  json::array parts;
  const bool user = role == "user";
  if (!user && role != "system" && role != "developer") {
    return untranslatable(where + ".role", "it must be user, assistant, system or developer");
  }
  if (auto done = read_content(given(item, "content"), at, parts, user ? &parts : nullptr); !done) {
    return done;
  }
  // "developer" is OpenAI's alone; the chat templates of others know "system".
  push(user ? "user" : "system", std::move(parts));
  return {};
}

Result<void> Conversation::add_call(const json::object& item, const std::string& where) {
  if (auto fields = check_fields(item, where, {"type", "call_id", "name", "namespace", "arguments"},
                                 {"id", "status", "internal_chat_message_metadata_passthrough"});
      !fields) {
    return fields;
  }
  auto id = string_at(item, where, "call_id");
  if (!id) return fail(id.error());
  auto name = string_at(item, where, "name");
  if (!name) return fail(name.error());
  auto arguments = string_at(item, where, "arguments");
  if (!arguments) return fail(arguments.error());
  end_results();
  json::object function{{"name", flat_name(string_or_empty(item, "namespace"), *name)},
                        {"arguments", *arguments}};
  calls_.push_back(
      json::object{{"id", *id}, {"type", "function"}, {"function", std::move(function)}});
  return {};
}

Result<void> Conversation::add_output(const json::object& item, const std::string& where) {
  if (auto fields = check_fields(item, where, {"type", "call_id", "output"},
                                 {"id", "status", "internal_chat_message_metadata_passthrough"});
      !fields) {
    return fields;
  }
  auto id = string_at(item, where, "call_id");
  if (!id) return fail(id.error());
  end_answer();
  json::array texts;
  json::array images;
  if (auto done = read_content(given(item, "output"), where + ".output", texts, &images); !done) {
    return done;
  }
  if (!images.empty()) {
    const std::string led = "From the result of the tool call " + *id + ":";
    result_images_.push_back(json::object{{"type", "text"}, {"text", led}});
    for (auto& image : images) result_images_.push_back(std::move(image));
  }
  messages_.push_back(json::object{
      {"role", "tool"}, {"tool_call_id", *id}, {"content", content_of_chat(std::move(texts))}});
  return {};
}

class Tools {
 public:
  explicit Tools(AnswerPlan& plan) : plan_(plan) {}
  Result<void> add(const json::value& value, const std::string& where);

  json::array functions;

 private:
  Result<void> add_function(const json::object& tool, const std::string& where,
                            const json::object* space);

  AnswerPlan& plan_;
};

Result<void> Tools::add(const json::value& value, const std::string& where) {
  const auto tool = object_in(value, where);
  if (!tool) return fail(tool.error());
  const std::string_view type = string_or_empty(**tool, "type");
  if (type == "function") return add_function(**tool, where, nullptr);
  // Codex offers it with every call: the answer is the same to who never takes the offer.
  if (type == "web_search") return {};
  if (type != "namespace") {
    return untranslatable(where + ".type", "it must be function or namespace");
  }
  if (auto fields = check_fields(**tool, where, {"type", "name", "description", "tools"});
      !fields) {
    return fields;
  }
  const auto inner = array_member(**tool, where, "tools");
  if (!inner) return fail(inner.error());
  for (std::size_t i = 0; i < (*inner)->size(); ++i) {
    const std::string at = item_of(where + ".tools", i);
    const auto function = object_in((**inner)[i], at);
    if (!function) return fail(function.error());
    if (string_or_empty(**function, "type") != "function") {
      return untranslatable(at + ".type", "it must be function");
    }
    if (auto done = add_function(**function, at, *tool); !done) return done;
  }
  return {};
}

Result<void> Tools::add_function(const json::object& tool, const std::string& where,
                                 const json::object* space) {
  if (auto fields =
          check_fields(tool, where, {"type", "name", "description", "parameters", "strict"});
      !fields) {
    return fields;
  }
  const auto name = string_at(tool, where, "name");
  if (!name) return fail(name.error());
  json::object function;
  std::string description(string_or_empty(tool, "description"));
  if (space == nullptr) {
    function["name"] = *name;
  } else {
    const std::string_view space_name = string_or_empty(*space, "name");
    const std::string flat = flat_name(space_name, *name);
    function["name"] = flat;
    plan_.namespaced[flat] = {std::string(space_name), *name};
    const std::string_view about = string_or_empty(*space, "description");
    if (!about.empty()) description = std::string(about) + "\n" + description;
  }
  if (!description.empty()) function["description"] = description;
  copy_field(tool, "parameters", function, "parameters");
  const auto* strict = given(tool, "strict");
  if (strict != nullptr && *strict == true) function["strict"] = true;
  functions.push_back(json::object{{"type", "function"}, {"function", std::move(function)}});
  return {};
}

Result<void> add_tool_choice(const json::value& value, json::object& out) {
  const bool word = value == "auto" || value == "none" || value == "required";
  if (!out.contains("tools")) {
    if (value == "auto" || value == "none") return {};
    return untranslatable("tool_choice", "the request has no tools to choose from");
  }
  if (word) {
    out["tool_choice"] = value;
    return {};
  }
  const auto choice = object_in(value, "tool_choice");
  if (!choice) return fail(choice.error());
  if (string_or_empty(**choice, "type") != "function") {
    return untranslatable("tool_choice.type", "it must be function");
  }
  auto name = string_at(**choice, "tool_choice", "name");
  if (!name) return fail(name.error());
  out["tool_choice"] =
      json::object{{"type", "function"}, {"function", json::object{{"name", *name}}}};
  return {};
}

// {"format": {"type": "json_schema", "name", "schema", …}, "verbosity"}
Result<void> add_text(const json::value& value, json::object& out) {
  const auto text = object_in(value, "text");
  if (!text) return fail(text.error());
  if (auto fields = check_fields(**text, "text", {"format"}, {"verbosity"}); !fields) return fields;
  if (given(**text, "format") == nullptr) return {};
  const auto format = object_member(**text, "text", "format");
  if (!format) return fail(format.error());
  const std::string_view type = string_or_empty(**format, "type");
  if (type == "text") return {};
  if (type == "json_object") {
    out["response_format"] = json::object{{"type", "json_object"}};
    return {};
  }
  if (type != "json_schema") {
    return untranslatable("text.format.type", "it must be text, json_object or json_schema");
  }
  if (auto fields = check_fields(**format, "text.format",
                                 {"type", "name", "description", "schema", "strict"});
      !fields) {
    return fields;
  }
  json::object schema;
  for (const std::string_view name : {"name", "description", "schema", "strict"}) {
    copy_field(**format, name, schema, name);
  }
  out["response_format"] =
      json::object{{"type", "json_schema"}, {"json_schema", std::move(schema)}};
  return {};
}

// What more the client wants to hear. Encrypted reasoning is for the next call to OpenAI alone.
Result<void> check_include(const json::value& value) {
  const auto list = array_in(value, "include");
  if (!list) return fail(list.error());
  for (std::size_t i = 0; i < (*list)->size(); ++i) {
    if ((**list)[i] == "reasoning.encrypted_content") continue;
    return untranslatable(item_of("include", i),
                          "only reasoning.encrypted_content may be asked for");
  }
  return {};
}

Result<void> check_idle_fields(const json::object& request) {
  const auto allow = [&](std::string_view name, const json::value& idle) -> Result<void> {
    const auto* value = given(request, name);
    if (value == nullptr || *value == idle) return {};
    return untranslatable(name, "only " + plain_json(idle) + " can be had");
  };
  Result<void> done = allow("store", false);
  if (done) done = allow("background", false);
  if (done) done = allow("truncation", "disabled");
  if (done) done = allow("top_logprobs", 0);
  return done;
}

Result<void> add_stream(const json::object& request, json::object& out, AnswerPlan& plan) {
  const auto stream = optional_field<bool>(request, "stream");
  if (!stream) return fail(stream.error());
  plan.streamed = stream->value_or(false);
  if (!plan.streamed) return {};
  out["stream"] = true;
  out["stream_options"] = json::object{{"include_usage", true}};
  return {};
}

Result<void> add_conversation(const json::object& request, json::object& out) {
  Conversation conversation;
  json::array instructions;
  if (auto done =
          read_content(given(request, "instructions"), "instructions", instructions, nullptr);
      !done) {
    return done;
  }
  conversation.add_system(std::move(instructions));
  const auto* input = given(request, "input");
  if (input == nullptr) return fail(ErrorCode::kInvalid, "field 'input' is missing");
  if (auto done = conversation.add_input(*input); !done) return done;
  out["messages"] = conversation.finish();
  return {};
}

Result<void> add_tools(const json::value& value, json::object& out, AnswerPlan& plan) {
  const auto list = array_in(value, "tools");
  if (!list) return fail(list.error());
  Tools tools(plan);
  for (std::size_t i = 0; i < (*list)->size(); ++i) {
    if (auto done = tools.add((**list)[i], item_of("tools", i)); !done) return done;
  }
  if (!tools.functions.empty()) out["tools"] = std::move(tools.functions);
  return {};
}

}  // namespace

Result<json::object> responses_to_chat(const json::object& request, AnswerPlan& plan) {
  if (auto fields = check_fields(
          request, "",
          {"model", "input", "instructions", "max_output_tokens", "temperature", "top_p", "stream",
           "tools", "tool_choice", "parallel_tool_calls", "text", "include", "store", "background",
           "truncation", "top_logprobs"},
          {"reasoning", "metadata", "client_metadata", "user", "safety_identifier", "service_tier",
           "prompt_cache_key", "prompt_cache_retention", "stream_options"});
      !fields) {
    return fail(fields.error());
  }
  json::object out;
  Result<void> done = check_idle_fields(request);
  const auto step = [&](std::string_view name, auto read) {
    const auto* value = given(request, name);
    if (done && value != nullptr) done = read(*value);
  };
  step("include", check_include);
  if (done) done = add_conversation(request, out);
  step("tools", [&](const json::value& value) { return add_tools(value, out, plan); });
  step("tool_choice", [&](const json::value& value) { return add_tool_choice(value, out); });
  step("text", [&](const json::value& value) { return add_text(value, out); });
  if (done) done = add_stream(request, out, plan);
  if (!done) return fail(done.error());
  copy_field(request, "max_output_tokens", out, "max_tokens");
  copy_field(request, "temperature", out, "temperature");
  copy_field(request, "top_p", out, "top_p");
  if (out.contains("tools")) copy_field(request, "parallel_tool_calls", out, "parallel_tool_calls");
  return out;
}

}  // namespace hone::wire
