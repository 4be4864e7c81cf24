// The files of a golden folder (docs/formats/engine.md, check-golden). Errors name the file, and
// what in it is wrong.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine::golden {

using Ids = std::vector<std::int64_t>;
using Tensors = std::map<std::string, at::Tensor>;

[[nodiscard]] bool is_folder(const std::string& path);
[[nodiscard]] bool is_file(const std::string& path);
// What a folder holds, sorted; nothing where there is no such folder.
[[nodiscard]] std::vector<std::string> names_in(const std::string& folder);

// A file as it is, or unpacked where its name ends in ".gz".
[[nodiscard]] Result<std::string> read_text(const std::string& path);
[[nodiscard]] Result<json::object> read_json(const std::string& path);

// A file of one JSON object a line; blank lines are passed over. A bad line is an error of its own.
struct Line {
  std::size_t number = 0;  // from 1
  Result<json::object> row;
};
[[nodiscard]] Result<std::vector<Line>> read_lines(const std::string& path);

// A list of whole numbers; `name` leads errors.
[[nodiscard]] Result<Ids> ids_of(const json::value& value, std::string_view name);
[[nodiscard]] Result<Ids> ids_field(const json::object& object, std::string_view name);

// All tensors of a safetensors file.
[[nodiscard]] Result<Tensors> read_tensors(const std::string& path);
[[nodiscard]] Result<at::Tensor> tensor_named(const Tensors& tensors, const std::string& name,
                                              const std::string& path);

// A folder that goes away, for what can be read from a path only.
class ScratchFolder {
 public:
  [[nodiscard]] static Result<ScratchFolder> make();
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace hone::engine::golden
