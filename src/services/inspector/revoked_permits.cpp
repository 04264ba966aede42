#include "services/inspector/revoked_permits.hpp"

#include <algorithm>

namespace dayaq::services::inspector {

Result<ListState> RevokedPermits::read(Instant now) {
  std::map<std::uint16_t, Kind> kinds = kinds_named();
  ListState state;
  if (keys_ != nullptr) {
    PermitKeys::Published published = keys_->published(now);
    state.keys = std::move(published.keys);
    state.withdrawn = std::move(published.withdrawn);
  }
  DAYAQ_TRY_OK(cases_.context().db.read([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY(const std::vector<Permit> revoked, cases_.revoked_live(session, now));
    state.revoked.reserve(revoked.size());
    for (const Permit& permit : revoked) {
      const std::uint16_t number = cases_.context().kind_number(permit.kind);
      state.revoked.push_back({.id = permit.id.value(), .kind = number, .from = permit.valid.from});
      const auto kind = kinds.find(number);
      if (kind != kinds.end() && permit.valid.from >= bounds_[number].bound) ++kind->second.revoked;
    }
    for (auto& [number, kind] : kinds) DAYAQ_TRY_OK(find_bound(session, kind, state.revoked, now));
    return {};
  }));
  for (auto& [number, kind] : kinds) state.kinds.push_back(std::move(kind.input));
  return state;
}

/// Of all versions, since their permits live on; the latest names them.
std::map<std::uint16_t, RevokedPermits::Kind> RevokedPermits::kinds_named() const {
  std::map<std::uint16_t, Kind> kinds;
  for (const ServiceHandle& version : cases_.context().book.versions()) {
    if (version->published == instant_max) continue;
    for (const Step& step : version->service.steps) {
      if (step.kind != Step::Kind::issue) continue;
      const std::uint16_t number = cases_.context().kind_number(step.permit);
      kinds[number] = {.code = step.permit,
                       .input = {.number = number, .name = version->service.title, .first_unrevoked = {}}};
    }
  }
  return kinds;
}

/// All permits are read for it, so it is done when many more were revoked than the last time. What was
/// found holds for ever: permits that come later begin later, and none is taken back into force.
Result<void> RevokedPermits::find_bound(store::Session& session, Kind& kind,
                                        const std::vector<permit::RevokedPermit>& revoked, Instant now) {
  Bound& bound = bounds_[kind.input.number];
  if (kind.revoked >= 2 * bound.left + permit::void_least) {
    DAYAQ_TRY(const Instant first, cases_.first_unrevoked(session, kind.code, now));
    bound.bound = std::min(first, now - permit::settled_after);
    bound.left = std::size_t(std::ranges::count_if(revoked, [&](const permit::RevokedPermit& one) {
      return one.kind == kind.input.number && one.from >= bound.bound;
    }));
  }
  if (bound.bound != instant_min) kind.input.first_unrevoked = bound.bound;
  return {};
}

}  // namespace dayaq::services::inspector
