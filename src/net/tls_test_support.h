// For tests only: a certificate that is signed by itself, and a client that looks at what a TLS
// server does.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "net/async.h"

namespace hone::net {

// A key and a certificate for 127.0.0.1.
struct Certificate {
  std::string key_pem;
  std::string certificate_pem;
};

inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

inline Certificate make_certificate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* x509 = X509_new();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, key);
  X509_NAME* name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(x509, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(x509, key, EVP_sha256());
  BIO* key_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  BIO* certificate_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_bio, x509);
  X509_free(x509);
  EVP_PKEY_free(key);
  return {text_of(key_bio), text_of(certificate_bio)};
}

// A client that shows the bytes as they come, blocking.
class TlsSocket {
 public:
  explicit TlsSocket(std::uint16_t port) : stream_(io_, context_) {
    stream_.next_layer().connect(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port));
    stream_.handshake(asio::ssl::stream_base::client, failed_);
  }
  void send(const std::string& text) { asio::write(stream_, asio::buffer(text), failed_); }
  std::string read_until(const std::string& text) {
    while (received_.find(text) == std::string::npos && read_some()) {
    }
    return received_;
  }
  std::string read_all() {
    while (read_some()) {
    }
    return received_;
  }
  // How it ended: eof where the server said goodbye, an error where it did not.
  [[nodiscard]] boost::system::error_code ended() const { return failed_; }
  // Goes away, saying goodbye or not.
  void say_goodbye() {
    stream_.async_shutdown([](boost::system::error_code) {});
    io_.run_for(std::chrono::milliseconds(50));  // the other side need not answer
  }
  void close() { stream_.next_layer().close(); }
  // The certificate that the server showed, in PEM.
  std::string certificate() {
    X509* shown = SSL_get1_peer_certificate(stream_.native_handle());
    if (shown == nullptr) return "none: " + failed_.message();
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, shown);
    X509_free(shown);
    return text_of(bio);
  }

 private:
  bool read_some() {
    char bytes[4096];
    const auto size = stream_.read_some(asio::buffer(bytes), failed_);
    received_.append(bytes, size);
    return !failed_;
  }
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
  asio::ssl::stream<asio::ip::tcp::socket> stream_;
  boost::system::error_code failed_;
  std::string received_;
};

}  // namespace hone::net
