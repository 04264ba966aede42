// Certificates as an issuer of identity cards makes them. Whoever includes this links OpenSSL::Crypto.
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace dayaq::test {

struct CardMaker {
  using Key = std::shared_ptr<EVP_PKEY>;
  struct Made {
    Key key;
    std::shared_ptr<X509> certificate;
    Bytes der;
  };
  struct Wish {
    std::vector<std::pair<std::string, std::string>> subject;
    bool authority = false;
    Instant from = Instant(std::chrono::seconds(1'700'000'000));
    Instant until = Instant(std::chrono::seconds(2'000'000'000));
  };

  static Made make(const Wish& wish, const Made* issuer) {
    Made out;
    out.key = Key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    out.certificate = std::shared_ptr<X509>(X509_new(), X509_free);
    X509* x = out.certificate.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    set_time(X509_getm_notBefore(x), wish.from);
    set_time(X509_getm_notAfter(x), wish.until);
    X509_NAME* name = X509_get_subject_name(x);
    for (const auto& [field, value] : wish.subject) {
      X509_NAME_add_entry_by_txt(name, field.c_str(), MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(value.data()), int(value.size()), -1,
                                 0);
    }
    X509_set_issuer_name(x, issuer == nullptr ? name : X509_get_subject_name(issuer->certificate.get()));
    X509_set_pubkey(x, out.key.get());
    add(x, NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add(x, NID_key_usage, wish.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    X509_sign(x, issuer == nullptr ? out.key.get() : issuer->key.get(), EVP_sha256());
    unsigned char* der = nullptr;
    const int size = i2d_X509(x, &der);
    const auto* bytes = reinterpret_cast<const std::byte*>(der);
    out.der.assign(bytes, bytes + size);
    OPENSSL_free(der);
    return out;
  }
  static Made authority(const std::string& name) {
    return make({.subject = {{"C", "AZ"}, {"CN", name}}, .authority = true}, nullptr);
  }
  static Made card(const std::string& serial, const Made& issuer) {
    return make({.subject = {{"C", "AZ"}, {"CN", "Aygün"}, {"serialNumber", serial}}}, &issuer);
  }

 private:
  static void set_time(ASN1_TIME* time, Instant at) {
    ASN1_TIME_set(time, std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  }
  static void add(X509* x, int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  }
};

}  // namespace dayaq::test
