// Ranks as threads of one process, connected as processes are.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "engine/ranks/mesh.h"

namespace hone::engine {

using World = std::vector<std::shared_ptr<Collective>>;

inline World world_of(int size, std::chrono::milliseconds timeout = std::chrono::minutes(2)) {
  const auto count = static_cast<std::size_t>(size);
  std::vector<std::vector<Socket>> sockets(count);
  for (auto& own : sockets) own.resize(count);
  for (std::size_t low = 0; low < count; ++low) {
    for (std::size_t high = low + 1; high < count; ++high) {
      std::array<int, 2> ends{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
      sockets[low][high] = Socket(ends[0]);
      sockets[high][low] = Socket(ends[1]);
    }
  }
  World world;
  for (std::size_t rank = 0; rank < count; ++rank) {
    world.push_back(
        std::make_shared<Mesh>(Links(std::move(sockets[rank]), static_cast<int>(rank), timeout)));
  }
  return world;
}

// Runs `work` for every rank at the same time, and returns when all have ended.
inline void on_every_rank(const World& world,
                          const std::function<void(std::size_t, Collective&)>& work) {
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < world.size(); ++rank)
    threads.emplace_back([&, rank] { work(rank, *world[rank]); });
  for (std::thread& thread : threads) thread.join();
}

// A port of this machine that nobody listens at.
inline std::uint16_t free_port() {
  const Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(socket.get(), raw, size), 0);
  EXPECT_EQ(::getsockname(socket.get(), raw, &size), 0);
  return ntohs(address.sin_port);
}

}  // namespace hone::engine
