// hone key create | list | revoke: API keys. A key is shown once; only its hash is kept.
#include "cli/command.h"
#include "people/roster.h"

namespace hone::cli {
namespace {

struct KeyOptions {
  std::string person;
  std::string team = "everyone";
  std::string id;
};

Result<void> create_key(const Invocation& call, const KeyOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  people::Roster roster((*workspace)->database(), (*workspace)->clock(), (*workspace)->ids());
  auto person = roster.ensure_person({.name = options.person, .team = options.team});
  if (!person) return fail(person.error());
  auto key = roster.create_key(person->id);
  if (!key) return fail(key.error());
  remark("Keep this key; it is not shown again.");
  show(call, json::object{{"key", key->secret},
                          {"id", key->key.id},
                          {"person", person->id},
                          {"name", person->name},
                          {"team", person->team_name}});
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
                                {"revoked_at", key.revoked_at ? to_text(*key.revoked_at) : ""}});
  }
  show(call, rows, {"id", "person", "created_at", "revoked_at"});
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
  auto* key = app.add_subcommand("key", "API keys: create, list, revoke");
  key->require_subcommand(1);
  auto* create = key->add_subcommand("create", "a key for a person, who is made if need be");
  create->add_option("--person", options->person, "name")->required();
  create->add_option("--team", options->team, "name of the team of a new person");
  create->callback(
      [&call, options] { call.action = [&call, options] { return create_key(call, *options); }; });
  auto* list = key->add_subcommand("list", "all keys, without their secrets");
  list->callback([&call] { call.action = [&call] { return list_keys(call); }; });
  auto* revoke = key->add_subcommand("revoke", "a key opens nothing from then on");
  revoke->add_option("id", options->id, "of the key, as `hone key list` shows it")->required();
  revoke->callback(
      [&call, options] { call.action = [&call, options] { return revoke_key(call, *options); }; });
}

}  // namespace hone::cli
