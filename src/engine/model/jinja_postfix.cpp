// What follows a value in an expression: .name, [key], (arguments), | filter, is test.
#include <algorithm>

#include "engine/model/jinja_expressions.h"

namespace hone::engine::jinja {
namespace {

int deeper(int depth, const ExpressionPtr& other) {
  return other == nullptr ? depth : std::max(depth, other->depth);
}

int deeper(int depth, const CallArguments& arguments) {
  for (const auto& value : arguments.positional) depth = deeper(depth, value);
  for (const auto& [name, value] : arguments.named) depth = deeper(depth, value);
  return depth;
}

}  // namespace

ExpressionPtr ExpressionParser::parse_attribute(ExpressionPtr object) {
  const int line = tokens_.next().line;
  const int below = object->depth;
  if (tokens_.is(Token::Kind::kInteger)) {  // list.0
    ExpressionPtr key = make(line, 0, Literal{Value::integer(tokens_.next().integer)});
    return make(line, below, Item{std::move(object), std::move(key)});
  }
  const Token& name = tokens_.expect(Token::Kind::kName, "a name behind '.'");
  return make(line, below, Attribute{std::move(object), name.text});
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr object) {
  const int line = tokens_.next().line;
  ExpressionPtr first;
  if (!tokens_.is_operator(":")) first = parse();
  if (tokens_.is_operator(",")) refuse_unsupported("a subscript with a comma", line);
  int below = deeper(object->depth, first);
  if (tokens_.take_operator("]")) {
    return make(line, below, Item{std::move(object), std::move(first)});
  }
  Slice slice{std::move(object), std::move(first), nullptr, nullptr};
  tokens_.expect_operator(":");
  if (!tokens_.is_operator(":") && !tokens_.is_operator("]")) slice.end = parse();
  if (tokens_.take_operator(":") && !tokens_.is_operator("]")) slice.step = parse();
  tokens_.expect_operator("]");
  below = deeper(deeper(below, slice.end), slice.step);
  return make(line, below, std::move(slice));
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr callee) {
  const int line = tokens_.current().line;
  CallArguments arguments = parse_arguments();
  const int below = deeper(callee->depth, arguments);
  return make(line, below, Call{std::move(callee), std::move(arguments)});
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr subject) {
  tokens_.next();
  const Token& name = tokens_.expect(Token::Kind::kName, "the name of a filter");
  CallArguments arguments;
  if (tokens_.is_operator("(")) arguments = parse_arguments();
  const int below = deeper(subject->depth, arguments);
  return make(name.line, below, Filter{std::move(subject), name.text, std::move(arguments)});
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr subject) {
  const int line = tokens_.next().line;
  const bool negated = tokens_.take_name("not");
  const Token& name = tokens_.expect(Token::Kind::kName, "the name of a test");
  CallArguments arguments;
  if (tokens_.is_operator("(")) {
    arguments = parse_arguments();
  } else if (starts_argument()) {  // `is divisibleby 3`
    if (tokens_.is_name("is")) refuse("tests cannot be chained with 'is'", line);
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  const int below = deeper(subject->depth, arguments);
  ExpressionPtr test = make(line, below, Test{std::move(subject), name.text, std::move(arguments)});
  if (!negated) return test;
  const int depth = test->depth;
  return make(line, depth, Unary{UnaryOperator::kNot, std::move(test)});
}

// Any name but these three counts, as in jinja2: `x is defined if y` is an error there too.
bool ExpressionParser::starts_argument() const {
  switch (tokens_.current().kind) {
    case Token::Kind::kName:
      return !tokens_.is_name("else") && !tokens_.is_name("or") && !tokens_.is_name("and");
    case Token::Kind::kString:
    case Token::Kind::kInteger:
    case Token::Kind::kFloat:
      return true;
    default:
      return tokens_.is_operator("[") || tokens_.is_operator("{");
  }
}

CallArguments ExpressionParser::parse_arguments() {
  const int line = tokens_.current().line;
  tokens_.expect_operator("(");
  CallArguments arguments;
  while (!tokens_.is_operator(")")) {
    if (tokens_.is_operator("*") || tokens_.is_operator("**")) {
      refuse_unsupported("'" + tokens_.current().text + "' in a call", line);
    }
    const Token& ahead = tokens_.ahead();
    if (tokens_.is(Token::Kind::kName) && ahead.kind == Token::Kind::kOperator &&
        ahead.text == "=") {
      std::string name = tokens_.next().text;
      tokens_.next();
      arguments.named.emplace_back(std::move(name), parse());
    } else {
      if (!arguments.named.empty()) refuse("an argument without a name follows one with", line);
      arguments.positional.push_back(parse());
    }
    if (!tokens_.take_operator(",")) break;
  }
  tokens_.expect_operator(")");
  return arguments;
}

}  // namespace hone::engine::jinja
