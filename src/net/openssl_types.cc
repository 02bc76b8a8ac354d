#include "src/net/openssl_types.h"

#include "src/base/check.h"

namespace bulkhead::net {

std::string take_openssl_error() {
  // The first entry is the cause; later ones tell how it was passed on.
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return {};
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  return "OpenSSL error " + std::to_string(code);
}

void configure_context(SSL_CTX& context) {
  // SMTP between servers is opportunistic: an old cipher is better than none, but nothing that is broken. RFC 9325
  // §4.2, then CBC suites with forward secrecy for peers that have no AEAD.
  constexpr const char* kCiphers =
      "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:!aNULL:!eNULL:!DSS";
  BULKHEAD_CHECK(SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1);
  BULKHEAD_CHECK(SSL_CTX_set_cipher_list(&context, kCiphers) == 1);
  // Mail protocols say themselves when they end (QUIT, LOGOUT); many peers close without close_notify.
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(&context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One read from the socket for a whole record instead of one for its header and one for its body.
  SSL_CTX_set_read_ahead(&context, 1);
  SSL_CTX_set_default_passwd_cb(&context, [](char*, int, int, void*) { return 0; });
  ERR_clear_error();
}

}  // namespace bulkhead::net
