#include "engine/model/gguf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "engine/model/gguf_format.h"
#include "engine/model/in_quotes.h"

namespace hone::engine {
namespace {

constexpr std::uint64_t kMaxEntries = 1 << 20;  // metadata keys, and tensors
constexpr std::uint64_t kMaxDimensions = 4;
constexpr std::uint64_t kMaxAlignment = 1 << 16;

std::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorCode::kCorrupt, std::move(message));
}

}  // namespace

// Walks the header. A read past the end sets `cut_` and gives zeros, so that callers check once an
// entry.
class GgufParser {
 public:
  explicit GgufParser(std::string_view bytes) : bytes_(bytes) {}

  Result<void> parse(GgufFile& file) {
    if (!bytes_.starts_with("GGUF")) return corrupt("not a GGUF file");
    at_ = 4;
    const auto version = read<std::uint32_t>();
    if (version != 2 && version != 3) {
      return corrupt("GGUF version " + std::to_string(version) + " is not supported: 2 or 3");
    }
    const auto tensor_count = read<std::uint64_t>();
    const auto value_count = read<std::uint64_t>();
    if (cut_ || tensor_count > kMaxEntries || value_count > kMaxEntries) {
      return corrupt("the header is cut short, or counts more than a million entries: " +
                     std::to_string(tensor_count) + " tensors and " + std::to_string(value_count) +
                     " keys");
    }
    for (std::uint64_t i = 0; i < value_count; ++i) {
      if (auto done = read_entry(file); !done) return done;
    }
    std::vector<std::uint64_t> offsets;
    for (std::uint64_t i = 0; i < tensor_count; ++i) {
      if (auto done = read_tensor(file, offsets); !done) return done;
    }
    return place_tensors(file, offsets);
  }

