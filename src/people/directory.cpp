#include "people/directory.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "people/roster.h"
#include "store/database.h"

namespace hone::people {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 5> kRoles = {{
    {Role::kEmployee, "employee"},
    {Role::kPlatform, "platform"},
    {Role::kModel, "model"},
    {Role::kPrivacy, "privacy"},
    {Role::kLead, "lead"},
}};

struct Member {
  std::string team;
  std::string team_name;
  Role role = Role::kEmployee;
  Consents consents;
};

struct KeyOwner {
  std::string key_id;
  std::string person;
  KeyScope scope = KeyScope::kAll;
  std::shared_ptr<const Allowance> limits;
};

using Members = std::unordered_map<std::string, Member>;
using Keys = std::unordered_map<std::string, KeyOwner>;  // by the secret's hash

Result<Members> read_members(store::Database& database) {
  auto rows = database.query(
      "SELECT p.id, p.team_id, t.name AS team_name, p.role, p.capture, p.train FROM person p "
      "LEFT JOIN team t ON t.id = p.team_id");
  if (!rows) return fail(rows.error());
  Members members;
  for (const store::Row row : *rows) {
    const auto role = parse_role(row.text("role"));
    if (!role) return fail(role.error().with("person " + row.text("id")));
    members[row.text("id")] = {row.text("team_id"),
                               row.text("team_name"),
                               *role,
                               {row.truth("capture"), row.truth("train")}};
  }
  return members;
}

Result<Keys> read_keys(store::Database& database) {
  auto rows = database.query(
      "SELECT id, person_id, hash, limits, scope FROM api_key WHERE revoked_at IS NULL");
  if (!rows) return fail(rows.error());
  Keys keys;
  for (const store::Row row : *rows) {
    KeyOwner owner{row.text("id"), row.text("person_id"), KeyScope::kAll, nullptr};
    const auto scope = parse_key_scope(row.text("scope"));
    if (!scope) {  // likewise what is below: a key that is not understood opens nothing
      spdlog::error("key {}: {}", owner.key_id, scope.error().message);
      continue;
    }
    owner.scope = *scope;
    const auto limits = read_stored_limits(row.text("limits"));
    if (!limits) {  // to pass over it would be to grant it: the key opens nothing
      spdlog::error("key {}: {}", owner.key_id, limits.error().message);
      continue;
    }
    if (!limits->empty()) owner.limits = std::make_shared<const Allowance>(*limits);
    keys[row.text("hash")] = std::move(owner);
  }
  return keys;
}

void apply_to(Members& members, const store::Consent& consent) {
  const auto found = members.find(consent.person);
  if (found == members.end()) return;
  if (consent.capture) found->second.consents.capture = *consent.capture;
  if (consent.train) found->second.consents.train = *consent.train;
}

}  // namespace

std::string_view name(Role role) {
  for (const auto& [known, text] : kRoles) {
    if (known == role) return text;
  }
  return "";
}

Result<Role> parse_role(std::string_view text) {
  for (const auto& [role, known] : kRoles) {
    if (known == text) return role;
  }
  return fail(ErrorCode::kInvalid, "no role '" + std::string(text) +
                                       "'; roles are employee, platform, model, privacy, lead");
}

std::string_view name(KeyScope scope) {
  return scope == KeyScope::kAll ? "all" : "feedback";
}

Result<KeyScope> parse_key_scope(std::string_view text) {
  for (const auto scope : {KeyScope::kAll, KeyScope::kFeedback}) {
    if (name(scope) == text) return scope;
  }
  return fail(ErrorCode::kInvalid,
              "no scope '" + std::string(text) + "'; a key opens all or feedback");
}

struct Directory::Snapshot {
  Members members;
  Keys keys;
  std::vector<store::Consent> pending;  // applied here, not yet seen in the database; in order
};

Directory::Directory() : snapshot_(std::make_unique<Snapshot>()) {}
Directory::~Directory() = default;

std::optional<Caller> Directory::find_key(std::string_view secret, KeyScope needed) const {
  const std::string hash = hash_key(secret);
  const std::shared_lock lock(mutex_);
  const auto owner = snapshot_->keys.find(hash);
  if (owner == snapshot_->keys.end()) return std::nullopt;
  const KeyScope scope = owner->second.scope;
  if (scope != KeyScope::kAll && scope != needed) return std::nullopt;
  const auto member = snapshot_->members.find(owner->second.person);
  if (member == snapshot_->members.end()) return std::nullopt;
  return Caller{.person = owner->second.person,
                .team = member->second.team,
                .team_name = member->second.team_name,
                .role = member->second.role,
                .key_id = owner->second.key_id,
                .scope = scope,
                .capture = member->second.consents.capture,
                .train = member->second.consents.train,
                .limits = owner->second.limits};
}

std::optional<Consents> Directory::consents(std::string_view person) const {
  const std::shared_lock lock(mutex_);
  const auto member = snapshot_->members.find(std::string(person));
  if (member == snapshot_->members.end()) return std::nullopt;
  return member->second.consents;
}

Result<void> Directory::reload(store::Database& database) {
  std::vector<store::Consent> waiting;
  {
    const std::shared_lock lock(mutex_);
    waiting = snapshot_->pending;
  }
  // Which of them the indexer has written is asked before persons are read: what is dropped from
  // the list is then certainly in what was read.
  std::vector<std::string> written;
  for (const store::Consent& consent : waiting) {
    auto rows = database.query("SELECT id FROM consent WHERE id = ?", {consent.id});
    if (!rows) return fail(rows.error());
    if (!rows->empty()) written.push_back(consent.id);
  }
  auto members = read_members(database);
  if (!members) return fail(members.error());
  auto keys = read_keys(database);
  if (!keys) return fail(keys.error());

  const std::unique_lock lock(mutex_);
  std::erase_if(snapshot_->pending, [&](const store::Consent& consent) {
    return std::find(written.begin(), written.end(), consent.id) != written.end();
  });
  for (const store::Consent& consent : snapshot_->pending) apply_to(*members, consent);
  snapshot_->members = std::move(*members);
  snapshot_->keys = std::move(*keys);
  return {};
}

void Directory::apply(const store::Consent& consent) {
  const std::unique_lock lock(mutex_);
  apply_to(snapshot_->members, consent);
  snapshot_->pending.push_back(consent);
}

}  // namespace hone::people
