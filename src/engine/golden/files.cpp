#include "engine/golden/files.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "engine/model/safetensors.h"
#include "engine/train/batch/inputs.h"
#include "net/content_coding.h"

namespace hone::engine::golden {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFile = 1U << 30;

}  // namespace

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::vector<std::string> names_in(const std::string& folder) {
  return posix_files().list(folder).value_or(std::vector<std::string>());
}

Result<std::string> read_text(const std::string& path) {
  auto bytes = read_file(posix_files(), path, kMaxFile);
  if (!bytes || !path.ends_with(".gz")) return bytes;
  auto unpacked = net::decode_content("gzip", *bytes, kMaxFile);
  if (!unpacked) return fail(unpacked.error().with(path));
  if (!unpacked->whole) return fail(ErrorCode::kCorrupt, path + ": is damaged, or cut short");
  return std::move(unpacked->body);
}

Result<json::object> read_json(const std::string& path) {
  auto text = read_text(path);
  if (!text) return fail(text.error());
  auto object = parse_json_object(*text);
  if (!object) return fail(object.error().with(path));
  return object;
}

Result<std::vector<Line>> read_lines(const std::string& path) {
  auto text = read_text(path);
  if (!text) return fail(text.error());
  std::vector<Line> lines;
  std::string_view rest = *text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    lines.push_back({number, parse_json_object(line)});
  }
  return lines;
}

Result<Ids> ids_of(const json::value& value, std::string_view name) {
  const auto array = as<json::array>(value, name);
  if (!array) return fail(array.error());
  Ids ids;
  ids.reserve(array->size());
  for (const json::value& item : *array) {
    const auto id = as<std::int64_t>(item, name);
    if (!id) return fail(id.error());
    ids.push_back(*id);
  }
  return ids;
}

Result<Ids> ids_field(const json::object& object, std::string_view name) {
  const auto array = field<json::array>(object, name);
  if (!array) return fail(array.error());
  return ids_of(*array, name);
}

Result<Tensors> read_tensors(const std::string& path) {
  auto file = SafetensorsFile::open(path);
  if (!file) return fail(file.error());
  Tensors tensors;
  for (const TensorView& view : file->tensors()) {
    auto tensor = tensor_of(view);
    if (!tensor) return fail(tensor.error().with(path));
    tensors.emplace(view.name, std::move(*tensor));
  }
  return tensors;
}

Result<at::Tensor> tensor_named(const Tensors& tensors, const std::string& name,
                                const std::string& path) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    return fail(ErrorCode::kInvalid, path + ": tensor '" + name + "' is missing");
  }
  return found->second;
}

Result<ScratchFolder> ScratchFolder::make() {
  std::error_code problem;
  const fs::path parent = fs::temp_directory_path(problem);
  if (problem) return fail(ErrorCode::kIo, "there is no folder for temporary files");
  std::string name = (parent / "hone-golden-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return fail(ErrorCode::kIo, "cannot make folder " + name + ": " + std::strerror(errno));
  }
  return ScratchFolder(std::move(name));
}

ScratchFolder::~ScratchFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace hone::engine::golden
