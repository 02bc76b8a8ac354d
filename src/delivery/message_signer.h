// The place of a signature in a message's way out: header fields that are made for it in a pool and go in front of it,
// as DKIM wants them (RFC 6376 §5). A node without a signer, which is what is shipped, passes the step by.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "src/base/result.h"
#include "src/queue/message.h"

namespace bulkhead::delivery {

// Reads `size` bytes of the stored body from `offset`. Any thread; blocks.
using BodyPieces = std::function<Result<std::string>(std::uint64_t offset, std::uint64_t size)>;

class MessageSigner {
 public:
  virtual ~MessageSigner() = default;

  // Whether the message is to be signed. On the shard, for each transaction: a look at what is in memory, no more.
  virtual bool is_wanted(const queue::Message& message) const = 0;
  // The fields, each with its CRLF, in ASCII; "" for none. On a thread of the pool. The stored body is what goes over
  // the wire but for the dots that SMTP stuffs. On an error the message waits: it never leaves unsigned.
  virtual Result<std::string> sign(const queue::Message& message, const BodyPieces& body) const = 0;
};

}  // namespace bulkhead::delivery
