#include "engine/model/chat_template.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/clock.h"
#include "base/file.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

constexpr std::array<std::string_view, 7> kTokenNames = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};
constexpr std::array<std::string_view, 4> kReserved = {"messages", "tools", "documents",
                                                       "add_generation_prompt"};
constexpr std::array<std::string_view, 6> kRoles = {"system", "user",    "assistant",
                                                    "tool",   "ipython", "developer"};

// A conversation is rendered three times for each answer that it has; all of that together is
// bounded too.
constexpr std::size_t kMaxTrainedSteps = 5 * jinja::Limits().steps;

template <typename Names>
bool holds(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What of the context is the template's own: its special tokens, and the roles that templates know,
// which some of them put special tokens together with.
bool is_own(std::span<const std::string_view> path, std::string_view text) {
  if (path.size() == 1) return holds(kTokenNames, path[0]);
  return path.size() == 3 && path[0] == "messages" && path[2] == "role" && holds(kRoles, text);
}

// Adds the tokens that the file names and `tokens` has not: "<s>", or {"content": "<s>", …}.
Result<void> add_tokens(const std::string& path, json::object& tokens) {
  auto text = read_file(posix_files(), path);
  if (!text && text.error().code == ErrorCode::kNotFound) return {};
  if (!text) return fail(text.error());
  const auto config = parse_json_object(*text);
  if (!config) return fail(config.error().with(path));
  for (const std::string_view name : kTokenNames) {
    const json::value* given = config->if_contains(name);
    if (given == nullptr || tokens.contains(name)) continue;
    if (const auto* object = given->if_object()) given = object->if_contains("content");
    if (given != nullptr && given->is_string()) tokens[name] = *given;
  }
  return {};
}

// transformers leaves out a content that is null, so that templates see that there is none.
json::array without_null_content(const json::array& messages, std::size_t count) {
  json::array result;
  for (std::size_t i = 0; i < count; ++i) {
    const auto* message = messages[i].if_object();
    const auto* content = message == nullptr ? nullptr : message->if_contains("content");
    if (content == nullptr || !content->is_null()) {
      result.push_back(messages[i]);
      continue;
    }
    json::object kept;
    for (const auto& member : *message) {
      if (member.key() != "content") kept[member.key()] = member.value();
    }
    result.push_back(std::move(kept));
  }
  return result;
}

std::unexpected<Error> unclear(std::size_t message, std::string_view why) {
  return fail(ErrorCode::kInvalid, "it cannot be told which tokens the loss counts: messages[" +
                                       std::to_string(message) + "]: " + std::string(why) +
                                       "; a template with {% generation %} says it");
}

// Whether an answer begins with what the message says, and not with a header of the template's:
// whether the template has nothing but blanks of its own before the first byte that was given.
bool begins_with_what_was_said(const jinja::Rendered& rendered, const jinja::Span& answer) {
  const auto said = std::find_if(rendered.given.begin(), rendered.given.end(),
                                 [&](const jinja::Span& span) { return span.end > answer.begin; });
  std::size_t first = answer.end;
  if (said != rendered.given.end()) first = std::clamp(said->begin, answer.begin, answer.end);
  const auto own = std::string_view(rendered.text).substr(answer.begin, first - answer.begin);
  return strip(own).empty();
}

}  // namespace

std::optional<std::tm> day_of(const std::string& date) {
  std::tm day{};
  const char* end = ::strptime(date.c_str(), "%d %b %Y", &day);
  if (end == nullptr || *end != '\0') {
    const auto time = parse_time(date);
    if (!time) return std::nullopt;
    const std::time_t seconds = to_millis(*time) / 1000;
    ::gmtime_r(&seconds, &day);
    return day;
  }
  const std::time_t seconds = ::timegm(&day);  // also finds the day of the week
  ::gmtime_r(&seconds, &day);
  return day;
}

ChatTemplate::ChatTemplate(jinja::Template compiled, json::object special_tokens)
    : template_(std::move(compiled)), special_tokens_(std::move(special_tokens)) {}

