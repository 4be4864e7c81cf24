#include "engine/train/gradient.h"

#include <cmath>
#include <exception>
#include <istream>

#include "engine/train/line_reader.h"
#include "engine/train/plan.h"
#include "engine/train/policy.h"
#include "engine/train/session.h"

namespace hone::engine {
namespace {

Result<std::vector<Sequence>> read_lines(std::istream& in, const LineReader& lines) {
  std::vector<Sequence> sequences;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (is_blank(line)) continue;
    auto sequence = lines.read(line);
    if (!sequence) return fail(sequence.error().with("line " + std::to_string(number)));
    sequences.push_back(std::move(*sequence));
  }
  if (sequences.empty()) return fail(ErrorCode::kInvalid, "there are no lines to read");
  return sequences;
}

// Leaves the gradient in the policy's leaves and returns the loss. Micro-batches bound memory; each
// is normalised by the tokens of all.
double descend(const Policy& policy, const std::vector<Sequence>& sequences, double tokens) {
  std::vector<std::size_t> lengths;
  for (const Sequence& sequence : sequences) lengths.push_back(sequence.ids.size());
  double total = 0;
  for (const auto& members : micro_batches(lengths, kMicroBatchTokens)) {
    std::vector<const Sequence*> batch;
    for (const std::size_t i : members) batch.push_back(&sequences[i]);
    const at::Tensor loss = -answer_logprobs(policy, Whose::kPolicy, batch).logprobs.sum() / tokens;
    loss.backward();
    total += loss.item<double>();
  }
  return total;
}

Result<json::object> gradient_of(const Policy& policy, const std::vector<Sequence>& sequences,
                                 const std::string& out) {
  std::int64_t tokens = 0;
  for (const Sequence& sequence : sequences) tokens += sequence.trained();
  const double loss = descend(policy, sequences, static_cast<double>(tokens));
  const std::vector<NamedTensor> gradients = named_gradients(policy);
  const double norm = gradient_norm(gradients);
  if (!std::isfinite(loss) || !std::isfinite(norm))
    return fail(ErrorCode::kInvalid, "the loss or its gradient is not finite");
  if (auto saved = save_tensors(out, gradients, at::kFloat); !saved) return fail(saved.error());
  return json::object{{"loss", loss}, {"tokens", tokens}, {"grad_norm", norm}};
}

}  // namespace

Result<json::object> write_gradient(std::istream& in, const GradientOptions& options) {
  auto loaded = load_policy(options.model, options.adapter, at::kFloat);
  if (!loaded) return fail(loaded.error());
  const LineReader lines(options.model, loaded->weights.config.vocab_size);
  auto sequences = read_lines(in, lines);
  if (!sequences) return fail(sequences.error());
  try {
    const Policy policy =
        make_policy(std::move(loaded->weights), std::move(loaded->adapter), at::kFloat,
                    /*keep_reference=*/false);
    return gradient_of(policy, *sequences, options.out);
  } catch (const std::exception& error) {  // libtorch, where memory is short
    return fail(ErrorCode::kInternal, error.what());
  }
}

}  // namespace hone::engine
