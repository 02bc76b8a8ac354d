// What a client sent and nobody has taken yet.
//
// An idle session holds 2 KiB. While a message arrives, or when commands come faster than they are taken, it borrows
// 64 KiB from its shard's pool, so that one system call reads much; ten thousand idle sessions cost 20 MiB.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace bulkhead::smtpd {

// Large buffers that are not in use. On one shard.
class BufferPool {
 public:
  static constexpr std::size_t kBufferSize = 65536;
  std::unique_ptr<char[]> acquire();
  void release(std::unique_ptr<char[]> buffer);

 private:
  static constexpr std::size_t kKeptMax = 256;
  std::vector<std::unique_ptr<char[]>> kept_;
};

class InputBuffer {
 public:
  static constexpr std::size_t kSmallSize = 2048;
  explicit InputBuffer(BufferPool& pool);
  ~InputBuffer();
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;

  std::string_view view() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t size) { begin_ += size; }
  void clear() { begin_ = end_ = 0; }

  // Room for the next read, never empty unless 64 KiB wait to be taken. Views taken before are invalid afterwards.
  std::span<char> space();
  void commit(std::size_t size) { end_ += size; }
  void grow();    // to the large buffer
  void shrink();  // back to the small one, if nothing waits

 private:
  void move_to(std::unique_ptr<char[]> buffer, std::size_t size);

  BufferPool& pool_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = kSmallSize;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace bulkhead::smtpd
