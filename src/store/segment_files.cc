#include "src/store/segment_files.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace bulkhead::store {

namespace {

constexpr std::size_t kOpenMax = 256;
constexpr std::size_t kSparesMax = 4;  // retired shared segments that are kept to be recycled

struct Name {
  std::uint32_t number = 0;
  SegmentKind kind = SegmentKind::kShared;
};

std::optional<Name> parse_name(std::string_view text) {
  Name name;
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + dot, name.number);
  if (error != std::errc{} || end != text.data() + dot) return std::nullopt;
  const std::string_view suffix = text.substr(dot);
  if (suffix != ".log" && suffix != ".blob") return std::nullopt;
  name.kind = suffix == ".log" ? SegmentKind::kShared : SegmentKind::kOwn;
  return name;
}

Error no_segment(std::uint32_t number) {
  return {ErrorCode::kNotFound, fmt::format("there is no segment {}", number), {}};
}

}  // namespace

SegmentFiles::SegmentFiles(Place place, FileSystem& files, Log& log)
    : place_(std::move(place)), files_(files), log_(log) {}

std::string SegmentFiles::path_of(std::uint32_t number, SegmentKind kind) const {
  return fmt::format("{}/{:010}.{}", place_.directory, number, kind == SegmentKind::kShared ? "log" : "blob");
}

Status SegmentFiles::load(const std::map<std::uint32_t, SegmentKind>& known, std::uint32_t next) {
  const auto names = files_.list(place_.directory);
  if (!names) return fail(names.error());
  const std::lock_guard lock{mutex_};
  next_ = next;
  for (const std::string& text : *names) {
    const auto name = parse_name(text);
    if (!name) {
      log_.warning("store: {}/{} is not a segment; it is left alone", place_.directory, text);
      continue;
    }
    next_ = std::max(next_, name->number + 1);
    const auto found = known.find(name->number);
    if (found != known.end() && found->second == name->kind) {
      known_.emplace(name->number, name->kind);
    } else {
      retired_.push_back({name->number, name->kind, nullptr});
    }
  }
  for (const auto& [number, kind] : known) {
    if (!known_.contains(number)) {
      log_.error("store: segment {} is missing: the bodies in it are lost", path_of(number, kind));
    }
  }
  return {};
}

Result<std::uint32_t> SegmentFiles::take_number() {
  const std::lock_guard lock{mutex_};
  if (next_ >= reserved_) {
    return fail(ErrorCode::kFull, "too many large bodies arrive at once: no segment number is reserved");
  }
  return next_++;
}

Result<SegmentFiles::Segment> SegmentFiles::create_shared(std::uint64_t room) {
  const auto number = take_number();
  if (!number) return fail(number.error());
  const auto recycled = recycle_into(*number);
  if (!recycled) return fail(recycled.error());
  const std::string path = path_of(*number, SegmentKind::kShared);
  auto opened = files_.open(path, *recycled ? FileSystem::Mode::kReadWrite : FileSystem::Mode::kCreateNew);
  if (!opened) return fail(opened.error());
  std::shared_ptr<File> file = std::move(*opened);
  Status made = file->preallocate(room);
  if (*recycled) made = {};  // it has room already, if not always for so much
  if (made) made = sync_directory();
  const std::lock_guard lock{mutex_};
  if (!made) {
    retired_.push_back({*number, SegmentKind::kShared, nullptr});
    return fail(made.error());
  }
  known_.emplace(*number, SegmentKind::kShared);
  keep_open(*number, file);
  return Segment{*number, std::move(file)};
}

Status SegmentFiles::stock(std::size_t count) {
  for (; count > 0; --count) {
    const auto number = take_number();
    if (!number) return fail(number.error());
    auto file = files_.open(path_of(*number, SegmentKind::kShared), FileSystem::Mode::kCreateNew);
    if (!file) return fail(file.error());
    auto made = (*file)->preallocate(place_.segment_size);
    if (made) made = (*file)->write_zeros(0, place_.segment_size);
    if (made) made = (*file)->sync_data();
    const std::lock_guard lock{mutex_};
    retired_.push_back({*number, SegmentKind::kShared, nullptr});
    if (!made) return made;
  }
  return sync_directory();
}

// The lock is not held while the disk works: shards that read must not wait for it.
Result<bool> SegmentFiles::recycle_into(std::uint32_t number) {
  Retired spare;
  {
    const std::lock_guard lock{mutex_};
    const auto found = std::find_if(retired_.begin(), retired_.end(), is_spare);
    if (found == retired_.end()) return false;
    spare = std::move(*found);
    retired_.erase(found);
  }
  const auto renamed = files_.rename(path_of(spare.number, spare.kind), path_of(number, SegmentKind::kShared));
  if (renamed) return true;
  const std::lock_guard lock{mutex_};
  retired_.push_back(std::move(spare));
  return fail(renamed.error());
}

