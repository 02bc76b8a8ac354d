// The octets of a message as DATA and BDAT carry them (RFC 5321 §4.5.2, RFC 3030).
//
// Only CRLF "." CRLF ends DATA. A bare CR or a bare LF anywhere makes the whole message refused at its end: passed on,
// either could end the data early at a server that is less strict, and smuggle a second message. Lines longer than the
// 1,000 octets of RFC 5321 §4.5.3.1.6 are common in mail that exists and are taken up to `line_size_max`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bulkhead::smtp {

enum class DataFault : std::uint8_t { kNone, kBareLineEnd, kLineTooLong, kTooBig };

struct DataLimits {
  std::uint64_t size_max = 52428800;
  std::size_t line_size_max = 65536;
};

class DataReader {
 public:
  enum class Framing : std::uint8_t {
    kDot,     // DATA: dots are unstuffed, a dot alone on its line ends it
    kChunks,  // BDAT: the caller counts; octets are only checked
  };
  DataReader(Framing framing, DataLimits limits) : framing_(framing), limits_(limits) {}

  struct Progress {
    std::size_t consumed = 0;  // octets of `input` that belonged to the data, the final dot included
    bool is_complete = false;  // kDot: the end has been seen
  };
  // Takes octets and appends to `pieces` the views of `input` that are content, in order. After a fault nothing is
  // appended any more, but the end is still looked for.
  Progress feed(std::string_view input, std::vector<std::string_view>& pieces);
  // kChunks: the last chunk has been fed.
  void finish();

  DataFault fault() const { return fault_; }
  std::uint64_t size() const { return size_; }  // of the content so far

 private:
  enum class State : std::uint8_t { kLineStart, kText, kCr, kDot, kDotCr };

  std::size_t take_text(std::string_view rest);
  void take_after_cr(char c);
  void take_after_dot(char c);
  void set_fault(DataFault fault);
  void emit(std::string_view content, std::vector<std::string_view>& pieces);
  void count_line(std::size_t octets);

  Framing framing_;
  DataLimits limits_;
  State state_ = State::kLineStart;
  DataFault fault_ = DataFault::kNone;
  std::uint64_t size_ = 0;
  std::size_t line_size_ = 0;
  bool is_complete_ = false;
};

}  // namespace bulkhead::smtp
