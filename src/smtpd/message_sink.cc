#include "src/smtpd/message_sink.h"

#include <utility>

namespace bulkhead::smtpd {

MessageSink::MessageSink(std::unique_ptr<store::BlobWriter> blob, std::string_view received,
                         std::optional<MissingFields> missing)
    : blob_(std::move(blob)), missing_(std::move(missing)) {
  write(received);
}

void MessageSink::write(std::string_view bytes) {
  if (bytes.empty() || !status_) return;
  is_at_line_start_ = bytes.back() == '\n';
  status_ = blob_->append(bytes);
}

void MessageSink::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (std::exchange(holds_cr_, false)) {
    const char pair[] = {'\r', bytes.front()};
    bytes.remove_prefix(1);
    scan({pair, 2});
  }
  if (!scanner_.is_complete() && bytes.ends_with('\r')) {
    holds_cr_ = true;
    bytes.remove_suffix(1);
  }
  scan(bytes);
}

void MessageSink::scan(std::string_view bytes) {
  const auto end = scanner_.is_complete() ? std::nullopt : scanner_.feed(bytes);
  if (!end) return write(bytes);
  write(bytes.substr(0, *end));
  add_missing_fields();
  write(bytes.substr(*end));
}

void MessageSink::add_missing_fields() {
  if (!missing_) return;
  const auto found = scanner_.findings();
  if (!found.has_from && !missing_->from.empty()) write("From: <" + missing_->from + ">\r\n");
  if (!found.has_date) write("Date: " + missing_->date + "\r\n");
  if (!found.has_message_id) write("Message-ID: " + missing_->message_id + "\r\n");
}

void MessageSink::finish() {
  if (std::exchange(holds_cr_, false)) scan("\r");
  if (!scanner_.is_complete() && is_at_line_start_) add_missing_fields();
}

mail::HeaderFindings MessageSink::findings() const {
  auto found = scanner_.findings();
  if (missing_ && !found.has_message_id) found.message_id = missing_->message_id;
  return found;
}

}  // namespace bulkhead::smtpd
