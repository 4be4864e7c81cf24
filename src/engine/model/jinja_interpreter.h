// Walks over a parsed template: statements write into a text, expressions give values. One per
// rendering. Used by jinja.cpp only.
#pragma once

#include <ctime>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/model/jinja_arguments.h"
#include "engine/model/jinja_ast.h"
#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

// The variables of a loop's turn, a macro's call, a block or the whole template. What is set in one
// is seen inside of it and gone with it; it is never changed from inside.
class Scope {
 public:
  explicit Scope(const Scope* outer) : outer_(outer) {}

  [[nodiscard]] const Value* find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_) {
      const auto found = scope->variables_.find(name);
      if (found != scope->variables_.end()) return &found->second;
    }
    return nullptr;
  }
  // The name must outlive it.
  void set(std::string_view name, Value value) {
    variables_.insert_or_assign(name, std::move(value));
  }

 private:
  const Scope* outer_;
  std::map<std::string_view, Value> variables_;
};

class Interpreter {
 public:
  // Borrows `budget`.
  Interpreter(std::optional<std::tm> now, Budget& budget) : now_(now), budget_(budget) {}

  // `context`: what the template sees. Throws Failure; line() is then where.
  void run(const Body& body, const Scope& context);
  [[nodiscard]] int line() const { return line_; }
  [[nodiscard]] const Text& text() const { return main_; }
  [[nodiscard]] const std::vector<Span>& generations() const { return generations_; }

 private:
  enum class Flow { kOn, kBreak, kContinue };
  class Nesting;

  // jinja_interpreter.cpp
  Flow execute(const Body& body, Scope& scope);
  Flow execute(const Output& output, Scope& scope);
  Flow execute(const Print& print, Scope& scope);
  Flow execute(const If& branching, Scope& scope);
  Flow execute(const For& loop, Scope& scope);
  Flow execute(const Set& set, Scope& scope);
  Flow execute(const SetBlock& set, Scope& scope);
  Flow execute(const Macro& macro, Scope& scope);
  Flow execute(const Generation& generation, Scope& scope);
  Flow execute(const Break&, Scope&) { return Flow::kBreak; }
  Flow execute(const Continue&, Scope&) { return Flow::kContinue; }
  std::vector<Value> items_to_visit(const For& loop, const Scope& scope);
  void assign(const Target& target, Value value, Scope& scope);
  void assign_loop(const For& loop, const Value& item, Scope& scope);
  std::vector<Value> unpacked(const Value& value, std::size_t count);
  void write(const Text& text);
  // What `body` writes, apart from the template's text.
  Text captured(const Body& body, Scope& scope);

  // jinja_evaluate.cpp
  Value evaluate(const Expression& expression, const Scope& scope);
  Value evaluate(const Literal& literal, int line, const Scope& scope);
  Value evaluate(const Name& name, int line, const Scope& scope);
  Value evaluate(const Attribute& attribute, int line, const Scope& scope);
  Value evaluate(const Item& item, int line, const Scope& scope);
  Value evaluate(const Slice& slice, int line, const Scope& scope);
  Value evaluate(const Call& call, int line, const Scope& scope);
  Value evaluate(const Filter& applied, int line, const Scope& scope);
  Value evaluate(const Test& test, int line, const Scope& scope);
  Value evaluate(const Unary& unary, int line, const Scope& scope);
  Value evaluate(const Binary& binary, int line, const Scope& scope);
  Value evaluate(const Logical& logical, int line, const Scope& scope);
  Value evaluate(const Concatenation& concatenation, int line, const Scope& scope);
  Value evaluate(const Comparison& comparison, int line, const Scope& scope);
  Value evaluate(const Conditional& conditional, int line, const Scope& scope);
  Value evaluate(const ListLiteral& literal, int line, const Scope& scope);
  Value evaluate(const DictLiteral& literal, int line, const Scope& scope);
  Arguments evaluate(const CallArguments& arguments, const Scope& scope);

  // jinja_functions.cpp
  std::optional<Value> builtin(std::string_view name) const;
  Value call(const Value& callee, const Arguments& arguments);
  Value call_macro(const Macro& macro, const Arguments& arguments);
  Value call_builtin(Builtin builtin, const Arguments& arguments);
  Value make_namespace(const Arguments& arguments);
  Value make_range(const Arguments& arguments);
  Value formatted_now(const Arguments& arguments);

  const std::optional<std::tm> now_;
  Budget& budget_;
  int line_ = 0;
  int nesting_ = 0;
  const Scope* top_ = nullptr;  // the template's own scope, which macros see
  Text main_;
  Text* out_ = &main_;
  std::vector<Span> generations_;
  // Namespaces may hold each other in a circle; they end with the rendering.
  std::deque<Namespace> namespaces_;
};

// Held by every level of evaluating and executing, because the stack is finite.
class Interpreter::Nesting {
 public:
  explicit Nesting(Interpreter& interpreter) : interpreter_(interpreter) {
    constexpr int kMaxNesting = 500;
    if (++interpreter_.nesting_ > kMaxNesting) {
      throw Failure{ErrorCode::kTooLarge, "macros call each other too deep"};
    }
  }
  ~Nesting() { --interpreter_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Interpreter& interpreter_;
};

}  // namespace hone::engine::jinja
