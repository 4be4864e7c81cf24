#include "engine/export/average.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/file.h"
#include "engine/model/lora.h"
#include "engine/model/safetensors.h"
#include "engine/model/whole_folder.h"

namespace hone::engine {
namespace {

constexpr std::size_t kMaxAdapters = 64;
constexpr std::int64_t kMaxLayers = 10'000;

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

struct Weighted {
  std::string folder;
  double weight = 0;
  std::string base;   // as adapter_config.json names it, or empty
  LlamaConfig model;  // the sizes that the adapter shows; 0 where it shows none
  LoraAdapter adapter;
};

// The sizes of a model that `which` stands between. head_dim is 1 here: adapters show the product
// of heads and their size alone.
void note_shape(Projection which, std::int64_t out, std::int64_t in, LlamaConfig& model) {
  switch (which) {
    case Projection::kQ:
      model.num_attention_heads = out;
      model.hidden_size = in;
      return;
    case Projection::kK:
    case Projection::kV:
      model.num_key_value_heads = out;
      model.hidden_size = in;
      return;
    case Projection::kO:
      model.hidden_size = out;
      model.num_attention_heads = in;
      return;
    case Projection::kGate:
    case Projection::kUp:
      model.intermediate_size = out;
      model.hidden_size = in;
      return;
    case Projection::kDown:
      model.hidden_size = out;
      model.intermediate_size = in;
      return;
  }
}

// What the tensors of an adapter's file say of the model under it. Names that are no adapter's are
// passed over: load_lora refuses them.
Result<LlamaConfig> model_under(const std::string& folder) {
  constexpr std::string_view kPrefix = "base_model.model.model.layers.";
  constexpr std::string_view kSuffix = ".lora_A.weight";
  const std::string path = folder + "/adapter_model.safetensors";
  const auto file = SafetensorsFile::open(path);
  if (!file) return fail(file.error());
  LlamaConfig model;
  model.head_dim = 1;
  for (const TensorView& view : file->tensors()) {
    std::string_view name = view.name;
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const TensorView* b =
        file->find(std::string(name.substr(0, name.size() - kSuffix.size())) + ".lora_B.weight");
    name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
    std::int64_t layer = -1;
    std::from_chars(name.data(), name.data() + name.size(), layer);
    if (layer < 0 || layer >= kMaxLayers) {
      return invalid(path + ": tensor '" + view.name + "' is of no layer up to " +
                     std::to_string(kMaxLayers));
    }
    const auto which = projection_named(name.substr(name.rfind('.') + 1));
    if (!which || b == nullptr || b->shape.size() != 2 || view.shape.size() != 2) continue;
    note_shape(*which, b->shape[0], view.shape[1], model);
    model.num_hidden_layers = std::max(model.num_hidden_layers, layer + 1);
  }
  if (model.num_hidden_layers > 0) return model;
  return invalid(path + " has no adapter of a Llama's projections");
}

Result<Weighted> load(const std::string& folder, double weight) {
  const auto model = model_under(folder);
  if (!model) return fail(model.error());
  auto adapter = load_lora(folder, *model);
  if (!adapter) return fail(adapter.error());
  const std::string path = folder + "/adapter_config.json";
  const auto text = read_file(posix_files(), path);
  if (!text) return fail(text.error());
  const auto config = parse_json_object(*text);
  if (!config) return fail(config.error().with(path));
  return Weighted{folder, weight, std::string(string_or_empty(*config, "base_model_name_or_path")),
                  *model, std::move(*adapter)};
}

// Sizes that both show must be the same.
Result<void> check_same_base(const Weighted& first, const Weighted& other) {
  for (const auto& [what, size] :
       {std::pair("layers", &LlamaConfig::num_hidden_layers),
        std::pair("columns of q_proj (the hidden size)", &LlamaConfig::hidden_size),
        std::pair("rows of q_proj", &LlamaConfig::num_attention_heads),
        std::pair("rows of k_proj and v_proj", &LlamaConfig::num_key_value_heads),
        std::pair("rows of gate_proj and up_proj", &LlamaConfig::intermediate_size)}) {
    const std::int64_t mine = first.model.*size;
    const std::int64_t yours = other.model.*size;
    if (mine == 0 || yours == 0 || mine == yours) continue;
    return invalid(other.folder + " is an adapter of another model than " + first.folder + ": " +
                   std::to_string(yours) + " " + what + ", there " + std::to_string(mine));
  }
  return {};
}

Result<std::vector<Weighted>> load_all(const AverageOptions& options) {
  const std::size_t count = options.adapters.size();
  if (count < 2 || count > kMaxAdapters) {
    return invalid("from 2 to " + std::to_string(kMaxAdapters) + " adapters can be averaged, not " +
                   std::to_string(count));
  }
  if (!options.weights.empty() && options.weights.size() != count) {
    return invalid(std::to_string(options.weights.size()) + " weights for " +
                   std::to_string(count) + " adapters: give each one, or none");
  }
  std::vector<Weighted> all;
  for (std::size_t i = 0; i < count; ++i) {
    const double weight =
        options.weights.empty() ? 1.0 / static_cast<double>(count) : options.weights[i];
    if (!std::isfinite(weight)) return invalid("a weight is not a number");
    auto loaded = load(options.adapters[i], weight);
    if (!loaded) return fail(loaded.error());
    all.push_back(std::move(*loaded));
    if (auto same = check_same_base(all.front(), all.back()); !same) return fail(same.error());
  }
  return all;
}

const LoraPair& pair_of(const LoraAdapter& adapter, std::size_t layer, Projection which) {
  return adapter.layers[layer][static_cast<std::size_t>(which)];
}

std::vector<Projection> all_targets(const std::vector<Weighted>& adapters) {
  std::vector<Projection> targets;
  for (const Projection which : kProjections) {
    const bool adapted = std::any_of(adapters.begin(), adapters.end(), [which](const Weighted& w) {
      return pair_of(w.adapter, 0, which).a.defined();
    });
    if (adapted) targets.push_back(which);
  }
  return targets;
}

// The factors of the sum: every A under the other, every B beside the other with its weight and
// scale. An adapter without the module has zeros there, so that the rank is the same everywhere.
LoraPair concatenated(const std::vector<Weighted>& adapters, std::size_t layer, Projection which) {
  std::int64_t in = 0;
  std::int64_t out = 0;
  for (const Weighted& each : adapters) {
    const LoraPair& pair = pair_of(each.adapter, layer, which);
    if (!pair.a.defined()) continue;
    in = pair.a.size(1);
    out = pair.b.size(0);
  }
  std::vector<at::Tensor> as;
  std::vector<at::Tensor> bs;
  for (const Weighted& each : adapters) {
    const LoraPair& pair = pair_of(each.adapter, layer, which);
    const std::int64_t r = each.adapter.config.r;
    const auto floats = at::TensorOptions(at::kFloat);
    as.push_back(pair.a.defined() ? pair.a : at::zeros({r, in}, floats));
    bs.push_back(pair.a.defined() ? pair.b * (each.weight * each.adapter.config.scale())
                                  : at::zeros({out, r}, floats));
  }
  return {at::cat(as, 0), at::cat(bs, 1)};
}

bool share_a(const std::vector<Weighted>& adapters) {
  const LoraAdapter& first = adapters.front().adapter;
  if (first.config.scale() == 0) return false;
  return std::all_of(adapters.begin() + 1, adapters.end(), [&first](const Weighted& other) {
    const LoraConfig& config = other.adapter.config;
    if (config.r != first.config.r || config.targets != first.config.targets) return false;
    for (std::size_t layer = 0; layer < first.layers.size(); ++layer) {
      for (const Projection which : config.targets) {
        if (!at::equal(pair_of(first, layer, which).a, pair_of(other.adapter, layer, which).a)) {
          return false;
        }
      }
    }
    return true;
  });
}

// With one A the sum of products is the product with the sum of the B's.
LoraAdapter with_shared_a(const std::vector<Weighted>& adapters) {
  LoraAdapter result = adapters.front().adapter;
  const double scale = result.config.scale();
  for (std::size_t layer = 0; layer < result.layers.size(); ++layer) {
    for (const Projection which : result.config.targets) {
      at::Tensor sum;
      for (const Weighted& each : adapters) {
        const at::Tensor part = pair_of(each.adapter, layer, which).b *
                                (each.weight * each.adapter.config.scale() / scale);
        sum = sum.defined() ? sum + part : part;
      }
      result.layers[layer][static_cast<std::size_t>(which)].b = sum;
    }
  }
  return result;
}

struct Lost {
  double lost = 0;  // squared Frobenius norms
  double whole = 0;
};

// The nearest pair of rank `rank` to the product B A. Its singular values are those of a small
// matrix: with B = Qb Rb and A' = Qa Ra it is Rb Ra'.
LoraPair compressed(const LoraPair& pair, std::int64_t rank, Lost& lost) {
  const auto [qb, rb] = at::linalg_qr(pair.b.to(at::kDouble));
  const auto [qa, ra] = at::linalg_qr(pair.a.to(at::kDouble).t());
  const auto [u, s, v] = at::linalg_svd(at::matmul(rb, ra.t()), false);
  const std::int64_t kept = std::min(rank, s.size(0));
  const at::Tensor squares = s * s;
  lost.whole = squares.sum().item<double>();
  lost.lost = squares.narrow(0, kept, s.size(0) - kept).sum().item<double>();
  const at::Tensor root = s.narrow(0, 0, kept).sqrt();
  const at::Tensor b = at::matmul(qb, u.narrow(1, 0, kept) * root);
  const at::Tensor a = at::matmul(v.narrow(0, 0, kept) * root.unsqueeze(1), qa.t());
  // Where the module has not so many dimensions the rest is zero.
  const auto doubles = at::TensorOptions(at::kDouble);
  const std::int64_t rest = rank - kept;
  return {at::cat({a, at::zeros({rest, a.size(1)}, doubles)}, 0).to(at::kFloat).contiguous(),
          at::cat({b, at::zeros({b.size(0), rest}, doubles)}, 1).to(at::kFloat).contiguous()};
}

double relative(const Lost& lost) {
  return lost.whole > 0 ? std::sqrt(lost.lost / lost.whole) : 0;
}

// Of rank `rank`, or exact where that is 0.
LoraAdapter combined(const std::vector<Weighted>& adapters, std::int64_t rank,
                     AverageReport& report) {
  LoraAdapter result;
  result.config.targets = all_targets(adapters);
  result.layers.resize(adapters.front().adapter.layers.size());
  result.config.r = rank;
  for (const Weighted& each : adapters) {
    if (rank == 0) result.config.r += each.adapter.config.r;
  }
  result.config.alpha = static_cast<double>(result.config.r);  // a scale of 1
  Lost all;
  for (std::size_t layer = 0; layer < result.layers.size(); ++layer) {
    for (const Projection which : result.config.targets) {
      LoraPair pair = concatenated(adapters, layer, which);
      if (rank > 0) {
        Lost lost;
        pair = compressed(pair, rank, lost);
        all.lost += lost.lost;
        all.whole += lost.whole;
        if (relative(lost) > report.worst_relative_error) {
          report.worst_relative_error = relative(lost);
          report.worst_module = module_name(layer, which);
        }
      }
      result.layers[layer][static_cast<std::size_t>(which)] = std::move(pair);
    }
  }
  report.relative_error = relative(all);
  return result;
}

Result<LoraAdapter> average(const std::vector<Weighted>& adapters, std::int64_t rank,
                            AverageReport& report) {
  if (rank == 0 && share_a(adapters)) {
    report.method = "shared A";
    return with_shared_a(adapters);
  }
  std::int64_t sum = 0;
  for (const Weighted& each : adapters) sum += each.adapter.config.r;
  if (rank == 0 && sum > kMaxLoraRank) {
    return invalid("the adapters' ranks add up to " + std::to_string(sum) + ", above " +
                   std::to_string(kMaxLoraRank) + ": give a --rank to compress the sum to");
  }
  report.method = rank == 0 ? "concatenated" : "svd";
  try {
    return combined(adapters, rank, report);
  } catch (const c10::Error& error) {  // a decomposition does not converge on what is no number
    return invalid(std::string("the sum cannot be decomposed; is an adapter's value no number? ") +
                   error.what_without_backtrace());
  }
}

}  // namespace

Result<AverageReport> average_adapters(const AverageOptions& options) {
  if (options.rank < 0 || options.rank > kMaxLoraRank) {
    return invalid("the rank must be from 1 to " + std::to_string(kMaxLoraRank));
  }
  const auto adapters = load_all(options);
  if (!adapters) return fail(adapters.error());
  AverageReport report;
  const std::string& base = adapters->front().base;
  for (const Weighted& each : *adapters) {
    if (each.base != base) {
      report.notes.push_back(each.folder + " was trained on '" + each.base + "', " +
                             adapters->front().folder + " on '" + base +
                             "': the sum means something only if these are the same weights");
    }
  }
  const auto result = average(*adapters, options.rank, report);
  if (!result) return fail(result.error());
  report.rank = result->config.r;
  auto folder = WholeFolder::begin(options.folder, options.replace);
  if (!folder) return fail(folder.error());
  if (auto done = save_lora(*result, folder->part(), base); !done) return fail(done.error());
  if (auto done = folder->finish(); !done) return fail(done.error());
  return report;
}

json::object to_json(const AverageReport& report) {
  json::object object{
      {"method", report.method}, {"r", report.rank}, {"relative_error", report.relative_error}};
  if (!report.worst_module.empty()) {
    object["worst"] = {{"module", report.worst_module},
                       {"relative_error", report.worst_relative_error}};
  }
  return object;
}

}  // namespace hone::engine
