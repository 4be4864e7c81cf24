// Writes down what passed through the gateway, beside the traffic and never in its way. A call is
// among those under way before its request goes out; what was said is parsed, redacted and appended
// on threads of the recorder's own when the answer has ended. Its queue is bounded in
// number and bytes; what does not fit loses its content, not its place: the interaction is still
// recorded, and counted. Bodies in a content coding are decoded here, up to a limit. A call whose
// body came before and went without an answer names that call (capture/retries.h).
//
// Where an answer must not end before its record is on disk (`before_answer`), the gateway waits
// for `finish_synced` with its last bytes. Where nothing may pass unrecorded (`refuse_when_full`),
// it asks `must_refuse` before each call.
//
// Thread-safe. Nothing unredacted leaves it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/reloadable.h"
#include "capture/content.h"
#include "capture/limits.h"
#include "capture/prices.h"
#include "capture/retries.h"
#include "net/async.h"
#include "net/turnstile.h"
#include "net/work_pool.h"
#include "privacy/redactor.h"
#include "store/in_flight.h"
#include "store/outbox.h"
#include "store/records.h"
#include "wire/answer.h"
#include "wire/call.h"
#include "wire/call_parts.h"

namespace hone::capture {

// A call as the gateway saw it, when it is over.
struct FinishedCall {
  store::Interaction facts;  // who, what, when; the recorder adds what is in the content
  wire::Format format = wire::Format::kOpenAIChat;
  bool may_capture = true;    // the person's consent
  bool policy_allows = true;  // the team's policy: content, and not only metadata
  bool stored = true;         // false: only its usage is charged, and nothing of it written
  LimitAccounts accounts;     // who is charged for it
  std::size_t request_bytes = 0;
  wire::CutBody request;         // the body, without its coding where we know it
  std::string request_encoding;  // the coding that could not be undone; "" where `request` is plain
  std::string answer;            // the bytes of the answer, as far as they were kept
  std::string answer_encoding;   // of these bytes; "" for none
  Learned learned;               // the recorder's own, as is what follows
  bool answered = false;         // its client needs not ask again
  std::optional<store::InFlight::Place> place;
  std::function<void(Result<std::int64_t>)> synced;  // who waits for the commit; none: nobody
};

struct RecorderOptions {
  int threads = 1;
  std::size_t queue_limit = 512;
  std::size_t queue_bytes = 64U << 20;
  std::size_t known_nodes = 100'000;
  bool before_answer = false;                         // an answer's last byte waits for the commit
  bool refuse_when_full = false;                      // no call without a record
  std::chrono::milliseconds commit_patience{10'000};  // of an answer's last byte
  const Reloadable<Prices>* prices = nullptr;         // none: nothing has a price
  Limits* limits = nullptr;                           // whom usage is charged to
};

struct RecorderCounters {
  std::atomic<std::uint64_t> recorded = 0;    // interactions in the outbox, with or without content
  std::atomic<std::uint64_t> unrecorded = 0;  // the outbox refused: fenced or full
  std::atomic<std::uint64_t> starts_missed = 0;  // no place among the calls under way
  std::atomic<std::uint64_t> refused = 0;        // calls turned away, for there was no room
  std::atomic<std::uint64_t> not_synced = 0;     // answers that waited for a commit in vain
  // Interactions without content, by reason.
  std::atomic<std::uint64_t> no_consent = 0;
  std::atomic<std::uint64_t> policy = 0;
  std::atomic<std::uint64_t> redaction_failed = 0;
  std::atomic<std::uint64_t> unreadable = 0;  // not what the format says, or damaged
  std::atomic<std::uint64_t> encoded = 0;     // in a coding that we do not know, or cannot undo
  std::atomic<std::uint64_t> too_large = 0;   // over the limit once decoded
  std::atomic<std::uint64_t> overflowed = 0;  // recorded without content, for the queue was full
};

class Recorder {
 public:
  Recorder(store::Outbox& outbox, store::InFlight& in_flight, const privacy::Redactor& redactor,
           std::string tenant_key, RecorderOptions options = {});
  ~Recorder();  // stop()
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Before the request goes out: should the process die, the next one tells that it was cut off.
  void begin(FinishedCall& call);
  // Returns at once. Where the queue is full, the call is recorded without its content.
  void finish(FinishedCall call);
  // For who has an answer that has ended, before finish(): returns when the queue has a place, two
  // seconds later at most. The tool has its answer, and only its next call waits.
  [[nodiscard]] net::awaitable<void> wait_for_place(std::size_t bytes);
  // Returns when the interaction is on disk. Fails where the outbox does not take it, or the disk
  // takes longer than `commit_patience`.
  [[nodiscard]] net::awaitable<Result<void>> finish_synced(FinishedCall call);
  // Where no call may pass unrecorded: whether one that begins now would. Counts it.
  [[nodiscard]] bool must_refuse();
  // Since this was last asked so many calls waited to be recorded that each thread had some.
  [[nodiscard]] bool was_busy();
  // For a call before it goes out. Returns at once or, while the queue is more than half full, when
  // others have been recorded, or two seconds are over: under more load than can be recorded tools
  // wait, and no content is left out.
  [[nodiscard]] net::awaitable<void> wait_for_room();

  // Records what is queued; nothing is taken afterwards. After the server has stopped.
  void stop();
  void wait_idle();  // for tests

  [[nodiscard]] const RecorderOptions& options() const { return options_; }
  [[nodiscard]] const RecorderCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t queued() const { return work_.queued(); }

 private:
  [[nodiscard]] bool crowded() const;
  [[nodiscard]] bool full(std::size_t bytes) const;
  void let_in();
  void fill(FinishedCall& call);
  void end(FinishedCall& call);
  void charge(FinishedCall& call, const wire::Answer& answer) const;
  [[nodiscard]] double cost_of(const store::Interaction& facts, const Usage& usage) const;
  void meter(FinishedCall& call) const;
  void leave_out(std::string_view why, store::Interaction& facts,
                 std::atomic<std::uint64_t>& counter);
  // Without reading what was said, where the queue had no room for it.
  void record(const std::shared_ptr<FinishedCall>& shared, bool with_content);
  void settle(const FinishedCall& call, const Result<std::int64_t>& position);

  store::Outbox& outbox_;
  store::InFlight& in_flight_;
  const RecorderOptions options_;
  RecorderCounters counters_;
  Content content_;
  Retries retries_;
  std::atomic<std::size_t> queued_bytes_ = 0;
  std::mutex mutex_;  // guards the number of appends that wait for their commit
  std::condition_variable committed_;
  std::size_t committing_ = 0;
  net::Turnstile to_finish_;
  net::Turnstile to_begin_;
  net::WorkPool journal_;  // appends that need no parsing
  net::WorkPool work_;
};

}  // namespace hone::capture
