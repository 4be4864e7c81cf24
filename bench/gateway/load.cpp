// The load generator of the gateway benchmark: one thread, many connections, OpenAI chat
// completions. Without --rate each connection sends its next request when the answer is whole; with
// --rate requests leave at a fixed rate whatever comes back, and times count from when they were
// due. Prints "begin" and "end" around the measured time, so that whoever runs it can read the
// gateway's CPU time there, and then one line of JSON.
//
// With --opening every agent's session sends a call of its own first, so many a second: sessions
// that go on are what a gateway sees, not all of them at once for the first time.
//
//   gateway_load --port P --work small|agent|mix [--stream] [--model M] [--connections N]
//                [--rate R] [--opening R] [--warmup S] [--seconds S] [--path P]
//                [--header 'name: value']… [--seed N] --text FILE…
#include <sys/uio.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>

#include "talk.h"
#include "wire.h"

namespace {

using namespace hone::bench;

struct Options {
  std::uint16_t port = 0;
  std::string work = "small";
  bool stream = false;
  std::string model = "bench";
  std::string path = "/v1/chat/completions";
  std::vector<std::string> headers;
  std::vector<std::string> texts;
  std::size_t connections = 64;
  double rate = 0;     // 0: as fast as the answers come
  double opening = 0;  // 0: sessions begin with the load
  double warmup = 1;
  double seconds = 5;
  std::uint64_t seed = 1;
};

struct Counts {
  std::uint64_t started = 0;
  std::uint64_t answered = 0;  // whole, with 200
  std::uint64_t failed = 0;
  std::uint64_t measured = 0;  // answered while measuring
  std::uint64_t body_bytes = 0;
  std::vector<std::uint32_t> first_byte_us;  // of those that were due while measuring
  std::vector<std::uint32_t> whole_us;
};

// One connection, and the conversation that goes over it.
struct Talker {
  std::size_t index = 0;
  int socket = -1;
  std::unique_ptr<SmallTalk> small;
  std::unique_ptr<AgentTalk> agent;
  bool busy = false;
  // The request on its way out.
  std::string head;
  std::string small_body;
  const std::string* body = nullptr;
  std::string_view end;
  std::size_t sent = 0;
  bool waits_to_write = false;
  // The answer on its way in.
  std::int64_t due = 0;
  std::string received;  // the head, and as much of the body as holds the id
  std::size_t head_size = 0;
  long length = -1;  // content-length; -1: chunked
  std::size_t body_size = 0;
  std::string last;  // its last bytes
  std::int64_t first_byte = 0;
};

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        text_(Text::from_files(options_.texts)) {}

  int run() {
    for (std::size_t i = 0; i < options_.connections; ++i) add_talker();
    if (options_.opening > 0) open_sessions();
    const std::int64_t start = now_us();
    measure_from_ = start + static_cast<std::int64_t>(options_.warmup * 1e6);
    measure_to_ = measure_from_ + static_cast<std::int64_t>(options_.seconds * 1e6);
    next_due_ = start;
    if (options_.rate == 0) {
      for (auto& talker : talkers_) send_request(*talker, start);
    }
    bool begun = false;
    std::int64_t ended = 0;
    while (true) {
      const std::int64_t now = now_us();
      if (!begun && now >= measure_from_) begun = say("begin");
      if (ended == 0 && now >= measure_to_) {
        say("end");
        ended = now;
      }
      if (ended != 0 && (open_ == 0 || now > ended + 15'000'000)) break;
      if (options_.rate > 0 && ended == 0) send_due(now);
      wait();
    }
    report(static_cast<double>(measure_to_ - measure_from_) / 1e6);
    return 0;
  }

 private:
  static bool say(const char* word) {
    std::printf("%s\n", word);
    std::fflush(stdout);
    return true;
  }

