#include "engine/model/jinja_filters.h"

#include "engine/model/jinja_access.h"
#include "engine/model/jinja_checks.h"
#include "engine/model/jinja_write.h"

namespace hone::engine::jinja {
namespace {

// The arguments behind the first `count` positional ones.
Arguments behind(const Arguments& arguments, std::size_t count) {
  Arguments rest;
  rest.named = arguments.named;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(count),
                         arguments.positional.end());
  return rest;
}

const std::string& name_at(const Arguments& arguments, std::size_t place, std::string_view what) {
  const Text* name = arguments.positional[place].if_text();
  if (name == nullptr) refuse("the name of a " + std::string(what) + " must be a string");
  return name->bytes();
}

Value map_attribute(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "map", {"attribute", "default"}, 1);
  const Value* fallback = bound.some(1);
  std::vector<Value> items;
  for (const Value& item : items_of(subject, budget)) {
    Value value = item_at_path(item, *bound.get(0), budget);
    items.push_back(fallback != nullptr && value.is_undefined() ? *fallback : std::move(value));
  }
  return make_list(List::Kind::kGenerator, std::move(items), budget);
}

// map(attribute="name"), or map("filter", arguments…).
Value map(const Value& subject, const Arguments& arguments, Budget& budget) {
  if (!subject.truth()) return make_list(List::Kind::kGenerator, {}, budget);
  if (arguments.positional.empty()) return map_attribute(subject, arguments, budget);
  const std::string& name = name_at(arguments, 0, "filter");
  const Arguments rest = behind(arguments, 1);
  std::vector<Value> items;
  for (const Value& item : items_of(subject, budget)) {
    items.push_back(filter(name, item, rest, budget));
  }
  return make_list(List::Kind::kGenerator, std::move(items), budget);
}

// select("test", arguments…) keeps the items that pass, without a test the true ones; reject the
// others. With `by_attribute` the first argument says what of an item is tested.
template <bool keeps, bool by_attribute>
Value choose(const Value& subject, const Arguments& arguments, Budget& budget) {
  if (!subject.truth()) return make_list(List::Kind::kGenerator, {}, budget);
  constexpr std::size_t kTest = by_attribute ? 1 : 0;
  if (arguments.positional.size() < kTest) refuse("the name of an attribute is missing");
  const bool tests = arguments.positional.size() > kTest;
  const std::string name = tests ? name_at(arguments, kTest, "test") : "";
  const Arguments rest = tests ? behind(arguments, kTest + 1) : Arguments();
  std::vector<Value> items;
  for (const Value& item : items_of(subject, budget)) {
    const Value tested = by_attribute ? item_at_path(item, arguments.positional[0], budget) : item;
    const bool passes = tests ? check(name, tested, rest, budget) : tested.truth();
    if (passes == keeps) items.push_back(item);
  }
  return make_list(List::Kind::kGenerator, std::move(items), budget);
}

Value default_to(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "default", {"default_value", "boolean"});
  const bool replaced = subject.is_undefined() || (bound.flag(1, false) && !subject.truth());
  if (!replaced) return subject;
  return bound.get(0) != nullptr ? *bound.get(0) : make_own_text("", budget);
}

}  // namespace

const FilterTable& choice_filters() {
  static const FilterTable kFilters = {
      {"d", default_to},
      {"default", default_to},
      {"map", map},
      {"reject", choose<false, false>},
      {"rejectattr", choose<false, true>},
      {"select", choose<true, false>},
      {"selectattr", choose<true, true>},
  };
  return kFilters;
}

Value filter(std::string_view name, const Value& subject, const Arguments& arguments,
             Budget& budget) {
  budget.spend();
  for (const FilterTable* table : {&text_filters(), &list_filters(), &choice_filters()}) {
    const auto found = table->find(name);
    if (found != table->end()) return found->second(subject, arguments, budget);
  }
  refuse_unsupported("the filter " + shown(name));
}

}  // namespace hone::engine::jinja
