#include "people/roster.h"

#include <algorithm>

#include "base/hash.h"
#include "base/random.h"
#include "store/database.h"

namespace hone::people {
namespace {

constexpr std::string_view kKeyPrefix = "hone_sk_";
constexpr std::size_t kSecretBytes = 20;  // 160 bits: 32 characters, none of them padding
constexpr std::size_t kMaxName = 200;

constexpr std::string_view kPersonSql =
    "SELECT p.id, n.name, p.team_id, t.name AS team_name, p.role, p.capture, p.train, p.created_at "
    "FROM person p LEFT JOIN person_name n ON n.person_id = p.id LEFT JOIN team t ON t.id = "
    "p.team_id";

Result<void> check_name(std::string_view what, std::string_view name) {
  const bool plain =
      std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20; });
  if (!name.empty() && name.size() <= kMaxName && plain) return {};
  return fail(ErrorCode::kInvalid, "the name of a " + std::string(what) +
                                       " must have 1 to 200 bytes and no control characters");
}

// RFC 4648, section 6, in lower case.
std::string base32(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(byte);
    for (count += 8; count >= 5; count -= 5) text += kAlphabet[(bits >> (count - 5)) & 31U];
  }
  return text;
}

Result<Person> read_person(const store::Row& row) {
  auto role = parse_role(row.text("role"));
  if (!role) return fail(role.error().with("person " + row.text("id")));
  return Person{.id = row.text("id"),
                .name = row.text("name"),
                .team = row.text("team_id"),
                .team_name = row.text("team_name"),
                .role = *role,
                .consents = {row.truth("capture"), row.truth("train")},
                .created_at = row.time("created_at")};
}

constexpr std::string_view kKeySql =
    "SELECT id, person_id, created_at, revoked_at, limits, scope FROM api_key ";

Result<Key> read_key(const store::Row& row) {
  auto limits = read_stored_limits(row.text("limits"));
  if (!limits) return fail(limits.error().with("key " + row.text("id")));
  const auto scope = parse_key_scope(row.text("scope"));
  if (!scope) return fail(scope.error().with("key " + row.text("id")));
  Key key{.id = row.text("id"),
          .person = row.text("person_id"),
          .created_at = row.time("created_at"),
          .revoked_at = std::nullopt,
          .scope = *scope,
          .limits = *limits};
  if (!row.is_null("revoked_at")) key.revoked_at = row.time("revoked_at");
  return key;
}

Result<void> require_one(Result<std::int64_t> changed, std::string_view what, std::string_view id) {
  if (!changed) return fail(changed.error());
  if (*changed > 0) return {};
  return fail(ErrorCode::kNotFound, "no " + std::string(what) + " '" + std::string(id) + "'");
}

}  // namespace

std::string hash_key(std::string_view secret) {
  return hex(sha256(secret));
}

Result<Team> Roster::ensure_team(std::string_view name) {
  if (auto checked = check_name("team", name); !checked) return fail(checked.error());
  auto rows = database_.query("SELECT id FROM team WHERE name = ?", {name});
  if (!rows) return fail(rows.error());
  if (!rows->empty()) return Team{rows->front().text("id"), std::string(name)};
  Team team{ids_.next("team"), std::string(name)};
  auto done = database_.execute("INSERT INTO team (id, name, created_at) VALUES (?, ?, ?)",
                                {team.id, team.name, clock_.now()});
  if (!done) return fail(done.error());
  return team;
}

Result<std::vector<Team>> Roster::teams() {
  auto rows = database_.query("SELECT id, name FROM team ORDER BY name");
  if (!rows) return fail(rows.error());
  std::vector<Team> teams;
  for (const store::Row row : *rows) teams.push_back({row.text("id"), row.text("name")});
  return teams;
}

Result<Person> Roster::create_person(const NewPerson& wanted) {
  if (auto checked = check_name("person", wanted.name); !checked) return fail(checked.error());
  Person person;
  person.id = ids_.next("per");
  person.name = wanted.name;
  person.role = wanted.role;
  person.consents = wanted.consents;
  person.created_at = clock_.now();
  auto done = database_.transaction([&]() -> Result<void> {
    auto taken = database_.query("SELECT person_id FROM person_name WHERE name = ?", {wanted.name});
    if (!taken) return fail(taken.error());
    if (!taken->empty()) {
      return fail(ErrorCode::kConflict, "there is a person named '" + wanted.name + "' already");
    }
    auto team = ensure_team(wanted.team);
    if (!team) return fail(team.error());
    person.team = team->id;
    person.team_name = team->name;
    auto made = database_.execute(
        "INSERT INTO person (id, team_id, role, capture, train, created_at) VALUES (?, ?, ?, ?, ?, "
        "?)",
        {person.id, person.team, name(person.role), person.consents.capture, person.consents.train,
         person.created_at});
    if (!made) return fail(made.error());
    auto named = database_.execute("INSERT INTO person_name (person_id, name) VALUES (?, ?)",
                                   {person.id, person.name});
    if (!named) return fail(named.error());
    return {};
  });
  if (!done) return fail(done.error());
  return person;
}

