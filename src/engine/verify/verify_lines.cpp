#include "engine/verify/verify_lines.h"

#include <istream>
#include <ostream>
#include <string>

#include "base/json.h"

namespace hone::engine {
namespace {

Result<Verdict> verify_line(const std::string& line, const VerifyOptions& options) {
  auto object = parse_json_object(line);
  if (!object) return fail(object.error());
  auto answer = field<std::string>(*object, "answer");
  if (!answer) return fail(answer.error());
  auto description = field<json::object>(*object, "verifier");
  if (!description) return fail(description.error());
  auto verifier = Verifier::parse(*description);
  if (!verifier) return fail(verifier.error());
  return verifier->check(*answer, options);
}

}  // namespace

Result<void> verify_lines(std::istream& in, std::ostream& out, const VerifyOptions& options) {
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto verdict = verify_line(line, options);
    if (!verdict) return fail(verdict.error().with("line " + std::to_string(number)));
    out << json::serialize(json::object{{"reward", verdict->reward}, {"reason", verdict->reason}})
        << '\n';
    out.flush();
  }
  return {};
}

}  // namespace hone::engine