  void add_talker() {
    auto talker = std::make_unique<Talker>();
    talker->index = talkers_.size();
    const std::uint64_t seed = options_.seed * 100'000 + talker->index;
    const bool agent =
        options_.work == "agent" || (options_.work == "mix" && talker->index % 2 == 0);
    if (agent) {
      // At different places in their sessions, as people are.
      talker->agent = std::make_unique<AgentTalk>(text_, options_.model, options_.stream, seed,
                                                  static_cast<int>(talker->index * 37));
    } else {
      talker->small = std::make_unique<SmallTalk>(text_, options_.model, options_.stream, seed);
    }
    (agent ? idle_agents_ : idle_small_).push_back(talker->index);
    talkers_.push_back(std::move(talker));
  }

  void open_sessions() {
    measure_from_ = measure_to_ = std::numeric_limits<std::int64_t>::max();
    next_due_ = now_us();
    for (std::size_t left = idle_agents_.size(); left > 0 || open_ > 0; wait()) {
      if (left == 0 || now_us() < next_due_) continue;
      Talker& talker = *talkers_[idle_agents_.front()];
      idle_agents_.pop_front();
      send_request(talker, next_due_);
      next_due_ =
          --left > 0 ? next_due_ + static_cast<std::int64_t>(1e6 / options_.opening) : measure_to_;
    }
  }

