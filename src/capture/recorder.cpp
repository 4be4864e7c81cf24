#include "capture/recorder.h"

#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <memory>

#include "base/log.h"
#include "net/await.h"
#include "net/content_coding.h"

namespace hone::capture {
namespace {

constexpr std::size_t kJournalQueue = 4096;
// How long a call waits for the recorder at most, before it goes out and when it has ended.
constexpr auto kPatience = std::chrono::milliseconds(2'000);
constexpr std::size_t kBusy = 8;                        // calls that wait, for each thread
constexpr std::size_t kBytesPerToken = 4;               // of ordinary text and code, nearly
constexpr std::size_t kDecodedAnswerBytes = 32U << 20;  // as many as are kept of a plain one

std::vector<std::string> persons_of(const std::string& person) {
  return person.empty() ? std::vector<std::string>() : std::vector<std::string>{person};
}

void take_answer(const wire::Answer& answer, store::Interaction& facts) {
  facts.stop_reason = answer.stop_reason;
  facts.prompt_tokens = answer.prompt_tokens;
  facts.completion_tokens = answer.completion_tokens;
  facts.cached_tokens = answer.cached_tokens;
  if (facts.error.empty()) facts.error = answer.error;
  if (facts.error.empty() && facts.status < 300 && !answer.complete) facts.error = "incomplete";
  if (!answer.response_id.empty()) facts.handles.push_back({"response", answer.response_id});
  for (const auto& id : answer.tool_call_ids) facts.handles.push_back({"tool_call", id});
}

// Fails where the bytes cannot be decoded; what was cut off is read as far as it goes.
Result<wire::Answer> read_answer(const FinishedCall& call) {
  wire::AnswerReader reader(call.format, call.facts.streamed);
  if (call.answer_encoding.empty()) {
    reader.feed(call.answer);
    return reader.finish();
  }
  const auto decoded = net::decode_content(call.answer_encoding, call.answer, kDecodedAnswerBytes);
  if (!decoded) return fail(decoded.error());
  reader.feed(decoded->body);
  return reader.finish();
}

}  // namespace

Recorder::Recorder(store::Outbox& outbox, store::InFlight& in_flight,
                   const privacy::Redactor& redactor, std::string tenant_key,
                   RecorderOptions options)
    : outbox_(outbox),
      in_flight_(in_flight),
      options_(options),
      content_(redactor, std::move(tenant_key), options.known_nodes),
      journal_(1, kJournalQueue, "hone-journal"),
      work_(options.threads, options.queue_limit, "hone-record", Rank::kRecord) {}

Recorder::~Recorder() {
  stop();
}

void Recorder::begin(FinishedCall& call) {
  const auto& facts = call.facts;
  call.place =
      in_flight_.begin({facts.id, facts.person, facts.alias, facts.model, facts.started_at});
  if (!call.place) ++counters_.starts_missed;
}

// It is in the outbox, or counted as missing there.
void Recorder::end(FinishedCall& call) {
  if (call.place) in_flight_.end(*call.place);
}

void Recorder::finish(FinishedCall call) {
  const std::size_t size = call.request.text().size() + call.answer.size();
  auto shared = std::make_shared<FinishedCall>(std::move(call));
  if (queued_bytes_ + size <= options_.queue_bytes) {
    queued_bytes_ += size;
    const bool queued = work_.post([this, shared, size] {
      record(shared, true);
      queued_bytes_ -= size;
      let_in();
    });
    if (queued) return;
    queued_bytes_ -= size;
  }
  shared->request = {};
  shared->answer.clear();
  if (journal_.post([this, shared] { record(shared, false); })) return;
  ++counters_.unrecorded;
  end(*shared);
  if (shared->synced) shared->synced(fail(ErrorCode::kUnavailable, "the queue is full"));
}

net::awaitable<Result<void>> Recorder::finish_synced(FinishedCall call) {
  auto hand_over = [this, &call](auto done) {
    call.synced = std::move(done);
    finish(std::move(call));
  };
  const auto synced =
      co_await net::await_callback<std::int64_t>(options_.commit_patience, hand_over);
  if (synced) co_return Result<void>();
  ++counters_.not_synced;
  co_return fail(synced.error());
}

bool Recorder::must_refuse() {
  if (!options_.refuse_when_full || outbox_.has_room()) return false;
  ++counters_.refused;
  return true;
}

bool Recorder::was_busy() {
  return work_.take_longest() > kBusy * static_cast<std::size_t>(options_.threads);
}

bool Recorder::crowded() const {
  return work_.queued() > options_.queue_limit / 2 || queued_bytes_ > options_.queue_bytes / 2;
}

bool Recorder::full(std::size_t bytes) const {
  return work_.queued() >= options_.queue_limit || queued_bytes_ + bytes > options_.queue_bytes;
}

net::awaitable<void> Recorder::wait_for_room() {
  if (!crowded()) co_return;
  const bool let = co_await to_begin_.wait(kPatience, [this] { return crowded(); });
  static_cast<void>(let);  // who was not goes on all the same
}

net::awaitable<void> Recorder::wait_for_place(std::size_t bytes) {
  if (!full(bytes)) co_return;
  const bool let = co_await to_finish_.wait(kPatience, [this, bytes] { return full(bytes); });
  static_cast<void>(let);
}

// One is recorded. Who has an answer comes before who asks; those come in faster than calls leave,
// so that the queue stays about half full while many come.
void Recorder::let_in() {
  if (to_finish_.waiting() > 0) return to_finish_.let(1);
  if (to_begin_.waiting() == 0 || crowded()) return;
  to_begin_.let(work_.queued() == 0 ? options_.queue_limit / 2 : 2);
}

// Completes call.facts from the request and the answer.
void Recorder::fill(FinishedCall& call) {
  auto& facts = call.facts;
  auto answer = read_answer(call);
  if (answer) {
    take_answer(*answer, facts);
    charge(call, *answer);
  }
  if (!call.may_capture) return leave_out("no_consent", facts, counters_.no_consent);
  if (!call.policy_allows) return leave_out("policy", facts, counters_.policy);
  if (!answer && answer.error().code == ErrorCode::kTooLarge) {
    return leave_out("unreadable", facts, counters_.too_large);
  }
  if (!answer || !call.request_encoding.empty()) {
    return leave_out("unreadable", facts, counters_.encoded);
  }
  call.learned =
      content_.fill_from_body(call.format, call.request, std::move(answer->message), facts);
  if (facts.content == "unreadable") ++counters_.unreadable;
  if (facts.content == "redaction_failed") ++counters_.redaction_failed;
  call.answered = was_answered(facts.status, answer->complete);
  if (call.learned.body) facts.retry_of = retries_.earlier(*call.learned.body, facts);
}

// By the upstream's own name of the model, or by the alias, whichever has a price.
double Recorder::cost_of(const store::Interaction& facts, const Usage& usage) const {
  if (options_.prices == nullptr) return 0;
  return options_.prices->get().cost({facts.model, facts.alias}, usage);
}

void Recorder::charge(FinishedCall& call, const wire::Answer& answer) const {
  auto& facts = call.facts;
  Usage usage{.prompt_tokens = answer.prompt_tokens,
              .cached_tokens = answer.cached_tokens,
              .cache_write_tokens = answer.cache_write_tokens,
              .completion_tokens = answer.completion_tokens};
  facts.cost = cost_of(facts, usage);
  if (options_.limits == nullptr || !call.accounts.any()) return;
  double cost = facts.cost;
  if (usage.prompt_tokens + usage.completion_tokens == 0 && !answer.message.empty()) {
    // Nobody counted (a stream whose client did not ask): a limit that such a call passes by would
    // be none.
    usage.prompt_tokens = static_cast<std::int64_t>(call.request_bytes / kBytesPerToken);
    usage.completion_tokens =
        static_cast<std::int64_t>(json::serialize(answer.message).size() / kBytesPerToken);
    cost = cost_of(facts, usage);
  }
  options_.limits->charge(call.accounts, usage.prompt_tokens + usage.completion_tokens, cost);
}

// What is not written down is charged all the same.
void Recorder::meter(FinishedCall& call) const {
  try {
    if (const auto answer = read_answer(call)) charge(call, *answer);
  } catch (const std::exception& e) {
    spdlog::error("a call could not be charged: {}", e.what());
  }
}

void Recorder::leave_out(std::string_view why, store::Interaction& facts,
                         std::atomic<std::uint64_t>& counter) {
  ++counter;
  Content::leave_out(why, facts);
}

void Recorder::record(const std::shared_ptr<FinishedCall>& shared, bool with_content) {
  FinishedCall& call = *shared;
  if (!call.stored) return meter(call);
  auto& facts = call.facts;
  facts.handles.insert(facts.handles.begin(), {"id", facts.id});
  try {
    if (with_content) {
      fill(call);
    } else {
      leave_out("unreadable", facts, counters_.overflowed);
    }
  } catch (const std::exception& e) {
    // Out of memory, or worse. What happened is recorded, without what was said.
    spdlog::error("a call could not be read: {}", e.what());
    leave_out("unreadable", facts, counters_.unreadable);
  }
  const store::OutboxRecord written{.kind = store::RecordKind::kInteraction,
                                    .id = facts.id,
                                    .persons = persons_of(facts.person),
                                    .payload = store::to_payload(facts)};
  if (!call.synced) {
    const auto appended = outbox_.append(written);
    end(call);
    return settle(call, appended);
  }
  {
    const std::lock_guard lock(mutex_);
    ++committing_;
  }
  outbox_.append_synced(written, [this, shared](const Result<std::int64_t>& position) {
    settle(*shared, position);
    shared->synced(position);
    const std::lock_guard lock(mutex_);
    --committing_;
    committed_.notify_all();
  });
  end(call);
}

void Recorder::settle(const FinishedCall& call, const Result<std::int64_t>& position) {
  if (!position) {
    ++counters_.unrecorded;
    return;
  }
  ++counters_.recorded;
  content_.appended(call.facts, call.learned);
  if (call.learned.body) retries_.ended(*call.learned.body, call.facts, call.answered);
}

void Recorder::stop() {
  work_.stop();
  journal_.stop();
  std::unique_lock lock(mutex_);
  committed_.wait(lock, [this] { return committing_ == 0; });
}

void Recorder::wait_idle() {
  work_.wait_idle();
  journal_.wait_idle();
}

}  // namespace hone::capture
