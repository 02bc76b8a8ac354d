#include "src/net/tls_server.h"

#include "src/base/check.h"
#include "src/net/certificate.h"
#include "src/net/tls_channel.h"

namespace bulkhead::net {

namespace {

std::string lower_server_name(const SSL& ssl) {
  const char* name = SSL_get_servername(&ssl, TLSEXT_NAMETYPE_host_name);
  std::string out = name == nullptr ? "" : name;
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Called when the handshake needs a certificate, which a resumed session does not.
int choose_certificate(SSL* ssl, void* argument) {
  const auto& contexts = *static_cast<const TlsServerContexts::Impl*>(argument);
  auto& channel = *static_cast<TlsChannel*>(SSL_get_app_data(ssl));
  const std::string name = lower_server_name(*ssl);
  const CertificatePtr chosen = contexts.chooser ? contexts.chooser(name, channel.arrival()) : nullptr;
  if (!chosen) {
    channel.note_problem("no certificate for '" + name + "' on " + channel.arrival().ip.text());
    return 0;
  }
  if (SSL_use_cert_and_key(ssl, chosen->leaf.get(), chosen->key.get(), chosen->chain.get(), 1) == 1) return 1;
  channel.note_problem("the certificate for '" + name + "' cannot be used: " + take_openssl_error());
  return 0;
}

}  // namespace

TlsServerContexts::TlsServerContexts(CertificateChooser chooser) : impl_(std::make_unique<Impl>()) {
  impl_->chooser = std::move(chooser);
  impl_->context.reset(SSL_CTX_new(TLS_server_method()));
  BULKHEAD_CHECK(impl_->context);
  SSL_CTX& context = *impl_->context;
  configure_context(context);
  SSL_CTX_set_options(&context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_dh_auto(&context, 1);
  // Tickets only: sessions are kept by the clients and cost no memory here.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  constexpr unsigned char kSessionContext[] = "bulkhead";
  SSL_CTX_set_session_id_context(&context, kSessionContext, sizeof kSessionContext - 1);
  // Accepts every name, so that it is kept with the session; choose_certificate() decides.
  SSL_CTX_set_tlsext_servername_callback(
      &context, +[](SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; });
  SSL_CTX_set_cert_cb(&context, choose_certificate, impl_.get());
}

TlsServerContexts::~TlsServerContexts() = default;

}  // namespace bulkhead::net
