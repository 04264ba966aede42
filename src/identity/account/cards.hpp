// Which identity cards were revoked: lists in a folder, and an authority's responder.
//
// A list holds until its nextUpdate and no longer: a card about which nothing of now is known is refused,
// since a thief could keep the answer from us. A card is asked about at the responder first, if one is
// configured; if it doesn't answer, the lists decide. The authorities between a card and the anchor are asked
// about by lists alone.
// @see RFC 5280 section 5, RFC 6960
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "crypto/client_certificate.hpp"
#include "identity/account/enrolment.hpp"

namespace dayaq::identity {

struct CardListsOptions {
  std::vector<Bytes> authorities;  ///< DER: anchors and intermediates, whose lists are believed
  /// Of files NAME.crl (DER or PEM), put there by whoever fetches them; looked at again every `look_every`.
  std::filesystem::path folder;
  std::string responder;  ///< "http://ocsp.example.az/"; "" for none
  std::chrono::seconds look_every{5};
  std::chrono::milliseconds responder_timeout{3000};
};

class CardLists final : public CardRevocation {
 public:
  CardLists(CardListsOptions options, Random& random);
  ~CardLists() override;
  /// Blocks for the responder, and now and then for files. Any thread.
  [[nodiscard]] crypto::Standing standing(BytesView certificate, BytesView authority, bool leaf,
                                          Instant now) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::identity
