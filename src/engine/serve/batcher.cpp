#include "engine/serve/batcher.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "engine/serve/batcher_row.h"
#include "engine/serve/forward.h"
#include "engine/serve/sampler.h"

namespace hone::engine {
namespace {

// Logits of this many states are held at once: [128, vocab] fp32 is 25 MB for SmolLM2, 66 for
// Llama 3.
constexpr std::int64_t kLogitRows = 128;

// A row's part in one step.
struct Part {
  Row* row = nullptr;
  std::int64_t count = 0;
  std::int64_t begin = 0;     // its first state
  std::int64_t position = 0;  // of that state in the sequence
};

}  // namespace

// What the batcher's thread owns.
class Batcher::Loop {
 public:
  explicit Loop(Batcher& owner) : owner_(owner), store_(owner.options_.kept_tokens) {}

  void run() {
    at::set_num_threads(owner_.options_.threads);
    const c10::NoGradGuard no_grad;
    while (admit()) step();
    const Error ended{ErrorCode::kUnavailable, "the server is shutting down"};
    for (const auto& row : rows_) row->fail_with(ended);
    for (const auto& generation : owner_.waiting_) generation->fail_with(ended);
    owner_.waiting_.clear();
  }

 private:
  // Takes in what waits, as far as there is room; blocks while there is nothing to do. False: stop.
  bool admit() {
    std::unique_lock lock(owner_.mutex_);
    owner_.changed_.wait(
        lock, [this] { return owner_.stopping_ || !rows_.empty() || !owner_.waiting_.empty(); });
    if (owner_.stopping_) return false;
    std::vector<std::shared_ptr<Generation>> taken;
    while (!owner_.waiting_.empty() && rows_.size() + taken.size() < owner_.options_.max_running) {
      taken.push_back(std::move(owner_.waiting_.front()));
      owner_.waiting_.pop_front();
    }
    owner_.counters_.waiting = owner_.waiting_.size();
    lock.unlock();
    for (auto& generation : taken) {
      auto row = std::make_unique<Row>(std::move(generation), owner_.model_, store_);
      owner_.counters_.prompt_tokens += static_cast<std::uint64_t>(row->order().prompt.size());
      owner_.counters_.copied_tokens += static_cast<std::uint64_t>(row->copied());
      rows_.push_back(std::move(row));
      find_elder(*rows_.back());
    }
    return true;
  }

  void step() {
    drop_cancelled();
    owner_.counters_.running = rows_.size();
    std::vector<Part> parts = plan();
    if (parts.empty()) return;
    ++owner_.counters_.steps;
    try {
      compute(parts);
    } catch (const std::exception& error) {  // libtorch: out of memory, and what nobody foresaw
      spdlog::error("a step with {} sequences failed: {}", parts.size(), error.what());
      owner_.counters_.failed += rows_.size();
      for (const auto& row : rows_) {
        row->fail_with({ErrorCode::kInternal, "the model could not compute this step"});
      }
      rows_.clear();
    }
    owner_.counters_.running = rows_.size();
  }

  void drop_cancelled() {
    for (const auto& row : rows_) {
      if (!row->cancelled()) continue;
      row->fail_with({ErrorCode::kUnavailable, "cancelled"});
      ++owner_.counters_.cancelled;
    }
    drop_finished();
  }

  // The choices of a request have one prompt, and requests that come together often begin alike:
  // what an older row computes, or has computed, is copied from it. Nobody waits for a younger one,
  // so that the oldest who reads always goes on.
  void find_elder(Row& row) {
    if (!row.reads_prompt()) return;
    for (const auto& elder : rows_) {
      if (elder.get() == &row) return;
      row.consider(*elder);
    }
  }

  void take_from_elder(Row& row) {
    owner_.counters_.copied_tokens += static_cast<std::uint64_t>(row.take_from_elder());
  }

  // Whoever waits for one that leaves takes what it has, and looks for another.
  void drop_finished() {
    std::vector<Row*> left;
    for (const auto& row : rows_) {
      if (row->elder() == nullptr || !row->elder()->finished()) continue;
      take_from_elder(*row);
      if (!row->finished()) left.push_back(row.get());
    }
    std::erase_if(rows_, [this](const auto& row) {
      if (!row->finished()) return false;
      store_.keep(row->leave());
      return true;
    });
    for (Row* row : left) find_elder(*row);
  }

