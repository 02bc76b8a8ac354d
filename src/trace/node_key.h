// The node's Ed25519 key, which signs each block of the trace, and the SHA-256 that chains them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/store/file_system.h"

namespace bulkhead::trace {

using Hash = std::array<char, 32>;
using Signature = std::array<char, 64>;
using PublicKey = std::array<char, 32>;

inline std::string_view view(const auto& bytes) {
  return {bytes.data(), bytes.size()};
}
Hash sha256(std::string_view first, std::string_view second = {});
std::string hex(std::string_view bytes);

// Immutable, thread-safe.
class NodeKey {
 public:
  // Reads `path` (PEM, mode 0600 as every file of the store); makes a new key there when there is none.
  static Result<NodeKey> load_or_create(const std::string& path, store::FileSystem& files);

  Signature sign(std::string_view message) const;
  const PublicKey& public_key() const { return public_key_; }

 private:
  struct Handle;
  explicit NodeKey(std::shared_ptr<const Handle> handle);
  static Result<NodeKey> from_pem(const std::string& path, std::string_view pem);
  static Result<NodeKey> create(const std::string& path, store::FileSystem& files);

  std::shared_ptr<const Handle> handle_;
  PublicKey public_key_{};
};

bool is_signed_by(const PublicKey& key, std::string_view message, const Signature& signature);

}  // namespace bulkhead::trace
