#include "engine/model/safetensors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/json.h"
#include "base/json_scan.h"
#include "engine/model/in_quotes.h"
#include "engine/model/whole_file.h"

namespace hone::engine {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kMaxDimensions = 8;

struct DTypeRow {
  std::string_view name;
  std::size_t size;
};
// In the order of `DType`.
constexpr std::array<DTypeRow, 15> kDTypes{{{"BOOL", 1},
                                            {"U8", 1},
                                            {"I8", 1},
                                            {"F8_E5M2", 1},
                                            {"F8_E4M3", 1},
                                            {"I16", 2},
                                            {"U16", 2},
                                            {"F16", 2},
                                            {"BF16", 2},
                                            {"I32", 4},
                                            {"U32", 4},
                                            {"F32", 4},
                                            {"F64", 8},
                                            {"I64", 8},
                                            {"U64", 8}}};

std::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorCode::kCorrupt, std::move(message));
}

std::uint64_t read_u64(std::string_view bytes) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::optional<DType> dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

// Bytes of a tensor; nothing where a dimension is negative or the product overflows. A zero does
// not hide such a product from it, because who makes a tensor of the shape multiplies the rest of
// it too.
std::optional<std::uint64_t> tensor_bytes(DType dtype, const std::vector<std::int64_t>& shape) {
  std::uint64_t total = size_bytes(dtype);
  bool empty = false;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    empty = empty || dimension == 0;
    const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(dimension, 1));
    if (__builtin_mul_overflow(total, factor, &total) || total > INT64_MAX) return std::nullopt;
  }
  return empty ? 0 : total;
}

std::size_t count_members(const json::value& value) {
  std::size_t count = 0;
  if (const auto* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += count_members(member.value());
  } else if (const auto* array = value.if_array()) {
    for (const json::value& item : *array) count += count_members(item);
  }
  return count;
}

// Boost.JSON keeps the last of several members with one name. Every member has one colon outside
// strings, so fewer members than colons means that a name came twice.
bool has_duplicate_names(std::string_view text, const json::value& parsed) {
  std::size_t colons = 0;
  bool quoted_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted_text && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted_text = !quoted_text;
    } else if (!quoted_text && text[i] == ':') {
      ++colons;
    }
  }
  return colons != count_members(parsed);
}

// " 'a' twice, at byte 57", for a tensor that the header has twice; " a name twice" for what is
// twice inside of one, or written in two ways.
std::string duplicate_name(std::string_view text) {
  JsonScanner scanner(text);
  std::set<std::string_view> names;
  bool more = scanner.take('{');
  while (more) {
    const std::size_t at = scanner.position();
    const auto name = scanner.string();
    if (!name) break;
    if (!names.insert(*name).second) {
      return " " + in_quotes(name->substr(1, name->size() - 2)) + " twice, again at byte " +
             std::to_string(8 + at);
    }
    more = scanner.take(':') && scanner.value() && scanner.take(',');
  }
  return " a name twice";
}

Result<Metadata> read_metadata(const json::value& value) {
  Metadata metadata;
  const auto* object = value.if_object();
  if (object == nullptr) return corrupt("__metadata__ must be an object of texts");
  for (const auto& member : *object) {
    const auto* text = member.value().if_string();
    if (text == nullptr) {
      return corrupt("__metadata__: " + in_quotes(member.key()) + " must be a string, not " +
                     std::string(kind_name(member.value())));
    }
    metadata.emplace(member.key(), std::string(*text));
  }
  return metadata;
}

std::string span_text(std::int64_t begin, std::int64_t end) {
  return "[" + std::to_string(begin) + ", " + std::to_string(end) + "]";
}

Result<std::vector<std::int64_t>> read_shape(const json::array& given) {
  std::vector<std::int64_t> shape;
  if (given.size() > kMaxDimensions) return corrupt("more than 8 dimensions");
  for (const json::value& item : given) {
    auto dimension = as<std::int64_t>(item, "shape");
    if (!dimension) return fail(dimension.error());
    shape.push_back(*dimension);
  }
  return shape;
}

