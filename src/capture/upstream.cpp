#include "capture/upstream.h"

#include <algorithm>

namespace hone::capture {
namespace {

bool matches(const std::string& pattern, std::string_view model) {
  if (!pattern.ends_with('*')) return pattern == model;
  return model.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
}

}  // namespace

Result<Upstreams> Upstreams::create(std::vector<Upstream> all) {
  for (const auto& upstream : all) {
    const auto same = [&](const Upstream& other) { return other.name == upstream.name; };
    if (upstream.name.empty()) return fail(ErrorCode::kInvalid, "an upstream has no name");
    if (std::count_if(all.begin(), all.end(), same) > 1) {
      return fail(ErrorCode::kInvalid, "upstream '" + upstream.name + "' is given twice");
    }
    if (upstream.wires.empty()) {
      return fail(ErrorCode::kInvalid, "upstream '" + upstream.name + "' names no wire format");
    }
  }
  for (auto& upstream : all) {
    if (!upstream.health) upstream.health = std::make_shared<UpstreamHealth>();
  }
  Upstreams upstreams;
  upstreams.sets_->set(std::move(all));
  return upstreams;
}

void Upstreams::replace(const Upstreams& next) {
  std::vector<Upstream> set = next.all();
  for (auto& upstream : set) {
    if (const auto* known = find(upstream.name)) upstream.health = known->health;
  }
  sets_->set(std::move(set));
}

const Upstream* Upstreams::find(std::string_view name) const {
  for (const auto& upstream : all()) {
    if (upstream.name == name) return &upstream;
  }
  return nullptr;
}

const Upstream* Upstreams::for_model(std::string_view model) const {
  const Upstream* takes_any = nullptr;
  for (const auto& upstream : all()) {
    const auto& patterns = upstream.models;
    if (std::any_of(patterns.begin(), patterns.end(),
                    [&](const std::string& pattern) { return matches(pattern, model); })) {
      return &upstream;
    }
    if (patterns.empty() && takes_any == nullptr) takes_any = &upstream;
  }
  return takes_any;
}

const Upstream* Upstreams::fallback(wire::Format format) const {
  for (const auto& upstream : all()) {
    if (speaks(upstream, format)) return &upstream;
  }
  return all().empty() ? nullptr : &all().front();
}

bool speaks(const Upstream& upstream, wire::Format format) {
  return std::find(upstream.wires.begin(), upstream.wires.end(), format) != upstream.wires.end();
}

std::string wire_names(const Upstream& upstream) {
  std::string out;
  for (const auto format : upstream.wires) {
    if (!out.empty()) out += ", ";
    out += wire::name(format);
  }
  return out;
}

}  // namespace hone::capture
