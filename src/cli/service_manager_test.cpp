#include "cli/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/test_support.h"

namespace hone::cli {
namespace {

TEST(ServiceManager, IsToldWhereItAskedForIt) {
  const hone::testing::TempFolder folder;
  const std::string path = folder.path("notify");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  std::array<char, 64> got{};
  ::unsetenv("NOTIFY_SOCKET");
  tell_service_manager("READY=1");
  EXPECT_LT(::recv(socket, got.data(), got.size(), 0), 0) << "nobody asked";
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  tell_service_manager("READY=1");
  ASSERT_EQ(::recv(socket, got.data(), got.size(), 0), 7);
  EXPECT_EQ(std::string(got.data(), 7), "READY=1");
  ::unsetenv("NOTIFY_SOCKET");
  ::close(socket);
}

}  // namespace
}  // namespace hone::cli
