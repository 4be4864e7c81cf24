#include "table/parquet_file.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "table/columns.h"

namespace hone::table {
namespace {

constexpr int kZstdLevel = 3;  // zstd's own default; Arrow's is 1

class GroupWriter {
 public:
  static Result<std::unique_ptr<GroupWriter>> open(std::shared_ptr<arrow::DataType> row,
                                                   const std::string& path) {
    std::unique_ptr<GroupWriter> writer(new GroupWriter(std::move(row)));
    auto file = arrow::io::FileOutputStream::Open(path);
    if (!file.ok()) return fail(checked(file.status()).error());
    writer->file_ = *file;
    const auto properties = parquet::WriterProperties::Builder()
                                .compression(parquet::Compression::ZSTD)
                                ->compression_level(kZstdLevel)
                                ->build();
    auto parquet = parquet::arrow::FileWriter::Open(*writer->schema_, arrow::default_memory_pool(),
                                                    writer->file_, properties);
    if (!parquet.ok()) return fail(checked(parquet.status()).error());
    writer->parquet_ = std::move(*parquet);
    auto rows = arrow::MakeBuilder(writer->row_);
    if (!rows.ok()) return fail(checked(rows.status()).error());
    writer->rows_ = std::move(*rows);
    return writer;
  }

  Result<void> append(std::string_view line) { return append_row(line, *row_, builder()); }
  [[nodiscard]] std::int64_t rows_held() const { return rows_->length(); }

  // The rows that are held become a group of the file.
  Result<void> end_group() {
    if (rows_held() == 0) return {};
    auto array = rows_->Finish();
    if (!array.ok()) return checked(array.status());
    auto batch = arrow::RecordBatch::FromStructArray(*array);
    if (!batch.ok()) return checked(batch.status());
    auto group = arrow::Table::FromRecordBatches(schema_, {*batch});
    if (!group.ok()) return checked(group.status());
    return checked(parquet_->WriteTable(**group, (*group)->num_rows()));
  }

  Result<void> finish() {
    if (auto ended = end_group(); !ended) return ended;
    if (auto closed = checked(parquet_->Close()); !closed) return closed;
    return checked(file_->Close());
  }

 private:
  explicit GroupWriter(std::shared_ptr<arrow::DataType> row)
      : row_(std::move(row)), schema_(arrow::schema(row_->fields())) {}
  arrow::StructBuilder& builder() { return static_cast<arrow::StructBuilder&>(*rows_); }

  std::shared_ptr<arrow::DataType> row_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::io::FileOutputStream> file_;
  std::unique_ptr<parquet::arrow::FileWriter> parquet_;
  std::unique_ptr<arrow::ArrayBuilder> rows_;
};

bool is_file(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

// The type of the rows, for which the lines are read a first time where there are messages. What
// cannot be read, the second reading says.
std::shared_ptr<arrow::DataType> row_for(const std::string& lines_file,
                                         std::shared_ptr<arrow::DataType> row) {
  auto messages = message_columns(*row);
  if (messages.empty() || !is_file(lines_file)) return row;
  std::ifstream lines(lines_file, std::ios::binary);
  for (std::string text; std::getline(lines, text);) note_fields(text, messages);
  return with_fields(*row, messages);
}

Result<std::int64_t> write_lines(GroupWriter& writer, const std::string& lines_file,
                                 const GroupLimits& limits) {
  if (!is_file(lines_file)) {
    return fail(ErrorCode::kNotFound,
                lines_file + " is no file; it must be one, and no pipe, for it is read twice");
  }
  std::ifstream lines(lines_file, std::ios::binary);
  if (!lines) return fail(ErrorCode::kNotFound, lines_file + " cannot be read");
  std::int64_t count = 0;
  std::size_t bytes_held = 0;
  for (std::string text; std::getline(lines, text);) {
    if (auto added = writer.append(text); !added) {
      return fail(added.error().with(lines_file + ": line " + std::to_string(count + 1)));
    }
    ++count;
    bytes_held += text.size();
    if (writer.rows_held() < limits.rows && bytes_held < limits.bytes) continue;
    if (auto ended = writer.end_group(); !ended) return fail(ended.error());
    bytes_held = 0;
  }
  if (lines.bad()) return fail(ErrorCode::kIo, lines_file + " cannot be read further");
  if (auto finished = writer.finish(); !finished) return fail(finished.error());
  return count;
}

}  // namespace

Result<std::int64_t> write_parquet(std::string_view columns, const std::string& lines_file,
                                   const std::string& parquet_file, const GroupLimits& limits) {
  auto row = parse_columns(columns);
  if (!row) return fail(row.error());
  auto writer = GroupWriter::open(row_for(lines_file, std::move(*row)), parquet_file);
  if (!writer) return fail(writer.error().with(parquet_file));
  auto written = write_lines(**writer, lines_file, limits);
  if (!written) {
    writer->reset();
    // A device, which root could remove, is left alone.
    std::error_code error;
    if (is_file(parquet_file)) std::filesystem::remove(parquet_file, error);
  }
  return written;
}

}  // namespace hone::table
