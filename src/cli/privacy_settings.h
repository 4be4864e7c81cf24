// What hone.toml says under [privacy]: what is captured, and what is redacted of it.
//
//   [privacy]
//   off = ["IP"]                    # types that stay readable in the store (docs/privacy.md)
//   allow = ["*@example.org"]       # values that stay readable
//   names = "names.txt"             # people's names, one a line, that do not
//   timeout_ms = 30000              # for one text; what takes longer is stored without content
//   capture = "content"             # or "metadata", or "nothing"
//   [privacy.team.legal]
//   capture = "metadata"
//   [[privacy.pattern]]
//   name = "employee number"
//   pattern = "EMP-[0-9]{6}"
//   type = "ID"                     # CUSTOM where it is left out
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/result.h"
#include "people/capture_policy.h"
#include "privacy/redactor.h"

namespace hone::cli {

struct PrivacySettings {
  std::vector<std::string> off;
  std::vector<std::string> allow;
  std::string names;
  std::int64_t timeout_ms = 30'000;
  std::vector<privacy::OwnPattern> patterns;
  people::CapturePolicy capture;
};

// Problems are noted in the table.
[[nodiscard]] PrivacySettings read_privacy(TomlTable table);

// Reads the file of names.
[[nodiscard]] Result<privacy::RedactionPolicy> redaction_policy(const PrivacySettings& settings);

}  // namespace hone::cli
