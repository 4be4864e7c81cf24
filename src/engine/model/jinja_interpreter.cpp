#include "engine/model/jinja_interpreter.h"

#include <utility>

#include "engine/model/jinja_write.h"

namespace hone::engine::jinja {

void Interpreter::run(const Body& body, const Scope& context) {
  Scope top(&context);
  top_ = &top;
  execute(body, top);
  top_ = nullptr;
}

Interpreter::Flow Interpreter::execute(const Body& body, Scope& scope) {
  const Nesting nesting(*this);
  for (const Statement& statement : body) {
    line_ = statement.line;
    budget_.spend();
    const Flow flow =
        std::visit([&](const auto& node) { return execute(node, scope); }, statement.node);
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute(const Output& output, Scope&) {
  write(output.text);
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute(const Print& print, Scope& scope) {
  write(*text_of(evaluate(*print.value, scope), budget_));
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute(const If& branching, Scope& scope) {
  for (const If::Branch& branch : branching.branches) {
    if (evaluate(*branch.condition, scope).truth()) return execute(branch.body, scope);
  }
  return execute(branching.otherwise, scope);
}

// A loop's `if` is asked for all items before the first turn, so `loop.last` and `loop.length`
// count what is visited.
std::vector<Value> Interpreter::items_to_visit(const For& loop, const Scope& scope) {
  std::vector<Value> items = items_of(evaluate(*loop.iterable, scope), budget_);
  if (loop.condition == nullptr) return items;
  std::vector<Value> visited;
  for (Value& item : items) {
    Scope turn(&scope);
    assign_loop(loop, item, turn);
    if (evaluate(*loop.condition, turn).truth()) visited.push_back(std::move(item));
  }
  return visited;
}

Interpreter::Flow Interpreter::execute(const For& loop, Scope& scope) {
  const std::shared_ptr<Loop> state = make_loop(items_to_visit(loop, scope));
  bool ended_a_turn = false;
  for (; state->index < state->items.size(); ++state->index) {
    budget_.spend();
    Scope turn(&scope);
    turn.set("loop", Value(LoopPtr(state)));
    assign_loop(loop, state->items[state->index], turn);
    const Flow flow = execute(loop.body, turn);
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kOn) ended_a_turn = true;
  }
  // As in jinja2, `else` is also for a loop none of whose turns came to its end.
  if (ended_a_turn || loop.otherwise.empty()) return Flow::kOn;
  Scope inner(&scope);
  return execute(loop.otherwise, inner);
}

Interpreter::Flow Interpreter::execute(const Set& set, Scope& scope) {
  const Value value = evaluate(*set.value, scope);
  if (!set.unpacks) {
    assign(set.targets.front(), value, scope);
    return Flow::kOn;
  }
  std::vector<Value> values = unpacked(value, set.targets.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    assign(set.targets[i], std::move(values[i]), scope);
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute(const SetBlock& set, Scope& scope) {
  Scope inner(&scope);
  assign(set.target, make_text(captured(set.body, inner), budget_), scope);
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute(const Macro& macro, Scope& scope) {
  scope.set(macro.name, Value(&macro));
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute(const Generation& generation, Scope& scope) {
  if (out_ != &main_) refuse_unsupported("{% generation %} inside of a macro or a set block");
  const std::size_t begin = main_.size();
  Scope inner(&scope);
  execute(generation.body, inner);
  if (main_.size() > begin) generations_.push_back({begin, main_.size()});
  return Flow::kOn;
}

void Interpreter::assign(const Target& target, Value value, Scope& scope) {
  if (target.attribute.empty()) {
    scope.set(target.name, std::move(value));
    return;
  }
  const Value* object = scope.find(target.name);
  Namespace* space = object == nullptr ? nullptr : object->if_namespace();
  if (space == nullptr) {
    refuse("'" + target.name + "' is no namespace, and only a namespace's attributes can be set");
  }
  budget_.make_items(1);
  space->attributes.insert_or_assign(target.attribute, std::move(value));
}

void Interpreter::assign_loop(const For& loop, const Value& item, Scope& scope) {
  if (!loop.unpacks) {
    scope.set(loop.targets.front(), item);
    return;
  }
  std::vector<Value> values = unpacked(item, loop.targets.size());
  for (std::size_t i = 0; i < values.size(); ++i) scope.set(loop.targets[i], std::move(values[i]));
}

std::vector<Value> Interpreter::unpacked(const Value& value, std::size_t count) {
  std::vector<Value> values = items_of(value, budget_);
  if (values.size() != count) {
    refuse("there are " + std::to_string(values.size()) + " values for " + std::to_string(count) +
           " names");
  }
  return values;
}

void Interpreter::write(const Text& text) {
  budget_.make(text.size() + text.given().size() * sizeof(Span));
  budget_.check_output(out_->size() + text.size());
  out_->append(text);
}

Text Interpreter::captured(const Body& body, Scope& scope) {
  Text text;
  Text* outer = std::exchange(out_, &text);
  execute(body, scope);
  out_ = outer;
  return text;
}

}  // namespace hone::engine::jinja