  void connect(Talker& talker) const {
    talker.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(options_.port);
    if (::connect(talker.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
      die("connect");
    }
    ::fcntl(talker.socket, F_SETFL, O_NONBLOCK);
    send_at_once(talker.socket);
    watch(epoll_, talker.socket, EPOLLIN, talker.index, true);
    talker.waits_to_write = false;
  }

  // Sends what is due. Whoever finds no free connection waits for one, and the clock runs.
  void send_due(std::int64_t now) {
    const auto gap = 1e6 / options_.rate;
    while (next_due_ <= now) {
      waiting_.push_back(next_due_);
      due_count_ += 1;
      next_due_ = measure_from_ - static_cast<std::int64_t>(options_.warmup * 1e6) +
                  static_cast<std::int64_t>(due_count_ * gap);
    }
    while (!waiting_.empty()) {
      auto* idle = pick();
      if (idle == nullptr) return;
      Talker& talker = *talkers_[idle->front()];
      idle->pop_front();
      const auto due = waiting_.front();
      waiting_.pop_front();
      send_request(talker, due);
    }
  }

  std::deque<std::size_t>* pick() {
    if (options_.work == "small") return idle_small_.empty() ? nullptr : &idle_small_;
    if (options_.work == "agent") return idle_agents_.empty() ? nullptr : &idle_agents_;
    auto* turn = agents_turn_ ? &idle_agents_ : &idle_small_;
    if (turn->empty()) return nullptr;
    agents_turn_ = !agents_turn_;
    return turn;
  }

  void send_request(Talker& talker, std::int64_t due) {
    if (talker.agent) {
      talker.body = &talker.agent->next();
      talker.end = AgentTalk::end();
    } else {
      talker.small->write_next(talker.small_body);
      talker.body = &talker.small_body;
      talker.end = {};
    }
    const std::size_t size = talker.body->size() + talker.end.size();
    talker.head = "POST " + options_.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
                  "Content-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench/1.0\r\n";
    for (const auto& header : options_.headers) talker.head += header + "\r\n";
    talker.head += "Content-Length: " + std::to_string(size) + "\r\n\r\n";
    talker.sent = 0;
    talker.due = due;
    talker.received.clear();
    talker.head_size = 0;
    talker.length = -1;
    talker.body_size = 0;
    talker.last.clear();
    talker.first_byte = 0;
    talker.busy = true;
    ++open_;
    ++counts_.started;
    counts_.body_bytes += size;
    if (talker.socket < 0) connect(talker);  // none that waits for its first request
    write_more(talker);
  }

  void write_more(Talker& talker) {
    const std::string_view parts[3] = {talker.head, *talker.body, talker.end};
    while (true) {
      iovec pieces[3];
      int used = 0;
      std::size_t skip = talker.sent;
      for (const auto part : parts) {
        const std::size_t step = std::min(skip, part.size());
        skip -= step;
        if (step == part.size()) continue;
        pieces[used++] = {const_cast<char*>(part.data() + step), part.size() - step};
      }
      if (used == 0) break;
      const ssize_t done = ::writev(talker.socket, pieces, used);
      if (done < 0 && errno == EAGAIN) {
        if (!talker.waits_to_write)
          watch(epoll_, talker.socket, EPOLLIN | EPOLLOUT, talker.index, false);
        talker.waits_to_write = true;
        return;
      }
      if (done <= 0) return;  // reading tells why
      talker.sent += static_cast<std::size_t>(done);
    }
    if (talker.waits_to_write) watch(epoll_, talker.socket, EPOLLIN, talker.index, false);
    talker.waits_to_write = false;
  }

  void wait() {
    epoll_event events[128];
    std::int64_t until = now_us() + 20'000;
    if (options_.rate > 0 && next_due_ < measure_to_) until = std::min(until, next_due_);
    const std::int64_t left = std::max<std::int64_t>(0, until - now_us());
    const timespec patience{.tv_sec = 0, .tv_nsec = left * 1000};
    const int count = ::epoll_pwait2(epoll_, events, 128, &patience, nullptr);
    for (int i = 0; i < count; ++i) {
      Talker& talker = *talkers_[events[i].data.u64];
      if ((events[i].events & EPOLLOUT) != 0) write_more(talker);
      if ((events[i].events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read_more(talker);
    }
  }

  void read_more(Talker& talker) {
    static std::vector<char> buffer(64U << 10);
    const ssize_t got = ::recv(talker.socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end_of_connection(talker);
    if (!talker.busy) return;
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (talker.head_size == 0) {
      talker.received += bytes;
      const auto end = talker.received.find("\r\n\r\n");
      if (end == std::string::npos) return;
      talker.head_size = end + 4;
      talker.length = header_number(talker.received.substr(0, end + 2), "\r\ncontent-length:");
      bytes = bytes.substr(bytes.size() - (talker.received.size() - talker.head_size));
    } else if (talker.received.size() < talker.head_size + 512) {
      talker.received += bytes.substr(0, 512);
    }
    if (bytes.empty() && talker.length != 0) return;
    if (talker.first_byte == 0) talker.first_byte = now_us();
    talker.body_size += bytes.size();
    talker.last += bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 64));
    if (talker.last.size() > 64) talker.last.erase(0, talker.last.size() - 64);
    const bool whole = talker.length >= 0
                           ? talker.body_size >= static_cast<std::size_t>(talker.length)
                           : talker.last.ends_with("0\r\n\r\n");
    if (whole) take_answer(talker);
  }

  void take_answer(Talker& talker) {
    const std::int64_t now = now_us();
    const bool good = talker.received.compare(8, 5, " 200 ") == 0 &&
                      (!options_.stream || talker.last.find("[DONE]") != std::string::npos);
    if (good) {
      ++counts_.answered;
      if (now >= measure_from_ && now < measure_to_) ++counts_.measured;
      if (talker.due >= measure_from_ && talker.due < measure_to_) {
        counts_.first_byte_us.push_back(static_cast<std::uint32_t>(talker.first_byte - talker.due));
        counts_.whole_us.push_back(static_cast<std::uint32_t>(now - talker.due));
      }
      if (talker.agent) talker.agent->answered(answer_number(talker));
    } else {
      fault(talker);
    }
    finish(talker, now);
  }

  long answer_number(const Talker& talker) {
    constexpr std::string_view kName = "chatcmpl-";
    const auto at = talker.received.find(kName, talker.head_size);
    // A gateway that gives ids of its own: any number will do.
    if (at == std::string::npos) return static_cast<long>(counts_.answered);
    return std::strtol(talker.received.c_str() + at + kName.size(), nullptr, 10);
  }

  void fault(const Talker& talker) {
    if (counts_.failed++ > 0) return;
    std::fprintf(stderr,
                 "first failed answer: on connection %zu, %.1f s after it was due, %zu bytes sent, "
                 "%zu received: %s%s\n",
                 talker.index, static_cast<double>(now_us() - talker.due) / 1e6, talker.sent,
                 talker.head_size + talker.body_size, talker.received.substr(0, 600).c_str(),
                 talker.last.c_str());
  }

  void end_of_connection(Talker& talker) {
    ::close(talker.socket);
    if (talker.busy) fault(talker);
    connect(talker);
    if (talker.busy) finish(talker, now_us());
  }

  void finish(Talker& talker, std::int64_t now) {
    talker.busy = false;
    --open_;
    if (options_.rate > 0) {
      (talker.agent ? idle_agents_ : idle_small_).push_back(talker.index);
    } else if (now < measure_to_) {
      send_request(talker, now);
    }
  }

  static double percentile(std::vector<std::uint32_t>& times, double share) {
    if (times.empty()) return 0;
    const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), times.begin() + at, times.end());
    return times[static_cast<std::size_t>(at)] / 1000.0;
  }

