// What a week of agent sessions costs in the store, and what a long context costs over a short one.
//
//   tree_bench [SESSIONS] FILE…        FILEs are what tools put out: real sources
//
// Sizes: the sessions of src/simulate/sessions.h go the whole way (parsed, redacted, outbox,
// index, once with blocks compressed and once without); raw is what went over the wire; ids of ours
// are as long as in life. Time: the processor time of the recorder's thread and of finding the
// model for one call with one new message, at 4 KB and at 150 KB of context.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "capture/content.h"
#include "capture/gateway_model_field.h"
#include "privacy/redactor.h"
#include "simulate/sessions.h"
#include "store/indexer.h"
#include "store/outbox.h"
#include "support.h"
#include "wire/answer.h"

namespace {

using namespace hone;
using bench::cpu_seconds;
using bench::must;

// A database made from the outbox, and what that cost.
struct Indexed {
  std::uint64_t bytes = 0;  // of a file without holes
  double cpu = 0;           // seconds
};

// Records calls as the recorder does, on this thread.
class Capture {
 public:
  explicit Capture(const std::string& folder)
      : folder_(folder),
        redactor_(must(privacy::Redactor::create("tenant key"))),
        content_(*redactor_, "tenant key", 100'000),
        outbox_(must(store::Outbox::open(posix_files(), folder + "/outbox", clock_))) {}

  void record(const std::string& id, const std::string& body, const std::string& answer,
              bool streamed, int status, const std::string& session) {
    store::Interaction facts;
    facts.id = id;
    facts.person = person_;
    facts.tool = "claude-code";
    facts.wire = "anthropic-messages";
    facts.alias = "assistant";
    facts.model = "assistant-1";
    facts.status = status;
    facts.started_at = clock_.now();
    facts.handles = {{"id", id}, {"session", session}};
    const double before = cpu_seconds();
    const wire::CutBody cut(wire::Format::kAnthropicMessages, body);
    if (!capture::find_model(cut)) std::exit(1);
    wire::AnswerReader reader(wire::Format::kAnthropicMessages, streamed);
    reader.feed(answer);
    const auto read = reader.finish();
    facts.stop_reason = read.stop_reason;
    if (!read.response_id.empty()) facts.handles.push_back({"response", read.response_id});
    for (const auto& call : read.tool_call_ids) facts.handles.push_back({"tool_call", call});
    const auto learned =
        content_.fill_from_body(wire::Format::kAnthropicMessages, cut, read.message, facts);
    if (facts.content != "stored") std::exit(1);
    must(outbox_->append({.kind = store::RecordKind::kInteraction,
                          .id = facts.id,
                          .persons = {facts.person},
                          .payload = store::to_payload(facts)}));
    content_.appended(facts, learned);
    cpu_ += cpu_seconds() - before;
    for (const auto& block : facts.blocks) new_bytes_ += block.content.size();
  }

  // Waits until all that was recorded is on disk, where the index may see it.
  void sync() {
    must(outbox_->append_and_wait(
        {.kind = store::RecordKind::kConsent,
         .id = "con_bench",
         .payload = store::to_payload(store::Consent{.id = "con_bench"})}));
  }

  Indexed index(bool compress) {
    const std::string file = folder_ + (compress ? "/compressed.db" : "/plain.db");
    auto db = must(store::Database::open("sqlite:" + file));
    must(db->migrate());
    const double before = cpu_seconds();
    must(store::Indexer(*outbox_, *db, clock_, {.compress = compress}).run_until_idle());
    const double cpu = cpu_seconds() - before;
    must(db->execute("VACUUM"));
    db.reset();  // the last connection carries the journal into the file
    return {.bytes = std::filesystem::file_size(file), .cpu = cpu};
  }

  [[nodiscard]] double cpu() const { return cpu_; }
  [[nodiscard]] std::size_t new_bytes() const { return new_bytes_; }
  [[nodiscard]] std::uint64_t outbox_bytes() const { return outbox_->status().total_bytes; }
  [[nodiscard]] std::string new_id() { return ids_.next("int"); }

 private:
  std::string folder_;
  SystemClock clock_;
  IdSource ids_{clock_, Random(1)};
  const std::string person_ = ids_.next("per");
  std::unique_ptr<privacy::Redactor> redactor_;
  capture::Content content_;
  std::unique_ptr<store::Outbox> outbox_;
  double cpu_ = 0;
  std::size_t new_bytes_ = 0;
};

void print_stored(const char* what, std::uint64_t raw, std::uint64_t bytes, const char* note) {
  std::printf("%-37s%8.2f MB, 1/%.1f%s\n", what, static_cast<double>(bytes) / 1e6,
              static_cast<double>(raw) / static_cast<double>(bytes), note);
}

void sizes(const std::string& folder, const simulate::SessionTexts& texts, int sessions) {
  Capture capture(folder);
  std::uint64_t raw = 0;
  std::int64_t calls = 0;
  for (int i = 0; i < sessions; ++i) {
    simulate::AgentSession session(texts, static_cast<std::uint64_t>(i) + 1);
    simulate::AgentCall call;
    while (session.next(call)) {
      raw += call.body.size() + call.answer.size();
      ++calls;
      capture.record(capture.new_id(), call.body, call.answer, call.status == 200, call.status,
                     call.session);
    }
  }
  capture.sync();
  const Indexed compressed = capture.index(true);
  const Indexed plain = capture.index(false);
  std::printf("%d sessions, %lld calls, %.1f MB over the wire (%.0f KB a call)\n", sessions,
              static_cast<long long>(calls), static_cast<double>(raw) / 1e6,
              static_cast<double>(raw) / 1e3 / static_cast<double>(calls));
  constexpr const char* kLimit = "   (limit 1/30)";
  print_stored("messages, each once, not compressed:", raw, capture.new_bytes(), "");
  print_stored("outbox, not compressed:", raw, capture.outbox_bytes(), "");
  print_stored("database and indexes, compressed:", raw, compressed.bytes, kLimit);
  print_stored("database and indexes, plain:", raw, plain.bytes, kLimit);
  const auto each = [calls](double seconds) { return 1e6 * seconds / static_cast<double>(calls); };
  std::printf("recording: %.0f microseconds of processor time a call\n", each(capture.cpu()));
  std::printf("indexing: %.0f microseconds a call, %.0f without compression\n\n",
              each(compressed.cpu), each(plain.cpu));
}

// Calls that add one message of the same size to a conversation of `context` bytes.
double cost_at(const std::string& folder, const simulate::SessionTexts& texts,
               std::size_t context) {
  constexpr int kCalls = 400;
  Capture capture(folder);
  Random random(3);
  json::array history;
  std::size_t size = 0;
  int made = 0;
  const auto say = [&](std::string_view role, std::string text) {
    size += text.size();
    history.push_back({{"role", role}, {"content", std::move(text)}});
  };
  while (size < context) {
    say("user", std::to_string(size) + texts.cut(random, 1'000));
    say("assistant", "Answer " + std::to_string(size));
  }
  const std::string answer =
      R"({"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"Done."}],)"
      R"("stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}})";
  const auto call = [&] {
    json::array messages = history;
    const std::string number = std::to_string(++made);
    messages.push_back({{"role", "user"}, {"content", number + ": " + texts.cut(random, 1'000)}});
    const json::object body{
        {"model", "assistant"}, {"max_tokens", 100}, {"messages", std::move(messages)}};
    capture.record("int_" + number, json::serialize(body), answer, false, 200, "session");
  };
  for (int i = 0; i < kCalls / 4; ++i) call();
  const double before = capture.cpu();
  for (int i = 0; i < kCalls; ++i) call();
  return 1e6 * (capture.cpu() - before) / kCalls;
}

}  // namespace

int main(int argc, char** argv) {
  const bool counted = argc > 1 && std::atoi(argv[1]) > 0;
  const int sessions = counted ? std::atoi(argv[1]) : 40;
  const simulate::SessionTexts texts(
      std::vector<std::string>(argv + (counted ? 2 : 1), argv + argc));
  if (texts.empty()) {
    std::fprintf(stderr, "usage: tree_bench [SESSIONS] FILE…\n");
    return 2;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "tree-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  sizes(folder + "/sizes", texts, sessions);
  const double small = cost_at(folder + "/small", texts, 4'000);
  const double large = cost_at(folder + "/large", texts, 150'000);
  std::printf(
      "one new message: %.0f microseconds at 4 KB, %.0f at 150 KB, %.1f times   (limit 3)\n", small,
      large, large / small);
  std::filesystem::remove_all(folder);
  return 0;
}
