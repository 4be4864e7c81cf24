// What a template works with: Python's values, as far as templates have them. Values are immutable
// and cheap to copy; only a namespace changes, and the interpreter owns those. Used by jinja*.cpp
// only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/model/jinja_budget.h"
#include "engine/model/jinja_text.h"

namespace hone::engine::jinja {

struct Dict;
struct List;
struct Loop;
struct Macro;  // jinja_ast.h
struct Method;
struct Namespace;

using TextPtr = std::shared_ptr<const Text>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;
using LoopPtr = std::shared_ptr<const Loop>;
using MethodPtr = std::shared_ptr<const Method>;

// A name or member that is not there. It prints as nothing and is false; what else is done with it
// fails with `why`.
struct Undefined {
  std::shared_ptr<const std::string> why;
};
struct None {};
enum class Builtin { kDict, kNamespace, kRaiseException, kRange, kStrftimeNow };

class Value {
 public:
  Value() = default;  // undefined
  [[nodiscard]] static Value undefined(std::string why);
  [[nodiscard]] static Value none() { return Value(Data(None{})); }
  [[nodiscard]] static Value boolean(bool value) { return Value(Data(value)); }
  [[nodiscard]] static Value integer(std::int64_t value) { return Value(Data(value)); }
  [[nodiscard]] static Value size(std::size_t value) {
    return integer(static_cast<std::int64_t>(value));
  }
  // An integer that only this type holds. It can be written and compared, not calculated with.
  [[nodiscard]] static Value large(std::uint64_t value) { return Value(Data(value)); }
  [[nodiscard]] static Value number(double value) { return Value(Data(value)); }
  explicit Value(TextPtr text) : data_(std::move(text)) {}
  explicit Value(ListPtr list) : data_(std::move(list)) {}
  explicit Value(DictPtr dict) : data_(std::move(dict)) {}
  explicit Value(LoopPtr loop) : data_(std::move(loop)) {}
  explicit Value(MethodPtr method) : data_(std::move(method)) {}
  explicit Value(Namespace* space) : data_(space) {}    // the interpreter's
  explicit Value(const Macro* macro) : data_(macro) {}  // the template's
  explicit Value(Builtin builtin) : data_(builtin) {}

  [[nodiscard]] bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  [[nodiscard]] bool is_none() const { return std::holds_alternative<None>(data_); }
  [[nodiscard]] const std::string& why_undefined() const;
  [[nodiscard]] const bool* if_boolean() const { return std::get_if<bool>(&data_); }
  [[nodiscard]] const std::uint64_t* if_large() const { return std::get_if<std::uint64_t>(&data_); }
  [[nodiscard]] const double* if_double() const { return std::get_if<double>(&data_); }
  [[nodiscard]] const Text* if_text() const { return target<TextPtr>(); }
  [[nodiscard]] TextPtr text_ptr() const { return pointer<TextPtr>(); }  // null where it is none
  [[nodiscard]] const List* if_list() const { return target<ListPtr>(); }
  [[nodiscard]] const Dict* if_dict() const { return target<DictPtr>(); }
  [[nodiscard]] const Loop* if_loop() const { return target<LoopPtr>(); }
  [[nodiscard]] const Method* if_method() const { return target<MethodPtr>(); }
  [[nodiscard]] Namespace* if_namespace() const { return pointer<Namespace*>(); }
  [[nodiscard]] const Macro* if_macro() const { return pointer<const Macro*>(); }
  [[nodiscard]] const Builtin* if_builtin() const { return std::get_if<Builtin>(&data_); }

  // As Python calculates with it: true is 1.
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;
  [[nodiscard]] std::optional<double> as_double() const;  // of any number
  [[nodiscard]] bool is_callable() const;

  [[nodiscard]] bool truth() const;
  // Python's name of its type, for messages: "str", "list".
  [[nodiscard]] std::string_view type_name() const;
  // How deep it nests, so that walking over it needs a bounded stack.
  [[nodiscard]] int depth() const;
  // Whether both are the same object, as Python's `is` sees it.
  [[nodiscard]] bool is_same(const Value& other) const;

 private:
  using Data =
      std::variant<Undefined, None, bool, std::int64_t, std::uint64_t, double, TextPtr, ListPtr,
                   DictPtr, LoopPtr, MethodPtr, Namespace*, const Macro*, Builtin>;
  explicit Value(Data data) : data_(std::move(data)) {}

  template <typename Pointer>
  [[nodiscard]] Pointer pointer() const {
    const Pointer* held = std::get_if<Pointer>(&data_);
    return held == nullptr ? Pointer() : *held;
  }
  template <typename Pointer>
  [[nodiscard]] typename Pointer::element_type* target() const {
    const Pointer* held = std::get_if<Pointer>(&data_);
    return held == nullptr ? nullptr : held->get();
  }

  Data data_;
};

struct List {
  // Views (dict.items()) and generators (what filters such as `map` give) can be iterated only; a
  // generator once.
  enum class Kind { kList, kTuple, kRange, kView, kGenerator };

  Kind kind = Kind::kList;
  std::vector<Value> items;
  int depth = 1;
  mutable std::size_t taken = 0;  // of a generator's items

  [[nodiscard]] bool has_length() const { return kind != Kind::kGenerator; }
  [[nodiscard]] bool has_places() const { return has_length() && kind != Kind::kView; }
};

struct Dict {
  using Entry = std::pair<TextPtr, Value>;

  std::vector<Entry> entries;
  std::map<std::string_view, std::size_t> places;  // by key
  int depth = 1;

  [[nodiscard]] const Value* find(std::string_view key) const;
};

// The name `loop` inside of a loop. The interpreter moves `index` on.
struct Loop {
  std::vector<Value> items;
  std::size_t index = 0;
  int depth = 1;
};

struct Method {
  Value object;
  std::string name;
};

struct Namespace {
  std::map<std::string, Value, std::less<>> attributes;
};

[[nodiscard]] Value make_text(Text text, Budget& budget);
[[nodiscard]] Value make_own_text(std::string_view bytes, Budget& budget);
[[nodiscard]] Value make_list(List::Kind kind, std::vector<Value> items, Budget& budget);
// Of equal keys the last one's value counts, at the place of the first.
[[nodiscard]] Value make_dict(std::vector<Dict::Entry> entries, Budget& budget);
[[nodiscard]] Value make_method(const Value& object, std::string_view name);
[[nodiscard]] std::shared_ptr<Loop> make_loop(std::vector<Value> items);

// What iterating over `value` gives: a list's items, a dict's keys, a string's characters; nothing
// of what is undefined. Anything else fails. A generator has nothing afterwards.
[[nodiscard]] std::vector<Value> items_of(const Value& value, Budget& budget);

}  // namespace hone::engine::jinja
