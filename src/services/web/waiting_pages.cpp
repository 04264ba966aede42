// The page of whoever has to wait: rendered once a language, when the node starts.
#include "base/log.hpp"
#include "services/web/web.hpp"

namespace dayaq::services::web {
namespace {

std::vector<std::string> counted(const portal::Format& format, std::string_view key, int last) {
  std::vector<std::string> out;
  for (int n = 0; n <= last; ++n) out.push_back(format.count(key, n));
  return out;
}

Result<surge::WaitingPage> page_in(const portal::Site& site, Language language, Instant now) {
  portal::Page page(site, language, now);
  portal::View& view = page.content("waiting.html");
  view.set("AHEAD", "@ahead@").set("WAIT", "@wait@");
  DAYAQ_TRY(const std::string html, page.render({.path = "/services", .query = "", .menu = "/services"},
                                                page.format().text("surge_title")));
  return surge::WaitingPage(html, {.soon = page.format().text("surge_soon"),
                                   .minutes = counted(page.format(), "surge_minutes", 90),
                                   .hours = counted(page.format(), "surge_hours", 24)});
}

}  // namespace

void add_waiting_pages(http::Router& router, const ServicesWeb& services) {
  if (services.surge == nullptr) return;
  surge::WaitingPages pages;
  for (const Language language : languages) {
    auto page = page_in(services.web.site, language, services.web.accounts.clock.now());
    if (!page) {
      return log::error("surge.page", "the waiting page could not be rendered; who waits gets plain words",
                        page.error());
    }
    pages[std::size_t(language)] = *std::move(page);
  }
  services.surge->clients_guard().set_pages(pages);
  services.surge->guard().set_pages(std::move(pages));
  services.surge->guard().add_routes(router);
}

}  // namespace dayaq::services::web
