// GET /v1/models: our aliases first, then what the upstreams say they have, in the shape that the
// asking client reads.
#include <set>

#include "capture/gateway.h"
#include "capture/gateway_headers.h"

namespace hone::capture {
namespace {

constexpr auto kAskTime = std::chrono::milliseconds(3'000);
constexpr std::size_t kMaxAnswer = 4U << 20;
constexpr std::size_t kMaxModels = 10'000;

// Both wires' lists are {"data": [{"id": "…"}, …]}.
void add_ids(const net::Response& answer, std::vector<std::string>& ids,
             std::set<std::string>& seen) {
  if (answer.status != 200) return;
  const auto body = parse_json_object(answer.body);
  if (!body) return;
  const auto* data = body->if_contains("data");
  if (data == nullptr || !data->is_array()) return;
  for (const auto& item : data->get_array()) {
    const auto* object = item.if_object();
    if (object == nullptr || ids.size() >= kMaxModels) continue;
    std::string id(string_or_empty(*object, "id"));
    if (!id.empty() && seen.insert(id).second) ids.push_back(std::move(id));
  }
}

json::object listed(const std::vector<std::string>& ids, wire::Format format) {
  json::array data;
  for (const auto& id : ids) {
    if (format == wire::Format::kAnthropicMessages) {
      data.push_back({{"type", "model"},
                      {"id", id},
                      {"display_name", id},
                      {"created_at", "1970-01-01T00:00:00Z"}});
    } else {
      data.push_back({{"id", id}, {"object", "model"}, {"created", 0}, {"owned_by", "hone"}});
    }
  }
  if (format != wire::Format::kAnthropicMessages)
    return {{"object", "list"}, {"data", std::move(data)}};
  json::object list = {{"data", std::move(data)}, {"has_more", false}};
  list["first_id"] = ids.empty() ? json::value() : json::value(ids.front());
  list["last_id"] = ids.empty() ? json::value() : json::value(ids.back());
  return list;
}

}  // namespace

net::awaitable<net::Response> Gateway::list_models(const net::Request& request,
                                                   const Identity& identity, wire::Format format) {
  std::vector<std::string> ids = parts_.router.aliases();
  std::set<std::string> seen(ids.begin(), ids.end());
  for (const auto& upstream : parts_.upstreams.all()) {
    const auto wire = speaks(upstream, format) ? format : upstream.wires.front();
    net::ClientRequest ask;
    ask.url = net::with_target(upstream.url, request.target);
    ask.headers = headers_to_upstream(request.headers, upstream, wire, identity.key);
    ask.headers.remove("accept-encoding");
    // An upstream that is down or silent leaves its models out; the list comes all the same.
    const auto answer = co_await parts_.client.fetch(std::move(ask), kAskTime, kMaxAnswer);
    if (answer) add_ids(*answer, ids, seen);
  }
  const json::object list = listed(ids, format);
  co_return net::json_response(200, list);
}

}  // namespace hone::capture
