// RADIUS for broadband and hotspots: access, accounting, change of authorisation, proxying; over UDP and
// RadSec.
// @see RFC 2865, 2866, 2869, 3162, 4372, 5080, 5176, 6614; Message-Authenticator first and required
// (CVE-2024-3596). One thread with its own event loop.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/siphash.hpp"
#include "edge/engine.hpp"

namespace dayaq::edge::radius {

struct ClientOptions {
  std::string address;  ///< of the NAS, or prefix "10.0.0.0/8"
  std::string secret;
  bool require_message_authenticator = true;
  /// address:port for CoA-Requests, ":3799" for the address its packets come from; empty: none are sent
  std::string coa_address;
};

/// Attributes that a benefit brings along, in the operator's words: "Filter-Id=edu",
/// "Mikrotik-Rate-Limit=10M/10M".
struct ProfileOptions {
  ServiceIndex service = no_service;
  std::vector<std::string> attributes;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t auth_port = 1812, acct_port = 1813;  ///< 0 lets the kernel choose
  std::uint16_t radsec_port = 0;                     ///< 0: none
  std::string tls_certificate, tls_key, tls_authority;
  /// Names of which one must be in a RadSec client's certificate; empty: any that the authority signed.
  std::vector<std::string> radsec_names;
  /// CoA-Requests go back on the RadSec connection on which a network access server's packets come.
  bool radsec_changes = false;
  std::vector<ClientOptions> clients;
  LineKind line = LineKind::fixed;
  SipKey feed_key;
  ServiceIndex service = no_service;     ///< what a session of unmarked traffic is counted as
  std::vector<ProfileOptions> profiles;  ///< for subscriptions with a grant of that service
  std::vector<std::string> limited;      ///< attributes of limited service
  /// Attributes that put a session back to what it was without a grant (in a CoA-Request); empty: none are
  /// sent then
  std::vector<std::string> normal;
  /// Attributes that bound a session's volume where a quota covers it, as VolumeAttributes has them; empty:
  /// none.
  std::vector<std::string> volume;
  std::uint64_t volume_slice = 100u << 20;  ///< octets at once
  std::string proxy_auth,
      proxy_acct;  ///< address:port of the operator's own server for what isn't ours; empty: reject
  std::string proxy_secret;
  bool proxy_require_message_authenticator = true;  ///< in the operator's server's access replies
  /// Without proxy_auth: who has a grant is let in without a password (hotspots, IPoE); else rejected
  bool accept_without_password = false;
  /// Part of the Reply-Message by which the operator's server refuses who hasn't paid: while payments are
  /// deferred such a reject becomes limited service. Empty: every reject stays one.
  std::string unpaid_reply;
  bool copy_accounting = false;  ///< proxy_acct gets what is ours too
  std::chrono::seconds interim{600};
  std::chrono::seconds session_timeout{86400};  ///< of who is let in without a password; 0: none
  std::uint32_t resources_version = 0;          ///< of the list of zero-rated resources, for Class
  int coa_per_second_per_nas = 200;
  std::vector<int> inherited;  ///< what hand_over() of the process before gave; taken over, ports and all
};

class Server {
 public:
  /// unavailable "radius.bind", invalid_input "radius.attribute", "radius.client", "radius.tls".
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Engine& engine, Journal& journal,
                                               const Clock& clock);
  virtual ~Server() = default;
  /// Answers what waits for the disk (a second at most) and closes. Idempotent.
  virtual void stop() = 0;
  /// Stops as stop() does, but keeps the sockets: access, accounting, and RadSec's listener or -1. What
  /// arrives in between waits in them for the next process. Call it once, before stop().
  virtual std::vector<int> hand_over() = 0;
  [[nodiscard]] virtual std::uint16_t auth_port() const = 0;
  [[nodiscard]] virtual std::uint16_t acct_port() const = 0;
  [[nodiscard]] virtual std::uint16_t radsec_port() const = 0;
  /// Grants changed: sessions get their new attributes by CoA-Request, paced. Any thread.
  virtual void re_authorise(SubscriptionKey key) = 0;
  virtual void re_authorise_all() = 0;

  /// Who may ask from now on; what is under way with those who may no longer is still answered. Any thread.
  /// invalid_input "radius.client", and nothing changes.
  virtual Result<void> use_clients(std::vector<ClientOptions> clients) = 0;

  struct Counts {
    std::uint64_t access = 0, accepted = 0, rejected = 0, accounting = 0, proxied = 0, dropped = 0,
                  coa_sent = 0, coa_waiting = 0, sessions = 0;
    std::uint64_t malformed = 0, unknown_client = 0, bad_authenticator = 0, operator_silent = 0,
                  coa_acknowledged = 0, coa_refused = 0, coa_unanswered = 0, foreign_class = 0;
  };
  [[nodiscard]] virtual Counts counts() const = 0;  ///< any thread
};

}  // namespace dayaq::edge::radius
