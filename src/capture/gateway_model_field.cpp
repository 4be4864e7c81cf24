#include "capture/gateway_model_field.h"

#include <optional>

#include "base/json.h"

namespace hone::capture {
namespace {

constexpr std::size_t kMaxName = 1024;
constexpr std::string_view kBlanks = " \t\r\n";

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // The next character that is no blank, or 0 at the end.
  char peek() {
    at_ = text_.find_first_not_of(kBlanks, at_);
    if (at_ == std::string_view::npos) at_ = text_.size();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  // A string with its quotes; nullopt where there is none or it has no end.
  std::optional<std::string_view> string() {
    if (peek() != '"') return std::nullopt;
    const std::size_t begin = at_++;
    while (true) {
      at_ = text_.find_first_of("\"\\", at_);
      if (at_ == std::string_view::npos) {
        at_ = text_.size();
        return std::nullopt;
      }
      if (text_[at_] == '"') return text_.substr(begin, ++at_ - begin);
      at_ += 2;
      if (at_ > text_.size()) at_ = text_.size();
    }
  }
  // Steps over a value of any kind, without recursion.
  bool skip_value() {
    std::size_t depth = 0;
    do {
      const char next = peek();
      if (next == '\0') return false;
      if (next == '"') {
        if (!string()) return false;
        continue;
      }
      if (next == '{' || next == '[') ++depth;
      if (next == '}' || next == ']') {
        if (depth == 0) return false;
        --depth;
      }
      if (depth == 0 && next != '}' && next != ']') return skip_word();
      ++at_;
    } while (depth > 0);
    return true;
  }
  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  // A number, true, false or null.
  bool skip_word() {
    const auto end = text_.find_first_of(",}] \t\r\n", at_);
    if (end == std::string_view::npos || end == at_) return false;
    at_ = end;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::optional<std::string> decode(std::string_view token) {
  if (token.size() > kMaxName) return std::nullopt;
  auto value = parse_json(token);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

}  // namespace

Result<ModelField> find_model(std::string_view body) {
  const std::string no_json = "the body is not a JSON object";
  std::optional<ModelField> found;
  Scanner scanner(body);
  if (!scanner.take('{')) return refuse(no_json);
  if (scanner.peek() == '}') return refuse("field 'model' is missing");
  do {
    const auto key = scanner.string();
    if (!key || !scanner.take(':')) return refuse(no_json);
    // A key may be written with escapes ("mod\u0065l") and is the same key.
    const bool is_model = *key == "\"model\"" ||
                          (key->find('\\') != std::string_view::npos && decode(*key) == "model");
    if (!is_model) {
      if (!scanner.skip_value()) return refuse(no_json);
      continue;
    }
    if (found) return refuse("field 'model' is given twice");
    const auto token = scanner.string();
    const auto value = token ? decode(*token) : std::nullopt;
    if (!value) return refuse("field 'model' must be a string of at most 1,024 bytes");
    found = ModelField{scanner.position() - token->size(), token->size(), *value};
  } while (scanner.take(','));
  if (!scanner.take('}')) return refuse(no_json);
  if (!found) return refuse("field 'model' is missing");
  return *found;
}

std::string with_model(std::string_view body, const ModelField& field, std::string_view model) {
  std::string out;
  out.reserve(body.size() + model.size());
  out += body.substr(0, field.begin);
  out += json::serialize(json::string_view(model.data(), model.size()));
  out += body.substr(field.begin + field.size);
  return out;
}

}  // namespace hone::capture
