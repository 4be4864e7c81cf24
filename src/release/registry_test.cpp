#include "release/registry.h"

#include <filesystem>

#include "release/release_test_support.h"

namespace hone::release {
namespace {

using Registry = testing::House;

TEST_F(Registry, NamesModelsByTheirBytesAlone) {
  const auto again = make_adapter("copy", "adapter weights");
  EXPECT_EQ(again.digest, adapter_.digest);
  EXPECT_EQ(again.folder, adapter_.folder);  // the first row stays
  EXPECT_NE(make_adapter("other", "other weights").digest, adapter_.digest);
  EXPECT_EQ(list_models(*db_)->size(), 3U);
}

TEST_F(Registry, RefusesAFlippedByte) {
  EXPECT_TRUE(verify_model(adapter_));
  hone::testing::write_all(adapter_.folder + "/adapter_model.safetensors", "adapter weightt");
  const auto verified = verify_model(adapter_);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, ErrorCode::kCorrupt);
}

TEST_F(Registry, NoticesAFileThatMovedItsName) {
  std::filesystem::rename(base_.folder + "/model.safetensors", base_.folder + "/m2.safetensors");
  EXPECT_FALSE(verify_model(base_));
}

TEST_F(Registry, ServesABaseByItsNameAndAnAdapterByItsDigest) {
  EXPECT_EQ(serving_name(base_), "base");
  EXPECT_EQ(serving_name(adapter_), "hone-" + adapter_.digest.substr(0, 12));
  EXPECT_EQ(adapter_.parent, base_.digest);
  EXPECT_TRUE(adapter_.trainable);
}

TEST_F(Registry, FindsByDigestBeginningServingNameAndBaseName) {
  EXPECT_EQ(find_model(*db_, adapter_.digest)->digest, adapter_.digest);
  EXPECT_EQ(find_model(*db_, adapter_.digest.substr(0, 8))->digest, adapter_.digest);
  EXPECT_EQ(find_model(*db_, serving_name(adapter_))->digest, adapter_.digest);
  EXPECT_EQ(find_model(*db_, "base")->digest, base_.digest);
  EXPECT_EQ(find_model(*db_, "nothing").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_model(*db_, "%").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_model(*db_, "").error().code, ErrorCode::kNotFound);
}

TEST_F(Registry, RefusesFoldersThatAreNoModels) {
  EXPECT_EQ(add_base(*db_, folder_.path("absent"), "x", true, clock_.now()).error().code,
            ErrorCode::kNotFound);
  std::filesystem::create_directories(folder_.path("half"));
  EXPECT_FALSE(add_base(*db_, folder_.path("half"), "x", true, clock_.now()));
  hone::testing::write_all(folder_.path("half/config.json"), "{}");
  EXPECT_EQ(add_base(*db_, folder_.path("half"), "x", true, clock_.now()).error().code,
            ErrorCode::kInvalid);
  std::filesystem::create_symlink("/etc/hostname", base_.folder + "/link");
  EXPECT_FALSE(folder_digest(base_.folder));
  EXPECT_FALSE(add_adapter(*db_, adapter_.folder, "no-such-base", "", clock_.now()));
}

}  // namespace
}  // namespace hone::release
