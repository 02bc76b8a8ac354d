#include "src/smtpd/input_buffer.h"

#include <cstring>
#include <utility>

namespace bulkhead::smtpd {

std::unique_ptr<char[]> BufferPool::acquire() {
  if (kept_.empty()) return std::make_unique_for_overwrite<char[]>(kBufferSize);
  auto buffer = std::move(kept_.back());
  kept_.pop_back();
  return buffer;
}

void BufferPool::release(std::unique_ptr<char[]> buffer) {
  if (kept_.size() < kKeptMax) kept_.push_back(std::move(buffer));
}

InputBuffer::InputBuffer(BufferPool& pool) : pool_(pool), buffer_(std::make_unique_for_overwrite<char[]>(kSmallSize)) {}

InputBuffer::~InputBuffer() {
  if (size_ == BufferPool::kBufferSize) pool_.release(std::move(buffer_));
}

void InputBuffer::move_to(std::unique_ptr<char[]> buffer, std::size_t size) {
  const auto waiting = view();
  std::memcpy(buffer.get(), waiting.data(), waiting.size());
  begin_ = 0;
  end_ = waiting.size();
  std::swap(buffer_, buffer);
  if (std::exchange(size_, size) == BufferPool::kBufferSize) pool_.release(std::move(buffer));
}

void InputBuffer::grow() {
  if (size_ != BufferPool::kBufferSize) move_to(pool_.acquire(), BufferPool::kBufferSize);
}

void InputBuffer::shrink() {
  if (size_ != kSmallSize && view().empty()) move_to(std::make_unique_for_overwrite<char[]>(kSmallSize), kSmallSize);
}

std::span<char> InputBuffer::space() {
  if (begin_ == end_) clear();
  if (begin_ > 0 && end_ == size_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == size_) grow();
  return {buffer_.get() + end_, size_ - end_};
}

}  // namespace bulkhead::smtpd
