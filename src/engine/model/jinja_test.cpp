#include "engine/model/jinja.h"

#include <gtest/gtest.h>

#include <chrono>
#include <span>

#include "engine/model/test_support.h"

namespace hone::engine::jinja {
namespace {

Result<Rendered> render(std::string_view source, const char* context = "{}",
                        const RenderOptions& options = {}) {
  const auto parsed = Template::parse(source, "t.jinja");
  if (!parsed) return fail(parsed.error());
  return parsed->render(json::parse(context).as_object(), options);
}

std::string text_of(const Result<Rendered>& rendered) {
  return rendered ? rendered->text : "failed: " + rendered.error().message;
}

std::string error_of(const Result<Rendered>& rendered) {
  return rendered ? "rendered: " + rendered->text : rendered.error().message;
}

// What was given, cut out of the text.
std::vector<std::string> given_in(const Result<Rendered>& rendered) {
  std::vector<std::string> parts;
  if (!rendered) return {rendered.error().message};
  for (const Span& span : rendered->given) {
    parts.push_back(rendered->text.substr(span.begin, span.end - span.begin));
  }
  return parts;
}

using Strings = std::vector<std::string>;

std::string times(int count, std::string_view text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Jinja, NamesTheLineOfAnError) {
  EXPECT_EQ(error_of(render("a\n{{ 1 +\n 'b' }}")),
            "t.jinja: line 2: '+' cannot be done with 'int' and 'str'");
  EXPECT_EQ(error_of(render("{% if true %}\n{{ x.y }}{% endif %}")),
            "t.jinja: line 2: 'x' is undefined");
  EXPECT_EQ(error_of(render("\n\n{{ d.x.y }}", R"({"d": {}})")),
            "t.jinja: line 3: 'dict object' has no attribute 'x'");
  EXPECT_EQ(error_of(render("{# a\n#}\n{{ raise_exception('no ' + 'tools') }}")),
            "t.jinja: line 3: no tools");
  EXPECT_EQ(error_of(render("{%- macro m() %}\n{{ 1 / 0 }}\n{% endmacro %}\n\n{{ m() }}")),
            "t.jinja: line 2: division by zero");
  EXPECT_EQ(error_of(render("\r\n\r{{ 'a\nb' }}{{ (}}")), "t.jinja: line 4: unexpected '}'");
  EXPECT_EQ(error_of(render("{% if true %}\n\nabc")), "t.jinja: line 3: 'endif' is missing");
}

TEST(Jinja, NamesWhatItDoesNotSupport) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"\n{% call m() %}{% endcall %}", "line 2: the statement 'call' is not supported"},
      {"{{ x }}\n{% with a = 1 %}{% endwith %}", "line 2: the statement 'with' is not supported"},
      {"{% frobnicate %}", "line 1: unknown or misplaced statement 'frobnicate'"},
      {"a\n{{ 'b' | frobnicate }}", "line 2: the filter 'frobnicate' is not supported"},
      {"a\n{{ 'b' is frobnicate }}", "line 2: the test 'frobnicate' is not supported"},
      {"{{ 'b'.zfill(3) }}", "line 1: the method 'zfill' of a string is not supported"},
      {"{{ 'b'.split(x=1) }}", "line 1: the argument 'x' of split is not supported"},
      {"{{ '%d' % 3 }}", "line 1: '%' after a string, which formats it, is not supported"},
      {"{{ joiner() }}", "line 1: the function 'joiner' is not supported"},
      {"{{ f(*a) }}", "line 1: '*' in a call is not supported"},
      {"{% for x in [1] recursive %}{% endfor %}",
       "line 1: 'recursive' of a loop is not supported"},
      {"{% for x in [1] %}{% macro m() %}{% endmacro %}{% endfor %}",
       "line 1: a macro inside of a loop, a macro or a block is not supported"},
      {"{% macro m() %}{{ caller() }}{% endmacro %}",
       "line 1: 'caller' of a macro is not supported"},
      {"{{ range(3) }}", "line 1: writing out a range is not supported"},
  };
  for (const auto& [source, message] : cases) {
    EXPECT_EQ(error_of(render(source)), std::string("t.jinja: ") + message);
  }
}

TEST(Jinja, ControlsWhiteSpace) {
  EXPECT_EQ(text_of(render("  {% if true %}\n  a\n  {% endif %}\nb\n")), "  a\nb");
  EXPECT_EQ(text_of(render("a\n  {%- if true -%}  \n b {%+ endif %} c")), "ab  c");
}

TEST(Jinja, KeepsWhatIsSetInALoopInsideOfItButForNamespaces) {
  EXPECT_EQ(
      text_of(render("{% set x = 1 %}{% set ns = namespace(n=0) %}"
                     "{% for i in [1, 2] %}{% set x = 5 %}{% set ns.n = ns.n + i %}{% endfor %}"
                     "{{ x }} {{ ns.n }}")),
      "1 3");
}

