// NAME=value lines, as Codex, Gemini CLI and Continue read their secrets from.
#include "base/text.h"
#include "cli/connect/document.h"

namespace hone::cli::connect {
namespace {

struct DotenvLine {
  std::string name;
  std::string value;
  std::size_t value_begin = 0;
  std::size_t value_end = 0;
};

// The settings among the lines, in their order. What is no setting is left alone, as their readers
// leave it.
std::vector<DotenvLine> dotenv_lines(std::string_view text) {
  std::vector<DotenvLine> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = next_line(text, at);
    const auto line = text.substr(at, end - at);
    const auto equals = line.find('=');
    const auto first = line.find_first_not_of(" \t");
    if (equals != std::string_view::npos && line[first] != '#') {
      auto name = trimmed(line.substr(0, equals));
      if (name.starts_with("export ")) name = trimmed(name.substr(7));
      const auto value = trimmed(line.substr(equals + 1));
      DotenvLine found;
      found.name = std::string(name);
      found.value_begin =
          value.empty() ? at + equals + 1 : static_cast<std::size_t>(value.data() - text.data());
      found.value_end = found.value_begin + value.size();
      const bool in_quotes = value.size() >= 2 && value.front() == value.back() &&
                             (value.front() == '"' || value.front() == '\'');
      found.value = std::string(in_quotes ? value.substr(1, value.size() - 2) : value);
      lines.push_back(std::move(found));
    }
    at = end;
  }
  return lines;
}

}  // namespace

Result<json::value> parse_dotenv(std::string_view text) {
  json::object values;
  for (const auto& line : dotenv_lines(text)) values[line.name] = line.value;
  return json::value(std::move(values));
}

Result<std::string> set_in_dotenv(std::string_view text, const Setting& setting) {
  const std::string value(setting.value.is_string() ? std::string_view(setting.value.get_string())
                                                    : std::string_view());
  if (value.find_first_of(" \t\r\n\"'#$\\`") != std::string::npos) {
    return fail(ErrorCode::kInvalid, setting.path.back() +
                                         " holds a character that a .env file cannot (a blank, a "
                                         "quote, '#', '$')");
  }
  std::string out(text);
  const auto lines = dotenv_lines(text);
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (line->name != setting.path.back()) continue;
    out.replace(line->value_begin, line->value_end - line->value_begin, value);
    return out;
  }
  const std::string nl(line_break(text));
  if (!out.empty() && !out.ends_with('\n')) out += nl;
  out += setting.path.back() + "=" + value + nl;
  return out;
}

Result<std::string> unset_in_dotenv(std::string_view text, const Setting& setting) {
  std::string out(text);
  const auto lines = dotenv_lines(text);
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (line->name != setting.path.back()) continue;
    const std::size_t begin = line_start(text, line->value_begin);
    return out.erase(begin, next_line(text, line->value_begin) - begin);
  }
  return out;
}

}  // namespace hone::cli::connect
