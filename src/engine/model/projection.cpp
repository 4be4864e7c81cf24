#include "engine/model/projection.h"

#include <algorithm>

#include "engine/model/in_quotes.h"

namespace hone::engine {
namespace {

constexpr std::array<std::string_view, kProjections.size()> kNames = {
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

std::size_t index(Projection projection) {
  return static_cast<std::size_t>(projection);
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + "]";
}

}  // namespace

std::string_view name(Projection projection) {
  return kNames[index(projection)];
}

std::optional<Projection> projection_named(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return kProjections[static_cast<std::size_t>(found - kNames.begin())];
}

std::string module_name(std::size_t layer, Projection projection) {
  const bool attention = index(projection) <= index(Projection::kO);
  return "model.layers." + std::to_string(layer) + (attention ? ".self_attn." : ".mlp.") +
         std::string(name(projection));
}

Shape shape_of(const LlamaConfig& config, Projection projection) {
  const std::int64_t query = config.num_attention_heads * config.head_dim;
  const std::int64_t key = config.num_key_value_heads * config.head_dim;
  switch (projection) {
    case Projection::kQ:
      return {query, config.hidden_size};
    case Projection::kK:
    case Projection::kV:
      return {key, config.hidden_size};
    case Projection::kO:
      return {config.hidden_size, query};
    case Projection::kGate:
    case Projection::kUp:
      return {config.intermediate_size, config.hidden_size};
    case Projection::kDown:
      return {config.hidden_size, config.intermediate_size};
  }
  return {};
}

Result<void> check_weight(const TensorView& view, std::span<const std::int64_t> shape) {
  if (!std::ranges::equal(view.shape, shape)) {
    return fail(ErrorCode::kInvalid, "tensor " + in_quotes(view.name) + " has the shape " +
                                         shape_text(view.shape) + "; " + shape_text(shape) +
                                         " is asked for");
  }
  if (view.dtype == DType::kF32 || view.dtype == DType::kF16 || view.dtype == DType::kBF16) {
    return {};
  }
  return fail(ErrorCode::kInvalid, "tensor " + in_quotes(view.name) + ": weights of type " +
                                       std::string(name(view.dtype)) + " are not supported");
}

}  // namespace hone::engine
