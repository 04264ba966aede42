// What the device flow and CIBA share: a decision made on another screen, and a client that asks for it.
#pragma once

#include "identity/oidc/device.hpp"
#include "identity/oidc/request.hpp"

namespace dayaq::identity::oidc {

inline constexpr std::chrono::seconds poll_interval{5};  ///< RFC 8628 section 3.2, CIBA Core section 7.3

/// A row as a poll sees it.
struct PollRow {
  std::int64_t state = 0;  ///< 0 pending, 1 granted, 2 refused, 3 used
  std::int64_t interval_s = 0;
  Instant polled;
  Instant until;
  Bytes decision;
};
/// Columns: state, interval_s, polled_at, until_at, decision.
[[nodiscard]] PollRow read_poll_row(const store::Row& row);

struct PollStep {
  Poll poll;
  PollRow row;  ///< to be written back
};
/// One poll: what is answered and what is remembered. "oauth.invalid_grant" if there is no row, or it was
/// used.
[[nodiscard]] Result<PollStep> next_poll(const std::optional<PollRow>& row, Instant now);

/// A person agrees on another screen: the grant as a row holds it, and the consent. Part of a transaction.
/// forbidden "oauth.assurance": they signed in at a lower level than has to be.
Result<Bytes> approve(store::Session& db, const Provider& provider, const Client& client,
                      const Session& session, const std::vector<std::string>& scopes, GrantId id,
                      Assurance wanted, Instant now);

[[nodiscard]] Bytes encode_grant(const Grant& grant);
[[nodiscard]] std::optional<Grant> decode_grant(BytesView bytes);

/// How often `what` was tried before its time was over; and one more of it.
Result<std::int64_t> tries_of(store::Session& db, std::string_view what, Instant now);
Result<void> count_try(store::Session& db, std::string_view what, Instant until, Instant now);

}  // namespace dayaq::identity::oidc
