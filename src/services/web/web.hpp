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

#include "http/router.hpp"
#include "identity/web/visit.hpp"
#include "services/attachments/attachments.hpp"
#include "services/booking/booking.hpp"
#include "services/cases/cases.hpp"
#include "services/surge/admission.hpp"
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
  surge::Admission& admission;
  Random& random;
  DropOff* drop_off = nullptr;   ///< null: nobody counts where people stop
  Payments* payments = nullptr;  ///< null: a fee can't be paid here
};

using Handler = Result<http::Response> (*)(Visit& visit, const ServicesWeb& services);
void add_page(http::Router& router, const ServicesWeb& services, const identity::web::PageRoute& route,
              Handler handler);

void add_person_pages(http::Router& router, const ServicesWeb& services);
void add_assisted_pages(http::Router& router, const ServicesWeb& services);
void add_office_pages(http::Router& router, const ServicesWeb& services);
void add_ministry_pages(http::Router& router, const ServicesWeb& services);
void add_employer_pages(http::Router& router, const ServicesWeb& services);
void add_booking_pages(http::Router& router, const ServicesWeb& services);
void add_inspector_pages(http::Router& router, const ServicesWeb& services);

}  // namespace dayaq::services::web
