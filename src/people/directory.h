// Who is calling, for the hot path: a snapshot of keys, persons and consents in memory, so that a
// request costs one hash and one lookup, and works while the database is away. `reload` brings it
// up to date (at start, after administration, and on a timer); a consent change counts at once by
// `apply`, before the indexer has written it. Thread-safe.
//
//   const auto caller = directory.find_key(secret);
//   if (!caller) …401…
//   if (caller->capture) …record…
#pragma once

#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "people/allowance.h"
#include "store/records.h"

namespace hone::store {
class Database;
}

namespace hone::people {

enum class Role { kEmployee, kPlatform, kModel, kPrivacy, kLead };

// "employee", "platform", "model", "privacy", "lead".
[[nodiscard]] std::string_view name(Role role);
[[nodiscard]] Result<Role> parse_role(std::string_view text);

// What a key opens. One that stands in a page can be read by whoever opens the page, and so opens
// feedback only: it says what became of an answer, and reads nothing.
enum class KeyScope { kAll, kFeedback };

// "all", "feedback".
[[nodiscard]] std::string_view name(KeyScope scope);
[[nodiscard]] Result<KeyScope> parse_key_scope(std::string_view text);

struct Consents {
  bool capture = true;
  bool train = true;
};

struct Caller {
  std::string person;
  std::string team;  // id
  std::string team_name;
  Role role = Role::kEmployee;
  std::string key_id;
  KeyScope scope = KeyScope::kAll;  // what that key opens
  bool capture = true;
  bool train = true;
  std::shared_ptr<const Allowance> limits = nullptr;  // of the key's own; null where it has none
};

class Directory {
 public:
  Directory();
  ~Directory();

  // The owner of a key that exists, is not revoked, and opens `needed`: what opens all opens that,
  // too. Whoever does not ask for less gets no key that opens less.
  [[nodiscard]] std::optional<Caller> find_key(std::string_view secret,
                                               KeyScope needed = KeyScope::kAll) const;

  // None for a person whom the database does not know.
  [[nodiscard]] std::optional<Consents> consents(std::string_view person) const;

  // Reads the whole of persons and keys; on failure the old snapshot stays in force.
  [[nodiscard]] Result<void> reload(store::Database& database);

  // Takes effect at once and outlasts a `reload` that reads the database before the indexer wrote
  // it.
  void apply(const store::Consent& consent);

 private:
  struct Snapshot;
  mutable std::shared_mutex mutex_;
  std::unique_ptr<Snapshot> snapshot_;
};

}  // namespace hone::people
