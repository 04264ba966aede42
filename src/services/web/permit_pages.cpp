// My permits: on screen and on paper.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "portal/qr.hpp"
#include "services/permit/token.hpp"
#include "services/web/apply.hpp"
#include "services/web/words.hpp"

namespace dayaq::services::web {
namespace {

using http::Method;
using http::Response;
using portal::View;

std::string number_of(PermitId id) {
  return case_number(CaseId(id.value()));
}

struct Standing {
  std::string_view tone;
  std::string_view state_key;
  std::string_view until_key;
  Instant at;
};

Standing standing_of(const Permit& permit, Instant now) {
  if (permit.revoked <= now) return {"bad", "sv_permit_revoked", "sv_permit_revoked_at", permit.revoked};
  if (now < permit.valid.from) return {"soon", "sv_permit_coming", "sv_permit_from", permit.valid.from};
  if (permit.valid.until <= now) return {"off", "sv_permit_ended", "sv_permit_since", permit.valid.until};
  return {"go", "sv_permit_valid",
          permit.valid.until == instant_max ? "sv_permit_endless" : "sv_permit_until", permit.valid.until};
}

void set_standing(const Visit& visit, View& view, const Permit& permit) {
  const Standing standing = standing_of(permit, visit.now);
  view.set("TONE", std::string(standing.tone));
  view.set("STATE", visit.text(standing.state_key));
  view.set("UNTIL",
           standing.at == instant_max
               ? visit.text(standing.until_key)
               : visit.fill(standing.until_key, {{"time", visit.page.format().date_time(standing.at)}}));
}

View& page_of_mine(Visit& visit, std::string file) {
  View& view = visit.my_content(std::move(file));
  visit.page.add_style("services.css");
  return view;
}

Result<Response> permits_page(Visit& visit, const ServicesWeb& services) {
  const Subject subject = subject_of(visit);
  if (subject.person != visit.session->person) DAYAQ_TRY_OK(facts_of(visit, services, subject));
  DAYAQ_TRY(const auto permits, visit.web.db.read([&](store::Session& db) {
    return services.cases.permits_of(db, subject.person, visit.now);
  }));
  View& view = page_of_mine(visit, "my_permits.html");
  if (permits.empty()) view.show("NOTHING");
  for (const Permit& permit : permits) {
    View& row = view.add("PERMIT");
    const ServiceHandle handle = services.book.published()->find(permit.service.value());
    row.set("TITLE", handle ? handle->service.title.in(visit.page.language()) : permit.service.value());
    row.set("HREF", fmt::format("/my/permits/{}", number_of(permit.id)));
    set_standing(visit, row, permit);
  }
  return visit.html("sv_permits");
}

/// The answers that stand in the permit.
Result<void> add_shown(const Visit& visit, const ServicesWeb& services, View& view, const Permit& permit,
                       const std::optional<Case>& of) {
  const ServiceHandle handle = of ? services.book.find(of->service, of->version) : ServiceHandle();
  if (!handle) return {};
  for (const Step& step : handle->service.steps) {
    if (step.kind != Step::Kind::issue || step.permit != permit.kind) continue;
    for (const std::string& code : step.shows) {
      const Field* field = handle->service.find(code);
      const auto answer = of->answers.find(code);
      if (field == nullptr || answer == of->answers.end()) continue;
      DAYAQ_TRY(std::string words, shown_answer(visit, services, permit.person, *field, answer->second));
      View& row = view.add("SHOWN");
      row.set("QUESTION", field->title.in(visit.page.language()));
      row.set("VALUE", std::move(words));
    }
    break;
  }
  return {};
}

Result<Response> permit_page(Visit& visit, const ServicesWeb& services) {
  const Subject subject = subject_of(visit);
  DAYAQ_TRY(const auto facts, facts_of(visit, services, subject));
  const auto number = parse_case_number(visit.request.parameter("number"));
  std::optional<Permit> permit;
  std::optional<Case> of;
  DAYAQ_TRY_OK(visit.web.db.read([&](store::Session& db) -> Result<void> {
    if (number) {
      DAYAQ_TRY(permit, services.cases.permit(db, subject.person, PermitId(number->value())));
    }
    if (permit) {
      DAYAQ_TRY(of, services.cases.find(db, subject.person, permit->case_id));
    }
    return {};
  }));
  if (!permit) return fail(ErrorKind::not_found, "permit.unknown", "There is no such permit.");
  const portal::Format& format = visit.page.format();
  const ServiceHandle handle = services.book.published()->find(permit->service.value());
  const std::string title = handle ? handle->service.title.in(format.language()) : permit->service.value();
  View& view = page_of_mine(visit, "my_permit.html");
  view.set("TITLE", title);
  view.set("NAME", fmt::format("{} {}", facts.person.given_name, facts.person.family_name));
  view.set("NATIONAL_ID", facts.person.national_id);
  view.set("PERIOD",
           fmt::format("{} – {}", format.date_time(permit->valid.from),
                       permit->valid.until == instant_max ? "∞" : format.date_time(permit->valid.until)));
  view.set("NUMBER", number_of(permit->id));
  view.set("CASE", fmt::format("/my/cases/{}", case_number(permit->case_id)));
  set_standing(visit, view, *permit);
  DAYAQ_TRY_OK(add_shown(visit, services, view, *permit, of));
  // One that is over is not shown as a code: nobody should have to find out by scanning it.
  if (standing_of(*permit, visit.now).tone == "go") {
    const BytesView token = as_bytes(permit->token);
    DAYAQ_TRY(const portal::QrCode code, portal::QrCode::create(permit::qr_text(token)));
    view.add("QR").set("SVG", code.svg(visit.text("sv_permit_qr")));
    view.add("TEXT").set("CODE", permit::sms_text(token));
  }
  return visit.html_titled(title);
}

}  // namespace

void add_my_permit_pages(http::Router& router, const ServicesWeb& services) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/my/permits", "page_my_permits", "My permits.", permits_page},
      {Method::get, "/my/permits/{number}", "page_my_permit", "A permit, to show and to print.", permit_page},
  });
  add_signed_in_pages(router, services, identity::Assurance::low, pages);
}

}  // namespace dayaq::services::web
