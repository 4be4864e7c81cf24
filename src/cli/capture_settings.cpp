#include "cli/capture_settings.h"

#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace hone::cli {
namespace {

constexpr std::uint64_t kLeastOutbox = 1ULL << 20;

// True for `chosen`, false for `otherwise`; anything else is a problem.
bool is_chosen(TomlTable& table, std::string_view key, std::string_view otherwise,
               std::string_view chosen) {
  const auto text = table.get_or(key, std::string(otherwise));
  if (text != chosen && text != otherwise) {
    table.problem(key,
                  "must be \"" + std::string(otherwise) + "\" or \"" + std::string(chosen) + "\"");
  }
  return text == chosen;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc()) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  constexpr std::array<std::pair<std::string_view, int>, 4> kUnits = {
      {{"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}}};
  for (const auto& [name, shift] : kUnits) {
    if (unit != name) continue;
    if (number > (~std::uint64_t{0} >> shift)) return std::nullopt;
    return number << shift;
  }
  return std::nullopt;
}

CaptureSettings read_capture(TomlTable table) {
  CaptureSettings capture;
  capture.before_answer = is_chosen(table, "durability", "after-answer", "before-answer");
  capture.refuse_when_full = is_chosen(table, "when_full", "pass", "refuse");
  if (const auto limit = table.get<std::string>("outbox_limit")) {
    const auto bytes = parse_bytes(*limit);
    if (!bytes) {
      table.problem("outbox_limit", "must be a size such as \"512 MiB\" or \"2 GiB\"");
    } else if (*bytes < kLeastOutbox) {
      table.problem("outbox_limit", "must be at least \"1 MiB\"");
    }
    capture.outbox_limit_bytes = bytes.value_or(capture.outbox_limit_bytes);
  }
  return capture;
}

}  // namespace hone::cli
