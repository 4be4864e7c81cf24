// GGUF (versions 2 and 3), llama.cpp's model format: reader. Little-endian; metadata, then tensor
// descriptions, then aligned data.
//
//   auto file = GgufFile::open(path);
//   auto layers = file->integer("llama.block_count");
//   auto values = dequantise(*file->find_tensor("blk.0.attn_q.weight"));
//
// A reader maps the file and believes nothing: counts, lengths and offsets are held against the
// bytes that are there before anything is allocated, and no two tensors share bytes, so that what
// is allocated is bounded by the file's size, some tens of times over. Errors name the file, the
// key or tensor, and the byte. Views live as long as their file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/model/mapped_file.h"

namespace hone::engine {

// Unsigned 64-bit values above the signed range are refused; floats widen to double.
using GgufValue =
    std::variant<bool, std::int64_t, double, std::string_view, std::vector<std::int64_t>,
                 std::vector<double>, std::vector<std::string_view>>;

struct GgufTensor {
  std::string name;
  std::uint32_t type = 0;  // as ggml numbers them
  std::vector<std::int64_t>
      shape;               // rows first, as in Hugging Face files (GGUF has it the other way)
  std::string_view bytes;  // empty where the type is not one of `dequantise`'s
};

class GgufFile {
 public:
  [[nodiscard]] static Result<GgufFile> open(const std::string& path);
  // The same of bytes that are in memory; `name` leads errors.
  [[nodiscard]] static Result<GgufFile> parse(std::string bytes, std::string_view name);

  [[nodiscard]] const GgufValue* find(std::string_view key) const;  // or null
  // An error names the key that is missing or has another type.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view key) const;
  [[nodiscard]] Result<double> number(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> text(std::string_view key) const;
  // Nothing where the key is absent.
  [[nodiscard]] Result<std::optional<std::int64_t>> integer_if(std::string_view key) const;
  template <typename T>
  [[nodiscard]] const T* find_as(std::string_view key) const {
    const GgufValue* value = find(key);
    return value == nullptr ? nullptr : std::get_if<T>(value);
  }

  [[nodiscard]] const std::vector<GgufTensor>& tensors() const { return tensors_; }
  [[nodiscard]] const GgufTensor* find_tensor(std::string_view name) const;  // or null
  // Whether the bytes were the file's all the while (mapped_file.h): to be asked when they are
  // read.
  [[nodiscard]] Result<void> still_whole() const { return bytes_.still_whole(); }

 private:
  friend class GgufParser;
  [[nodiscard]] static Result<GgufFile> read(MappedFile bytes, std::string_view name);

  MappedFile bytes_;
  std::map<std::string, GgufValue, std::less<>> values_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

// F32, F16, BF16, Q4_0, Q4_1 and Q8_0 to floats, in C order of `shape`; bit for bit what gguf-py
// gives.
[[nodiscard]] Result<std::vector<float>> dequantise(const GgufTensor& tensor);

// How many values of a ggml type stand together in a block, and its bytes; nothing for a type that
// `dequantise` does not know. A row is whole blocks.
struct GgufBlock {
  std::uint64_t values;
  std::uint64_t bytes;
};
[[nodiscard]] std::optional<GgufBlock> gguf_block(std::uint32_t type);

// Bytes of `elements` values of a ggml type; nothing where the type is not known, they are no whole
// blocks, or the product overflows.
[[nodiscard]] std::optional<std::uint64_t> gguf_bytes(std::uint32_t type, std::uint64_t elements);

}  // namespace hone::engine
