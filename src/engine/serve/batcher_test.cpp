#include "engine/serve/batcher.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "engine/model/lora.h"
#include "engine/serve/forward.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine {
namespace {

using namespace std::chrono_literals;
using Ids = std::vector<std::int64_t>;

// The tiny model, loaded, and an adapter whose B is not zero.
class BatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_tiny_model(folder_.path("model"));
    auto model = load_serving_model(folder_.path("model"), Arithmetic::kFp32, 512);
    ASSERT_TRUE(model) << model.error().message;
    model_ = std::move(*model);
    auto tokenizer = Tokenizer::load(folder_.path("model"));
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    tokenizer_.emplace(std::move(*tokenizer));
    LoraAdapter lora = make_lora(model_.config, {.r = 4}, Random(3));
    at::manual_seed(5);
    for (LoraLayer& layer : lora.layers) {
      for (LoraPair& pair : layer) pair.b.normal_(0, 0.3);
    }
    std::filesystem::create_directories(folder_.path("adapter"));
    ASSERT_TRUE(save_lora(lora, folder_.path("adapter"), "tiny"));
    auto adapter = load_serving_adapter("adapter", folder_.path("adapter"), model_);
    ASSERT_TRUE(adapter) << adapter.error().message;
    adapter_ = *adapter;
  }

  [[nodiscard]] Order order(const std::string& prompt, std::int64_t max_tokens,
                            bool adapted = false) const {
    return {.prompt = tokenizer_->encode(prompt, Specials::kText),
            .adapter = adapted ? adapter_ : nullptr,
            .max_tokens = max_tokens,
            .ignore_eos = true,
            .whole = true};
  }

  static Result<Piece> wait_for(Generation& generation) {
    std::promise<Result<Piece>> promise;
    auto future = promise.get_future();
    generation.next([&promise](Result<Piece> piece) { promise.set_value(std::move(piece)); });
    return future.get();
  }

  static std::string text_of(Batcher& batcher, Order order) {
    auto generation = std::make_shared<Generation>(std::move(order));
    if (auto taken = batcher.submit(generation); !taken) return taken.error().message;
    const auto piece = wait_for(*generation);
    return piece ? piece->text : piece.error().message;
  }

  const TempFolder folder_;
  ServingModel model_;
  std::optional<Tokenizer> tokenizer_;
  std::shared_ptr<const ServingAdapter> adapter_;
};

TEST_F(BatcherTest, GivesEveryoneTheAnswerHeWouldGetAlone) {
  std::vector<Order> orders;
  for (int i = 0; i < 12; ++i) {
    orders.push_back(
        order("question " + std::string(static_cast<std::size_t>(i), 'x'), 10 + i, i % 3 == 1));
  }
  std::vector<std::string> alone;
  for (const Order& each : orders) {
    Batcher batcher(model_, *tokenizer_, {.kept_tokens = 0});
    alone.push_back(text_of(batcher, each));
  }
  EXPECT_NE(alone[0], alone[1]);
  Batcher batcher(model_, *tokenizer_, {.max_running = 5, .step_tokens = 7});
  std::vector<std::shared_ptr<Generation>> together;
  for (const Order& each : orders) {
    together.push_back(std::make_shared<Generation>(each));
    ASSERT_TRUE(batcher.submit(together.back()));
  }
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const auto piece = wait_for(*together[i]);
    ASSERT_TRUE(piece) << piece.error().message;
    EXPECT_EQ(piece->text, alone[i]) << i;
    EXPECT_EQ(piece->tokens, orders[i].max_tokens);
    EXPECT_EQ(piece->finish, Finish::kLength);
  }
  EXPECT_LT(batcher.counters().steps, 12U * 15U);  // together, not one after the other
}

TEST_F(BatcherTest, AnswersAlikeFromAKeptBeginning) {
  Batcher batcher(model_, *tokenizer_, {});
  const auto first = text_of(batcher, order("a system message; one", 8));
  EXPECT_EQ(batcher.counters().copied_tokens, 0U);
  Batcher fresh(model_, *tokenizer_, {.kept_tokens = 0});
  EXPECT_EQ(text_of(batcher, order("a system message; two", 8)),
            text_of(fresh, order("a system message; two", 8)));
  EXPECT_EQ(batcher.counters().copied_tokens, std::string("a system message; ").size());
  (void)text_of(batcher,
                order("a system message; two", 8, true));  // another adapter: nothing in common
  EXPECT_EQ(batcher.counters().copied_tokens, std::string("a system message; ").size());
}

