#include "people/capture_policy.h"

namespace hone::people {

std::optional<CaptureLevel> parse_capture_level(std::string_view text) {
  if (text == "nothing") return CaptureLevel::kNothing;
  if (text == "metadata") return CaptureLevel::kMetadata;
  if (text == "content") return CaptureLevel::kContent;
  return std::nullopt;
}

CaptureLevel CapturePolicy::level(std::string_view team) const {
  const auto own = teams.find(team);
  return own == teams.end() ? everyone : own->second;
}

}  // namespace hone::people
