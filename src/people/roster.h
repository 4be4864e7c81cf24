// The administration of teams, persons and keys: it reads and writes the database directly. A key
// is shown once, when it is made, and kept only as a hash. Names stand apart from pseudonyms (table
// person_name) and leave this folder only for people. Consents change through the outbox
// (store::Consent), not here. Blocking; from a worker thread, with a database of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "people/allowance.h"
#include "people/directory.h"

namespace hone::people {

struct Team {
  std::string id;
  std::string name;
};

struct Person {
  std::string id;  // the pseudonym
  std::string name;
  std::string team;  // id
  std::string team_name;
  Role role = Role::kEmployee;
  Consents consents;
  Time created_at{};
};

struct Key {
  std::string id;
  std::string person;
  Time created_at{};
  std::optional<Time> revoked_at;
  KeyScope scope = KeyScope::kAll;
  Allowance limits;  // beside those that hone.toml gives it; of each the stricter one holds
};

struct NewKey {
  Key key;
  std::string secret;  // "hone_sk_…", to be shown once
};

struct NewPerson {
  std::string name;
  std::string team;  // name; made where there is none yet
  Role role = Role::kEmployee;
  Consents consents;
};

class Roster {
 public:
  Roster(store::Database& database, Clock& clock, IdSource& ids)
      : database_(database), clock_(clock), ids_(ids) {}

  // The team of that name, made if need be.
  [[nodiscard]] Result<Team> ensure_team(std::string_view name);
  [[nodiscard]] Result<std::vector<Team>> teams();

  // kConflict where the name is taken.
  [[nodiscard]] Result<Person> create_person(const NewPerson& person);
  // The person of that name or id; kNotFound says so.
  [[nodiscard]] Result<Person> find_person(std::string_view name_or_id);
  [[nodiscard]] Result<Person> ensure_person(const NewPerson& person);  // found by name, else made
  [[nodiscard]] Result<std::vector<Person>> persons();
  [[nodiscard]] Result<void> set_role(std::string_view person, Role role);
  [[nodiscard]] Result<void> set_team(std::string_view person, std::string_view team_name);

  [[nodiscard]] Result<NewKey> create_key(std::string_view person, const Allowance& limits = {},
                                          KeyScope scope = KeyScope::kAll);
  [[nodiscard]] Result<std::vector<Key>> keys(std::string_view person = {});  // of all where empty
  [[nodiscard]] Result<Key> find_key(std::string_view key_id);                // kNotFound says so
  // In place of those it had, after the directory's next reload. kNotFound says so.
  [[nodiscard]] Result<void> set_key_limits(std::string_view key_id, const Allowance& limits);
  // From then on the key opens nothing (after the directory's next reload). kNotFound says so.
  [[nodiscard]] Result<void> revoke_key(std::string_view key_id);

 private:
  store::Database& database_;
  Clock& clock_;
  IdSource& ids_;
};

// What the database keeps of a secret: SHA-256, in hex. The secret has 160 bits of chance, so that
// no slow hash is needed to protect it.
[[nodiscard]] std::string hash_key(std::string_view secret);

}  // namespace hone::people
