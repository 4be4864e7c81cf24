// hone person create | set | list: who uses Hone, their team and role, and what they consent to.
#include "cli/command.h"
#include "people/roster.h"

namespace hone::cli {
namespace {

struct PersonOptions {
  std::string name;
  std::string team;
  std::string role;
  std::string capture;  // "yes", "no" or empty
  std::string train;
};

std::optional<bool> consent(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text == "yes";
}

json::object row_of(const people::Person& person) {
  return {{"id", person.id},
          {"name", person.name},
          {"team", person.team_name},
          {"role", name(person.role)},
          {"capture", person.consents.capture},
          {"train", person.consents.train}};
}

Result<void> create_person(const Invocation& call, const PersonOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto role = people::parse_role(options.role.empty() ? "employee" : options.role);
  if (!role) return fail(role.error());
  people::Roster roster((*workspace)->database(), (*workspace)->clock(), (*workspace)->ids());
  auto person =
      roster.create_person({.name = options.name,
                            .team = options.team.empty() ? "everyone" : options.team,
                            .role = *role,
                            .consents = {.capture = consent(options.capture).value_or(true),
                                         .train = consent(options.train).value_or(true)}});
  if (!person) return fail(person.error());
  show(call, row_of(*person));
  return {};
}

// Consent goes through the outbox like everything that people decide.
Result<void> record_consent(Workspace& workspace, const std::string& person,
                            const PersonOptions& options) {
  const store::Consent change{.id = workspace.ids().next("con"),
                              .person = person,
                              .capture = consent(options.capture),
                              .train = consent(options.train),
                              .by = "administration",
                              .at = workspace.clock().now()};
  return workspace.capture({{.kind = store::RecordKind::kConsent,
                             .id = change.id,
                             .persons = {person},
                             .payload = store::to_payload(change)}});
}

Result<void> set_person(const Invocation& call, const PersonOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  people::Roster roster((*workspace)->database(), (*workspace)->clock(), (*workspace)->ids());
  auto person = roster.find_person(options.name);
  if (!person) return fail(person.error());
  if (!options.role.empty()) {
    auto role = people::parse_role(options.role);
    if (!role) return fail(role.error());
    if (auto set = roster.set_role(person->id, *role); !set) return set;
  }
  if (!options.team.empty()) {
    if (auto set = roster.set_team(person->id, options.team); !set) return set;
  }
  if (!options.capture.empty() || !options.train.empty()) {
    if (auto recorded = record_consent(**workspace, person->id, options); !recorded)
      return recorded;
  }
  person = roster.find_person(person->id);
  if (!person) return fail(person.error());
  show(call, row_of(*person));
  return {};
}

Result<void> list_persons(const Invocation& call) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  people::Roster roster((*workspace)->database(), (*workspace)->clock(), (*workspace)->ids());
  auto persons = roster.persons();
  if (!persons) return fail(persons.error());
  json::array rows;
  for (const auto& person : *persons) rows.push_back(row_of(person));
  show(call, rows, {"name", "team", "role", "capture", "train", "id"});
  return {};
}

}  // namespace

void add_person(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<PersonOptions>();
  auto* person = app.add_subcommand("person", "persons, roles and consents: create, set, list");
  person->require_subcommand(1);
  const auto common = [&](CLI::App* command) {
    command->add_option("name", options->name, "of the person (or their id)")->required();
    command->add_option("--team", options->team, "name");
    command->add_option("--role", options->role, "employee, platform, model, privacy or lead");
    command->add_option("--capture", options->capture, "may what they do be recorded?")
        ->check(CLI::IsMember({"yes", "no"}));
    command->add_option("--train", options->train, "may models be trained on it?")
        ->check(CLI::IsMember({"yes", "no"}));
  };
  auto* create = person->add_subcommand("create", "a new person");
  common(create);
  create->callback([&call, options] {
    call.action = [&call, options] { return create_person(call, *options); };
  });
  auto* set = person->add_subcommand("set", "changes what is given");
  common(set);
  set->callback(
      [&call, options] { call.action = [&call, options] { return set_person(call, *options); }; });
  auto* list = person->add_subcommand("list", "everyone");
  list->callback([&call] { call.action = [&call] { return list_persons(call); }; });
}

}  // namespace hone::cli
