#include "curate/task.h"

#include <algorithm>
#include <array>

namespace hone::curate {
namespace {

constexpr std::array<std::string_view, 5> kVerifierTypes = {"exact", "regex", "numeric",
                                                            "json_schema", "unit_tests"};

bool says_something(const json::value* value) {
  if (value == nullptr) return false;
  if (const auto* text = value->if_string()) return !text->empty();
  if (const auto* array = value->if_array()) return !array->empty();
  return !value->is_null();
}

}  // namespace

bool has_verifier(std::string_view params) {
  return params.find("\"verifier\"") != params.npos;
}

std::optional<json::object> verifier_of(std::string_view params) {
  if (!has_verifier(params)) return std::nullopt;
  const auto object = parse_json_object(params);
  if (!object) return std::nullopt;
  const auto* value = object->if_contains("verifier");
  const auto* kept = value == nullptr ? nullptr : value->if_object();
  if (kept == nullptr) return std::nullopt;
  const auto type = string_or_empty(*kept, "type");
  if (std::ranges::find(kVerifierTypes, type) != kVerifierTypes.end()) return *kept;
  const auto kind = string_or_empty(*kept, "kind");
  const auto* expected = kept->if_contains("expected");
  const auto* tests = kept->if_contains("tests");
  if (kind == "number" && says_something(expected)) {
    return json::object{{"type", "numeric"}, {"answer", *expected}};
  }
  if (kind == "python" && says_something(tests)) {
    json::object verifier{{"type", "unit_tests"}, {"tests", *tests}};
    if (const auto* setup = kept->if_contains("setup"); says_something(setup)) {
      verifier["setup"] = *setup;
    }
    return verifier;
  }
  return std::nullopt;
}

}  // namespace hone::curate
