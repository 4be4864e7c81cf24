// The keys and values of one sequence's tokens, in every layer. Grows by doubling; a beginning can
// be copied from another sequence's cache, which costs a copy instead of a forward pass. One thread
// at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "engine/serve/serving_model.h"

namespace hone::engine {

class KvCache {
 public:
  explicit KvCache(const ServingModel& model);

  // Makes room for `tokens` in all.
  void reserve(std::int64_t tokens);
  // Takes over the first `tokens` of `other`, whose beginning is the same as what is here.
  void copy_beginning(const KvCache& other, std::int64_t tokens);
  // Counts `tokens` more as present, once every layer has written them.
  void advance(std::int64_t tokens) { length_ += tokens; }

  [[nodiscard]] std::int64_t length() const { return length_; }
  // [kv_heads, capacity, head_dim] of a layer.
  [[nodiscard]] at::Tensor keys(std::int64_t layer) const { return values_[layer][0]; }
  [[nodiscard]] at::Tensor values(std::int64_t layer) const { return values_[layer][1]; }
  // Where a layer's keys, and values, of T begin; a head of keys follows the other after
  // head_stride.
  template <typename T>
  [[nodiscard]] T* keys_at(std::int64_t layer) const {
    return values_.mutable_data_ptr<T>() + layer * values_.stride(0);
  }
  template <typename T>
  [[nodiscard]] T* values_at(std::int64_t layer) const {
    return keys_at<T>(layer) + values_.stride(1);
  }
  [[nodiscard]] std::int64_t head_stride() const { return values_.stride(2); }

 private:
  at::Tensor values_;  // [layers, 2, kv_heads, capacity, head_dim]
  std::int64_t length_ = 0;
};

}  // namespace hone::engine
