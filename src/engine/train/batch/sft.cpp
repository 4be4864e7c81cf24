// SFT on a padded batch, or on documents packed into one row, whose positions begin again at 0 with
// each: no document sees another, and none's first token is a target.
#include "engine/train/loss/sft.h"

#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

#include "engine/train/batch/answers.h"
#include "engine/train/batch/methods.h"
#include "engine/train/batch/settings.h"

namespace hone::engine {
namespace {

struct Documents {
  at::Tensor ids;      // [documents, longest]
  at::Tensor real;     // bool
  at::Tensor targets;  // bool
};

// Documents become rows of the longest one's length: what they take must not be a square of what
// the file has.
constexpr std::int64_t kMaxUnpacked = std::int64_t{1} << 26;

// Where documents begin: positions are 0, 1, … in each.
std::vector<std::int64_t> beginnings(const at::Tensor& positions) {
  std::vector<std::int64_t> begins;
  const at::Tensor row = positions[0].contiguous();
  const auto* position = row.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < row.size(0); ++i) {
    if (position[i] == 0) {
      begins.push_back(i);
    } else if (begins.empty() || position[i] != i - begins.back()) {
      return {};
    }
  }
  return begins;
}

// A row of documents as rows of their own.
Documents unpack(const at::Tensor& ids, const at::Tensor& targets,
                 const std::vector<std::int64_t>& begins) {
  const std::int64_t tokens = ids.size(1);
  std::vector<std::int64_t> ends(begins.begin() + 1, begins.end());
  ends.push_back(tokens);
  const auto documents = static_cast<std::int64_t>(begins.size());
  Documents all{at::zeros({documents, tokens}, ids.options()),
                at::zeros({documents, tokens}, targets.options()),
                at::zeros({documents, tokens}, targets.options())};
  for (std::int64_t i = 0; i < documents; ++i) {
    const std::int64_t begin = begins[static_cast<std::size_t>(i)];
    const std::int64_t count = ends[static_cast<std::size_t>(i)] - begin;
    const auto into = [&](const at::Tensor& rows) { return rows[i].narrow(0, 0, count); };
    into(all.ids).copy_(ids[0].narrow(0, begin, count));
    into(all.real).fill_(true);
    into(all.targets).copy_(targets[0].narrow(0, begin, count));
  }
  return all;
}

// cu_seq_lens says the same as the positions: where each document begins, and the end.
void check_lengths(BatchReader& reader, const std::vector<std::int64_t>& begins,
                   std::int64_t tokens) {
  if (!reader.has("cu_seq_lens")) return;
  const auto count = static_cast<std::int64_t>(begins.size()) + 1;
  const at::Tensor ends = reader.whole("cu_seq_lens", at::zeros({count}, at::kLong));
  for (std::int64_t i = 0; i < count && reader.good(); ++i) {
    const std::int64_t want = i + 1 < count ? begins[static_cast<std::size_t>(i)] : tokens;
    reader.require(ends[i].item<std::int64_t>() == want,
                   "tensor 'in.cu_seq_lens' does not agree with 'in.position_ids'");
  }
}

Documents read_documents(BatchReader& reader) {
  const at::Tensor ids = reader.ids("input_ids");
  const at::Tensor targets = reader.labelled("labels", ids);
  if (!reader.has("position_ids")) return {ids, reader.mask("attention_mask", ids), targets};
  const auto begins = beginnings(reader.whole("position_ids", ids));
  reader.require(ids.size(0) == 1, "documents are packed into one row, but there are several");
  reader.require(!begins.empty(),
                 "tensor 'in.position_ids' must count from 0 in each document of the row");
  check_lengths(reader, begins, ids.size(1));
  const auto documents = static_cast<std::int64_t>(begins.size());
  reader.require(documents <= kMaxUnpacked / ids.size(1),
                 "tensor 'in.position_ids' packs " + std::to_string(documents) +
                     " documents into a row of " + std::to_string(ids.size(1)) +
                     " tokens, too many to take apart at once");
  return reader.good() ? unpack(ids, targets, begins) : Documents{ids, targets, targets};
}

}  // namespace

Result<LossOfBatch> sft_of_batch(const Policy& policy, const json::object& config,
                                 const BatchTensors& batch) {
  Settings settings(config);
  SftOptions options;
  if (settings.choice("loss_type", {"nll", "dft"}) == 1) options.loss = SftLoss::kDft;
  const auto items = settings.number("num_items_in_batch", 1.0, 1e12);
  if (auto good = settings.finish(); !good) return fail(good.error());

  BatchReader reader(batch, policy.weights.config.vocab_size);
  const Documents documents = read_documents(reader);
  const Selection selection =
      reader.select(documents.ids, documents.real, documents.targets, "in.labels", false);
  if (auto good = reader.finish("sft"); !good) return fail(good.error());

  const Answers answers = policy_answers(policy, selection);
  const at::Tensor ones = at::ones_like(answers.logprobs).detach();
  const double kept = static_cast<double>(answers.logprobs.size(0));
  LossOfBatch result;
  result.loss = sft_loss(answers.logprobs, ones, items.value_or(kept), options);
  result.metrics = {{"entropy", mean_of(answers.statistics.entropy)},
                    {"mean_token_accuracy", mean_of(answers.statistics.correct)}};
  return result;
}

}  // namespace hone::engine
