#include "src/trace/node_key.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "src/base/check.h"
#include "src/trace/file_bytes.h"

namespace bulkhead::trace {

namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;
using Bio = std::unique_ptr<BIO, FreeBio>;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(auto& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

constexpr std::size_t kPemSizeMax = 16 * 1024;

}  // namespace

Hash sha256(std::string_view first, std::string_view second) {
  Hash hash;
  const Context context{EVP_MD_CTX_new()};
  BULKHEAD_CHECK(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  EVP_DigestUpdate(context.get(), first.data(), first.size());
  EVP_DigestUpdate(context.get(), second.data(), second.size());
  BULKHEAD_CHECK(EVP_DigestFinal_ex(context.get(), raw(hash), nullptr) == 1);
  return hash;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

struct NodeKey::Handle {
  Key key;
};

NodeKey::NodeKey(std::shared_ptr<const Handle> handle) : handle_(std::move(handle)) {
  std::size_t size = public_key_.size();
  BULKHEAD_CHECK(EVP_PKEY_get_raw_public_key(handle_->key.get(), raw(public_key_), &size) == 1);
}

Result<NodeKey> NodeKey::from_pem(const std::string& path, std::string_view pem) {
  const Bio bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  auto handle = std::make_shared<Handle>();
  handle->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!handle->key || EVP_PKEY_get_id(handle->key.get()) != EVP_PKEY_ED25519) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} holds no Ed25519 private key in PEM", path),
                "restore the file, or move it away: a new key is made, and what the old one signed stays verifiable");
  }
  return NodeKey{std::move(handle)};
}

Result<NodeKey> NodeKey::create(const std::string& path, store::FileSystem& files) {
  const Key key{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  const Bio bio{BIO_new(BIO_s_mem())};
  if (!key || PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(ErrorCode::kIo, "OpenSSL makes no Ed25519 key");
  }
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &text));
  const std::string_view pem{text, size};
  // Under another name first, so that a crash leaves no half of a key.
  if (auto written = write_whole(files, path, pem); !written) return fail(written.error());
  return from_pem(path, pem);
}

Result<NodeKey> NodeKey::load_or_create(const std::string& path, store::FileSystem& files) {
  auto pem = read_whole(files, path, kPemSizeMax);
  if (pem) return from_pem(path, *pem);
  if (pem.error().code != ErrorCode::kNotFound) return fail(pem.error());
  return create(path, files);
}

Signature NodeKey::sign(std::string_view message) const {
  Signature signature;
  std::size_t size = signature.size();
  const Context context{EVP_MD_CTX_new()};
  BULKHEAD_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, handle_->key.get()) == 1);
  BULKHEAD_CHECK(EVP_DigestSign(context.get(), raw(signature), &size, raw(message), message.size()) == 1);
  return signature;
}

bool is_signed_by(const PublicKey& key, std::string_view message, const Signature& signature) {
  const Key handle{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(view(key)), key.size())};
  const Context context{EVP_MD_CTX_new()};
  return handle && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle.get()) == 1 &&
         EVP_DigestVerify(context.get(), raw(view(signature)), signature.size(), raw(message), message.size()) == 1;
}

}  // namespace bulkhead::trace
