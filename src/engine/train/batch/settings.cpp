#include "engine/train/batch/settings.h"

#include <fmt/format.h>

#include <algorithm>

namespace hone::engine {

const json::value* Settings::find(std::string_view name) {
  asked_.push_back(name);
  const json::value* value = config_.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

double Settings::number(std::string_view name, double otherwise, double low, double high) {
  return number(name, low, high).value_or(otherwise);
}

template <typename T>
std::optional<T> Settings::read(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  auto read = as<T>(*value, name);
  if (read) return *read;
  require(false, read.error().message);
  return std::nullopt;
}

template <typename T>
std::optional<T> Settings::read_within(std::string_view name, T low, T high) {
  const auto value = read<T>(name);
  if (value) {
    require(*value >= low && *value <= high,
            fmt::format("field '{}' must be from {} to {}", name, low, high));
  }
  return value;
}

std::optional<double> Settings::number(std::string_view name, double low, double high) {
  return read_within(name, low, high);
}

std::optional<std::int64_t> Settings::whole(std::string_view name, std::int64_t low,
                                            std::int64_t high) {
  return read_within(name, low, high);
}

std::optional<bool> Settings::flag(std::string_view name) {
  return read<bool>(name);
}

std::size_t Settings::choice(std::string_view name, std::initializer_list<std::string_view> known) {
  const json::value* value = find(name);
  return value == nullptr ? 0 : place_of(name, *value, known);
}

std::vector<std::size_t> Settings::choices(std::string_view name,
                                           std::initializer_list<std::string_view> known) {
  const json::value* value = find(name);
  if (value == nullptr) return {0};
  if (!value->is_array()) return {place_of(name, *value, known)};
  std::vector<std::size_t> places;
  for (const json::value& item : value->get_array()) places.push_back(place_of(name, item, known));
  require(!places.empty(), fmt::format("field '{}' is empty", name));
  return places;
}

std::vector<double> Settings::numbers(std::string_view name, std::size_t count) {
  const json::value* value = find(name);
  std::vector<double> all(count, 1.0);
  if (value == nullptr) return all;
  const json::array* array = value->if_array();
  if (array == nullptr || array->size() != count) {
    require(false, fmt::format("field '{}' must be a list of {} numbers", name, count));
    return all;
  }
  for (std::size_t i = 0; i < count; ++i) {
    auto read = as<double>((*array)[i], name);
    require(read.has_value(), read ? "" : read.error().message);
    all[i] = read.value_or(1.0);
  }
  return all;
}

std::size_t Settings::place_of(std::string_view name, const json::value& value,
                               std::initializer_list<std::string_view> known) {
  const json::string* text = value.if_string();
  const auto* found =
      text == nullptr ? known.end() : std::ranges::find(known, std::string_view(*text));
  if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
  std::string all;
  for (const std::string_view one : known)
    all += (all.empty() ? "\"" : ", \"") + std::string(one) + "\"";
  require(false, fmt::format("field '{}' must be one of {}", name, all));
  return 0;
}

void Settings::require(bool good, const std::string& problem) {
  if (!good && outcome_) outcome_ = fail(ErrorCode::kInvalid, problem);
}

Result<void> Settings::finish() const {
  if (!outcome_) return outcome_;
  for (const auto& item : config_) {
    const std::string_view key = item.key();
    if (std::ranges::find(asked_, key) != asked_.end()) continue;
    std::string problem = fmt::format("unknown field '{}'", key.substr(0, 64));
    const auto hint = nearest_name(key, asked_);
    if (!hint.empty()) problem += fmt::format("; did you mean '{}'?", hint);
    return fail(ErrorCode::kInvalid, problem);
  }
  return {};
}

}  // namespace hone::engine