// One entry of the header; `data` is everything after the header.
Result<TensorView> read_entry(std::string_view name, const json::value& value,
                              std::string_view data) {
  const auto* object = value.if_object();
  if (object == nullptr) {
    return corrupt("an object is expected, not " + std::string(kind_name(value)));
  }
  auto dtype_name = field<std::string>(*object, "dtype");
  auto given_shape = field<json::array>(*object, "shape");
  auto offsets = field<json::array>(*object, "data_offsets");
  if (!dtype_name) return fail(dtype_name.error());
  if (!given_shape) return fail(given_shape.error());
  if (!offsets) return fail(offsets.error());
  const auto dtype = dtype_named(*dtype_name);
  if (!dtype) return corrupt("dtype " + in_quotes(*dtype_name) + " is unknown");
  auto shape = read_shape(*given_shape);
  if (!shape) return fail(shape.error());
  const auto size = tensor_bytes(*dtype, *shape);
  if (!size) return corrupt("its shape is negative or overflows");
  if (offsets->size() != 2) return corrupt("data_offsets must be [begin, end]");
  auto begin = as<std::int64_t>((*offsets)[0], "data_offsets");
  auto end = as<std::int64_t>((*offsets)[1], "data_offsets");
  if (!begin) return fail(begin.error());
  if (!end) return fail(end.error());
  if (*begin < 0 || *end < *begin || static_cast<std::uint64_t>(*end) > data.size()) {
    return corrupt("data_offsets " + span_text(*begin, *end) + " lie outside the file, which has " +
                   std::to_string(data.size()) + " bytes behind its header");
  }
  if (static_cast<std::uint64_t>(*end - *begin) != *size) {
    return corrupt("data_offsets " + span_text(*begin, *end) + " span " +
                   std::to_string(*end - *begin) + " bytes, its shape needs " +
                   std::to_string(*size));
  }
  return TensorView{std::string(name), *dtype, std::move(*shape),
                    data.substr(static_cast<std::size_t>(*begin), static_cast<std::size_t>(*size))};
}

struct Header {
  std::vector<TensorView> tensors;  // by offset
  Metadata metadata;
};

Result<void> check_layout(const std::vector<TensorView>& tensors, std::string_view data) {
  std::size_t expected = 0;
  for (const TensorView& view : tensors) {
    const auto begin = static_cast<std::size_t>(view.bytes.data() - data.data());
    if (begin != expected) {
      return corrupt(
          "tensor " + in_quotes(view.name) + ": its bytes begin at " + std::to_string(begin) +
          " behind the header, where " + std::to_string(expected) +
          (begin < expected ? " bytes are others': they overlap" : " are described: a hole"));
    }
    expected += view.bytes.size();
  }
  if (expected == data.size()) return {};
  return corrupt(std::to_string(data.size() - expected) +
                 " bytes after the last tensor belong to none");
}

Result<Header> read_header(std::string_view bytes) {
  if (bytes.size() < 8) return corrupt("shorter than 8 bytes: not a safetensors file");
  const std::uint64_t size = read_u64(bytes);
  if (size > kMaxHeader) return corrupt("the header is over 100 MB: not a safetensors file");
  if (size > bytes.size() - 8) {
    return corrupt("the header of " + std::to_string(size) + " bytes is longer than the file of " +
                   std::to_string(bytes.size()) + ": cut short?");
  }
  // A copy, so that nobody changes in the file what was checked here.
  const std::string text(bytes.substr(8, static_cast<std::size_t>(size)));
  const auto data = bytes.substr(8 + static_cast<std::size_t>(size));
  if (text.empty() || text.front() != '{') return corrupt("the header does not begin with '{'");
  auto parsed = parse_json(text, {.size_bytes = kMaxHeader, .depth = 8});
  if (!parsed) return corrupt("the header is not JSON: " + parsed.error().message);
  if (has_duplicate_names(text, *parsed)) return corrupt("the header has" + duplicate_name(text));
  Header header;
  for (const auto& member : parsed->as_object()) {
    if (member.key() == "__metadata__") {
      auto metadata = read_metadata(member.value());
      if (!metadata) return fail(metadata.error());
      header.metadata = std::move(*metadata);
      continue;
    }
    auto view = read_entry(member.key(), member.value(), data);
    if (!view) return fail(view.error().with("tensor " + in_quotes(member.key())));
    header.tensors.push_back(std::move(*view));
  }
  std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  if (auto fits = check_layout(header.tensors, data); !fits) return fail(fits.error());
  return header;
}