  void report(double seconds) {
    std::printf(R"({"rate":%.1f,"started":%llu,"answered":%llu,"failed":%llu,"unanswered":%llu,)"
                R"("waiting":%llu,"mean_body_bytes":%.0f,"first_byte_ms":{"p50":%.3f,"p99":%.3f},)"
                R"("whole_ms":{"p50":%.3f,"p99":%.3f}})"
                "\n",
                static_cast<double>(counts_.measured) / seconds,
                static_cast<unsigned long long>(counts_.started),
                static_cast<unsigned long long>(counts_.answered),
                static_cast<unsigned long long>(counts_.failed),
                static_cast<unsigned long long>(open_),
                static_cast<unsigned long long>(waiting_.size()),
                static_cast<double>(counts_.body_bytes) /
                    static_cast<double>(std::max<std::uint64_t>(1, counts_.started)),
                percentile(counts_.first_byte_us, 0.5), percentile(counts_.first_byte_us, 0.99),
                percentile(counts_.whole_us, 0.5), percentile(counts_.whole_us, 0.99));
  }

  const Options options_;
  const int epoll_;
  const Text text_;
  std::vector<std::unique_ptr<Talker>> talkers_;
  std::deque<std::size_t> idle_small_;
  std::deque<std::size_t> idle_agents_;
  std::deque<std::int64_t> waiting_;  // requests that were due and have no connection yet
  bool agents_turn_ = false;
  Counts counts_;
  std::size_t open_ = 0;
  double due_count_ = 0;
  std::int64_t next_due_ = 0;
  std::int64_t measure_from_ = 0;
  std::int64_t measure_to_ = 0;
};

[[noreturn]] void usage(const std::string& wrong) {
  std::fprintf(stderr, "gateway_load: %s; see the beginning of load.cpp\n", wrong.c_str());
  std::exit(2);
}

Options read_options(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--stream") {
      options.stream = true;
      continue;
    }
    if (i + 1 == count) usage(name + " needs a value");
    const std::string value = arguments[++i];
    if (name == "--port")
      options.port = static_cast<std::uint16_t>(std::stoi(value));
    else if (name == "--work")
      options.work = value;
    else if (name == "--model")
      options.model = value;
    else if (name == "--path")
      options.path = value;
    else if (name == "--header")
      options.headers.push_back(value);
    else if (name == "--text")
      options.texts.push_back(value);
    else if (name == "--connections")
      options.connections = std::stoul(value);
    else if (name == "--rate")
      options.rate = std::stod(value);
    else if (name == "--opening")
      options.opening = std::stod(value);
    else if (name == "--warmup")
      options.warmup = std::stod(value);
    else if (name == "--seconds")
      options.seconds = std::stod(value);
    else if (name == "--seed")
      options.seed = std::stoull(value);
    else
      usage("unknown option " + name);
  }
  if (options.port == 0) usage("--port is needed");
  if (options.texts.empty()) usage("--text is needed");
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  return Load(read_options(count, arguments)).run();
}
