#include "identity/account/limits.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "registry/country_pack.hpp"

namespace dayaq::identity {
namespace {

bool by_person(Counted what) {
  return what <= Counted::asked;
}

std::int64_t bucket(const Counter& counter, std::uint64_t subject) {
  return by_person(counter.what) ? registry::bucket_of(counter.person) : registry::bucket_of(subject);
}

}  // namespace

Limits Limits::of(const crypto::MasterKey& master, const LimitPolicy& policy) {
  const crypto::SecretBytes secret = master.derive("sign-in limits");
  return {sip_key(secret.view().first<16>()), policy};
}

unsigned Limits::bound(Counted what) const {
  switch (what) {
    case Counted::wrong_sms:
    case Counted::wrong_totp:
    case Counted::wrong_password:
      return policy_.wrong_person;
    case Counted::message:
    case Counted::asked:
      return policy_.message_person;
    case Counted::wrong_client:
      return policy_.wrong_client;
    case Counted::wrong_network:
      return policy_.wrong_network;
    case Counted::message_network:
      return policy_.message_network;
    case Counted::wrong_user_code:
      return policy_.wrong_user_code;
  }
  return 0;
}

std::uint64_t Limits::subject(const Counter& counter) const {
  const std::string text = by_person(counter.what)
                               ? fmt::format("limit|{}|{}", int(counter.what), counter.person)
                               : fmt::format("limit|{}|{}", int(counter.what), counter.name);
  return siphash(secret_, text) & ~(std::uint64_t(1) << 63);
}

Result<void> Limits::check(store::Session& db, const Counter& counter, Instant now) const {
  const std::uint64_t id = subject(counter);
  struct Found {
    std::int64_t counted = 0;
    Instant end;
  };
  DAYAQ_TRY(
      const auto found,
      db.one("SELECT counted, window_end FROM identity_limit WHERE bucket = $1 AND subject = $2 AND kind "
             "= $3",
             {bucket(counter, id), std::int64_t(id), std::int64_t(counter.what)},
             [](const store::Row& row) { return Found{row.integer(0), from_micros(row.integer(1))}; }));
  if (!found || now >= found->end || found->counted < std::int64_t(bound(counter.what))) return {};
  const auto left = std::chrono::ceil<std::chrono::minutes>(found->end - now).count();
  return fail(ErrorKind::limit, "signin.limit",
              fmt::format("There were too many attempts. Try this again in {} minutes, or use another way to "
                          "sign in now, such as a passkey.",
                          std::max<std::int64_t>(1, left)),
              fmt::format("counter {}", int(counter.what)));
}

Result<void> Limits::count(store::Session& db, const Counter& counter, Instant now) const {
  const std::uint64_t id = subject(counter);
  return db.exec(
      "INSERT INTO identity_limit (bucket, subject, kind, window_end, counted) VALUES ($1, $2, $3, $4, 1) ON "
      "CONFLICT (bucket, subject, kind) DO UPDATE SET counted = CASE WHEN identity_limit.window_end <= $5 "
      "THEN "
      "1 ELSE identity_limit.counted + 1 END, window_end = CASE WHEN identity_limit.window_end <= $5 THEN $4 "
      "ELSE identity_limit.window_end END",
      {bucket(counter, id), std::int64_t(id), std::int64_t(counter.what), to_micros(now + policy_.window),
       to_micros(now)});
}

}  // namespace dayaq::identity
