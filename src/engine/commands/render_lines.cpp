#include "engine/commands/render_lines.h"

#include <spdlog/spdlog.h>

#include <istream>
#include <memory>
#include <ostream>

#include "base/json.h"
#include "engine/model/chat.h"
#include "engine/model/chat_template.h"
#include "engine/model/chat_tools.h"
#include "engine/model/template_tokens.h"
#include "engine/model/tokenizer.h"
#include "engine/serve/openai_messages.h"

namespace hone::engine {
namespace {

json::object answer_of(std::string_view text, const EncodedChat& encoded) {
  json::array ids;
  json::array mask;
  ids.reserve(encoded.ids.size());
  mask.reserve(encoded.ids.size());
  for (const std::int64_t id : encoded.ids) ids.emplace_back(id);
  for (const std::uint8_t counts : encoded.assistant_mask) {
    mask.emplace_back(static_cast<std::int64_t>(counts));
  }
  json::object answer{{"text", text}};
  answer["ids"] = std::move(ids);
  answer["loss_mask"] = std::move(mask);
  return answer;
}

struct Line {
  json::object body;
  bool add_generation_prompt = false;
  std::string date;        // or empty
  json::object variables;  // "kwargs"
};

Result<Line> read_line(const std::string& text) {
  auto body = parse_json_object(text);
  if (!body) return fail(body.error());
  if (auto known =
          only_fields(*body, {"messages", "tools", "add_generation_prompt", "date", "kwargs"});
      !known) {
    return fail(known.error());
  }
  const auto prompt = optional_field<bool>(*body, "add_generation_prompt");
  if (!prompt) return fail(prompt.error());
  auto date = optional_field<std::string>(*body, "date");
  if (!date) return fail(date.error());
  auto variables = optional_field<json::object>(*body, "kwargs");
  if (!variables) return fail(variables.error());
  return Line{std::move(*body), prompt->value_or(false), date->value_or(""),
              variables->value_or(json::object())};
}

// Through Chat.
class ChatRenderer {
 public:
  static Result<ChatRenderer> load(const RenderLinesOptions& options) {
    auto tokenizer = Tokenizer::load(options.model);
    if (!tokenizer) return fail(tokenizer.error());
    auto kept = std::make_unique<const Tokenizer>(std::move(*tokenizer));
    auto chat = Chat::load(options.model, *kept);
    if (!chat) {
      Error error = chat.error();
      error.message += "; --template renders any other";
      return fail(std::move(error));
    }
    return ChatRenderer(std::move(kept), std::move(*chat), options.as_reference);
  }

  Result<json::object> render(Line line) const {
    if (!line.variables.empty()) {
      return fail(ErrorCode::kInvalid, "field 'kwargs' is for templates: use --template");
    }
    auto turns = openai::read_messages(line.body);
    if (!turns) return fail(turns.error());
    const auto tools = openai::read_tools(line.body);
    if (!tools) return fail(tools.error());
    const auto messages =
        write_tools(std::move(*turns), tools->offered, chat_.format(), chat_.default_system());
    if (!messages) return fail(messages.error());
    if (auto fine = chat_.check(*messages); !fine) return fail(fine.error());
    ChatOptions options;
    options.add_generation_prompt = line.add_generation_prompt;
    options.as_reference = as_reference_;
    options.with_tools = !tools->offered.empty();
    options.date = line.date;
    return answer_of(chat_.render(*messages, options), chat_.encode(*messages, options));
  }

 private:
  ChatRenderer(std::unique_ptr<const Tokenizer> tokenizer, Chat chat, bool as_reference)
      : tokenizer_(std::move(tokenizer)), chat_(std::move(chat)), as_reference_(as_reference) {}

  std::unique_ptr<const Tokenizer> tokenizer_;  // which chat_ borrows
  Chat chat_;
  bool as_reference_;
};

// Through a Jinja template.
class TemplateRenderer {
 public:
  static Result<TemplateRenderer> load(const RenderLinesOptions& options) {
    auto chat = ChatTemplate::load(options.template_file, options.model);
    if (!chat) return fail(chat.error());
    TemplateRenderer renderer(std::move(*chat), options);
    // A template can be looked at without its tokenizer.
    auto tokenizer = Tokenizer::load(options.model);
    if (tokenizer) {
      renderer.specials_.emplace(*tokenizer);
      renderer.tokenizer_.emplace(std::move(*tokenizer));
    } else {
      spdlog::warn("only texts, no ids: {}", tokenizer.error().message);
    }
    return renderer;
  }

  Result<json::object> render(Line line) const {
    TemplateInput input;
    auto messages = field<json::array>(line.body, "messages");
    if (!messages) return fail(messages.error());
    auto tools = optional_field<json::array>(line.body, "tools");
    if (!tools) return fail(tools.error());
    input.messages = std::move(*messages);
    input.tools = std::move(*tools);
    input.add_generation_prompt = line.add_generation_prompt;
    input.now = line.date.empty() ? now_ : day_of(line.date);
    input.variables = std::move(line.variables);
    if (!line.date.empty() && !input.variables.contains("date_string")) {
      input.variables["date_string"] = line.date;
    }
    const auto rendered = chat_.render(input);
    if (!rendered) return fail(rendered.error());
    if (!tokenizer_) return json::object{{"text", rendered->text}};
    const auto trained = chat_.trained(input, *rendered, *specials_, as_reference_);
    if (!trained) return fail(trained.error());
    const auto encoded =
        encode_rendered(*rendered, *trained, *tokenizer_, *specials_, as_reference_);
    if (!encoded) return fail(encoded.error());
    return answer_of(rendered->text, *encoded);
  }

 private:
  TemplateRenderer(ChatTemplate chat, const RenderLinesOptions& options)
      : chat_(std::move(chat)), as_reference_(options.as_reference), now_(options.now) {}

  ChatTemplate chat_;
  bool as_reference_;
  std::optional<std::tm> now_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<SpecialTokens> specials_;
};

template <typename Renderer>
Result<void> render_all(std::istream& in, std::ostream& out, const Renderer& renderer) {
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = "line " + std::to_string(number);
    auto line = read_line(text);
    if (!line) return fail(line.error().with(place));
    const auto answer = renderer.render(std::move(*line));
    if (!answer) return fail(answer.error().with(place));
    out << json::serialize(*answer) << '\n';
    out.flush();
  }
  return {};
}

template <typename Renderer>
Result<void> load_and_render(std::istream& in, std::ostream& out,
                             const RenderLinesOptions& options) {
  const auto renderer = Renderer::load(options);
  if (!renderer) return fail(renderer.error());
  return render_all(in, out, *renderer);
}

}  // namespace

Result<void> render_lines(std::istream& in, std::ostream& out, const RenderLinesOptions& options) {
  return options.template_file.empty() ? load_and_render<ChatRenderer>(in, out, options)
                                       : load_and_render<TemplateRenderer>(in, out, options);
}

}  // namespace hone::engine
