// What ranks do with each other: sums, gathering, and what happens where one of them fails.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "engine/ranks/join.h"
#include "engine/ranks/ranks_test_support.h"

namespace hone::engine {
namespace {

std::string message_of(const Result<void>& result) {
  return result ? std::string() : result.error().message;
}

std::string message_of(const Result<std::shared_ptr<Collective>>& result) {
  return result ? std::string() : result.error().message;
}

TEST(PartOf, CoversEveryElementOnce) {
  for (const std::int64_t elements : {0, 1, 2, 3, 7, 1000}) {
    for (const int world : {1, 2, 3, 8}) {
      std::int64_t next = 0;
      for (int rank = 0; rank < world; ++rank) {
        const Part part = part_of(elements, rank, world);
        EXPECT_EQ(part.begin, next);
        EXPECT_GE(part.size, elements / world);
        EXPECT_LE(part.size, elements / world + 1);
        next = part.begin + part.size;
      }
      EXPECT_EQ(next, elements);
    }
  }
}

TEST(Collective, AddsInTheOrderOfRanksWithTheSameBitsEverywhere) {
  // The sum of these depends on the order: (1e8 + 1) - 1e8 is 0 in fp32, (1e8 - 1e8) + 1 is 1.
  const std::vector<float> values = {1e8F, 1.0F, -1e8F};
  const World world = world_of(3);
  std::vector<std::vector<at::Tensor>> found(3);
  on_every_rank(world, [&](std::size_t rank, Collective& ranks) {
    std::vector<at::Tensor> tensors;
    for (const std::int64_t size : {1, 2, 7, 0, 1000})
      tensors.push_back(at::full({size}, values[rank] + 0.25F * static_cast<float>(rank)));
    ASSERT_EQ(message_of(ranks.reduce_scatter(tensors)), "");
    ASSERT_EQ(message_of(ranks.all_gather(tensors)), "");
    found[rank] = tensors;
  });
  const float expected = (values[0] + (values[1] + 0.25F)) + (values[2] + 0.5F);
  for (const auto& tensors : found) {
    ASSERT_EQ(tensors.size(), 5U);
    for (const at::Tensor& tensor : tensors) EXPECT_TRUE(tensor.eq(expected).all().item<bool>());
  }
}

TEST(Collective, CutsLargeTensorsAndLosesNothing) {
  const World world = world_of(2);
  const std::int64_t size = (18 << 20) + 3;
  std::array<bool, 2> right{};
  on_every_rank(world, [&](std::size_t rank, Collective& ranks) {
    const at::Tensor small = at::arange(5, at::TensorOptions(at::kFloat));
    const at::Tensor large = at::arange(size, at::TensorOptions(at::kFloat)).remainder_(1000.0);
    const at::Tensor doubled = large * 2.0;
    const std::vector<at::Tensor> tensors = {small, large};
    ASSERT_EQ(message_of(ranks.reduce_scatter(tensors)), "");
    ASSERT_EQ(message_of(ranks.all_gather(tensors)), "");
    right.at(rank) =
        large.equal(doubled) && small.equal(at::arange(5, at::TensorOptions(at::kFloat)) * 2.0);
  });
  EXPECT_TRUE(right[0]);
  EXPECT_TRUE(right[1]);
}

TEST(Collective, GathersOnRankZeroAlone) {
  const World world = world_of(2);
  std::vector<at::Tensor> found(2);
  on_every_rank(world, [&](std::size_t rank, Collective& ranks) {
    found[rank] = at::full({4}, static_cast<float>(rank));
    ASSERT_EQ(message_of(ranks.gather({&found[rank], 1})), "");
  });
  EXPECT_TRUE(found[0].equal(at::tensor({0.0F, 0.0F, 1.0F, 1.0F})));
  EXPECT_TRUE(found[1].equal(at::full({4}, 1.0F)));
}

TEST(Collective, SharesNumbersAndTexts) {
  const World world = world_of(3);
  on_every_rank(world, [](std::size_t rank, Collective& ranks) {
    std::vector<double> values = {1.0, static_cast<double>(rank)};
    ASSERT_EQ(message_of(ranks.all_reduce(values)), "");
    EXPECT_EQ(values, (std::vector<double>{3.0, 3.0}));
    const auto texts = ranks.all_gather_text(std::string(rank, 'x'));
    ASSERT_TRUE(texts) << texts.error().message;
    EXPECT_EQ(*texts, (std::vector<std::string>{"", "x", "xx"}));
    EXPECT_EQ(message_of(ranks.barrier()), "");
    EXPECT_EQ(message_of(agree(ranks, "same", "run")), "");
    const std::string other = message_of(agree(ranks, rank == 2 ? "b" : "a", "run.toml"));
    EXPECT_NE(other.find("rank 2 has another run.toml than rank 0"), std::string::npos) << other;
  });
}

TEST(Collective, AWorldOfOneChangesNothing) {
  const auto ranks = alone();
  const at::Tensor tensor = at::arange(5, at::TensorOptions(at::kFloat));
  ASSERT_TRUE(ranks->reduce_scatter({&tensor, 1}));
  ASSERT_TRUE(ranks->all_gather({&tensor, 1}));
  ASSERT_TRUE(ranks->gather({&tensor, 1}));
  EXPECT_TRUE(tensor.equal(at::arange(5, at::TensorOptions(at::kFloat))));
  double value = 2.5;
  ASSERT_TRUE(ranks->all_reduce({&value, 1}));
  EXPECT_EQ(value, 2.5);
  EXPECT_EQ(*ranks->all_gather_text("alone"), std::vector<std::string>{"alone"});
  EXPECT_TRUE(ranks->barrier());
  ranks->give_up("nobody hears it");
}

TEST(Collective, NamesTheRankThatIsGone) {
  World world = world_of(3);
  world[1].reset();  // as a process that was killed: its connections close without a word
  for (const std::size_t rank : {0U, 2U}) {
    const std::string message = message_of(world[rank]->barrier());
    EXPECT_NE(message.find("rank 1 is gone"), std::string::npos) << message;
  }
}

TEST(Collective, TellsTheOthersWhyARankGaveUp) {
  const World world = world_of(3);
  std::vector<std::string> messages(3);
  on_every_rank(world, [&](std::size_t rank, Collective& ranks) {
    if (rank == 2) {
      ranks.give_up("the disk is full");
    } else {
      messages[rank] = message_of(ranks.barrier());
      ranks.give_up(messages[rank]);
    }
  });
  for (const std::size_t rank : {0U, 1U}) {
    EXPECT_NE(messages[rank].find("rank 2 gave up: the disk is full"), std::string::npos)
        << messages[rank];
  }
}

TEST(Collective, NamesTheRankThatDoesNotAnswer) {
  const World world = world_of(2, std::chrono::milliseconds(150));
  const std::string message = message_of(world[0]->barrier());
  EXPECT_NE(message.find("rank 1 did not answer"), std::string::npos) << message;
}

TEST(Collective, RefusesWhatDoesNotFit) {
  const World world = world_of(2);
  std::vector<std::string> messages(2);
  on_every_rank(world, [&](std::size_t rank, Collective& ranks) {
    std::vector<double> values(rank + 1, 1.0);
    messages[rank] = message_of(ranks.all_reduce(values));
    ranks.give_up(messages[rank]);
  });
  for (const std::string& message : messages)
    EXPECT_NE(message.find("bytes in exchange 1"), std::string::npos) << message;
}

Result<Place> place_from(const std::map<std::string, std::string>& variables) {
  return place_from_environment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Place, IsReadFromTorchrunsVariables) {
  EXPECT_EQ(place_from({})->world, 1);
  EXPECT_EQ(place_from({{"WORLD_SIZE", "1"}, {"RANK", "0"}})->world, 1);
  const std::map<std::string, std::string> whole = {{"WORLD_SIZE", "4"},
                                                    {"RANK", "3"},
                                                    {"LOCAL_RANK", "1"},
                                                    {"MASTER_ADDR", "10.0.0.1"},
                                                    {"MASTER_PORT", "29500"}};
  const auto place = place_from(whole);
  ASSERT_TRUE(place) << place.error().message;
  EXPECT_EQ(place->rank, 3);
  EXPECT_EQ(place->world, 4);
  EXPECT_EQ(place->local_rank, 1);
  EXPECT_EQ(place->master_address, "10.0.0.1");
  EXPECT_EQ(place->master_port, 29500);
  EXPECT_FALSE(place->agent_has_store);
  for (const char* name : {"RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}) {
    auto without = whole;
    without.erase(name);
    const auto failed = place_from(without);
    ASSERT_FALSE(failed) << name;
    EXPECT_NE(failed.error().message.find(name), std::string::npos) << failed.error().message;
  }
  auto wrong = whole;
  wrong["RANK"] = "4";
  EXPECT_NE(place_from(wrong).error().message.find("from 0 to 3"), std::string::npos);
}

Place place_at(std::uint16_t port, int rank, int world) {
  Place place;
  place.rank = rank;
  place.world = world;
  place.master_address = "127.0.0.1";
  place.master_port = port;
  place.timeout = std::chrono::seconds(60);
  return place;
}

TEST(Join, ConnectsAllThatMeetAtTheStore) {
  const std::uint16_t port = free_port();
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 3; ++rank) {
    threads.emplace_back([port, rank] {
      const auto ranks = join(place_at(port, rank, 3));
      ASSERT_TRUE(ranks) << ranks.error().message;
      EXPECT_EQ((*ranks)->rank(), rank);
      double value = rank;
      ASSERT_EQ(message_of((*ranks)->all_reduce({&value, 1})), "");
      EXPECT_EQ(value, 3.0);
      ASSERT_EQ(message_of((*ranks)->barrier()), "");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Join, SaysThatARankHasNotCome) {
  Place place = place_at(free_port(), 0, 2);
  place.timeout = std::chrono::seconds(2);
  const std::string message = message_of(join(place));
  EXPECT_NE(message.find("1 of 2 ranks have not come"), std::string::npos) << message;
}

}  // namespace
}  // namespace hone::engine
