// Takes the octets of one message to the store: the Received field first, then what arrives, as it arrives.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/mail/header_scanner.h"
#include "src/store/store.h"

namespace bulkhead::smtpd {

// Fields that a submission server adds where they are absent (RFC 6409 §8.2, §8.3); RFC 5322 §3.6 wants each of them.
struct MissingFields {
  std::string from;        // the sender's address; "" adds none
  std::string date;        // "Mon, 23 Nov 2026 01:02:03 +0000"
  std::string message_id;  // "<…@…>"
};

class MessageSink {
 public:
  // `missing`: nothing for mail of others, which is not touched.
  MessageSink(std::unique_ptr<store::BlobWriter> blob, std::string_view received, std::optional<MissingFields> missing);

  // After the first failure of the store the rest is ignored; `status` tells.
  void append(std::string_view bytes);
  void finish();

  const Status& status() const { return status_; }
  mail::HeaderFindings findings() const;
  std::uint64_t size() const { return blob_->size(); }
  std::unique_ptr<store::BlobWriter> take_blob() { return std::move(blob_); }

 private:
  void scan(std::string_view bytes);
  void add_missing_fields();
  void write(std::string_view bytes);

  std::unique_ptr<store::BlobWriter> blob_;
  std::optional<MissingFields> missing_;
  mail::HeaderScanner scanner_;
  Status status_;
  // A CR that ended the octets so far may begin the empty line, before which the missing fields belong.
  bool holds_cr_ = false;
  bool is_at_line_start_ = true;
};

}  // namespace bulkhead::smtpd
