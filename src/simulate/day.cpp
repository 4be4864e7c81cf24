#include "simulate/day.h"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <deque>
#include <future>

namespace hone::simulate {
namespace {

using namespace std::chrono_literals;
namespace asio = net::asio;
using net::awaitable;

constexpr std::int64_t kErrorsInARow = 24;  // then the gateway is taken for gone

// The state of a day. All of it is touched on one loop, apart from `done`.
class Day {
 public:
  explicit Day(const DayPlan& plan) : plan_(plan), seeded_(Random(plan.seed).fork(plan.day)) {
    for (const Domain& domain : domains()) summary_.domains.push_back({.name = domain.name});
    for (std::uint64_t i = 0; i < plan.workers.size(); ++i) waiting_.push_back({i, 0});
  }

  // One desk: serves the person who waits longest, one task at a time, until nobody is waiting.
  awaitable<void> serve_people() {
    while (!waiting_.empty() && errors_in_a_row_ < kErrorsInARow) {
      Turn turn = waiting_.front();
      waiting_.pop_front();
      auto served = co_await do_task(turn);
      note(served);
      if (++turn.task < plan_.tasks_per_person) waiting_.push_back(turn);
    }
  }

  [[nodiscard]] std::uint64_t done() const { return done_; }
  // After all desks have ended.
  [[nodiscard]] Result<DaySummary> finish() {
    if (errors_in_a_row_ < kErrorsInARow) return std::move(summary_);
    return fail(ErrorCode::kUnavailable,
                "the gateway failed many times in a row: " + summary_.first_error);
  }

 private:
  struct Turn {
    std::uint64_t worker;
    std::uint64_t task;
  };

  awaitable<Result<void>> do_task(Turn turn) {
    const Worker& worker = plan_.workers[turn.worker];
    // What is asked and how it is taken depend on person and turn alone, not on who was faster.
    const std::size_t which = (turn.worker + turn.task) % domains().size();
    const Domain& domain = domains()[which];
    const std::uint64_t index = turn.task * plan_.workers.size() + turn.worker;
    const Task task = domain.task(task_number(domain, plan_.seed, plan_.day - 1, index));
    Random random = seeded_.fork(index);

    auto answer = co_await ask(client_, plan_.gateway, worker, task.prompt, domain.name);
    if (!answer) co_return fail(answer.error());
    const Decision decision =
        decide(domain, task, answer->text, worker.person.habits, plan_.taste, random);
    std::string key = "day-" + std::to_string(plan_.seed) + "-" + std::to_string(plan_.day) + "-" +
                      std::to_string(index);
    auto reported = co_await report(client_, plan_.gateway, worker, *answer, decision, key);
    if (!reported) co_return reported;
    count(summary_.domains[which], decision.reaction, domain.fits(task, answer->text, plan_.taste));
    ++summary_.interactions;
    summary_.prompt_tokens += answer->prompt_tokens;
    summary_.completion_tokens += answer->completion_tokens;
    co_return Result<void>();
  }

  static void count(DomainSummary& domain, Reaction reaction, bool fits) {
    domain.fitting += fits ? 1 : 0;
    domain.accepted += reaction == Reaction::kAccepted ? 1 : 0;
    domain.modified += reaction == Reaction::kEdited ? 1 : 0;
    domain.rejected += reaction == Reaction::kRejected ? 1 : 0;
  }

  void note(const Result<void>& served) {
    ++done_;
    if (served) {
      errors_in_a_row_ = 0;
      return;
    }
    ++errors_in_a_row_;
    if (summary_.errors++ == 0) summary_.first_error = served.error().message;
  }

  const DayPlan& plan_;
  net::Client client_;
  Random seeded_;
  std::deque<Turn> waiting_;
  DaySummary summary_;
  std::int64_t errors_in_a_row_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
};

Result<void> check(const DayPlan& plan) {
  if (plan.day < 1) return fail(ErrorCode::kInvalid, "days count from 1");
  if (plan.workers.size() * plan.tasks_per_person > kTasksPerDay) {
    return fail(ErrorCode::kInvalid, "a day has at most " + std::to_string(kTasksPerDay) +
                                         " tasks: fewer people, or fewer tasks per person");
  }
  for (const Domain& domain : domains()) {
    if (plan.day > days_in_stock(domain)) {
      return fail(ErrorCode::kInvalid, "the work in " + std::string(domain.name) + " lasts " +
                                           std::to_string(days_in_stock(domain)) + " days");
    }
  }
  return {};
}

}  // namespace

Result<DaySummary> run_day(net::Runtime& runtime, const DayPlan& plan, const Progress& progress) {
  if (auto fine = check(plan); !fine) return fail(fine.error());
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t total = plan.workers.size() * plan.tasks_per_person;
  Day day(plan);
  const auto loop = runtime.io().get_executor();
  std::vector<std::future<void>> desks;
  for (std::uint64_t i = 0; i < std::min(plan.concurrency, plan.workers.size()); ++i) {
    desks.push_back(asio::co_spawn(loop, day.serve_people(), asio::use_future));
  }
  // Each call has its deadline, so every desk ends.
  for (std::future<void>& desk : desks) {
    while (desk.wait_for(1s) != std::future_status::ready) progress(day.done(), total);
    desk.get();
  }
  progress(day.done(), total);
  auto summary = day.finish();
  if (summary) {
    summary->seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return summary;
}

json::object to_json(const DayPlan& plan, const DaySummary& summary) {
  json::array by_domain;
  for (const DomainSummary& domain : summary.domains) {
    by_domain.push_back(
        json::object{{"name", domain.name},
                     {"interactions", domain.accepted + domain.modified + domain.rejected},
                     {"accepted", domain.accepted},
                     {"modified", domain.modified},
                     {"rejected", domain.rejected},
                     {"fitting", domain.fitting}});
  }
  json::object out{{"seed", plan.seed},
                   {"day", plan.day},
                   {"taste", plan.taste == Taste::kHouse ? "house" : "reversed"},
                   {"interactions", summary.interactions},
                   {"errors", summary.errors},
                   {"domains", std::move(by_domain)},
                   {"prompt_tokens", summary.prompt_tokens},
                   {"completion_tokens", summary.completion_tokens},
                   {"seconds", summary.seconds}};
  if (!summary.first_error.empty()) out["first_error"] = summary.first_error;
  return out;
}

}  // namespace hone::simulate
