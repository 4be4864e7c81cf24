#include "engine/train/batch/pair_rows.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "engine/train/batch/padded_logits.h"
#include "engine/train/loss/sequences.h"

namespace hone::engine {
namespace {

struct Side {
  at::Tensor ids;
  at::Tensor real;
  Selection selection;
  at::Tensor answer;
};

std::int64_t selected(const Selection& selection) {
  std::size_t count = 0;
  for (const auto& positions : selection.positions) count += positions.size();
  return static_cast<std::int64_t>(count);
}

Side read_side(BatchReader& reader, const std::string& side, bool whole) {
  const std::string labels = side + "_labels";
  Side rows;
  rows.ids = reader.ids(side + "_input_ids");
  rows.real = reader.mask(side + "_attention_mask", rows.ids);
  const at::Tensor trained = reader.labelled(labels, rows.ids);
  rows.selection = reader.select(rows.ids, rows.real, trained, "in." + labels, true);
  if (!whole) {
    rows.answer = at::ones({selected(rows.selection)}, at::TensorOptions(at::kFloat));
    return rows;
  }
  rows.selection = reader.select(rows.ids, rows.real, rows.real, "in." + labels, true);
  rows.answer = trained.masked_select(BatchReader::predicted(rows.real)).to(at::kFloat);
  return rows;
}

at::Tensor widened(const at::Tensor& rows, std::int64_t columns) {
  const std::int64_t more = columns - rows.size(1);
  if (more == 0) return rows;
  return at::cat({rows, at::zeros({rows.size(0), more}, rows.options())}, 1);
}

void add_side(json::object& metrics, const Policy& policy, const std::string& side,
              const at::Tensor& means, const at::Tensor& ids, const at::Tensor& real, double beta,
              std::int64_t logit_columns) {
  metrics["rewards/" + side] = beta * mean_of(means);
  metrics["logps/" + side] = mean_of(means);
  metrics["logits/" + side] = mean_padded_logit(policy, ids, real, logit_columns);
}

}  // namespace

PairRows read_pairs(BatchReader& reader, bool whole_chosen) {
  Side chosen = read_side(reader, "chosen", whole_chosen);
  Side rejected = read_side(reader, "rejected", false);
  reader.require(chosen.ids.size(0) == rejected.ids.size(0),
                 "tensor 'in.rejected_input_ids' must have as many rows as 'in.chosen_input_ids'");
  const std::int64_t columns = std::max(chosen.ids.size(1), rejected.ids.size(1));
  PairRows rows;
  rows.selection = std::move(chosen.selection);
  const auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  append(rows.selection.ids, rejected.selection.ids);
  append(rows.selection.positions, rejected.selection.positions);
  rows.answer = at::cat({chosen.answer, rejected.answer});
  rows.pairs = chosen.ids.size(0);
  rows.chosen_ids = widened(chosen.ids, columns);
  rows.chosen_real = widened(chosen.real, columns);
  rows.rejected_ids = widened(rejected.ids, columns);
  rows.rejected_real = widened(rejected.real, columns);
  return rows;
}

PairMeans answer_means(const Answers& answers, const PairRows& rows) {
  const auto sums = [&](const at::Tensor& values) {
    return sums_by_sequence(values, answers.sequence, answers.sequences);
  };
  const auto halves = (sums(answers.logprobs * rows.answer) / sums(rows.answer)).chunk(2);
  return {halves[0], halves[1]};
}

json::object pair_metrics(const Policy& policy, const PairMeans& means, const PairRows& rows,
                          double beta, std::int64_t logit_columns) {
  json::object metrics = {{"rewards/accuracies", mean_of(means.chosen.gt(means.rejected))},
                          {"rewards/margins", beta * mean_of(means.chosen - means.rejected)}};
  add_side(metrics, policy, "chosen", means.chosen, rows.chosen_ids, rows.chosen_real, beta,
           logit_columns);
  add_side(metrics, policy, "rejected", means.rejected, rows.rejected_ids, rows.rejected_real, beta,
           logit_columns);
  return metrics;
}

}  // namespace hone::engine
