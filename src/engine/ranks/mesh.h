// The collective calls over TCP, every rank connected with every other. A sum takes two exchanges:
// each rank sends the others their parts and adds up its own, then sends that around; as much goes
// over each connection as in a ring, and the order of additions is fixed. Scratch memory is bounded
// (kScratchElements), whatever a tensor's size.
#pragma once

#include <memory>

#include "engine/ranks/collective.h"
#include "engine/ranks/exchange.h"

namespace hone::engine {

class Mesh final : public Collective {
 public:
  explicit Mesh(Links links) : links_(std::move(links)) {}

  [[nodiscard]] int rank() const override { return links_.rank(); }
  [[nodiscard]] int world() const override { return links_.world(); }
  [[nodiscard]] Result<void> reduce_scatter(std::span<const at::Tensor> tensors) override;
  [[nodiscard]] Result<void> all_gather(std::span<const at::Tensor> tensors) override;
  [[nodiscard]] Result<void> gather(std::span<const at::Tensor> tensors) override;
  [[nodiscard]] Result<void> all_reduce(std::span<double> values) override;
  [[nodiscard]] Result<std::vector<std::string>> all_gather_text(std::string_view own) override;
  [[nodiscard]] Result<void> barrier() override;
  void give_up(std::string_view reason) override { links_.give_up(reason); }

 private:
  Links links_;
};

// A world of one.
[[nodiscard]] std::shared_ptr<Collective> alone();

}  // namespace hone::engine
