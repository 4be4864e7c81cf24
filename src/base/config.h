// Reads a TOML file so that every mistake is named with its file, line and, where one is near, the
// word that was meant. A reader walks one table; `finish` refuses what nobody asked for.
//
//   auto file = TomlFile::parse(text, "hone.toml");
//   TomlTable server = file->root().table("server");
//   const auto port = server.get_or("port", std::int64_t{8700});
//   if (auto done = file->finish(); !done) return fail(done.error());   // wrong types, misspelt
//   fields
//
// Reading never fails by itself: problems are gathered and the first, by line, is what `finish`
// returns.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

class TomlFile;

class TomlTable {
 public:
  // T: std::string, std::int64_t, double, bool, and std::vector of std::string or double.
  template <typename T>
  [[nodiscard]] std::optional<T> get(std::string_view key);
  template <typename T>
  [[nodiscard]] T get_or(std::string_view key, T otherwise) {
    auto value = get<T>(key);
    return value ? std::move(*value) : std::move(otherwise);
  }
  template <typename T>
  [[nodiscard]] T require(std::string_view key);  // a default T and a noted problem where absent

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] TomlTable table(std::string_view key);                // an empty one where absent
  [[nodiscard]] std::vector<std::string> keys() const;                // sorted
  [[nodiscard]] std::vector<TomlTable> tables(std::string_view key);  // [[key]]
  // Notes a problem with `key`, e.g. a number out of range.
  void problem(std::string_view key, std::string message);

 private:
  friend class TomlFile;
  TomlTable(TomlFile* file, const void* table, std::string path)
      : file_(file), table_(table), path_(std::move(path)) {}
  TomlFile* file_;
  const void* table_;  // toml::table; kept out of this header, which everyone includes
  std::string path_;
};

class TomlFile {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TomlFile>> parse(std::string_view text,
                                                               std::string name);
  ~TomlFile();
  TomlFile(const TomlFile&) = delete;
  TomlFile& operator=(const TomlFile&) = delete;
  [[nodiscard]] TomlTable root();
  [[nodiscard]] Result<void> finish();

 private:
  friend class TomlTable;
  struct State;
  explicit TomlFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone
