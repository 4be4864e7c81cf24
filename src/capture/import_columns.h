// What can be seen of a column without knowing what it is for: how often it is filled, whether with
// numbers, times, lists of messages or a dialogue. Used by the guess of a map only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"

namespace hone::capture {

struct Column {
  std::string pointer;
  std::string name;  // its last part in lower case, letters and digits
  int filled = 0;
  int numbers = 0;
  int lists = 0;
  int message_lists = 0;  // of objects with a role
  std::size_t characters = 0;
  double least = 0;
  double most = 0;
  std::map<std::string, int, std::less<>> values;  // the first two dozen
  bool many = false;                               // there are more
  std::map<std::string, int, std::less<>> times;   // by format: how many fit
  std::string packed;                              // "json", "python": a text that holds a list
  std::string role_field, content_field;
  std::set<std::string, std::less<>> speakers;
  int dialogues = 0;
};

// In lower case, letters and digits only.
[[nodiscard]] std::string plain_name(std::string_view name);

// As a TOML string; as a step of a JSON pointer.
[[nodiscard]] std::string toml_text(std::string_view text);
[[nodiscard]] std::string escaped(std::string_view key);

// Adds a value of the column to what is known of it.
void look_at(Column& column, const json::value& value);

}  // namespace hone::capture
