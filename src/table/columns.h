// The columns of a Parquet file, and how a line of JSON becomes one of its rows. Columns are given
// as text, in the order of the file: "id:string,prompt:messages,margin:number?". Types:
//
//   string, number (64-bit float), boolean
//   messages   a list of {"role": string, "content": string}, and what else occurs (MessageFields)
//   turn       {"from": string, "value": string}; `turns` is a list of them
//
// With "?" a row may be without; without it, one that is without is an error.
//
//   auto row = parse_columns("id:string,label:boolean");
//   auto rows = arrow::MakeBuilder(*row);
//   append_row(R"({"id":"a","label":true})", **row, static_cast<arrow::StructBuilder&>(**rows));
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::table {

// What Arrow says of an operation, in our words.
[[nodiscard]] Result<void> checked(const arrow::Status& status);

// A row's type. Its nested fields are all required.
[[nodiscard]] Result<std::shared_ptr<arrow::DataType>> parse_columns(std::string_view text);

// What some message of a column has that plain conversations have not: "tool_calls", a list of
// {"id", "type", "function": {"name", "arguments"}}, all strings; "tool_call_id", a string; no
// content.
struct MessageFields {
  bool tool_calls = false;
  bool tool_call_id = false;
  bool null_content = false;
};
// The columns of messages, by name. A table has one type of a column for all its rows, so whoever
// writes one notes the fields of all lines first, and writes rows of the type with them. Each
// column for itself, as readers of JSON lines have it: plain ones stay plain.
using MessageColumns = std::map<std::string, MessageFields, std::less<>>;
[[nodiscard]] MessageColumns message_columns(const arrow::DataType& row);
// A line that is none is passed over: append_row says what is wrong with it.
void note_fields(std::string_view line, MessageColumns& columns);
// The row's type with what was noted, which a message may be without.
[[nodiscard]] std::shared_ptr<arrow::DataType> with_fields(const arrow::DataType& row,
                                                           const MessageColumns& columns);

// Appends a line, a JSON object, to `builder`, which is of type `row`. A field that no column has,
// at any depth, is an error: that a table lacks what the lines have, nobody would notice. After an
// error the builder is of no use.
[[nodiscard]] Result<void> append_row(std::string_view line, const arrow::DataType& row,
                                      arrow::StructBuilder& builder);

}  // namespace hone::table
