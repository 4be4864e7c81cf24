// What is captured at all of what a team does, whatever its members agree to: everything
// (redacted), that a call happened and no word of it, or nothing. From hone.toml, for the whole
// organisation and by team.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace hone::people {

enum class CaptureLevel { kNothing, kMetadata, kContent };

// "nothing", "metadata", "content".
[[nodiscard]] std::optional<CaptureLevel> parse_capture_level(std::string_view text);

struct CapturePolicy {
  CaptureLevel everyone = CaptureLevel::kContent;
  std::map<std::string, CaptureLevel, std::less<>> teams;  // by name

  [[nodiscard]] CaptureLevel level(std::string_view team) const;
};

}  // namespace hone::people
