// A certificate authority for tests, with whatever period of validity a test wants.
#pragma once

#include <string>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "src/net/openssl_types.h"
#include "src/net/tls.h"

namespace bulkhead::net {

struct Validity {
  long from_days = -1;
  long to_days = 30;
};

class TestAuthority {
 public:
  explicit TestAuthority(Validity validity = {}) : key_(EVP_EC_gen("P-256")) {
    certificate_ = make("Test Authority", *key_, validity);
    add(*certificate_, NID_basic_constraints, "critical,CA:TRUE");
    add(*certificate_, NID_key_usage, "critical,keyCertSign");
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  }
  std::string pem() const { return text_of(*certificate_); }
  PemPair issue(const std::string& host_name, Validity validity = {}) const {
    const PkeyPtr key{EVP_EC_gen("P-256")};
    const X509Ptr leaf = make(host_name, *key, validity);
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(certificate_.get()));
    add(*leaf, NID_subject_alt_name, "DNS:" + host_name);
    X509_sign(leaf.get(), key_.get(), EVP_sha256());
    return {text_of(*leaf), text_of(*key)};
  }
  static std::string text_of(EVP_PKEY& key) {
    const BioPtr bio{BIO_new(BIO_s_mem())};
    PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr);
    return taken(*bio);
  }

 private:
  static X509Ptr make(const std::string& name, EVP_PKEY& key, Validity validity) {
    constexpr long kDay = 86400;
    X509Ptr made{X509_new()};
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 7);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), validity.from_days * kDay);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), validity.to_days * kDay);
    X509_NAME* subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(made.get(), subject);
    X509_set_pubkey(made.get(), &key);
    return made;
  }
  static void add(X509& to, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(&to, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static std::string text_of(X509& certificate) {
    const BioPtr bio{BIO_new(BIO_s_mem())};
    PEM_write_bio_X509(bio.get(), &certificate);
    return taken(*bio);
  }
  static std::string taken(BIO& bio) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(&bio, &text);
    return {text, static_cast<std::size_t>(size)};
  }
  PkeyPtr key_;
  X509Ptr certificate_;
};

}  // namespace bulkhead::net
