#include "engine/model/jinja.h"

#include <utility>

#include "engine/model/jinja_interpreter.h"
#include "engine/model/jinja_parser.h"
#include "engine/model/jinja_write.h"
#include "engine/model/utf8.h"

namespace hone::engine::jinja {
namespace {

constexpr std::size_t kMaxSourceBytes = 1U << 20;
constexpr std::size_t kMaxMessageBytes = 4096;

std::unexpected<Error> failed(const Failure& failure, std::string_view name, int line) {
  // raise_exception may say anything.
  const std::string_view message = std::string_view(failure.message).substr(0, kMaxMessageBytes);
  Error error{failure.code, replace_invalid_utf8(message)};
  if (line > 0) error = error.with("line " + std::to_string(line));
  return fail(error.with(name));
}

}  // namespace

struct Template::State {
  std::string name;
  Parsed parsed;
};

Template::Template(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view source, std::string_view name) {
  if (source.size() > kMaxSourceBytes) {
    return fail(ErrorCode::kTooLarge, std::string(name) + ": a template of more than 1 MiB");
  }
  if (replace_invalid_utf8(source) != source) {
    return fail(ErrorCode::kInvalid, std::string(name) + ": the template is not UTF-8");
  }
  try {
    return Template(
        std::make_unique<const State>(State{std::string(name), parse_template(source)}));
  } catch (const Failure& failure) {
    return failed(failure, name, failure.line);
  }
}

Result<Rendered> Template::render(const json::object& context, const RenderOptions& options) const {
  Budget budget(options.limits);
  Interpreter interpreter(options.now, budget);
  try {
    Scope variables(nullptr);
    for (const auto& member : context) {
      variables.set(member.key(), from_json(member.key(), member.value(), options.is_own, budget));
    }
    interpreter.run(state_->parsed.body, variables);
  } catch (const Failure& failure) {
    return failed(failure, state_->name, failure.line > 0 ? failure.line : interpreter.line());
  }
  return Rendered{interpreter.text().bytes(), interpreter.generations(), interpreter.text().given(),
                  budget.steps()};
}

bool Template::has_generation() const {
  return state_->parsed.has_generation;
}

}  // namespace hone::engine::jinja
