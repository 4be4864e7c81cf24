// The upstream of the gateway benchmark: answers OpenAI chat completions on one port, with one
// thread. Whole answers come at once; streams have 50 chunks, each a write of its own, so that a
// gateway has 50 to pass on. The model's name says how fast: "bench" streams as fast as it can,
// chunk by chunk over all open streams in turn; "bench-slow" takes two seconds, as a model does.
// Every answer has another id and another text.
//
//   gateway_stub PORT
#include <csignal>
#include <deque>
#include <memory>
#include <vector>

#include "wire.h"

namespace {

using namespace hone::bench;

constexpr int kChunks = 50;
constexpr std::int64_t kSlowGapUs = 2'000'000 / kChunks;
constexpr std::size_t kKeep = 4096;  // of a body's beginning: the fields that matter come first

struct Peer {
  int socket = -1;
  std::string head;  // until it is whole
  std::string body;  // its first kKeep bytes
  std::string tail;  // and its last ones, for who puts "stream" at the end
  std::size_t body_left = 0;
  bool in_body = false;
  // The stream being sent.
  long answer = 0;
  int next_chunk = -1;
  bool slow = false;
};

struct Due {
  std::int64_t at;
  std::uint64_t peer;
};

class Stub {
 public:
  explicit Stub(std::uint16_t port)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), door_(listen_on(port)) {
    watch(epoll_, door_, EPOLLIN, 0, true);
  }

  [[noreturn]] void run() {
    std::vector<epoll_event> events(256);
    while (true) {
      const int count = ::epoll_wait(epoll_, events.data(), 256, patience_ms());
      for (int i = 0; i < count; ++i) {
        if (events[i].data.u64 == 0) {
          admit();
        } else {
          read_from(events[i].data.u64);
        }
      }
      send_slow();
      send_fast();
    }
  }

 private:
  int patience_ms() const {
    if (!fast_.empty()) return 0;
    if (slow_.empty()) return -1;
    const auto left = slow_.front().at - now_us();
    return left <= 0 ? 0 : static_cast<int>((left + 999) / 1000);
  }

  void admit() {
    while (true) {
      const int socket = ::accept4(door_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      send_at_once(socket);
      peers_.push_back(std::make_unique<Peer>(Peer{.socket = socket}));
      watch(epoll_, socket, EPOLLIN, peers_.size() - 1, true);
    }
  }

  void drop(std::uint64_t id) {
    if (!peers_[id]) return;
    ::close(peers_[id]->socket);
    peers_[id].reset();
  }

  void read_from(std::uint64_t id) {
    if (!peers_[id]) return;
    Peer& peer = *peers_[id];
    static std::vector<char> buffer(256U << 10);
    const ssize_t got = ::recv(peer.socket, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) drop(id);
      return;
    }
    if (!take(peer, {buffer.data(), static_cast<std::size_t>(got)})) return drop(id);
    if (peer.in_body && peer.body_left == 0) {
      peer.in_body = false;
      answer(id, peer);
    }
  }

