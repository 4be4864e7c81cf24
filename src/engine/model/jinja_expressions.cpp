#include "engine/model/jinja_expressions.h"

#include <algorithm>
#include <optional>

namespace hone::engine::jinja {
namespace {

// Far more than templates have; each level takes some stack in parsing, evaluating and destroying.
constexpr int kMaxDepth = 150;

int depth_of(const ExpressionPtr& expression) {
  return expression == nullptr ? 0 : expression->depth;
}

int depth_of(const std::vector<ExpressionPtr>& expressions) {
  int depth = 0;
  for (const auto& expression : expressions) depth = std::max(depth, depth_of(expression));
  return depth;
}

template <typename... Parts>
int deepest(const Parts&... parts) {
  return std::max({depth_of(parts)...});
}

std::optional<Comparator> comparator_of(const Token& token) {
  if (token.kind != Token::Kind::kOperator) return std::nullopt;
  if (token.text == "==") return Comparator::kEqual;
  if (token.text == "!=") return Comparator::kNotEqual;
  if (token.text == "<") return Comparator::kLess;
  if (token.text == "<=") return Comparator::kLessEqual;
  if (token.text == ">") return Comparator::kGreater;
  if (token.text == ">=") return Comparator::kGreaterEqual;
  return std::nullopt;
}

}  // namespace

// Held by what may come to call itself.
class ExpressionParser::Nesting {
 public:
  explicit Nesting(ExpressionParser& parser) : parser_(parser) {
    if (++parser_.nesting_ > kMaxDepth) {
      refuse("an expression is nested too deep", parser_.tokens_.current().line);
    }
  }
  ~Nesting() { --parser_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  ExpressionParser& parser_;
};

ExpressionPtr ExpressionParser::make(int line, int below, Expression::Node node) {
  if (below >= kMaxDepth) refuse("an expression has too many parts", line);
  return std::make_unique<const Expression>(Expression{line, below + 1, std::move(node)});
}

ExpressionPtr ExpressionParser::parse(bool conditional) {
  const Nesting nesting(*this);
  return conditional ? parse_conditional() : parse_or();
}

ExpressionPtr ExpressionParser::parse_tuple(bool conditional) {
  const int line = tokens_.current().line;
  const auto ends = [this] {
    return tokens_.is(Token::Kind::kPrintEnd) || tokens_.is(Token::Kind::kBlockEnd) ||
           tokens_.is_operator(")");
  };
  ExpressionPtr first = parse(conditional);
  if (!tokens_.is_operator(",")) return first;
  std::vector<ExpressionPtr> items;
  items.push_back(std::move(first));
  while (tokens_.take_operator(",")) {
    if (ends()) break;
    items.push_back(parse(conditional));
  }
  const int below = deepest(items);
  return make(line, below, ListLiteral{List::Kind::kTuple, std::move(items)});
}

ExpressionPtr ExpressionParser::parse_conditional() {
  const int line = tokens_.current().line;
  ExpressionPtr then = parse_or();
  while (tokens_.take_name("if")) {
    ExpressionPtr condition = parse_or();
    ExpressionPtr otherwise;
    if (tokens_.take_name("else")) otherwise = parse();
    const int below = deepest(condition, then, otherwise);
    then =
        make(line, below, Conditional{std::move(condition), std::move(then), std::move(otherwise)});
  }
  return then;
}

ExpressionPtr ExpressionParser::parse_or() {
  const int line = tokens_.current().line;
  ExpressionPtr left = parse_and();
  while (tokens_.take_name("or")) {
    ExpressionPtr right = parse_and();
    const int below = deepest(left, right);
    left = make(line, below, Logical{false, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  const int line = tokens_.current().line;
  ExpressionPtr left = parse_not();
  while (tokens_.take_name("and")) {
    ExpressionPtr right = parse_not();
    const int below = deepest(left, right);
    left = make(line, below, Logical{true, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  const int line = tokens_.current().line;
  if (!tokens_.take_name("not")) return parse_comparison();
  const Nesting nesting(*this);
  ExpressionPtr operand = parse_not();
  const int below = deepest(operand);
  return make(line, below, Unary{UnaryOperator::kNot, std::move(operand)});
}

ExpressionPtr ExpressionParser::parse_comparison() {
  const int line = tokens_.current().line;
  ExpressionPtr first = parse_sum();
  std::vector<std::pair<Comparator, ExpressionPtr>> rest;
  int below = deepest(first);
  for (;;) {
    std::optional<Comparator> comparator = comparator_of(tokens_.current());
    if (comparator) {
      tokens_.next();
    } else if (tokens_.take_name("in")) {
      comparator = Comparator::kIn;
    } else if (tokens_.is_name("not") && tokens_.ahead().kind == Token::Kind::kName &&
               tokens_.ahead().text == "in") {
      tokens_.next();
      tokens_.next();
      comparator = Comparator::kNotIn;
    } else {
      break;
    }
    rest.emplace_back(*comparator, parse_sum());
    below = std::max(below, deepest(rest.back().second));
  }
  if (rest.empty()) return first;
  return make(line, below, Comparison{std::move(first), std::move(rest)});
}

ExpressionPtr ExpressionParser::parse_sum() {
  const int line = tokens_.current().line;
  ExpressionPtr left = parse_concatenation();
  while (tokens_.is_operator("+") || tokens_.is_operator("-")) {
    const auto op = tokens_.next().text == "+" ? BinaryOperator::kAdd : BinaryOperator::kSubtract;
    ExpressionPtr right = parse_concatenation();
    const int below = deepest(left, right);
    left = make(line, below, Binary{op, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  const int line = tokens_.current().line;
  ExpressionPtr first = parse_product();
  if (!tokens_.is_operator("~")) return first;
  std::vector<ExpressionPtr> parts;
  parts.push_back(std::move(first));
  while (tokens_.take_operator("~")) parts.push_back(parse_product());
  const int below = deepest(parts);
  return make(line, below, Concatenation{std::move(parts)});
}

ExpressionPtr ExpressionParser::parse_product() {
  const int line = tokens_.current().line;
  ExpressionPtr left = parse_power();
  for (;;) {
    BinaryOperator op{};
    if (tokens_.take_operator("*")) {
      op = BinaryOperator::kMultiply;
    } else if (tokens_.take_operator("/")) {
      op = BinaryOperator::kDivide;
    } else if (tokens_.take_operator("//")) {
      op = BinaryOperator::kFloorDivide;
    } else if (tokens_.take_operator("%")) {
      op = BinaryOperator::kModulo;
    } else {
      return left;
    }
    ExpressionPtr right = parse_power();
    const int below = deepest(left, right);
    left = make(line, below, Binary{op, std::move(left), std::move(right)});
  }
}

ExpressionPtr ExpressionParser::parse_power() {
  const int line = tokens_.current().line;
  ExpressionPtr left = parse_unary();
  while (tokens_.take_operator("**")) {
    ExpressionPtr right = parse_unary();
    const int below = deepest(left, right);
    left = make(line, below, Binary{BinaryOperator::kPower, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  const Nesting nesting(*this);
  const int line = tokens_.current().line;
  ExpressionPtr expression;
  if (tokens_.is_operator("-") || tokens_.is_operator("+")) {
    const auto op = tokens_.next().text == "-" ? UnaryOperator::kMinus : UnaryOperator::kPlus;
    ExpressionPtr operand = parse_unary(false);
    const int below = deepest(operand);
    expression = make(line, below, Unary{op, std::move(operand)});
  } else {
    expression = parse_primary();
  }
  expression = parse_postfix(std::move(expression));
  return with_filters ? parse_filters(std::move(expression)) : std::move(expression);
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = tokens_.current();
  const int line = token.line;
  switch (token.kind) {
    case Token::Kind::kName:
      return parse_name();
    case Token::Kind::kString: {
      std::string text;
      while (tokens_.is(Token::Kind::kString)) text += tokens_.next().text;
      return make(line, 0, Literal{Value(std::make_shared<const Text>(std::move(text)))});
    }
    case Token::Kind::kInteger:
      return make(line, 0, Literal{Value::integer(tokens_.next().integer)});
    case Token::Kind::kFloat:
      return make(line, 0, Literal{Value::number(tokens_.next().number)});
    default:
      break;
  }
  if (tokens_.is_operator("(")) return parse_parentheses();
  if (tokens_.is_operator("[")) return parse_list();
  if (tokens_.is_operator("{")) return parse_dict();
  tokens_.unexpected("an expression");
}

ExpressionPtr ExpressionParser::parse_name() {
  const Token& token = tokens_.next();
  const std::string& name = token.text;
  if (name == "true" || name == "True") {
    return make(token.line, 0, Literal{Value::boolean(true)});
  }
  if (name == "false" || name == "False") {
    return make(token.line, 0, Literal{Value::boolean(false)});
  }
  if (name == "none" || name == "None") return make(token.line, 0, Literal{Value::none()});
  if (parameters_ != nullptr && (name == "varargs" || name == "kwargs" || name == "caller") &&
      std::none_of(parameters_->begin(), parameters_->end(),
                   [&name](const Macro::Parameter& one) { return one.name == name; })) {
    refuse_unsupported("'" + name + "' of a macro", token.line);
  }
  return make(token.line, 0, Name{name});
}

ExpressionPtr ExpressionParser::parse_parentheses() {
  const int line = tokens_.next().line;
  if (tokens_.take_operator(")")) return make(line, 0, ListLiteral{List::Kind::kTuple, {}});
  ExpressionPtr inside = parse_tuple();
  tokens_.expect_operator(")");
  return inside;
}

ExpressionPtr ExpressionParser::parse_list() {
  const int line = tokens_.next().line;
  std::vector<ExpressionPtr> items;
  while (!tokens_.is_operator("]")) {
    items.push_back(parse());
    if (!tokens_.take_operator(",")) break;
  }
  tokens_.expect_operator("]");
  const int below = deepest(items);
  return make(line, below, ListLiteral{List::Kind::kList, std::move(items)});
}

ExpressionPtr ExpressionParser::parse_dict() {
  const int line = tokens_.next().line;
  DictLiteral dict;
  int below = 0;
  while (!tokens_.is_operator("}")) {
    ExpressionPtr key = parse();
    tokens_.expect_operator(":");
    ExpressionPtr value = parse();
    below = std::max(below, deepest(key, value));
    dict.entries.emplace_back(std::move(key), std::move(value));
    if (!tokens_.take_operator(",")) break;
  }
  tokens_.expect_operator("}");
  return make(line, below, std::move(dict));
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr subject) {
  for (;;) {
    if (tokens_.is_operator(".")) {
      subject = parse_attribute(std::move(subject));
    } else if (tokens_.is_operator("[")) {
      subject = parse_subscript(std::move(subject));
    } else if (tokens_.is_operator("(")) {
      subject = parse_call(std::move(subject));
    } else {
      return subject;
    }
  }
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr subject) {
  for (;;) {
    if (tokens_.is_operator("|")) {
      subject = parse_filter(std::move(subject));
    } else if (tokens_.is_name("is")) {
      subject = parse_test(std::move(subject));
    } else if (tokens_.is_operator("(")) {
      subject = parse_call(std::move(subject));
    } else {
      return subject;
    }
  }
}

}  // namespace hone::engine::jinja
