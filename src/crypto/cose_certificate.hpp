// Certificates that vouch for a key: read, asked about, and held against trust anchors. For attestations
// (WebAuthn section 8) and for the x5chain of COSE.
// @see RFC 5280; RFC 9360
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/cose.hpp"

namespace dayaq::crypto {

class Certificate {
 public:
  /// DER, at most 16 KiB, and nothing after it. invalid_input "cose.certificate".
  static Result<Certificate> parse(BytesView der);

  [[nodiscard]] int version() const;  ///< 1, 2, 3
  /// The first value of a subject attribute by its short name ("C", "O", "OU", "CN") as UTF-8; empty if not
  /// there.
  [[nodiscard]] std::string subject(std::string_view attribute) const;
  /// Basic constraints: none if the extension isn't there (or is damaged).
  [[nodiscard]] std::optional<bool> is_authority() const;
  struct Extension {
    Bytes value;  ///< what its octet string holds, DER
    bool critical = false;
  };
  /// By dotted number. None if it isn't there or is there twice.
  [[nodiscard]] std::optional<Extension> extension(const std::string& oid) const;
  /// Its key. invalid_input "cose.algorithm" if not P-256, Ed25519 or RSA of our sizes.
  [[nodiscard]] Result<CoseKey> key() const;

  Certificate(Certificate&&) noexcept;
  Certificate& operator=(Certificate&&) noexcept;
  ~Certificate();

 private:
  friend Result<void> verify_chain(std::span<const BytesView>, std::span<const Bytes>, Instant);
  struct Impl;
  explicit Certificate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// RFC 5280 section 6: from chain[0] over the others to one of `anchors` (DER; itself an authority, or
/// chain[0] itself), valid at `now`. At most 8 certificates.
///   - invalid_input "cose.certificate"  one can't be read
///   - forbidden "cose.untrusted"        the chain doesn't end in an anchor, or isn't valid now
[[nodiscard]] Result<void> verify_chain(std::span<const BytesView> chain, std::span<const Bytes> anchors,
                                        Instant now);

}  // namespace dayaq::crypto
