#include "services_pages.hpp"

#include "base/log.hpp"

namespace dayaq::node {
namespace {

/// Where Debian's clamd listens.
constexpr const char* clamd_socket = "/run/clamav/clamd.ctl";
constexpr std::int64_t flush_every_s = 60;

void report(std::string_view what, const Result<void>& done) {
  if (!done) log::error("services.background", what, done.error());
}

}  // namespace

ServicesPages::ServicesPages(Core& core, const std::filesystem::path& data,
                             std::unique_ptr<services::booking::Calendars> calendars,
                             std::unique_ptr<services::attachments::Scanner> scanner)
    : core_(core),
      calendars_(std::move(calendars)),
      attachments_(*core.database, data / "attachments", std::move(scanner), core.random, core.clock),
      drop_off_(core.country.zone()) {}

Result<std::unique_ptr<ServicesPages>> ServicesPages::open(Core& core, const std::filesystem::path& data,
                                                           const std::filesystem::path& country) {
  DAYAQ_TRY(auto calendars, services::booking::Calendars::load(country / "calendars", core.country));
  return std::unique_ptr<ServicesPages>(
      new ServicesPages(core, data, std::move(calendars), services::attachments::clamd(clamd_socket)));
}

void ServicesPages::add_routes(http::Router& router, const identity::web::Web& pages, services::Cases& cases,
                               services::ServiceBook& book, services::surge::Surge& surge) {
  web_.emplace(
      services::web::ServicesWeb{.web = pages,
                                 .cases = cases,
                                 .book = book,
                                 .attachments = attachments_,
                                 .calendars = *calendars_,
                                 .random = core_.random,
                                 .drop_off = &drop_off_,
                                 .payments = core_.configuration.synthetic ? &demonstration_ : nullptr,
                                 .surge = &surge});
  services::web::add_all_pages(router, *web_);
}

void ServicesPages::tick() {
  report("attachments could not be looked after", attachments_.tick());
  if (++ticks_ % flush_every_s != 0) return;
  report("counts of questions could not be stored", drop_off_.flush(*core_.database));
}

void ServicesPages::stop() {
  report("counts of questions could not be stored", drop_off_.flush(*core_.database));
}

}  // namespace dayaq::node
