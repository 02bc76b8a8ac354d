#include "src/proto/smtp/data_reader.h"

namespace bulkhead::smtp {

void DataReader::set_fault(DataFault fault) {
  if (fault_ == DataFault::kNone) fault_ = fault;
}

void DataReader::emit(std::string_view content, std::vector<std::string_view>& pieces) {
  if (content.empty()) return;
  size_ += content.size();
  if (size_ > limits_.size_max) set_fault(DataFault::kTooBig);
  if (fault_ == DataFault::kNone) pieces.push_back(content);
}

void DataReader::count_line(std::size_t octets) {
  line_size_ += octets;
  if (line_size_ > limits_.line_size_max) set_fault(DataFault::kLineTooLong);
}

// Takes octets in the middle of a line up to and including the next LF. Two searches by memchr, no loop over octets.
std::size_t DataReader::take_text(std::string_view rest) {
  const auto lf = rest.find('\n');
  const bool has_lf = lf != std::string_view::npos;
  const auto line = rest.substr(0, lf);
  const auto cr = line.find('\r');
  const bool ends_with_cr = line.ends_with('\r');
  if (cr != std::string_view::npos && cr + 1 != line.size()) set_fault(DataFault::kBareLineEnd);
  count_line(line.size());
  if (!has_lf) {
    if (ends_with_cr) state_ = State::kCr;
    return rest.size();
  }
  if (ends_with_cr) {
    state_ = State::kLineStart;
    line_size_ = 0;
  } else {
    set_fault(DataFault::kBareLineEnd);  // and the line goes on: what follows is no line start
  }
  return lf + 1;
}

void DataReader::take_after_cr(char c) {
  if (c == '\n') {
    state_ = State::kLineStart;
    line_size_ = 0;
    return;
  }
  set_fault(DataFault::kBareLineEnd);
  state_ = c == '\r' ? State::kCr : State::kText;
}

void DataReader::take_after_dot(char c) {
  if (state_ == State::kDotCr) {
    if (c == '\n') {
      is_complete_ = true;
      return;
    }
    set_fault(DataFault::kBareLineEnd);
    state_ = c == '\r' ? State::kCr : State::kText;
    return;
  }
  if (c == '\r') {
    state_ = State::kDotCr;
    return;
  }
  if (c == '\n') set_fault(DataFault::kBareLineEnd);
  count_line(1);
  state_ = State::kText;
}

DataReader::Progress DataReader::feed(std::string_view input, std::vector<std::string_view>& pieces) {
  std::size_t at = 0;
  std::size_t content_start = 0;
  while (at < input.size() && !is_complete_) {
    switch (state_) {
      case State::kLineStart:
        if (framing_ == Framing::kDot && input[at] == '.') {
          emit(input.substr(content_start, at - content_start), pieces);
          content_start = ++at;
          state_ = State::kDot;
        } else {
          state_ = State::kText;
        }
        break;
      case State::kText:
        at += take_text(input.substr(at));
        break;
      case State::kCr:
        take_after_cr(input[at++]);
        break;
      case State::kDot:
      case State::kDotCr:
        take_after_dot(input[at++]);
        // The CR LF after the final dot are no content; what was no final dot is, from its second octet on.
        if (is_complete_ || state_ == State::kDotCr) content_start = at;
        break;
    }
  }
  emit(input.substr(content_start, at - content_start), pieces);
  return {at, is_complete_};
}

void DataReader::finish() {
  if (state_ == State::kCr) set_fault(DataFault::kBareLineEnd);
}

}  // namespace bulkhead::smtp
