// Inside net: one request and its answer on one connection.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>

#include "net/client_pool.h"
#include "net/message_parser.h"

namespace hone::net {

struct ClientExchange::State {
  using Parser = MessageParser<false>;

  State(std::shared_ptr<Client::Pool> shared_pool, const Executor& executor,
        const ClientRequest& request);
  ~State() { close(); }

  // Makes a new connection within the request's connect_timeout.
  awaitable<Result<void>> connect(const Url& url);
  // Sends the request and reads the head of the answer. A kUnavailable error says that no byte
  // came.
  awaitable<Result<void>> ask(const std::string& head, const ClientRequest& request);
  std::string take_ready();
  awaitable<Result<std::string>> read_chunk();
  void close();

  std::unique_ptr<Stream> stream;
  std::unique_ptr<Parser> parser;
  bool done = false;

 private:
  using Endpoints = std::vector<asio::ip::tcp::endpoint>;

  awaitable<Result<Endpoints>> resolve(const Url& url);
  awaitable<Result<void>> read_head(bool is_head);
  awaitable<Result<std::size_t>> find_head();
  // Where the next bytes go, and what came.
  asio::mutable_buffer room();
  void took(std::size_t bytes);
  Result<void> parse_head(std::size_t size, bool is_head);
  // Parses what is in the buffer. An error is final.
  Result<void> parse_body();
  Result<void> parse_buffer();
  void release();
  [[nodiscard]] bool expired() { return stream && stream->watchdog().expired(); }

  std::shared_ptr<Client::Pool> pool_;
  Executor executor_;
  std::string origin_;
  std::chrono::milliseconds connect_timeout_;
  std::chrono::milliseconds first_byte_timeout_;
  std::chrono::milliseconds idle_timeout_;
  std::shared_ptr<Timer> lookup_;  // waits for a name to be resolved
  boost::beast::flat_buffer buffer_;
  std::size_t room_bytes_;
  Result<void> parsed_;
};

}  // namespace hone::net
