#include "capture/gateway_model_field.h"

#include <optional>

#include "base/json.h"
#include "base/json_scan.h"

namespace hone::capture {
namespace {

constexpr std::size_t kMaxName = 1024;

std::optional<std::string> decode(std::string_view token) {
  if (token.size() > kMaxName) return std::nullopt;
  auto value = parse_json(token);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

constexpr const char* kMissing = "field 'model' is missing";

// The string that comes next.
Result<ModelField> read_name(JsonScanner& scanner) {
  const auto token = scanner.string();
  auto value = token ? decode(*token) : std::nullopt;
  if (!value) return refuse("field 'model' must be a string of at most 1,024 bytes");
  return ModelField{scanner.position() - token->size(), token->size(), std::move(*value)};
}

}  // namespace

Result<ModelField> find_model(std::string_view body) {
  const std::string no_json = "the body is not a JSON object";
  std::optional<ModelField> found;
  JsonScanner scanner(body);
  if (!scanner.take('{')) return refuse(no_json);
  if (scanner.peek() == '}') return refuse(kMissing);
  do {
    const auto key = scanner.string();
    if (!key || !scanner.take(':')) return refuse(no_json);
    // A key may be written with escapes ("mod\u0065l") and is the same key.
    const bool is_model = *key == "\"model\"" ||
                          (key->find('\\') != std::string_view::npos && decode(*key) == "model");
    if (!is_model) {
      if (!scanner.value()) return refuse(no_json);
      continue;
    }
    if (found) return refuse("field 'model' is given twice");
    auto name = read_name(scanner);
    if (!name) return name;
    found = std::move(*name);
  } while (scanner.take(','));
  if (!scanner.take('}')) return refuse(no_json);
  if (!found) return refuse(kMissing);
  return *found;
}

Result<ModelField> find_model(const wire::CutBody& body) {
  const wire::CallParts* parts = body.parts();
  if (parts == nullptr) return find_model(body.text());
  // A key written with escapes, or one given twice, and the body would not have been cut.
  for (const std::string_view member : parts->settings) {
    if (!member.starts_with("\"model\"")) continue;
    JsonScanner scanner(member);
    static_cast<void>(scanner.string());
    static_cast<void>(scanner.take(':'));
    auto field = read_name(scanner);
    if (field) field->begin += static_cast<std::size_t>(member.data() - body.text().data());
    return field;
  }
  return refuse(kMissing);
}

std::array<std::string_view, 3> with_model(std::string_view body, const ModelField& field,
                                           std::string_view name) {
  return {body.substr(0, field.begin), name, body.substr(field.begin + field.size)};
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace hone::capture
