#include "crypto/cose_certificate.hpp"
#include "identity/account/enrolment.hpp"

namespace dayaq::identity {
namespace {

std::unexpected<Error> untrusted(std::string detail) {
  return fail(ErrorKind::forbidden, "card.untrusted",
              "This certificate isn't of an identity card that is accepted here, or isn't valid now.",
              std::move(detail));
}

std::unexpected<Error> refused_chain(const Error& error) {
  if (error.code == "certificate.expired") {
    return fail(ErrorKind::forbidden, "card.expired", "This identity card isn't valid any more, or not yet.",
                error.detail);
  }
  if (error.code == "certificate.purpose") {
    return fail(ErrorKind::forbidden, "card.purpose",
                "This certificate isn't for signing in. Choose the card's other one.", error.detail);
  }
  return untrusted(error.detail);
}

/// `chain`: from the card to the anchor, which nobody else vouches for.
Result<void> check_standing(const CardRevocation& revocation, std::span<const Bytes> chain, Instant now) {
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    switch (revocation.standing(chain[i], chain[i + 1], i == 0, now)) {
      case crypto::Standing::good:
        break;
      case crypto::Standing::revoked:
        return fail(ErrorKind::forbidden, "card.revoked", "This identity card was revoked.",
                    i == 0 ? "the card" : "an authority above it");
      case crypto::Standing::unknown:
        return fail(ErrorKind::unavailable, "card.standing",
                    "Whether this identity card still counts can't be found out now. Sign in another way, or "
                    "come back later.",
                    i == 0 ? "of the card" : "of an authority above it");
    }
  }
  return {};
}

/// "5ABC123", or with the semantics of ETSI EN 319 412-1 section 5.1.3: three letters for the kind of number
/// (PNO, IDC, ...), two for the country, a hyphen.
std::string_view bare_serial(std::string_view serial, std::string_view country) {
  if (serial.size() > 6 && serial[5] == '-' && serial.substr(3, 2) == country) {
    const std::string_view kind = serial.substr(0, 3);
    if (kind == "PNO" || kind == "IDC") return serial.substr(6);
  }
  return serial;
}

}  // namespace

Result<Card> check_card(const CardPolicy& policy, const registry::NationalIdRule& rule, BytesView leaf,
                        std::span<const Bytes> chain, Instant now) {
  DAYAQ_TRY(const crypto::Certificate certificate, crypto::Certificate::parse(leaf));
  if (policy.anchors.empty()) return untrusted("no anchors are configured");
  std::vector<Bytes> others(policy.intermediates);
  others.insert(others.end(), chain.begin(), chain.end());
  const auto trusted = crypto::verify_client_chain(leaf, others, policy.anchors, now);
  if (!trusted) return refused_chain(trusted.error());
  if (policy.revocation != nullptr) DAYAQ_TRY_OK(check_standing(*policy.revocation, *trusted, now));
  const std::string serial = certificate.subject("serialNumber");
  auto national_id = rule.parse(bare_serial(serial, policy.country));
  if (!national_id) {
    return fail(ErrorKind::forbidden, "card.serial", "This certificate doesn't say whose it is.",
                "the subject's serialNumber isn't a national id");
  }
  return Card{*std::move(national_id), crypto::sha256(leaf)};
}

}  // namespace dayaq::identity
