#include <gtest/gtest.h>

#include <filesystem>

#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/json.h"
#include "base/random.h"

namespace hone {
namespace {

TEST(Hash, MatchesPublishedVectors) {
  // FIPS 180-2 "abc"; RFC 4231 cases 6 and 2; RFC 3720 B.4: 32 bytes of zero.
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xAA'),
                            "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c("456789", crc32c("123")), crc32c("123456789"));
  Sha256 parts;
  parts.update("a");
  parts.update("bc");
  EXPECT_EQ(parts.finish(), sha256("abc"));
}

TEST(Clock, ReadsWhatItWrites) {
  const Time time = from_millis(1764000000123);
  EXPECT_EQ(parse_time(to_text(time)).value(), time);
  EXPECT_EQ(parse_time("2026-11-24T07:36:00+01:00").value(),
            parse_time("2026-11-24 06:36").value());
  for (const char* bad : {"", "2026", "2026-13-01", "2026-02-30", "2026-11-24T", "2026-11-24T25:00",
                          "2026-11-24T06:36:00x", "2026-11-24T06:36:00+9"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Json, NamesTheFieldThatIsWrong) {
  const auto object = parse_json_object(R"({"kind": 3, "fnal_text": "x"})").value();
  EXPECT_EQ(field<std::string>(object, "kind").error().message,
            "field 'kind' must be a string, not a number");
  EXPECT_EQ(field<std::string>(object, "at").error().message, "field 'at' is missing");
  EXPECT_EQ(only_fields(object, {"kind", "final_text"}).error().message,
            "unknown field 'fnal_text'; did you mean 'final_text'?");
}

TEST(Json, BoundsDepthAndSize) {
  EXPECT_EQ(parse_json(std::string(100000, '[')).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(parse_json("[1]", {.size_bytes = 2}).error().code, ErrorCode::kTooLarge);
  EXPECT_FALSE(parse_json("{\"a\":1"));
  EXPECT_FALSE(parse_json(""));
}

TEST(Json, WritesStringsAsBoostDoes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    std::string written;
    append_json_string(written, one);
    EXPECT_EQ(written, json::serialize(json::string_view(one))) << byte;
    all += one + "x";
  }
  std::string written = "[";
  append_json_string(written, all);
  EXPECT_EQ(written, "[" + json::serialize(json::string_view(all)));
}

TEST(Json, CanonicalFormSortsKeys) {
  EXPECT_EQ(canonical(parse_json(R"({"b": [1, {"z":0,"y":"é"}], "a": null})").value()),
            R"({"a":null,"b":[1,{"y":"é","z":0}]})");
}

TEST(Config, NamesFileLineAndTheWordThatWasMeant) {
  auto file = TomlFile::parse("[server]\nprot = 1\n", "hone.toml").value();
  auto server = file->root().table("server");
  EXPECT_EQ(server.get_or("port", std::int64_t{8700}), 8700);
  EXPECT_EQ(file->finish().error().message,
            "hone.toml: line 2: unknown field 'server.prot'; did you mean 'port'?");
  auto wrong = TomlFile::parse("port = 'x'", "t").value();
  EXPECT_FALSE(wrong->root().get<std::int64_t>("port"));
  EXPECT_EQ(wrong->finish().error().message, "t: line 1: 'port' must be a whole number");
  EXPECT_FALSE(TomlFile::parse("a = = 1", "t"));
}

TEST(Random, SameSeedSameStream) {
  Random a(7), b(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(Random(7).fork(1).next(), Random(7).fork(2).next());
  for (int i = 0; i < 1000; ++i) EXPECT_LT(a.below(10), 10U);
}

TEST(Id, SortsByTimeAndSaysWhatItNames) {
  ManualClock clock(from_millis(1764000000000));
  IdSource ids(clock, Random(1));
  const auto first = ids.next("int");
  clock.advance(std::chrono::milliseconds(1));
  const auto second = ids.next("int");
  EXPECT_LT(first, second);
  EXPECT_TRUE(is_id(first, "int"));
  EXPECT_FALSE(is_id(first, "fb"));
  EXPECT_FALSE(is_id(first + "0", "int"));
}

TEST(Id, DerivedFromANameIsTheSameEachTime) {
  const Time time = from_millis(1764000000000);
  const auto id = derived_id("int", time, "source/1");
  EXPECT_TRUE(is_id(id, "int"));
  EXPECT_EQ(id, derived_id("int", time, "source/1"));
  EXPECT_NE(id, derived_id("int", time, "source/2"));
  EXPECT_LT(id, derived_id("int", time + std::chrono::milliseconds(1), "source/1"));
}

TEST(File, WritesAtomicallyAndNamesWhatIsMissing) {
  const std::string folder = std::filesystem::temp_directory_path() / "hone_file_test";
  std::filesystem::remove_all(folder);
  auto& files = posix_files();
  ASSERT_TRUE(files.make_folder(folder));
  ASSERT_TRUE(write_file_atomically(files, folder + "/a", "one"));
  ASSERT_TRUE(write_file_atomically(files, folder + "/a", "two"));
  EXPECT_EQ(read_file(files, folder + "/a").value(), "two");
  EXPECT_EQ(files.list(folder).value(), std::vector<std::string>{"a"});
  EXPECT_EQ(read_file(files, folder + "/b").error().code, ErrorCode::kNotFound);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hone
