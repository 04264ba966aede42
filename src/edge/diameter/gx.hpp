// Gx beside Gy: whoever is granted data of a traffic class gets the operator's predefined rules for it
// installed by name, as the signed list of zero-rated resources says; when a grant ends they are removed.
//
// The edge answers as the policy server of these rules alone: it never rejects a bearer, and says nothing
// about quality of service. Where a grant's end is known, the rules carry it (Rule-Deactivation-Time), so
// that it is kept even if nobody is there to remove them; a Re-Auth-Request removes them sooner.
// @see 3GPP TS 29.212 sections 4.5.2, 4.5.6 and 5.3
#pragma once

#include <memory>
#include <string>

#include "edge/diameter/credit_control.hpp"
#include "edge/replica.hpp"
#include "feed/resources.hpp"

namespace dayaq::edge::diameter {

struct GxOptions {
  std::string origin_host, origin_realm;
  std::uint32_t origin_state_id = 0;
  LineKind line = LineKind::mobile;
  SipKey feed_key;
  std::vector<std::uint32_t> understood_vendors;
  std::size_t sessions_max = 16u << 20;
};

/// All members with the engine's lock held.
class Gx final : public OtherSessions {
 public:
  /// `services` names the traffic classes that the operator can tell apart; `replica` says when grants end
  /// (null: not said). All outlive this.
  Gx(GxOptions options, const ServiceTable& services, Engine& engine, const Replica* replica,
     const Clock& clock);
  ~Gx() override;

  /// The list in use from now on. conflict "gx.older" if it is older than what is in use. Sessions get its
  /// rules with their next request or re-authorisation (Node::re_authorise_measure(newer_list)).
  Result<void> use(feed::Resources resources);
  [[nodiscard]] std::uint32_t resources_version() const;  ///< 0: none yet; settlements say it

  /// A whole CCR of Gx (application 16777238).
  Reaction on_request(BytesView ccr, std::string_view peer, Instant now);

  void sessions_of(SubscriptionKey key, std::vector<OpenSession>& out) const override;
  void sessions_under(MeasureNumber measure, std::size_t limit, std::uint64_t& cursor,
                      std::vector<OpenSession>& out) const override;
  /// Says all that should be installed, and removes whatever else was: sent twice, it says the same.
  [[nodiscard]] Bytes re_auth_request(const OpenSession& session) override;
  void forget(std::string_view session_id) override;
  [[nodiscard]] std::size_t session_count() const override;
  void tick(Instant now) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::edge::diameter
