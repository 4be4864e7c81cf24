#include "cli/privacy_settings.h"

#include "base/file.h"
#include "base/text.h"

namespace hone::cli {
namespace {

people::CaptureLevel read_level(TomlTable& table) {
  const auto text = table.get_or("capture", std::string("content"));
  const auto level = people::parse_capture_level(text);
  if (!level) table.problem("capture", "must be \"content\", \"metadata\" or \"nothing\"");
  return level.value_or(people::CaptureLevel::kContent);
}

privacy::OwnPattern read_pattern(TomlTable table) {
  privacy::OwnPattern pattern;
  pattern.name = table.require<std::string>("name");
  pattern.expression = table.require<std::string>("pattern");
  pattern.type = table.get_or("type", pattern.type);
  pattern.caseless = table.get_or("any_case", false);
  if (!privacy::find_type(pattern.type))
    table.problem("type", "knows no type '" + pattern.type + "'");
  if (auto right = privacy::check_pattern(pattern); !right) {
    table.problem("pattern", "is wrong: " + right.error().message);
  }
  return pattern;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && !line.starts_with('#')) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

PrivacySettings read_privacy(TomlTable table) {
  PrivacySettings privacy;
  privacy.off = table.get_or("off", privacy.off);
  for (const auto& type : privacy.off) {
    if (!privacy::find_type(type)) table.problem("off", "knows no type '" + type + "'");
  }
  privacy.allow = table.get_or("allow", privacy.allow);
  privacy.names = table.get_or("names", std::string());
  privacy.timeout_ms = table.get_or("timeout_ms", privacy.timeout_ms);
  if (privacy.timeout_ms < 1) table.problem("timeout_ms", "must be at least 1");
  for (auto& pattern : table.tables("pattern")) privacy.patterns.push_back(read_pattern(pattern));
  privacy.capture.everyone = read_level(table);
  auto teams = table.table("team");
  for (const auto& team : teams.keys()) {
    auto own = teams.table(team);
    privacy.capture.teams[team] = read_level(own);
  }
  return privacy;
}

Result<privacy::RedactionPolicy> redaction_policy(const PrivacySettings& settings) {
  privacy::RedactionPolicy policy;
  policy.off = settings.off;
  policy.patterns = settings.patterns;
  policy.allow = settings.allow;
  policy.timeout = std::chrono::milliseconds(settings.timeout_ms);
  if (settings.names.empty()) return policy;
  auto names = read_file(posix_files(), settings.names);
  if (!names) return fail(names.error().with("privacy.names"));
  policy.names = lines_of(*names);
  return policy;
}

}  // namespace hone::cli
