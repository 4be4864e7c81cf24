#include "api/reads.h"

#include <array>
#include <charconv>

#include "api/api.h"

namespace hone::api {
namespace {

constexpr std::string_view kRoot = "/api/v1/";

struct Read {
  std::string_view collection;
  Result<json::value> (*all)(const Query&);  // of /collection; may be null
  Result<json::value> (*one)(const Query&);  // of /collection/{name}; may be null
};

constexpr std::array<Read, 11> kReads = {{{"me", read_me, nullptr},
                                          {"acceptance", read_acceptance, nullptr},
                                          {"timeline", read_timeline, nullptr},
                                          {"interactions", read_interactions, read_interaction},
                                          {"review", read_review, nullptr},
                                          {"comparisons", read_comparisons, nullptr},
                                          {"sessions", nullptr, read_session},
                                          {"datasets", read_datasets, read_dataset},
                                          {"runs", read_runs, read_run},
                                          {"models", read_models, nullptr},
                                          {"releases", read_releases, read_release}}};

Error unknown_path() {
  std::string known;
  for (const auto& item : kReads) known += " " + std::string(item.collection);
  return {ErrorCode::kNotFound, "there is no such address; under /api/v1/ there are:" + known};
}

}  // namespace

std::string Query::only_person() const {
  return sees_everyone(caller) ? "" : caller.person;
}

Result<std::int64_t> Query::number(std::string_view parameter, std::int64_t otherwise,
                                   std::int64_t low, std::int64_t high) const {
  const auto text = request.parameter(parameter);
  if (!text) return otherwise;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < low || value > high) {
    return fail(ErrorCode::kInvalid, "parameter '" + std::string(parameter) +
                                         "' must be a number from " + std::to_string(low) + " to " +
                                         std::to_string(high));
  }
  return value;
}

Result<Time> Query::time(std::string_view parameter, Time otherwise) const {
  const auto text = request.parameter(parameter);
  if (!text) return otherwise;
  auto time = parse_time(*text);
  if (!time) return fail(time.error().with("parameter '" + std::string(parameter) + "'"));
  return time;
}

Result<json::value> read(store::Database& database, const net::Request& request,
                         const people::Caller& caller, Time now, DatasetCards* cards) {
  std::string_view rest = request.path();
  if (!rest.starts_with(kRoot)) return fail(unknown_path());
  rest.remove_prefix(kRoot.size());
  const auto slash = rest.find('/');
  const std::string_view collection = rest.substr(0, slash);
  Query query{database, request, caller, "", now, cards};
  for (const auto& item : kReads) {
    if (item.collection != collection) continue;
    if (slash == std::string_view::npos) {
      if (item.all != nullptr) return item.all(query);
      continue;
    }
    query.name = net::percent_decode(rest.substr(slash + 1));
    if (item.one != nullptr && !query.name.empty()) return item.one(query);
  }
  return fail(unknown_path());
}

net::awaitable<net::Response> Api::answer_read(const net::Request& request,
                                               const people::Caller& caller) {
  Result<json::value> value;
  const Time now = parts_.clock.now();
  auto ran = co_await parts_.work.run(
      [&] { value = read(parts_.database, request, caller, now, &cards_); });
  if (!ran) co_return net::error_response(ran.error());
  if (!value) co_return net::error_response(value.error());
  auto response = net::json_response(200, *value);
  response.headers.set("cache-control", "no-store");
  co_return response;
}

Result<json::value> read_me(const Query& query) {
  const auto& caller = query.caller;
  json::object me{{"person", caller.person},   {"team", caller.team},
                  {"role", name(caller.role)}, {"capture", caller.capture},
                  {"train", caller.train},     {"sees_everyone", sees_everyone(caller)}};
  if (!caller.person.empty()) {
    auto rows =
        query.database.query("SELECT name FROM person_name WHERE person_id = ?", {caller.person});
    if (!rows) return fail(rows.error());
    if (!rows->empty()) me["name"] = rows->front().text("name");
  }
  return me;
}

}  // namespace hone::api
