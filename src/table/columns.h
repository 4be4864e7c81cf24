// The columns of a Parquet file, and how a line of JSON becomes one of its rows. Columns are given
// as text, in the order of the file: "id:string,prompt:messages,margin:number?". Types:
//
//   string, number (64-bit float), boolean
//   messages   a list of {"role": string, "content": string}
//   turn       {"from": string, "value": string}; `turns` is a list of them
//
// With "?" a row may be without; without it, one that is without is an error.
//
//   auto row = parse_columns("id:string,label:boolean");
//   auto rows = arrow::MakeBuilder(*row);
//   append_row(R"({"id":"a","label":true})", **row, static_cast<arrow::StructBuilder&>(**rows));
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string_view>

#include "base/result.h"

namespace hone::table {

// What Arrow says of an operation, in our words.
[[nodiscard]] Result<void> checked(const arrow::Status& status);

// A row's type. Its nested fields are all required.
[[nodiscard]] Result<std::shared_ptr<arrow::DataType>> parse_columns(std::string_view text);

// Appends a line, a JSON object, to `builder`, which is of type `row`. A field that no column has,
// at any depth, is an error: that a table lacks what the lines have, nobody would notice. After an
// error the builder is of no use.
[[nodiscard]] Result<void> append_row(std::string_view line, const arrow::DataType& row,
                                      arrow::StructBuilder& builder);

}  // namespace hone::table
