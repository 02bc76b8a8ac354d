// Looks at the header section of a message while it streams past: what the trace shows, and what policy needs.
//
// Keeps a bounded amount whatever the input: fields of any number and length cost time, not memory. It is no parser
// of RFC 5322: a line that is no field is skipped, and only the empty line ends the section.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::mail {

struct HeaderFindings {
  std::string subject;             // decoded, printable, at most 200 bytes; of the first such field
  std::string message_id;          // with its angle brackets, printable, at most 200 bytes
  std::size_t received_count = 0;  // Received fields: hops so far (RFC 5321 §6.3)
  bool has_from = false;
  bool has_date = false;
  bool has_message_id = false;
};

class HeaderScanner {
 public:
  // Takes the next octets. Returns the offset in `bytes` at which the empty line begins that ends the section (0 when
  // its CR ended the octets before), nothing while the section goes on. Octets after the end are ignored.
  std::optional<std::size_t> feed(std::string_view bytes);
  bool is_complete() const { return state_ == State::kComplete; }
  // What was seen so far.
  HeaderFindings findings() const;

 private:
  enum class State : std::uint8_t { kLineStart, kEmptyLineCr, kName, kBody, kComplete };
  enum class Field : std::uint8_t { kOther, kSubject, kMessageId, kReceived, kFrom, kDate };

  std::size_t take_name(std::string_view bytes);
  std::size_t take_body(std::string_view bytes);
  void begin_field();

  State state_ = State::kLineStart;
  Field field_ = Field::kOther;
  std::string name_;
  std::string subject_;     // raw
  std::string message_id_;  // raw
  bool has_subject_ = false;
  HeaderFindings findings_;
};

}  // namespace bulkhead::mail
