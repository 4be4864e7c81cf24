#include "engine/model/gguf.h"

#include <bit>
#include <cstring>

#include "engine/model/mapped_file.h"

namespace hone::engine {
namespace {

constexpr std::uint64_t kMaxEntries = 1 << 20;  // metadata keys, and tensors
constexpr std::uint64_t kMaxDimensions = 4;
constexpr std::uint64_t kMaxAlignment = 1 << 16;

// How the format numbers its value types.
enum class ValueType : std::uint32_t {
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
      return corrupt("the header is cut short, or counts more than a million entries");
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
  std::optional<std::int64_t> read_integer(ValueType type) {
    switch (type) {
      case ValueType::kU8:
      case ValueType::kBool:
        return read<std::uint8_t>();
      case ValueType::kI8:
        return read<std::int8_t>();
      case ValueType::kU16:
        return read<std::uint16_t>();
      case ValueType::kI16:
        return read<std::int16_t>();
      case ValueType::kU32:
        return read<std::uint32_t>();
      case ValueType::kI32:
        return read<std::int32_t>();
      case ValueType::kI64:
        return read<std::int64_t>();
      case ValueType::kU64: {
        const auto value = read<std::uint64_t>();
        if (value <= INT64_MAX) return static_cast<std::int64_t>(value);
        return std::nullopt;
      }
      default:
        return std::nullopt;
    }
  }

  Result<GgufValue> read_value(ValueType type) {
    if (type == ValueType::kString) return GgufValue(read_string());
    if (type == ValueType::kF32) return GgufValue(static_cast<double>(read<float>()));
    if (type == ValueType::kF64) return GgufValue(read<double>());
    if (type == ValueType::kArray) return read_array();
    const auto integer = read_integer(type);
    if (!integer) return corrupt("a value of unknown type, or out of range");
    if (type == ValueType::kBool) return GgufValue(*integer != 0);
    return GgufValue(*integer);
  }

  Result<GgufValue> read_array() {
    const auto type = static_cast<ValueType>(read<std::uint32_t>());
    const auto count = read<std::uint64_t>();
    if (cut_ || count > bytes_.size() - at_) {  // an element has at least one byte
      cut_ = true;
      return GgufValue(false);
    }
    if (type == ValueType::kString) {
      std::vector<std::string_view> items;
      for (std::uint64_t i = 0; i < count && !cut_; ++i) items.push_back(read_string());
      return GgufValue(std::move(items));
    }
    if (type == ValueType::kF32 || type == ValueType::kF64) {
      std::vector<double> items;
      for (std::uint64_t i = 0; i < count && !cut_; ++i) {
        items.push_back(type == ValueType::kF32 ? read<float>() : read<double>());
      }
      return GgufValue(std::move(items));
    }
    std::vector<std::int64_t> items;
    for (std::uint64_t i = 0; i < count && !cut_; ++i) {
      const auto item = read_integer(type);
      if (!item) return corrupt("an array of unknown type, or with a value out of range");
      items.push_back(*item);
    }
    return GgufValue(std::move(items));
  }

  Result<void> read_entry(GgufFile& file) {
    const std::string key(read_string());
    const auto type = static_cast<ValueType>(read<std::uint32_t>());
    auto value = read_value(type);
    if (cut_) return corrupt("the metadata is cut short");
    if (!value) return fail(value.error().with("key '" + key + "'"));
    if (!file.values_.emplace(key, std::move(*value)).second) {
      return corrupt("key '" + key + "' comes twice");
    }
    return {};
  }

  Result<void> read_tensor(GgufFile& file, std::vector<std::uint64_t>& offsets) {
    GgufTensor tensor;
    tensor.name = std::string(read_string());
    const auto dimensions = read<std::uint32_t>();
    if (cut_ || dimensions > kMaxDimensions) {
      return corrupt("tensor '" + tensor.name + "': cut short, or more than 4 dimensions");
    }
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto size = read<std::uint64_t>();
      if (size > INT64_MAX) return corrupt("tensor '" + tensor.name + "': its shape overflows");
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(size));
    }
    tensor.type = read<std::uint32_t>();
    offsets.push_back(read<std::uint64_t>());
    if (cut_) return corrupt("tensor '" + tensor.name + "': cut short");
    if (!file.by_name_.emplace(tensor.name, file.tensors_.size()).second) {
      return corrupt("tensor '" + tensor.name + "' comes twice");
    }
    file.tensors_.push_back(std::move(tensor));
    return {};
  }

  Result<void> place_tensors(GgufFile& file, const std::vector<std::uint64_t>& offsets) const {
    const auto alignment =
        static_cast<std::uint64_t>(file.integer_if("general.alignment").value_or(32));
    if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
      return corrupt("general.alignment must be a power of two up to 65536");
    }
    const std::uint64_t start = (at_ + alignment - 1) / alignment * alignment;
    const auto data = start <= bytes_.size() ? bytes_.substr(start) : std::string_view();
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      GgufTensor& tensor = file.tensors_[i];
      std::uint64_t elements = 1;
      for (const std::int64_t size : tensor.shape) {
        if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(size), &elements)) {
          return corrupt("tensor '" + tensor.name + "': its shape overflows");
        }
      }
      const auto size = gguf_bytes(tensor.type, elements);
      if (!size) continue;  // refused by its type if somebody wants its values
      if (offsets[i] % alignment != 0 || offsets[i] > data.size() ||
          *size > data.size() - offsets[i]) {
        return corrupt("tensor '" + tensor.name + "': its bytes lie outside the file: cut short?");
      }
      tensor.bytes =
          data.substr(static_cast<std::size_t>(offsets[i]), static_cast<std::size_t>(*size));
    }
    return {};
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool cut_ = false;
};

Result<GgufFile> GgufFile::open(const std::string& path) {
  auto mapped = map_file(path);
  if (!mapped) return fail(mapped.error());
  GgufFile file;
  file.mapping_ = mapped->owner;
  if (auto done = GgufParser(mapped->bytes).parse(file); !done)
    return fail(done.error().with(path));
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
  if (const auto* value = find_as<double>(key)) return *value;
  if (const auto* value = find_as<std::int64_t>(key)) return static_cast<double>(*value);
  return fail(ErrorCode::kInvalid, "the GGUF file has no number '" + std::string(key) + "'");
}

Result<std::string_view> GgufFile::text(std::string_view key) const {
  if (const auto* value = find_as<std::string_view>(key)) return *value;
  return fail(ErrorCode::kInvalid, "the GGUF file has no text '" + std::string(key) + "'");
}

std::optional<std::int64_t> GgufFile::integer_if(std::string_view key) const {
  const auto* value = find_as<std::int64_t>(key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace hone::engine