TEST(Jinja, GivesTheBytesOfGenerations) {
  const auto rendered =
      render("é{% for m in ms %}<{% generation %}{{ m }}!{% endgeneration %}>{% endfor %}",
             R"({"ms": ["añ", ""]})");
  ASSERT_TRUE(rendered) << rendered.error().message;
  EXPECT_EQ(rendered->text, "é<añ!><!>");
  EXPECT_EQ(rendered->generations, (std::vector<Span>{{3, 7}, {9, 10}}));
  EXPECT_TRUE(Template::parse("{% generation %}{% endgeneration %}", "")->has_generation());
  EXPECT_FALSE(Template::parse("{{ generation }}", "")->has_generation());
  EXPECT_EQ(error_of(render("{% set x %}{% generation %}{% endgeneration %}{% endset %}")),
            "t.jinja: line 1: {% generation %} inside of a macro or a set block is not supported");
}

TEST(Jinja, KnowsWhichBytesWereGiven) {
  const char* context = R"({"s": " <a> b ", "l": ["x", "y"], "d": {"k": "v"}, "n": 5})";
  const auto given = [&](const char* source) { return given_in(render(source, context)); };
  EXPECT_EQ(given("<a>{{ s }}<a>"), (Strings{" <a> b "}));
  EXPECT_EQ(given("{{ '<' + s | trim + '>' }}"), (Strings{"<a> b"}));
  EXPECT_EQ(given("{{ s.split(' ')[1] }}{{ 'own' }}{{ s[1:3] }}"), (Strings{"<a>", "<a"}));
  EXPECT_EQ(given("{{ s | replace('a', 'A') }}"), (Strings{" <", "> b "}));
  EXPECT_EQ(given("{{ 'own'.replace('w', s.strip()) }}"), (Strings{"<a> b"}));
  EXPECT_EQ(given("{{ l | join(', ') }}"), (Strings{"x", "y"}));
  EXPECT_EQ(given("{{ s | upper | trim }}{{ 'own' | upper }}"), (Strings{"<A> B"}));
  EXPECT_EQ(given("{{ d | tojson }}{{ {'a': 'own'} | tojson }}"), (Strings{R"({"k": "v"})"}));
  EXPECT_EQ(given("{{ l }}"), (Strings{"'x'", "'y'"}));
  EXPECT_EQ(given("{{ n }}{{ s | length }}{{ s == 'x' }}"), Strings());
  EXPECT_EQ(given("{% for k, v in d.items() %}{{ k ~ '=' ~ v }}{% endfor %}"), (Strings{"k", "v"}));
  EXPECT_EQ(given("{% set b %}<{{ l[0] }}>{% endset %}{{ b ~ b }}"), (Strings{"x", "x"}));
  EXPECT_EQ(given("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(l[1]) }}{{ m('own') }}"),
            (Strings{"y"}));
  EXPECT_EQ(given("{% for c in 'ab' + l[0] %}{{ c }}{% endfor %}"), (Strings{"x"}));
  EXPECT_EQ(given("{{ 'x' if l[0] == 'x' }}{{ (l | first) * 2 }}"), (Strings{"xx"}));
}

TEST(Jinja, TakesForItsOwnWhatTheCallerSaysIs) {
  RenderOptions options;
  options.is_own = [](std::span<const std::string_view> path, std::string_view text) {
    return (path.size() == 1 && path[0] == "bos") ||
           (path.size() == 3 && path[0] == "ms" && path[1] == "*" && path[2] == "role" &&
            text == "user");
  };
  const char* context =
      R"({"bos": "<s>", "ms": [{"role": "user", "x": "user"}, {"role": "<x>"}], "d": {"bos": "c"}})";
  EXPECT_EQ(given_in(render("{{ bos }}{{ ms[0].role }}|{{ ms[0].x }}|{{ ms[1].role }}|{{ d.bos }}",
                            context, options)),
            (Strings{"user", "<x>", "c"}));
}

TEST(Jinja, TellsTheTimeOnlyWhereItIsTold) {
  EXPECT_EQ(text_of(render("{{ strftime_now is defined }}")), "False");
  RenderOptions options;
  std::tm day{};
  day.tm_year = 124;
  day.tm_mon = 6;
  day.tm_mday = 6;
  day.tm_wday = 6;
  options.now = day;
  EXPECT_EQ(text_of(render("{{ strftime_now('%d %b %Y, %A %-d %H:%M%%') }}", "{}", options)),
            "06 Jul 2024, Saturday 6 00:00%");
  EXPECT_NE(error_of(render("{{ strftime_now('%f') }}", "{}", options)).find("not supported"),
            std::string::npos);
}

