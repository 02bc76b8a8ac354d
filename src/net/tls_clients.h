// The client side's OpenSSL contexts and sessions of one shard. Private to src/net.
#pragma once

#include <list>
#include <map>
#include <string>
#include <unordered_map>

#include "src/net/openssl_types.h"
#include "src/net/tls.h"

namespace bulkhead::net {

class TlsSessionCache {
 public:
  explicit TlsSessionCache(std::size_t size_max) : size_max_(size_max) {}
  SSL_SESSION* find(const std::string& key);  // null when there is none that can still be resumed
  void put(const std::string& key, SslSessionPtr session);
  void remove(const std::string& key);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    SslSessionPtr session;
  };
  std::size_t size_max_;
  std::list<Entry> order_;  // the most recently used first
  std::unordered_map<std::string, std::list<Entry>::iterator> entries_;
};

class TlsClients {
 public:
  TlsClients() = default;
  // A new client side for `policy`, with name, trust and a session to resume set.
  Result<SslPtr> make(const TlsClientPolicy& policy);
  // The key that sessions of this policy are kept under; "" when they are not.
  static std::string cache_key(const TlsClientPolicy& policy);
  TlsSessionCache& sessions() { return sessions_; }

 private:
  Result<SSL_CTX*> context_for(const TlsClientPolicy& policy);

  static constexpr std::size_t kSessionsMax = 2000;
  static constexpr std::size_t kContextsMax = 32;
  TlsSessionCache sessions_{kSessionsMax};
  std::map<std::string, SslContextPtr> contexts_;  // by trust anchors
};

}  // namespace bulkhead::net
