// The inspector's page: scans or takes typed what a permit says, and tells whether it is valid; without a
// network after the first visit.
//
//   GET  /inspect             the page; anybody may be an inspector
//   POST /inspect             the same for browsers without scripts: the server looks at the text
//   GET  /inspect-worker.js   the service worker that lets the page open offline; its scope is /inspect
//   GET  /v1/permits/list     keys, kinds and revoked permits, signed (permit/list.hpp); may be cached a
//   minute
//
// What is checked on a device never leaves it. What is posted is answered and forgotten: nothing is stored or
// logged of it.
#pragma once

#include <memory>
#include <string>

#include "base/time.hpp"
#include "http/router.hpp"
#include "portal/site.hpp"
#include "services/inspector/list_keeper.hpp"

namespace dayaq::services::inspector {

/// What a text turned out to be.
enum class Finding : std::uint8_t {
  valid,
  ended,
  other_day,
  not_yet,
  revoked,
  unknown_key,
  withdrawn,  ///< the key that signed it was: nobody knows who signed what
  forged,
  no_permit
};
[[nodiscard]] std::string_view to_string(Finding finding);

struct Inspection {
  Finding finding = Finding::no_permit;
  permit::Claims claims;  ///< unless unknown_key, forged or no_permit
};

/// What an inspector is told of a text. `other_day`: it ended before this civil day began, as what is copied
/// from another day has.
[[nodiscard]] Inspection inspect(std::string_view text, const permit::List& list, const Zone& zone,
                                 Instant now);

struct Inspector {
  const portal::Site& site;
  const Clock& clock;
  std::shared_ptr<ListKeeper> list;  ///< shared by the routes
};
void add_routes(http::Router& router, const Inspector& inspector);

}  // namespace dayaq::services::inspector