TEST_F(BatcherTest, ReadsAPromptOnceForAllItsChoices) {
  std::vector<Order> choices;
  for (std::uint64_t i = 0; i < 4; ++i) {
    choices.push_back(order("one prompt of some length" + std::string(300, '.') + " for all", 12));
    choices.back().temperature = 1.5;
    choices.back().seed = i;
  }
  choices.push_back(choices.back());
  choices.back().adapter = adapter_;  // its keys are others
  std::vector<std::string> alone;
  for (const Order& each : choices) {
    Batcher batcher(model_, *tokenizer_, {.kept_tokens = 0});
    alone.push_back(text_of(batcher, each));
  }
  EXPECT_NE(alone[0], alone[1]);
  const auto size = static_cast<std::uint64_t>(choices[0].prompt.size());
  for (const bool first_leaves : {false, true}) {
    // One token of the prompt a step: all are there before the first has read it.
    Batcher batcher(model_, *tokenizer_, {.step_tokens = 1, .kept_tokens = 0});
    std::vector<std::shared_ptr<Generation>> together;
    for (const Order& each : choices) {
      together.push_back(std::make_shared<Generation>(each));
      ASSERT_TRUE(batcher.submit(together.back()));
    }
    if (first_leaves) together[0]->cancel();
    for (std::size_t i = first_leaves ? 1 : 0; i < choices.size(); ++i) {
      const auto piece = wait_for(*together[i]);
      ASSERT_TRUE(piece) << piece.error().message;
      EXPECT_EQ(piece->text, alone[i]) << i;
    }
    const std::uint64_t copies = batcher.counters().copied_tokens;
    if (first_leaves) {
      EXPECT_GE(copies, 2 * (size - 1)) << "whoever is the oldest now reads the rest";
    } else {
      EXPECT_EQ(copies, 3 * (size - 1));
    }
  }
}

TEST_F(BatcherTest, TakesTheBeginningFromOneThatEndsWithThePrompt) {
  Batcher batcher(model_, *tokenizer_, {.step_tokens = 1, .kept_tokens = 0});
  const std::string text = "a prompt" + std::string(300, '.');
  const auto first = std::make_shared<Generation>(order(text, 1));
  const auto second = std::make_shared<Generation>(order(text + "b", 9));
  ASSERT_TRUE(batcher.submit(first));
  ASSERT_TRUE(batcher.submit(second));
  const auto piece = wait_for(*second);
  ASSERT_TRUE(piece) << piece.error().message;
  EXPECT_EQ(batcher.counters().copied_tokens, text.size());
  Batcher fresh(model_, *tokenizer_, {.kept_tokens = 0});
  EXPECT_EQ(piece->text, text_of(fresh, order(text + "b", 9)));
}

TEST_F(BatcherTest, ScoresPromptsAsTheForwardPassDoes) {
  Batcher batcher(model_, *tokenizer_, {.step_tokens = 5});
  for (const char* prompt : {"score these words", "score these words too", "score these words"}) {
    Order asked = order(prompt, 0);
    asked.prompt_logprobs = 0;
    KvCache cache(model_);
    cache.reserve(static_cast<std::int64_t>(asked.prompt.size()));
    const Extension all{asked.prompt, &cache};
    const at::Tensor expected = at::log_softmax(logits_of(model_, forward(model_, {&all, 1})), 1);
    auto generation = std::make_shared<Generation>(asked);
    ASSERT_TRUE(batcher.submit(generation));
    const auto piece = wait_for(*generation);
    ASSERT_TRUE(piece) << piece.error().message;
    EXPECT_EQ(piece->tokens, 0);
    ASSERT_EQ(piece->prompt_logprobs.size(), asked.prompt.size() - 1);
    for (std::size_t i = 0; i + 1 < asked.prompt.size(); ++i) {
      EXPECT_EQ(piece->prompt_logprobs[i].id, asked.prompt[i + 1]);
      const at::Tensor row = expected[static_cast<std::int64_t>(i)];
      EXPECT_NEAR(piece->prompt_logprobs[i].logprob, row[asked.prompt[i + 1]].item<float>(), 1e-4);
      EXPECT_EQ(piece->prompt_logprobs[i].rank,
                row.gt(row[asked.prompt[i + 1]]).sum().item<std::int64_t>() + 1);
    }
  }
  EXPECT_GT(batcher.counters().copied_tokens, 16U);
}