Result<ChatTemplate> ChatTemplate::load(const std::string& template_file,
                                        const std::string& model_folder) {
  auto source = read_file(posix_files(), template_file, 1U << 20);
  if (!source) return fail(source.error());
  json::object tokens;
  for (const char* name : {"/tokenizer_config.json", "/special_tokens_map.json"}) {
    if (auto added = add_tokens(model_folder + name, tokens); !added) return fail(added.error());
  }
  return parse(*source, template_file, std::move(tokens));
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, std::string_view name,
                                         json::object special_tokens) {
  auto compiled = jinja::Template::parse(source, name);
  if (!compiled) return fail(compiled.error());
  return ChatTemplate(std::move(*compiled), std::move(special_tokens));
}

Result<jinja::Rendered> ChatTemplate::render(const TemplateInput& input) const {
  return render_beginning(input, input.messages.size(), input.add_generation_prompt,
                          jinja::Limits().steps);
}

Result<jinja::Rendered> ChatTemplate::render_beginning(const TemplateInput& input,
                                                       std::size_t messages,
                                                       bool add_generation_prompt,
                                                       std::size_t steps) const {
  json::object context = special_tokens_;
  for (const auto& variable : input.variables) {
    if (holds(kReserved, variable.key())) {
      return fail(ErrorCode::kInvalid,
                  "the variable '" + std::string(variable.key()) + "' is the conversation's own");
    }
    context[variable.key()] = variable.value();
  }
  context["messages"] = without_null_content(input.messages, messages);
  context["tools"] = input.tools ? json::value(*input.tools) : json::value();
  context["documents"] = nullptr;
  context["add_generation_prompt"] = add_generation_prompt;
  jinja::RenderOptions options;
  options.now = input.now;
  options.is_own = is_own;
  options.limits.steps = std::min(options.limits.steps, steps);
  return template_.render(context, options);
}

// What the assistant's message `message` adds to the conversation before it.
Result<ChatTemplate::Answer> ChatTemplate::answer_in(const TemplateInput& input,
                                                     std::size_t message,
                                                     const jinja::Rendered& rendered,
                                                     std::size_t& steps) const {
  const auto beginning = [&](std::size_t messages, bool add_generation_prompt) {
    auto result = render_beginning(input, messages, add_generation_prompt, steps);
    steps -= std::min(steps, result ? result->steps : jinja::Limits().steps);
    return result;
  };
  const auto before = beginning(message, true);
  if (!before) return unclear(message, "what is before it: " + before.error().message);
  const auto after = beginning(message + 1, false);
  if (!after) return unclear(message, "what ends with it: " + after.error().message);
  if (!after->text.starts_with(before->text) || !rendered.text.starts_with(after->text)) {
    return unclear(message, "the template changes what is before a message by what follows");
  }
  const auto unprompted = beginning(message, false);
  return Answer{{before->text.size(), after->text.size()},
                unprompted && unprompted->text != before->text};
}

Result<std::vector<jinja::Span>> ChatTemplate::trained(const TemplateInput& input,
                                                       const jinja::Rendered& rendered,
                                                       const SpecialTokens& specials,
                                                       bool as_reference) const {
  if (template_.has_generation()) return rendered.generations;
  const auto places =
      specials.find(rendered.text, as_reference ? std::vector<jinja::Span>() : rendered.given);
  std::vector<jinja::Span> spans;
  std::size_t steps = kMaxTrainedSteps;
  for (std::size_t i = 0; i < input.messages.size(); ++i) {
    const auto* message = input.messages[i].if_object();
    if (message == nullptr || string_or_empty(*message, "role") != "assistant") continue;
    const auto answer = answer_in(input, i, rendered, steps);
    if (!answer) return fail(answer.error());
    const jinja::Span span = answer->span;
    // The loss counts up to its last special token; a line end behind that is the template's.
    const auto behind =
        std::find_if(places.begin(), places.end(),
                     [&](const SpecialTokens::Place& one) { return one.begin >= span.end; });
    const auto last = behind == places.begin() ? places.end() : std::prev(behind);
    const bool ends =
        last != places.end() && last->begin >= span.begin && last->end <= span.end &&
        strip(std::string_view(rendered.text).substr(last->end, span.end - last->end)).empty();
    if (!ends) return unclear(i, "the template does not end it with a special token");
    if (!answer->prompted && !begins_with_what_was_said(rendered, {span.begin, last->begin})) {
      return unclear(i, "the template has no generation prompt, which would tell its header");
    }
    spans.push_back({span.begin, last->end});
  }
  return spans;
}

}  // namespace hone::engine
