#include "engine/ranks/mesh.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

namespace hone::engine {
namespace {

// What one exchange moves at most, over all ranks' parts: 64 MiB.
constexpr std::int64_t kScratchElements = 16 << 20;

// A stretch of one tensor: of every rank's part, as many elements from `offset` on as there are, at
// most `count`.
struct Piece {
  float* data = nullptr;
  std::int64_t elements = 0;  // of the tensor
  std::int64_t offset = 0;
  std::int64_t count = 0;
};
using Group = std::vector<Piece>;

std::span<float> part_in(const Piece& piece, int rank, int world) {
  const Part part = part_of(piece.elements, rank, world);
  const std::int64_t begin = std::min(piece.offset, part.size);
  const std::int64_t count = std::min(piece.count, part.size - begin);
  return {piece.data + part.begin + begin, static_cast<std::size_t>(count)};
}

std::span<const char> sent(std::span<float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::span<char> received(std::span<float> values) {
  return {reinterpret_cast<char*>(values.data()), values.size_bytes()};
}

// Cuts tensors into groups that are exchanged at once. A world of one has nothing to exchange.
Result<void> for_each_group(std::span<const at::Tensor> tensors, int world,
                            const std::function<Result<void>(const Group&)>& exchange) {
  if (world == 1) return {};
  const std::int64_t stretch = std::max<std::int64_t>(1, kScratchElements / world);
  Group group;
  std::int64_t filled = 0;
  for (const at::Tensor& tensor : tensors) {
    HONE_ASSERT(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
    const std::int64_t longest = part_of(tensor.numel(), 0, world).size;
    for (std::int64_t offset = 0; offset < longest; offset += stretch) {
      const std::int64_t count = std::min(stretch, longest - offset);
      if (filled + count > stretch && !group.empty()) {
        if (auto done = exchange(group); !done) return done;
        group.clear();
        filled = 0;
      }
      group.push_back({tensor.mutable_data_ptr<float>(), tensor.numel(), offset, count});
      filled += count;
    }
  }
  return group.empty() ? Result<void>() : exchange(group);
}

// Adds what all ranks have for `mine`, in their order; `by_rank` holds `mine` itself too.
void add_in_order(std::span<float> mine, const std::vector<const float*>& by_rank) {
  const auto count = static_cast<std::int64_t>(mine.size());
  at::parallel_for(0, count, 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float sum = by_rank.front()[i];
      for (std::size_t rank = 1; rank < by_rank.size(); ++rank) sum += by_rank[rank][i];
      mine[static_cast<std::size_t>(i)] = sum;
    }
  });
}

Result<void> reduce_group(Links& links, const Group& group) {
  const int world = links.world();
  std::size_t own = 0;
  for (const Piece& piece : group) own += part_in(piece, links.rank(), world).size();
  std::vector<std::unique_ptr<float[]>> theirs(static_cast<std::size_t>(world));
  std::vector<Transfer> transfers(static_cast<std::size_t>(world));
  for (int peer = 0; peer < world; ++peer) {
    if (peer == links.rank()) continue;
    auto& scratch = theirs[static_cast<std::size_t>(peer)];
    scratch = std::make_unique_for_overwrite<float[]>(own);
    Transfer& transfer = transfers[static_cast<std::size_t>(peer)];
    for (const Piece& piece : group) transfer.out.push_back(sent(part_in(piece, peer, world)));
    transfer.in.push_back(received({scratch.get(), own}));
  }
  if (auto done = links.exchange(transfers); !done) return done;
  std::size_t at = 0;
  for (const Piece& piece : group) {
    const std::span<float> mine = part_in(piece, links.rank(), world);
    std::vector<const float*> by_rank;
    for (const auto& scratch : theirs)
      by_rank.push_back(scratch ? scratch.get() + at : mine.data());
    add_in_order(mine, by_rank);
    at += mine.size();
  }
  return {};
}

// Every part to all ranks, or to rank 0 alone.
Result<void> gather_group(Links& links, const Group& group, bool to_all) {
  const int world = links.world();
  std::vector<Transfer> transfers(static_cast<std::size_t>(world));
  for (int peer = 0; peer < world; ++peer) {
    if (peer == links.rank()) continue;
    Transfer& transfer = transfers[static_cast<std::size_t>(peer)];
    for (const Piece& piece : group) {
      if (to_all || peer == 0) transfer.out.push_back(sent(part_in(piece, links.rank(), world)));
      if (to_all || links.rank() == 0) transfer.in.push_back(received(part_in(piece, peer, world)));
    }
  }
  return links.exchange(transfers);
}

// Each rank's bytes to all others: `own` out, `by_rank` in.
Result<void> share(Links& links, std::span<const char> own,
                   const std::vector<std::span<char>>& by_rank) {
  std::vector<Transfer> transfers(by_rank.size());
  for (std::size_t peer = 0; peer < by_rank.size(); ++peer) {
    transfers[peer].out.push_back(own);
    transfers[peer].in.push_back(by_rank[peer]);
  }
  return links.exchange(transfers);
}

}  // namespace

Part part_of(std::int64_t elements, int rank, int world) {
  // Without the product of elements and ranks, which might overflow.
  const std::int64_t each = elements / world;
  const std::int64_t more = elements % world;  // so many first parts have one more
  return {rank * each + std::min<std::int64_t>(rank, more), each + (rank < more ? 1 : 0)};
}

Result<void> Mesh::reduce_scatter(std::span<const at::Tensor> tensors) {
  return for_each_group(tensors, world(),
                        [this](const Group& group) { return reduce_group(links_, group); });
}

Result<void> Mesh::all_gather(std::span<const at::Tensor> tensors) {
  return for_each_group(tensors, world(),
                        [this](const Group& group) { return gather_group(links_, group, true); });
}

Result<void> Mesh::gather(std::span<const at::Tensor> tensors) {
  return for_each_group(tensors, world(),
                        [this](const Group& group) { return gather_group(links_, group, false); });
}

Result<void> Mesh::all_reduce(std::span<double> values) {
  const std::vector<double> own(values.begin(), values.end());
  std::vector<std::vector<double>> theirs(static_cast<std::size_t>(world()), own);
  std::vector<std::span<char>> into;
  for (auto& of_rank : theirs)
    into.emplace_back(reinterpret_cast<char*>(of_rank.data()), of_rank.size() * sizeof(double));
  auto shared =
      share(links_, {reinterpret_cast<const char*>(own.data()), own.size() * sizeof(double)}, into);
  if (!shared) return shared;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = theirs.front()[i];
    for (std::size_t rank = 1; rank < theirs.size(); ++rank) values[i] += theirs[rank][i];
  }
  return {};
}

