#include "services/cases/cases.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "audit/leaf.hpp"
#include "services/cases/cases_context.hpp"
#include "services_cases_schema_sql.hpp"

namespace dayaq::services {
namespace {

using registry::bucket_of;

constexpr std::size_t draft_bytes_max = 8 << 10;

/// The first moment of the period in which t lies, and of the one after it.
Period period_of(Per per, Instant t, const Zone& zone) {
  using namespace std::chrono;
  const Date day = zone.day_of(t);
  const year_month_day civil{day};
  const auto between = [&](Date from, Date until) {
    return Period{.from = zone.start_of(from), .until = zone.start_of(until)};
  };
  switch (per) {
    case Per::day:
      return between(day, day + days(1));
    case Per::week: {
      const Date monday = day - (weekday(day) - Monday);
      return between(monday, monday + days(7));
    }
    case Per::month: {
      const Date first{civil.year() / civil.month() / 1};
      return between(first, Date{(civil.year() / civil.month() + months(1)) / 1});
    }
    case Per::year:
      return between(Date{civil.year() / January / 1}, Date{(civil.year() + years(1)) / January / 1});
    case Per::ever:
      return {};
  }
  return {};
}

std::string or_else(const std::string& text, std::string_view otherwise) {
  return text.empty() ? std::string(otherwise) : text;
}

Result<ServiceHandle> open_service(const ServiceBook& book, const Submission& submission) {
  ServiceHandle found = book.published()->find(submission.service.value());
  if (!found) {
    return fail(ErrorKind::not_found, "service.unknown",
                "There is no such service. See the list of services.");
  }
  if (found->state == ServiceState::suspended) {
    return fail(ErrorKind::unavailable, "service.suspended",
                or_else(found->suspended_because.en, "This service is closed for now. Try again later."));
  }
  if (!found->service.on(submission.channel)) {
    return fail(ErrorKind::forbidden, "service.channel",
                fmt::format("This service isn't offered by {}.", to_string(submission.channel)));
  }
  return found;
}

/// Whom the service is for, and while what lasts.
Result<void> check_entitled(const Service& service, const Applicant& applicant, Instant regime_end) {
  if (!regime::holds(service.who, applicant.facts, applicant.now, applicant.civil())) {
    return fail(ErrorKind::forbidden, "case.not_entitled",
                or_else(service.who_text.en, "This service isn't for the person it was asked for."));
  }
  if (regime_end == instant_min) {
    return fail(
        ErrorKind::forbidden, "case.no_regime",
        "The regime that this service belongs to isn't in force, so that nothing need be applied for.");
  }
  return {};
}

Result<Answers> read_all(const Service& service, const Answers& given, const Applicant& applicant) {
  auto answers = read_answers(service, given, applicant);
  if (answers) return *std::move(answers);
  const BadAnswer& first = answers.error().front();
  return std::unexpected(Error{ErrorKind::invalid_input, "service.answer", first.sentence,
                               std::string(first.key), first.field, 0, 0});
}

}  // namespace

std::span<const store::Migration> migrations() {
  static constexpr std::array<store::Migration, 7> all{{{"cases", 1, cases_schema_sql},
                                                        {"cases", 2, permits_long_sql},
                                                        {"cases", 3, cases_appended_sql},
                                                        {"service_book", 1, book_schema_sql},
                                                        {"cases_bulk", 1, bulk_schema_sql},
                                                        {"cases_feedback", 1, feedback_schema_sql},
                                                        {"permit_keys", 1, permit_keys_schema_sql}}};
  // A part that isn't there has no tables.
  static const std::vector<store::Migration> present = [] {
    std::vector<store::Migration> out;
    for (const store::Migration& one : all) {
      if (!one.sql.empty()) out.push_back(one);
    }
    return out;
  }();
  return present;
}

Result<Cases::Judged> Cases::judge(store::Session& session, PersonId person, const Service& service,
                                   Instant now, bool whole) const {
  Judged out;
  const Facts& facts = context_.facts;
  DAYAQ_TRY(out.facts, whole ? facts.of(session, person) : facts.for_rules(session, person));
  if (!service.ends_with.empty()) out.regime_end = facts.regime_end(service.ends_with, now);
  return out;
}

std::optional<LimitReached> Cases::reached(const Service& service, const std::vector<EarlierCase>& earlier,
                                           Instant now) const {
  std::optional<LimitReached> out;
  for (const Limit& limit : service.limits) {
    const Period period = period_of(limit.per, now, context_.country.zone());
    const auto counts = [&](const EarlierCase& one) {
      if (one.service != service.code.value()) return false;
      if (limit.open_only) return is_open(one.state);
      return (is_open(one.state) || one.state == CaseState::granted) && period.contains(one.submitted);
    };
    if (std::ranges::count_if(earlier, counts) < limit.at_most) continue;
    const bool by_time = !limit.open_only && limit.per != Per::ever;
    // Of several the last one to go: a month that is full makes tomorrow no better.
    if (!by_time) return LimitReached{.limit = limit, .again = std::nullopt};
    if (!out || *out->again < period.until) out = LimitReached{.limit = limit, .again = period.until};
  }
  return out;
}

Result<void> Cases::check_limits(const Service& service, const std::vector<EarlierCase>& earlier,
                                 Instant now) const {
  const auto found = reached(service, earlier, now);
  if (!found) return {};
  const Limit& limit = found->limit;
  if (!found->again) {
    return fail(ErrorKind::limit, "case.limit",
                limit.open_only ? "An application for this is open already: wait for its answer."
                                : "This was granted already, as often as it can be.");
  }
  return fail(
      ErrorKind::limit, "case.limit",
      fmt::format("This was applied for as often as one may ({} a {}). It is possible again from {}.",
                  limit.at_most, to_string(limit.per), context_.country.zone().format_local(*found->again)));
}

Result<std::optional<LimitReached>> Cases::limit_reached(store::Session& session, PersonId person,
                                                         const Service& service, Instant now) const {
  if (service.limits.empty()) return std::optional<LimitReached>();
  DAYAQ_TRY(const std::vector<EarlierCase> earlier, earlier_cases(session, person));
  return reached(service, earlier, now);
}

Result<void> Cases::check_documents(store::Session& session, const Service& service, PersonId person,
                                    const Answers& answers) const {
  if (!context_.document) return {};
  for (const Field& field : service.form) {
    if (field.kind != FieldKind::document) continue;
    const auto answer = answers.find(field.code);
    if (answer == answers.end()) continue;
    DAYAQ_TRY_OK(context_.document(session, person, field, answer->second));
  }
  return {};
}

Result<Receipt> Cases::submit(store::Session& session, const Submission& submission, Instant now) {
  DAYAQ_TRY(const std::vector<EarlierCase> earlier, earlier_cases(session, submission.person));
  if (const auto same = std::ranges::find(earlier, submission.id, &EarlierCase::id); same != earlier.end()) {
    DAYAQ_TRY(std::optional<Case> found, find(session, submission.person, submission.id));
    if (!found || found->service != submission.service) {
      return fail(ErrorKind::conflict, "case.id", "This number is another application's. Choose a new one.");
    }
    return receipt(session, *std::move(found), true);
  }
  DAYAQ_TRY(const ServiceHandle handle, open_service(context_.book, submission));
  const Service& service = handle->service;
  DAYAQ_TRY(Judged judged, judge(session, submission.person, service, now, asks_who_it_is(service)));
  if (judged.facts.person.national_id.empty()) judged.facts.person.national_id = submission.national_id;
  const Applicant applicant{.facts = judged.facts, .country = context_.country, .now = now};
  DAYAQ_TRY_OK(check_entitled(service, applicant, judged.regime_end));
  DAYAQ_TRY_OK(check_limits(service, earlier, now));

  Case fresh;
  fresh.id = submission.id;
  fresh.person = submission.person;
  fresh.service = service.code;
  fresh.channel = submission.channel;
  DAYAQ_TRY(fresh.answers, read_all(service, submission.answers, applicant));
  DAYAQ_TRY_OK(check_documents(session, service, submission.person, fresh.answers));
  const Setting setting{.service = service,
                        .applicant = applicant,
                        .actor = submission.actor,
                        .events = 0,
                        .regime_end = judged.regime_end};
  const Transition done = begin(fresh, setting);
  DAYAQ_TRY_OK(insert_case(session, {.stands = done.after, .events = int(done.effects.events.size())},
                           done.effects.events, numbers_.order(submission.id, now)));
  DAYAQ_TRY(const auto permit,
            store_effects(session, service, nullptr, done, submission.notify, setting, now));
  if (submission.channel == Channel::web || submission.channel == Channel::counter) {
    DAYAQ_TRY_OK(delete_draft(session, submission.person, service.code));
  }
  DAYAQ_TRY_OK(context_.log.append(
      session, {.action = "case.submit",
                .actor = submission.actor,
                .subject = submission.person,
                .data = fmt::format(R"({{"channel":"{}","service":"{}","state":"{}"}})",
                                    to_string(submission.channel), service.code, to_string(done.after.state)),
                .personal = fmt::format(R"({{"case":"{}"}})", case_number(submission.id))}));
  return Receipt{.stands = done.after, .permit = permit, .repeated = false};
}

Result<Receipt> Cases::receipt(store::Session& session, Case stands, bool repeated) const {
  Receipt out{.stands = std::move(stands), .permit = std::nullopt, .repeated = repeated};
  if (out.stands.permit != PermitId()) {
    DAYAQ_TRY(out.permit, permit(session, out.stands.person, out.stands.permit));
  }
  return out;
}

Result<void> Cases::save_draft(store::Session& session, PersonId person, const ServiceCode& service,
                               CaseId id, const Answers& answers, Instant now) {
  const std::string json = answers_json(answers);
  if (json.size() > draft_bytes_max) {
    return fail(ErrorKind::invalid_input, "case.draft", "The answers are too long to be kept.");
  }
  return session.exec(
      "INSERT INTO case_drafts (bucket, person_id, service, case_id, answers, saved) "
      "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (bucket, person_id, service) DO UPDATE SET "
      "case_id = excluded.case_id, answers = excluded.answers, saved = excluded.saved",
      {bucket_of(person), sql_key(person), std::string_view(service.value()), sql_key(id),
       std::string_view(json), to_micros(now)});
}

Result<void> Cases::drop_draft(store::Session& session, PersonId person, const ServiceCode& service) {
  return delete_draft(session, person, service);
}

}  // namespace dayaq::services