 private:
  template <typename T>
  T read() {
    T value{};
    if (bytes_.size() - at_ < sizeof(T)) {
      cut_ = true;
      return value;
    }
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string_view read_string() {
    const auto size = read<std::uint64_t>();
    if (cut_ || size > bytes_.size() - at_) {
      cut_ = true;
      return {};
    }
    const auto text = bytes_.substr(at_, static_cast<std::size_t>(size));
    at_ += static_cast<std::size_t>(size);
    return text;
  }

  // Integers of every width, and bool, as one signed number.
  std::optional<std::int64_t> read_integer(GgufValueType type) {
    switch (type) {
      case GgufValueType::kU8:
      case GgufValueType::kBool:
        return read<std::uint8_t>();
      case GgufValueType::kI8:
        return read<std::int8_t>();
      case GgufValueType::kU16:
        return read<std::uint16_t>();
      case GgufValueType::kI16:
        return read<std::int16_t>();
      case GgufValueType::kU32:
        return read<std::uint32_t>();
      case GgufValueType::kI32:
        return read<std::int32_t>();
      case GgufValueType::kI64:
        return read<std::int64_t>();
      case GgufValueType::kU64: {
        const auto value = read<std::uint64_t>();
        if (value <= INT64_MAX) return static_cast<std::int64_t>(value);
        return std::nullopt;
      }
      default:
        return std::nullopt;
    }
  }

  Result<GgufValue> read_value(GgufValueType type) {
    if (type == GgufValueType::kString) return GgufValue(read_string());
    if (type == GgufValueType::kF32) return GgufValue(static_cast<double>(read<float>()));
    if (type == GgufValueType::kF64) return GgufValue(read<double>());
    if (type == GgufValueType::kArray) return read_array();
    const auto integer = read_integer(type);
    if (!integer) {
      return corrupt("a value of unknown type " + std::to_string(static_cast<std::uint32_t>(type)) +
                     ", or out of range");
    }
    if (type == GgufValueType::kBool) return GgufValue(*integer != 0);
    return GgufValue(*integer);
  }

  Result<GgufValue> read_array() {
    const auto type = static_cast<GgufValueType>(read<std::uint32_t>());
    const auto count = read<std::uint64_t>();
    if (cut_ || count > bytes_.size() - at_) {  // an element has at least one byte
      cut_ = true;
      return GgufValue(false);
    }
    if (type == GgufValueType::kString) {
      std::vector<std::string_view> items;
      for (std::uint64_t i = 0; i < count && !cut_; ++i) items.push_back(read_string());
      return GgufValue(std::move(items));
    }
    if (type == GgufValueType::kF32 || type == GgufValueType::kF64) {
      std::vector<double> items;
      for (std::uint64_t i = 0; i < count && !cut_; ++i) {
        items.push_back(type == GgufValueType::kF32 ? read<float>() : read<double>());
      }
      return GgufValue(std::move(items));
    }
    std::vector<std::int64_t> items;
    for (std::uint64_t i = 0; i < count && !cut_; ++i) {
      const auto item = read_integer(type);
      if (!item) {
        return corrupt("an array of type " + std::to_string(static_cast<std::uint32_t>(type)) +
                       ", which is not read, or with a value out of range");
      }
      items.push_back(*item);
    }
    return GgufValue(std::move(items));
  }

  Result<void> read_entry(GgufFile& file) {
    const std::size_t begin = at_;
    const std::string key(read_string());
    const auto type = static_cast<GgufValueType>(read<std::uint32_t>());
    auto value = read_value(type);
    const std::string where = "key " + in_quotes(key) + " at byte " + std::to_string(begin);
    if (cut_) return corrupt(where + ": the metadata is cut short");
    if (!value) return fail(value.error().with(where));
    if (!file.values_.emplace(key, std::move(*value)).second) {
      return corrupt(where + " comes twice");
    }
    return {};
  }

  Result<void> read_tensor(GgufFile& file, std::vector<std::uint64_t>& offsets) {
    const std::size_t begin = at_;
    GgufTensor tensor;
    tensor.name = std::string(read_string());
    const auto dimensions = read<std::uint32_t>();
    const std::string where =
        "tensor " + in_quotes(tensor.name) + ", described at byte " + std::to_string(begin);
    if (cut_ || dimensions > kMaxDimensions) {
      return corrupt(where + ": cut short, or more than 4 dimensions");
    }
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto size = read<std::uint64_t>();
      if (size > INT64_MAX) return corrupt(where + ": its shape overflows");
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(size));
    }
    tensor.type = read<std::uint32_t>();
    offsets.push_back(read<std::uint64_t>());
    if (cut_) return corrupt(where + ": cut short");
    if (!file.by_name_.emplace(tensor.name, file.tensors_.size()).second) {
      return corrupt(where + " comes twice");
    }
    file.tensors_.push_back(std::move(tensor));
    return {};
  }

  // Bytes of a tensor of a type that is known.
  static Result<std::uint64_t> size_of(const GgufTensor& tensor, const GgufBlock& block) {
    const std::uint64_t row =
        tensor.shape.empty() ? 1 : static_cast<std::uint64_t>(tensor.shape.back());
    if (row % block.values != 0) {
      return corrupt("its rows of " + std::to_string(row) + " values are no whole blocks of " +
                     std::to_string(block.values) + ", which ggml type " +
                     std::to_string(tensor.type) + " has");
    }
    const auto bytes_of_row = gguf_bytes(tensor.type, row);
    if (!bytes_of_row) return corrupt("its shape overflows");
    std::uint64_t bytes = *bytes_of_row;
    for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) {
      if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(tensor.shape[i]), &bytes)) {
        return corrupt("its shape overflows");
      }
    }
    return bytes;
  }

  static Result<void> place(GgufTensor& tensor, std::uint64_t offset, std::uint64_t alignment,
                            std::string_view data) {
    const auto block = gguf_block(tensor.type);
    if (!block) return {};  // refused by its type if somebody wants its values
    const auto size = size_of(tensor, *block);
    if (!size) return fail(size.error());
    if (offset % alignment != 0) {
      return corrupt("its offset " + std::to_string(offset) + " is no multiple of the alignment " +
                     std::to_string(alignment));
    }
    if (offset > data.size() || *size > data.size() - offset) {
      return corrupt("its " + std::to_string(*size) + " bytes at " + std::to_string(offset) +
                     " lie outside the file, which has " + std::to_string(data.size()) +
                     " bytes of data: cut short?");
    }
    tensor.bytes = data.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(*size));
    return {};
  }

  // A file could name the same bytes a million times, and be a terabyte once it is unpacked.
  static Result<void> check_overlaps(const std::vector<GgufTensor>& tensors) {
    std::vector<const GgufTensor*> order;
    for (const GgufTensor& tensor : tensors) {
      if (!tensor.bytes.empty()) order.push_back(&tensor);
    }
    std::sort(order.begin(), order.end(), [](const GgufTensor* a, const GgufTensor* b) {
      return a->bytes.data() < b->bytes.data();
    });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const std::string_view before = order[i - 1]->bytes;
      if (order[i]->bytes.data() < before.data() + before.size()) {
        return corrupt("tensor " + in_quotes(order[i]->name) + ": its bytes overlap those of " +
                       in_quotes(order[i - 1]->name));
      }
    }
    return {};
  }

  Result<void> place_tensors(GgufFile& file, const std::vector<std::uint64_t>& offsets) const {
    const auto given = file.integer_if("general.alignment");
    if (!given) return fail(given.error());
    const auto alignment = static_cast<std::uint64_t>(given->value_or(32));
    if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
      return corrupt("general.alignment must be a power of two up to 65536");
    }
    const std::uint64_t start = (at_ + alignment - 1) / alignment * alignment;
    const auto data = start <= bytes_.size() ? bytes_.substr(start) : std::string_view();
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      auto placed = place(file.tensors_[i], offsets[i], alignment, data);
      if (!placed) return fail(placed.error().with("tensor " + in_quotes(file.tensors_[i].name)));
    }
    return check_overlaps(file.tensors_);
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool cut_ = false;
};

