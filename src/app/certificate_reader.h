// Reads the node's certificate and its key, at the start and at each reload.
//
// A key usually belongs to root alone, and the server gives root up. When it does, a helper process stays behind that
// can do one thing: hand over these two files, whose names it was given before. It is the only part that keeps any of
// root's powers (CAP_DAC_READ_SEARCH), parses nothing, and ends with the server.
#pragma once

#include <string>

#include <sys/types.h>

#include "src/base/result.h"
#include "src/net/tls.h"

namespace bulkhead::app {

class CertificateReader {
 public:
  // Reads directly, as whoever this process is.
  CertificateReader(std::string chain_file, std::string key_file)
      : chain_file_(std::move(chain_file)), key_file_(std::move(key_file)) {}
  ~CertificateReader();  // ends the helper
  CertificateReader(const CertificateReader&) = delete;
  CertificateReader& operator=(const CertificateReader&) = delete;

  // From here on reads through the helper. Forks: before there is a second thread, while this is still root.
  Status start_helper();
  // Both texts; blocks for at most ten seconds. The error names the file and what to do.
  Result<net::PemPair> read();

 private:
  Result<std::string> receive(const std::string& path);

  const std::string chain_file_, key_file_;
  int channel_ = -1;  // to the helper
  pid_t helper_ = -1;
};

}  // namespace bulkhead::app
