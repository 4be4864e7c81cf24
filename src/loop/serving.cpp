#include "loop/serving.h"

#include "base/json.h"
#include "net/client.h"

namespace hone::loop {
namespace {

using namespace std::chrono_literals;

// Is a model of that name among those that the upstream lists?
Result<bool> is_listed(const std::string& serving, const std::string& name) {
  auto url = net::parse_url(serving + "/v1/models");
  if (!url) return fail(url.error());
  auto response = net::fetch_blocking({.url = *url}, 30s);
  if (!response) return fail(response.error().with(serving));
  auto body = parse_json_object(response->body);
  if (!body) return fail(body.error().with(serving + "/v1/models"));
  const auto* data = body->if_contains("data");
  if (data == nullptr || !data->is_array()) return false;
  for (const auto& item : data->get_array()) {
    if (item.is_object() && string_or_empty(item.get_object(), "id") == name) return true;
  }
  return false;
}

}  // namespace

Result<void> ensure_served(const std::string& serving, const release::Model& model) {
  const std::string name = release::serving_name(model);
  auto listed = is_listed(serving, name);
  if (!listed) return fail(listed.error());
  if (*listed) return {};
  if (model.kind != "adapter") {
    return fail(ErrorCode::kNotFound, serving + " does not serve the model '" + name + "'");
  }
  if (auto intact = release::verify_model(model); !intact) return intact;
  auto url = net::parse_url(serving + "/v1/load_lora_adapter");
  if (!url) return fail(url.error());
  const json::object body{{"lora_name", name}, {"lora_path", model.folder}};
  auto response = net::fetch_blocking({.method = "POST",
                                       .url = *url,
                                       .headers = {{"content-type", "application/json"}},
                                       .body = json::serialize(body)},
                                      120s);
  if (!response) return fail(response.error().with(serving));
  if (response->status / 100 != 2) {
    return fail(ErrorCode::kUnavailable, serving + " does not load the adapter " + model.folder +
                                             ": " + response->body.substr(0, 300));
  }
  return {};
}

}  // namespace hone::loop
