#include "edge/radius/profiles.hpp"

namespace dayaq::edge::radius {

std::uint64_t bound_of(const Verdict& verdict) {
  const bool bound = verdict.outcome == Outcome::granted && !verdict.unlimited && !verdict.limited_after;
  return bound ? verdict.slice : 0;
}

Result<Profiles> Profiles::create(const ServerOptions& options) {
  Profiles out;
  out.line_ = options.line;
  out.service_ = options.service;
  if (options.profiles.size() > 63) {
    return fail(ErrorKind::invalid_input, "radius.attribute", "At most 63 RADIUS profiles may be named.");
  }
  for (const ProfileOptions& profile : options.profiles) {
    DAYAQ_TRY(AttributeList list, parse_attributes(profile.attributes));
    out.profiles_.push_back({.service = profile.service, .attributes = std::move(list)});
  }
  DAYAQ_TRY(out.limited_, parse_attributes(options.limited));
  DAYAQ_TRY(out.normal_, parse_attributes(options.normal));
  DAYAQ_TRY(out.volume_, VolumeAttributes::create(options.volume));
  return out;
}

Entitlement Profiles::entitlement(const Candidates& candidates, Engine& engine, Instant now) const {
  Entitlement out;
  const auto ask = [&](SubscriptionKey key, ServiceIndex service) {
    const Verdict verdict = engine.look(key, line_, service, now);
    if (verdict.outcome == Outcome::granted && out.measure == 0) out.measure = verdict.measure;
    return verdict;
  };
  for (const SubscriptionKey key : std::span(candidates.keys).first(candidates.count)) {
    const Verdict verdict = ask(key, service_);
    if (verdict.outcome == Outcome::unknown) continue;
    out.key = key;
    out.covered = verdict.outcome == Outcome::granted;
    out.limited = verdict.outcome == Outcome::limited;
    out.bounded = bound_of(verdict);
    if (out.limited) out.measure = verdict.measure;
    for (std::size_t i = 0; i < profiles_.size(); ++i) {
      const bool granted = profiles_[i].service == service_
                               ? out.covered
                               : ask(key, profiles_[i].service).outcome == Outcome::granted;
      if (granted) out.profiles |= std::uint64_t(1) << i;
    }
    if (!out.ours()) out.deferred = engine.defers(key, line_, now);
    break;
  }
  return out;
}

const AttributeList& Profiles::attributes(std::uint64_t signature) const {
  const auto known = merged_.find(signature);
  if (known != merged_.end()) return known->second;
  AttributeList list;
  for (std::size_t i = 0; i < profiles_.size(); ++i) {
    if ((signature >> i & 1) != 0) merge(list, profiles_[i].attributes);
  }
  if (signature >> 63 != 0) merge(list, limited_);
  return merged_.emplace(signature, std::move(list)).first->second;
}

}  // namespace dayaq::edge::radius
