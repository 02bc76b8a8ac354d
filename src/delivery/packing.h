// Makes a mail transaction of a job for a server that offers certain extensions, or says why that is impossible.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/delivery/remote_connection.h"
#include "src/delivery/routing.h"
#include "src/queue/job.h"

namespace bulkhead::delivery {

struct Packing {
  std::unique_ptr<Parcel> parcel;  // null: `refusal` concerns all recipients that are pending
  Unroutable refusal;
};

// A transaction for `recipients` (indexes into the message's). Refused:
// - larger than the SIZE that the server declares: 5.3.4, without sending it (RFC 1870 §6.2)
// - UTF-8 in addresses, or in the header of a message that was declared SMTPUTF8, and no SMTPUTF8: 5.6.7
//   (RFC 6531 §3.5). A declaration alone is dropped.
// - a body that was declared 8BITMIME, has bytes above 127, and no 8BITMIME: 5.6.3. RFC 6152 §3 leaves conversion or
//   this; to send it regardless would leave to chance what arrives.
// - a body whose stored bytes are damaged: 5.3.0; one that cannot be read now: deferred with 4.3.0
// - a message that the node's signer fails to sign: deferred with 4.7.5
Task<Packing> pack(const BodyReading& reading, queue::MessagePtr message, std::vector<std::uint16_t> recipients,
                   smtp::ClientExtensions offered);

}  // namespace bulkhead::delivery
