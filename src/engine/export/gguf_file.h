// GGUF version 3, llama.cpp's model format: writer. (model/gguf.h reads it.)
//
//   GgufMetadata metadata;
//   metadata.text("general.architecture", "llama");
//   auto writer = GgufWriter::create(path, metadata, {{"output_norm.weight", GgufType::kF32,
//   {64}}}); writer->write_next(*encode(norm, GgufType::kF32, "output_norm.weight"));
//   writer->finish();
//
// Tensors are written one after the other, each at a multiple of 32 bytes. The file appears under
// its name only at `finish`, synced; before that, and after any failure, it does not exist.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model/gguf_format.h"

namespace hone::engine {

// Of tensors, as ggml numbers them.
enum class GgufType : std::uint32_t { kF32 = 0, kF16 = 1, kQ8_0 = 8, kBF16 = 30 };

// Keys and values in the order of the calls. A key must not come twice.
class GgufMetadata {
 public:
  void text(std::string_view key, std::string_view value);
  void integer(std::string_view key, std::int64_t value);  // as u32; must fit
  void number(std::string_view key, double value);         // as f32
  void truth(std::string_view key, bool value);
  void texts(std::string_view key, const std::vector<std::string>& values);
  void integers(std::string_view key, const std::vector<std::int32_t>& values);
  void numbers(std::string_view key, const std::vector<float>& values);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  template <typename T>
  void put(T value);
  void put_text(std::string_view text);
  void begin(std::string_view key, GgufValueType type);
  void begin_array(std::string_view key, GgufValueType type, std::size_t count);

  std::string bytes_;
  std::uint64_t count_ = 0;
};

struct GgufTensorSpec {
  std::string name;
  GgufType type = GgufType::kF32;
  std::vector<std::int64_t> shape;  // rows first, as everywhere in Hone
};

// The type that llama.cpp's own converter gives a tensor of `shape` where `wanted` is asked for:
// vectors stay F32, and rows that are no whole number of Q8_0's blocks of 32 become F16.
[[nodiscard]] GgufType type_for(GgufType wanted, const std::vector<std::int64_t>& shape);

// The type that a tensor must have to be encoded as `type`.
[[nodiscard]] at::ScalarType scalar_type_for(GgufType type);

// `tensor`, which is contiguous and of `scalar_type_for(type)`, as the bytes of the file. Q8_0 is
// quantised as ggml's reference does it: per 32 values, scale = max|x| / 127, values rounded half
// away from zero. A value that a block's fp16 scale cannot hold, or that is not a number, is an
// error that names the tensor.
[[nodiscard]] Result<at::Tensor> encode(const at::Tensor& tensor, GgufType type,
                                        std::string_view name);

class GgufWriter {
 public:
  [[nodiscard]] static Result<GgufWriter> create(const std::string& path,
                                                 const GgufMetadata& metadata,
                                                 std::vector<GgufTensorSpec> tensors);
  GgufWriter(GgufWriter&&) noexcept;
  GgufWriter& operator=(GgufWriter&&) noexcept;
  ~GgufWriter();  // removes what was not finished
  // The next tensor in the order given to `create`, as `encode` gives it.
  [[nodiscard]] Result<void> write_next(const at::Tensor& encoded);
  [[nodiscard]] Result<void> finish();

 private:
  struct State;
  explicit GgufWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone::engine