  // False where this is no request that the stub knows.
  static bool take(Peer& peer, std::string_view bytes) {
    if (!peer.in_body) {
      peer.head += bytes;
      const auto end = peer.head.find("\r\n\r\n");
      if (end == std::string::npos) return peer.head.size() < 65536;
      const long length = header_number(peer.head.substr(0, end + 2), "\r\ncontent-length:");
      if (length < 0) return false;
      const std::string rest = peer.head.substr(end + 4);
      peer.in_body = true;
      peer.body_left = static_cast<std::size_t>(length);
      peer.body.clear();
      peer.tail.clear();
      peer.head.clear();
      return rest.empty() || take(peer, rest);
    }
    if (bytes.size() > peer.body_left) return false;
    peer.body_left -= bytes.size();
    if (peer.body.size() < kKeep) peer.body += bytes.substr(0, kKeep - peer.body.size());
    if (peer.body_left == 0)
      peer.tail = bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 256));
    return true;
  }

  static bool has(const Peer& peer, std::string_view text) {
    return peer.body.find(text) != std::string::npos || peer.tail.find(text) != std::string::npos;
  }

  void answer(std::uint64_t id, Peer& peer) {
    peer.answer = ++answers_;
    if (!has(peer, "\"stream\":true") && !has(peer, "\"stream\": true"))
      return answer_whole(id, peer);
    peer.slow = has(peer, "bench-slow");
    peer.next_chunk = 0;
    const bool sent = write(peer,
                            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                            "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n");
    if (!sent) return drop(id);
    if (peer.slow) {
      slow_.push_back({now_us() + kSlowGapUs, id});
    } else {
      fast_.push_back(id);
    }
  }

  void answer_whole(std::uint64_t id, Peer& peer) {
    char body[1024];
    const int size = std::snprintf(
        body, sizeof body,
        R"({"id":"chatcmpl-%ld","object":"chat.completion","created":1700000000,"model":"bench",)"
        R"("choices":[{"index":0,"message":{"role":"assistant","content":"Answer %ld: the file is read, )"
        R"(the two calls that matter are in the loop at its end, and the test that covers them passes. )"
        R"(I would move the check before the loop, so that an empty list costs nothing, and leave the )"
        R"(rest as it is."},"logprobs":null,"finish_reason":"stop"}],)"
        R"("usage":{"prompt_tokens":1000,"completion_tokens":52,"total_tokens":1052}})",
        peer.answer, peer.answer);
    char head[200];
    const int head_size = std::snprintf(head, sizeof head,
                                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                        "content-length: %d\r\n\r\n",
                                        size);
    std::string whole(head, static_cast<std::size_t>(head_size));
    whole.append(body, static_cast<std::size_t>(size));
    if (!write(peer, whole)) drop(id);
  }

  // Answers are small and the sockets' buffers are not: what does not fit at once is a fault.
  static bool write(Peer& peer, std::string_view bytes) {
    return ::send(peer.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  // True while the stream goes on.
  bool send_chunk(std::uint64_t id) {
    if (!peers_[id]) return false;
    Peer& peer = *peers_[id];
    const int number = peer.next_chunk++;
    const bool last = number == kChunks - 1;
    static std::string data;
    data = R"(data: {"id":"chatcmpl-)";
    data += std::to_string(peer.answer);
    data += R"(","object":"chat.completion.chunk","created":1700000000,)"
            R"("model":"bench","choices":[{"index":0,"delta":)";
    if (number == 0) {
      data += R"({"role":"assistant","content":"Answer )" + std::to_string(peer.answer);
      data += ":\"},\"finish_reason\":null}]}\n\n";
    } else if (!last) {
      data += R"({"content":" word )" + std::to_string(number);
      data += "\"},\"finish_reason\":null}]}\n\n";
    } else {
      data +=
          "{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1000,"
          "\"completion_tokens\":50,\"total_tokens\":1050}}\n\ndata: [DONE]\n\n";
    }
    static std::string chunk;
    char size[16];
    chunk.assign(size, std::to_chars(size, size + sizeof size, data.size(), 16).ptr);
    chunk += "\r\n";
    chunk += data;
    chunk += last ? "\r\n0\r\n\r\n" : "\r\n";
    if (!write(peer, chunk)) {
      drop(id);
      return false;
    }
    return !last;
  }

  void send_fast() {
    const std::size_t count = fast_.size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto id = fast_.front();
      fast_.pop_front();
      if (send_chunk(id)) fast_.push_back(id);
    }
  }

  void send_slow() {
    const std::int64_t now = slow_.empty() ? 0 : now_us();
    // Every gap is the same, so the queue is in order.
    while (!slow_.empty() && slow_.front().at <= now) {
      const Due due = slow_.front();
      slow_.pop_front();
      if (send_chunk(due.peer)) slow_.push_back({due.at + kSlowGapUs, due.peer});
    }
  }

  int epoll_;
  int door_;
  long answers_ = 0;
  // By the number that epoll and the queues know them by; 0 is the door. Gone ones stay empty.
  std::vector<std::unique_ptr<Peer>> peers_{1};
  std::deque<std::uint64_t> fast_;
  std::deque<Due> slow_;
};

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  if (count != 2) {
    std::fprintf(stderr, "usage: gateway_stub PORT\n");
    return 2;
  }
  Stub(static_cast<std::uint16_t>(std::atoi(arguments[1]))).run();
}