  // Every answering row's next token, then prompts in their order of arrival within the budget,
  // those that wait for an older row left out.
  // Rows of one adapter stand together.
  std::vector<Part> plan() {
    for (const auto& row : rows_) {
      if (row->elder() != nullptr && row->elder_is_ready()) take_from_elder(*row);
    }
    std::vector<Part> parts;
    std::int64_t budget = owner_.options_.step_tokens;
    for (const auto& row : rows_) {
      if (!row->reads_prompt()) parts.push_back({row.get(), row->pending()});
    }
    for (const auto& row : rows_) {
      if (!row->reads_prompt() || row->elder() != nullptr || budget <= 0) continue;
      const std::int64_t count = std::min(row->pending(), budget);
      parts.push_back({row.get(), count});
      budget -= count;
    }
    std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
      return a.row->order().adapter < b.row->order().adapter;
    });
    std::int64_t begin = 0;
    for (Part& part : parts) {
      part.begin = begin;
      part.position = part.row->cache().length();
      begin += part.count;
    }
    return parts;
  }

  void compute(const std::vector<Part>& parts) {
    std::vector<Extension> extensions;
    extensions.reserve(parts.size());
    for (const Part& part : parts) {
      extensions.push_back(
          {part.row->next_ids(part.count), &part.row->cache(), part.row->order().adapter.get()});
    }
    const at::Tensor states = forward(owner_.model_, extensions);
    score_prompts(parts, states);
    choose_tokens(parts, states);
    drop_finished();
  }

  // Log-probabilities of prompt tokens, for the rows that asked, many rows at once.
  void score_prompts(const std::vector<Part>& parts, const at::Tensor& states) {
    std::vector<std::int64_t> wanted;
    std::vector<std::int64_t> targets;
    std::vector<Row*> owners;
    int likeliest = 0;
    for (const Part& part : parts) {
      for (std::int64_t i = 0; i < part.count; ++i) {
        const auto target = part.row->scored_target(part.position + i);
        if (!target) continue;
        wanted.push_back(part.begin + i);
        targets.push_back(*target);
        owners.push_back(part.row);
        likeliest = std::max(likeliest, part.row->order().prompt_logprobs.value_or(0));
      }
    }
    for (std::size_t at = 0; at < wanted.size(); at += kLogitRows) {
      const std::size_t end = std::min(at + kLogitRows, wanted.size());
      const auto slice = [&](const std::vector<std::int64_t>& all) {
        return std::vector<std::int64_t>(all.begin() + static_cast<std::ptrdiff_t>(at),
                                         all.begin() + static_cast<std::ptrdiff_t>(end));
      };
      const at::Tensor rows = states.index_select(0, at::tensor(slice(wanted), at::kLong));
      auto scores = logprobs_of(logits_of(owner_.model_, rows), slice(targets), likeliest);
      for (std::size_t i = at; i < end; ++i) {
        TokenLogprob& score = scores[i - at];
        const auto asked = static_cast<std::size_t>(owners[i]->order().prompt_logprobs.value_or(0));
        if (score.likeliest.size() > asked) score.likeliest.resize(asked);
        owners[i]->add_score(std::move(score));
      }
    }
  }

  void choose_tokens(const std::vector<Part>& parts, const at::Tensor& states) {
    std::vector<std::int64_t> last;
    std::vector<Row*> choosing;
    for (const Part& part : parts) {
      if (part.row->pending() > 0) continue;
      if (!part.row->wants_token()) {
        part.row->finish_without_answer();
        continue;
      }
      last.push_back(part.begin + part.count - 1);
      choosing.push_back(part.row);
    }
    if (choosing.empty()) return;
    const at::Tensor logits =
        logits_of(owner_.model_, states.index_select(0, at::tensor(last, at::kLong)));
    for (std::size_t i = 0; i < choosing.size(); ++i) {
      accept(*choosing[i], logits.narrow(0, static_cast<std::int64_t>(i), 1));
    }
    owner_.counters_.generated_tokens += choosing.size();
  }

  void accept(Row& row, const at::Tensor& logits) {
    const Choice choice = row.choose_from(logits);
    if (choice.id < 0) {
      ++owner_.counters_.failed;
      return row.fail_with({ErrorCode::kInternal,
                            "the answer cannot go on: its form has become too involved to follow"});
    }
    if (!std::isfinite(choice.logit)) throw std::runtime_error("the logits are not finite");
    std::optional<TokenLogprob> logprob;
    if (row.order().logprobs) {
      logprob = logprobs_of(logits, {choice.id}, *row.order().logprobs).front();
    }
    row.accept(choice, std::move(logprob), owner_.tokenizer_, owner_.options_.end_tokens);
  }

  Batcher& owner_;
  PrefixStore store_;
  std::vector<std::unique_ptr<Row>> rows_;  // in order of arrival
};

Batcher::Batcher(const ServingModel& model, const Tokenizer& tokenizer, BatcherOptions options)
    : model_(model), tokenizer_(tokenizer), options_(std::move(options)) {
  thread_ = std::thread([this] { Loop(*this).run(); });
}

Batcher::~Batcher() {
  stop();
}

Result<void> Batcher::submit(std::shared_ptr<Generation> generation) {
  const auto size = static_cast<std::int64_t>(generation->order().prompt.size());
  HONE_ASSERT(size > 0 && size + generation->order().max_tokens <= model_.context);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(ErrorCode::kUnavailable, "the server is shutting down");
    if (waiting_.size() >= options_.max_waiting) {
      ++counters_.refused;
      return fail(ErrorCode::kUnavailable, "the queue is full: " + std::to_string(waiting_.size()) +
                                               " requests wait; try again later");
    }
    waiting_.push_back(std::move(generation));
    counters_.waiting = waiting_.size();
    ++counters_.taken;
  }
  changed_.notify_one();
  return {};
}

bool Batcher::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Batcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace hone::engine
