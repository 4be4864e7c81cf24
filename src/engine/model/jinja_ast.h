// A parsed template. Immutable once it is made. Used by jinja*.cpp only.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct Attribute {  // object.name
  ExpressionPtr object;
  std::string name;
};
struct Item {  // object[key]
  ExpressionPtr object;
  ExpressionPtr key;
};
struct Slice {  // object[begin:end:step], each null where it is left out
  ExpressionPtr object;
  ExpressionPtr begin;
  ExpressionPtr end;
  ExpressionPtr step;
};
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct Filter {  // subject | name(arguments)
  ExpressionPtr subject;
  std::string name;
  CallArguments arguments;
};
struct Test {  // subject is name(arguments)
  ExpressionPtr subject;
  std::string name;
  CallArguments arguments;
};

enum class UnaryOperator { kNot, kMinus, kPlus };
struct Unary {
  UnaryOperator op;
  ExpressionPtr operand;
};
enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
struct Binary {
  BinaryOperator op;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct Logical {  // `left and right`, `left or right`: one of both values
  bool is_and;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct Concatenation {  // a ~ b ~ c
  std::vector<ExpressionPtr> parts;
};
enum class Comparator {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};
struct Comparison {  // a < b <= c
  ExpressionPtr first;
  std::vector<std::pair<Comparator, ExpressionPtr>> rest;
};
struct Conditional {  // then if condition else otherwise; null where it is left out
  ExpressionPtr condition;
  ExpressionPtr then;
  ExpressionPtr otherwise;
};
struct ListLiteral {
  List::Kind kind;
  std::vector<ExpressionPtr> items;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};

struct Expression {
  using Node =
      std::variant<Literal, Name, Attribute, Item, Slice, Call, Filter, Test, Unary, Binary,
                   Logical, Concatenation, Comparison, Conditional, ListLiteral, DictLiteral>;
  int line;
  int depth;  // 1 without parts; the parser bounds it
  Node node;
};

struct Statement;
using Body = std::vector<Statement>;

struct Output {  // text of the template
  Text text;
};
struct Print {
  ExpressionPtr value;
};
struct If {
  struct Branch {
    ExpressionPtr condition;
    Body body;
  };
  std::vector<Branch> branches;
  Body otherwise;
};
struct For {
  std::vector<std::string> targets;
  bool unpacks = false;  // `for key, value in`
  ExpressionPtr iterable;
  ExpressionPtr condition;  // `for … if`, or null
  Body body;
  Body otherwise;
};
struct Target {
  std::string name;
  std::string attribute;  // of a namespace, or empty
};
struct Set {
  std::vector<Target> targets;
  bool unpacks = false;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  Body body;
};
// Stands at the top level only, so that all it sees besides its arguments is what the template has
// there.
struct Macro {
  struct Parameter {
    std::string name;
    ExpressionPtr fallback;  // or null
  };
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
};
struct Generation {
  Body body;
};
struct Break {};
struct Continue {};

struct Statement {
  using Node =
      std::variant<Output, Print, If, For, Set, SetBlock, Macro, Generation, Break, Continue>;
  int line;
  Node node;
};

}  // namespace hone::engine::jinja
