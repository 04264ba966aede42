// The inspector's page, with what cases know of revoked permits behind it.
#include <algorithm>
#include <map>
#include <memory>

#include "services/inspector/inspector.hpp"
#include "services/web/web.hpp"

namespace dayaq::services::web {
namespace {

using inspector::ListState;

struct KindFound {
  std::string code;
  permit::KindInput input;
  std::size_t revoked = 0;  ///< that `bound` doesn't cover
};

/// Reads what a list is made of. One caller at a time (ListKeeper).
class RevokedPermits {
 public:
  explicit RevokedPermits(const ServicesWeb& of) : of_(of) {}

  Result<ListState> read(Instant now) {
    std::map<std::uint16_t, KindFound> kinds = kinds_named();
    ListState state;
    DAYAQ_TRY_OK(of_.web.db.read([&](store::Session& session) -> Result<void> {
      DAYAQ_TRY(const std::vector<Permit> revoked, of_.cases.revoked_live(session, now));
      state.revoked.reserve(revoked.size());
      for (const Permit& permit : revoked) {
        const std::uint16_t number = of_.cases.context().kind_number(permit.kind);
        state.revoked.push_back({.id = permit.id.value(), .kind = number, .from = permit.valid.from});
        if (const auto kind = kinds.find(number);
            kind != kinds.end() && permit.valid.from >= bounds_[number].bound) {
          ++kind->second.revoked;
        }
      }
      for (auto& [number, kind] : kinds) DAYAQ_TRY_OK(find_bound(session, kind, state.revoked, now));
      return {};
    }));
    for (auto& [number, kind] : kinds) state.kinds.push_back(std::move(kind.input));
    return state;
  }

 private:
  struct Bound {
    Instant bound = instant_min;
    std::size_t left = 0;  ///< revoked ones that it didn't cover when it was found
  };

  /// Of all versions, since their permits live on; the latest names them.
  [[nodiscard]] std::map<std::uint16_t, KindFound> kinds_named() const {
    std::map<std::uint16_t, KindFound> kinds;
    for (const ServiceHandle& version : of_.book.versions()) {
      if (version->published == instant_max) continue;
      for (const Step& step : version->service.steps) {
        if (step.kind != Step::Kind::issue) continue;
        const std::uint16_t number = of_.cases.context().kind_number(step.permit);
        kinds[number] = {.code = step.permit,
                         .input = {.number = number, .name = version->service.title, .first_unrevoked = {}}};
      }
    }
    return kinds;
  }

  /// All permits are read for it, so it is done when many more were revoked than the last time. What was
  /// found holds for ever: permits that come later begin later, and none is taken back into force.
  Result<void> find_bound(store::Session& session, KindFound& kind,
                          const std::vector<permit::RevokedPermit>& revoked, Instant now) {
    Bound& bound = bounds_[kind.input.number];
    if (kind.revoked >= 2 * bound.left + permit::void_least) {
      DAYAQ_TRY(const Instant first, of_.cases.first_unrevoked(session, kind.code, now));
      bound.bound = std::min(first, now - permit::settled_after);
      bound.left = std::size_t(std::ranges::count_if(revoked, [&](const permit::RevokedPermit& one) {
        return one.kind == kind.input.number && one.from >= bound.bound;
      }));
    }
    if (bound.bound != instant_min) kind.input.first_unrevoked = bound.bound;
    return {};
  }

  const ServicesWeb& of_;
  std::map<std::uint16_t, Bound> bounds_;  // by kind
};

}  // namespace

void add_inspector_pages(http::Router& router, const ServicesWeb& services) {
  const auto source = std::make_shared<RevokedPermits>(services);  // lives as long as the routes do
  const auto list = std::make_shared<inspector::ListKeeper>(
      services.cases.context().issuer, [source](Instant now) { return source->read(now); });
  inspector::add_routes(router,
                        {.site = services.web.site, .clock = services.web.accounts.clock, .list = list});
}

}  // namespace dayaq::services::web
