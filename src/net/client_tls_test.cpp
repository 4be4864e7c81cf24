// https: a certificate is accepted where its authority is trusted and its name is the host's, and
// nowhere else.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <thread>

#include "base/test_support.h"
#include "net/client.h"
#include "net/runtime.h"
#include "net/tls_test_support.h"

namespace hone::net {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

// Answers `connections` connections, one request each; a handshake may fail.
class TlsServer {
 public:
  TlsServer(const Certificate& certificate, int connections)
      : context_(asio::ssl::context::tls_server),
        acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    context_.use_private_key(asio::buffer(certificate.key_pem), asio::ssl::context::pem);
    context_.use_certificate(asio::buffer(certificate.certificate_pem), asio::ssl::context::pem);
    thread_ = std::thread([this, connections] {
      for (int i = 0; i < connections; ++i) serve();
    });
  }
  ~TlsServer() { thread_.join(); }
  [[nodiscard]] Url url() const {
    return {.scheme = "https",
            .host = "127.0.0.1",
            .port = acceptor_.local_endpoint().port(),
            .target = "/"};
  }

 private:
  void serve() {
    boost::system::error_code failed;
    asio::ssl::stream<tcp::socket> stream(io_, context_);
    acceptor_.accept(stream.next_layer(), failed);
    stream.handshake(asio::ssl::stream_base::server, failed);
    if (failed) return;
    std::string request;
    asio::read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", failed);
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
    asio::write(stream, asio::buffer(answer), failed);
    stream.shutdown(failed);
  }
  asio::io_context io_;
  asio::ssl::context context_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

Result<Response> fetch(Runtime& runtime, const ClientOptions& options, const Url& url) {
  Client client(options);
  ClientRequest request;
  request.url = url;
  return asio::co_spawn(runtime.io().get_executor(), client.fetch(std::move(request), 10s),
                        asio::use_future)
      .get();
}

TEST(ClientTls, SpeaksToAServerWhoseCertificateIsGood) {
  const hone::testing::TempFolder folder;
  const Certificate certificate = make_certificate();
  hone::testing::write_all(folder.path("ca.pem"), certificate.certificate_pem);
  Runtime runtime;
  TlsServer server(certificate, 1);
  const auto answer = fetch(runtime, {.ca_file = folder.path("ca.pem")}, server.url());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "secret");
}

TEST(ClientTls, SendsNothingWhereTheCertificateIsNot) {
  const hone::testing::TempFolder folder;
  const Certificate certificate = make_certificate();
  hone::testing::write_all(folder.path("ca.pem"), certificate.certificate_pem);
  Runtime runtime;
  TlsServer server(certificate, 2);
  const auto unknown = fetch(runtime, {}, server.url());
  ASSERT_FALSE(unknown) << "nobody vouches for this certificate";
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnavailable);
  Url other_name = server.url();
  other_name.host = "localhost";
  EXPECT_FALSE(fetch(runtime, {.ca_file = folder.path("ca.pem")}, other_name));
}

TEST(ClientTls, NamesACaFileThatIsNotThere) {
  Runtime runtime;
  const Url url = parse_url("https://127.0.0.1:1/").value();
  const auto answer = fetch(runtime, {.ca_file = "/no/such/file"}, url);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("/no/such/file"), std::string::npos);
}

}  // namespace
}  // namespace hone::net
