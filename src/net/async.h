// The words for asynchronous work: `awaitable<T>` is a coroutine of Boost.Asio on one of the event
// loops of net/runtime.h. It runs on one thread from beginning to end, so that what belongs to a
// connection needs no lock. Never make a capturing lambda a coroutine: its captures die with the
// lambda, not with the coroutine.
//
// Asio's own names work with any executor and pay for it at each step; ours know the one there is.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace hone::net {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

template <typename T>
using awaitable = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_awaitable;

}  // namespace hone::net
