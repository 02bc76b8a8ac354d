// Reading and writing files as a whole, over the store's file layer.
#pragma once

#include <string>
#include <string_view>

#include "src/store/file_system.h"

namespace bulkhead::trace {

// kNotFound when there is no such file, kCorrupt when it is larger than `size_max`.
Result<std::string> read_whole(store::FileSystem& files, const std::string& path, std::size_t size_max);
// Exactly `size` bytes from `offset`; kCorrupt when the file ends before.
Result<std::string> read_exactly(const store::File& file, std::uint64_t offset, std::size_t size);
// Replaces `path` at once: written aside, synced, renamed, and the directory synced.
Status write_whole(store::FileSystem& files, const std::string& path, std::string_view bytes);

}  // namespace bulkhead::trace
