#include "cli/command.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace hone::cli {
namespace {

std::string cell_text(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  if (value.is_null()) return "";
  if (value.is_double()) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value.get_double());
    return text;
  }
  return json::serialize(value);
}

std::string cell(const json::value& row, std::string_view column) {
  const auto* object = row.if_object();
  const json::value* value = object == nullptr ? nullptr : object->if_contains(column);
  return value == nullptr ? "" : cell_text(*value);
}

void show_table(const json::array& rows, std::vector<std::string_view> columns) {
  if (columns.empty() && !rows.empty() && rows.front().is_object()) {
    for (const auto& item : rows.front().get_object()) columns.push_back(item.key());
  }
  std::vector<std::size_t> widths;
  for (const auto column : columns) {
    std::size_t width = column.size();
    for (const auto& row : rows) width = std::max(width, cell(row, column).size());
    widths.push_back(width);
  }
  const auto line = [&](const std::function<std::string(std::string_view)>& text) {
    std::string out;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      std::string part = text(columns[i]);
      if (i + 1 < columns.size()) part.resize(std::max(part.size(), widths[i] + 2), ' ');
      out += part;
    }
    std::cout << out << '\n';
  };
  line([](std::string_view column) { return std::string(column); });
  for (const auto& row : rows) line([&](std::string_view column) { return cell(row, column); });
}

}  // namespace

Result<Settings> Invocation::settings() const {
  auto settings = load_settings(config);
  if (settings && !data.empty()) settings->data = data;
  return settings;
}

Result<std::unique_ptr<Workspace>> Invocation::open() const {
  auto read = settings();
  if (!read) return fail(read.error());
  return Workspace::open(*read);
}

std::string Invocation::beside(std::string_view other_program) const {
  const auto slash = program.rfind('/');
  if (slash == std::string::npos) return std::string(other_program);
  return program.substr(0, slash + 1) + std::string(other_program);
}

void show(const Invocation& call, const json::value& value,
          const std::vector<std::string_view>& columns) {
  if (call.json) {
    std::cout << json::serialize(value) << '\n';
  } else if (const auto* rows = value.if_array()) {
    show_table(*rows, columns);
  } else if (const auto* object = value.if_object()) {
    for (const auto& item : *object) {
      std::cout << std::string_view(item.key()) << ": " << cell_text(item.value()) << '\n';
    }
  } else {
    std::cout << cell_text(value) << '\n';
  }
}

void remark(const std::string& line) {
  std::cerr << line << std::endl;
}

int exit_status(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kTooLarge:
      return 2;
    case ErrorCode::kNotFound:
      return 3;
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
      return 4;
    default:
      return 1;
  }
}

}  // namespace hone::cli
