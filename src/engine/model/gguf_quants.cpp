#include <array>
#include <cstring>

#include "engine/model/gguf.h"
#include "engine/model/half.h"
#include "engine/model/in_quotes.h"

namespace hone::engine {
namespace {

using Bytes = const unsigned char*;

std::uint16_t read_u16(Bytes at) {
  return static_cast<std::uint16_t>(at[0] | at[1] << 8);
}

void decode_f32(Bytes block, float* out) {
  std::memcpy(out, block, sizeof(float));
}
void decode_f16(Bytes block, float* out) {
  *out = float_of_f16(read_u16(block));
}
void decode_bf16(Bytes block, float* out) {
  *out = float_of_bf16(read_u16(block));
}

// 32 values: a scale, then nibbles, of which the low ones are the first 16 values.
void decode_q4_0(Bytes block, float* out) {
  const float scale = float_of_f16(read_u16(block));
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * static_cast<float>((block[2 + i] & 0xF) - 8);
    out[i + 16] = scale * static_cast<float>((block[2 + i] >> 4) - 8);
  }
}

// As Q4_0, with the minimum after the scale.
void decode_q4_1(Bytes block, float* out) {
  const float scale = float_of_f16(read_u16(block));
  const float minimum = float_of_f16(read_u16(block + 2));
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * static_cast<float>(block[4 + i] & 0xF) + minimum;
    out[i + 16] = scale * static_cast<float>(block[4 + i] >> 4) + minimum;
  }
}

// 32 values: a scale, then signed bytes.
void decode_q8_0(Bytes block, float* out) {
  const float scale = float_of_f16(read_u16(block));
  for (int i = 0; i < 32; ++i) {
    out[i] = scale * static_cast<float>(static_cast<signed char>(block[2 + i]));
  }
}

struct Type {
  std::uint32_t number;  // ggml's
  std::uint64_t values;  // in a block
  std::uint64_t bytes;   // of a block
  void (*decode)(Bytes block, float* out);
};
constexpr std::array<Type, 6> kTypes{{{0, 1, 4, decode_f32},
                                      {1, 1, 2, decode_f16},
                                      {2, 32, 18, decode_q4_0},
                                      {3, 32, 20, decode_q4_1},
                                      {8, 32, 34, decode_q8_0},
                                      {30, 1, 2, decode_bf16}}};

const Type* find_type(std::uint32_t number) {
  for (const Type& type : kTypes) {
    if (type.number == number) return &type;
  }
  return nullptr;
}

}  // namespace

std::optional<GgufBlock> gguf_block(std::uint32_t type) {
  const Type* known = find_type(type);
  if (known == nullptr) return std::nullopt;
  return GgufBlock{known->values, known->bytes};
}

std::optional<std::uint64_t> gguf_bytes(std::uint32_t type, std::uint64_t elements) {
  const auto block = gguf_block(type);
  if (!block || elements % block->values != 0) return std::nullopt;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements / block->values, block->bytes, &bytes)) return std::nullopt;
  return bytes;
}

Result<std::vector<float>> dequantise(const GgufTensor& tensor) {
  const Type* type = find_type(tensor.type);
  if (type == nullptr) {
    return fail(ErrorCode::kInvalid, "tensor " + in_quotes(tensor.name) + " has ggml type " +
                                         std::to_string(tensor.type) +
                                         "; F32, F16, BF16, Q4_0, Q4_1 and Q8_0 can be read");
  }
  const std::uint64_t blocks = tensor.bytes.size() / type->bytes;
  std::vector<float> values(blocks * type->values);
  const auto* bytes = reinterpret_cast<Bytes>(tensor.bytes.data());
  for (std::uint64_t i = 0; i < blocks; ++i) {
    type->decode(bytes + i * type->bytes, values.data() + i * type->values);
  }
  return values;
}

}  // namespace hone::engine
