#include "engine/model/jinja_methods.h"

#include <algorithm>
#include <array>
#include <map>

#include "engine/model/jinja_operators.h"
#include "engine/model/jinja_strings.h"
#include "engine/model/jinja_write.h"

namespace hone::engine::jinja {
namespace {

// All public names of Python 3's types.
constexpr std::array<std::string_view, 47> kOfStrings = {
    "capitalize",   "casefold",    "center",    "count",      "encode",       "endswith",
    "expandtabs",   "find",        "format",    "format_map", "index",        "isalnum",
    "isalpha",      "isascii",     "isdecimal", "isdigit",    "isidentifier", "islower",
    "isnumeric",    "isprintable", "isspace",   "istitle",    "isupper",      "join",
    "ljust",        "lower",       "lstrip",    "maketrans",  "partition",    "removeprefix",
    "removesuffix", "replace",     "rfind",     "rindex",     "rjust",        "rpartition",
    "rsplit",       "rstrip",      "split",     "splitlines", "startswith",   "strip",
    "swapcase",     "title",       "translate", "upper",      "zfill"};
constexpr std::array<std::string_view, 6> kOfDicts = {"copy",  "fromkeys", "get",
                                                      "items", "keys",     "values"};
constexpr std::array<std::string_view, 5> kChangingDicts = {"clear", "pop", "popitem", "setdefault",
                                                            "update"};
constexpr std::array<std::string_view, 3> kOfLists = {"copy", "count", "index"};
constexpr std::array<std::string_view, 8> kChangingLists = {"append", "clear",  "extend",  "insert",
                                                            "pop",    "remove", "reverse", "sort"};

template <std::size_t size>
bool holds(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

using TextMethod = Value (*)(const Text& text, const Arguments& arguments, Budget& budget);

Value list_of_texts(const std::vector<Text>& texts, Budget& budget) {
  std::vector<Value> items;
  items.reserve(texts.size());
  for (const Text& text : texts) items.push_back(make_text(text, budget));
  return make_list(List::Kind::kList, std::move(items), budget);
}

template <Ends ends>
Value strip_method(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "strip", {"chars"});
  std::optional<std::string_view> which;
  if (bound.some(0) != nullptr) which = bound.text(0).bytes();
  return make_text(strip_ends(text, ends, which, budget), budget);
}

template <bool from_right>
Value split_method(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "split", {"sep", "maxsplit"});
  const std::int64_t given = bound.integer(1, -1);
  const std::int64_t limit = given < 0 ? kAll : given;
  if (bound.some(0) == nullptr) {
    return list_of_texts(split_at_space(text, limit, from_right, budget), budget);
  }
  return list_of_texts(split_at(text, bound.text(0).bytes(), limit, from_right, budget), budget);
}

// Whether `matches` says so for the argument, or for one of them where it is a tuple.
template <typename Matches>
Value any_of_method(const Arguments& arguments, std::string_view name, const Matches& matches,
                    Budget& budget) {
  const Bound bound(arguments, name, {"affix"}, 1);
  const List* several = bound.get(0)->if_list();
  if (several == nullptr || several->kind != List::Kind::kTuple) {
    return Value::boolean(matches(bound.text(0).bytes()));
  }
  bool any = false;
  for (const Value& one : several->items) {
    budget.spend();
    const Text* affix = one.if_text();
    if (affix == nullptr) refuse(std::string(name) + ": a tuple of strings is expected");
    any = any || matches(affix->bytes());
  }
  return Value::boolean(any);
}

Value starts_with(const Text& text, const Arguments& arguments, Budget& budget) {
  const auto matches = [&](std::string_view affix) {
    budget.read(affix.size());
    return text.bytes().starts_with(affix);
  };
  return any_of_method(arguments, "startswith", matches, budget);
}

Value ends_with(const Text& text, const Arguments& arguments, Budget& budget) {
  const auto matches = [&](std::string_view affix) {
    budget.read(affix.size());
    return text.bytes().ends_with(affix);
  };
  return any_of_method(arguments, "endswith", matches, budget);
}

Value remove_prefix(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "removeprefix", {"prefix"}, 1);
  const std::string_view prefix = bound.text(0).bytes();
  budget.read(prefix.size());
  const std::size_t begin = text.bytes().starts_with(prefix) ? prefix.size() : 0;
  return make_text(text.part({begin, text.size()}), budget);
}

Value remove_suffix(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "removesuffix", {"suffix"}, 1);
  const std::string_view suffix = bound.text(0).bytes();
  budget.read(suffix.size());
  const std::size_t removed = text.bytes().ends_with(suffix) ? suffix.size() : 0;
  return make_text(text.part({0, text.size() - removed}), budget);
}

Value replace(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "replace", {"old", "new", "count"}, 2);
  const std::int64_t count = bound.integer(2, -1);
  return make_text(replace_in(text, bound.text(0), bound.text(1), count < 0 ? kAll : count, budget),
                   budget);
}

Value find(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "find", {"sub"}, 1);
  const std::string_view bytes = text.bytes();
  const std::size_t at = find_in(bytes, bound.text(0).bytes(), 0, budget);
  if (at == std::string_view::npos) return Value::integer(-1);
  return Value::size(count_characters(bytes.substr(0, at), budget));
}

