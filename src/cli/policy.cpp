#include "cli/policy.h"

#include "base/file.h"

namespace hone::cli {

Result<feedback::Policy> load_policy(const Settings& settings, const std::string& file) {
  const std::string& path = file.empty() ? settings.verdict_policy : file;
  if (path.empty()) return feedback::default_policy();
  auto text = read_file(posix_files(), path);
  if (!text) return fail(text.error());
  return feedback::parse_policy(*text, path);
}

Result<feedback::MiningRules> load_mining_rules(const Settings& settings, const std::string& file) {
  const std::string& path = file.empty() ? settings.mining_rules : file;
  if (path.empty()) return feedback::default_mining_rules();
  auto text = read_file(posix_files(), path);
  if (!text) return fail(text.error());
  return feedback::parse_mining_rules(*text, path);
}

}  // namespace hone::cli
