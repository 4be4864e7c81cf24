// The safetensors format: reader and writer. A file is 8 bytes of little-endian header length, that
// many bytes of JSON, then the tensors' bytes, contiguous and in C order.
//
//   auto file = SafetensorsFile::open(path);
//   if (const TensorView* view = file->find("model.norm.weight")) use(view->shape, view->bytes);
//
// A reader maps the file and believes nothing: a header over 100 MB, duplicate names, unknown
// dtypes, sizes that overflow or do not fit the shape, overlaps, holes and a wrong file size are
// errors that name the file, the tensor and the bytes. What a header takes while it is read is
// bounded by its own size, some tens of times over. Views live as long as their file; their bytes
// may be unaligned, and no element count of a shape overflows, were its zeros ones. Readers are
// immutable, so that any thread may use them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model/mapped_file.h"

namespace hone::engine {

enum class DType {
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64
};

[[nodiscard]] std::size_t size_bytes(DType dtype);
[[nodiscard]] std::string_view name(DType dtype);  // "F32", as the header spells it

struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::string_view bytes;
};

class SafetensorsFile {
 public:
  [[nodiscard]] static Result<SafetensorsFile> open(const std::string& path);
  // The same of bytes that are in memory; `name` leads errors.
  [[nodiscard]] static Result<SafetensorsFile> parse(std::string bytes, std::string_view name);
  [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }  // by offset
  [[nodiscard]] const TensorView* find(std::string_view name) const;                 // or null
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Whether the bytes were the file's all the while (mapped_file.h): to be asked when they are
  // read.
  [[nodiscard]] Result<void> still_whole() const { return bytes_.still_whole(); }

 private:
  [[nodiscard]] static Result<SafetensorsFile> read(MappedFile bytes, std::string_view name);

  MappedFile bytes_;  // unmapped with its last owner
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::map<std::string, std::string> metadata_;
};

// The weights of a model folder: model.safetensors, or the shards that model.safetensors.index.json
// names, all of which lie in the folder (a link there is followed). No tensor is in two of them,
// and each is where the index has it.
class Checkpoint {
 public:
  [[nodiscard]] static Result<Checkpoint> open(const std::string& model_folder);
  [[nodiscard]] const TensorView* find(std::string_view name) const;  // or null
  [[nodiscard]] const std::vector<SafetensorsFile>& files() const { return files_; }
  [[nodiscard]] Result<void> still_whole() const;

 private:
  std::vector<SafetensorsFile> files_;
};

// What a tensor will be, before its bytes are there.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
};

using Metadata = std::map<std::string, std::string>;

// Writes tensors one after the other, so that a model larger than memory can be converted. The file
// appears under its name only at `finish`, synced; before that, and after any failure, it does not
// exist.
class SafetensorsWriter {
 public:
  [[nodiscard]] static Result<SafetensorsWriter> create(const std::string& path,
                                                        std::vector<TensorSpec> tensors,
                                                        const Metadata& metadata = {
                                                            {"format", "pt"}});
  SafetensorsWriter(SafetensorsWriter&&) noexcept;
  SafetensorsWriter& operator=(SafetensorsWriter&&) noexcept;
  ~SafetensorsWriter();  // removes what was not finished
  // The bytes of the next tensor, in the order given to `create`.
  [[nodiscard]] Result<void> write_next(std::string_view bytes);
  [[nodiscard]] Result<void> finish();

 private:
  struct State;
  explicit SafetensorsWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// All at once, for tensors that are in memory.
[[nodiscard]] Result<void> write_safetensors(const std::string& path,
                                             const std::vector<TensorView>& tensors,
                                             const Metadata& metadata = {{"format", "pt"}});

}  // namespace hone::engine