Value count(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "count", {"sub"}, 1);
  const std::string_view wanted = bound.text(0).bytes();
  if (wanted.empty()) return Value::size(count_characters(text.bytes(), budget) + 1);
  std::size_t found = 0;
  for (std::size_t at = 0;; at += wanted.size(), ++found) {
    at = find_in(text.bytes(), wanted, at, budget);
    if (at == std::string_view::npos) return Value::size(found);
  }
}

Value join_method(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "join", {"iterable"}, 1);
  std::vector<Text> parts;
  for (const Value& item : items_of(*bound.get(0), budget)) {
    if (item.if_text() == nullptr) {
      refuse("join: an item is no string but '" + std::string(item.type_name()) + "'");
    }
    budget.make(item.if_text()->size());  // one text may be in the list a million times
    parts.push_back(*item.if_text());
  }
  return make_text(join(parts, text, budget), budget);
}

Value split_lines_method(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "splitlines", {});
  return list_of_texts(split_lines(text, budget), budget);
}

template <std::string (*change)(std::string_view)>
Value case_method(const Text& text, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "a change of case", {});
  budget.make(text.size());
  return make_text(text.remade(change(text.bytes())), budget);
}

const std::map<std::string_view, TextMethod>& text_methods() {
  static const std::map<std::string_view, TextMethod> kMethods = {
      {"capitalize", case_method<capitalized>},
      {"count", count},
      {"endswith", ends_with},
      {"find", find},
      {"join", join_method},
      {"lower", case_method<lower>},
      {"lstrip", strip_method<Ends::kLeft>},
      {"removeprefix", remove_prefix},
      {"removesuffix", remove_suffix},
      {"replace", replace},
      {"rsplit", split_method<true>},
      {"rstrip", strip_method<Ends::kRight>},
      {"split", split_method<false>},
      {"splitlines", split_lines_method},
      {"startswith", starts_with},
      {"strip", strip_method<Ends::kBoth>},
      {"title", case_method<titled>},
      {"upper", case_method<upper>},
  };
  return kMethods;
}

Value call_dict_method(const Dict& dict, std::string_view name, const Arguments& arguments,
                       Budget& budget) {
  if (name == "get") {
    const Bound bound(arguments, name, {"key", "default"}, 1);
    const Text* key = bound.get(0)->if_text();
    budget.read(key == nullptr ? 0 : key->size());
    const Value* value = key == nullptr ? nullptr : dict.find(key->bytes());
    if (value == nullptr) value = bound.get(1);
    return value == nullptr ? Value::none() : *value;
  }
  const bool keys = name == "keys";
  const bool values = name == "values";
  if (!keys && !values && name != "items") {
    refuse_unsupported("the method " + shown(name) + " of a dict");
  }
  const Bound bound(arguments, name, {});
  budget.make_items(dict.entries.size());
  std::vector<Value> items;
  items.reserve(dict.entries.size());
  for (const auto& [key, value] : dict.entries) {
    if (keys) {
      items.emplace_back(key);
    } else if (values) {
      items.push_back(value);
    } else {
      items.push_back(make_list(List::Kind::kTuple, {Value(key), value}, budget));
    }
  }
  return make_list(List::Kind::kView, std::move(items), budget);
}

Value call_list_method(const List& list, std::string_view name, const Arguments& arguments,
                       Budget& budget) {
  if (name != "count" && name != "index") {
    refuse_unsupported("the method " + shown(name) + " of a list");
  }
  const Bound bound(arguments, name, {"value"}, 1);
  std::size_t found = 0;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (!equal(list.items[i], *bound.get(0), budget)) continue;
    if (name == "index") return Value::size(i);
    ++found;
  }
  if (name == "index") refuse("index: the list has no such item");
  return Value::size(found);
}

}  // namespace

MethodKind find_method(const Value& object, std::string_view name) {
  const auto pure = [](bool is) { return is ? MethodKind::kPure : MethodKind::kNone; };
  if (object.if_text() != nullptr) return pure(holds(kOfStrings, name));
  if (object.if_dict() != nullptr) {
    return holds(kChangingDicts, name) ? MethodKind::kChanging : pure(holds(kOfDicts, name));
  }
  const List* list = object.if_list();
  if (list == nullptr || !list->has_places()) return MethodKind::kNone;
  if (list->kind != List::Kind::kList) return pure(name == "count" || name == "index");
  return holds(kChangingLists, name) ? MethodKind::kChanging : pure(holds(kOfLists, name));
}

Value call_method(const Method& method, const Arguments& arguments, Budget& budget) {
  budget.spend();
  if (const Text* text = method.object.if_text()) {
    const auto found = text_methods().find(method.name);
    if (found == text_methods().end()) {
      refuse_unsupported("the method " + shown(method.name) + " of a string");
    }
    return found->second(*text, arguments, budget);
  }
  if (const Dict* dict = method.object.if_dict()) {
    return call_dict_method(*dict, method.name, arguments, budget);
  }
  if (const List* list = method.object.if_list()) {
    return call_list_method(*list, method.name, arguments, budget);
  }
  const Loop* loop = method.object.if_loop();  // loop.cycle
  HONE_ASSERT(loop != nullptr);
  if (arguments.positional.empty() || !arguments.named.empty()) {
    refuse("loop.cycle takes the values to give in turn");
  }
  return arguments.positional[loop->index % arguments.positional.size()];
}

}  // namespace hone::engine::jinja
