#include "engine/model/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/model/test_support.h"

namespace hone::engine {
namespace {

std::string with_header(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

std::string open_error(const std::string& bytes) {
  const TempFolder folder;
  write_all(folder.path("x.safetensors"), bytes);
  const auto file = SafetensorsFile::open(folder.path("x.safetensors"));
  return file ? "accepted" : file.error().message;
}

TEST(Safetensors, GivesBackWhatWasWritten) {
  const TempFolder folder;
  const std::string path = folder.path("x.safetensors");
  const std::string floats(24, 'f');
  const std::string halves(4, 'h');
  ASSERT_TRUE(write_safetensors(path, {{"b", DType::kF32, {2, 3}, floats},
                                       {"a", DType::kBF16, {2}, halves},
                                       {"none", DType::kI64, {0, 4}, ""}}));
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 3U);
  EXPECT_EQ(file->metadata().at("format"), "pt");
  EXPECT_EQ(file->find("b")->bytes, floats);
  EXPECT_EQ(file->find("b")->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(file->find("a")->bytes, halves);
  EXPECT_EQ(file->find("a")->dtype, DType::kBF16);
  EXPECT_EQ(file->find("none")->bytes.size(), 0U);
  EXPECT_EQ(file->find("c"), nullptr);
  std::uint64_t header = 0;
  std::memcpy(&header, read_all(path).data(), 8);
  EXPECT_EQ(header % 8, 0U);
}

TEST(Safetensors, LeavesNothingBehindUnlessFinished) {
  const TempFolder folder;
  {
    auto writer = SafetensorsWriter::create(folder.path("x"), {{"a", DType::kU8, {4}}});
    ASSERT_TRUE(writer);
    EXPECT_FALSE(writer->write_next("12345"));
    ASSERT_TRUE(writer->write_next("1234"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, ReadsTheReferenceFiles) {
  const auto path = shared_file("golden/model/gqa_bf16");
  if (!path) GTEST_SKIP();
  const auto checkpoint = Checkpoint::open(*path);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const TensorView* norm = checkpoint->find("model.norm.weight");
  ASSERT_NE(norm, nullptr);
  EXPECT_EQ(norm->shape, (std::vector<std::int64_t>{64}));
  EXPECT_EQ(norm->dtype, DType::kBF16);
}

TEST(Safetensors, ReadsShardsThroughTheirIndex) {
  const TempFolder folder;
  ASSERT_TRUE(write_safetensors(folder.path("one.safetensors"), {{"a", DType::kU8, {1}, "1"}}));
  ASSERT_TRUE(write_safetensors(folder.path("two.safetensors"), {{"b", DType::kU8, {1}, "2"}}));
  write_all(folder.path("model.safetensors.index.json"),
            R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  const auto checkpoint = Checkpoint::open(folder.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->find("b")->bytes, "2");
  write_all(folder.path("model.safetensors.index.json"), R"({"weight_map": {"a": "../x"}})");
  EXPECT_FALSE(Checkpoint::open(folder.path()));
}

TEST(Safetensors, RefusesHostileFiles) {
  const auto entry = [](const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::string four(4, 'x');
  EXPECT_EQ(open_error(with_header(entry("[1]", "[0,4]"), four)), "accepted");
  EXPECT_NE(open_error(""), "accepted");
  EXPECT_NE(open_error("1234567"), "accepted");
  EXPECT_NE(open_error(std::string(8, '\xff')).find("100 MB"), std::string::npos);
  EXPECT_NE(open_error(with_header(entry("[1]", "[0,4]"), "")), "accepted");
  EXPECT_NE(open_error(with_header(entry("[1]", "[0,4]"), four + "y")), "accepted");
  EXPECT_NE(open_error(with_header(entry("[2]", "[0,4]"), four)), "accepted");
  EXPECT_NE(open_error(with_header(entry("[-1]", "[0,4]"), four)), "accepted");
  EXPECT_NE(open_error(with_header(entry("[1]", "[4,0]"), four)), "accepted");
  EXPECT_NE(open_error(with_header(entry("[1]", "[-4,0]"), four)), "accepted");
  EXPECT_NE(
      open_error(with_header(entry("[4294967296,4294967296]", "[0,4]"), four)).find("overflow"),
      std::string::npos);
  EXPECT_NE(
      open_error(with_header(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", four))
          .find("F31"),
      std::string::npos);
  EXPECT_NE(open_error(with_header("[]", "")), "accepted");
  EXPECT_NE(open_error(with_header("{\"a\":", "")), "accepted");
}

TEST(Safetensors, RefusesDuplicatesOverlapsAndHoles) {
  const std::string a = R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
  const auto b = [](const std::string& offsets) {
    return R"("b":{"dtype":"U8","shape":[2],"data_offsets":)" + offsets + "}";
  };
  EXPECT_EQ(open_error(with_header("{" + a + "," + b("[2,4]") + "}", "1234")), "accepted");
  EXPECT_NE(open_error(with_header("{" + a + "," + b("[1,3]") + "}", "123")), "accepted");
  EXPECT_NE(open_error(with_header("{" + a + "," + b("[3,5]") + "}", "12345")), "accepted");
  EXPECT_NE(open_error(with_header("{" + a + "," + a + "}", "12")).find("twice"),
            std::string::npos);
}

}  // namespace
}  // namespace hone::engine
