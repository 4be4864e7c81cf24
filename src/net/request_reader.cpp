#include "net/request_reader.h"

namespace hone::net {
namespace {

// While a connection rests this is what it holds, so a head's reads are small; a body of known
// length goes to its own place.
constexpr std::size_t kHeadReadBytes = 8U << 10;
constexpr std::size_t kReadBytes = 64U << 10;
// Of a body whose length is known: room for no more than this is made before its bytes come.
constexpr std::size_t kSizedReadBytes = 1U << 20;
constexpr std::size_t kDrainBytes = 1U << 20;
constexpr auto kDrainTime = std::chrono::milliseconds(1'000);
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

using boost::beast::http::error;

}  // namespace

std::string_view RequestReader::buffered() const {
  const auto data = buffer_.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

std::unexpected<Refusal> RequestReader::refuse(int status, std::string message) {
  ++counters_.bad_requests;
  return std::unexpected(Refusal{status, std::move(message)});
}

// The connection broke, or its time was up.
std::unexpected<Refusal> RequestReader::cut_off(int status_if_slow) {
  if (!watchdog_.expired()) return std::unexpected(Refusal{});
  ++counters_.slow_clients;
  return std::unexpected(Refusal{status_if_slow, "too slow"});
}

awaitable<bool> RequestReader::read_more(Deadline deadline, std::size_t at_most) {
  watchdog_.arm_until(deadline);
  const auto [failed, bytes] = co_await socket_.read_some(buffer_.prepare(at_most));
  watchdog_.disarm();
  if (failed) co_return false;
  buffer_.commit(bytes);
  co_return true;
}

// Returns the length of the head in the buffer, with its empty line.
awaitable<std::expected<std::size_t, Refusal>> RequestReader::read_head() {
  const auto now = std::chrono::steady_clock::now();
  Deadline deadline = now + options_.header_timeout;
  if (buffer_.size() == 0) {
    if (buffer_.capacity() > 2 * kHeadReadBytes) buffer_.shrink_to_fit();
    idle_ = true;
    const auto patience =
        std::exchange(first_, false) ? options_.header_timeout : options_.idle_timeout;
    const bool more = co_await read_more(now + patience, kHeadReadBytes);
    idle_ = false;
    if (!more) co_return std::unexpected(Refusal{});
    deadline = std::chrono::steady_clock::now() + options_.header_timeout;
  }
  std::size_t searched = 0;
  while (true) {
    const auto end = buffered().find("\r\n\r\n", searched < 3 ? 0 : searched - 3);
    if (end != std::string_view::npos && end + 4 <= options_.max_header_bytes) co_return end + 4;
    searched = buffer_.size();
    if (searched >= options_.max_header_bytes) co_return refuse(431, "the head is too long");
    if (!co_await read_more(deadline, kHeadReadBytes)) co_return cut_off(0);
  }
}

awaitable<std::expected<void, Refusal>> RequestReader::allow_body(const Parser& parser) {
  const auto length = parser.content_length();
  if (length && *length > options_.max_body_bytes) {
    co_return refuse(
        413, "the body is longer than " + std::to_string(options_.max_body_bytes) + " bytes");
  }
  if (parser.is_done() || buffer_.size() > 0) co_return std::expected<void, Refusal>();
  if (!same_name(parser.headers.get("expect"), "100-continue")) {
    co_return std::expected<void, Refusal>();
  }
  watchdog_.arm(options_.write_stall);
  const ServerSocket::Parts parts = {asio::buffer(kContinue.data(), kContinue.size())};
  const auto [failed, bytes] = co_await socket_.write_some(parts);
  watchdog_.disarm();
  if (failed || bytes != kContinue.size()) co_return cut_off(0);
  co_return std::expected<void, Refusal>();
}

// A client may take its time as long as bytes come.
RequestReader::Deadline RequestReader::earned(Deadline start, std::uint64_t received) const {
  return start + std::chrono::milliseconds(received * 1000 / options_.body_bytes_per_second);
}

// Nearly every body: its length is known, and its bytes go straight to their place.
awaitable<std::expected<void, Refusal>> RequestReader::read_sized_body(std::string& body,
                                                                       std::size_t length) {
  const auto start = std::chrono::steady_clock::now() + options_.body_grace;
  body = buffered().substr(0, length);
  buffer_.consume(body.size());
  while (body.size() < length) {
    const std::size_t have = body.size();
    const std::size_t room = std::min(length - have, kSizedReadBytes);
    body.resize_and_overwrite(have + room, [](char*, std::size_t size) { return size; });
    watchdog_.arm_until(earned(start, have));
    const auto [failed, bytes] = co_await socket_.read_some(asio::buffer(body.data() + have, room));
    watchdog_.disarm();
    body.resize(have + bytes);
    if (failed) co_return cut_off(0);
  }
  co_return std::expected<void, Refusal>();
}

awaitable<std::expected<void, Refusal>> RequestReader::read_body(Parser& parser) {
  if (parser.is_done()) co_return std::expected<void, Refusal>();
  if (const auto length = parser.content_length()) {
    co_return co_await read_sized_body(parser.body, static_cast<std::size_t>(*length));
  }
  const auto start = std::chrono::steady_clock::now() + options_.body_grace;
  std::uint64_t received = 0;
  parser.eager(true);
  while (!parser.is_done()) {
    boost::beast::error_code failed = error::need_more;
    if (buffer_.size() > 0) {
      const std::size_t used = parser.put(buffer_.data(), failed);
      buffer_.consume(used);
      received += used;
    }
    if (failed == error::body_limit) co_return refuse(413, "the body is too long");
    if (failed && failed != error::need_more) co_return refuse(400, failed.message());
    if (parser.is_done()) break;
    // What the parser cannot use yet is a chunk's head or a trailer; neither may grow without end.
    if (buffer_.size() > options_.max_header_bytes) co_return refuse(400, "a chunk is malformed");
    if (!co_await read_more(earned(start, received), kReadBytes)) co_return cut_off(0);
  }
  co_return std::expected<void, Refusal>();
}

awaitable<std::expected<Incoming, Refusal>> RequestReader::next() {
  const auto head = co_await read_head();
  if (!head) co_return std::unexpected(head.error());
  const HeadLimits limits{options_.max_header_bytes, options_.max_header_fields};
  if (const auto checked = check_request_head(buffered().substr(0, *head), limits); !checked) {
    const bool large = checked.error().code == ErrorCode::kTooLarge;
    co_return refuse(large ? 431 : 400, checked.error().message);
  }
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
  parser.body_limit(options_.max_body_bytes);
  boost::beast::error_code failed;
  buffer_.consume(parser.put(asio::buffer(buffer_.data(), *head), failed));
  if (failed || !parser.is_header_done()) {
    co_return failed == error::body_limit ? refuse(413, "the body is too long")
                                          : refuse(400, failed.message());
  }
  if (auto allowed = co_await allow_body(parser); !allowed) {
    co_return std::unexpected(allowed.error());
  }
  if (auto body = co_await read_body(parser); !body) co_return std::unexpected(body.error());
  Incoming incoming;
  incoming.keep_alive = parser.keep_alive();
  incoming.http_1_0 = parser.version < 11;
  incoming.request.method = std::move(parser.method);
  incoming.request.target = std::move(parser.target);
  incoming.request.headers = std::move(parser.headers);
  incoming.request.body = std::move(parser.body);
  co_return incoming;
}

awaitable<void> RequestReader::drain() {
  const auto deadline = std::chrono::steady_clock::now() + kDrainTime;
  std::size_t drained = 0;
  while (drained < kDrainBytes) {
    buffer_.clear();
    if (!co_await read_more(deadline, kReadBytes)) co_return;
    drained += buffer_.size();
  }
}

}  // namespace hone::net
