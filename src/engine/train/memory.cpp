#include "engine/train/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace hone::engine {
namespace {

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

// The number in a file of one; kUnknown where there is none ("max").
std::uint64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = kUnknown;
  return file >> value ? value : kUnknown;
}

std::uint64_t machine_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string name; file >> name;) {
    std::uint64_t kilobytes = 0;
    if (name == "MemAvailable:" && file >> kilobytes) return kilobytes * 1024;
    file.clear();
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return kUnknown;
}

std::uint64_t group_bytes() {
  const std::uint64_t limit = number_in("/sys/fs/cgroup/memory.max");
  const std::uint64_t used = number_in("/sys/fs/cgroup/memory.current");
  if (limit == kUnknown || used == kUnknown) return kUnknown;
  return limit > used ? limit - used : 0;
}

}  // namespace

double peak_memory_mb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024.0 / 1e6;
}

std::uint64_t available_memory_bytes() {
  const std::uint64_t available = std::min(machine_bytes(), group_bytes());
  return available == kUnknown ? 0 : available;
}

std::uint64_t kept_bytes(const LlamaConfig& config, std::int64_t rows, at::ScalarType compute) {
  const std::int64_t query = config.num_attention_heads * config.head_dim;
  const std::int64_t key = config.num_key_value_heads * config.head_dim;
  // Both norms keep their input and give another; then q, k, v; what attention mixed; gate and up,
  // and their product.
  const std::int64_t row =
      4 * config.hidden_size + (query + 2 * key) + query + 3 * config.intermediate_size;
  return static_cast<std::uint64_t>(row) * static_cast<std::uint64_t>(rows) *
         static_cast<std::uint64_t>(config.num_hidden_layers) * c10::elementSize(compute);
}

}  // namespace hone::engine
