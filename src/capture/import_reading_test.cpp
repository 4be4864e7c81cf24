// Files as they are found: packed, quoted, cut, and broken in the middle.
#include <gtest/gtest.h>

#include "base/test_support.h"
#include "capture/import_records.h"
#include "net/encode_test_support.h"

namespace hone::capture {
namespace {

using Row = std::vector<std::string>;

struct Read {
  std::vector<json::object> records;
  std::vector<std::int64_t> lines;  // of the records
  std::vector<std::string> errors;  // "17: what"
  bool whole = true;                // false: the file's end came by an error
};

Read read_all(Records& records) {
  Read read;
  for (;;) {
    auto record = records.next();
    if (record && !*record) return read;
    if (record) {
      read.records.push_back(std::move(**record));
      read.lines.push_back(records.line());
      continue;
    }
    read.errors.push_back(std::to_string(records.line()) + ": " + record.error().message);
    if (records.may_go_on()) continue;
    read.whole = false;
    return read;
  }
}

Read read_text(std::string_view text, std::string_view name, const FileShape& shape = {}) {
  auto records = read_records(bytes_of(text), name, shape);
  if (!records) return {.errors = {records.error().message}, .whole = false};
  return read_all(**records);
}

std::string column(const Read& read, std::string_view name) {
  std::string all;
  for (const auto& record : read.records) all += std::string(string_or_empty(record, name)) + ";";
  return all;
}

TEST(Csv, IsReadAsRfc4180SaysAndAsFilesAreFound) {
  ByteWindow window(
      bytes_of("a,b\r\n\"x, \"\"y\"\"\",\"two\r\nlines\"\n\n,\nin 5\" steps, two\nlast,\"\""));
  CsvReader csv(window, {});
  EXPECT_EQ(csv.next().value(), (Row{"a", "b"}));
  EXPECT_EQ(csv.next().value(), (Row{"x, \"y\"", "two\r\nlines"}));
  EXPECT_EQ(csv.line(), 2);
  EXPECT_EQ(csv.next().value(), (Row{"", ""}));
  EXPECT_EQ(csv.line(), 5) << "the blank line is passed over";
  EXPECT_EQ(csv.next().value(), (Row{"in 5\" steps", " two"})) << "no quote at a field's beginning";
  EXPECT_EQ(csv.next().value(), (Row{"last", ""}));
  EXPECT_EQ(csv.next().value(), std::nullopt);
}

TEST(Csv, AQuoteThatNeverClosesTakesItsLineAlone) {
  // The stray quote meets the next quoted field, the end of the file, or nothing for very long.
  const auto met = read_text("a,b\n1,\"stray\n2,\"fine\"\n3,also\n", "x.csv");
  EXPECT_EQ(column(met, "a"), "2;3;");
  ASSERT_EQ(met.errors.size(), 1U);
  EXPECT_TRUE(
      met.errors[0].starts_with("2: a quoted field goes on behind its closing quote (line 3)"))
      << met.errors[0];
  EXPECT_EQ(met.lines, (std::vector<std::int64_t>{3, 4}));

  const auto at_end = read_text("a,b\n1,\"stray\n2,x\n3,y\n", "x.csv");
  EXPECT_EQ(column(at_end, "a"), "2;3;");
  EXPECT_EQ(at_end.errors, (std::vector<std::string>{"2: a quoted field never closes"}));

  std::string text = "a,b\n";
  for (int i = 0; i < 300'000; ++i) {
    text += std::to_string(i) + (i == 150'000 ? ",\"stray\n" : ",some words\n");
  }
  const auto far = read_text(text, "x.csv", {.max_record_mib = 1});
  EXPECT_EQ(far.records.size(), 299'999U);
  ASSERT_EQ(far.errors.size(), 1U);
  EXPECT_TRUE(far.errors[0].starts_with("150002: the row is over 1 MiB")) << far.errors[0];
  EXPECT_EQ(string_or_empty(far.records.back(), "a"), "299999");

  const auto other_width = read_text("a,b,c\n1,\"x,2\n3,\"\n4,5,6\n", "x.csv");
  EXPECT_EQ(column(other_width, "a"), "4;");
  EXPECT_EQ(other_width.errors.size(), 2U)
      << "the quote of the second line opens a field of its own";
}

TEST(Csv, ManyStrayQuotesCostWhatTheFileIsLong) {
  std::string text = "a,b\n";
  for (int i = 0; i < 200'000; ++i) text += "1,\"x\n";
  const auto read = read_text(text, "x.csv");
  EXPECT_EQ(read.records.size() + read.errors.size(), 200'000U);
}

TEST(Csv, SeparatorsHeadersAndEncodingsAreFoundOrTold) {
  EXPECT_EQ(column(read_text("\xEF\xBB\xBF"
                             "a;b\r\n1,5;\"x;y\"\r\n",
                             "x.csv"),
                   "b"),
            "x;y;");
  EXPECT_EQ(column(read_text("a\tb\n\"1\t2\"\t3\n", "x.tsv.gz"), "b"), "3;");
  EXPECT_EQ(column(read_text("a|b\n1|2\n", "x"), "b"), "2;") << "no ending: by its first bytes";
  EXPECT_EQ(column(read_text("1,2\n", "x.csv", {.header = false, .columns = {"p", "q"}}), "q"),
            "2;");
  EXPECT_EQ(column(read_text("a,a,\n1,2,3\n", "x.csv"), "a#2"), "2;");
  EXPECT_EQ(column(read_text("a,a,\n1,2,3\n", "x.csv"), "#3"), "3;");
  EXPECT_EQ(column(read_text("a\tb\n\"1\t2\n", "x.tsv", {.quotes = false}), "a"), "\"1;");
  const std::string latin = "a,b\nM\xFCller,\x80\n";
  EXPECT_EQ(column(read_text(latin, "x.csv", {.encoding = "windows-1252"}), "a"), "M\xC3\xBCller;");
  EXPECT_EQ(column(read_text(latin, "x.csv", {.encoding = "windows-1252"}), "b"), "\xE2\x82\xAC;");
  const auto wrong = read_text(latin, "x.csv");
  ASSERT_EQ(wrong.errors.size(), 1U);
  EXPECT_NE(wrong.errors[0].find("windows-1252"), std::string::npos) << wrong.errors[0];
  EXPECT_NE(read_text("\xFF\xFE"
                      "a",
                      "x.csv")
                .errors.at(0)
                .find("UTF-16"),
            std::string::npos);
  EXPECT_EQ(read_text("a,b\n1,2,3\n4,5\n", "x.csv").errors,
            (std::vector<std::string>{"2: 3 fields where the header has 2"}));
}

TEST(JsonRecords, AreLinesOrTheObjectsOfAList) {
  EXPECT_EQ(column(read_text("{\"a\":\"1\"}\n\n{\"a\":\"2\"}", "x.jsonl"), "a"), "1;2;");
  EXPECT_EQ(column(read_text("{\"a\":\"1\"}\r\n{\"a\":\"2\"}\r\n", "x.json"), "a"), "1;2;")
      << "many files named .json hold a line an object";
  EXPECT_EQ(
      column(read_text(" [ {\"a\":\"]}\\\"\"} , {\"a\":\"2\",\"b\":[{}]} ]\n", "x.json"), "a"),
      "]}\";2;");
  EXPECT_EQ(column(read_text("{\"a\":\n\"1\"}", "x.json"), "a"), "1;")
      << "one object is one record";
  const std::string deep =
      "{\"n\": 12, \"t\": [1, \"]\"], \"x\": {\"y\": null, \"data\": [{\"a\": \"1\"}, {\"a\": "
      "\"2\"}]}}";
  EXPECT_EQ(column(read_text(deep, "x.json", {.records = "/x/data"}), "a"), "1;2;");
  EXPECT_EQ(read_text(deep, "x.json", {.records = "/x/rows"}).errors.size(), 1U);
}

TEST(JsonRecords, ABadOneIsNamedAndTheRestKept) {
  const auto read = read_text("[{\"a\":\"1\"},\n{\"a\":nope},\n7,\n{\"a\":\"2\"}\n]", "x.json");
  EXPECT_EQ(column(read, "a"), "1;2;");
  ASSERT_EQ(read.errors.size(), 2U);
  EXPECT_TRUE(read.errors[0].starts_with("2: ")) << read.errors[0];
  EXPECT_TRUE(read.errors[1].starts_with("3: ")) << read.errors[1];
  EXPECT_TRUE(read.whole);
  const auto cut = read_text("[{\"a\":\"1\"},{\"a\":\"2", "x.json");
  EXPECT_EQ(column(cut, "a"), "1;");
  EXPECT_FALSE(cut.whole) << "what follows an open quote cannot be told apart";
  const std::string big = "[{\"a\":\"" + std::string(3U << 20, 'x') + "\"},{\"a\":\"2\"}]";
  const auto large = read_text(big, "x.json", {.max_record_mib = 1});
  EXPECT_EQ(column(large, "a"), "2;");
  EXPECT_EQ(large.errors.size(), 1U);
  const std::string line = "{\"a\":\"" + std::string(3U << 20, 'x') + "\"}\n{\"a\":\"2\"}\n";
  EXPECT_EQ(column(read_text(line, "x.jsonl", {.max_record_mib = 1}), "a"), "2;");
}

TEST(ImportBytes, AreUnpackedWhateverTheFileIsNamed) {
  const hone::testing::TempFolder folder;
  std::string text = "a,b\n";
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i) + ",x\n";
  for (const char* coding : {"", "gzip", "zstd"}) {
    const std::string packed = *coding == '\0' ? text : net::encode(coding, text);
    hone::testing::write_all(folder.path("f.csv"), packed);
    auto records = open_records(folder.path("f.csv"), {});
    ASSERT_TRUE(records) << records.error().message;
    EXPECT_EQ(read_all(**records).records.size(), 50'000U) << coding;
    if (*coding == '\0') continue;
    hone::testing::write_all(folder.path("cut"), packed.substr(0, packed.size() / 2));
    auto cut = open_records(folder.path("cut"), {.format = "csv"});
    ASSERT_TRUE(cut) << cut.error().message;
    const auto read = read_all(**cut);
    EXPECT_FALSE(read.whole) << coding;
    EXPECT_LT(read.records.size(), 50'000U);
  }
  EXPECT_EQ(open_records(folder.path("none"), {}).error().code, ErrorCode::kNotFound);
}

// Two gigabytes of nothing in a few kilobytes: the reader stops at its bound, and holds no more
// than a record on the way.
TEST(ImportBytes, ABombEndsAtItsBound) {
  const hone::testing::TempFolder folder;
  const std::string zeros = net::encode("zstd", std::string(64U << 20, '\n'));
  std::string bomb;
  for (int i = 0; i < 32; ++i) bomb += zeros;
  hone::testing::write_all(folder.path("b.jsonl.zst"), bomb);
  auto bytes = open_import_bytes(folder.path("b.jsonl.zst")).value();
  std::string piece(1U << 20, '\0');
  std::uint64_t unpacked = 0;
  Result<std::size_t> size = std::size_t{1};
  while (size && *size > 0) {
    size = bytes->read(piece);
    if (size) unpacked += *size;
  }
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().code, ErrorCode::kTooLarge);
  EXPECT_LE(unpacked, (1ULL << 30) + (1U << 20));
}

TEST(PythonLiteral, ReadsWhatReprWrites) {
  const auto value = parse_python_literal(
      R"([{'a': 'it\'s', "b": "q\"\n\t\\"}, (1, -2.5, 1e3), True, None, [], {}, 'caf\xe9 \u20ac \U0001f600'])");
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(
      canonical(*value),
      "[{\"a\":\"it's\",\"b\":\"q\\\"\\n\\t\\\\\"},[1,-2.5E0,1E3],true,null,[],{},\"caf\xC3\xA9 "
      "\xE2\x82\xAC \xF0\x9F\x98\x80\"]");
  for (const char* bad : {"", "[", "[1", "{'a'}", "{'a':}", "{1: 2}", "'abc", "'\\q'", "'\\x4'",
                          "'\\ud800'", "[1 2]", "1 2", "foo", "1e999", "-", "b'x'"}) {
    EXPECT_FALSE(parse_python_literal(bad)) << bad;
  }
  EXPECT_FALSE(parse_python_literal(std::string(100'000, '[')));
}

}  // namespace
}  // namespace hone::capture
