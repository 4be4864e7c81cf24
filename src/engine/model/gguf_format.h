// How the GGUF format and llama.cpp number things, for the reader, the writer and the tokenizers.
#pragma once

#include <cstdint>

namespace hone::engine {

enum class GgufValueType : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

// The entries of tokenizer.ggml.token_type.
namespace gguf_token {
inline constexpr std::int32_t kNormal = 1;
inline constexpr std::int32_t kUnknown = 2;
inline constexpr std::int32_t kControl = 3;
inline constexpr std::int32_t kUserDefined = 4;
inline constexpr std::int32_t kUnused = 5;
inline constexpr std::int32_t kByte = 6;
}  // namespace gguf_token

}  // namespace hone::engine
