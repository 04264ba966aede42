#include "crypto/client_certificate.hpp"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "crypto/openssl_handles.ipp"

namespace dayaq::crypto {
namespace {

constexpr std::size_t certificate_max = 16'384;
constexpr std::size_t list_max = 64u << 20;
constexpr std::size_t chain_max = 8;
constexpr int strength = 2;                     // SSL_CTX_set_security_level: 112 bits
constexpr std::chrono::minutes clock_slack{5};  // the responder's clock may be ahead of ours

using X509Handle = std::unique_ptr<X509, HandleDeleter<X509_free>>;
using BioHandle = std::unique_ptr<BIO, HandleDeleter<BIO_free_all>>;
using CrlHandle = std::unique_ptr<X509_CRL, HandleDeleter<X509_CRL_free>>;

void free_stack(STACK_OF(X509) * stack) noexcept {
  sk_X509_free(stack);  // the certificates stay their owners'
}
using StackHandle = std::unique_ptr<STACK_OF(X509), HandleDeleter<free_stack>>;

std::unexpected<Error> unreadable() {
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "cose.certificate", "This is not a certificate.");
}
std::unexpected<Error> untrusted(std::string detail) {
  ERR_clear_error();
  return fail(ErrorKind::forbidden, "certificate.untrusted",
              "This certificate wasn't issued by an authority that is trusted here.", std::move(detail));
}
std::unexpected<Error> bad_list(std::string detail) {
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "certificate.list",
              "This list of revoked certificates can't be used.", std::move(detail));
}

X509Handle parse(BytesView der) {
  if (der.empty() || der.size() > certificate_max) return {};
  const unsigned char* at = raw_bytes(der);
  X509Handle out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (at != raw_bytes(der) + der.size()) out.reset();
  return out;
}

template <class T>
Bytes der_of(T* thing, int (*write)(const T*, unsigned char**)) {
  unsigned char* der = nullptr;
  const int size = write(thing, &der);
  if (size <= 0) return {};
  const auto* const first = reinterpret_cast<const std::byte*>(der);
  Bytes out(first, first + size);
  OPENSSL_free(der);
  return out;
}

std::optional<Instant> instant_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return from_micros(std::int64_t(::timegm(&parts)) * 1'000'000);
}

time_t seconds_of(Instant t) {
  return static_cast<time_t>(to_micros(t) / 1'000'000);
}

std::unexpected<Error> refused(int why, int depth) {
  ERR_clear_error();
  std::string detail = X509_verify_cert_error_string(why);
  if (depth == 0 && (why == X509_V_ERR_CERT_HAS_EXPIRED || why == X509_V_ERR_CERT_NOT_YET_VALID)) {
    return fail(ErrorKind::forbidden, "certificate.expired",
                "This certificate isn't valid any more, or not yet.", std::move(detail));
  }
  if (depth == 0 && why == X509_V_ERR_INVALID_PURPOSE) {
    return fail(ErrorKind::forbidden, "certificate.purpose", "This certificate is for something else.",
                std::move(detail));
  }
  return untrusted(std::move(detail));
}

}  // namespace

Result<std::vector<Bytes>> read_certificates(std::string_view pem) {
  const BioHandle in(
      BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<std::size_t>(pem.size(), 16u << 20))));
  std::vector<Bytes> out;
  while (in) {
    const X509Handle one(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (!one) break;
    out.push_back(der_of<X509>(one.get(), i2d_X509));
  }
  // Read to the end, or to something that isn't a certificate?
  const bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (out.empty() || !whole) {
    return fail(ErrorKind::invalid_input, "certificate.pem",
                "These certificates can't be read. Give a PEM file.");
  }
  return out;
}

Result<std::vector<Bytes>> verify_client_chain(BytesView leaf, std::span<const Bytes> others,
                                               std::span<const Bytes> anchors, Instant now) {
  const X509Handle certificate = parse(leaf);
  if (!certificate) return unreadable();
  const std::unique_ptr<X509_STORE, HandleDeleter<X509_STORE_free>> store(X509_STORE_new());
  const StackHandle between(sk_X509_new_null());
  const std::unique_ptr<X509_STORE_CTX, HandleDeleter<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  DAYAQ_ASSERT(store && between && context);
  std::vector<X509Handle> owned;
  for (const Bytes& der : others.first(std::min(others.size(), chain_max))) {
    owned.push_back(parse(der));
    if (!owned.back()) return unreadable();
    DAYAQ_ASSERT(sk_X509_push(between.get(), owned.back().get()) > 0);
  }
  for (const Bytes& der : anchors) {
    const X509Handle anchor = parse(der);
    if (!anchor) return unreadable();
    DAYAQ_ASSERT(X509_STORE_add_cert(store.get(), anchor.get()) == 1);
  }
  // RFC 5280 section 4.2.1.9: whoever may issue certificates is no person. An anchor is itself never shown.
  if (X509_check_ca(certificate.get()) != 0) return untrusted("an authority's certificate");
  DAYAQ_ASSERT(X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), between.get()) == 1);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_time(context.get(), 0, seconds_of(now));
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context.get()), strength);
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
  if (X509_verify_cert(context.get()) != 1) {
    return refused(X509_STORE_CTX_get_error(context.get()), X509_STORE_CTX_get_error_depth(context.get()));
  }
  // Section 4.2.1.3: a card's key for documents has nonRepudiation instead, and proves no presence.
  if ((X509_get_extension_flags(certificate.get()) & EXFLAG_KUSAGE) == 0 ||
      (X509_get_key_usage(certificate.get()) & KU_DIGITAL_SIGNATURE) == 0) {
    return refused(X509_V_ERR_INVALID_PURPOSE, 0);
  }
  std::vector<Bytes> chain;
  const STACK_OF(X509)* const found = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(found); ++i) {
    chain.push_back(der_of<X509>(sk_X509_value(found, i), i2d_X509));
  }
  if (chain.size() < 2) return untrusted("the certificate is itself an anchor");
  return chain;
}

