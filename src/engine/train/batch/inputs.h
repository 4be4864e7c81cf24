// The tensors of one batch, as trainers elsewhere make them: padded ids with masks, labels,
// advantages (docs/formats/engine.md names those of each method). Read with errors that name the
// tensor.
//
//   BatchReader reader(batch, vocab_size);
//   const at::Tensor ids = reader.ids("input_ids");
//   const at::Tensor real = reader.mask("attention_mask", ids);
//   const Selection answers = reader.select(ids, real, trained, "in.labels");
//   if (auto good = reader.finish("sft"); !good) return fail(good.error());
//
// Reading never fails by itself: after the first problem whatever is asked for is a placeholder,
// and `finish` gives the problem. It refuses tensors that nobody asked for, too.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model/safetensors.h"
#include "engine/train/policy.h"

namespace hone::engine {

// A file's tensor as it is; a boolean is a byte, which need not be 0 or 1.
[[nodiscard]] Result<at::Tensor> tensor_of(const TensorView& view);

using BatchTensors = std::map<std::string, at::Tensor>;  // by name, without "in."

// Reads `in.*` of a safetensors file. `out.*`, what another trainer made of the batch, stays
// unread, but for `out.score.weight`: the reward head is a weight, whatever the file calls it.
[[nodiscard]] Result<BatchTensors> read_batch(const std::string& path);

class BatchReader {
 public:
  BatchReader(const BatchTensors& tensors, std::int64_t vocab_size)
      : tensors_(tensors), vocab_size_(vocab_size) {}

  [[nodiscard]] bool has(const std::string& name);

  // int64 [rows, columns].
  [[nodiscard]] at::Tensor ids(const std::string& name);
  // int64 of the shape of `like`.
  [[nodiscard]] at::Tensor whole(const std::string& name, const at::Tensor& like);
  // bool of the shape of `like`: what is not 0.
  [[nodiscard]] at::Tensor mask(const std::string& name, const at::Tensor& like);
  // bool of the shape of `ids`: where labels stand, which are -100 or equal to `ids`.
  [[nodiscard]] at::Tensor labelled(const std::string& name, const at::Tensor& ids);
  // fp32 of `shape`.
  [[nodiscard]] at::Tensor reals(const std::string& name, at::IntArrayRef shape);
  [[nodiscard]] double number(const std::string& name);  // of a tensor with one element

  // The real tokens of each row, which stand together, up to its last target. `what` names the
  // tensor that `targets` came from. A row's first token is never a target. With `every_row` a row
  // without a target is a problem; a batch without one always is.
  [[nodiscard]] Selection select(const at::Tensor& ids, const at::Tensor& real,
                                 const at::Tensor& targets, const std::string& what,
                                 bool every_row);
  // The real tokens of each row.
  [[nodiscard]] std::vector<TokenIds> sequences(const at::Tensor& ids, const at::Tensor& real);

  // Where a token can be a target: it and the one before are real.
  [[nodiscard]] static at::Tensor predicted(const at::Tensor& real);

  void require(bool good, const std::string& problem);
  [[nodiscard]] bool good() const { return outcome_.has_value(); }
  // The first problem, or the first tensor that `method` does not take.
  [[nodiscard]] Result<void> finish(const std::string& method) const;

 private:
  [[nodiscard]] at::Tensor find(const std::string& name, bool whole);
  [[nodiscard]] at::Tensor shaped(const std::string& name, at::IntArrayRef shape, bool whole);

  const BatchTensors& tensors_;
  std::int64_t vocab_size_;
  std::set<std::string> asked_;
  Result<void> outcome_;
};

}  // namespace hone::engine
