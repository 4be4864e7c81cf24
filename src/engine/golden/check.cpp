#include "engine/golden/check.h"

#include <algorithm>
#include <array>
#include <ostream>

#include "engine/golden/report.h"

namespace hone::engine::golden {
namespace {

struct Entry {
  const char* name;  // as the group calls itself
  GroupReport (*check)(const Place&);
};

constexpr std::array kGroups = {Entry{"tokenizer", check_tokenizers},
                                Entry{"chat-rendered", check_rendered},
                                Entry{"chat-sft", check_sft},
                                Entry{"model", check_models},
                                Entry{"lora", check_adapters},
                                Entry{"loss", check_losses},
                                Entry{"trajectory", check_trajectories},
                                Entry{"smollm2", check_smollm2}};

}  // namespace

const std::vector<std::string>& group_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Entry& entry : kGroups) all.emplace_back(entry.name);
    return all;
  }();
  return names;
}

bool check_golden(const CheckOptions& options, std::ostream& out) {
  Totals totals;
  if (!options.json) out << heading() << std::flush;
  for (const Entry& entry : kGroups) {
    const bool wanted =
        options.only.empty() || std::ranges::find(options.only, entry.name) != options.only.end();
    if (!wanted) continue;
    const GroupReport report = entry.check(options.place);
    totals.add(report);
    if (options.json) {
      out << json::serialize(to_json(report)) << '\n' << std::flush;
    } else {
      out << to_text(report, options.all ? report.findings.size() : kShownFindings) << std::flush;
    }
  }
  if (!options.json) out << to_text(totals);
  return totals.cases > 0 && totals.failed == 0;
}

}  // namespace hone::engine::golden
