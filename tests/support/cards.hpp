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
    std::vector<std::pair<std::string, std::string>> subject = {};
    bool authority = false;
    std::string usage = {};           ///< "" for what an authority or a card has: "critical,digitalSignature"
    std::string extended_usage = {};  ///< "clientAuth"; "" for none
    long serial = 7;
    Instant from = Instant(std::chrono::seconds(1'700'000'000));
    Instant until = Instant(std::chrono::seconds(2'000'000'000));
  };

  static Made make(const Wish& wish, const Made* issuer) {
    Made out;
    out.key = Key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    out.certificate = std::shared_ptr<X509>(X509_new(), X509_free);
    X509* x = out.certificate.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), wish.serial);
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
    const char* const usual = wish.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature";
    add(x, NID_key_usage, wish.usage.empty() ? usual : wish.usage.c_str());
    if (!wish.extended_usage.empty()) add(x, NID_ext_key_usage, wish.extended_usage.c_str());
    X509_sign(x, issuer == nullptr ? out.key.get() : issuer->key.get(), EVP_sha256());
    out.der = der_of(x, i2d_X509);
    return out;
  }
  /// A list, DER, of those that an authority has revoked, by serial number.
  static Bytes list(const Made& issuer, const std::vector<long>& revoked, Instant from, Instant until) {
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(X509_CRL_new(), X509_CRL_free);
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate.get()));
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> time(ASN1_TIME_new(), ASN1_TIME_free);
    set_time(time.get(), from);
    X509_CRL_set1_lastUpdate(list.get(), time.get());
    for (const long serial : revoked) {
      X509_REVOKED* const entry = X509_REVOKED_new();
      const std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> number(ASN1_INTEGER_new(),
                                                                               ASN1_INTEGER_free);
      ASN1_INTEGER_set(number.get(), serial);
      X509_REVOKED_set_serialNumber(entry, number.get());
      X509_REVOKED_set_revocationDate(entry, time.get());
      X509_CRL_add0_revoked(list.get(), entry);
    }
    set_time(time.get(), until);
    X509_CRL_set1_nextUpdate(list.get(), time.get());
    X509_CRL_sort(list.get());
    X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256());
    return der_of(list.get(), i2d_X509_CRL);
  }
  template <class T>
  static Bytes der_of(T* thing, int (*write)(const T*, unsigned char**)) {
    unsigned char* der = nullptr;
    const int size = write(thing, &der);
    const auto* bytes = reinterpret_cast<const std::byte*>(der);
    Bytes out(bytes, bytes + size);
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
