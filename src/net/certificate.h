// The parsed certificate behind CertificatePtr. Private to src/net.
#pragma once

#include "src/net/openssl_types.h"
#include "src/net/tls.h"

namespace bulkhead::net {

class Certificate {
 public:
  X509Ptr leaf;
  X509StackPtr chain;  // what follows the leaf
  PkeyPtr key;
};

}  // namespace bulkhead::net
