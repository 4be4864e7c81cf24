// hone session show: one sitting of a person with a tool, whole, with its branches.
#include <iostream>

#include "cli/command.h"
#include "store/session.h"
#include "wire/message.h"

namespace hone::cli {
namespace {

constexpr std::size_t kLineBytes = 110;

struct SessionOptions {
  std::string name;
  bool whole = false;
};

// What a person reads of a message: its text, or the names of what it holds besides.
std::string readable(const json::object& message) {
  std::string text;
  for (const auto& part : wire::content_of(message)) {
    const auto* object = part.if_object();
    if (object == nullptr) continue;
    const auto type = string_or_empty(*object, "type");
    if (!text.empty()) text += ' ';
    if (type == "text") {
      text += string_or_empty(*object, "text");
    } else if (type == "tool_call" || type == "tool") {
      text += "[" + std::string(type) + " " + std::string(string_or_empty(*object, "name")) + "]";
    } else {
      text += "[" + std::string(type) + "]";
    }
  }
  return text;
}

// The first line, cut at a character's end.
std::string one_line(std::string text, std::size_t limit) {
  const auto end = text.find('\n');
  const bool more = end != std::string::npos || text.size() > limit;
  text.resize(std::min({text.size(), limit, end == std::string::npos ? text.size() : end}));
  while (more && !text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U) {
    text.pop_back();
  }
  return more ? text + " …" : text;
}

std::string about(const store::SessionCall& call) {
  std::string line = call.id + " " + to_text(call.started_at) + " " + call.tool + " " +
                     (call.status == 0 ? "no answer" : std::to_string(call.status));
  if (!call.error.empty()) line += " (" + call.error + ")";
  if (!call.retry_of.empty()) line += ", a retry of " + call.retry_of;
  return line;
}

Result<void> print(const store::Session& session, bool whole) {
  for (const auto& [step, branch, ends] : session.steps) {
    auto message = parse_json_object(step.block.content);
    if (!message) return fail(message.error().with("block " + step.block.hash));
    const std::string indent(2 * branch, ' ');
    const std::string text = readable(*message);
    std::cout << indent << step.block.role << ": " << (whole ? text : one_line(text, kLineBytes))
              << '\n';
    for (const auto end : ends) {
      std::cout << indent << "  -> " << about(session.calls[end]) << '\n';
    }
  }
  for (const auto& call : session.calls) {
    if (call.context_node.empty()) std::cout << "(no content) -> " << about(call) << '\n';
  }
  if (session.cut) remark("there are more calls; these are the first");
  return {};
}

Result<void> show_session(const Invocation& call, const SessionOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  const auto session = store::load_session((*workspace)->database(), options.name);
  if (!session) return fail(session.error());
  if (!call.json) return print(*session, options.whole);
  auto object = store::to_json(*session);
  if (!object) return fail(object.error());
  show(call, *object);
  return {};
}

}  // namespace

void add_session(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<SessionOptions>();
  auto* session = app.add_subcommand("session", "a person's sitting with a tool: show");
  session->require_subcommand(1);
  auto* one = session->add_subcommand(
      "show", "all calls and messages of the session that a call or a message belongs to");
  one->add_option("name", options->name,
                  "an interaction (int_…), a handle (response, session or tool call id) or a node")
      ->required();
  one->add_flag("--whole", options->whole, "messages in full, not their first lines");
  one->callback([&call, options] {
    call.action = [&call, options] { return show_session(call, *options); };
  });
}

}  // namespace hone::cli
