// hone key create | limit | list | revoke: API keys. A key is shown once; only its hash is kept.
#include "cli/command.h"
#include "cli/cost_settings.h"
#include "people/roster.h"

namespace hone::cli {
namespace {

struct KeyOptions {
  std::string person;
  std::string team = "everyone";
  std::string id;
  std::string scope = "all";
  std::vector<std::string> limits;  // "requests_per_minute=60", …
};

constexpr const char* kNoticed = "A running server knows within a second.";

// An object for programs, "requests_per_minute=60 …" for people.
json::value shown(const Invocation& call, const people::Allowance& limits) {
  if (call.json) return people::to_json(limits);
  return json::string(people::limits_text(limits));
}

Result<void> create_key(const Invocation& call, const KeyOptions& options) {
  const auto limits = change_limits({}, options.limits);
  if (!limits) return fail(limits.error());
  const auto scope = people::parse_key_scope(options.scope);
  if (!scope) return fail(scope.error().with("--scope"));
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  people::Roster roster((*workspace)->database(), (*workspace)->clock(), (*workspace)->ids());
  auto person = roster.ensure_person({.name = options.person, .team = options.team});
  if (!person) return fail(person.error());
  auto key = roster.create_key(person->id, *limits, *scope);
  if (!key) return fail(key.error());
  remark("Keep this key; it is not shown again.");
  json::object made{{"key", key->secret},        {"id", key->key.id},
                    {"person", person->id},      {"name", person->name},
                    {"team", person->team_name}, {"scope", people::name(*scope)}};
  if (!limits->empty()) made["limits"] = shown(call, *limits);
  show(call, made);
  return {};
}

// Shows what the key has where nothing is to be changed.
Result<void> limit_key(const Invocation& call, const KeyOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  people::Roster roster((*workspace)->database(), (*workspace)->clock(), (*workspace)->ids());
  const auto key = roster.find_key(options.id);
  if (!key) return fail(key.error());
  const auto limits = change_limits(key->limits, options.limits);
  if (!limits) return fail(limits.error());
  if (!options.limits.empty()) {
    if (auto set = roster.set_key_limits(key->id, *limits); !set) return set;
    remark(kNoticed);
  }
  show(call,
       json::object{{"id", key->id}, {"person", key->person}, {"limits", shown(call, *limits)}});
  return {};
}

Result<void> list_keys(const Invocation& call) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  people::Roster roster((*workspace)->database(), (*workspace)->clock(), (*workspace)->ids());
  auto keys = roster.keys();
  if (!keys) return fail(keys.error());
  json::array rows;
  for (const auto& key : *keys) {
    auto person = roster.find_person(key.person);
    rows.push_back(json::object{{"id", key.id},
                                {"person", person ? person->name : key.person},
                                {"created_at", to_text(key.created_at)},
                                {"revoked_at", key.revoked_at ? to_text(*key.revoked_at) : ""},
                                {"scope", people::name(key.scope)},
                                {"limits", shown(call, key.limits)}});
  }
  show(call, rows, {"id", "person", "created_at", "revoked_at", "scope", "limits"});
  return {};
}

Result<void> revoke_key(const Invocation& call, const KeyOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  people::Roster roster((*workspace)->database(), (*workspace)->clock(), (*workspace)->ids());
  if (auto revoked = roster.revoke_key(options.id); !revoked) return revoked;
  remark("Revoked; a running server knows within a second.");
  return {};
}

}  // namespace

void add_key(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<KeyOptions>();
  auto* key = app.add_subcommand("key", "API keys: create, limit, list, revoke");
  key->require_subcommand(1);
  auto* create = key->add_subcommand("create", "a key for a person, who is made if need be");
  create->add_option("--person", options->person, "name")->required();
  create->add_option("--team", options->team, "name of the team of a new person");
  create->add_option("--scope", options->scope,
                     "what it opens: all, or feedback (for a page or a script that says what "
                     "became of an answer and must read nothing)");
  create
      ->add_option("--limit", options->limits,
                   "the most that the key may use, such as requests_per_minute=60 or "
                   "cost_per_month=20: requests, tokens or cost, per minute, day or month; may be "
                   "given several times")
      ->allow_extra_args(false);
  create->callback(
      [&call, options] { call.action = [&call, options] { return create_key(call, *options); }; });
  auto* limit = key->add_subcommand("limit", "changes the limits of a key, or shows them");
  limit->add_option("id", options->id, "of the key, as `hone key list` shows it")->required();
  limit->add_option("limits,--limit", options->limits,
                    "such as requests_per_minute=60, or requests_per_minute=none to take that one "
                    "away; those that are not named stay");
  limit->callback(
      [&call, options] { call.action = [&call, options] { return limit_key(call, *options); }; });
  auto* list = key->add_subcommand("list", "all keys, without their secrets");
  list->callback([&call] { call.action = [&call] { return list_keys(call); }; });
  auto* revoke = key->add_subcommand("revoke", "a key opens nothing from then on");
  revoke->add_option("id", options->id, "of the key, as `hone key list` shows it")->required();
  revoke->callback(
      [&call, options] { call.action = [&call, options] { return revoke_key(call, *options); }; });
}

}  // namespace hone::cli
