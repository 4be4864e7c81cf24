// The certificate that a server shows. Loading checks what can be checked before anyone connects.
//
//   auto tls = load_certificate("fullchain.pem", "key.pem");
//   ServerOptions options{.port = 8443, .tls = *tls};
//   …
//   server->set_certificate(*load_certificate(…));       // renewed; connections go on
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace boost::asio::ssl {
class context;
}

namespace hone::net {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// PEM files: the certificate with those that lead to its authority, and its private key, which must
// belong to it. TLS 1.2 and later.
[[nodiscard]] Result<TlsContext> load_certificate(const std::string& certificate_file,
                                                  const std::string& key_file);

}  // namespace hone::net
