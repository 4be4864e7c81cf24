#include "cli/engine_address.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/file.h"

namespace hone::cli {
namespace {

namespace asio = boost::asio;

std::string note_of(const Workspace& workspace) {
  return workspace.folder("engine.address");
}

}  // namespace

Result<std::string> another_port(const std::string& listen) {
  const auto endpoint = parse_endpoint(listen);
  if (!endpoint) return fail(endpoint.error());
  boost::system::error_code failed;
  asio::ip::tcp::endpoint any(asio::ip::make_address(endpoint->host, failed), 0);
  asio::io_context io;
  asio::ip::tcp::acceptor probe(io);
  if (!failed) probe.open(any.protocol(), failed);
  if (!failed) probe.bind(any, failed);
  if (!failed) any = probe.local_endpoint(failed);
  if (failed) {
    return fail(ErrorCode::kUnavailable, "no free port for another hone-engine on " +
                                             endpoint->host + ": " + failed.message());
  }
  const auto colon = listen.rfind(':');
  const std::string host = colon == std::string::npos ? endpoint->host : listen.substr(0, colon);
  return host + ":" + std::to_string(any.port());
}

std::string engine_address(const Workspace& workspace) {
  const auto noted = read_file(posix_files(), note_of(workspace), 256);
  return noted ? *noted : workspace.settings().engine.listen;
}

Result<void> note_engine_address(const Workspace& workspace, const std::string& written) {
  const std::string& listens = workspace.settings().engine.listen;
  if (listens != written) {
    return write_file_atomically(posix_files(), note_of(workspace), listens);
  }
  auto removed = posix_files().remove(note_of(workspace));
  if (!removed && removed.error().code != ErrorCode::kNotFound) return removed;
  return {};
}

void forget_engine_address(const Workspace& workspace) {
  const auto noted = read_file(posix_files(), note_of(workspace), 256);
  if (noted && *noted == workspace.settings().engine.listen) {
    static_cast<void>(posix_files().remove(note_of(workspace)));
  }
}

}  // namespace hone::cli
