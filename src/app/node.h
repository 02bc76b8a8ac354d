// A running node: makes every part, gives each what it needs, starts and stops them in the right order.
//
// Wiring only. What a part does is decided in its own folder.
#pragma once

#include <memory>

#include "src/app/certificate_reader.h"
#include "src/app/configuration.h"
#include "src/base/log.h"
#include "src/base/result.h"

namespace bulkhead::app {

class Node {
 public:
  // Opens store, trace and directory, binds every listener, gives up root. Nothing is served yet.
  // `configured` reads the configured certificate and outlives the node; null when none is configured.
  static Result<std::unique_ptr<Node>> open(const Configuration& configuration, CertificateReader* configured,
                                            Log& log);
  virtual ~Node() = default;

  virtual Status start() = 0;  // serves from here on
  // SIGHUP. Reads the node's certificate again; on an error the old one stays.
  virtual Status reload_certificate() = 0;
  // Makes the sections of another configuration hold that may change live (compare() in configuration.h), for open
  // sessions and queued mail too, and logs which those are and which wait for the next start.
  virtual Status change(const Configuration& configuration) = 0;
  // Stops accepting, lets what is in progress finish (bounded), closes everything. Idempotent.
  virtual void stop() = 0;
};

}  // namespace bulkhead::app
