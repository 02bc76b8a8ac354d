// The server side's OpenSSL context. Private to src/net.
#pragma once

#include "src/net/openssl_types.h"
#include "src/net/tls.h"

namespace bulkhead::net {

struct TlsServerContexts::Impl {
  // One context for all certificates: they share the ticket keys, so a client may resume whatever name it asked for.
  SslContextPtr context;
  CertificateChooser chooser;
};

}  // namespace bulkhead::net