Result<GgufFile> GgufFile::open(const std::string& path) {
  auto mapped = map_file(path);
  if (!mapped) return fail(mapped.error());
  return read(std::move(*mapped), path);
}

Result<GgufFile> GgufFile::parse(std::string bytes, std::string_view name) {
  return read(in_memory(std::move(bytes)), name);
}

Result<GgufFile> GgufFile::read(MappedFile bytes, std::string_view name) {
  GgufFile file;
  file.bytes_ = std::move(bytes);
  auto done = GgufParser(file.bytes_.bytes).parse(file);
  if (!done) return fail(done.error().with(name));
  return file;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

Result<std::int64_t> GgufFile::integer(std::string_view key) const {
  if (const auto* value = find_as<std::int64_t>(key)) return *value;
  return fail(ErrorCode::kInvalid, "the GGUF file has no integer '" + std::string(key) + "'");
}

Result<double> GgufFile::number(std::string_view key) const {
  if (const auto* value = find_as<double>(key)) {
    if (std::isfinite(*value)) return *value;
    return fail(ErrorCode::kInvalid, "the GGUF file's '" + std::string(key) + "' is no number");
  }
  if (const auto* value = find_as<std::int64_t>(key)) return static_cast<double>(*value);
  return fail(ErrorCode::kInvalid, "the GGUF file has no number '" + std::string(key) + "'");
}

Result<std::string_view> GgufFile::text(std::string_view key) const {
  if (const auto* value = find_as<std::string_view>(key)) return *value;
  return fail(ErrorCode::kInvalid, "the GGUF file has no text '" + std::string(key) + "'");
}

Result<std::optional<std::int64_t>> GgufFile::integer_if(std::string_view key) const {
  if (find(key) == nullptr) return std::optional<std::int64_t>();
  auto value = integer(key);
  if (!value) return fail(value.error());
  return std::optional(*value);
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace hone::engine
