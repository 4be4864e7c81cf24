// A method's JSON config (docs/formats/engine.md), read with errors that name the field. After the
// first problem the defaults are handed out and `finish` gives the problem; it refuses fields that
// nobody asked for, but for those that only describe a case: "note", "reduction",
// "swapped_models".
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine {

class Settings {
 public:
  explicit Settings(const json::object& config) : config_(config) {}

  [[nodiscard]] double number(std::string_view name, double otherwise, double low, double high);
  // Absent and null are both nothing.
  [[nodiscard]] std::optional<double> number(std::string_view name, double low, double high);
  [[nodiscard]] std::optional<std::int64_t> whole(std::string_view name, std::int64_t low,
                                                  std::int64_t high);
  [[nodiscard]] std::optional<bool> flag(std::string_view name);
  // The place of the field's text among `known`; the first where the field is absent.
  [[nodiscard]] std::size_t choice(std::string_view name,
                                   std::initializer_list<std::string_view> known);
  // A text or a list of texts, as places among `known`.
  [[nodiscard]] std::vector<std::size_t> choices(std::string_view name,
                                                 std::initializer_list<std::string_view> known);
  // Absent: as many ones as asked for. Otherwise there must be as many.
  [[nodiscard]] std::vector<double> numbers(std::string_view name, std::size_t count);

  void require(bool good, const std::string& problem);
  [[nodiscard]] Result<void> finish() const;

 private:
  [[nodiscard]] const json::value* find(std::string_view name);
  template <typename T>
  [[nodiscard]] std::optional<T> read(std::string_view name);
  template <typename T>
  [[nodiscard]] std::optional<T> read_within(std::string_view name, T low, T high);
  [[nodiscard]] std::size_t place_of(std::string_view name, const json::value& value,
                                     std::initializer_list<std::string_view> known);

  const json::object& config_;
  std::vector<std::string_view> asked_ = {"note", "reduction", "swapped_models"};
  Result<void> outcome_;
};

}  // namespace hone::engine
