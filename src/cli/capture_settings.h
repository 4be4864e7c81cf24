// What hone.toml says under [capture]: how sure a record is when a tool has its answer, and what
// happens when there is no room for records.
//
//   [capture]
//   durability = "after-answer"     # or "before-answer": the answer's last byte waits for the sync
//   outbox_limit = "4 GiB"          # B, KiB, MiB or GiB
//   when_full = "pass"              # unrecorded, counted; or "refuse": new calls get 503
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/config.h"

namespace hone::cli {

struct CaptureSettings {
  bool before_answer = false;
  std::uint64_t outbox_limit_bytes = 4ULL << 30;
  bool refuse_when_full = false;
  bool operator==(const CaptureSettings&) const = default;
};

// Problems are noted in the table.
[[nodiscard]] CaptureSettings read_capture(TomlTable table);

// "512 MiB", "2GiB", "1048576 B".
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace hone::cli
