// The charging system's share: requests rewritten for it, its answers rewritten for the network, and both
// answers made one.
// @see RFC 6733 section 6.1.9 and 6.2; RFC 8506 section 5.6
#pragma once

#include <string>
#include <vector>

#include "edge/diameter/credit_answer.hpp"

namespace dayaq::edge::diameter {

/// How a request goes up.
struct UpstreamForm {
  RequestType type = RequestType::initial;
  std::uint32_t number = 0;
  bool unchanged = false;  ///< byte for byte, but for Route-Record
};

/// A request on its way to the charging system.
struct Waiting final : Pending {
  Bytes request;
  std::string peer;
  SubscriptionKey key = 0;
  std::uint64_t hash = 0;  ///< of its session
  std::vector<PartDecision> parts;
  UpstreamForm form;
  std::uint64_t sequence = 0;
  bool session_known = false;  ///< before this request
  bool again = false;          ///< sent a second time, as the session's first
};

/// The request for the charging system: parts answered here and units that aren't its own are left out. A
/// Destination-Host that is this edge goes (RFC 6733 section 6.1.4: it would come back), the peer's identity
/// is appended as Route-Record (6.1.9).
[[nodiscard]] Bytes upstream_request(const CreditRequest& request, const std::vector<PartDecision>& parts,
                                     const UpstreamForm& form, std::string_view own_host,
                                     std::string_view peer);

/// The charging system's answer, taken apart as far as needed.
struct UpstreamAnswer {
  BytesView bytes;
  std::uint32_t result_code = 0;
  bool ends = false;  ///< CREDIT_LIMIT_REACHED or Final-Unit-Action TERMINATE, anywhere
};
/// Nothing if the bytes are no whole Credit-Control-Answer.
[[nodiscard]] std::optional<UpstreamAnswer> read_upstream(BytesView cca);

/// The charging system's answer for the network: the network's own hop-by-hop, type and number; with `limit`
/// limited service in place of a cut-off.
[[nodiscard]] Bytes answer_from_upstream(const CreditRequest& request, const Waiting& waiting,
                                         const UpstreamAnswer& upstream, const CreditControlOptions& options,
                                         bool limit);
/// Ours and the charging system's as one; without `upstream` its parts are denied (4010). Without Proxy-Info.
[[nodiscard]] Bytes merged_answer(const CreditRequest& request, const Waiting& waiting,
                                  const std::optional<UpstreamAnswer>& upstream,
                                  const CreditControlOptions& options, bool limit);

}  // namespace dayaq::edge::diameter
