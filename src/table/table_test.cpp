// Tables are read back with Arrow's own reader, as everyone's does it.
#include <arrow/array.h>
#include <arrow/io/file.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "support/temp_folder.h"
#include "table/parquet_file.h"

namespace hone::table {
namespace {

std::unique_ptr<parquet::arrow::FileReader> open(const std::string& path) {
  auto file = arrow::io::ReadableFile::Open(path).ValueOrDie();
  return parquet::arrow::OpenFile(file, arrow::default_memory_pool()).ValueOrDie();
}

json::value to_json(const arrow::Scalar& scalar) {
  if (!scalar.is_valid) return nullptr;
  switch (scalar.type->id()) {
    case arrow::Type::STRING:
      return json::value(static_cast<const arrow::StringScalar&>(scalar).view());
    case arrow::Type::DOUBLE:
      return static_cast<const arrow::DoubleScalar&>(scalar).value;
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanScalar&>(scalar).value;
    case arrow::Type::STRUCT: {
      const auto& fields = static_cast<const arrow::StructScalar&>(scalar);
      json::object object;
      for (int i = 0; i < fields.type->num_fields(); ++i) {
        object[fields.type->field(i)->name()] = to_json(*fields.value[static_cast<std::size_t>(i)]);
      }
      return object;
    }
    case arrow::Type::LIST: {
      const auto& items = *static_cast<const arrow::ListScalar&>(scalar).value;
      json::array array;
      for (std::int64_t i = 0; i < items.length(); ++i) {
        array.push_back(to_json(*items.GetScalar(i).ValueOrDie()));
      }
      return array;
    }
    default:
      ADD_FAILURE() << "a column of type " << scalar.type->ToString();
      return nullptr;
  }
}

std::vector<json::object> rows_of(const std::string& path) {
  const auto table = open(path)->ReadTable().ValueOrDie();
  std::vector<json::object> rows(static_cast<std::size_t>(table->num_rows()));
  for (int column = 0; column < table->num_columns(); ++column) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const auto scalar =
          table->column(column)->GetScalar(static_cast<std::int64_t>(row)).ValueOrDie();
      rows[row][table->field(column)->name()] = to_json(*scalar);
    }
  }
  return rows;
}

class ParquetFile : public ::testing::Test {
 protected:
  void write_lines(const std::vector<std::string>& lines) {
    std::ofstream file(lines_, std::ios::binary);
    for (const auto& line : lines) file << line << '\n';
  }
  std::string error_of(std::string_view columns, const std::string& line) {
    write_lines({R"({"id":"first","prompt":[]})", line});
    const auto written = write_parquet(columns, lines_, table_);
    EXPECT_FALSE(written) << line;
    EXPECT_FALSE(std::filesystem::exists(table_)) << line;
    return written ? "" : written.error().message;
  }

  test::TempFolder folder_;
  const std::string lines_ = folder_ / "lines.jsonl";
  const std::string table_ = folder_ / "table.parquet";
};

constexpr std::string_view kPreferences =
    "id:string,prompt:messages,chosen:messages,margin:number?,good:boolean";

std::string preference(const std::string& id, const std::string& margin) {
  return R"({"id":")" + id +
         R"(","prompt":[{"role":"system","content":"Be \"brief\".\n"},)"
         R"({"role":"user","content":"Grüße, 日本語 🙂 \u0000 end"}],"chosen":[],)" +
         margin + R"("good":)" + (id.size() % 2 == 0 ? "true}" : "false}");
}

TEST_F(ParquetFile, HasTheRowsOfTheLines) {
  const std::vector<std::string> lines = {
      preference("a", R"("margin":0.9152993241435905,)"), preference("bb", ""),
      preference("ccc", R"("margin":null,)"), preference("", R"("margin":-3,)")};
  write_lines(lines);
  const auto written = write_parquet(kPreferences, lines_, table_);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(*written, 4);
  const auto rows = rows_of(table_);
  ASSERT_EQ(rows.size(), lines.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto line = parse_json_object(lines[i]).value();
    // The nearest double, which Boost.JSON misses; nothing is null; a number is a fraction.
    if (i == 0) line["margin"] = 0.9152993241435905;
    if (i == 1) line["margin"] = nullptr;
    if (i == 3) line["margin"] = -3.0;
    EXPECT_EQ(rows[i], line) << lines[i];
  }
}

