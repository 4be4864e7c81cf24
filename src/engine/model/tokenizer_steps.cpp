#include "engine/model/tokenizer_steps.h"

#include <string>

#include "engine/model/in_quotes.h"

namespace hone::engine {
namespace {

// Real files have at most four. Each step of a decoder walks over all that is decoded.
constexpr std::size_t kMostSteps = 16;

}  // namespace

Result<std::vector<const json::object*>> read_steps(const json::value& part, std::string_view name,
                                                    std::string_view list) {
  const std::string place(name);
  const json::object* root = part.if_object();
  if (root == nullptr) return fail(ErrorCode::kInvalid, place + " must be an object");
  if (string_or_empty(*root, "type") != "Sequence") return std::vector{root};
  const json::value* items = root->if_contains(list);
  const json::array* array = items != nullptr ? items->if_array() : nullptr;
  if (array == nullptr) {
    return fail(ErrorCode::kInvalid,
                place + ": field '" + std::string(list) + "' must be an array");
  }
  if (array->size() > kMostSteps) {
    return fail(ErrorCode::kInvalid, place + " has more than " + std::to_string(kMostSteps) +
                                         " steps: none is known that has");
  }
  std::vector<const json::object*> steps;
  for (const json::value& item : *array) {
    steps.push_back(item.if_object());
    if (steps.back() == nullptr) {
      return fail(ErrorCode::kInvalid,
                  place + ": a step must be an object, not " + std::string(kind_name(item)));
    }
  }
  return steps;
}

std::unexpected<Error> unsupported_step(std::string_view part, const json::object& step,
                                        std::string_view why) {
  return fail(ErrorCode::kInvalid, std::string(part) + ": " +
                                       in_quotes(string_or_empty(step, "type")) +
                                       " is not supported " + std::string(why));
}

bool replaces(const json::object& step, std::string_view from, std::string_view to) {
  if (string_or_empty(step, "type") != "Replace") return false;
  const json::value* pattern = step.if_contains("pattern");
  const json::object* plain = pattern != nullptr ? pattern->if_object() : nullptr;
  return plain != nullptr && string_or_empty(*plain, "String") == from &&
         string_or_empty(step, "content") == to;
}

bool is_true(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

bool is_false_or_absent(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr || value->is_null() || (value->is_bool() && !value->get_bool());
}

}  // namespace hone::engine
