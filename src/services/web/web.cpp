#include "services/web/web.hpp"

#include "services/web/words.hpp"

namespace dayaq::services::web {

void add_page(http::Router& router, const ServicesWeb& services, const identity::web::PageRoute& route,
              Handler handler) {
  identity::web::PageRoute placed = route;
  // Applying is what everybody wants at once in a crisis: it waits for its turn. Finding a service, what is
  // under way, permits and officials' pages don't.
  if (services.surge != nullptr && std::string_view(route.pattern).starts_with("/services/{service}/")) {
    placed.gate = &services.surge->guard();
  }
  identity::web::add_page(router, services.web, placed,
                          [&services, handler](Visit& visit) -> Result<http::Response> {
                            auto made = handler(visit, services);
                            if (made) return made;
                            return refuse(visit, made.error());
                          });
}

void add_signed_in_pages(http::Router& router, const ServicesWeb& services, identity::Assurance least,
                         std::span<const SignedInPage> pages, http::Gate* gate) {
  for (const SignedInPage& page : pages) {
    add_page(
        router, services,
        {.method = page.method,
         .pattern = page.pattern,
         .operation = page.operation,
         .summary = page.summary,
         .signed_in = least,
         .form = page.method == http::Method::post ? identity::web::Form::session : identity::web::Form::none,
         .body_max = page.body_max,
         .gate = gate},
        page.handler);
  }
}

void add_all_pages(http::Router& router, const ServicesWeb& services) {
  add_person_pages(router, services);
  add_booking_pages(router, services);
  add_assisted_pages(router, services);
  add_office_pages(router, services);
  add_ministry_pages(router, services);
  add_employer_pages(router, services);
  add_waiting_pages(router, services);
  add_inspector_pages(router, services);
}

}  // namespace dayaq::services::web
