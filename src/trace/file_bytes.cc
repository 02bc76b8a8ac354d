#include "src/trace/file_bytes.h"

#include <fmt/format.h>

namespace bulkhead::trace {

Result<std::string> read_exactly(const store::File& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const auto got = file.read_at(offset + have, bytes.data() + have, size - have);
    if (!got) return fail(got.error());
    if (*got == 0) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("a file ends at {}, {} bytes too early", offset + have, size - have));
    }
    have += *got;
  }
  return bytes;
}

Result<std::string> read_whole(store::FileSystem& files, const std::string& path, std::size_t size_max) {
  const auto file = files.open(path, store::FileSystem::Mode::kRead);
  if (!file) return fail(file.error());
  const auto size = (*file)->size();
  if (!size) return fail(size.error());
  if (*size > size_max) return fail(ErrorCode::kCorrupt, fmt::format("{} is larger than {} bytes", path, size_max));
  return read_exactly(**file, 0, *size);
}

namespace {

Status write_new(store::FileSystem& files, const std::string& path, std::string_view bytes) {
  if (auto removed = files.remove(path); !removed && removed.error().code != ErrorCode::kNotFound) return removed;
  const auto file = files.open(path, store::FileSystem::Mode::kCreateNew);
  if (!file) return fail(file.error());
  if (auto written = (*file)->write_at(0, bytes); !written) return written;
  return (*file)->sync_data();
}

}  // namespace

Status write_whole(store::FileSystem& files, const std::string& path, std::string_view bytes) {
  const std::string aside = path + ".new";
  if (auto written = write_new(files, aside, bytes); !written) return written;
  if (auto renamed = files.rename(aside, path); !renamed) return renamed;
  return files.sync_directory(path.substr(0, path.rfind('/')));
}

}  // namespace bulkhead::trace
