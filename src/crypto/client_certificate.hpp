// Certificates that persons and programs show over mutual TLS: whether one leads to an authority that is
// trusted, is meant for this, is valid now, and wasn't revoked, by a list or by an answer of its authority.
// @see RFC 5280 (certificates, revocation lists), RFC 6960 (OCSP)
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace dayaq::crypto {

/// All certificates of a PEM file, as DER. invalid_input "certificate.pem": none, or one that can't be read.
[[nodiscard]] Result<std::vector<Bytes>> read_certificates(std::string_view pem);

/// From `leaf` over `others` to one of `anchors` (authorities; DER), all at least as strong as RSA with 2,048
/// bits. The leaf must be for signing (keyUsage digitalSignature) and for TLS clients (if it says what it is
/// for). Returns the chain, leaf first, anchor last.
///   - invalid_input "cose.certificate"       one can't be read
///   - forbidden "certificate.untrusted"      leads to none of them, or is an authority itself
///   - forbidden "certificate.expired"        isn't valid now: too late or too early
///   - forbidden "certificate.purpose"        is for something else, such as signing documents
[[nodiscard]] Result<std::vector<Bytes>> verify_client_chain(BytesView leaf, std::span<const Bytes> others,
                                                             std::span<const Bytes> anchors, Instant now);

enum class Standing : std::uint8_t { good, revoked, unknown };

/// What an authority has revoked. RFC 5280 section 5.
class RevocationList {
 public:
  /// DER or PEM, checked against the authority's certificate: its name, its key, and that it may sign lists.
  ///   - invalid_input "certificate.list"  can't be read; has no nextUpdate; says something critical that
  ///   isn't
  ///     understood (a list of some reasons alone, of changes alone)
  ///   - forbidden "certificate.list_untrusted"  isn't this authority's
  static Result<RevocationList> read(BytesView bytes, BytesView authority);
  [[nodiscard]] Instant from() const { return from_; }    ///< thisUpdate
  [[nodiscard]] Instant until() const { return until_; }  ///< nextUpdate: it says nothing from then on
  /// unknown: the list isn't of now. `certificate` is of the authority that the list was read for.
  [[nodiscard]] Standing standing(BytesView certificate, Instant now) const;

  RevocationList(RevocationList&&) noexcept;
  RevocationList& operator=(RevocationList&&) noexcept;
  ~RevocationList();

 private:
  RevocationList();
  struct Impl;
  std::unique_ptr<Impl> impl_;
  Instant from_, until_;
};

/// A question to an authority's responder about one certificate. RFC 6960 section 4.1, with a nonce (RFC
/// 9654).
struct OcspQuestion {
  Bytes request;  ///< DER: the body of a POST, application/ocsp-request
  Bytes nonce;
};
/// invalid_input "cose.certificate".
[[nodiscard]] Result<OcspQuestion> ask_ocsp(BytesView certificate, BytesView authority, BytesView nonce);
/// What the responder answered: signed by the authority or by whom it says signs its answers
/// (section 4.2.2.2), about this certificate, of now, and with the question's nonce. An answer without a
/// nonce is taken (many responders sign ahead) if it was made within `age_max`.
///   - invalid_input "certificate.ocsp"       can't be read, or the responder refused
///   - forbidden "certificate.ocsp_untrusted" isn't signed by whom it should, has another's nonce, or isn't
///   of now
[[nodiscard]] Result<Standing> read_ocsp(BytesView answer, BytesView certificate, BytesView authority,
                                         const OcspQuestion& question, Instant now,
                                         std::chrono::seconds age_max = std::chrono::hours(12));

}  // namespace dayaq::crypto