struct RevocationList::Impl {
  CrlHandle list;
};

RevocationList::RevocationList() : impl_(std::make_unique<Impl>()) {}
RevocationList::RevocationList(RevocationList&&) noexcept = default;
RevocationList& RevocationList::operator=(RevocationList&&) noexcept = default;
RevocationList::~RevocationList() = default;

Result<RevocationList> RevocationList::read(BytesView bytes, BytesView authority) {
  if (bytes.empty() || bytes.size() > list_max) return bad_list("empty or too long");
  RevocationList out;
  const unsigned char* at = raw_bytes(bytes);
  if (as_text(bytes).starts_with("-----BEGIN")) {
    const BioHandle in(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
    out.impl_->list.reset(PEM_read_bio_X509_CRL(in.get(), nullptr, nullptr, nullptr));
  } else {
    out.impl_->list.reset(d2i_X509_CRL(nullptr, &at, static_cast<long>(bytes.size())));
    if (at != raw_bytes(bytes) + bytes.size()) out.impl_->list.reset();
  }
  X509_CRL* const list = out.impl_->list.get();
  const X509Handle issuer = parse(authority);
  if (list == nullptr) return bad_list("neither DER nor PEM");
  if (!issuer) return unreadable();
  const auto from = instant_of(X509_CRL_get0_lastUpdate(list));
  const auto until = instant_of(X509_CRL_get0_nextUpdate(list));
  if (!from || !until) return bad_list("doesn't say until when it holds");
  out.from_ = *from;
  out.until_ = *until;
  // RFC 5280 section 5.2: what is critical and isn't understood (an issuing distribution point, a base for
  // changes) may mean that the list doesn't hold all.
  for (int i = 0; i < X509_CRL_get_ext_count(list); ++i) {
    if (X509_EXTENSION_get_critical(X509_CRL_get_ext(list, i)) != 0) return bad_list("a critical extension");
  }
  const bool may_sign = (X509_get_extension_flags(issuer.get()) & EXFLAG_KUSAGE) == 0 ||
                        (X509_get_key_usage(issuer.get()) & KU_CRL_SIGN) != 0;
  if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer.get())) != 0 || !may_sign ||
      X509_CRL_verify(list, X509_get0_pubkey(issuer.get())) != 1) {
    ERR_clear_error();
    return fail(ErrorKind::forbidden, "certificate.list_untrusted",
                "This list of revoked certificates isn't of this authority.");
  }
  return out;
}

Standing RevocationList::standing(BytesView certificate, Instant now) const {
  const X509Handle asked = parse(certificate);
  if (!asked || now < from_ - clock_slack || now >= until_) return Standing::unknown;
  X509_REVOKED* entry = nullptr;
  const int found = X509_CRL_get0_by_cert(impl_->list.get(), &entry, asked.get());
  ERR_clear_error();
  // 2: "removeFromCRL", which lists of changes alone have.
  return found == 1 ? Standing::revoked : found == 0 ? Standing::good : Standing::unknown;
}

namespace {

using CertIdHandle = std::unique_ptr<OCSP_CERTID, HandleDeleter<OCSP_CERTID_free>>;
using RequestHandle = std::unique_ptr<OCSP_REQUEST, HandleDeleter<OCSP_REQUEST_free>>;
using ResponseHandle = std::unique_ptr<OCSP_RESPONSE, HandleDeleter<OCSP_RESPONSE_free>>;
using BasicHandle = std::unique_ptr<OCSP_BASICRESP, HandleDeleter<OCSP_BASICRESP_free>>;

std::unexpected<Error> bad_answer(std::string detail) {
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "certificate.ocsp",
              "The authority's responder didn't answer the question.", std::move(detail));
}
std::unexpected<Error> untrusted_answer(std::string detail) {
  ERR_clear_error();
  return fail(ErrorKind::forbidden, "certificate.ocsp_untrusted",
              "The answer isn't the authority's, or isn't of now.", std::move(detail));
}

