#include "net/client_pool.h"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

namespace hone::net {

Client::Pool::Place Client::Pool::place_of(const Executor& executor, const std::string& origin) {
  return {&asio::query(executor, asio::execution::context), origin};
}

std::unique_ptr<Stream> Client::Pool::take(const Executor& executor, const std::string& origin) {
  const auto oldest = std::chrono::steady_clock::now() - options_.keep_idle;
  const std::lock_guard lock(mutex_);
  auto& streams = idle_[place_of(executor, origin)];
  // The newest first: the other side is least likely to have closed it meanwhile.
  while (!streams.empty()) {
    Idle idle = std::move(streams.back());
    streams.pop_back();
    if (idle.since >= oldest && idle.stream->quiet()) return std::move(idle.stream);
  }
  return nullptr;
}

void Client::Pool::put(const Executor& executor, const std::string& origin,
                       std::unique_ptr<Stream> stream) {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  auto& streams = idle_[place_of(executor, origin)];
  while (!streams.empty() && (streams.front().since < now - options_.keep_idle ||
                              streams.size() >= options_.max_idle_per_origin)) {
    streams.pop_front();
  }
  streams.push_back({std::move(stream), now});
}

Result<asio::ssl::context*> Client::Pool::tls() {
  const std::lock_guard lock(mutex_);
  if (tls_) return tls_.get();
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  boost::system::error_code failed;
  context->set_default_verify_paths(failed);
  if (!failed && !options_.ca_file.empty()) {
    context->load_verify_file(options_.ca_file, failed);
    if (failed) return fail(ErrorCode::kInvalid, options_.ca_file + ": " + failed.message());
  }
  if (failed) return fail(ErrorCode::kInternal, "TLS certificates: " + failed.message());
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  tls_ = std::move(context);
  return tls_.get();
}

}  // namespace hone::net
