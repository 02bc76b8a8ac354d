#include "src/net/certificate.h"

#include <ctime>

#include <openssl/pem.h>

namespace bulkhead::net {

namespace {

BioPtr read_bio(std::string_view text) {
  return BioPtr{BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), 1 << 20)))};
}

// A key with a passphrase must not make the server ask for it on its terminal.
int refuse_passphrase(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return 0;
}

Result<PkeyPtr> parse_key(std::string_view pem) {
  const BioPtr bio = read_bio(pem);
  bool was_asked = false;
  PkeyPtr key{PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &was_asked)};
  const std::string reason = take_openssl_error();
  if (key) return key;
  if (was_asked) {
    return fail(ErrorCode::kInvalid, "the key is protected by a passphrase",
                "store it without one: openssl pkey -in KEY -out PLAINKEY");
  }
  return fail(ErrorCode::kInvalid, "the key is no PEM private key: " + reason,
              "it begins with -----BEGIN PRIVATE KEY-----");
}

Result<X509StackPtr> parse_chain(std::string_view pem) {
  constexpr int kChainMax = 16;
  const BioPtr bio = read_bio(pem);
  X509StackPtr chain{sk_X509_new_null()};
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    sk_X509_push(chain.get(), certificate);
    if (sk_X509_num(chain.get()) > kChainMax) {
      return fail(ErrorCode::kLimit, "the chain has more than 16 certificates");
    }
  }
  const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = take_openssl_error();
  if (!is_at_end) return fail(ErrorCode::kInvalid, "the chain has a malformed certificate: " + reason);
  if (sk_X509_num(chain.get()) == 0) {
    return fail(ErrorCode::kInvalid, "the chain contains no PEM certificate",
                "it begins with -----BEGIN CERTIFICATE-----");
  }
  return chain;
}

std::string text_of(const ASN1_TIME& time) {
  const BioPtr bio{BIO_new(BIO_s_mem())};
  ASN1_TIME_print_ex(bio.get(), &time, ASN1_DTFLGS_ISO8601);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Status check_leaf(const Certificate& certificate) {
  if (X509_check_private_key(certificate.leaf.get(), certificate.key.get()) != 1) {
    ERR_clear_error();
    for (int i = 0; i < sk_X509_num(certificate.chain.get()); ++i) {
      if (X509_check_private_key(sk_X509_value(certificate.chain.get(), i), certificate.key.get()) == 1) {
        return fail(ErrorCode::kInvalid, "the key belongs to a later certificate of the chain",
                    "put the server's own certificate first");
      }
      ERR_clear_error();
    }
    return fail(ErrorCode::kInvalid, "the key does not match the certificate");
  }
  const ASN1_TIME* begin = X509_get0_notBefore(certificate.leaf.get());
  const ASN1_TIME* end = X509_get0_notAfter(certificate.leaf.get());
  if (X509_cmp_current_time(end) < 0) {
    return fail(ErrorCode::kInvalid, "the certificate expired at " + text_of(*end), "renew it");
  }
  if (X509_cmp_current_time(begin) > 0) {
    return fail(ErrorCode::kInvalid, "the certificate is not valid before " + text_of(*begin),
                "check the clock of this host");
  }
  return {};
}

struct GeneralNamesFree {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, GeneralNamesFree>;

bool add_alternative_name(X509& certificate, std::string_view host_name) {
  const GeneralNamesPtr names{GENERAL_NAMES_new()};
  GENERAL_NAME* name = GENERAL_NAME_new();
  if (const auto ip = IpAddress::parse(host_name)) {
    ASN1_OCTET_STRING* bytes = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(bytes, reinterpret_cast<const unsigned char*>(ip->bytes().data()),
                          static_cast<int>(ip->bytes().size()));
    GENERAL_NAME_set0_value(name, GEN_IPADD, bytes);
  } else {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, host_name.data(), static_cast<int>(host_name.size()));
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
  }
  sk_GENERAL_NAME_push(names.get(), name);
  return X509_add1_ext_i2d(&certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool set_names(X509& certificate, std::string_view host_name) {
  X509_NAME* subject = X509_get_subject_name(&certificate);
  // RFC 5280 bounds the common name to 64 characters; the alternative name is what clients compare.
  const std::string_view common = host_name.substr(0, 64);
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common.data()),
                                    static_cast<int>(common.size()), -1, 0) == 1 &&
         X509_set_issuer_name(&certificate, subject) == 1 && add_alternative_name(certificate, host_name);
}

bool set_serial(X509& certificate) {
  constexpr int kSerialBits = 127;  // RFC 5280 §4.1.2.2: positive, at most 20 octets
  const std::unique_ptr<BIGNUM, OpensslFree<BN_free>> serial{BN_new()};
  return BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

std::string taken(const BioPtr& bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Result<CertificatePtr> parse_certificate(std::string_view chain_pem, std::string_view key_pem) {
  auto chain = parse_chain(chain_pem);
  if (!chain) return fail(std::move(chain.error()));
  auto key = parse_key(key_pem);
  if (!key) return fail(std::move(key.error()));
  auto certificate = std::make_shared<Certificate>();
  certificate->leaf.reset(sk_X509_shift(chain->get()));
  certificate->chain = std::move(*chain);
  certificate->key = std::move(*key);
  if (auto checked = check_leaf(*certificate); !checked) return fail(std::move(checked.error()));
  return certificate;
}

Result<PemPair> make_self_signed(std::string_view host_name) {
  constexpr long kDay = 24 * 60 * 60;
  const PkeyPtr key{EVP_EC_gen("P-256")};
  const X509Ptr certificate{X509_new()};
  const BioPtr chain_pem{BIO_new(BIO_s_mem())};
  const BioPtr key_pem{BIO_new(BIO_s_mem())};
  const bool is_made =
      key && certificate && !host_name.empty() && host_name.size() <= 253 &&
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 && set_serial(*certificate) &&
      // A day back, for peers whose clock is slow.
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3652 * kDay) != nullptr &&
      set_names(*certificate, host_name) && X509_set_pubkey(certificate.get(), key.get()) == 1 &&
      X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0 &&
      PEM_write_bio_X509(chain_pem.get(), certificate.get()) == 1 &&
      PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
  if (!is_made) {
    return fail(ErrorCode::kInvalid,
                "cannot make a certificate for '" + std::string{host_name} + "': " + take_openssl_error());
  }
  return PemPair{taken(chain_pem), taken(key_pem)};
}

std::vector<std::string> names_of(const Certificate& certificate) {
  std::vector<std::string> out;
  const GeneralNamesPtr names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.leaf.get(), NID_subject_alt_name, nullptr, nullptr))};
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* text = ASN1_STRING_get0_data(name->d.dNSName);
    out.emplace_back(reinterpret_cast<const char*>(text),
                     static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  return out;
}

UtcTime expiry_of(const Certificate& certificate) {
  std::tm end{};
  ASN1_TIME_to_tm(X509_get0_notAfter(certificate.leaf.get()), &end);
  return std::chrono::sys_seconds{std::chrono::seconds{::timegm(&end)}};
}

}  // namespace bulkhead::net