Result<Person> Roster::find_person(std::string_view name_or_id) {
  auto rows = database_.query(std::string(kPersonSql) + " WHERE n.name = ? OR p.id = ?",
                              {name_or_id, name_or_id});
  if (!rows) return fail(rows.error());
  if (rows->empty()) {
    return fail(ErrorCode::kNotFound, "no person '" + std::string(name_or_id) + "'");
  }
  return read_person(rows->front());
}

Result<Person> Roster::ensure_person(const NewPerson& person) {
  auto found = find_person(person.name);
  if (found || found.error().code != ErrorCode::kNotFound) return found;
  return create_person(person);
}

Result<std::vector<Person>> Roster::persons() {
  auto rows = database_.query(std::string(kPersonSql) + " ORDER BY n.name, p.id");
  if (!rows) return fail(rows.error());
  std::vector<Person> persons;
  for (const store::Row row : *rows) {
    auto person = read_person(row);
    if (!person) return fail(person.error());
    persons.push_back(std::move(*person));
  }
  return persons;
}

Result<void> Roster::set_role(std::string_view person, Role role) {
  return require_one(
      database_.execute("UPDATE person SET role = ? WHERE id = ?", {name(role), person}), "person",
      person);
}

Result<void> Roster::set_team(std::string_view person, std::string_view team_name) {
  return database_.transaction([&]() -> Result<void> {
    auto team = ensure_team(team_name);
    if (!team) return fail(team.error());
    return require_one(
        database_.execute("UPDATE person SET team_id = ? WHERE id = ?", {team->id, person}),
        "person", person);
  });
}

Result<NewKey> Roster::create_key(std::string_view person, const Allowance& limits,
                                  KeyScope scope) {
  auto owner = database_.query("SELECT id FROM person WHERE id = ?", {person});
  if (!owner) return fail(owner.error());
  if (owner->empty()) return fail(ErrorCode::kNotFound, "no person '" + std::string(person) + "'");
  NewKey made;
  made.key = {.id = ids_.next("key"),
              .person = std::string(person),
              .created_at = clock_.now(),
              .revoked_at = std::nullopt,
              .scope = scope,
              .limits = limits};
  made.secret = std::string(kKeyPrefix) + base32(secret_bytes(kSecretBytes));
  auto done = database_.execute(
      "INSERT INTO api_key (id, person_id, hash, created_at, limits, scope)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      {made.key.id, made.key.person, hash_key(made.secret), made.key.created_at,
       stored_limits(limits), name(scope)});
  if (!done) return fail(done.error());
  return made;
}

Result<std::vector<Key>> Roster::keys(std::string_view person) {
  auto rows = database_.query(
      std::string(kKeySql) + "WHERE person_id = ? OR ? = '' ORDER BY created_at, id",
      {person, person});
  if (!rows) return fail(rows.error());
  std::vector<Key> keys;
  for (const store::Row row : *rows) {
    auto key = read_key(row);
    if (!key) return fail(key.error());
    keys.push_back(std::move(*key));
  }
  return keys;
}

Result<Key> Roster::find_key(std::string_view key_id) {
  auto rows = database_.query(std::string(kKeySql) + "WHERE id = ?", {key_id});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return fail(ErrorCode::kNotFound, "no key '" + std::string(key_id) + "'");
  return read_key(rows->front());
}

Result<void> Roster::set_key_limits(std::string_view key_id, const Allowance& limits) {
  return require_one(database_.execute("UPDATE api_key SET limits = ? WHERE id = ?",
                                       {stored_limits(limits), key_id}),
                     "key", key_id);
}

Result<void> Roster::revoke_key(std::string_view key_id) {
  // Revoked twice keeps its first time.
  return require_one(
      database_.execute("UPDATE api_key SET revoked_at = COALESCE(revoked_at, ?) WHERE id = ?",
                        {clock_.now(), key_id}),
      "key", key_id);
}

}  // namespace hone::people
