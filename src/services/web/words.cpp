#include "services/web/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "identity/web/visit.hpp"
#include "regime/rule.hpp"
#include "registry/record.hpp"

namespace dayaq::services::web {
namespace {

struct KnownError {
  std::string_view code;
  std::string_view key;
};
constexpr std::array<KnownError, 14> known_errors{{
    {"case.limit", "sv_limit_title"},
    {"service.unknown", "sv_error_unknown"},
    {"service.suspended", "sv_suspended"},
    {"service.channel", "sv_error_channel"},
    {"case.not_entitled", "sv_not_entitled"},
    {"case.no_regime", "sv_no_regime"},
    {"case.unknown", "sv_error_case"},
    {"case.revision", "sv_changed_meanwhile"},
    {"case.state", "sv_changed_meanwhile"},
    {"case.claimed", "sv_changed_meanwhile"},
    {"case.draft", "sv_error_draft"},
    {"permit.unknown", "sv_error_permit"},
    {"case.appealed", "sv_changed_meanwhile"},
    {"assist.over", "as_over"},
}};

}  // namespace

std::string promise_words(const portal::Format& format, std::chrono::seconds promised) {
  using namespace std::chrono;
  if (promised <= minutes(1)) return format.text("sv_at_once");
  if (promised < hours(2)) return format.count("sv_within_minutes", ceil<minutes>(promised).count());
  if (promised < days(3)) return format.count("sv_within_hours", ceil<hours>(promised).count());
  return format.count("sv_within_days", ceil<days>(promised).count());
}

std::string who_words(const Visit& visit, const Service& service) {
  if (service.who.kind == regime::Rule::Kind::everyone) return visit.text("sv_everyone");
  return portal::who_sentence(service.who, visit.page.format(), visit.web.site.words());
}

std::string fee_words(const portal::Format& format, std::uint64_t qepik) {
  return qepik == 0 ? format.text("sv_free") : format.money(static_cast<std::int64_t>(qepik));
}

std::string limit_words(const portal::Format& format, const Limit& limit) {
  constexpr std::array<std::string_view, 5> keys{"sv_limit_day", "sv_limit_week", "sv_limit_month",
                                                 "sv_limit_year", "sv_limit_ever"};
  const std::string_view key = limit.open_only ? "sv_limit_open" : keys[static_cast<std::size_t>(limit.per)];
  return format.fill(key, {{"n", format.number(limit.at_most)}});
}

std::string answer_words(const portal::Format& format, const registry::CountryPack& country,
                         const Field& field, std::string_view answer) {
  switch (field.kind) {
    case FieldKind::choice:
    case FieldKind::choices: {
      std::string out;
      while (!answer.empty()) {
        const std::string_view code = answer.substr(0, answer.find(' '));
        answer.remove_prefix(std::min(code.size() + 1, answer.size()));
        const auto choice = std::ranges::find(field.choices, code, &Choice::code);
        if (!out.empty()) out += ", ";
        out += choice == field.choices.end() ? std::string(code) : choice->title.in(format.language());
      }
      return out;
    }
    case FieldKind::yes_no:
      return format.text(answer == "yes" ? "sv_yes" : "sv_no");
    case FieldKind::date: {
      const auto date = parse_date(answer);
      return date ? format.date(*date) : std::string(answer);
    }
    case FieldKind::place: {
      const auto index = country.find_place(answer);
      if (!index) return std::string(answer);
      const registry::Place& place = country.place(*index);
      const std::string& name = place.name.in(format.language());
      if (place.district == *index) return name;
      const std::string& district = country.place(place.district).name.in(format.language());
      return district == name ? name : fmt::format("{} ({})", name, district);
    }
    case FieldKind::phone:
      return fmt::format("+{}", answer);
    default:
      return std::string(answer);
  }
}

std::string_view known_key(Known known) {
  constexpr std::array<std::string_view, 6> keys{
      "", "sv_known_national_id", "sv_known_name", "sv_known_birth", "sv_known_residence", "sv_known_phone"};
  return keys[static_cast<std::size_t>(known)];
}

std::string_view state_key(CaseState state) {
  constexpr std::array<std::string_view, 8> keys{
      "sv_state_in_review", "sv_state_more_asked", "sv_state_payment",   "sv_state_appointment",
      "sv_state_granted",   "sv_state_refused",    "sv_state_withdrawn", "sv_state_expired"};
  return keys[static_cast<std::size_t>(state)];
}

std::string_view state_tone(CaseState state) {
  switch (state) {
    case CaseState::in_review:
      return "soon";
    case CaseState::more_asked:
    case CaseState::payment:
    case CaseState::appointment:
      return "wait";
    case CaseState::granted:
      return "go";
    case CaseState::refused:
      return "bad";
    case CaseState::withdrawn:
    case CaseState::expired:
      break;
  }
  return "off";
}

std::string_view sent_key(CaseState state) {
  if (state == CaseState::granted) return "sv_sent_granted";
  return state == CaseState::refused ? "sv_sent_refused" : "sv_sent_open";
}

portal::View& service_content(Visit& visit, std::string file) {
  portal::View& view = visit.content(std::move(file));
  visit.page.add_style("services.css");
  return view;
}

std::string limit_reached_words(const Visit& visit, const LimitReached& reached) {
  const portal::Format& format = visit.page.format();
  const std::string why = visit.fill("sv_limit_reached", {{"limit", limit_words(format, reached.limit)}});
  if (reached.again) {
    return fmt::format("{} {}", why,
                       visit.fill("sv_limit_again", {{"time", format.date_time(*reached.again)}}));
  }
  return reached.limit.open_only ? fmt::format("{} {}", why, visit.text("sv_limit_wait")) : why;
}

std::string service_error_words(const Visit& visit, const Error& error) {
  const auto known = std::ranges::find(known_errors, error.code, &KnownError::code);
  return known == known_errors.end() ? std::string() : visit.text(known->key);
}

http::Response refuse(Visit& visit, const Error& error) {
  const std::string words = service_error_words(visit, error);
  if (words.empty()) return visit.refuse(error);
  Visit fresh(visit.web, visit.request, visit.now);  // this one's content may be half filled
  portal::View& view = fresh.content("id_notice.html");
  view.set("TITLE", visit.text("sv_error_title"));
  view.set("TEXT", words);
  portal::View& next = view.add("NEXT");
  next.set("HREF", "/services");
  next.set("NAME", visit.text("sv_all"));
  auto made = fresh.html("sv_error_title", http::status_of(error.kind));
  return made ? std::move(*made) : http::problem(made.error());
}

Subject subject_of(const Visit& visit) {
  const identity::Session& session = *visit.session;
  if (session.acting_for.value() == 0) return {.person = session.person};
  return {.person = session.acting_for, .actor = "representative"};
}

Result<registry::PersonFacts> facts_of(Visit& visit, const ServicesWeb& services, const Subject& subject) {
  const Facts& facts = services.cases.context().facts;
  if (subject.person == visit.session->person) {
    return visit.web.db.read([&](store::Session& db) { return facts.of(db, subject.person); });
  }
  const auto& registry = visit.web.accounts.registry;
  return visit.web.db.write([&](store::Session& db) -> Result<registry::PersonFacts> {
    DAYAQ_TRY(auto all, facts.of(db, subject.person));
    DAYAQ_TRY_OK(
        registry::note_read(db, registry, subject.person, "record", "acting for them", subject.actor));
    return all;
  });
}

Closed closed_for(const ServicesWeb& services, const ServiceVersion& version,
                  const registry::PersonFacts* facts, Instant now) {
  const Service& service = version.service;
  const CasesContext& context = services.cases.context();
  Closed out{.suspended = version.state == ServiceState::suspended};
  if (!service.ends_with.empty()) {
    out.no_regime = context.facts.regime_end(service.ends_with, now) == instant_min;
  }
  if (facts != nullptr) {
    const Applicant applicant{.facts = *facts, .country = context.country, .now = now};
    out.not_entitled = !regime::holds(service.who, *facts, now, applicant.civil());
  }
  return out;
}

std::string regime_title(const Visit& visit, std::string_view code) {
  const auto law = visit.web.law();
  for (const auto& measure : law->law.measures()) {
    const regime::Regime& regime = measure.version->regime;
    if (regime.code.value() == code) return regime.title.in(visit.page.language());
  }
  return std::string(code);
}

}  // namespace dayaq::services::web
