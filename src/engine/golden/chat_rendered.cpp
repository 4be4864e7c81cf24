// chat/rendered.jsonl: conversations as Hugging Face's apply_chat_template writes them, to the
// byte; where that fails, any error will do.
#include "engine/golden/chat_rows.h"
#include "engine/golden/groups.h"

namespace hone::engine::golden {
namespace {

constexpr Bound kText{"text"};

Result<jinja::Rendered> render(const json::object& row, const std::string& source,
                               const std::string& name) {
  const auto input = read_input(row);
  if (!input) return fail(input.error());
  const auto chat = ChatTemplate::parse(source, name + ".jinja", special_tokens_in(row));
  if (!chat) return fail(chat.error());
  return chat->render(*input);
}

Result<void> check_row(Case& checked, const std::string& chat, const Line& line) {
  if (!line.row) return fail(line.row.error());
  const json::object& row = *line.row;
  const auto name = field<std::string>(row, "template");
  if (!name) return fail(name.error());
  const auto text = optional_field<std::string>(row, "rendered");
  if (!text) return fail(text.error());
  const auto error = optional_field<std::string>(row, "error");
  if (!error) return fail(error.error());
  if (text->has_value() == error->has_value()) {
    return fail(ErrorCode::kInvalid, "one of the fields 'rendered' and 'error' must say something");
  }
  const auto source = read_template(chat, *name);
  if (!source) return fail(source.error());
  const auto rendered = render(row, *source, *name);
  if (error->has_value()) {
    if (rendered) checked.fault("is rendered, where the reference fails: " + **error);
  } else if (rendered) {
    checked.equal(kText, rendered->text, **text, "rendered");
  } else {
    checked.fault(rendered.error().message);
  }
  return {};
}

}  // namespace

GroupReport check_rendered(const Place& place) {
  Group group("chat-rendered");
  const std::string chat = place.folder + "/chat/";
  const std::string file = "rendered.jsonl";
  if (is_file(chat + file)) {
    const auto lines = read_lines(chat + file);
    if (!lines) group.run(file, [&](Case&) -> Result<void> { return fail(lines.error()); });
    for (const Line& line : lines.value_or(std::vector<Line>())) {
      group.run(subject_of(line, file),
                [&](Case& checked) { return check_row(checked, chat, line); });
    }
  }
  return std::move(group).finish("absent: there is no row in chat/rendered.jsonl");
}

}  // namespace hone::engine::golden
