// The words for asynchronous work: `awaitable<T>` is a coroutine of Boost.Asio. A coroutine runs on
// one strand from beginning to end, so that what belongs to a connection needs no lock. Never make
// a capturing lambda a coroutine: its captures die with the lambda, not with the coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace hone::net {

namespace asio = boost::asio;
using asio::awaitable;

}  // namespace hone::net
