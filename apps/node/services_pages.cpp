#include "services_pages.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace dayaq::node {
namespace {

constexpr std::int64_t flush_every_s = 60;
constexpr int cases_max = 10'000;  // of one person, asked once a day for each file they attached

using services::attachments::AttachmentId;
using services::attachments::Use;

void report(std::string_view what, const Result<void>& done) {
  if (!done) log::error("services.background", what, done.error());
}

/// What an attachment is still needed for: an answer of the person's cases or drafts names it.
Result<Use> use_of(store::Session& session, const services::Cases& cases, PersonId person, AttachmentId id) {
  const auto names = [&](const services::Answers& answers) {
    return std::ranges::any_of(
        answers, [&](const auto& one) { return services::attachments::parse_id(one.second) == id; });
  };
  DAYAQ_TRY(const auto all, cases.of_person(session, person, cases_max));
  if (std::ranges::any_of(all, [&](const services::Case& one) { return names(one.answers); })) {
    return Use::kept;
  }
  DAYAQ_TRY(const auto drafts, cases.drafts(session, person));
  const bool drafted =
      std::ranges::any_of(drafts, [&](const services::Cases::Draft& one) { return names(one.answers); });
  return drafted ? Use::draft : Use::none;
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
  return std::unique_ptr<ServicesPages>(new ServicesPages(
      core, data, std::move(calendars), services::attachments::clamd(core.configuration.clamd)));
}

void ServicesPages::add_routes(http::Router& router, const identity::web::Web& pages, services::Cases& cases,
                               services::ServiceBook& book, services::surge::Surge& surge,
                               const services::PermitKeys& permit_keys, services::sms::Notices& notices) {
  attachments_.set_uses([&cases](store::Session& session, PersonId person, AttachmentId id) {
    return use_of(session, cases, person, id);
  });
  web_.emplace(
      services::web::ServicesWeb{.web = pages,
                                 .cases = cases,
                                 .book = book,
                                 .attachments = attachments_,
                                 .calendars = *calendars_,
                                 .random = core_.random,
                                 .drop_off = &drop_off_,
                                 .payments = core_.configuration.synthetic ? &demonstration_ : nullptr,
                                 .surge = &surge,
                                 .notices = &notices,
                                 .permit_keys = &permit_keys});
  services::web::add_all_pages(router, *web_);
}

Result<void> ServicesPages::check_document(store::Session& session, PersonId person,
                                           const services::Field& field, const std::string& answer) const {
  auto checked =
      attachments_.check(session, person, answer, {.types = field.types, .bytes_max = field.bytes_max});
  if (checked) return {};
  Error error = std::move(checked).error();
  error.field = field.code;
  return std::unexpected(std::move(error));
}

Result<void> ServicesPages::case_changed(store::Session& session, const services::Case& before,
                                         const services::Case& after, Instant now) const {
  using services::CaseState;
  if (before.state != CaseState::appointment || after.state == CaseState::appointment) return {};
  const std::uint64_t id = after.id.value();
  DAYAQ_TRY(const auto booked, calendars_->of_case(session, after.person, id));
  if (!booked || booked->state != services::booking::Booking::State::booked) return {};
  return calendars_->cancel(session, after.person, id, now);
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
