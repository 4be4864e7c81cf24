// Filters over whole lists, strings and mappings.
#include <algorithm>

#include "engine/model/jinja_access.h"
#include "engine/model/jinja_filters.h"
#include "engine/model/jinja_operators.h"
#include "engine/model/jinja_strings.h"
#include "engine/model/jinja_write.h"

namespace hone::engine::jinja {
namespace {

// What an item is sorted or compared by: itself or its attribute, strings in lower case unless case
// counts.
Value key_of(const Value& item, const Value* attribute, bool case_sensitive, Budget& budget) {
  Value key = attribute == nullptr ? item : item_at_path(item, *attribute, budget);
  const Text* text = key.if_text();
  if (case_sensitive || text == nullptr) return key;
  return make_text(text->remade(lower(text->bytes())), budget);
}

struct Keyed {
  Value key;
  Value item;
};

std::vector<Keyed> keyed(std::vector<Value> items, const Value* attribute, bool case_sensitive,
                         Budget& budget) {
  std::vector<Keyed> result;
  result.reserve(items.size());
  for (Value& item : items) {
    Value key = key_of(item, attribute, case_sensitive, budget);
    result.push_back({std::move(key), std::move(item)});
  }
  return result;
}

// Items that are equal keep their order, reversed or not.
Value sorted(std::vector<Keyed> items, bool reverse, Budget& budget) {
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    return reverse ? order(b.key, a.key, budget) < 0 : order(a.key, b.key, budget) < 0;
  });
  std::vector<Value> result;
  result.reserve(items.size());
  for (Keyed& one : items) result.push_back(std::move(one.item));
  return make_list(List::Kind::kList, std::move(result), budget);
}

Value sort(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "sort", {"reverse", "case_sensitive", "attribute"});
  const Value* attribute = bound.some(2);
  if (attribute != nullptr && attribute->if_text() != nullptr &&
      attribute->if_text()->bytes().find(',') != std::string::npos) {
    refuse_unsupported("sorting by several attributes");
  }
  return sorted(keyed(items_of(subject, budget), attribute, bound.flag(1, false), budget),
                bound.flag(0, false), budget);
}

Value sort_dict(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "dictsort", {"case_sensitive", "by", "reverse"});
  const std::string by = bound.get(1) == nullptr ? "key" : bound.text(1).bytes();
  if (by != "key" && by != "value") refuse("dictsort: 'by' must be 'key' or 'value'");
  const Dict* dict = subject.if_dict();
  if (dict == nullptr) refuse("dictsort: a dict is expected");
  std::vector<Value> pairs;
  for (const auto& [key, value] : dict->entries) {
    pairs.push_back(make_list(List::Kind::kTuple, {Value(key), value}, budget));
  }
  const Value place = Value::integer(by == "key" ? 0 : 1);
  return sorted(keyed(std::move(pairs), &place, bound.flag(0, false), budget), bound.flag(2, false),
                budget);
}

template <bool largest>
Value extreme(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, largest ? "max" : "min", {"case_sensitive", "attribute"});
  auto items = keyed(items_of(subject, budget), bound.some(1), bound.flag(0, false), budget);
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const Keyed* best = &items.front();
  for (const Keyed& one : items) {
    const auto compared = order(one.key, best->key, budget);
    if (largest ? compared > 0 : compared < 0) best = &one;
  }
  return best->item;
}

Value unique(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "unique", {"case_sensitive", "attribute"});
  std::vector<Value> seen;
  std::vector<Value> items;
  for (const Value& item : items_of(subject, budget)) {
    Value key = key_of(item, bound.some(1), bound.flag(0, false), budget);
    const bool known = std::any_of(seen.begin(), seen.end(),
                                   [&](const Value& one) { return equal(one, key, budget); });
    if (known) continue;
    seen.push_back(std::move(key));
    items.push_back(item);
  }
  return make_list(List::Kind::kGenerator, std::move(items), budget);
}

Value sum(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "sum", {"attribute", "start"});
  Value total = bound.get(1) != nullptr ? *bound.get(1) : Value::integer(0);
  if (total.if_text() != nullptr) refuse("sum: strings are joined, not added");
  for (const Value& item : items_of(subject, budget)) {
    const Value* attribute = bound.some(0);
    const Value part = attribute == nullptr ? item : item_at_path(item, *attribute, budget);
    total = apply(BinaryOperator::kAdd, total, part, budget);
  }
  return total;
}

Value length(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "length", {});
  if (subject.is_undefined()) return Value::integer(0);
  if (const Text* text = subject.if_text()) {
    return Value::size(count_characters(text->bytes(), budget));
  }
  if (const Dict* dict = subject.if_dict()) return Value::size(dict->entries.size());
  if (const Loop* loop = subject.if_loop()) return Value::size(loop->items.size());
  const List* list = subject.if_list();
  if (list == nullptr || !list->has_length()) {
    refuse("'" + std::string(subject.type_name()) + "' has no length");
  }
  return Value::size(list->items.size());
}

Value first(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "first", {});
  const Value nothing = Value::undefined("No first item, sequence was empty.");
  const List* list = subject.if_list();
  if (list != nullptr) {  // of a generator only this one is taken
    if (list->taken >= list->items.size()) return nothing;
    return list->items[list->has_length() ? 0 : list->taken++];
  }
  const std::vector<Value> items = items_of(subject, budget);
  return items.empty() ? nothing : items.front();
}

Value last(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "last", {});
  const List* list = subject.if_list();
  if (list != nullptr && !list->has_length()) refuse("a generator has no last item; use 'list'");
  const std::vector<Value> items = items_of(subject, budget);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value reverse(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "reverse", {});
  if (subject.if_text() != nullptr) {
    const Value back = Value::integer(-1);
    return slice_of(subject, {nullptr, nullptr, &back}, budget);
  }
  std::vector<Value> items = items_of(subject, budget);
  std::reverse(items.begin(), items.end());
  return make_list(List::Kind::kGenerator, std::move(items), budget);
}

Value list(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "list", {});
  return make_list(List::Kind::kList, items_of(subject, budget), budget);
}

Value items(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "items", {});
  std::vector<Value> pairs;
  if (const Dict* dict = subject.if_dict()) {
    for (const auto& [key, value] : dict->entries) {
      pairs.push_back(make_list(List::Kind::kTuple, {Value(key), value}, budget));
    }
  } else if (!subject.is_undefined()) {
    refuse("items: a mapping is expected, not '" + std::string(subject.type_name()) + "'");
  }
  return make_list(List::Kind::kGenerator, std::move(pairs), budget);
}

Value join_items(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "join", {"d", "attribute"});
  const Value* attribute = bound.some(1);
  std::vector<Text> parts;
  for (const Value& item : items_of(subject, budget)) {
    const Value part = attribute == nullptr ? item : item_at_path(item, *attribute, budget);
    const TextPtr text = text_of(part, budget);
    budget.make(text->size());
    parts.push_back(*text);
  }
  const TextPtr separator =
      bound.get(0) == nullptr ? std::make_shared<const Text>() : text_of(*bound.get(0), budget);
  return make_text(join(parts, *separator, budget), budget);
}

}  // namespace

const FilterTable& list_filters() {
  static const FilterTable kFilters = {
      {"count", length},      {"dictsort", sort_dict}, {"first", first},     {"items", items},
      {"join", join_items},   {"last", last},          {"length", length},   {"list", list},
      {"max", extreme<true>}, {"min", extreme<false>}, {"reverse", reverse}, {"sort", sort},
      {"sum", sum},           {"unique", unique},
  };
  return kFilters;
}

}  // namespace hone::engine::jinja
