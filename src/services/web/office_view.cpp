#include "services/web/office_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/encoding.hpp"

namespace dayaq::services::web {
namespace {

struct KnownError {
  std::string_view code;
  std::string_view key;
};
constexpr std::array<KnownError, 22> known_errors{{
    {"case.revision", "of_error_changed"},      {"case.claimed", "of_error_claimed"},
    {"case.decided_before", "of_error_before"}, {"case.state", "of_error_state"},
    {"case.reason", "of_error_reason"},         {"case.note", "of_error_note"},
    {"case.unknown", "of_error_unknown"},       {"case.number", "of_error_number"},
    {"registry.reason", "id_error_reason"},     {"service.same_official", "mn_error_same"},
    {"service.provider", "mn_error_provider"},  {"service.decided", "mn_error_decided"},
    {"service.move", "mn_error_move"},          {"service.reason", "mn_error_because"},
    {"employees.header", "em_error_header"},    {"employees.empty", "em_error_empty"},
    {"employees.rows", "em_error_rows"},        {"employees.state", "em_error_state"},
    {"employees.list", "em_error_state"},       {"employees.renewed", "em_error_renewed"},
    {"employees.live", "em_error_live"},        {"case.own", "of_error_own"},
}};

/// Of a suggestion: "p2" is the page's third, "s0" the service's first.
constexpr std::array<std::string_view, 4> general_reasons{"of_reason_0", "of_reason_1", "of_reason_2",
                                                          "of_reason_3"};

LocalizedText in_all(const Visit& visit, std::string_view key) {
  const portal::Texts& texts = visit.page.format().texts();
  return {.az = texts.text(key, Language::az),
          .en = texts.text(key, Language::en),
          .ru = texts.text(key, Language::ru)};
}

std::string trimmed(const std::string& text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  return first == std::string::npos ? std::string()
                                    : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace

void set_organisation(const Visit& visit, portal::View& view, const Official& who) {
  const std::string& code = who.relation.organisation.value();
  view.set("ORGANISATION", identity::web::organisation_name(visit, code));
  view.set("CODE", code);
}

void add_note(const Visit& visit, portal::View& view, std::string_view key, bool bad, const char* tone_name) {
  if (key.empty()) return;
  portal::View& note = view.add("NOTE");
  note.set("WORDS", visit.text(key));
  note.set(tone_name, bad ? "bad" : "go");
}

void add_fact(portal::View& view, const char* section, const std::string& name, const std::string& value) {
  portal::View& fact = view.add(section);
  fact.set("NAME", name);
  fact.set("VALUE", value);
}

std::string office_path(std::string_view path, const Official& who) {
  return fmt::format("{}?organisation={}", path, who.relation.organisation);
}

std::string_view office_error_key(const Error& error) {
  const auto known = std::ranges::find(known_errors, error.code, &KnownError::code);
  if (known != known_errors.end()) return known->key;
  return http::status_of(error.kind) >= 500 ? std::string_view() : identity::web::error_text_key(error);
}

std::string_view office_state_key(CaseState state) {
  constexpr std::array<std::string_view, 8> keys{
      "of_state_in_review", "of_state_more_asked", "of_state_payment",   "of_state_appointment",
      "of_state_granted",   "of_state_refused",    "of_state_withdrawn", "of_state_expired"};
  return keys[static_cast<std::size_t>(state)];
}

std::string_view office_state_tone(CaseState state) {
  if (state == CaseState::granted) return "go";
  if (state == CaseState::refused) return "bad";
  return is_open(state) ? "soon" : "off";
}

std::string_view channel_key(Channel channel) {
  constexpr std::array<std::string_view, 4> keys{"of_channel_web", "of_channel_sms", "of_channel_counter",
                                                 "of_channel_bulk"};
  return keys[static_cast<std::size_t>(channel)];
}

std::string service_title(const Visit& visit, const ServiceBook& book, const ServiceCode& code, int version) {
  const ServiceHandle found = book.find(code, version);
  return found ? found->service.title.in(visit.page.language()) : code.value();
}

std::string answer_text(const Visit& visit, const Field& field, const std::string& answer) {
  const auto choice_title = [&](std::string_view code) {
    const auto found = std::ranges::find(field.choices, code, &Choice::code);
    return found == field.choices.end() ? std::string(code) : found->title.in(visit.page.language());
  };
  switch (field.kind) {
    case FieldKind::choice:
      return choice_title(answer);
    case FieldKind::choices: {
      std::string out;
      for (std::string_view rest = answer; !rest.empty();) {
        const auto end = std::min(rest.find(' '), rest.size());
        out += (out.empty() ? "" : ", ") + choice_title(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      return out;
    }
    case FieldKind::yes_no:
      return visit.text(answer == "yes" ? "of_yes" : "of_no");
    case FieldKind::date:
      if (const auto day = parse_date(answer)) return visit.page.format().date(*day);
      return answer;
    case FieldKind::place: {
      const registry::CountryPack& country = visit.web.accounts.registry.country;
      const auto place = country.find_place(answer);
      return place ? country.place(*place).name.in(visit.page.language()) : answer;
    }
    case FieldKind::phone:
      return "+" + answer;
    default:
      return answer;
  }
}

std::string actor_text(const Visit& visit, const Official& who, const std::string& actor) {
  if (actor == who.actor()) return visit.text("of_you");
  if (actor == "self") return visit.text("of_self");
  if (actor == "system") return visit.text("of_system");
  if (actor == "sms") return visit.text("of_channel_sms");
  if (actor == "representative") return visit.text("of_representative");
  const std::string own = fmt::format("org:{}/", who.relation.organisation);
  if (actor.starts_with(own)) {
    return visit.fill("of_colleague", {{"number", actor.substr(actor.find_last_of(":/") + 1)}});
  }
  return visit.page.actor_name(actor);
}

std::vector<Suggestion> suggestions(const Visit& visit, const Service& service) {
  std::vector<Suggestion> out;
  for (const Step& step : service.steps) {
    for (const Verdict& verdict : step.verdicts) {
      if (!verdict.reason.az.empty()) out.push_back({fmt::format("s{}", out.size()), verdict.reason});
    }
  }
  for (std::size_t i = 0; i < general_reasons.size(); ++i) {
    out.push_back({fmt::format("p{}", i), in_all(visit, general_reasons[i])});
  }
  return out;
}

LocalizedText stated_reason(const Visit& visit, const Service* service) {
  const std::string typed = trimmed(visit.form("reason"));
  if (!typed.empty()) return {.az = typed, .en = typed, .ru = typed};
  const std::string chosen = visit.form("suggested");
  if (chosen.empty() || service == nullptr) return {};
  for (Suggestion& one : suggestions(visit, *service)) {
    if (one.value == chosen) return std::move(one.text);
  }
  return {};
}

}  // namespace dayaq::services::web
