#include "capture/prices.h"

#include <algorithm>

namespace hone::capture {
namespace {

constexpr double kPriced = 1e6;  // tokens that a price is for

bool is_pattern(const std::string& model) {
  return model.ends_with('*');
}

}  // namespace

Prices::Prices(std::string currency, std::vector<std::pair<std::string, Price>> by_model)
    : currency_(std::move(currency)), by_model_(std::move(by_model)) {
  std::stable_sort(by_model_.begin(), by_model_.end(), [](const auto& a, const auto& b) {
    if (is_pattern(a.first) != is_pattern(b.first)) return is_pattern(b.first);
    return a.first.size() > b.first.size();
  });
}

const Price* Prices::find(std::string_view model) const {
  for (const auto& [name, price] : by_model_) {
    const std::string_view beginning = std::string_view(name).substr(0, name.size() - 1);
    if (is_pattern(name) ? model.starts_with(beginning) : model == name) return &price;
  }
  return nullptr;
}

double Prices::cost(std::initializer_list<std::string_view> names, const Usage& usage) const {
  for (const auto name : names) {
    const Price* price = find(name);
    if (price == nullptr) continue;
    // Counts come from outside: a cache may not hold more than was asked.
    const auto cached = std::clamp<std::int64_t>(usage.cached_tokens, 0, usage.prompt_tokens);
    const auto written =
        std::clamp<std::int64_t>(usage.cache_write_tokens, 0, usage.prompt_tokens - cached);
    const auto fresh = usage.prompt_tokens - cached - written;
    return (static_cast<double>(fresh) * price->input +
            static_cast<double>(cached) * price->cached_input +
            static_cast<double>(written) * price->cache_write +
            static_cast<double>(usage.completion_tokens) * price->output) /
           kPriced;
  }
  return 0;
}

}  // namespace hone::capture