// Each of them would take for ever, or all memory, or the stack.
TEST(Jinja, BoundsWhatAHostileTemplateUses) {
  const auto started = std::chrono::steady_clock::now();
  const std::string ten = "{% for a in range(100000) %}{% for b in range(100000) %}";
  const std::vector<std::string> hostile = {
      ten + "{% for c in range(100000) %}{% endfor %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}"
      "{% endfor %}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}"
      "{% endfor %}",
      "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor "
      "%}",
      "{% set ns = namespace(d={}) %}{% for i in range(100000) %}{% set ns.d = {'a': ns.d} %}"
      "{% endfor %}",
      "{% set ns = namespace(l=1) %}{% for i in range(100000) %}{% for x in [ns.l] %}"
      "{% set ns.l = loop %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(m='a') %}{% for i in range(100000) %}"
      "{% set ns.m = [ns.m].index %}{% endfor %}",
      "{% set a = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set a.x = [a.x, a.x] %}"
      "{% set a.y = [a.y, a.y] %}{% endfor %}{{ a.x == a.y }}",
      "{% set a = namespace(x=[1]) %}{% for i in range(60) %}{% set a.x = [a.x, a.x] %}{% endfor %}"
      "{{ a.x }}",
      "{% set a = namespace(x=[1]) %}{% for i in range(60) %}{% set a.x = [a.x, a.x] %}{% endfor %}"
      "{{ a.x | tojson }}",
      "{{ 'a' * 10 ** 12 }}",
      "{{ [1] * 10 ** 12 }}",
      "{{ 'a' | indent(10 ** 12, true) }}",
      "{{ ('a' * 10 ** 6) | replace('', 'b' * 10 ** 6) }}",
      "{{ ('b' * 10 ** 6).join('a' * 10 ** 6) }}",
      "{% set s = 'a' * 10 ** 6 %}{% for i in range(100000) %}{{ s.find('a' * 10 ** 5 + 'b') }}"
      "{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m(x) %}{{ m([x] | map('string') | join) }}{% endmacro %}{{ m(1) }}",
      "{{ " + std::string(100'000, '(') + "1",
      "{{ " + std::string(100'000, '-') + "1 }}",
      "{{ not" + times(50'000, " not") + " 1 }}",
      "{{ 1" + times(50'000, "+1") + " }}",
      "{{ x" + times(50'000, ".x") + " }}",
      "{{ x" + times(50'000, "|d") + " }}",
      times(10'000, "{% if true %}"),
      std::string((1U << 20) + 1, 'a'),
  };
  for (const std::string& source : hostile) {
    EXPECT_FALSE(render(source)) << source.substr(0, 200);
  }
  // Seconds here; hours and more without bounds.
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::minutes(5));
}

TEST(Jinja, KeepsNamespacesThatHoldEachOther) {
  EXPECT_EQ(text_of(render("{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}"
                           "{{ a.b.a.b.a is defined }}{{ a == a.b.a }}{{ a == b }}")),
            "TrueTrueFalse");
}

TEST(Jinja, KeepsToTheLimitsItIsGiven) {
  RenderOptions options;
  options.limits.output_bytes = 10;
  EXPECT_EQ(text_of(render("{{ 'a' * 10 }}", "{}", options)), "aaaaaaaaaa");
  const auto failed = render("{{ 'a' * 10 }}b", "{}", options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kTooLarge);
  options.limits = {.steps = 100};
  EXPECT_TRUE(render("{% for i in range(5) %}{% endfor %}", "{}", options));
  EXPECT_FALSE(render("{% for i in range(500) %}{% endfor %}", "{}", options));
  options.limits = {.bytes = 1000};
  EXPECT_FALSE(render("{% set x = 'a' * 900 %}{{ x + x }}", "{}", options));
}

TEST(Jinja, RefusesASourceThatIsNoUtf8) {
  EXPECT_FALSE(Template::parse("a\xFF", "t"));
  EXPECT_EQ(text_of(render("{{ 'é' }}ü")), "éü");
}

class JinjaGolden : public ::testing::TestWithParam<const char*> {};

// Cut anywhere, and with a byte changed, a template is rendered or refused, and nothing else: the
// sanitizers look on.
TEST_P(JinjaGolden, SurvivesBeingCutAndChanged) {
  const auto path = shared_file("golden/chat/" + std::string(GetParam()) + ".jinja");
  if (!path) GTEST_SKIP();
  const std::string source = read_all(*path);
  const char* context =
      R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"},
          {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
          {"role": "tool", "content": {"b": 2}}, {"role": "assistant", "content": "a"}],
          "tools": [{"a": "b"}], "bos_token": "<s>", "eos_token": "</s>"})";
  RenderOptions options;
  options.limits.steps = 100'000;
  const std::string_view changes = "%{}'|-(]. ";
  const std::size_t stride = source.size() / 150 + 1;
  int rendered = 0;
  for (std::size_t i = 0; i < source.size(); i += stride) {
    rendered += render(source.substr(0, i), context, options) ? 1 : 0;
    rendered += render(source.substr(i), context, options) ? 1 : 0;
    std::string changed = source;
    changed[i] = changes[i % changes.size()];
    rendered += render(changed, context, options) ? 1 : 0;
  }
  EXPECT_GT(rendered, 0);
}

INSTANTIATE_TEST_SUITE_P(Templates, JinjaGolden,
                         ::testing::Values("smollm2", "llama2", "llama3", "llama3_1", "llama3_2",
                                           "smollm2_training", "llama3_training"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace
}  // namespace hone::engine::jinja
