#include "base/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

namespace hone {
namespace {

// For each byte what stands behind the backslash: 'u' for \u00XX, 0 for a byte that stands for
// itself.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> escapes{};
  for (std::size_t i = 0; i < 0x20; ++i) escapes[i] = 'u';
  escapes['\b'] = 'b';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\f'] = 'f';
  escapes['\r'] = 'r';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}

constexpr auto kEscapes = make_escapes();

// Writes `text`, escaped, to `to`, which has room for six times as much; returns the end. Most of
// what is written is long text: sixteen bytes are looked at, and written, together.
char* write_escaped(std::string_view text, char* to) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::size_t at = 0;
  while (at < text.size()) {
#ifdef __SSE2__
    if (text.size() - at >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
      const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
      const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
      const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
      const __m128i marks = _mm_or_si128(control, _mm_or_si128(quote, backslash));
      const auto mask = static_cast<unsigned>(_mm_movemask_epi8(marks));
      const int plain = mask == 0 ? 16 : std::countr_zero(mask);
      at += static_cast<std::size_t>(plain);
      to += plain;
      if (mask == 0) continue;
    }
#endif
    const auto byte = static_cast<unsigned char>(text[at++]);
    const char escape = kEscapes[byte];
    if (escape == 0) {
      *to++ = static_cast<char>(byte);
      continue;
    }
    *to++ = '\\';
    *to++ = escape;
    if (escape != 'u') continue;
    *to++ = '0';
    *to++ = '0';
    *to++ = kDigits[byte >> 4];
    *to++ = kDigits[byte & 15];
  }
  return to;
}

void write_canonical(const json::value& value, std::string& out) {
  if (const auto* object = value.if_object()) {
    std::vector<const json::key_value_pair*> items;
    items.reserve(object->size());
    for (const auto& item : *object) items.push_back(&item);
    std::sort(items.begin(), items.end(),
              [](const auto* a, const auto* b) { return a->key() < b->key(); });
    out.push_back('{');
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.push_back(',');
      append_json_string(out, items[i]->key());
      out.push_back(':');
      write_canonical(items[i]->value(), out);
    }
    out.push_back('}');
  } else if (const auto* array = value.if_array()) {
    out.push_back('[');
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (i > 0) out.push_back(',');
      write_canonical((*array)[i], out);
    }
    out.push_back(']');
  } else if (const auto* text = value.if_string()) {
    append_json_string(out, *text);
  } else {
    out += json::serialize(value);
  }
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

template <typename T>
std::unexpected<Error> wrong_type(const json::value& value, std::string_view field_name, T wanted) {
  return fail(ErrorCode::kInvalid, "field '" + std::string(field_name) + "' must be " +
                                       std::string(wanted) + ", not " +
                                       std::string(kind_name(value)));
}

}  // namespace

Result<json::value> parse_json(std::string_view text, JsonLimits limits, json::storage_ptr memory) {
  if (text.size() > limits.size_bytes) {
    return fail(ErrorCode::kTooLarge, "JSON of " + std::to_string(text.size()) +
                                          " bytes is over the limit of " +
                                          std::to_string(limits.size_bytes));
  }
  json::parse_options options;
  options.max_depth = limits.depth;
  json::parser parser(json::storage_ptr(), options);
  parser.reset(std::move(memory));
  boost::system::error_code error;
  const std::size_t used = parser.write(text, error);
  if (error) {
    if (error == json::error::too_deep) {
      return fail(ErrorCode::kTooLarge,
                  "JSON is nested deeper than " + std::to_string(limits.depth) + " levels");
    }
    return fail(ErrorCode::kInvalid,
                "not valid JSON at byte " + std::to_string(used) + ": " + error.message());
  }
  try {
    return parser.release();
  } catch (const std::exception& e) {
    return fail(ErrorCode::kInvalid, std::string("not valid JSON: ") + e.what());
  }
}

Result<json::object> parse_json_object(std::string_view text, JsonLimits limits) {
  auto value = parse_json(text, limits);
  if (!value) return fail(value.error());
  if (auto* object = value->if_object()) return std::move(*object);
  return fail(ErrorCode::kInvalid,
              "a JSON object is expected, not " + std::string(kind_name(*value)));
}

std::string canonical(const json::value& value) {
  std::string out;
  write_canonical(value, out);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::size_t kPiece = 512;
  std::array<char, 6 * kPiece + 16> written;
  out.push_back('"');
  for (std::size_t at = 0; at < text.size(); at += kPiece) {
    const char* end = write_escaped(text.substr(at, kPiece), written.data());
    out.append(written.data(), static_cast<std::size_t>(end - written.data()));
  }
  out.push_back('"');
}

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "null";
}

template <>
Result<std::string> as(const json::value& value, std::string_view field_name) {
  if (const auto* text = value.if_string()) return std::string(*text);
  return wrong_type(value, field_name, "a string");
}

template <>
Result<std::int64_t> as(const json::value& value, std::string_view field_name) {
  boost::system::error_code error;
  const auto number = value.to_number<std::int64_t>(error);
  if (!error) return number;
  return wrong_type(value, field_name, "a whole number");
}

template <>
Result<double> as(const json::value& value, std::string_view field_name) {
  if (!value.is_number()) return wrong_type(value, field_name, "a number");
  return value.to_number<double>();
}

template <>
Result<bool> as(const json::value& value, std::string_view field_name) {
  if (const auto* truth = value.if_bool()) return *truth;
  return wrong_type(value, field_name, "true or false");
}

template <>
Result<json::object> as(const json::value& value, std::string_view field_name) {
  if (const auto* object = value.if_object()) return *object;
  return wrong_type(value, field_name, "an object");
}

template <>
Result<json::array> as(const json::value& value, std::string_view field_name) {
  if (const auto* array = value.if_array()) return *array;
  return wrong_type(value, field_name, "an array");
}

std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t best_distance = 3;
  if (name.size() > 64) return best;
  for (const auto candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

Result<void> only_fields(const json::object& object,
                         std::initializer_list<std::string_view> known) {
  for (const auto& item : object) {
    const std::string_view key = item.key();
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string message = "unknown field '" + std::string(key.substr(0, 64)) + "'";
    const auto hint = nearest_name(key, known);
    if (!hint.empty()) message += "; did you mean '" + std::string(hint) + "'?";
    return fail(ErrorCode::kInvalid, message);
  }
  return {};
}

std::string_view string_or_empty(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return {};
  const auto* text = value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

}  // namespace hone