std::string header_text(const std::vector<TensorSpec>& tensors, const Metadata& metadata) {
  json::object object;
  if (!metadata.empty()) {
    json::object& entries = object["__metadata__"].emplace_object();
    for (const auto& [key, value] : metadata) entries[key] = value;
  }
  std::uint64_t offset = 0;
  for (const TensorSpec& spec : tensors) {
    const std::uint64_t size = *tensor_bytes(spec.dtype, spec.shape);
    object[spec.name] = json::object{{"dtype", name(spec.dtype)},
                                     {"shape", json::array(spec.shape.begin(), spec.shape.end())},
                                     {"data_offsets", json::array{offset, offset + size}}};
    offset += size;
  }
  std::string text = json::serialize(object);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

std::size_t size_bytes(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)].size;
}
std::string_view name(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)].name;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  auto mapped = map_file(path);
  if (!mapped) return fail(mapped.error());
  return read(std::move(*mapped), path);
}

Result<SafetensorsFile> SafetensorsFile::parse(std::string bytes, std::string_view name) {
  return read(in_memory(std::move(bytes)), name);
}

Result<SafetensorsFile> SafetensorsFile::read(MappedFile bytes, std::string_view name) {
  auto header = read_header(bytes.bytes);
  if (!header) return fail(header.error().with(name));
  SafetensorsFile file;
  file.bytes_ = std::move(bytes);
  file.tensors_ = std::move(header->tensors);
  file.metadata_ = std::move(header->metadata);
  for (std::size_t i = 0; i < file.tensors_.size(); ++i) file.by_name_[file.tensors_[i].name] = i;
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

struct SafetensorsWriter::State {
  WholeFile file;
  std::vector<TensorSpec> tensors;
  std::size_t next = 0;
};

SafetensorsWriter::SafetensorsWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SafetensorsWriter::SafetensorsWriter(SafetensorsWriter&&) noexcept = default;
SafetensorsWriter& SafetensorsWriter::operator=(SafetensorsWriter&&) noexcept = default;

SafetensorsWriter::~SafetensorsWriter() = default;

Result<SafetensorsWriter> SafetensorsWriter::create(const std::string& path,
                                                    std::vector<TensorSpec> tensors,
                                                    const Metadata& metadata) {
  for (const TensorSpec& spec : tensors) {
    if (!tensor_bytes(spec.dtype, spec.shape)) {
      return fail(ErrorCode::kInvalid, "tensor '" + spec.name + "': its shape overflows");
    }
  }
  const std::string text = header_text(tensors, metadata);
  auto file = WholeFile::create(path);
  if (!file) return fail(file.error());
  std::string head(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) head[i] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  head += text;
  if (auto done = file->append(head); !done) return fail(done.error());
  return SafetensorsWriter(std::make_unique<State>(std::move(*file), std::move(tensors)));
}

Result<void> SafetensorsWriter::write_next(std::string_view bytes) {
  HONE_ASSERT(state_->next < state_->tensors.size());
  const TensorSpec& spec = state_->tensors[state_->next];
  if (bytes.size() != *tensor_bytes(spec.dtype, spec.shape)) {
    return fail(ErrorCode::kInvalid, "tensor '" + spec.name + "': " + std::to_string(bytes.size()) +
                                         " bytes do not fit its shape");
  }
  if (auto done = state_->file.append(bytes); !done) return done;
  ++state_->next;
  return {};
}

Result<void> SafetensorsWriter::finish() {
  HONE_ASSERT(state_->next == state_->tensors.size());
  return state_->file.finish();
}

Result<void> write_safetensors(const std::string& path, const std::vector<TensorView>& tensors,
                               const Metadata& metadata) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const TensorView& view : tensors) specs.push_back({view.name, view.dtype, view.shape});
  auto writer = SafetensorsWriter::create(path, std::move(specs), metadata);
  if (!writer) return fail(writer.error());
  for (const TensorView& view : tensors) {
    if (auto done = writer->write_next(view.bytes); !done) return done;
  }
  return writer->finish();
}

}  // namespace hone::engine
