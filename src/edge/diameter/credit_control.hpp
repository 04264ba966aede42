// Diameter credit control (Gy/Ro) over the engine: a request's bytes in, what to do with it out. No sockets,
// no clock. @see RFC 8506; 3GPP TS 32.299; protocols in docs/edge/diameter.md.
//
// Each Multiple-Services-Credit-Control is one lease: lease_id(Origin-Host, Session-Id, rating group and
// service identifier). What a grant covers is answered from here; a request of which nothing is covered is
// relayed byte for byte (but for hop-by-hop and Route-Record); of a mixed one the uncovered part is relayed
// and the answers are merged.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/siphash.hpp"
#include "edge/diameter/message.hpp"
#include "edge/engine.hpp"

namespace dayaq::edge::diameter {

/// Which service a request asks for. The first rule that fits holds; the operator's file lists them.
struct ServiceRule {
  std::string context;                       ///< end of Service-Context-Id: "32251@3gpp.org"; empty: any
  std::vector<std::uint32_t> rating_groups;  ///< empty: any, and none at all
  std::vector<std::uint32_t> service_identifiers;
  ServiceIndex service = no_service;         ///< no_service: always the charging system's
  feed::Benefit kind = feed::Benefit::data;  ///< of the service: octets, seconds or messages
};

struct CreditControlOptions {
  std::string origin_host, origin_realm;
  std::uint32_t origin_state_id = 0;
  LineKind line = LineKind::mobile;
  SipKey feed_key;  ///< for pseudonyms
  std::vector<ServiceRule> services;
  std::string limited_filter_id = "dayaq-limited";  ///< Filter-Id of RESTRICT_ACCESS
  std::vector<std::string> limited_filter_rules;    ///< or Restriction-Filter-Rule
  std::string redirect_url;                         ///< not empty: REDIRECT instead of RESTRICT_ACCESS
  std::uint32_t currency = 944;                     ///< ISO 4217, of prices (which are 0): AZN
  int threshold_percent = 15;                       ///< Volume- and Time-Quota-Threshold, of the slice
  bool relays = true;  ///< false: no charging system behind; what no grant covers is answered 4010
  std::vector<std::uint32_t> understood_vendors;  ///< whose AVPs with M, unknown here, are let pass
  std::size_t sessions_max = 16u << 20;           ///< beyond, sessions are served but not re-authorised
  std::size_t kept_answer_bytes = 32u << 20;      ///< for requests that are sent again
};

/// What must be known to finish the answer once the charging system has answered. Opaque to who carries it.
struct Pending {
  virtual ~Pending() = default;
};

struct Reaction {
  enum class Kind : std::uint8_t {
    answer,
    relay,
    close,  ///< no message this could answer: end the connection
  } kind = Kind::answer;
  Bytes message;                     ///< answer: the whole CCA; relay: the request to send upstream
  std::uint64_t sequence = 0;        ///< answer once Journal::durable() has reached it
  std::unique_ptr<Pending> pending;  ///< relay: hand back with the answer
};

/// A session in progress, to be re-authorised when its subscription's grants change.
struct OpenSession {
  std::string session_id, peer;  ///< Session-Id; Origin-Host of the connection it came over
  std::string destination_host;  ///< Origin-Host of who holds it: behind agents not the peer
  std::string destination_realm;
  std::uint32_t application = 4;
};

/// In place of a measure: the sessions of the other application that were told by an older list of resources.
inline constexpr MeasureNumber newer_list = std::numeric_limits<MeasureNumber>::max();

/// Another application's sessions (Gx), re-authorised along with these.
class OtherSessions {
 public:
  virtual ~OtherSessions() = default;
  virtual void sessions_of(SubscriptionKey key, std::vector<OpenSession>& out) const = 0;
  virtual void sessions_under(MeasureNumber measure, std::size_t limit, std::uint64_t& cursor,
                              std::vector<OpenSession>& out) const = 0;
  [[nodiscard]] virtual Bytes re_auth_request(const OpenSession& session) = 0;
  virtual void forget(std::string_view session_id) = 0;
  [[nodiscard]] virtual std::size_t session_count() const = 0;
  virtual void tick(Instant now) = 0;
};

/// All members with the engine's lock held.
class CreditControl {
 public:
  CreditControl(CreditControlOptions options, Engine& engine);
  ~CreditControl();

  /// A whole CCR (command 272, application 4) from an open peer. Engine's lock held. Bytes that break the
  /// rules are answered with the exact result code (3xxx, 5xxx with Failed-AVP), never dropped.
  Reaction on_request(BytesView ccr, std::string_view peer, Instant now);
  /// The charging system's answer to what was relayed; empty if it can't be had (then the request is answered
  /// 3002, or for covered parts with their verdicts). Returns the answer for the network; or, where the
  /// charging system doesn't know a session that began without it, one more request to it (Kind::relay, with
  /// a new `pending`; at most once for each request).
  Reaction on_upstream_answer(std::unique_ptr<Pending> pending, BytesView cca, Instant now);

  using Session = OpenSession;
  [[nodiscard]] std::vector<Session> sessions_of(SubscriptionKey key) const;
  /// Sessions holding a lease under a measure, at most `limit`, after `cursor` (0: from the start; 0 at the
  /// end). Looks at a bounded number of sessions: may return none and yet not be at the end.
  [[nodiscard]] std::vector<Session> sessions_under(MeasureNumber measure, std::size_t limit,
                                                    std::uint64_t& cursor) const;
  /// A Re-Auth-Request's bytes (hop-by-hop and end-to-end left 0 for the node to fill).
  [[nodiscard]] Bytes re_auth_request(const Session& session) const;
  void forget(std::string_view session_id);  ///< the network doesn't know it (RAA 5002)
  [[nodiscard]] std::size_t session_count() const;
  /// Once a second or so: ends sessions that have been silent for twice their validity.
  void tick(Instant now);
  /// Whether there are charging systems behind from now on (CreditControlOptions::relays).
  void use_relays(bool relays);
  /// Gx beside Gy: its sessions are re-authorised by the same calls. May be null; outlives this.
  void attach(OtherSessions* other);
  [[nodiscard]] std::size_t session_bytes() const;  ///< memory of the sessions, about

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::edge::diameter
