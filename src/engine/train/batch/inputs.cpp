#include "engine/train/batch/inputs.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <exception>
#include <optional>

#include "engine/model/in_quotes.h"
#include "engine/model/safetensors.h"

namespace hone::engine {
namespace {

constexpr std::string_view kInput = "in.";
constexpr std::string_view kScore = "out.score.weight";
constexpr std::int64_t kUnlabelled = -100;

std::optional<at::ScalarType> scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kBool:
    case DType::kU8:
      return at::kByte;
    case DType::kI8:
      return at::kChar;
    case DType::kI16:
      return at::kShort;
    case DType::kI32:
      return at::kInt;
    case DType::kI64:
      return at::kLong;
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    case DType::kF32:
      return at::kFloat;
    case DType::kF64:
      return at::kDouble;
    default:
      return std::nullopt;
  }
}

std::string text_of(at::IntArrayRef shape) {
  std::string text = "[";
  for (const std::int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

// What a reader hands out after a problem: two rows of two, so that what follows has something to
// cut.
at::Tensor placeholder(at::ScalarType type) {
  return at::zeros({2, 2}, at::TensorOptions(type));
}

struct Run {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool whole = true;  // nothing real stands outside it
};

// The real tokens of a row.
Run run_of(const bool* real, std::int64_t columns) {
  const bool* first = std::find(real, real + columns, true);
  const bool* last = std::find(first, real + columns, false);
  return {first - real, last - real, std::find(last, real + columns, true) == real + columns};
}

}  // namespace

Result<at::Tensor> tensor_of(const TensorView& view) {
  const auto type = scalar_type(view.dtype);
  if (!type) {
    return fail(ErrorCode::kInvalid, "tensor " + in_quotes(view.name) + " is of type " +
                                         std::string(name(view.dtype)) + ", which is not read");
  }
  try {
    at::Tensor tensor = at::empty(view.shape, at::TensorOptions(*type));
    std::copy(view.bytes.begin(), view.bytes.end(), static_cast<char*>(tensor.mutable_data_ptr()));
    return tensor;
  } catch (const std::exception& error) {  // libtorch, where memory is short
    return fail(ErrorCode::kUnavailable,
                "tensor " + in_quotes(view.name) +
                    " cannot be read into memory: " + first_line(error.what()));
  }
}

Result<BatchTensors> read_batch(const std::string& path) {
  auto file = SafetensorsFile::open(path);
  if (!file) return fail(file.error());
  BatchTensors tensors;
  for (const TensorView& view : file->tensors()) {
    const bool input = view.name.starts_with(kInput);
    if (!input && view.name.starts_with("out.") && view.name != kScore) continue;
    if (!input && view.name != kScore) {
      return fail(ErrorCode::kInvalid, path + ": tensor " + in_quotes(view.name) +
                                           " is neither an input ('in.…') nor a result ('out.…')");
    }
    auto tensor = tensor_of(view);
    if (!tensor) return fail(tensor.error().with(path));
    if (input) {
      tensors[view.name.substr(kInput.size())] = std::move(*tensor);
    } else {
      tensors.try_emplace("score.weight", std::move(*tensor));
    }
  }
  if (tensors.empty()) return fail(ErrorCode::kInvalid, path + ": there is no tensor 'in.…'");
  if (auto whole = file->still_whole(); !whole) return fail(whole.error());
  return tensors;
}

bool BatchReader::has(const std::string& name) {
  asked_.insert(name);
  return tensors_.contains(name);
}

at::Tensor BatchReader::find(const std::string& name, bool whole) {
  if (!has(name)) {
    require(false, "tensor 'in." + name + "' is missing");
    return placeholder(whole ? at::kLong : at::kFloat);
  }
  const at::Tensor& tensor = tensors_.at(name);
  if (whole && tensor.is_floating_point()) {
    require(false, "tensor 'in." + name + "' must hold whole numbers");
    return placeholder(at::kLong);
  }
  return tensor.to(whole ? at::kLong : at::kFloat);
}

at::Tensor BatchReader::shaped(const std::string& name, at::IntArrayRef shape, bool whole) {
  const at::Tensor tensor = find(name, whole);
  if (good() && !std::ranges::equal(tensor.sizes(), shape)) {
    require(false, "tensor 'in." + name + "' has shape " + text_of(tensor.sizes()) +
                       " and should have " + text_of(shape));
  }
  return good() ? tensor : at::zeros(shape, tensor.options());
}

at::Tensor BatchReader::ids(const std::string& name) {
  const at::Tensor tensor = find(name, true);
  require(tensor.dim() == 2 && tensor.size(0) > 0 && tensor.size(1) > 0,
          "tensor 'in." + name + "' must be [rows, columns] of token ids");
  return good() ? tensor : placeholder(at::kLong);
}

at::Tensor BatchReader::whole(const std::string& name, const at::Tensor& like) {
  return shaped(name, like.sizes(), true);
}

at::Tensor BatchReader::mask(const std::string& name, const at::Tensor& like) {
  return whole(name, like).ne(0);
}

at::Tensor BatchReader::labelled(const std::string& name, const at::Tensor& ids) {
  const at::Tensor labels = whole(name, ids);
  const at::Tensor there = labels.ne(kUnlabelled);
  require((labels.eq(ids) | there.logical_not()).all().item<bool>(),
          "tensor 'in." + name + "' holds labels that are neither -100 nor the row's own ids");
  return there;
}

at::Tensor BatchReader::reals(const std::string& name, at::IntArrayRef shape) {
  return shaped(name, shape, false);
}

double BatchReader::number(const std::string& name) {
  const at::Tensor tensor = find(name, false);
  require(tensor.numel() == 1, "tensor 'in." + name + "' must hold one number");
  return good() ? tensors_.at(name).item().toDouble() : 1.0;
}

Selection BatchReader::select(const at::Tensor& ids, const at::Tensor& real,
                              const at::Tensor& targets, const std::string& what, bool every_row) {
  Selection selection;
  selection.ids = sequences(ids, real);
  selection.positions.resize(selection.ids.size());
  if (!good()) return {};
  const at::Tensor flags = targets.contiguous();
  const at::Tensor present = real.contiguous();
  const std::int64_t columns = ids.size(1);
  bool any = false;
  for (std::size_t row = 0; row < selection.ids.size(); ++row) {
    const auto offset = static_cast<std::int64_t>(row) * columns;
    const bool* flag = flags.const_data_ptr<bool>() + offset;
    const Run run = run_of(present.const_data_ptr<bool>() + offset, columns);
    const std::string place = what + ": row " + std::to_string(row + 1) + " ";
    const auto outside = [&](std::int64_t begin, std::int64_t end) {
      return std::find(flag + begin, flag + end, true) != flag + end;
    };
    require(!outside(0, run.begin) && !outside(run.end, columns),
            place + "counts a token that is padding");
    auto& positions = selection.positions[row];
    for (std::int64_t column = run.begin + 1; column < run.end; ++column) {
      if (flag[column]) positions.push_back(static_cast<std::size_t>(column - run.begin));
    }
    require(!every_row || !positions.empty(), place + "has no token to train on");
    any = any || !positions.empty();
    selection.ids[row].resize(positions.empty() ? 1 : positions.back() + 1);
  }
  require(any, what + ": no token of the batch would be trained on");
  return good() ? selection : Selection{};
}

std::vector<TokenIds> BatchReader::sequences(const at::Tensor& ids, const at::Tensor& real) {
  if (!good()) return {};
  const at::Tensor tokens = ids.contiguous();
  const at::Tensor present = real.contiguous();
  const std::int64_t columns = ids.size(1);
  std::vector<TokenIds> all;
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    const std::int64_t* token = tokens.const_data_ptr<std::int64_t>() + row * columns;
    const Run run = run_of(present.const_data_ptr<bool>() + row * columns, columns);
    const std::string place = "row " + std::to_string(row + 1) + " of the batch ";
    require(run.begin < run.end, place + "has no token: its attention mask is all zero");
    require(run.whole, place + "has padding between its tokens");
    all.emplace_back(token + run.begin, token + run.end);
    const auto unknown = std::ranges::find_if(
        all.back(), [this](std::int64_t id) { return id < 0 || id >= vocab_size_; });
    if (unknown != all.back().end()) {
      require(false,
              place + "holds " + std::to_string(*unknown) + ", which is not a token of this model");
    }
  }
  return all;
}

at::Tensor BatchReader::predicted(const at::Tensor& real) {
  const std::int64_t columns = real.size(1);
  at::Tensor result = at::zeros_like(real);
  result.narrow(1, 1, columns - 1)
      .copy_(real.narrow(1, 1, columns - 1) & real.narrow(1, 0, columns - 1));
  return result;
}

void BatchReader::require(bool good, const std::string& problem) {
  if (!good && outcome_) outcome_ = fail(ErrorCode::kInvalid, problem);
}

Result<void> BatchReader::finish(const std::string& method) const {
  if (!outcome_) return outcome_;
  for (const auto& [name, tensor] : tensors_) {
    if (!asked_.contains(name)) {
      return fail(ErrorCode::kInvalid, "tensor " + in_quotes("in." + name) +
                                           " is not one that method '" + method + "' reads");
    }
  }
  return {};
}

}  // namespace hone::engine