Result<std::vector<std::string>> Mesh::all_gather_text(std::string_view own) {
  if (own.size() > kMaxTextBytes)
    return fail(ErrorCode::kTooLarge, "a text for the other ranks is too long");
  const std::uint64_t size = own.size();
  std::vector<std::uint64_t> sizes(static_cast<std::size_t>(world()), size);
  std::vector<std::span<char>> into;
  for (std::uint64_t& of_rank : sizes)
    into.emplace_back(reinterpret_cast<char*>(&of_rank), sizeof(of_rank));
  auto shared = share(links_, {reinterpret_cast<const char*>(&size), sizeof(size)}, into);
  if (!shared) return fail(shared.error());
  std::vector<std::string> texts;
  for (std::size_t rank = 0; rank < sizes.size(); ++rank) {
    if (sizes[rank] > kMaxTextBytes)
      return fail(ErrorCode::kTooLarge, "rank " + std::to_string(rank) + " sends too long a text");
    texts.emplace_back(sizes[rank], '\0');
  }
  into.clear();
  for (std::string& text : texts) into.emplace_back(text.data(), text.size());
  shared = share(links_, {own.data(), own.size()}, into);
  if (!shared) return fail(shared.error());
  texts[static_cast<std::size_t>(rank())] = own;
  return texts;
}

Result<void> Mesh::barrier() {
  return links_.exchange(std::vector<Transfer>(static_cast<std::size_t>(world())));
}

Result<void> agree(Collective& ranks, std::string_view own, std::string_view what) {
  const auto all = ranks.all_gather_text(own);
  if (!all) return fail(all.error());
  for (std::size_t rank = 1; rank < all->size(); ++rank) {
    if ((*all)[rank] == all->front()) continue;
    return fail(ErrorCode::kConflict, "rank " + std::to_string(rank) + " has another " +
                                          std::string(what) +
                                          " than rank 0: all ranks must work on the same run");
  }
  return {};
}

std::shared_ptr<Collective> alone() {
  std::vector<Socket> none(1);
  return std::make_shared<Mesh>(Links(std::move(none), 0, std::chrono::milliseconds(0)));
}

}  // namespace hone::engine
