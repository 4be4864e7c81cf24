#include "engine/model/jinja_access.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/model/jinja_methods.h"
#include "engine/model/jinja_strings.h"
#include "engine/model/jinja_write.h"

namespace hone::engine::jinja {
namespace {

Value missing(const Value& object, std::string_view what, std::string_view name) {
  return Value::undefined("'" + std::string(object.type_name()) + " object' has no " +
                          std::string(what) + " " + shown(name));
}

Value missing_item(const Value& object, const Value& key, Budget& budget) {
  if (const Text* name = key.if_text()) return missing(object, "attribute", name->bytes());
  if (!key.as_double() && !key.is_none()) return missing(object, "element", key.type_name());
  return Value::undefined("'" + std::string(object.type_name()) + " object' has no element " +
                          text_of(key, budget)->bytes());
}

// A method of Python's, if `name` is one. What would change the object is not to be had.
std::optional<Value> method_of(const Value& object, std::string_view name) {
  switch (find_method(object, name)) {
    case MethodKind::kNone:
      return std::nullopt;
    case MethodKind::kPure:
      return make_method(object, name);
    case MethodKind::kChanging:
      break;
  }
  return Value::undefined("the method " + shown(name) + " of '" + std::string(object.type_name()) +
                          "' changes it, which the sandbox forbids");
}

Value loop_attribute(const Loop& loop, std::string_view name, const Value& object) {
  const std::size_t count = loop.items.size();
  if (name == "index") return Value::size(loop.index + 1);
  if (name == "index0") return Value::size(loop.index);
  if (name == "revindex") return Value::size(count - loop.index);
  if (name == "revindex0") return Value::size(count - loop.index - 1);
  if (name == "first") return Value::boolean(loop.index == 0);
  if (name == "last") return Value::boolean(loop.index + 1 == count);
  if (name == "length") return Value::size(count);
  if (name == "depth") return Value::integer(1);
  if (name == "depth0") return Value::integer(0);
  if (name == "previtem") {
    if (loop.index == 0) return Value::undefined("there is no previous item");
    return loop.items[loop.index - 1];
  }
  if (name == "nextitem") {
    // A loop that is over, kept in a namespace, stands behind its last item.
    if (loop.index + 1 >= count) return Value::undefined("there is no next item");
    return loop.items[loop.index + 1];
  }
  if (name == "cycle") return make_method(object, name);
  if (name == "changed") refuse_unsupported("loop.changed");
  return missing(object, "attribute", name);
}

std::optional<Value> place_of(const Value& object, std::int64_t place, Budget& budget) {
  const Text* text = object.if_text();
  const List* list = object.if_list();
  if (text == nullptr && (list == nullptr || !list->has_places())) return std::nullopt;
  const std::size_t size =
      text != nullptr ? count_characters(text->bytes(), budget) : list->items.size();
  const auto count = static_cast<std::int64_t>(size);
  if (place < 0) place += count;
  if (place < 0 || place >= count) return std::nullopt;
  if (list != nullptr) return list->items[static_cast<std::size_t>(place)];
  const std::size_t begin = position_of(text->bytes(), static_cast<std::size_t>(place), budget);
  const std::size_t end =
      begin + position_of(std::string_view(text->bytes()).substr(begin), 1, budget);
  return make_text(text->part({begin, end}), budget);
}

// Python's slice.indices(): the places that a slice of `count` places has, in its order.
std::vector<std::size_t> sliced_places(std::int64_t count, std::optional<std::int64_t> begin,
                                       std::optional<std::int64_t> end, std::int64_t step,
                                       Budget& budget) {
  const std::int64_t lowest = step < 0 ? -1 : 0;
  const std::int64_t highest = step < 0 ? count - 1 : count;
  const auto clamped = [&](std::optional<std::int64_t> given, std::int64_t fallback) {
    if (!given) return fallback;
    // A number far below is below still: count is the size of something in memory.
    const std::int64_t place = *given < 0 ? *given + count : *given;
    return std::clamp(place, lowest, highest);
  };
  const std::int64_t first = clamped(begin, step < 0 ? highest : lowest);
  const std::int64_t last = clamped(end, step < 0 ? lowest : highest);
  std::vector<std::size_t> places;
  // Counted by what is left, so that a huge step does not overflow.
  for (std::int64_t i = first; step < 0 ? i > last : i < last;) {
    budget.make_items(1);
    places.push_back(static_cast<std::size_t>(i));
    const std::int64_t left = last - i;
    if (step < 0 ? step <= left : step >= left) break;
    i += step;
  }
  return places;
}

Value slice_text(const Text& text, std::optional<std::int64_t> begin,
                 std::optional<std::int64_t> end, std::int64_t step, Budget& budget) {
  const auto starts = character_starts(text.bytes(), budget);
  const auto count = static_cast<std::int64_t>(starts.size()) - 1;
  const auto places = sliced_places(count, begin, end, step, budget);
  Text out;
  if (step == 1 && !places.empty()) {
    out = text.part({starts[places.front()], starts[places.back() + 1]});
  } else {
    for (const std::size_t place : places) out.append(text, {starts[place], starts[place + 1]});
  }
  return make_text(std::move(out), budget);
}

}  // namespace

Value attribute_of(const Value& object, std::string_view name, Budget& budget) {
  budget.spend();
  if (object.is_undefined()) refuse(object.why_undefined());
  if (const Namespace* space = object.if_namespace()) {
    const auto found = space->attributes.find(name);
    return found != space->attributes.end() ? found->second : missing(object, "attribute", name);
  }
  if (const Loop* loop = object.if_loop()) return loop_attribute(*loop, name, object);
  if (auto method = method_of(object, name)) return *method;
  if (const Dict* dict = object.if_dict()) {
    if (const Value* value = dict->find(name)) return *value;
  }
  return missing(object, "attribute", name);
}

Value item_of(const Value& object, const Value& key, Budget& budget) {
  budget.spend();
  if (object.is_undefined()) refuse(object.why_undefined());
  if (const Text* name = key.if_text()) {
    budget.read(name->size());
    const Dict* dict = object.if_dict();
    const Value* value = dict == nullptr ? nullptr : dict->find(name->bytes());
    return value != nullptr ? *value : attribute_of(object, name->bytes(), budget);
  }
  if (const auto place = key.as_integer()) {
    if (auto value = place_of(object, *place, budget)) return *value;
  }
  return missing_item(object, key, budget);
}

Value slice_of(const Value& object, const SliceBounds& bounds, Budget& budget) {
  if (object.is_undefined()) refuse(object.why_undefined());
  const Text* text = object.if_text();
  const List* list = object.if_list();
  if (text == nullptr && (list == nullptr || !list->has_places())) {
    refuse("'" + std::string(object.type_name()) + "' has no slices");
  }
  std::array<std::optional<std::int64_t>, 3> numbers;
  const std::array<const Value*, 3> given = {bounds.begin, bounds.end, bounds.step};
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] == nullptr || given[i]->is_none()) continue;
    numbers[i] = given[i]->as_integer();
    if (!numbers[i]) refuse("the bounds of a slice must be integers");
  }
  const std::int64_t step = numbers[2].value_or(1);
  if (step == 0) refuse("the step of a slice is 0");
  if (text != nullptr) return slice_text(*text, numbers[0], numbers[1], step, budget);
  const auto count = static_cast<std::int64_t>(list->items.size());
  std::vector<Value> items;
  for (const std::size_t place : sliced_places(count, numbers[0], numbers[1], step, budget)) {
    items.push_back(list->items[place]);
  }
  return make_list(list->kind, std::move(items), budget);
}

Value item_at_path(const Value& object, const Value& path, Budget& budget) {
  const Text* names = path.if_text();
  if (names == nullptr) return item_of(object, path, budget);
  Value value = object;
  for (const Text& name : split_at(*names, ".", kAll, false, budget)) {
    const std::string_view text = name.bytes();
    std::int64_t place = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, place);
    const bool number =
        !text.empty() && text.front() != '-' && read.ec == std::errc() && read.ptr == end;
    value = item_of(value, number ? Value::integer(place) : make_text(name, budget), budget);
  }
  return value;
}

}  // namespace hone::engine::jinja
