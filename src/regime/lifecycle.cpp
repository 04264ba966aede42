#include "regime/lifecycle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/bytes.hpp"
#include "crypto/sign.hpp"
#include "regime/store.hpp"

namespace dayaq::regime {
namespace {

constexpr std::string_view action_submit = "regime.submit";
constexpr std::string_view action_approve = "regime.approve";
constexpr std::string_view action_amend = "regime.amend";
constexpr std::string_view action_end = "regime.end";

bool was_approved(const RegimeVersion& version) {
  return version.approved != instant_max;
}

/// Law now or in the future.
bool is_alive(const RegimeVersion& version, Instant now) {
  return was_approved(version) && !version.in_force().empty() && version.in_force().until > now;
}

bool is_waiting(const RegimeVersion& version) {
  return !was_approved(version) && version.superseded == instant_max;
}

VersionRow row_of(const RegimeVersion& version) {
  return {.code = version.regime.code.value(),
          .version = version.regime.version,
          .source = version.regime.source,
          .submitted_by = version.submitted_by,
          .submitted = version.submitted,
          .approved_by = version.approved_by,
          .approved = version.approved,
          .superseded = version.superseded,
          .ended_by = version.ended_by,
          .ended = version.ended};
}

RegimeVersion version_of(VersionRow row, Regime regime) {
  regime.version = row.version;
  RegimeVersion version{.regime = std::move(regime),
                        .submitted_by = std::move(row.submitted_by),
                        .submitted = row.submitted,
                        .approved_by = std::move(row.approved_by),
                        .approved = row.approved,
                        .superseded = row.superseded,
                        .ended_by = std::move(row.ended_by),
                        .ended = row.ended};
  version.state = row.ended != instant_max      ? RegimeState::ended
                  : row.approved != instant_max ? RegimeState::approved
                                                : RegimeState::submitted;
  return version;
}

std::unexpected<Error> unknown_regime() {
  return fail(ErrorKind::not_found, "regime.unknown",
              "There is no regime of this code. Look at the list of regimes.");
}

std::unexpected<Error> period_over() {
  return fail(ErrorKind::conflict, "regime.past",
              "The regime's period is over already. Give it a later end.");
}

template <class Versions>
std::vector<VersionHandle> of_code(const Versions& versions, const RegimeCode& code) {
  std::vector<VersionHandle> found;
  for (const VersionHandle& version : versions) {
    if (version->regime.code == code) found.push_back(version);
  }
  return found;
}

}  // namespace

Result<void> Lawbook::load(store::Session& session) {
  State state;
  DAYAQ_TRY_OK(RegimeStore::each(session, [&](VersionRow row) -> Result<bool> {
    auto regime = parse_regime(row.source, context_);
    if (!regime) {
      const Error& first = regime.error().front();
      return fail(
          ErrorKind::conflict, "regime.stored",
          fmt::format(
              "The stored regime {} (version {}) can't be read any more: line {}, {} Put back what it "
              "names into the country pack.",
              row.code, row.version, first.line, first.public_text));
    }
    state.versions.push_back(
        std::make_shared<const RegimeVersion>(version_of(std::move(row), std::move(*regime))));
    return true;
  }));
  state.law = std::make_shared<const Law>(state.versions);
  working_ = std::make_shared<const State>(std::move(state));
  mark_ = working_;
  after_commit();
  return {};
}

Lawbook::StateHandle Lawbook::committed() const {
  const std::lock_guard lock(mutex_);
  return committed_;
}

std::shared_ptr<const Law> Lawbook::law() const {
  return committed()->law;
}
std::vector<VersionHandle> Lawbook::versions() const {
  return committed()->versions;
}
std::vector<VersionHandle> Lawbook::versions_of(const RegimeCode& code) const {
  return of_code(committed()->versions, code);
}

void Lawbook::after_commit() noexcept {
  const std::lock_guard lock(mutex_);
  committed_ = working_;
}

void Lawbook::after_rollback() noexcept {
  working_ = committed();
  mark_ = working_;
}

Result<VersionHandle> Lawbook::submit(store::Session& session, const Regime& regime, const std::string& actor,
                                      Instant now) {
  const auto known = of_code(working_->versions, regime.code);
  if (std::ranges::any_of(known, [&](const VersionHandle& v) { return is_alive(*v, now); })) {
    return fail(ErrorKind::conflict, "regime.exists",
                "A regime of this code is in force or approved. Amend it instead.");
  }
  return add_version(session, regime, actor, now, action_submit);
}

Result<VersionHandle> Lawbook::amend(store::Session& session, const Regime& regime, const std::string& actor,
                                     Instant now) {
  const auto known = of_code(working_->versions, regime.code);
  if (known.empty()) return unknown_regime();
  if (std::ranges::none_of(known, [&](const VersionHandle& v) { return is_alive(*v, now); })) {
    return fail(ErrorKind::conflict, "regime.not_in_force",
                "Nothing of this regime is in force or approved. Submit it instead.");
  }
  return add_version(session, regime, actor, now, action_amend);
}

Result<VersionHandle> Lawbook::add_version(store::Session& session, const Regime& regime,
                                           const std::string& actor, Instant now, std::string_view action) {
  if (regime.period.until <= now) return period_over();
  State next = *working_;
  int newest = 0;
  for (const VersionHandle& other : of_code(next.versions, regime.code)) {
    newest = std::max(newest, other->regime.version);
    if (!is_waiting(*other)) continue;
    RegimeVersion withdrawn = *other;
    withdrawn.superseded = now;
    DAYAQ_TRY_OK(change_version(session, next, std::move(withdrawn)));
  }
  RegimeVersion version{
      .regime = regime, .state = RegimeState::submitted, .submitted_by = actor, .submitted = now};
  version.regime.version = newest + 1;
  DAYAQ_TRY_OK(RegimeStore::insert(session, row_of(version)));
  auto handle = std::make_shared<const RegimeVersion>(std::move(version));
  const auto place = std::ranges::find_if(next.versions, [&](const VersionHandle& other) {
    return std::tie(other->regime.code, other->regime.version) >
           std::tie(handle->regime.code, handle->regime.version);
  });
  next.versions.insert(place, handle);
  DAYAQ_TRY_OK(finish(session, std::move(next), *handle, action, actor, now));
  return handle;
}

Result<VersionHandle> Lawbook::approve(store::Session& session, const RegimeCode& code, int version,
                                       const std::string& actor, Instant now) {
  State next = *working_;
  const auto known = of_code(next.versions, code);
  if (known.empty()) return unknown_regime();
  const auto found =
      std::ranges::find_if(known, [&](const VersionHandle& v) { return v->regime.version == version; });
  if (found == known.end()) {
    return fail(ErrorKind::not_found, "regime.version",
                "There is no such version of this regime. Look at its versions.");
  }
  if (!is_waiting(**found)) {
    return fail(
        ErrorKind::conflict, "regime.decided",
        "This version doesn't wait for approval: it was approved or withdrawn. Look at the newest version.");
  }
  if ((*found)->submitted_by == actor) {
    return fail(ErrorKind::forbidden, "regime.same_official",
                "You submitted this version yourself. Another official must approve it.");
  }
  if ((*found)->regime.period.until <= now) return period_over();
  RegimeVersion approved = **found;
  approved.approved_by = actor;
  approved.approved = now;
  approved.state = RegimeState::approved;
  const Instant start = approved.in_force().from;
  for (const VersionHandle& other : known) {
    if (!was_approved(*other) || other->superseded <= start) continue;
    RegimeVersion superseded = *other;
    superseded.superseded = start;
    DAYAQ_TRY_OK(change_version(session, next, std::move(superseded)));
  }
  DAYAQ_TRY_OK(change_version(session, next, approved));
  DAYAQ_TRY_OK(finish(session, std::move(next), approved, action_approve, actor, now));
  return std::make_shared<const RegimeVersion>(std::move(approved));
}

Result<VersionHandle> Lawbook::end(store::Session& session, const RegimeCode& code, Instant at,
                                   const std::string& actor, Instant now) {
  State next = *working_;
  const auto known = of_code(next.versions, code);
  if (known.empty()) return unknown_regime();
  const Instant until = std::max(at, now);
  VersionHandle last;
  for (const VersionHandle& version : known) {
    const bool waiting = is_waiting(*version);
    if (!waiting && !(is_alive(*version, now) && version->in_force().until > until)) continue;
    RegimeVersion ended = *version;
    ended.superseded = waiting ? now : until;
    if (!waiting) {
      ended.ended_by = actor;
      ended.ended = now;
      ended.state = RegimeState::ended;
    }
    DAYAQ_TRY_OK(change_version(session, next, ended));
    if (!waiting) last = std::make_shared<const RegimeVersion>(std::move(ended));
  }
  if (!last) {
    return fail(ErrorKind::conflict, "regime.not_in_force",
                "Nothing of this regime is in force after that moment.");
  }
  DAYAQ_TRY_OK(finish(session, std::move(next), *last, action_end, actor, now));
  return last;
}

Result<void> Lawbook::change_version(store::Session& session, State& next, RegimeVersion changed) {
  const auto place = std::ranges::find_if(next.versions, [&](const VersionHandle& v) {
    return v->regime.code == changed.regime.code && v->regime.version == changed.regime.version;
  });
  DAYAQ_ASSERT(place != next.versions.end());
  DAYAQ_TRY_OK(RegimeStore::update(session, row_of(changed)));
  *place = std::make_shared<const RegimeVersion>(std::move(changed));
  return {};
}

Result<void> Lawbook::finish(store::Session& session, State next, const RegimeVersion& version,
                             std::string_view action, const std::string& actor, Instant now) {
  const auto digest = crypto::sha256(as_bytes(version.regime.source));
  std::string data =
      fmt::format(R"({{"code":"{}","file_sha256":"{}")", version.regime.code.value(), to_hex(digest));
  if (was_approved(version) && !version.in_force().empty()) {
    data += fmt::format(R"(,"in_force_from":"{}","in_force_until":"{}")",
                        format_instant(version.in_force().from), format_instant(version.in_force().until));
  }
  data += fmt::format(R"(,"version":{}}})", version.regime.version);
  DAYAQ_TRY_OK(log_.append(session, {.action = action, .actor = actor, .data = std::move(data)}));
  const bool changes_law = action == action_approve || action == action_end;
  if (changes_law) next.law = std::make_shared<const Law>(next.versions);
  working_ = std::make_shared<const State>(std::move(next));
  if (!changes_law) return {};
  for (LawObserver* observer : observers_) DAYAQ_TRY_OK(observer->on_law_change(session, working_->law, now));
  return {};
}

std::vector<std::string> check_conflicts(const Regime& regime, const Law& law, Instant now) {
  std::vector<std::string> notices;
  if (regime.period.until <= now)
    notices.emplace_back("The regime's period is over already.");
  else if (regime.period.from < now)
    notices.emplace_back("The regime's period has begun: it is law from its approval.");
  for (const Measure& measure : regime.measures) {
    for (const LawfulMeasure& other : law.measures()) {
      const Regime& theirs = other.version->regime;
      if (theirs.code == regime.code || other.measure->code != measure.code) continue;
      if (!other.period.overlaps(measure.period) || other.period.until <= now) continue;
      notices.push_back(
          fmt::format("The regime {} has a measure {} in force at the same time. A person may be granted "
                      "both.",
                      theirs.code.value(), measure.code.value()));
    }
  }
  return notices;
}

}  // namespace dayaq::regime