/// Section 4.2.2.2: signed by the authority, or by a certificate of its own that is for this.
bool signed_rightly(OCSP_BASICRESP* answer, X509* issuer, Instant now) {
  const std::unique_ptr<X509_STORE, HandleDeleter<X509_STORE_free>> store(X509_STORE_new());
  const StackHandle known(sk_X509_new_null());
  DAYAQ_ASSERT(store && known && X509_STORE_add_cert(store.get(), issuer) == 1);
  DAYAQ_ASSERT(sk_X509_push(known.get(), issuer) > 0);
  X509_VERIFY_PARAM* const rules = X509_STORE_get0_param(store.get());
  X509_VERIFY_PARAM_set_time(rules, seconds_of(now));
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
  return OCSP_basic_verify(answer, known.get(), store.get(), OCSP_PARTIAL_CHAIN) == 1;
}

/// -1: another; 0: none; 1: the question's.
int compare_nonce(OCSP_BASICRESP* answer, const OcspQuestion& question) {
  const int index = OCSP_BASICRESP_get_ext_by_NID(answer, NID_id_pkix_OCSP_Nonce, -1);
  if (index < 0) return 0;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(answer, index));
  // The extension holds an OCTET STRING within its own; a short one's head has two bytes.
  const auto* const first = reinterpret_cast<const std::byte*>(ASN1_STRING_get0_data(value));
  const BytesView bytes(first, static_cast<std::size_t>(ASN1_STRING_length(value)));
  if (bytes.size() != question.nonce.size() + 2 || bytes.empty()) return -1;
  return std::ranges::equal(bytes.subspan(2), question.nonce) ? 1 : -1;
}

}  // namespace

Result<OcspQuestion> ask_ocsp(BytesView certificate, BytesView authority, BytesView nonce) {
  const X509Handle asked = parse(certificate);
  const X509Handle issuer = parse(authority);
  if (!asked || !issuer) return unreadable();
  const RequestHandle request(OCSP_REQUEST_new());
  // SHA-1 names the authority here and protects nothing; every responder knows it.
  CertIdHandle id(OCSP_cert_to_id(EVP_sha1(), asked.get(), issuer.get()));
  DAYAQ_ASSERT(request && id && nonce.size() >= 16 && nonce.size() <= 32);
  DAYAQ_ASSERT(OCSP_request_add0_id(request.get(), id.get()) != nullptr);
  (void)id.release();
  Bytes own(nonce.begin(), nonce.end());
  OCSP_request_add1_nonce(request.get(), raw_out(own), static_cast<int>(own.size()));
  return OcspQuestion{.request = der_of<OCSP_REQUEST>(request.get(), i2d_OCSP_REQUEST),
                      .nonce = std::move(own)};
}

Result<Standing> read_ocsp(BytesView bytes, BytesView certificate, BytesView authority,
                           const OcspQuestion& question, Instant now, std::chrono::seconds age_max) {
  const X509Handle asked = parse(certificate);
  const X509Handle issuer = parse(authority);
  if (!asked || !issuer) return unreadable();
  if (bytes.empty() || bytes.size() > certificate_max * 4) return bad_answer("empty or too long");
  const unsigned char* at = raw_bytes(bytes);
  const ResponseHandle response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes.size())));
  if (!response) return bad_answer("not an OCSP response");
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) return bad_answer(OCSP_response_status_str(status));
  const BasicHandle answer(OCSP_response_get1_basic(response.get()));
  if (!answer) return bad_answer("of another type");
  if (!signed_rightly(answer.get(), issuer.get(), now)) return untrusted_answer("its signature");
  const int nonce = compare_nonce(answer.get(), question);
  if (nonce < 0) return untrusted_answer("another question's nonce");
  const CertIdHandle id(OCSP_cert_to_id(EVP_sha1(), asked.get(), issuer.get()));
  int standing = V_OCSP_CERTSTATUS_UNKNOWN, reason = 0;
  ASN1_GENERALIZEDTIME *revoked = nullptr, *from = nullptr, *until = nullptr;
  if (OCSP_resp_find_status(answer.get(), id.get(), &standing, &reason, &revoked, &from, &until) != 1) {
    return untrusted_answer("about another certificate");
  }
  const auto starts = instant_of(from);
  const auto ends = instant_of(until);
  if (!starts || now < *starts - clock_slack || (ends && now >= *ends)) return untrusted_answer("not of now");
  if (nonce == 0 && now - *starts > age_max) return untrusted_answer("made long ago");
  if (standing == V_OCSP_CERTSTATUS_GOOD) return Standing::good;
  return standing == V_OCSP_CERTSTATUS_REVOKED ? Standing::revoked : Standing::unknown;
}

}  // namespace dayaq::crypto