TEST_F(BatcherTest, GivesLogprobsOfWhatItGenerates) {
  Batcher batcher(model_, *tokenizer_, {});
  Order asked = order("words", 4);
  asked.logprobs = 3;
  auto generation = std::make_shared<Generation>(asked);
  ASSERT_TRUE(batcher.submit(generation));
  const auto piece = wait_for(*generation);
  ASSERT_TRUE(piece) << piece.error().message;
  ASSERT_EQ(piece->logprobs.size(), 4U);
  for (const TokenLogprob& entry : piece->logprobs) {
    EXPECT_EQ(entry.rank, 1);
    ASSERT_EQ(entry.likeliest.size(), 3U);
    EXPECT_EQ(entry.likeliest[0].id, entry.id);
    EXPECT_FLOAT_EQ(entry.likeliest[0].logprob, entry.logprob);
  }
}

TEST_F(BatcherTest, SamplesTheSameFromTheSameSeed) {
  Batcher batcher(model_, *tokenizer_, {});
  const auto sampled = [&](std::uint64_t seed) {
    Order asked = order("words", 30);
    asked.temperature = 1.5;
    asked.seed = seed;
    return text_of(batcher, asked);
  };
  const auto first = sampled(1);
  EXPECT_EQ(sampled(1), first);
  EXPECT_NE(sampled(2), first);
}

TEST_F(BatcherTest, RefusesWhenTheQueueIsFull) {
  Batcher batcher(model_, *tokenizer_, {.max_running = 1, .max_waiting = 1});
  const auto running = std::make_shared<Generation>(order("long", 480));
  ASSERT_TRUE(batcher.submit(running));
  while (batcher.counters().running == 0 && batcher.counters().steps < 400)
    std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(batcher.submit(std::make_shared<Generation>(order("next", 1))));
  const auto refused = batcher.submit(std::make_shared<Generation>(order("too many", 1)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(batcher.counters().refused, 1U);
}

TEST_F(BatcherTest, FreesThePlaceOfWhoeverGoesAway) {
  Batcher batcher(model_, *tokenizer_, {.max_running = 1});
  const auto abandoned = std::make_shared<Generation>(order("long", 480));
  ASSERT_TRUE(batcher.submit(abandoned));
  abandoned->cancel();
  EXPECT_LE(text_of(batcher, order("next", 3)).size(), 3U);  // an error would be longer
  EXPECT_EQ(batcher.counters().cancelled, 1U);
  EXPECT_LT(batcher.counters().generated_tokens, 400U);
}

TEST_F(BatcherTest, EndsWhatRunsWhenItStops) {
  Batcher batcher(model_, *tokenizer_, {});
  const auto running = std::make_shared<Generation>(order("long", 480));
  ASSERT_TRUE(batcher.submit(running));
  batcher.stop();
  const auto piece = wait_for(*running);
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(batcher.submit(std::make_shared<Generation>(order("late", 1))));
}

TEST_F(BatcherTest, SaysSoWhenTheModelBreaksDown) {
  write_tiny_model(folder_.path("broken"), std::nanf(""));
  const auto broken = load_serving_model(folder_.path("broken"), Arithmetic::kFp32, 512);
  ASSERT_TRUE(broken) << broken.error().message;
  Batcher batcher(*broken, *tokenizer_, {});
  EXPECT_EQ(text_of(batcher, order("hi", 3)), "the model could not compute this step");
  EXPECT_EQ(batcher.counters().failed, 1U);
}

}  // namespace
}  // namespace hone::engine
