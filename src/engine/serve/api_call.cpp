#include "engine/serve/api_call.h"

#include "base/file.h"

namespace hone::engine {
namespace {

std::unexpected<Error> out_of_range(std::string_view name, const std::string& range) {
  return fail(ErrorCode::kInvalid, "field '" + std::string(name) + "' must be " + range);
}

std::string short_text(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

Result<SamplingDefaults> read_sampling_defaults(const std::string& model_folder) {
  SamplingDefaults defaults;
  const std::string path = model_folder + "/generation_config.json";
  auto text = read_file(posix_files(), path, 1U << 20);
  if (!text && text.error().code == ErrorCode::kNotFound) return defaults;
  if (!text) return fail(text.error());
  auto config = parse_json_object(*text);
  if (!config) return fail(config.error().with(path));
  const auto samples = flag(*config, "do_sample", false);
  if (!samples) return fail(samples.error().with(path));
  if (!*samples) return defaults;
  const auto temperature = number_between(*config, "temperature", 0, 2, 1);
  const auto top_p = number_between(*config, "top_p", 0, 1, 1);
  if (!temperature) return fail(temperature.error().with(path));
  if (!top_p) return fail(top_p.error().with(path));
  return SamplingDefaults{*temperature, *top_p};
}

Result<double> number_between(const json::object& body, std::string_view name, double low,
                              double high, double otherwise) {
  auto value = optional_field<double>(body, name);
  if (!value) return fail(value.error());
  if (!*value) return otherwise;
  if (**value >= low && **value <= high) return **value;
  return out_of_range(name, "from " + short_text(low) + " to " + short_text(high));
}

Result<std::optional<std::int64_t>> integer_between(const json::object& body, std::string_view name,
                                                    std::int64_t low, std::int64_t high) {
  auto value = optional_field<std::int64_t>(body, name);
  if (!value || !*value || (**value >= low && **value <= high)) return value;
  return out_of_range(name,
                      "an integer from " + std::to_string(low) + " to " + std::to_string(high));
}

Result<bool> flag(const json::object& body, std::string_view name, bool otherwise) {
  auto value = optional_field<bool>(body, name);
  if (!value) return fail(value.error());
  return value->value_or(otherwise);
}

Result<std::vector<std::string>> stop_strings(const json::object& body, std::string_view name) {
  std::vector<std::string> stop;
  const json::value* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return stop;
  json::array items;
  if (value->is_string()) {
    items.push_back(*value);
  } else {
    auto array = as<json::array>(*value, name);
    if (!array) return fail(array.error());
    items = std::move(*array);
  }
  for (const json::value& item : items) {
    auto text = as<std::string>(item, name);
    if (!text) return fail(text.error());
    if (text->empty() || stop.size() == 16)
      return out_of_range(name, "at most 16 strings, none empty");
    stop.push_back(std::move(*text));
  }
  return stop;
}

Result<void> read_common(const json::object& body, const SamplingDefaults& defaults,
                         ApiCall& call) {
  auto model = field<std::string>(body, "model");
  if (!model) return fail(model.error());
  const auto streamed = flag(body, "stream", false);
  if (!streamed) return fail(streamed.error());
  const auto temperature = number_between(body, "temperature", 0, 2, defaults.temperature);
  if (!temperature) return fail(temperature.error());
  const auto top_p = number_between(body, "top_p", 0, 1, defaults.top_p);
  if (!top_p) return fail(top_p.error());
  const auto seed = optional_field<std::int64_t>(body, "seed");
  if (!seed) return fail(seed.error());
  const auto ignore_eos = flag(body, "ignore_eos", false);
  if (!ignore_eos) return fail(ignore_eos.error());
  call.model = std::move(*model);
  call.streamed = *streamed;
  call.order.whole = !*streamed;
  call.order.temperature = *temperature;
  call.order.top_p = *top_p;
  call.has_seed = seed->has_value();
  call.order.seed = static_cast<std::uint64_t>(seed->value_or(0));
  call.order.ignore_eos = *ignore_eos;
  return {};
}

}  // namespace hone::engine
