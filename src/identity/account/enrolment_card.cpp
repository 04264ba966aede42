#include <algorithm>

#include "crypto/cose_certificate.hpp"
#include "identity/account/enrolment.hpp"

namespace dayaq::identity {
namespace {

std::unexpected<Error> untrusted(std::string detail) {
  return fail(ErrorKind::forbidden, "card.untrusted",
              "This certificate isn't of an identity card that is accepted here, or isn't valid now.",
              std::move(detail));
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
  if (policy.anchors.empty()) return untrusted("no anchors are configured");
  DAYAQ_TRY(const crypto::Certificate certificate, crypto::Certificate::parse(leaf));
  if (certificate.is_authority().value_or(false)) return untrusted("an authority's certificate");
  std::vector<BytesView> links{leaf};
  for (const Bytes& one : chain) links.emplace_back(one);
  for (const Bytes& one : policy.intermediates) links.emplace_back(one);
  if (links.size() > 8) links.resize(8);
  if (const auto trusted = crypto::verify_chain(links, policy.anchors, now); !trusted) {
    return untrusted(trusted.error().detail);
  }
  // An anchor that isn't an authority would be accepted for itself: a card is always issued by somebody else.
  if (std::ranges::any_of(policy.anchors,
                          [&](const Bytes& anchor) { return std::ranges::equal(anchor, leaf); })) {
    return untrusted("the certificate is itself an anchor");
  }
  const std::string serial = certificate.subject("serialNumber");
  auto national_id = rule.parse(bare_serial(serial, policy.country));
  if (!national_id) {
    return fail(ErrorKind::forbidden, "card.serial", "This certificate doesn't say whose it is.",
                "the subject's serialNumber isn't a national id");
  }
  return Card{*std::move(national_id), crypto::sha256(leaf)};
}

}  // namespace dayaq::identity