TEST_F(ParquetFile, SaysWhatItsColumnsAre) {
  write_lines({preference("a", ""), preference("b", "")});
  ASSERT_TRUE(write_parquet(kPreferences, lines_, table_));
  std::shared_ptr<arrow::Schema> schema;
  ASSERT_TRUE(open(table_)->GetSchema(&schema).ok());
  const std::string messages =
      "list<element: struct<role: string not null, content: string not null> not null>";
  EXPECT_EQ(schema->field(1)->type()->ToString(), messages);
  EXPECT_EQ(schema->field(2)->type()->ToString(), messages);
  EXPECT_EQ(schema->field(4)->type()->ToString(), "bool");
  for (int i = 0; i < schema->num_fields(); ++i) {
    EXPECT_EQ(schema->field(i)->nullable(), schema->field(i)->name() == "margin");
  }
  write_lines({R"({"talk":[{"from":"human","value":"Hi"}],"last":{"from":"gpt","value":"Yes?"}})"});
  ASSERT_TRUE(write_parquet("talk:turns,last:turn", lines_, table_));
  EXPECT_EQ(rows_of(table_).front(),
            parse_json_object(
                R"({"talk":[{"from":"human","value":"Hi"}],"last":{"from":"gpt","value":"Yes?"}})")
                .value());
}

#define HONE_TEST_CALL                    \
  R"([{"id":"call_1","type":"function",)" \
  R"("function":{"name":"Read","arguments":"{\"path\":\"a\"}"}}])"

TEST_F(ParquetFile, HasCallsOfToolsOnlyInColumnsWhereSomeRowDoes) {
  constexpr std::string_view kColumns =
      "id:string,prompt:messages,chosen:messages,rejected:messages,tools:string?";
  write_lines({R"({"id":"plain","prompt":[{"role":"user","content":"Hi"}],)"
               R"("chosen":[{"role":"assistant","content":"Yes?"}],"rejected":[]})",
               R"({"id":"tools","prompt":[{"role":"user","content":"Fix it"},)"
               R"({"role":"assistant","content":null,"tool_calls":)" HONE_TEST_CALL
               R"(},{"role":"tool","tool_call_id":"call_1","content":"done"}],)"
               R"("chosen":[{"role":"assistant","content":"And","tool_calls":)" HONE_TEST_CALL
               R"(}],"rejected":[{"role":"assistant","content":"No."}],"tools":"[]"})"});
  const std::vector<std::string> expected = {
      R"({"id":"plain","prompt":[{"role":"user","content":"Hi","tool_calls":null,)"
      R"("tool_call_id":null}],"chosen":[{"role":"assistant","content":"Yes?",)"
      R"("tool_calls":null}],"rejected":[],"tools":null})",
      R"({"id":"tools","prompt":[{"role":"user","content":"Fix it","tool_calls":null,)"
      R"("tool_call_id":null},{"role":"assistant","content":null,"tool_calls":)" HONE_TEST_CALL
      R"(,"tool_call_id":null},{"role":"tool","content":"done","tool_calls":null,)"
      R"("tool_call_id":"call_1"}],)"
      R"("chosen":[{"role":"assistant","content":"And","tool_calls":)" HONE_TEST_CALL
      R"(}],"rejected":[{"role":"assistant","content":"No."}],"tools":"[]"})"};
  // The first group has no calls, and yet the type of the second.
  const auto written = write_parquet(kColumns, lines_, table_, {.rows = 1});
  ASSERT_TRUE(written) << written.error().message;
  const auto rows = rows_of(table_);
  ASSERT_EQ(rows.size(), expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i], parse_json_object(expected[i]).value());
  }

  std::shared_ptr<arrow::Schema> schema;
  ASSERT_TRUE(open(table_)->GetSchema(&schema).ok());
  const std::string calls =
      "tool_calls: list<element: struct<id: string not null, type: string not null, function: "
      "struct<name: string not null, arguments: string not null> not null> not null>";
  const std::string role = "list<element: struct<role: string not null, content: string";
  EXPECT_EQ(schema->GetFieldByName("prompt")->type()->ToString(),
            role + ", " + calls + ", tool_call_id: string> not null>");
  EXPECT_EQ(schema->GetFieldByName("chosen")->type()->ToString(),
            role + " not null, " + calls + "> not null>");
  EXPECT_EQ(schema->GetFieldByName("rejected")->type()->ToString(), role + " not null> not null>");
}

