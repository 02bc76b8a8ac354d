#include "src/store/blob_writer.h"

#include "src/store/crc32c.h"

namespace bulkhead::store {

namespace {
constexpr std::size_t kFlushAt = 256 << 10;
constexpr std::size_t kUsualSize = 6 << 10;  // what is smaller is copied once only
}  // namespace

LogBlobWriter::LogBlobWriter(SegmentFiles& files, std::uint64_t spill_at) : files_(files), spill_at_(spill_at) {
  buffer_.reserve(kUsualSize);
  buffer_.assign(kRecordHeaderSize, '\0');  // the header's place, so that the record is one piece
}

LogBlobWriter::~LogBlobWriter() {
  if (own_.file == nullptr || is_adopted_) return;
  own_.file.reset();
  files_.retire(own_.number);
}

Status LogBlobWriter::append(std::string_view bytes) {
  if (failure_) return fail(*failure_);
  Status status;
  if (size_ + bytes.size() > kBodySizeMax) status = fail(ErrorCode::kLimit, "the body is too large for the store");
  if (status && own_.file == nullptr && size_ + bytes.size() > spill_at_) status = spill();
  if (status) {
    buffer_.append(bytes);
    checksum_ = crc32c(checksum_, bytes);
    size_ += bytes.size();
    if (own_.file != nullptr && buffer_.size() >= kFlushAt) status = flush();
  }
  if (!status) failure_ = status.error();
  return status;
}

Status LogBlobWriter::spill() {
  auto own = files_.create_own();
  if (!own) return fail(own.error());
  own_ = std::move(*own);
  return {};
}

Status LogBlobWriter::flush() {
  const auto status = own_.file->write_at(written_, buffer_);
  if (!status) return status;
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

std::string_view LogBlobWriter::record_at(std::uint32_t segment, std::uint64_t offset) {
  const auto header = encode_header({segment, checksum_, offset, size_});
  buffer_.replace(0, header.size(), header.data(), header.size());
  buffer_.resize(record_size(size_));
  return buffer_;
}

Status LogBlobWriter::finish_own() {
  if (failure_) return fail(*failure_);
  const auto flushed = flush();
  if (!flushed) return flushed;
  const auto header = encode_header({own_.number, checksum_, 0, size_});
  return own_.file->write_at(0, {header.data(), header.size()});
}

}  // namespace bulkhead::store
