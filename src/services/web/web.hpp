// The pages of e-services. Each function adds the pages of one file; the routes refer to what is given, which
// must outlive the router.
//
//   person_pages     GET /services, /services/{service}; apply: one question a page, check answers, send;
//                    /my/cases, /my/cases/{number}, /my/permits, /my/permits/{id}; permits on screen and
//                    paper
//   assisted_pages   /office/assist: an official fills in with the person beside them, both recorded
//   office_pages     /office/cases: queue, claim, decide, ask, bulk; /office/cases/{number}
//   ministry_pages   /office/services: versions, publish, suspend; volumes, times, drop-off, satisfaction
//   employer_pages   /office/permits: employees' permits from CSV, ended at a change of regime, renewed
//   booking_pages    choosing a time; /office/calendar
//   inspector_pages  /inspect: offline after the first visit
#pragma once

#include <span>

#include "http/router.hpp"
#include "identity/web/visit.hpp"
#include "services/attachments/attachments.hpp"
#include "services/booking/booking.hpp"
#include "services/cases/cases.hpp"
#include "services/cases/permit_keys.hpp"
#include "services/sms/notices.hpp"
#include "services/surge/surge.hpp"
#include "services/web/drop_off.hpp"
#include "services/web/payments.hpp"

namespace dayaq::services::web {

using identity::web::Visit;

/// What the pages stand on, besides those of the digital ID.
struct ServicesWeb {
  const identity::web::Web& web;
  Cases& cases;
  ServiceBook& book;
  attachments::Attachments& attachments;
  booking::Calendars& calendars;
  Random& random;
  DropOff* drop_off = nullptr;   ///< null: nobody counts where people stop
  Payments* payments = nullptr;  ///< null: a fee can't be paid here
  /// Applying stands behind its gate, and what is the same for everybody is in its cache; null: neither.
  surge::Surge* surge = nullptr;
  sms::Notices* notices = nullptr;          ///< null: nobody is told by message
  const PermitKeys* permit_keys = nullptr;  ///< null: inspectors' lists carry the key that signs alone
};

using Handler = Result<http::Response> (*)(Visit& visit, const ServicesWeb& services);
void add_page(http::Router& router, const ServicesWeb& services, const identity::web::PageRoute& route,
              Handler handler);

struct SignedInPage {
  http::Method method;
  const char* pattern;
  const char* operation;
  const char* summary;
  Handler handler;
  std::size_t body_max = std::size_t{64} << 10;
};
/// Pages of whoever is signed in at that level; their forms carry the session's token.
void add_signed_in_pages(http::Router& router, const ServicesWeb& services, identity::Assurance least,
                         std::span<const SignedInPage> pages, http::Gate* gate = nullptr);

/// All of the following.
void add_all_pages(http::Router& router, const ServicesWeb& services);

void add_person_pages(http::Router& router, const ServicesWeb& services);
void add_my_case_pages(http::Router& router, const ServicesWeb& services);    // of add_person_pages
void add_my_permit_pages(http::Router& router, const ServicesWeb& services);  // of add_person_pages
void add_assisted_pages(http::Router& router, const ServicesWeb& services);
void add_office_pages(http::Router& router, const ServicesWeb& services);
void add_ministry_pages(http::Router& router, const ServicesWeb& services);
void add_employer_pages(http::Router& router, const ServicesWeb& services);
void add_booking_pages(http::Router& router, const ServicesWeb& services);
/// The page of whoever has to wait before applying, and /surge/place.
void add_waiting_pages(http::Router& router, const ServicesWeb& services);
void add_inspector_pages(http::Router& router, const ServicesWeb& services);

}  // namespace dayaq::services::web
