// The body of a message on its way to a remote server: a small one, or one that was accepted a moment ago, in memory;
// a large one read piece by piece.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/clock.h"
#include "src/delivery/message_signer.h"
#include "src/net/shard.h"
#include "src/proto/smtp/client_body.h"
#include "src/queue/message.h"
#include "src/store/store.h"

namespace bulkhead::delivery {

// Reads bodies of the store. A small body of a recent message is still in the page cache and is read at once; all
// others on the blocking pool. References must outlive every body.
struct BodyReading {
  net::Shard& shard;
  net::BlockingPool& pool;
  store::Store& store;
  const Clock& clock;
  const MessageSigner* signer = nullptr;  // null: nothing is signed
};

class OutgoingBody {
 public:
  static constexpr std::uint64_t kSmallMax = 128 * 1024;
  static constexpr std::uint64_t kPieceSize = 256 * 1024;

  OutgoingBody(const BodyReading& reading, queue::MessagePtr message)
      : reading_(reading), message_(std::move(message)) {}

  // Takes or reads a small body, or verifies the checksum of a large one. To be called before all else.
  Task<Status> prepare();
  // Makes the fields that go in front of the body, in the pool, where the node signs the message. After prepare().
  Task<Status> sign();
  // What goes before wire(); next_piece() begins with it by itself. "" where nothing is signed.
  std::string_view signature() const { return signature_; }
  std::uint64_t size() const { return message_->body.length + signature_.size(); }
  bool is_in_memory() const { return is_in_memory_; }
  // Whether it holds bytes above 127; reads a large body through.
  Task<Result<bool>> has_8bit();
  // Whether its header section does, as far as that lies in the first piece.
  Task<Result<bool>> has_8bit_header();

  // A body in memory as it goes over the wire. The view lives as long as this.
  std::string_view wire(smtp::BodyFraming framing);
  // The next piece of a large body, dots stuffed; "" at the end.
  Task<Result<std::string>> next_piece();

 private:
  Task<Result<std::string>> read(std::uint64_t offset, std::uint64_t size);

  const BodyReading& reading_;
  queue::MessagePtr message_;
  bool is_in_memory_ = false;
  store::SharedBody recent_;  // what `whole_` is a part of, or
  std::string read_;          // what it is
  std::string_view whole_;
  std::string signature_;
  std::string encoded_;  // only where the wire form differs
  smtp::BodyEncoder encoder_{smtp::BodyFraming::kDots};
  std::uint64_t offset_ = 0;
  bool is_finished_ = false;
};

}  // namespace bulkhead::delivery