Result<SegmentFiles::Segment> SegmentFiles::create_own() {
  const auto number = take_number();
  if (!number) return fail(number.error());
  auto opened = files_.open(path_of(*number, SegmentKind::kOwn), FileSystem::Mode::kCreateNew);
  if (!opened) return fail(opened.error());
  std::shared_ptr<File> file = std::move(*opened);
  const std::lock_guard lock{mutex_};
  known_.emplace(*number, SegmentKind::kOwn);
  keep_open(*number, file);
  return Segment{*number, std::move(file)};
}

Status SegmentFiles::sync_directory() {
  const auto synced = files_.sync_directory(place_.directory);
  if (!synced) has_failed_sync_ = true;
  return synced;
}

// A file that somebody reads stays listed, so that retire() knows that it is in use.
void SegmentFiles::keep_open(std::uint32_t number, std::shared_ptr<File> file) {
  if (open_.size() >= kOpenMax) {
    auto oldest = open_.end();
    for (auto it = open_.begin(); it != open_.end(); ++it) {
      if (it->second.file.use_count() > 1) continue;
      if (oldest == open_.end() || it->second.last_use < oldest->second.last_use) oldest = it;
    }
    if (oldest != open_.end()) open_.erase(oldest);
  }
  open_[number] = {std::move(file), ++use_};
}

Result<std::shared_ptr<File>> SegmentFiles::open(std::uint32_t number) {
  SegmentKind kind;
  {
    const std::lock_guard lock{mutex_};
    const auto known = known_.find(number);
    if (known == known_.end()) return fail(no_segment(number));
    if (const auto found = open_.find(number); found != open_.end()) {
      found->second.last_use = ++use_;
      return found->second.file;
    }
    kind = known->second;
  }
  // Always for writing, too: the segment that is appended to stays one descriptor.
  auto opened = files_.open(path_of(number, kind), FileSystem::Mode::kReadWrite);
  const std::lock_guard lock{mutex_};
  if (!known_.contains(number)) return fail(no_segment(number));  // retired meanwhile: the name may be another's
  if (!opened) return fail(opened.error());
  if (const auto found = open_.find(number); found != open_.end()) return found->second.file;
  std::shared_ptr<File> file = std::move(*opened);
  keep_open(number, file);
  return file;
}

void SegmentFiles::retire(std::uint32_t number) {
  const std::lock_guard lock{mutex_};
  const auto known = known_.find(number);
  if (known == known_.end()) return;
  Retired retired{number, known->second, nullptr};
  if (const auto found = open_.find(number); found != open_.end()) {
    retired.file = std::move(found->second.file);
    open_.erase(found);
  }
  known_.erase(known);
  retired_.push_back(std::move(retired));
}

bool SegmentFiles::has_spare() const {
  const std::lock_guard lock{mutex_};
  return std::any_of(retired_.begin(), retired_.end(), is_spare);
}

Status SegmentFiles::reclaim() {
  std::vector<Retired> doomed;
  {
    const std::lock_guard lock{mutex_};
    std::size_t spares = 0;
    std::vector<Retired> kept;
    for (Retired& retired : retired_) {
      const bool is_spare = retired.kind == SegmentKind::kShared && spares++ < kSparesMax;
      (is_spare ? kept : doomed).push_back(std::move(retired));
    }
    retired_ = std::move(kept);
  }
  // Outside the lock: to unlink a large file takes a while, and a name that comes back after a crash does no harm.
  Status status;
  for (Retired& retired : doomed) {
    const auto removed = files_.remove(path_of(retired.number, retired.kind));
    if (removed || removed.error().code == ErrorCode::kNotFound) continue;
    status = removed;
    const std::lock_guard lock{mutex_};
    retired_.push_back(std::move(retired));
  }
  return status;
}

std::uint32_t SegmentFiles::reserved() const {
  const std::lock_guard lock{mutex_};
  return reserved_;
}

void SegmentFiles::set_reserved(std::uint32_t reserved) {
  const std::lock_guard lock{mutex_};
  reserved_ = reserved;
}

std::uint32_t SegmentFiles::next() const {
  const std::lock_guard lock{mutex_};
  return next_;
}

std::uint64_t SegmentFiles::count() const {
  const std::lock_guard lock{mutex_};
  return known_.size() + retired_.size();
}

std::uint64_t SegmentFiles::shared_count() const {
  const std::lock_guard lock{mutex_};
  std::uint64_t count = 0;
  for (const auto& [number, kind] : known_) count += kind == SegmentKind::kShared;
  for (const Retired& retired : retired_) count += retired.kind == SegmentKind::kShared;
  return count;
}

}  // namespace bulkhead::store
