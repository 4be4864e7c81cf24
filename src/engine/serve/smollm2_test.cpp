// The base model through the server's own path, against the reference's tokens and
// log-probabilities.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <future>

#include "base/json.h"
#include "engine/model/import.h"
#include "engine/model/test_support.h"
#include "engine/serve/batcher.h"
#include "engine/serve/forward.h"

namespace hone::engine {
namespace {

using Ids = std::vector<std::int64_t>;

std::optional<std::string> base_gguf() {
  const char* given = std::getenv("HONE_BASE_GGUF");
  const std::string path =
      given != nullptr ? given : source_dir() + "/.deps/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (std::filesystem::exists(path)) return path;
  std::cerr << "SKIPPED: the base model is not there (" << path << ")\n";
  return std::nullopt;
}

Ids ids_in(const json::value& value) {
  return json::value_to<Ids>(value);
}

Result<Piece> wait_for(Generation& generation) {
  std::promise<Result<Piece>> promise;
  auto future = promise.get_future();
  generation.next([&promise](Result<Piece> piece) { promise.set_value(std::move(piece)); });
  return future.get();
}

void expect_logits(const ServingModel& model, const json::value& prompt) {
  const auto ids = ids_in(prompt.at("ids"));
  KvCache cache(model);
  cache.reserve(static_cast<std::int64_t>(ids.size()));
  const Extension all{ids, &cache};
  const at::Tensor logits = logits_of(model, forward(model, {&all, 1}).slice(0, -1))[0];
  const auto top = ids_in(prompt.at("top10_ids"));
  for (std::size_t i = 0; i < top.size(); ++i) {
    EXPECT_NEAR(logits[top[i]].item<double>(), prompt.at("top10_logits").at(i).to_number<double>(),
                2e-3);
  }
}

// Greedy tokens are compared up to the first step at which the two likeliest are closer than
// rounding.
void expect_greedy(const Piece& piece, const json::value& prompt) {
  const auto expected = ids_in(prompt.at("greedy_ids"));
  const auto gaps = json::value_to<std::vector<double>>(prompt.at("greedy_top2_gap"));
  for (std::size_t i = 0; i < expected.size() && gaps[i] >= 5e-3; ++i) {
    if (expected[i] == 2) {
      EXPECT_EQ(piece.finish, Finish::kStop);
      EXPECT_EQ(piece.logprobs.size(), i);
      return;
    }
    ASSERT_LT(i, piece.logprobs.size());
    EXPECT_EQ(piece.logprobs[i].id, expected[i]) << "step " << i;
  }
}

void expect_answer_score(const Piece& piece, const json::value& prompt) {
  const auto answer = ids_in(prompt.at("answer_ids"));
  const auto first = piece.prompt_logprobs.size() - answer.size();
  double sum = 0;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    EXPECT_EQ(piece.prompt_logprobs[first + i].id, answer[i]);
    sum += piece.prompt_logprobs[first + i].logprob;
  }
  EXPECT_NEAR(sum / static_cast<double>(answer.size()),
              prompt.at("answer_mean_logprob").to_number<double>(), 1e-4);
}

TEST(SmolLM2, AnswersAndScoresInABatchAsTheReferenceDoes) {
  const auto gguf = base_gguf();
  const auto golden = shared_file("golden/smollm2/smollm2.json");
  if (!gguf || !golden) GTEST_SKIP();
  const TempFolder folder;
  const std::string path = folder.path("model");
  ASSERT_TRUE(import_gguf({.gguf_path = *gguf, .folder = path, .dtype = "f32"}));
  const auto tokenizer = Tokenizer::load(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto model = load_serving_model(path, Arithmetic::kFp32, 1024);
  ASSERT_TRUE(model) << model.error().message;
  const auto expected = json::parse(read_all(*golden));
  const auto& prompts = expected.at("prompts").as_array();
  Batcher batcher(*model, *tokenizer, {.end_tokens = {2}});
  std::vector<std::shared_ptr<Generation>> answers;
  std::vector<std::shared_ptr<Generation>> scores;
  for (const json::value& prompt : prompts) {
    auto ids = ids_in(prompt.at("ids"));
    answers.push_back(std::make_shared<Generation>(
        Order{.prompt = ids, .max_tokens = 40, .whole = true, .logprobs = 0}));
    const auto answer = ids_in(prompt.at("answer_ids"));
    ids.insert(ids.end(), answer.begin(), answer.end());
    scores.push_back(std::make_shared<Generation>(
        Order{.prompt = ids, .max_tokens = 0, .whole = true, .prompt_logprobs = 0}));
    ASSERT_TRUE(batcher.submit(answers.back()));
    ASSERT_TRUE(batcher.submit(scores.back()));
  }
  expect_logits(*model, prompts[0]);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto answer = wait_for(*answers[i]);
    ASSERT_TRUE(answer) << answer.error().message;
    expect_greedy(*answer, prompts[i]);
    const auto score = wait_for(*scores[i]);
    ASSERT_TRUE(score) << score.error().message;
    expect_answer_score(*score, prompts[i]);
  }
}

}  // namespace
}  // namespace hone::engine
