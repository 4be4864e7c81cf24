#include "engine/model/jinja_value.h"

#include <algorithm>

#include "engine/model/jinja_strings.h"

namespace hone::engine::jinja {
namespace {

// Deeper than any prompt; JSON of requests may be 64 deep.
constexpr int kMaxDepth = 100;

int deepened(int below) {
  if (below >= kMaxDepth) {
    throw Failure{ErrorCode::kTooLarge,
                  "a value is nested deeper than " + std::to_string(kMaxDepth) + " levels"};
  }
  return below + 1;
}

int deepest(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return depth;
}

std::vector<Value> characters_of(const Text& text, Budget& budget) {
  const auto starts = character_starts(text.bytes(), budget);
  std::vector<Value> items;
  items.reserve(starts.size());
  budget.make_items(starts.size());
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    items.push_back(make_text(text.part({starts[i], starts[i + 1]}), budget));
  }
  return items;
}

}  // namespace

Value Value::undefined(std::string why) {
  return Value(Data(Undefined{std::make_shared<const std::string>(std::move(why))}));
}

const std::string& Value::why_undefined() const {
  static const std::string kUnknown = "a value is undefined";
  const auto* undefined = std::get_if<Undefined>(&data_);
  return undefined == nullptr || undefined->why == nullptr ? kUnknown : *undefined->why;
}

std::optional<std::int64_t> Value::as_integer() const {
  if (const bool* flag = if_boolean()) return *flag ? 1 : 0;
  if (const auto* integer = std::get_if<std::int64_t>(&data_)) return *integer;
  return std::nullopt;
}

std::optional<double> Value::as_double() const {
  if (const auto integer = as_integer()) return static_cast<double>(*integer);
  if (const auto* large = if_large()) return static_cast<double>(*large);
  if (const double* number = if_double()) return *number;
  return std::nullopt;
}

bool Value::is_callable() const {
  return if_method() != nullptr || if_macro() != nullptr || if_builtin() != nullptr;
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (const auto number = as_double()) return *number != 0.0;  // NaN is true
  if (const Text* text = if_text()) return !text->empty();
  if (const List* list = if_list()) return !list->has_length() || !list->items.empty();
  if (const Dict* dict = if_dict()) return !dict->entries.empty();
  return true;
}

std::string_view Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (if_boolean() != nullptr) return "bool";
  if (if_double() != nullptr) return "float";
  if (as_double()) return "int";
  if (if_text() != nullptr) return "str";
  if (if_dict() != nullptr) return "dict";
  if (if_loop() != nullptr) return "loop";
  if (if_method() != nullptr) return "method";
  if (if_namespace() != nullptr) return "namespace";
  if (if_macro() != nullptr) return "macro";
  const List* list = if_list();
  if (list == nullptr) return "function";
  switch (list->kind) {
    case List::Kind::kList:
      return "list";
    case List::Kind::kTuple:
      return "tuple";
    case List::Kind::kRange:
      return "range";
    case List::Kind::kView:
      return "view of a dict";
    case List::Kind::kGenerator:
      return "generator";
  }
  return "list";
}

int Value::depth() const {
  if (const List* list = if_list()) return list->depth;
  if (const Dict* dict = if_dict()) return dict->depth;
  if (const Loop* loop = if_loop()) return loop->depth;
  if (const Method* method = if_method()) return method->object.depth() + 1;
  return 0;  // a namespace is looked up, never walked through
}

bool Value::is_same(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_undefined()) return true;
  if (if_text() != nullptr) return if_text() == other.if_text();
  if (if_list() != nullptr) return if_list() == other.if_list();
  if (if_dict() != nullptr) return if_dict() == other.if_dict();
  if (if_loop() != nullptr) return if_loop() == other.if_loop();
  if (if_namespace() != nullptr) return if_namespace() == other.if_namespace();
  if (if_macro() != nullptr) return if_macro() == other.if_macro();
  if (const Builtin* builtin = if_builtin()) return *builtin == *other.if_builtin();
  if (if_method() != nullptr) return if_method() == other.if_method();
  return is_none() || as_double() == other.as_double();
}

const Value* Dict::find(std::string_view key) const {
  const auto place = places.find(key);
  return place == places.end() ? nullptr : &entries[place->second].second;
}

Value make_text(Text text, Budget& budget) {
  budget.make(text.size() + text.given().size() * sizeof(Span));
  return Value(std::make_shared<const Text>(std::move(text)));
}

Value make_own_text(std::string_view bytes, Budget& budget) {
  return make_text(Text(std::string(bytes)), budget);
}

Value make_list(List::Kind kind, std::vector<Value> items, Budget& budget) {
  budget.make_items(items.size());
  auto list = std::make_shared<List>();
  list->kind = kind;
  list->depth = deepened(deepest(items));
  list->items = std::move(items);
  return Value(ListPtr(std::move(list)));
}

Value make_dict(std::vector<Dict::Entry> entries, Budget& budget) {
  budget.make_items(entries.size());
  auto dict = std::make_shared<Dict>();
  int below = 0;
  for (Dict::Entry& entry : entries) {
    below = std::max(below, entry.second.depth());
    budget.read(entry.first->size());
    const auto [place, added] = dict->places.emplace(entry.first->bytes(), dict->entries.size());
    if (added) {
      dict->entries.push_back(std::move(entry));
    } else {
      dict->entries[place->second].second = std::move(entry.second);
    }
  }
  dict->depth = deepened(below);
  return Value(DictPtr(std::move(dict)));
}

Value make_method(const Value& object, std::string_view name) {
  deepened(object.depth());
  return Value(std::make_shared<const Method>(Method{object, std::string(name)}));
}

std::shared_ptr<Loop> make_loop(std::vector<Value> items) {
  auto loop = std::make_shared<Loop>();
  loop->depth = deepened(deepest(items));
  loop->items = std::move(items);
  return loop;
}

std::vector<Value> items_of(const Value& value, Budget& budget) {
  if (value.is_undefined()) return {};
  if (const Text* text = value.if_text()) return characters_of(*text, budget);
  if (const Dict* dict = value.if_dict()) {
    budget.make_items(dict->entries.size());
    std::vector<Value> keys;
    keys.reserve(dict->entries.size());
    for (const Dict::Entry& entry : dict->entries) keys.emplace_back(entry.first);
    return keys;
  }
  const List* list = value.if_list();
  if (list == nullptr) {
    refuse("'" + std::string(value.type_name()) + "' is not iterable");
  }
  budget.make_items(list->items.size());
  if (list->has_length()) return list->items;
  const auto first = list->items.begin() + static_cast<std::ptrdiff_t>(list->taken);
  list->taken = list->items.size();
  return {first, list->items.end()};
}

}  // namespace hone::engine::jinja
