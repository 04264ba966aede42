#include "identity/oidc/device.hpp"

#include <algorithm>
#include <array>

#include "identity/account/limits.hpp"
#include "identity/oidc/authorize_decision.hpp"
#include "identity/oidc/authorize_seal.hpp"
#include "identity/oidc/consent.hpp"

namespace dayaq::identity::oidc {
namespace {

/// RFC 8628 section 6.1: no vowels (no words), no letters that are taken for digits.
constexpr std::string_view user_code_letters = "BCDFGHJKLMNPQRSTVWXZ";
constexpr std::size_t user_code_size = 8;

std::string draw_user_code(Random& random) {
  std::string out;
  while (out.size() < user_code_size) {
    std::array<std::byte, 16> bytes{};
    random.fill(bytes);
    for (const std::byte byte : bytes) {
      const auto value = std::to_integer<unsigned>(byte);
      if (value < 240 && out.size() < user_code_size) out += user_code_letters[value % 20];  // 240 = 12 * 20
    }
  }
  return out;
}

std::string shown(std::string_view code) {
  return std::string(code.substr(0, 4)) + '-' + std::string(code.substr(4));
}

/// As typed by a person: case, dashes and spaces don't count (section 6.1).
std::string typed_code(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (upper >= 'A' && upper <= 'Z') out += upper;
  }
  return out.size() == user_code_size ? out : std::string();
}

std::unexpected<Error> unknown_code() {
  return fail(ErrorKind::not_found, "oauth.user_code",
              "This code is wrong, or was used already, or is too old. Look at the device again.");
}

struct DeviceRow {
  Bytes id;
  std::string client;
  std::vector<std::string> scopes;
};

Result<std::optional<DeviceRow>> pending_row(store::Session& db, std::string_view code, Instant now) {
  return db.one(R"(SELECT id, client, scopes FROM identity_device
                   WHERE user_code = $1 AND state = 0 AND until_at > $2)",
                {code, to_micros(now)}, [](const store::Row& row) {
                  return DeviceRow{.id = Bytes(row.blob(0).begin(), row.blob(0).end()),
                                   .client = std::string(row.text(1)),
                                   .scopes = split_names(row.text(2))};
                });
}

}  // namespace

Error error_of(Poll::State state) {
  const auto error = [](std::string_view code, const char* text) {
    return Error{ErrorKind::invalid_input, code, text, {}, {}, 0, 0};
  };
  switch (state) {
    case Poll::State::granted:
      break;
    case Poll::State::pending:
      return error("oauth.authorization_pending", "The person hasn't decided yet.");
    case Poll::State::slow_down:
      return error("oauth.slow_down", "The person hasn't decided yet; ask five seconds later each time.");
    case Poll::State::denied:
      return error("oauth.access_denied", "The person refused.");
    case Poll::State::expired:
      return error("oauth.expired_token", "The person didn't decide in time.");
  }
  return error("oauth.invalid_grant", "There is nothing to wait for.");
}

Result<DeviceAuthorization> begin_device(const Provider& provider, const Client& client,
                                         std::string_view form, Instant now) {
  if (!client.may(GrantType::device_code)) {
    return refuse("oauth.unauthorized_client", "The client isn't registered for the device flow.");
  }
  DAYAQ_TRY(const Parameters parameters, Parameters::parse(form));
  if (!parameters.repeated().empty()) {
    return refuse("oauth.invalid_request", "A parameter comes more than once.");
  }
  DAYAQ_TRY(const std::vector<std::string> asked, parse_scopes(client, parameters.get("scope")));
  const std::string scopes = join_names(asked);
  const Instant until = now + provider.lifetimes.device_code;
  DeviceAuthorization out{.device_code = draw_secret(provider.random),
                          .user_code = {},
                          .expires_in = provider.lifetimes.device_code,
                          .interval = poll_interval};
  const Bytes id = hash_of(out.device_code);
  // Two live codes that are the same are refused by their index; then another one is drawn.
  for (int attempt = 0;; ++attempt) {
    const std::string code = draw_user_code(provider.random);
    const auto stored = provider.db.write([&](store::Session& db) -> Result<void> {
      return db.exec(
          R"(INSERT INTO identity_device (id, user_code, client, scopes, state, interval_s, polled_at,
                                                     person, until_at)
                        VALUES ($1, $2, $3, $4, 0, $5, 0, 0, $6))",
          {BytesView(id), code, client.id, scopes, std::int64_t(poll_interval.count()), to_micros(until)});
    });
    if (stored) {
      out.user_code = shown(code);
      return out;
    }
    if (stored.error().code != "store.duplicate" || attempt == 3) return std::unexpected(stored.error());
  }
}

Result<DeviceRequest> device_request(const Provider& provider, std::string_view user_code,
                                     const Caller& caller, Instant now) {
  const std::string code = typed_code(user_code);
  // Section 5.1: guessing is limited by network. Only wrong codes count.
  const Limits limits = Limits::of(provider.master);
  const Counter guesses{.what = Counted::wrong_user_code, .person = {}, .name = caller.network};
  DAYAQ_TRY(const std::optional<DeviceRow> row,
            provider.db.write([&](store::Session& db) -> Result<std::optional<DeviceRow>> {
              DAYAQ_TRY_OK(limits.check(db, guesses, now));
              std::optional<DeviceRow> found;
              if (!code.empty()) {
                DAYAQ_TRY(found, pending_row(db, code, now));
              }
              if (!found) DAYAQ_TRY_OK(limits.count(db, guesses, now));
              return found;
            }));
  auto client = row ? provider.clients.find(row->client) : nullptr;
  if (!client) return unknown_code();
  return DeviceRequest{.user_code = shown(code), .client = std::move(client), .scopes = row->scopes};
}

Result<void> decide_device(const Provider& provider, std::string_view user_code, const Session& session,
                           bool granted, Instant now) {
  const std::string code = typed_code(user_code);
  // Drawn before the transaction, which may run twice.
  const GrantId grant_id(provider.random.next_id());
  return provider.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const auto row, pending_row(db, code, now));
    const auto client = row ? provider.clients.find(row->client) : nullptr;
    if (!client) return unknown_code();
    Bytes decision;
    if (granted) {
      DAYAQ_TRY(decision,
                approve(db, provider, *client, session, row->scopes, grant_id, Assurance::none, now));
    }
    DAYAQ_TRY(const std::int64_t changed,
              db.change(R"(UPDATE identity_device SET state = $1, person = $2, decision = $3
                           WHERE id = $4 AND state = 0)",
                        {std::int64_t(granted ? 1 : 2), static_cast<std::int64_t>(session.person.value()),
                         BytesView(decision), BytesView(row->id)}));
    if (changed != 1) return unknown_code();
    return {};
  });
}

Result<Poll> poll_device(store::Session& db, const Provider&, const Client& client,
                         std::string_view device_code, Instant now) {
  const Bytes id = hash_of(device_code);
  DAYAQ_TRY(const auto row,
            db.one(R"(SELECT state, interval_s, polled_at, until_at, decision FROM identity_device
                      WHERE id = $1 AND client = $2)",
                   {BytesView(id), client.id}, read_poll_row));
  DAYAQ_TRY(const PollStep step, next_poll(row, now));
  DAYAQ_TRY_OK(db.exec("UPDATE identity_device SET state = $1, interval_s = $2, polled_at = $3 WHERE id = $4",
                       {step.row.state, step.row.interval_s, to_micros(step.row.polled), BytesView(id)}));
  return step.poll;
}

}  // namespace dayaq::identity::oidc
