#include "src/net/tls_clients.h"

#include <ctime>

#include <sys/stat.h>

#include "src/net/tls_channel.h"

namespace bulkhead::net {

SSL_SESSION* TlsSessionCache::find(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  SSL_SESSION* session = found->second->session.get();
  const long age = static_cast<long>(std::time(nullptr)) - SSL_SESSION_get_time(session);
  if (SSL_SESSION_is_resumable(session) != 1 || age < 0 || age > SSL_SESSION_get_timeout(session)) {
    remove(key);
    return nullptr;
  }
  order_.splice(order_.begin(), order_, found->second);
  return session;
}

void TlsSessionCache::put(const std::string& key, SslSessionPtr session) {
  remove(key);
  order_.push_front(Entry{key, std::move(session)});
  entries_.emplace(key, order_.begin());
  if (entries_.size() <= size_max_) return;
  entries_.erase(order_.back().key);
  order_.pop_back();
}

void TlsSessionCache::remove(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  order_.erase(found->second);
  entries_.erase(found);
}

namespace {

// TLS 1.3 sends tickets after the handshake, so this also runs inside a later read.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* channel = static_cast<TlsChannel*>(SSL_get_app_data(ssl));
  return channel->keep_session(session) ? 1 : 0;
}

bool is_verifying(const TlsClientPolicy& policy) {
  return policy.verify == TlsClientPolicy::Verify::kChainAndName;
}

Status load_authorities(SSL_CTX& context, const std::string& file) {
  const int loaded =
      file.empty() ? SSL_CTX_set_default_verify_paths(&context) : SSL_CTX_load_verify_file(&context, file.c_str());
  if (loaded == 1) return {};
  return fail(ErrorCode::kUnavailable,
              "cannot read the certificate authorities from " + (file.empty() ? "the system's store" : file) + ": " +
                  take_openssl_error(),
              "install ca-certificates, or name a readable PEM file");
}

Status expect_name(SSL& ssl, const std::string& name) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(&ssl);
  if (name.empty()) return fail(ErrorCode::kInvalid, "TLS verification needs the name of the server");
  const bool is_set = IpAddress::parse(name) ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1
                                             : X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) == 1;
  if (!is_set) return fail(ErrorCode::kInvalid, "cannot verify a server named '" + name + "'");
  SSL_set_verify(&ssl, SSL_VERIFY_PEER, nullptr);
  return {};
}

}  // namespace

std::string TlsClients::cache_key(const TlsClientPolicy& policy) {
  if (policy.session_key.empty()) return {};
  return policy.session_key + '\n' + policy.server_name + '\n' + (is_verifying(policy) ? 'v' : '-') +
         policy.authorities_file;
}

Result<SSL_CTX*> TlsClients::context_for(const TlsClientPolicy& policy) {
  std::string key = "-";
  if (is_verifying(policy)) {
    key = "v" + policy.authorities_file;
    // A file of authorities that was replaced is read again.
    struct stat status {};
    if (!policy.authorities_file.empty() && ::stat(policy.authorities_file.c_str(), &status) == 0) {
      key += '\n' + std::to_string(status.st_ino) + '.' + std::to_string(status.st_mtim.tv_sec) + '.' +
             std::to_string(status.st_mtim.tv_nsec);
    }
  }
  if (const auto found = contexts_.find(key); found != contexts_.end()) return found->second.get();
  SslContextPtr context{SSL_CTX_new(TLS_client_method())};
  if (!context) return fail(ErrorCode::kUnavailable, "cannot make a TLS context: " + take_openssl_error());
  configure_context(*context);
  // DANE and most small servers have certificates of their own: an unverified client takes weak ones too.
  if (!is_verifying(policy)) SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), keep_session);
  if (is_verifying(policy)) {
    if (auto loaded = load_authorities(*context, policy.authorities_file); !loaded) return fail(loaded.error());
  }
  if (contexts_.size() >= kContextsMax) contexts_.erase(contexts_.begin());
  return contexts_.emplace(std::move(key), std::move(context)).first->second.get();
}

Result<SslPtr> TlsClients::make(const TlsClientPolicy& policy) {
  auto context = context_for(policy);
  if (!context) return fail(std::move(context.error()));
  SslPtr ssl{SSL_new(*context)};
  if (!ssl) return fail(ErrorCode::kUnavailable, "cannot make a TLS connection: " + take_openssl_error());
  SSL_set_connect_state(ssl.get());
  // RFC 6066 §3: no literal addresses in the server name.
  if (!policy.server_name.empty() && !IpAddress::parse(policy.server_name)) {
    SSL_set_tlsext_host_name(ssl.get(), policy.server_name.c_str());
  }
  if (is_verifying(policy)) {
    if (auto expected = expect_name(*ssl, policy.server_name); !expected) return fail(std::move(expected.error()));
  }
  const std::string key = cache_key(policy);
  if (!key.empty()) {
    if (SSL_SESSION* session = sessions_.find(key)) SSL_set_session(ssl.get(), session);
  }
  ERR_clear_error();
  return ssl;
}

}  // namespace bulkhead::net
