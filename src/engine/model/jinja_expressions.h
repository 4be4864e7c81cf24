// Reads Jinja's expressions, with its precedences. Used by jinja_parser.cpp only.
#pragma once

#include <string>
#include <vector>

#include "engine/model/jinja_ast.h"
#include "engine/model/jinja_tokens.h"

namespace hone::engine::jinja {

class ExpressionParser {
 public:
  // Borrows `tokens`.
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  // What may stand where a value is wanted: `a if b else c`. Without `conditional`, no `if`, which
  // there belongs to the statement.
  ExpressionPtr parse(bool conditional = true);
  // The same, or several with commas between them, which are a tuple.
  ExpressionPtr parse_tuple(bool conditional = true);

  // Inside of a macro, its parameters: names with a meaning of their own there are refused unless
  // they are among them. Null outside.
  void inside_macro(const std::vector<Macro::Parameter>* parameters) { parameters_ = parameters; }

 private:
  class Nesting;

  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters = true);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_parentheses();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr subject);
  ExpressionPtr parse_filters(ExpressionPtr subject);
  ExpressionPtr parse_attribute(ExpressionPtr object);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_filter(ExpressionPtr subject);
  ExpressionPtr parse_test(ExpressionPtr subject);
  CallArguments parse_arguments();
  bool starts_argument() const;

  // `below`: how deep its parts are.
  ExpressionPtr make(int line, int below, Expression::Node node);

  TokenStream& tokens_;
  const std::vector<Macro::Parameter>* parameters_ = nullptr;
  int nesting_ = 0;
};

}  // namespace hone::engine::jinja
