// What the processes that train one run together ("ranks", as torchrun calls them) do with each
// other. The seam behind which another transport can stand: `Mesh` (mesh.h) does it over TCP; an
// NCCL one would have the same calls.
//
// Every call is made by all ranks, in the same order, with the same shapes. Sums are added in the
// order of ranks, so that every rank has the same bits, in every run. A rank that is gone, gives up
// or does not answer in time makes the calls of all others fail with an error that names it; after
// an error nothing but `give_up` may follow. A world of one exchanges nothing and takes no time.
// One thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::engine {

// Which elements of a flat tensor are a rank's own: parts follow each other in the order of ranks,
// and differ by at most one element.
struct Part {
  std::int64_t begin = 0;
  std::int64_t size = 0;
};
[[nodiscard]] Part part_of(std::int64_t elements, int rank, int world);

class Collective {
 public:
  virtual ~Collective() = default;
  [[nodiscard]] virtual int rank() const = 0;   // 0 writes the run's files
  [[nodiscard]] virtual int world() const = 0;  // how many ranks there are

  // Tensors are fp32 and contiguous; they are changed in place.
  // This rank's part of each becomes the sum of all ranks'; the rest keeps what it was.
  [[nodiscard]] virtual Result<void> reduce_scatter(std::span<const at::Tensor> tensors) = 0;
  // Every part of each becomes what the rank has whose part it is.
  [[nodiscard]] virtual Result<void> all_gather(std::span<const at::Tensor> tensors) = 0;
  // The same on rank 0 alone.
  [[nodiscard]] virtual Result<void> gather(std::span<const at::Tensor> tensors) = 0;

  // A few numbers: each becomes the sum of all ranks'.
  [[nodiscard]] virtual Result<void> all_reduce(std::span<double> values) = 0;
  // Every rank's text, by rank; at most kMaxTextBytes each.
  [[nodiscard]] virtual Result<std::vector<std::string>> all_gather_text(std::string_view own) = 0;
  [[nodiscard]] virtual Result<void> barrier() = 0;

  // Tells the others why this rank ends, as well as that still goes; takes two seconds at most.
  virtual void give_up(std::string_view reason) = 0;
};

inline constexpr std::size_t kMaxTextBytes = 1 << 20;

// kConflict, on all ranks, where not all say the same; `what` names it: "run.toml or dataset".
[[nodiscard]] Result<void> agree(Collective& ranks, std::string_view own, std::string_view what);

}  // namespace hone::engine
