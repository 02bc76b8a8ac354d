#include "src/queue/attributes.h"

#include <array>
#include <span>

namespace bulkhead::queue {
namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

unsigned char lower(char c) {
  return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool is_text(AttributeKind kind) {
  return kind == AttributeKind::kSender || kind == AttributeKind::kDomain || kind == AttributeKind::kSite;
}

}  // namespace

AttributeHash::AttributeHash(Random& random) {
  std::array<char, sizeof(key_)> bytes{};
  random.fill(bytes);
  std::memcpy(key_, bytes.data(), bytes.size());
  key_[1] |= 1;
}

std::uint64_t AttributeHash::operator()(AttributeKind kind, std::string_view value) const {
  std::uint64_t hash = key_[0] ^ (static_cast<std::uint64_t>(kind) + 1) * 0xA0761D6478BD642FULL;
  const bool folds_case = is_text(kind);
  for (std::size_t at = 0; at < value.size(); at += 8) {
    std::uint64_t word = 0;
    for (const char c : value.substr(at, 8)) word = word << 8 | (folds_case ? lower(c) : static_cast<unsigned char>(c));
    hash = fold(hash ^ word, key_[1]) + 0xE7037ED1A0B428DBULL;
  }
  hash = fold(hash ^ value.size(), key_[0] | 1);
  hash ^= hash >> 29;
  return hash == 0 ? 1 : hash;
}

AttributeKeys keys_of(const AttributeHash& hash, const Message& message, std::uint16_t index) {
  AttributeKeys keys;
  if (message.account) keys.account = hash.of_account(*message.account);
  keys.sender = hash(AttributeKind::kSender, message.sender.text());
  if (message.client_ip) keys.client_ip = hash.of_client(*message.client_ip);
  if (index < message.recipients.size()) {
    keys.domain = hash(AttributeKind::kDomain, message.recipients[index].recipient.address.domain);
  }
  return keys;
}

AttributeRef AttributeTable::acquire(AttributeKind kind, std::uint64_t key) {
  if (key == 0) return kNoAttribute;
  if (const AttributeRef known = find(key); known != kNoAttribute) {
    ++(*this)[known].holders;
    return known;
  }
  if (free_.empty()) {
    const AttributeRef first = end();
    chunks_.push_back(std::make_unique<AttributeRow[]>(kChunk));
    // Row 0 stays unused: its number means "none".
    for (AttributeRef ref = end() - 1; ref + 1 > std::max<AttributeRef>(first, 1); --ref) free_.push_back(ref);
  }
  const AttributeRef ref = free_.back();
  free_.pop_back();
  AttributeRow& row = (*this)[ref];
  row = AttributeRow{};
  row.key = key;
  row.kind = kind;
  row.holders = 1;
  index_.insert(ref, key, [this](AttributeRef other) { return (*this)[other].key; });
  ++size_;
  return ref;
}

void AttributeTable::release(AttributeRef ref) {
  if (ref == kNoAttribute || --(*this)[ref].holders > 0) return;
  index_.erase(ref, (*this)[ref].key, [this](AttributeRef other) { return (*this)[other].key; });
  free_.push_back(ref);
  --size_;
}

AttributeRef AttributeTable::find(std::uint64_t key) const {
  const auto found = index_.find(key, [&](AttributeRef ref) { return (*this)[ref].key == key; });
  return found == SlotIndex::kNone ? kNoAttribute : found;
}

}  // namespace bulkhead::queue
