#include "table/columns.h"

#include <arrow/builder.h>
#include <arrow/type.h>

#include <charconv>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/json_scan.h"

namespace hone::table {
namespace {

// A form may have the example's prompt twice, so more than what an example may have.
constexpr std::size_t kLongestLine = 128U << 20;

std::shared_ptr<arrow::Field> required_text(const char* name) {
  return arrow::field(name, arrow::utf8(), false);
}
std::shared_ptr<arrow::DataType> texts(const char* first, const char* second) {
  return arrow::struct_({required_text(first), required_text(second)});
}
std::shared_ptr<arrow::DataType> list_of(std::shared_ptr<arrow::DataType> type) {
  // "element" is what the Parquet format calls it; readers go by it.
  return arrow::list(arrow::field("element", std::move(type), false));
}

std::shared_ptr<arrow::DataType> messages_with(const MessageFields& has) {
  arrow::FieldVector fields{required_text("role"),
                            arrow::field("content", arrow::utf8(), has.null_content)};
  if (has.tool_calls) {
    const auto function = arrow::field("function", texts("name", "arguments"), false);
    const auto call = arrow::struct_({required_text("id"), required_text("type"), function});
    fields.push_back(arrow::field("tool_calls", list_of(call)));
  }
  if (has.tool_call_id) fields.push_back(arrow::field("tool_call_id", arrow::utf8()));
  return list_of(arrow::struct_(std::move(fields)));
}

// Null where there is no such type.
std::shared_ptr<arrow::DataType> type_named(std::string_view name) {
  if (name == "string") return arrow::utf8();
  if (name == "number") return arrow::float64();
  if (name == "boolean") return arrow::boolean();
  if (name == "messages") return messages_with({});
  if (name == "turn") return texts("from", "value");
  if (name == "turns") return list_of(texts("from", "value"));
  return nullptr;
}

Result<std::shared_ptr<arrow::Field>> parse_column(std::string_view text) {
  const auto colon = text.find(':');
  std::string_view type = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const bool optional = type.ends_with('?');
  if (optional) type.remove_suffix(1);
  auto known = type_named(type);
  if (colon == 0 || known == nullptr) {
    return fail(ErrorCode::kInvalid,
                "'" + std::string(text) + "' is no column: it must be NAME:TYPE, and a type is " +
                    "string, number, boolean, messages, turn or turns, with ? where a row may be " +
                    "without");
  }
  return arrow::field(std::string(text.substr(0, colon)), std::move(known), optional);
}

Error wrong_kind(const json::value& value, std::string_view expected) {
  return {ErrorCode::kInvalid,
          "must be " + std::string(expected) + ", is " + std::string(kind_name(value))};
}

Result<void> append(const json::value& value, const arrow::DataType& type,
                    arrow::ArrayBuilder& builder);

Result<void> append_object(const json::object& object, const arrow::DataType& type,
                           arrow::StructBuilder& builder) {
  if (auto begun = checked(builder.Append()); !begun) return begun;
  std::size_t found = 0;
  for (int i = 0; i < type.num_fields(); ++i) {
    const auto& field = *type.field(i);
    const auto* value = object.if_contains(field.name());
    if (value != nullptr) ++found;
    Result<void> appended;
    if (value != nullptr && !(value->is_null() && field.nullable())) {
      appended = append(*value, *field.type(), *builder.field_builder(i));
    } else if (field.nullable()) {
      appended = checked(builder.field_builder(i)->AppendNull());
    } else {
      appended = fail(ErrorCode::kInvalid, "is missing");
    }
    if (!appended) return fail(appended.error().with(field.name()));
  }
  if (found == object.size()) return {};
  std::string unknown;
  for (const auto& member : object) {
    bool is_known = false;
    for (const auto& field : type.fields()) is_known = is_known || field->name() == member.key();
    if (!is_known) unknown = member.key();
  }
  return fail(ErrorCode::kInvalid, "no column is there for the field '" + unknown + "'");
}

Result<void> append_list(const json::array& items, const arrow::DataType& type,
                         arrow::ListBuilder& builder) {
  if (auto begun = checked(builder.Append()); !begun) return begun;
  const auto& item_type = *type.field(0)->type();
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto appended = append(items[i], item_type, *builder.value_builder());
    if (!appended) return fail(appended.error().with("[" + std::to_string(i) + "]"));
  }
  return {};
}

Result<void> append(const json::value& value, const arrow::DataType& type,
                    arrow::ArrayBuilder& builder) {
  switch (type.id()) {
    case arrow::Type::STRING:
      if (!value.is_string()) return fail(wrong_kind(value, "a string"));
      return checked(
          static_cast<arrow::StringBuilder&>(builder).Append(std::string_view(value.get_string())));
    case arrow::Type::DOUBLE:
      if (!value.is_number()) return fail(wrong_kind(value, "a number"));
      return checked(static_cast<arrow::DoubleBuilder&>(builder).Append(value.to_number<double>()));
    case arrow::Type::BOOL:
      if (!value.is_bool()) return fail(wrong_kind(value, "true or false"));
      return checked(static_cast<arrow::BooleanBuilder&>(builder).Append(value.get_bool()));
    case arrow::Type::STRUCT:
      if (!value.is_object()) return fail(wrong_kind(value, "an object"));
      return append_object(value.get_object(), type, static_cast<arrow::StructBuilder&>(builder));
    case arrow::Type::LIST:
      if (!value.is_array()) return fail(wrong_kind(value, "an array"));
      return append_list(value.get_array(), type, static_cast<arrow::ListBuilder&>(builder));
    default:
      return fail(ErrorCode::kInternal, "no column has the type " + type.ToString());
  }
}

// The fractions among a line's own fields. Boost.JSON 1.81 misses the nearest double by one step
// now and then, and the other readers of the same line do not.
void read_numbers_exactly(std::string_view line, json::object& object) {
  JsonScanner scanner(line);
  scanner.take('{');
  while (const auto key = scanner.string()) {
    scanner.take(':');
    const auto text = scanner.value();
    if (!text) return;
    auto* value = object.if_contains(key->substr(1, key->size() - 2));
    double exact = 0;
    if (value != nullptr && value->is_double() &&
        std::from_chars(text->data(), text->data() + text->size(), exact).ec == std::errc()) {
      *value = exact;
    }
    scanner.take(',');
  }
}

}  // namespace

