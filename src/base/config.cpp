#include "base/config.h"

#include <toml++/toml.h>
#include <algorithm>
#include <map>
#include <set>

#include "base/json.h"

namespace hone {
namespace {

struct Problem {
  std::uint32_t line;
  std::string message;
};

std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

}  // namespace

struct TomlFile::State {
  std::string name;
  toml::table root;
  toml::table empty;
  std::map<const toml::table*, std::set<std::string, std::less<>>> asked;
  std::vector<Problem> problems;

  void note(std::uint32_t line, std::string message) {
    problems.push_back({line, std::move(message)});
  }
  void find_unasked(const toml::table& table, const std::string& path) {
    const auto& known = asked[&table];
    for (const auto& [key, node] : table) {
      const std::string text(key.str());
      if (!known.contains(text)) {
        std::string message = "unknown field '" + joined(path, text) + "'";
        const auto hint = nearest_name(text, {known.begin(), known.end()});
        if (!hint.empty()) message += "; did you mean '" + std::string(hint) + "'?";
        note(key.source().begin.line, message);
      } else if (const auto* below = node.as_table()) {
        find_unasked(*below, joined(path, text));
      } else if (const auto* array = node.as_array()) {
        for (const auto& item : *array) {
          if (const auto* table_item = item.as_table())
            find_unasked(*table_item, joined(path, text));
        }
      }
    }
  }
};

namespace {

const toml::table& table_of(const void* table) {
  return *static_cast<const toml::table*>(table);
}

template <typename T>
constexpr std::string_view kWanted = "";
template <>
constexpr std::string_view kWanted<std::string> = "a string";
template <>
constexpr std::string_view kWanted<std::int64_t> = "a whole number";
template <>
constexpr std::string_view kWanted<double> = "a number";
template <>
constexpr std::string_view kWanted<bool> = "true or false";
template <>
constexpr std::string_view kWanted<std::vector<std::string>> = "an array of strings";
template <>
constexpr std::string_view kWanted<std::vector<double>> = "an array of numbers";

template <typename T>
std::optional<T> convert(const toml::node& node) {
  if constexpr (std::is_same_v<T, double>) {
    if (node.is_integer()) return static_cast<double>(*node.value_exact<std::int64_t>());
    return node.value_exact<double>();
  } else {
    return node.value_exact<T>();
  }
}

template <typename Item>
std::optional<std::vector<Item>> convert_array(const toml::node& node) {
  const auto* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<Item> values;
  for (const auto& item : *array) {
    auto value = convert<Item>(item);
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
  }
  return values;
}

template <>
std::optional<std::vector<std::string>> convert(const toml::node& node) {
  return convert_array<std::string>(node);
}
template <>
std::optional<std::vector<double>> convert(const toml::node& node) {
  return convert_array<double>(node);
}

}  // namespace

template <typename T>
std::optional<T> TomlTable::get(std::string_view key) {
  auto& state = *file_->state_;
  const auto& table = table_of(table_);
  state.asked[&table].insert(std::string(key));
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  auto value = convert<T>(*node);
  if (!value) {
    state.note(node->source().begin.line,
               "'" + joined(path_, key) + "' must be " + std::string(kWanted<T>));
  }
  return value;
}

template <typename T>
T TomlTable::require(std::string_view key) {
  const bool present = has(key);
  auto value = get<T>(key);
  if (!present) problem(key, "is missing; it must be " + std::string(kWanted<T>));
  return value ? std::move(*value) : T{};
}

template std::optional<std::string> TomlTable::get(std::string_view);
template std::optional<std::int64_t> TomlTable::get(std::string_view);
template std::optional<double> TomlTable::get(std::string_view);
template std::optional<bool> TomlTable::get(std::string_view);
template std::optional<std::vector<std::string>> TomlTable::get(std::string_view);
template std::optional<std::vector<double>> TomlTable::get(std::string_view);
template std::string TomlTable::require(std::string_view);
template std::int64_t TomlTable::require(std::string_view);
template double TomlTable::require(std::string_view);
template bool TomlTable::require(std::string_view);
template std::vector<std::string> TomlTable::require(std::string_view);
template std::vector<double> TomlTable::require(std::string_view);

bool TomlTable::has(std::string_view key) const {
  return table_of(table_).get(key) != nullptr;
}

TomlTable TomlTable::table(std::string_view key) {
  auto& state = *file_->state_;
  const auto& table = table_of(table_);
  state.asked[&table].insert(std::string(key));
  const toml::node* node = table.get(key);
  const toml::table* below = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && below == nullptr) {
    state.note(node->source().begin.line, "'" + joined(path_, key) + "' must be a table");
  }
  return {file_, below == nullptr ? &state.empty : below, joined(path_, key)};
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, node] : table_of(table_)) names.emplace_back(key.str());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  auto& state = *file_->state_;
  const auto& table = table_of(table_);
  state.asked[&table].insert(std::string(key));
  std::vector<TomlTable> items;
  const toml::node* node = table.get(key);
  if (node == nullptr) return items;
  const auto* array = node->as_array();
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    if (const auto* item = array->get(i)->as_table()) {
      items.push_back({file_, item, joined(path_, key)});
    } else {
      array = nullptr;
      break;
    }
  }
  if (array == nullptr) {
    state.note(node->source().begin.line,
               "'" + joined(path_, key) + "' must be an array of tables");
  }
  return items;
}

void TomlTable::problem(std::string_view key, std::string message) {
  const auto& table = table_of(table_);
  const toml::node* node = table.get(key);
  const auto line = node == nullptr ? table.source().begin.line : node->source().begin.line;
  file_->state_->note(line, "'" + joined(path_, key) + "' " + std::move(message));
}

TomlFile::TomlFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
TomlFile::~TomlFile() = default;

Result<std::unique_ptr<TomlFile>> TomlFile::parse(std::string_view text, std::string name) {
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  try {
    state->root = toml::parse(text, state->name);
  } catch (const toml::parse_error& e) {
    return fail(ErrorCode::kInvalid, state->name + ": line " +
                                         std::to_string(e.source().begin.line) + ": " +
                                         std::string(e.description()));
  }
  return std::unique_ptr<TomlFile>(new TomlFile(std::move(state)));
}

TomlTable TomlFile::root() {
  return {this, &state_->root, ""};
}

Result<void> TomlFile::finish() {
  state_->find_unasked(state_->root, "");
  if (state_->problems.empty()) return {};
  const auto first = std::min_element(state_->problems.begin(), state_->problems.end(),
                                      [](const auto& a, const auto& b) { return a.line < b.line; });
  std::string place = state_->name;
  if (first->line > 0) place += ": line " + std::to_string(first->line);
  return fail(ErrorCode::kInvalid, place + ": " + first->message);
}

}  // namespace hone
