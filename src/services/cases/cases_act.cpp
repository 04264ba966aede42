// What a change of a case brings with it: events, permits, notices, counters, the entry of the audit log.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/replace.hpp"
#include "services/cases/cases_context.hpp"

namespace dayaq::services {
namespace {

/// What an inspector sees besides: the answers that the step shows, as they stand in the form.
std::string detail_of(const Step& step, const Answers& answers) {
  constexpr std::size_t bytes_max = 40;
  std::string out;
  for (const std::string& field : step.shows) {
    const auto found = answers.find(field);
    if (found == answers.end()) continue;
    if (!out.empty()) out += "; ";
    out += found->second;
  }
  if (out.size() > bytes_max) {
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;  // whole letters
    out.resize(end);
  }
  return out;
}

bool is_decision(const Case* before, const Case& after) {
  return !is_open(after.state) && (before == nullptr || is_open(before->state));
}

}  // namespace

Result<Permit> Cases::issue(store::Session& session, const Service& service, const Case& of,
                            const IssuePermit& rule, const Setting& setting, Instant now) {
  const registry::PersonFacts& facts = setting.applicant.facts;
  std::string subject = facts.person.national_id;
  if (subject.empty()) {
    DAYAQ_TRY(subject, context_.facts.national_id(session, of.person));
  }
  const permit::Claims claims{.subject = std::move(subject),
                              .id = of.permit.value(),
                              .valid = rule.valid,
                              .kind = context_.kind_number(rule.step->permit),
                              .detail = detail_of(*rule.step, of.answers)};
  const Bytes token = context_.issuer.issue(claims);
  Permit out{.id = of.permit,
             .person = of.person,
             .case_id = of.id,
             .service = of.service,
             .kind = rule.step->permit,
             .valid = rule.valid,
             .token = std::string(reinterpret_cast<const char*>(token.data()), token.size())};
  const int regime_version =
      service.ends_with.empty() ? 0 : context_.facts.regime_version(service.ends_with, now);
  DAYAQ_TRY_OK(
      insert_permit(session, {.permit = out, .regime = service.ends_with, .regime_version = regime_version}));
  return out;
}

Result<std::optional<Permit>> Cases::store_effects(store::Session& session, const Service& service,
                                                   const Case* before, const Transition& done, bool notify,
                                                   const Setting& setting, Instant now) {
  const Case& after = done.after;
  // Those of a new case are in its row.
  if (before != nullptr) DAYAQ_TRY_OK(insert_events(session, after, done.effects.events));
  std::optional<Permit> permit;
  if (done.effects.permit) {
    DAYAQ_TRY(permit, issue(session, service, after, *done.effects.permit, setting, now));
  }
  if (done.effects.revoke_permit) DAYAQ_TRY_OK(set_revoked(session, after.person, after.permit, now));
  const bool decided = is_decision(before, after);
  if (before == nullptr || decided) {
    const DayChange change{
        .submitted = before == nullptr,
        .granted = decided && after.state == CaseState::granted,
        .refused = decided && after.state == CaseState::refused,
        .late = decided && after.decided > after.promised,
        .seconds =
            decided ? std::chrono::floor<std::chrono::seconds>(after.decided - after.submitted).count() : 0};
    DAYAQ_TRY_OK(count_day(session, service.code, context_.country.zone().day_of(now), change));
  }
  if (notify) DAYAQ_TRY_OK(tell(session, after, done.effects.notices, permit, now));
  return permit;
}

Result<void> Cases::tell(store::Session& session, const Case& about, const std::vector<Notify>& notices,
                         const std::optional<Permit>& issued, Instant now) {
  if (context_.notifier == nullptr) return {};
  for (const Notify& notice : notices) {
    LocalizedText text = notice.text;
    if (about.permit != PermitId()) {
      std::optional<Permit> standing = issued;
      if (!standing) {
        DAYAQ_TRY(standing, permit(session, about.person, about.permit));
      }
      const std::string token = standing ? permit::sms_text(as_bytes(standing->token)) : std::string();
      const std::string code = case_number(CaseId(about.permit.value()));
      for (const auto part : {&LocalizedText::az, &LocalizedText::en, &LocalizedText::ru}) {
        replace_all(text.*part, "{permit}", token);
        replace_all(text.*part, "{code}", code);
      }
    }
    DAYAQ_TRY_OK(context_.notifier->notify(session, about.person, about, text, now));
  }
  return {};
}

Result<Receipt> Cases::act(store::Session& session, PersonId person, CaseId id, int revision,
                           const Action& action, const std::string& actor, Instant now) {
  DAYAQ_TRY(const std::optional<StoredCase> before, stored_case(session, person, id));
  if (!before) {
    return fail(ErrorKind::not_found, "case.unknown", "There is no application with this number.");
  }
  if (revision != 0 && before->stands.revision != revision) {
    return fail(ErrorKind::conflict, "case.revision",
                "Somebody else has changed this application in between. Read it again.");
  }
  return change(session, *before, action, actor, now);
}

Result<Receipt> Cases::change(store::Session& session, const StoredCase& before, const Action& action,
                              const std::string& actor, Instant now) {
  const auto* move = std::get_if<Move>(&action);
  const ServiceHandle handle =
      context_.book.find(before.stands.service, move != nullptr ? move->version : before.stands.version);
  if (!handle) {
    return fail(ErrorKind::internal, "service.version", "This application's service can't be read.");
  }
  const Service& service = handle->service;
  const auto* reply = std::get_if<Reply>(&action);
  DAYAQ_TRY(const Judged judged,
            judge(session, before.stands.person, service, now, reply != nullptr && asks_who_it_is(service)));
  const Applicant applicant{.facts = judged.facts, .country = context_.country, .now = now};
  DAYAQ_TRY(const Barred why, barred(session, before.stands, actor));
  const Setting setting{.service = service,
                        .applicant = applicant,
                        .actor = actor,
                        .events = before.events,
                        .regime_end = judged.regime_end,
                        .barred = why};
  Action checked = action;
  if (auto* given = std::get_if<Reply>(&checked); given != nullptr && !given->answers.empty()) {
    Answers whole = before.stands.answers;
    for (auto& [field, answer] : given->answers) whole.insert_or_assign(field, answer);
    auto read = read_answers(service, whole, applicant);
    if (!read) {
      const BadAnswer& first = read.error().front();
      return std::unexpected(
          Error{ErrorKind::invalid_input, "service.answer", first.sentence, {}, first.field, 0, 0});
    }
    given->answers = *std::move(read);
    DAYAQ_TRY_OK(check_documents(session, service, before.stands.person, given->answers));
  }
  DAYAQ_TRY(const Transition done, apply(before.stands, checked, setting));
  DAYAQ_TRY_OK(update_case(
      session, {.stands = done.after, .events = before.events + int(done.effects.events.size())}));
  if (context_.changed) {
    DAYAQ_TRY_OK(context_.changed(session, before.stands, done.after, now));
  }
  DAYAQ_TRY(const auto permit, store_effects(session, service, &before.stands, done, true, setting, now));
  const std::string action_code = fmt::format("case.{}", name_of(action));
  DAYAQ_TRY_OK(context_.log.append(
      session,
      {.action = action_code,
       .actor = actor,
       .subject = done.after.person,
       .data = fmt::format(R"({{"service":"{}","state":"{}"}})", service.code, to_string(done.after.state)),
       .personal = fmt::format(R"({{"case":"{}"}})", case_number(done.after.id))}));
  if (permit) return Receipt{.stands = done.after, .permit = permit, .repeated = false};
  return receipt(session, done.after, false);
}

Result<void> Cases::revoke_permit(store::Session& session, PersonId person, PermitId id,
                                  const LocalizedText& reason, const std::string& actor, Instant now) {
  DAYAQ_TRY(const std::optional<Permit> found, permit(session, person, id));
  if (!found) return fail(ErrorKind::not_found, "permit.unknown", "There is no such permit.");
  DAYAQ_TRY(const bool revoked, set_revoked(session, person, id, now));
  if (!revoked) return {};
  DAYAQ_TRY(std::optional<StoredCase> of, stored_case(session, person, found->case_id));
  if (of) {
    const CaseEvent event{
        .number = of->events + 1, .at = now, .what = "permit_revoked", .actor = actor, .note = reason};
    DAYAQ_TRY_OK(insert_events(session, of->stands, std::span(&event, 1)));
    ++of->events;
    ++of->stands.revision;
    DAYAQ_TRY_OK(update_case(session, *of));
  }
  DAYAQ_TRY_OK(context_.log.append(
      session, {.action = "permit.revoke",
                .actor = actor,
                .subject = person,
                .data = fmt::format(R"({{"service":"{}"}})", found->service),
                .personal = fmt::format(R"({{"permit":"{}"}})", case_number(CaseId(id.value())))}));
  return {};
}

}  // namespace dayaq::services
