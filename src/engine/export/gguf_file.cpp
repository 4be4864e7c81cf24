#include "engine/export/gguf_file.h"

#include <ATen/ops/empty.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/model/gguf.h"
#include "engine/model/whole_file.h"

namespace hone::engine {
namespace {

constexpr std::uint64_t kAlignment = 32;  // what readers take without general.alignment
constexpr std::int64_t kBlock = 32;       // values of a Q8_0 block: an fp16 scale, then bytes
constexpr std::int64_t kBlockBytes = 34;

using Type = GgufValueType;

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

template <typename T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void append_text(std::string& bytes, std::string_view text) {
  append<std::uint64_t>(bytes, text.size());
  bytes += text;
}

std::uint64_t bytes_of(const GgufTensorSpec& spec) {
  std::uint64_t elements = 1;
  for (const std::int64_t size : spec.shape) elements *= static_cast<std::uint64_t>(size);
  const auto bytes = gguf_bytes(static_cast<std::uint32_t>(spec.type), elements);
  HONE_ASSERT(bytes.has_value());  // `type_for` gives types that fit
  return *bytes;
}

// False where the block has a value that is no number, or too large for an fp16 scale.
bool quantise_block(const float* values, char* block) {
  float largest = 0;
  bool finite = true;
  for (std::int64_t i = 0; i < kBlock; ++i) {
    finite = finite && std::isfinite(values[i]);
    largest = std::max(largest, std::abs(values[i]));
  }
  const float scale = largest / 127.0F;
  // Of a scale too small for a reciprocal nothing is left in fp16.
  const float inverse = std::isfinite(1.0F / scale) ? 1.0F / scale : 0.0F;
  const c10::Half stored(scale);
  if (!finite || !std::isfinite(static_cast<float>(stored))) return false;
  std::memcpy(block, &stored.x, sizeof(stored.x));
  for (std::int64_t i = 0; i < kBlock; ++i) {
    block[2 + i] = static_cast<char>(static_cast<signed char>(std::round(values[i] * inverse)));
  }
  return true;
}

}  // namespace

template <typename T>
void GgufMetadata::put(T value) {
  append(bytes_, value);
}

void GgufMetadata::put_text(std::string_view text) {
  append_text(bytes_, text);
}

void GgufMetadata::begin(std::string_view key, GgufValueType type) {
  put_text(key);
  put(type);
  ++count_;
}

void GgufMetadata::begin_array(std::string_view key, GgufValueType type, std::size_t count) {
  begin(key, Type::kArray);
  put(type);
  put(static_cast<std::uint64_t>(count));
}

void GgufMetadata::text(std::string_view key, std::string_view value) {
  begin(key, Type::kString);
  put_text(value);
}

void GgufMetadata::integer(std::string_view key, std::int64_t value) {
  HONE_ASSERT(value >= 0 && value <= std::numeric_limits<std::uint32_t>::max());
  begin(key, Type::kU32);
  put(static_cast<std::uint32_t>(value));
}

void GgufMetadata::number(std::string_view key, double value) {
  begin(key, Type::kF32);
  put(static_cast<float>(value));
}

void GgufMetadata::truth(std::string_view key, bool value) {
  begin(key, Type::kBool);
  put(static_cast<std::uint8_t>(value ? 1 : 0));
}

void GgufMetadata::texts(std::string_view key, const std::vector<std::string>& values) {
  begin_array(key, Type::kString, values.size());
  for (const std::string& value : values) put_text(value);
}

void GgufMetadata::integers(std::string_view key, const std::vector<std::int32_t>& values) {
  begin_array(key, Type::kI32, values.size());
  for (const std::int32_t value : values) put(value);
}

void GgufMetadata::numbers(std::string_view key, const std::vector<float>& values) {
  begin_array(key, Type::kF32, values.size());
  for (const float value : values) put(value);
}

GgufType type_for(GgufType wanted, const std::vector<std::int64_t>& shape) {
  if (shape.size() < 2) return GgufType::kF32;
  if (wanted == GgufType::kQ8_0 && shape.back() % kBlock != 0) return GgufType::kF16;
  return wanted;
}

at::ScalarType scalar_type_for(GgufType type) {
  switch (type) {
    case GgufType::kF16:
      return at::kHalf;
    case GgufType::kBF16:
      return at::kBFloat16;
    case GgufType::kF32:
    case GgufType::kQ8_0:
      break;
  }
  return at::kFloat;
}

Result<at::Tensor> encode(const at::Tensor& tensor, GgufType type, std::string_view name) {
  HONE_ASSERT(tensor.is_contiguous() && tensor.scalar_type() == scalar_type_for(type));
  if (type != GgufType::kQ8_0) return tensor;
  HONE_ASSERT(tensor.size(-1) % kBlock == 0);
  const std::int64_t blocks = tensor.numel() / kBlock;
  at::Tensor encoded = at::empty({blocks * kBlockBytes}, at::TensorOptions(at::kByte));
  const float* values = tensor.const_data_ptr<float>();
  auto* bytes = static_cast<char*>(encoded.mutable_data_ptr());
  for (std::int64_t i = 0; i < blocks; ++i) {
    if (!quantise_block(values + i * kBlock, bytes + i * kBlockBytes)) {
      return fail(ErrorCode::kInvalid,
                  "tensor '" + std::string(name) +
                      "' has a value that Q8_0 cannot hold (not a number, or beyond 8 million)");
    }
  }
  return encoded;
}

struct GgufWriter::State {
  WholeFile file;
  std::vector<GgufTensorSpec> tensors;
  std::size_t next = 0;
};

GgufWriter::GgufWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
GgufWriter::GgufWriter(GgufWriter&&) noexcept = default;
GgufWriter& GgufWriter::operator=(GgufWriter&&) noexcept = default;

GgufWriter::~GgufWriter() = default;

Result<GgufWriter> GgufWriter::create(const std::string& path, const GgufMetadata& metadata,
                                      std::vector<GgufTensorSpec> tensors) {
  std::string head = "GGUF";
  append<std::uint32_t>(head, 3);
  append<std::uint64_t>(head, tensors.size());
  append<std::uint64_t>(head, metadata.count());
  head += metadata.bytes();
  std::uint64_t offset = 0;
  for (const GgufTensorSpec& spec : tensors) {
    append_text(head, spec.name);
    append(head, static_cast<std::uint32_t>(spec.shape.size()));
    for (auto size = spec.shape.rbegin(); size != spec.shape.rend(); ++size) {
      append(head, static_cast<std::uint64_t>(*size));
    }
    append(head, static_cast<std::uint32_t>(spec.type));
    append(head, offset);
    offset = aligned(offset + bytes_of(spec));
  }
  head.resize(aligned(head.size()), '\0');
  auto file = WholeFile::create(path);
  if (!file) return fail(file.error());
  if (auto done = file->append(head); !done) return fail(done.error());
  return GgufWriter(std::make_unique<State>(std::move(*file), std::move(tensors)));
}

Result<void> GgufWriter::write_next(const at::Tensor& encoded) {
  HONE_ASSERT(state_->next < state_->tensors.size());
  const std::uint64_t size = encoded.nbytes();
  HONE_ASSERT(size == bytes_of(state_->tensors[state_->next]));
  const std::string_view bytes(static_cast<const char*>(encoded.const_data_ptr()), size);
  if (auto done = state_->file.append(bytes); !done) return done;
  ++state_->next;
  // The last tensor is padded too: ggml reads a file's data as one aligned stretch.
  const std::uint64_t end = state_->file.size();
  return state_->file.append(std::string(aligned(end) - end, '\0'));
}

Result<void> GgufWriter::finish() {
  HONE_ASSERT(state_->next == state_->tensors.size());
  return state_->file.finish();
}

}  // namespace hone::engine
