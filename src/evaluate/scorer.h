// Asks a serving upstream (hone-engine, vLLM) what a model thinks of an answer, and for its own.
//
//   Scorer scorer({.base_url = "http://127.0.0.1:8800"});
//   auto likelihoods = scorer.score_all({{"hone-12ab…", prompt, "Fix the race."}, …});
//   auto answers = scorer.generate_all({{"hone-12ab…", prompt, 128}, …});
//
// Log-probabilities come through POST /v1/chat/completions with `prompt_logprobs`, as vLLM has it:
// the conversation with the answer, and again without it, to know where the answer starts (the
// longest common prefix of tokens: a template or a merge may move the seam). Calls of a batch run
// side by side on `workers` threads; the first error ends the batch and names the model and the
// number of the task. Blocking; from a worker thread, and one batch at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::evaluate {

struct ScoreTask {
  std::string model;   // as the upstream serves it
  json::array prompt;  // [{"role", "content"}, …], with tools as Chat Completions has them
  std::string answer;
  json::object calling = {};  // the answer's message where it calls tools, in the place of `answer`
  json::array tools = {};     // definitions that stand in the prompt
};

struct Likelihood {
  double logprob = 0;       // sum over the answer's tokens with its end token, natural logarithm
  std::int64_t tokens = 0;  // at least 1
  [[nodiscard]] double per_token() const { return logprob / static_cast<double>(tokens); }
};

struct GenerateTask {
  std::string model;
  json::array prompt;
  std::int64_t max_tokens = 256;
  json::array tools = {};
};

struct Generation {
  std::string text;      // tool calls as wire::chat_text
  bool endless = false;  // stopped by max_tokens
  std::int64_t tokens = 0;
};

struct ScorerOptions {
  std::string base_url = {};  // "http://host:port", with or without a path before /v1
  std::string api_key = {};   // sent as a bearer token where there is one
  std::size_t workers = 16;
  std::chrono::milliseconds call_timeout{300'000};
};

// Called from any worker, one call at a time: tasks done, of all.
using Progress = std::function<void(std::size_t done, std::size_t all)>;

class Scorer {
 public:
  explicit Scorer(ScorerOptions options) : options_(std::move(options)) {}

  // Results in the order of the tasks.
  [[nodiscard]] Result<std::vector<Likelihood>> score_all(const std::vector<ScoreTask>& tasks,
                                                          const Progress& progress = {}) const;
  [[nodiscard]] Result<std::vector<Generation>> generate_all(
      const std::vector<GenerateTask>& tasks, const Progress& progress = {}) const;  // greedy

 private:
  ScorerOptions options_;
};

}  // namespace hone::evaluate
