#include <fmt/format.h>

#include <algorithm>

#include "registry/record.hpp"

namespace dayaq::registry {
namespace {

bool is_msisdn(std::string_view number, std::string_view calling_code) {
  return number.size() == calling_code.size() + 9 && number.starts_with(calling_code) &&
         std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_account(std::string_view number) {
  return !number.empty() && number.size() <= 32 && std::ranges::all_of(number, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
           c == '_' || c == '-';
  });
}

Subscription owned(const SubscriptionView& s) {
  return {s.kind, s.provider, std::string(s.number), s.holder, s.valid};
}

Result<void> tell(store::Session& session, const Registry& registry, const Change& change) {
  if (registry.observer == nullptr) return {};
  return registry.observer->on_change(session, change);
}

/// Sets the end of a number's latest subscription.
Result<void> close(store::Session& session, const Registry& registry, const SubscriptionView& s) {
  const RegistryStore store(registry.catalogue);
  DAYAQ_TRY_OK(store.set_holder(session, s));
  DAYAQ_TRY_OK(store.end_subscription(session, s));
  return tell(session, registry, SubscriptionEnded{owned(s)});
}

Result<std::uint64_t> append(store::Session& session, const Registry& registry, std::string_view action,
                             const SubscriptionView& s, const std::string& actor) {
  return registry.log.append(
      session,
      {.action = action,
       .actor = actor,
       .subject = s.holder,
       .data = fmt::format(R"({{"kind":"{}","provider":"{}"}})", to_string(s.kind),
                           registry.organisations.at(s.provider)->code),
       .personal = fmt::format(R"({{"from":"{}","number":"{}","until":"{}"}})", format_instant(s.valid.from),
                               s.number, s.valid.until == instant_max ? "" : format_instant(s.valid.until))});
}

}  // namespace

std::optional<Error> check_subscription(const SubscriptionView& s, const Registry& registry) {
  const std::string& calling_code = registry.country.calling_code();
  if (s.kind == SubscriptionKind::mobile && !is_msisdn(s.number, calling_code)) {
    return fail_field("registry.number", "number",
                      fmt::format("A mobile number is {} and nine digits, nothing else.", calling_code))
        .error();
  }
  if (s.kind != SubscriptionKind::mobile && !is_account(s.number)) {
    return fail_field("registry.number", "number",
                      "An account has 1 to 32 of A-Z, a-z, 0-9, '.', '_' and '-'.")
        .error();
  }
  if (!registry.organisations.may_provide(s.provider, s.kind)) {
    return fail_field("registry.provider", "provider",
                      "This organisation isn't an operator of such subscriptions.")
        .error();
  }
  if (s.valid.empty() || s.valid.from == instant_min) {
    return fail_field("registry.period", "until", "The period ends before it begins.").error();
  }
  return std::nullopt;
}

/// What a number's latest subscription with one operator means for a new one.
enum class Meaning : std::uint8_t { nothing, already, ends, before, overlaps, yields };

Meaning meaning_of(const RegistryStore::NumberHolder& latest, const SubscriptionView& s) {
  // A mobile number is one in the whole country, an account one with its operator.
  if (latest.provider != s.provider && s.kind != SubscriptionKind::mobile) return Meaning::nothing;
  if (latest.provider == s.provider && latest.holder == s.holder) {
    const bool same_end = s.valid.until == latest.valid.until || s.valid.until == instant_max;
    if (s.valid.from == latest.valid.from) return same_end ? Meaning::already : Meaning::ends;
    if (s.valid.from > latest.valid.from && latest.valid.until == instant_max) {
      return s.valid.until == instant_max ? Meaning::already : Meaning::ends;
    }
  }
  if (s.valid.until <= latest.valid.from) return Meaning::before;
  if (s.valid.from <= latest.valid.from) return Meaning::overlaps;
  return latest.valid.until > s.valid.from ? Meaning::yields : Meaning::nothing;
}

Result<Recorded> put_subscription(store::Session& session, const Registry& registry,
                                  const SubscriptionView& s) {
  const RegistryStore store(registry.catalogue);
  DAYAQ_TRY(const bool known, store.has_person(session, s.holder));
  if (!known) return fail(ErrorKind::not_found, "registry.person", "Nobody has this id.");
  DAYAQ_TRY(const auto holders, store.holders_of(session, s.kind, s.number));
  const auto latest_of = [&](const RegistryStore::NumberHolder& latest, Instant until) {
    return SubscriptionView{s.kind, latest.provider, s.number, latest.holder, {latest.valid.from, until}};
  };
  bool is_latest = true;
  for (const auto& latest : holders) {
    switch (meaning_of(latest, s)) {
      case Meaning::already:
        return Recorded::unchanged;
      case Meaning::ends:
        DAYAQ_TRY_OK(close(session, registry, latest_of(latest, s.valid.until)));
        return Recorded::changed;
      case Meaning::before:
        if (latest.provider == s.provider) is_latest = false;
        break;
      case Meaning::overlaps: {
        // Told before, and ended since by another: a file imported again is harmless.
        DAYAQ_TRY(const bool told, store.has_subscription(session, s));
        if (told) return Recorded::unchanged;
        return fail_field("registry.period", "from",
                          "The number's present subscription begins later than this one.");
      }
      case Meaning::yields:
      case Meaning::nothing:
        break;
    }
  }
  for (const auto& latest : holders) {
    if (meaning_of(latest, s) != Meaning::yields) continue;
    DAYAQ_TRY_OK(close(session, registry, latest_of(latest, s.valid.from)));
  }
  DAYAQ_TRY(const bool fresh, store.insert_subscription(session, s));
  if (!fresh) return Recorded::unchanged;
  if (is_latest) DAYAQ_TRY_OK(store.set_holder(session, s));
  DAYAQ_TRY_OK(tell(session, registry, SubscriptionRecorded{owned(s)}));
  return Recorded::fresh;
}

Result<SubscriptionOutcome> record_subscription(store::Session& session, const Registry& registry,
                                                const Subscription& subscription, const std::string& actor) {
  const SubscriptionView view{subscription.kind, subscription.provider, subscription.number,
                              subscription.holder, subscription.valid};
  if (auto error = check_subscription(view, registry)) return std::unexpected(*std::move(error));
  SubscriptionOutcome outcome;
  DAYAQ_TRY(outcome.recorded, put_subscription(session, registry, view));
  if (outcome.recorded == Recorded::unchanged) return outcome;
  DAYAQ_TRY(outcome.audit_index, append(session, registry, "subscription.record", view, actor));
  return outcome;
}

Result<SubscriptionOutcome> end_subscription(store::Session& session, const Registry& registry,
                                             SubscriptionKind kind, OrganisationIndex provider,
                                             std::string_view number, Instant until,
                                             const std::string& actor) {
  const RegistryStore store(registry.catalogue);
  DAYAQ_TRY(const auto holders, store.holders_of(session, kind, number));
  const auto latest = std::ranges::find(holders, provider, &RegistryStore::NumberHolder::provider);
  if (latest == holders.end() || latest->valid.until <= registry.clock.now()) {
    return fail(ErrorKind::not_found, "registry.subscription", "No live subscription has this number.");
  }
  if (until <= latest->valid.from) {
    return fail_field("registry.period", "until", "The subscription began later than it would end.");
  }
  if (until == latest->valid.until) return SubscriptionOutcome{Recorded::unchanged, 0};
  const SubscriptionView view{kind, provider, number, latest->holder, {latest->valid.from, until}};
  DAYAQ_TRY_OK(close(session, registry, view));
  SubscriptionOutcome outcome{Recorded::changed, 0};
  DAYAQ_TRY(outcome.audit_index, append(session, registry, "subscription.end", view, actor));
  return outcome;
}

Result<std::optional<PersonId>> find_holder(store::Session& session, const RegistryStore& store,
                                            SubscriptionKind kind, OrganisationIndex provider,
                                            std::string_view number, Instant at) {
  DAYAQ_TRY(const auto holders, store.holders_of(session, kind, number));
  const auto latest = std::ranges::find(holders, provider, &RegistryStore::NumberHolder::provider);
  if (latest == holders.end() || !latest->valid.contains(at)) return std::nullopt;
  return latest->holder;
}

}  // namespace dayaq::registry
