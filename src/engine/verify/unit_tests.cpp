// Tests over the code in an answer. The answer, the tests and a last line that says a secret word
// are one Python program, so that an answer that ends the process early ("sys.exit(0)") has not
// passed. Whoever writes tests for another language gives a command, whose exit code counts.
#include <string>

#include "base/hash.h"
#include "base/random.h"
#include "engine/model/utf8.h"
#include "engine/verify/rules.h"
#include "engine/verify/sandbox.h"

namespace hone::engine {
namespace {

constexpr std::int64_t kMegabyte = 1 << 20;

struct UnitTests {
  std::string setup;
  std::string tests;
  std::vector<std::string> command;  // empty: Python
  std::string answer_file = "answer.py";
  std::string tests_file = "tests.py";
  SandboxLimits limits;
};

// A text, or lines of it.
Result<std::string> text_field(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::string();
  if (!value->is_array()) return as<std::string>(*value, name);
  std::string text;
  for (const json::value& line : value->get_array()) {
    auto each = as<std::string>(line, name);
    if (!each) return fail(each.error());
    text += *each + "\n";
  }
  return text;
}

Result<std::int64_t> whole_field(const json::object& object, std::string_view name,
                                 std::int64_t otherwise, std::int64_t high) {
  auto value = optional_field<std::int64_t>(object, name);
  if (!value) return fail(value.error());
  const std::int64_t number = value->value_or(otherwise);
  if (number < 1 || number > high)
    return fail(ErrorCode::kInvalid,
                "field '" + std::string(name) + "' must be from 1 to " + std::to_string(high));
  return number;
}

Result<SandboxLimits> read_limits(const json::object& object) {
  SandboxLimits limits;
  auto timeout = whole_field(object, "timeout_seconds", 10, 600);
  if (!timeout) return fail(timeout.error());
  auto memory = whole_field(object, "memory_mb", 1024, 65'536);
  if (!memory) return fail(memory.error());
  auto processes = whole_field(object, "processes", limits.processes, 4096);
  if (!processes) return fail(processes.error());
  limits.wall = std::chrono::seconds(*timeout);
  limits.cpu_seconds = *timeout;
  limits.memory_bytes = *memory * kMegabyte;
  limits.processes = *processes;
  return limits;
}

Result<UnitTests> read_tests(const json::object& object) {
  if (auto known = only_fields(object, {"type", "tests", "setup", "command", "answer_file",
                                        "tests_file", "timeout_seconds", "memory_mb", "processes"});
      !known)
    return fail(known.error());
  UnitTests job;
  auto setup = text_field(object, "setup");
  if (!setup) return fail(setup.error());
  auto tests = text_field(object, "tests");
  if (!tests) return fail(tests.error());
  job.setup = std::move(*setup);
  job.tests = std::move(*tests);
  auto command = optional_field<json::array>(object, "command");
  if (!command) return fail(command.error());
  for (const json::value& word : command->value_or(json::array())) {
    auto text = as<std::string>(word, "command");
    if (!text) return fail(text.error());
    job.command.push_back(std::move(*text));
  }
  for (const auto& [name, file] :
       {std::pair("answer_file", &job.answer_file), std::pair("tests_file", &job.tests_file)}) {
    auto given = optional_field<std::string>(object, name);
    if (!given) return fail(given.error());
    if (*given && job.command.empty())
      return fail(ErrorCode::kInvalid, "field '" + std::string(name) + "' goes with a 'command'");
    if (*given) *file = std::move(**given);
  }
  if (job.tests.empty() && job.command.empty())
    return fail(ErrorCode::kInvalid, "field 'tests' is missing");
  if (!job.command.empty() && !job.setup.empty())
    return fail(ErrorCode::kInvalid, "field 'setup' is for Python; put it into 'tests'");
  auto limits = read_limits(object);
  if (!limits) return fail(limits.error());
  job.limits = *limits;
  return job;
}

// The last line that says something.
std::string last_line(std::string_view output) {
  const std::string_view text = strip(output);
  const auto newline = text.rfind('\n');
  return excerpt(newline == std::string_view::npos ? text : text.substr(newline + 1));
}

std::string why_not(const SandboxResult& result, const UnitTests& tests) {
  using enum SandboxResult::End;
  switch (result.end) {
    case kTimeout:
      return "took more than " +
             std::to_string(
                 std::chrono::duration_cast<std::chrono::seconds>(tests.limits.wall).count()) +
             " s";
    case kTooMuchOutput:
      return "wrote more than " + std::to_string(tests.limits.output_bytes) + " bytes";
    case kSignal:
      return "was ended by signal " + std::to_string(result.code);
    case kExit:
      break;
  }
  if (result.code == 0) return "ended before its tests had";
  return "exit code " + std::to_string(result.code) + ": " +
         last_line(replace_invalid_utf8(result.output));
}

}  // namespace

Result<Verifier::Rule> unit_tests_rule(const json::object& object) {
  auto tests = read_tests(object);
  if (!tests) return fail(tests.error());
  return [tests = std::move(*tests)](std::string_view answer,
                                     const VerifyOptions& options) -> Result<Verdict> {
    const std::string code(fenced(answer).value_or(answer));
    SandboxJob job{.argv = tests.command,
                   .limits = tests.limits,
                   .allow_unsandboxed = options.allow_unsandboxed};
    std::string word;
    if (tests.command.empty()) {
      word = hex(secret_bytes(16));
      job.argv = {"python3", "-I", "program.py"};
      job.files = {{"program.py", tests.setup + "\n" + code + "\n" + tests.tests +
                                      "\n__import__('sys').stdout.write('\\n" + word + "\\n')\n"}};
    } else {
      job.files = {{tests.answer_file, code}, {tests.tests_file, tests.tests}};
    }
    auto result = run_in_sandbox(job);
    if (!result) return fail(result.error());
    const bool passed = result->end == SandboxResult::End::kExit && result->code == 0 &&
                        strip(result->output).ends_with(word);
    if (passed) return Verdict{1.0, "passes its tests"};
    return Verdict{0.0, why_not(*result, tests)};
  };
}

}  // namespace hone::engine
