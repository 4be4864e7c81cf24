#include "net/tls_context.h"

#include <boost/asio/ssl/context.hpp>

namespace hone::net {

Result<TlsContext> load_certificate(const std::string& certificate_file,
                                    const std::string& key_file) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  boost::system::error_code failed;
  context->use_certificate_chain_file(certificate_file, failed);
  if (failed) {
    return fail(ErrorCode::kInvalid, "TLS certificate " + certificate_file + ": " +
                                         failed.message() + "; it must be a PEM file");
  }
  context->use_private_key_file(key_file, ssl::context::pem, failed);
  if (failed) {
    return fail(ErrorCode::kInvalid, "TLS key " + key_file + ": " + failed.message() +
                                         "; it must be the PEM file of the key that belongs to " +
                                         certificate_file);
  }
  SSL_CTX* native = context->native_handle();
  if (SSL_CTX_check_private_key(native) != 1) {
    return fail(ErrorCode::kInvalid,
                "TLS key " + key_file + " does not belong to certificate " + certificate_file);
  }
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  return context;
}

}  // namespace hone::net
