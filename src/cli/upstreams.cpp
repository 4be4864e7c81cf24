#include "cli/upstreams.h"

#include <cstdlib>

namespace hone::cli {

Result<capture::Upstreams> make_upstreams(const Settings& settings) {
  std::vector<capture::Upstream> all;
  if (!settings.engine.model.empty()) {
    auto url = net::parse_url("http://" + settings.engine.listen);
    if (!url) return fail(url.error());
    all.push_back(
        {.name = kEngine, .url = *url, .wires = {wire::Format::kOpenAIChat}, .trainable = true});
  }
  for (const auto& given : settings.upstreams) {
    auto url = net::parse_url(given.url);
    if (!url) return fail(url.error().with("upstream '" + given.name + "'"));
    capture::Upstream upstream{
        .name = given.name, .url = *url, .models = given.models, .trainable = given.trainable};
    upstream.first_byte_timeout = std::chrono::seconds(given.timeout_s);
    upstream.max_tokens = given.max_tokens;
    for (const auto& wire : given.wires) upstream.wires.push_back(*wire::find_format(wire));
    if (!given.key_env.empty()) {
      const char* key = std::getenv(given.key_env.c_str());
      if (key == nullptr) {
        return fail(ErrorCode::kInvalid, "upstream '" + given.name + "': the environment has no " +
                                             given.key_env + "; set it, or remove key_env");
      }
      upstream.api_key = key;
    }
    all.push_back(std::move(upstream));
  }
  return capture::Upstreams::create(std::move(all));
}

Result<capture::Fallbacks> make_fallbacks(const Settings& settings,
                                          const capture::Upstreams& upstreams) {
  capture::Fallbacks fallbacks;
  for (const auto& alias : settings.aliases) {
    for (const auto& text : alias.fallback) {
      const auto slash = text.find('/');
      capture::Fallback fallback{.upstream = text.substr(0, slash), .model = {}};
      if (slash != std::string::npos) fallback.model = text.substr(slash + 1);
      if (upstreams.find(fallback.upstream) == nullptr) {
        return fail(ErrorCode::kInvalid, "alias '" + alias.name + "': its fallback '" + text +
                                             "' names no upstream that is set up");
      }
      fallbacks[alias.name].push_back(std::move(fallback));
    }
  }
  return fallbacks;
}

}  // namespace hone::cli
