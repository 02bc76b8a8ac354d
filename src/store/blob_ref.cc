#include "src/store/blob_ref.h"

#include "src/store/encoding.h"

namespace bulkhead::store {

void BlobRef::append_to(std::string& out) const {
  append_le<std::uint32_t>(out, segment);
  append_le<std::uint64_t>(out, offset);
  append_le<std::uint64_t>(out, length);
  out.push_back(is_shared ? '\1' : '\0');
}

std::optional<BlobRef> BlobRef::decode(std::string_view bytes) {
  if (bytes.size() != kEncodedSize || static_cast<unsigned char>(bytes[20]) > 1) return std::nullopt;
  BlobRef ref;
  ref.segment = load_le<std::uint32_t>(bytes.data());
  ref.offset = load_le<std::uint64_t>(bytes.data() + 4);
  ref.length = load_le<std::uint64_t>(bytes.data() + 12);
  ref.is_shared = bytes[20] == '\1';
  return ref;
}

}  // namespace bulkhead::store