#undef HONE_TEST_CALL

TEST_F(ParquetFile, HasBoundedGroupsWithZstdAndTheSameBytesAgain) {
  std::vector<std::string> lines;
  for (int i = 0; i < 100; ++i) lines.push_back(preference("id" + std::to_string(i), ""));
  write_lines(lines);
  const auto groups = [&](const GroupLimits& limits) {
    EXPECT_TRUE(write_parquet(kPreferences, lines_, table_, limits));
    const auto reader = open(table_);
    const auto metadata = reader->parquet_reader()->metadata();
    for (int i = 0; i < metadata->num_row_groups(); ++i) {
      const auto group = metadata->RowGroup(i);
      for (int column = 0; column < group->num_columns(); ++column) {
        EXPECT_EQ(group->ColumnChunk(column)->compression(), parquet::Compression::ZSTD);
      }
    }
    EXPECT_EQ(rows_of(table_).size(), lines.size());
    return metadata->num_row_groups();
  };
  EXPECT_EQ(groups({}), 1);
  EXPECT_EQ(groups({.rows = 30}), 4);
  EXPECT_EQ(groups({.bytes = 10 * lines.front().size()}), 10);

  const auto bytes_of = [](const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string again = folder_ / "again.parquet";
  ASSERT_TRUE(write_parquet(kPreferences, lines_, again, {.bytes = 10 * lines.front().size()}));
  EXPECT_EQ(bytes_of(again), bytes_of(table_));
}

TEST_F(ParquetFile, IsNotThereWhereALineDoesNotFitAndTheErrorNamesIt) {
  constexpr std::string_view kColumns = "id:string,prompt:messages";
  const std::string second = lines_ + ": line 2: ";
  EXPECT_EQ(error_of(kColumns, R"({"id":"b"})"), second + "prompt: is missing");
  EXPECT_EQ(error_of(kColumns, R"({"id":null,"prompt":[]})"),
            second + "id: must be a string, is null");
  EXPECT_EQ(error_of(kColumns, R"({"id":"b","prompt":[{"role":"user"}]})"),
            second + "prompt: [0]: content: is missing");
  EXPECT_EQ(error_of(kColumns, R"({"id":"b","prompt":[{"role":"user","content":"","x":1}]})"),
            second + "prompt: [0]: no column is there for the field 'x'");
  EXPECT_EQ(error_of(kColumns, R"({"id":"b","prompt":{}})"),
            second + "prompt: must be an array, is an object");
  EXPECT_EQ(error_of(kColumns, R"({"id":"b","prompt":[],"extra":1})"),
            second + "no column is there for the field 'extra'");
  EXPECT_EQ(error_of(kColumns, R"({"id":"b","prompt":[{"role":"assistant","content":"",)"
                               R"("tool_calls":[{"id":"c","type":"function",)"
                               R"("function":{"name":"f","arguments":{}}}]}]})"),
            second +
                "prompt: [0]: tool_calls: [0]: function: arguments: "
                "must be a string, is an object");
  EXPECT_TRUE(error_of(kColumns, "{").starts_with(second + "not valid JSON"));
}

TEST_F(ParquetFile, RefusesColumnsThatAreNone) {
  write_lines({});
  for (const auto* columns :
       {"", "id", "id:text", ":string", "id:string,", "id:string,id:number"}) {
    EXPECT_FALSE(write_parquet(columns, lines_, table_)) << columns;
    EXPECT_FALSE(std::filesystem::exists(table_)) << columns;
  }
  EXPECT_EQ(write_parquet("id:string", lines_, table_).value_or(-1), 0);
  EXPECT_TRUE(rows_of(table_).empty());
  EXPECT_FALSE(write_parquet("id:string", folder_ / "none.jsonl", folder_ / "none.parquet"));
  EXPECT_FALSE(write_parquet("id:string", "/dev/null", table_));  // a pipe is read only once
  EXPECT_FALSE(std::filesystem::exists(table_));
  EXPECT_FALSE(write_parquet("id:string", lines_, folder_ / "no/folder.parquet"));
}

}  // namespace
}  // namespace hone::table
