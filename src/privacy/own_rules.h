// What an organisation adds: its own patterns, its people's names, and values that stay readable.
// Used inside this folder only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "privacy/deadline.h"
#include "privacy/finding.h"
#include "privacy/matcher.h"
#include "privacy/redactor.h"

namespace hone::privacy {

class OwnRules {
 public:
  [[nodiscard]] static Result<OwnRules> create(const RedactionPolicy& policy);

  [[nodiscard]] Result<void> find(std::string_view text, const Deadline& deadline,
                                  std::vector<Finding>& findings) const;
  [[nodiscard]] bool allows(std::string_view value) const;
  // For the policy's digest.
  [[nodiscard]] const std::string& described() const { return described_; }

 private:
  std::unique_ptr<Matcher> matcher_;  // none where there is nothing to find
  std::vector<OwnPattern> patterns_;  // the matcher's first; names come after them
  std::vector<Type> types_;
  std::vector<std::string> allow_;  // lower case
  std::string described_;
};

}  // namespace hone::privacy
