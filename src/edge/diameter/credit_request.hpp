// A Credit-Control-Request taken apart: what the decision needs, as views into its bytes.
// @see RFC 8506 section 3.1; 3GPP TS 32.299 section 6.4; quirks of real networks in docs/edge/diameter.md.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/siphash.hpp"
#include "edge/diameter/message.hpp"
#include "edge/types.hpp"

namespace dayaq::edge::diameter {

enum class RequestType : std::uint32_t { initial = 1, update = 2, termination = 3, event = 4 };
enum class RequestedAction : std::uint32_t { direct_debiting, refund, check_balance, price_enquiry };

/// Service units, summed over several AVPs; sums stop at the largest number instead of wrapping.
struct Units {
  std::uint64_t seconds = 0;
  std::uint64_t octets = 0;  ///< CC-Total-Octets if it is there, else input and output together
  std::uint64_t count = 0;   ///< CC-Service-Specific-Units
  /// In the unit of a kind of service.
  [[nodiscard]] std::uint64_t of(feed::Benefit kind) const;
};

inline constexpr std::size_t service_identifiers_max = 16;  ///< in one part
inline constexpr std::size_t parts_max = 256;               ///< in one request

/// One Multiple-Services-Credit-Control, or the request's own units where it has none.
struct CreditPart {
  BytesView inside;  ///< the AVPs of the MSCC; empty if `implied`
  bool implied = false;
  std::optional<std::uint32_t> rating_group;
  std::array<std::uint32_t, service_identifiers_max> service_identifiers{};
  std::size_t service_identifier_count = 0;
  bool asks = false;     ///< Requested-Service-Unit is there
  bool reports = false;  ///< Used-Service-Unit is there
  Units asked, used;
  BytesView refund;  ///< Refund-Information, as an answer of ours gave it
  /// What tells its lease from others of the session; 0 if it names neither group nor service.
  [[nodiscard]] std::uint64_t lease_part() const;
};

struct CreditRequest {
  BytesView bytes;
  Header header;
  std::string_view session_id, origin_host, origin_realm, destination_host, destination_realm, context,
      user_name;
  std::optional<RequestType> type;
  std::optional<std::uint32_t> number;
  std::optional<RequestedAction> action;
  bool multiple_services = false;                ///< Multiple-Services-Indicator says so
  bool looped = false;                           ///< Route-Record names us
  std::array<std::string_view, 5> subscription;  ///< Subscription-Id-Data by type; the first of each
  std::vector<CreditPart> parts;
  std::vector<BytesView> proxy_infos;  ///< whole AVPs, in order
  std::optional<Avp> unknown;          ///< the first AVP with M that nobody here understands

  void clear();
};

/// Why a request is refused before anybody looked at what it asks.
struct Fault {
  std::uint32_t result_code = 0;
  Bytes failed_avp;  ///< one AVP, as Failed-AVP carries it; empty: none
};

struct RequestReading {
  std::string_view own_host;                                       ///< to see loops
  const std::vector<std::uint32_t>* understood_vendors = nullptr;  ///< whose unknown AVPs are let pass
  bool policy = false;  ///< Gx: no Service-Context-Id, and no units
};

/// Takes a whole message apart. `out` is overwritten and keeps its buffers; after a fault it holds what was
/// read until then, for the answer. The header's command and application are the caller's to look at.
/// @return 3008, 5004, 5005, 5009 or 5014
[[nodiscard]] std::optional<Fault> read_credit_request(BytesView message, const RequestReading& reading,
                                                       CreditRequest& out);

/// The subscription that a request is about: E.164 if it says one, else the number of a SIP or tel URI, of a
/// NAI, else the account (lines that aren't mobile), else IMSI; never "the last that came".
/// @return 0 if it says none that could be one
[[nodiscard]] SubscriptionKey subscription_of(const CreditRequest& request, LineKind line, const SipKey& key);

/// "+994 50 1234567", "tel:+994-50-123-45-67;ext=1", "sip:+994501234567@ims.example" as digits; empty if it
/// is no number of at most 31 digits. The digits are written to `buffer`.
[[nodiscard]] std::string_view number_in(std::string_view text, std::array<char, 32>& buffer);

}  // namespace dayaq::edge::diameter
