#include "engine/model/jinja_parser.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <tuple>
#include <utility>

#include "engine/model/jinja_expressions.h"
#include "engine/model/jinja_tokens.h"

namespace hone::engine::jinja {
namespace {

constexpr int kMaxNesting = 50;  // of statements

// Jinja's other statements, for a message that says more than that a word is unknown.
constexpr std::array<std::string_view, 11> kOtherStatements = {
    "autoescape", "block",  "call",    "do",    "extends", "filter",
    "from",       "import", "include", "print", "with"};

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)), expressions_(tokens_) {}

  Parsed run() {
    Parsed parsed;
    parsed.body = parse_body({});
    parsed.has_generation = has_generation_;
    return parsed;
  }

 private:
  // Up to one of `ends`, whose name is then current; without any, up to the end of the template.
  Body parse_body(std::initializer_list<std::string_view> ends) {
    if (++nesting_ > kMaxNesting) {
      refuse("statements are nested too deep", tokens_.current().line);
    }
    Body body;
    for (;;) {
      const Token& token = tokens_.current();
      if (token.kind == Token::Kind::kEnd) {
        if (ends.size() > 0)
          refuse("'" + std::string(*(ends.end() - 1)) + "' is missing", token.line);
        break;
      }
      tokens_.next();
      if (token.kind == Token::Kind::kData) {
        body.push_back({token.line, Output{Text(token.text)}});
      } else if (token.kind == Token::Kind::kPrintBegin) {
        body.push_back({token.line, Print{expressions_.parse_tuple()}});
        tokens_.expect(Token::Kind::kPrintEnd, "'}}'");
      } else {
        const auto is_end = [this](std::string_view end) { return tokens_.is_name(end); };
        if (std::any_of(ends.begin(), ends.end(), is_end)) break;
        body.push_back(parse_statement());
        end_block();
      }
    }
    --nesting_;
    return body;
  }

  // What stands between a statement's "%}" and its `end`, which is passed.
  Body parse_inside(std::string_view end) {
    begin_body();
    Body body = parse_body({end});
    tokens_.expect_name(end);
    return body;
  }

  void begin_body() {
    tokens_.take_operator(":");  // jinja2 lets Python's colon stand
    end_block();
  }
  void end_block() { tokens_.expect(Token::Kind::kBlockEnd, "'%}'"); }

  Statement parse_statement() {
    const Token& token = tokens_.expect(Token::Kind::kName, "the name of a statement");
    const int line = token.line;
    const std::string& name = token.text;
    if (name == "if") return {line, parse_if()};
    if (name == "for") return {line, parse_for()};
    if (name == "set") return parse_set(line);
    if (name == "macro") return {line, parse_macro(line)};
    if (name == "generation") return {line, parse_generation(line)};
    if (name == "break" || name == "continue") {
      if (loops_ == 0) refuse("'" + name + "' outside of a loop", line);
      if (name == "break") return {line, Break{}};
      return {line, Continue{}};
    }
    if (std::find(kOtherStatements.begin(), kOtherStatements.end(), name) !=
        kOtherStatements.end()) {
      refuse_unsupported("the statement '" + name + "'", line);
    }
    refuse("unknown or misplaced statement '" + name + "'", line);
  }

  If parse_if() {
    If result;
    for (;;) {
      ExpressionPtr condition = expressions_.parse_tuple(false);
      begin_body();
      Body body = parse_body({"elif", "else", "endif"});
      result.branches.push_back({std::move(condition), std::move(body)});
      if (!tokens_.take_name("elif")) break;
    }
    if (tokens_.take_name("else")) {
      result.otherwise = parse_inside("endif");
    } else {
      tokens_.expect_name("endif");
    }
    return result;
  }

  For parse_for() {
    For loop;
    ++loops_;
    std::tie(loop.targets, loop.unpacks) = parse_names();
    tokens_.expect_name("in");
    loop.iterable = expressions_.parse_tuple(false);
    if (tokens_.take_name("if")) loop.condition = expressions_.parse();
    if (tokens_.is_name("recursive")) {
      refuse_unsupported("'recursive' of a loop", tokens_.current().line);
    }
    begin_body();
    ++scopes_;
    loop.body = parse_body({"else", "endfor"});
    --loops_;
    if (tokens_.take_name("else")) {
      loop.otherwise = parse_inside("endfor");
    } else {
      tokens_.expect_name("endfor");
    }
    --scopes_;
    return loop;
  }

  // "a" or "a, b", and whether it has a comma.
  std::pair<std::vector<std::string>, bool> parse_names() {
    std::vector<std::string> names{parse_target_name()};
    bool several = false;
    while (tokens_.take_operator(",")) {
      several = true;
      if (tokens_.is_name("in")) break;
      names.push_back(parse_target_name());
    }
    return {std::move(names), several};
  }

  std::string parse_target_name() {
    const Token& token = tokens_.expect(Token::Kind::kName, "a name");
    static constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none",
                                                                   "True", "False", "None"};
    const bool constant =
        std::find(kConstants.begin(), kConstants.end(), token.text) != kConstants.end();
    if (constant || (token.text == "loop" && loops_ > 0)) {
      refuse("'" + token.text + "' cannot be assigned to", token.line);
    }
    return token.text;
  }

  Target parse_target() {
    Target target{parse_target_name(), ""};
    if (tokens_.take_operator(".")) {
      target.attribute = tokens_.expect(Token::Kind::kName, "a name behind '.'").text;
    }
    return target;
  }

  Statement parse_set(int line) {
    Set set{{}, false, nullptr};
    set.targets.push_back(parse_target());
    while (tokens_.take_operator(",")) {
      set.unpacks = true;
      if (tokens_.is_operator("=")) break;
      set.targets.push_back(parse_target());
    }
    if (tokens_.take_operator("=")) {
      set.value = expressions_.parse_tuple();
      return {line, std::move(set)};
    }
    if (set.unpacks) tokens_.unexpected("'='");
    if (tokens_.is_operator("|")) refuse_unsupported("a filter on a set block", line);
    return {line, SetBlock{std::move(set.targets.front()), parse_apart("endset")}};
  }

  Macro parse_macro(int line) {
    if (scopes_ > 0) {
      refuse_unsupported("a macro inside of a loop, a macro or a block", line);
    }
    Macro macro;
    macro.name = parse_target_name();
    tokens_.expect_operator("(");
    while (!tokens_.is_operator(")")) {
      Macro::Parameter parameter{parse_target_name(), nullptr};
      if (tokens_.take_operator("=")) {
        parameter.fallback = expressions_.parse();
      } else if (!macro.parameters.empty() && macro.parameters.back().fallback != nullptr) {
        refuse("a parameter without a default follows one with", line);
      }
      macro.parameters.push_back(std::move(parameter));
      if (!tokens_.take_operator(",")) break;
    }
    tokens_.expect_operator(")");
    expressions_.inside_macro(&macro.parameters);
    macro.body = parse_apart("endmacro");
    expressions_.inside_macro(nullptr);
    return macro;
  }

  Generation parse_generation(int line) {
    if (in_generation_) refuse_unsupported("{% generation %} inside of another", line);
    has_generation_ = in_generation_ = true;
    Generation generation{parse_apart("endgeneration")};
    in_generation_ = false;
    return generation;
  }

  // A body that is no part of the loop around it: what is set in it stays in it, and no `break`
  // leaves it.
  Body parse_apart(std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    ++scopes_;
    Body body = parse_inside(end);
    --scopes_;
    loops_ = loops;
    return body;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int nesting_ = 0;
  int loops_ = 0;   // around, which `break` could leave
  int scopes_ = 0;  // around, which keep what is set in them
  bool has_generation_ = false;
  bool in_generation_ = false;
};

}  // namespace

Parsed parse_template(std::string_view source) {
  return Parser(source).run();
}

}  // namespace hone::engine::jinja