Result<void> checked(const arrow::Status& status) {
  if (status.ok()) return {};
  return fail(status.IsIOError() ? ErrorCode::kIo : ErrorCode::kInternal, status.ToString());
}

Result<std::shared_ptr<arrow::DataType>> parse_columns(std::string_view text) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (;;) {
    const auto comma = text.find(',');
    auto field = parse_column(text.substr(0, comma));
    if (!field) return fail(field.error());
    for (const auto& other : fields) {
      if (other->name() == (*field)->name()) {
        return fail(ErrorCode::kInvalid, "the column '" + other->name() + "' is there twice");
      }
    }
    fields.push_back(std::move(*field));
    if (comma == std::string_view::npos) return arrow::struct_(std::move(fields));
    text.remove_prefix(comma + 1);
  }
}

MessageColumns message_columns(const arrow::DataType& row) {
  MessageColumns columns;
  const auto messages = messages_with({});
  for (const auto& field : row.fields()) {
    if (field->type()->Equals(*messages)) columns[field->name()];
  }
  return columns;
}

void note_fields(std::string_view line, MessageColumns& columns) {
  const auto object = parse_json_object(line, {.size_bytes = kLongestLine});
  if (!object) return;
  for (auto& [name, has] : columns) {
    const auto* value = object->if_contains(name);
    const auto* messages = value == nullptr ? nullptr : value->if_array();
    if (messages == nullptr) continue;
    for (const auto& item : *messages) {
      const auto* message = item.if_object();
      if (message == nullptr) continue;
      const auto* content = message->if_contains("content");
      has.tool_calls |= message->contains("tool_calls");
      has.tool_call_id |= message->contains("tool_call_id");
      has.null_content |= content != nullptr && content->is_null();
    }
  }
}

std::shared_ptr<arrow::DataType> with_fields(const arrow::DataType& row,
                                             const MessageColumns& columns) {
  arrow::FieldVector fields;
  for (const auto& field : row.fields()) {
    const auto at = columns.find(field->name());
    fields.push_back(at == columns.end() ? field : field->WithType(messages_with(at->second)));
  }
  return arrow::struct_(std::move(fields));
}

Result<void> append_row(std::string_view line, const arrow::DataType& row,
                        arrow::StructBuilder& builder) {
  auto object = parse_json_object(line, {.size_bytes = kLongestLine});
  if (!object) return fail(object.error());
  read_numbers_exactly(line, *object);
  return append_object(*object, row, builder);
}

}  // namespace hone::table
