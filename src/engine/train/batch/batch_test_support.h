// Small batches for the tests of this folder: rows of ids padded on the right, on a tiny model.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/train/batch/loss_of_batch.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine {

using Rows = std::vector<std::vector<std::int64_t>>;

inline at::Tensor padded(const Rows& rows, std::int64_t with) {
  std::size_t columns = 0;
  for (const auto& row : rows) columns = std::max(columns, row.size());
  at::Tensor all =
      at::full({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns)}, with,
               at::TensorOptions(at::kLong));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows[i].size(); ++j)
      all[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(j)] = rows[i][j];
  }
  return all;
}

// 1 from `first` to the end of each row, 0 before and in padding.
inline at::Tensor mask_from(const Rows& rows, std::size_t first) {
  Rows marks;
  for (const auto& row : rows) {
    marks.emplace_back(row.size(), 1);
    std::fill(marks.back().begin(), marks.back().begin() + static_cast<std::ptrdiff_t>(first), 0);
  }
  return padded(marks, 0);
}

// The rows' ids from `first` on as labels.
inline at::Tensor labels_from(const Rows& rows, std::size_t first) {
  return at::where(mask_from(rows, first).ne(0), padded(rows, 0),
                   at::full({1}, -100, at::TensorOptions(at::kLong)));
}

inline BatchTensors sft_batch(const Rows& rows, std::size_t first, std::int64_t padding = 0) {
  return {{"input_ids", padded(rows, padding)},
          {"attention_mask", mask_from(rows, 0)},
          {"labels", labels_from(rows, first)}};
}

inline BatchTensors answer_batch(const Rows& rows, std::size_t first) {
  return {{"input_ids", padded(rows, 0)},
          {"attention_mask", mask_from(rows, 0)},
          {"completion_mask", mask_from(rows, first)}};
}

// A policy with gradients on; its reference is another model of the same shape.
inline Policy tiny_policy(const TempFolder& temp) {
  if (!std::filesystem::exists(temp.path("model"))) write_tiny_model(temp.path("model"));
  auto weights = load_llama(temp.path("model"), at::kFloat);
  auto reference = load_llama(temp.path("model"), at::kFloat);
  if (!weights || !reference) ADD_FAILURE() << "the tiny model cannot be read";
  reference->embed_tokens.mul_(0.9);
  Policy policy = make_policy(std::move(*weights), std::nullopt, at::kFloat, false);
  policy.frozen = std::move(*reference);
  return policy;
}

inline LossOfBatch loss_of(const Policy& policy, const std::string& method,
                           const json::object& config, const BatchTensors& batch) {
  auto result = loss_of_batch(policy, method, config, batch);
  if (result) return std::move(*result);
  ADD_FAILURE() << result.error().message;
  return {.loss = at::zeros({}), .metrics = {}, .score = {}};
}

inline double value_of(const Policy& policy, const std::string& method, const json::object& config,
                       const BatchTensors& batch) {
  return loss_of(policy, method, config, batch).loss.item<double>();
}

}  // namespace hone::engine
