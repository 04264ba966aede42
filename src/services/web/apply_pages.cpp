// The pages of applying, the same for a person and for an official beside them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "portal/upload.hpp"
#include "services/web/apply.hpp"

namespace dayaq::services::web {
namespace {

using http::Response;
using portal::View;

constexpr std::size_t places_shown = 12;

Applicant applicant_of(const Visit& visit, const ServicesWeb& services, const Applying& applying) {
  return {.facts = applying.facts, .country = services.cases.context().country, .now = visit.now};
}

std::string question_path(const Applying& applying, const Field& field) {
  return fmt::format("{}/apply/{}", applying.base, field.code);
}

void set_banner(View& view, const Applying& applying) {
  if (!applying.banner.empty()) view.add("ASSIST").set("WORDS", applying.banner);
}

void count_shown(const ServicesWeb& services, const Applying& applying, std::string_view field, Instant now) {
  if (services.drop_off != nullptr) services.drop_off->shown(applying.service().code.value(), field, now);
}
void count_answered(const ServicesWeb& services, const Applying& applying, std::string_view field,
                    Instant now) {
  if (services.drop_off != nullptr) services.drop_off->answered(applying.service().code.value(), field, now);
}

Result<Response> question_page(Visit& visit, const ServicesWeb& services, const Applying& applying,
                               const Field& field, const std::vector<const Field*>& all,
                               const std::optional<Wrong>& wrong) {
  const portal::Format& format = visit.page.format();
  View& view = service_content(visit, "apply_question.html");
  const auto at = std::ranges::find(all, &field);
  const bool change = (wrong ? visit.form("change") : visit.query("change")) == "1";
  set_banner(view, applying);
  view.set("SERVICE", applying.service().title.in(format.language()));
  view.set("CHANGE", change ? "1" : "");
  view.set("BACK", change              ? applying.base + "/check"
                   : at == all.begin() ? applying.leave
                                       : question_path(applying, **std::prev(at)));
  view.set("WHERE", visit.fill("sv_where", {{"n", format.ordinal(int(at - all.begin()) + 1)},
                                            {"all", fmt::format("{}", all.size())}}));
  const bool file = field.kind == FieldKind::document;
  view.set("ACTION",
           file ? fmt::format("{}/upload/{}", applying.base, field.code) : question_path(applying, field));
  const auto stored = applying.answers.find(field.code);
  DAYAQ_TRY_OK(fill_question(visit, services, applying, view, field,
                             stored == applying.answers.end() ? std::string() : stored->second, wrong));
  const std::string& title = field.title.in(format.language());
  return visit.html_titled(wrong ? fmt::format("{}: {}", visit.text("sv_wrong"), title) : title,
                           wrong ? 422 : 200);
}

/// The question that the address names, if it is asked; otherwise whatever comes next.
struct Named {
  std::vector<const Field*> all;
  const Field* field = nullptr;
};
Named named_question(const Visit& visit, const ServicesWeb& services, const Applying& applying) {
  Named out{.all = asked(applying.service(), applying.answers, applicant_of(visit, services, applying))};
  const auto found = std::ranges::find(out.all, visit.request.parameter("field"), &Field::code);
  if (found != out.all.end()) out.field = *found;
  return out;
}

Result<void> keep(Visit& visit, const ServicesWeb& services, Applying& applying, const Field& field,
                  std::string answer) {
  if (applying.id == CaseId()) applying.id = services.cases.draw_number(visit.now);
  applying.answers.insert_or_assign(field.code, std::move(answer));
  DAYAQ_TRY_OK(visit.web.db.write([&](store::Session& db) {
    return services.cases.save_draft(db, applying.person, applying.service().code, applying.id,
                                     applying.answers, visit.now);
  }));
  count_answered(services, applying, field.code, visit.now);
  return {};
}

/// What was typed; of check boxes all that were ticked.
std::string given_answer(const Visit& visit, const Field& field) {
  if (field.kind != FieldKind::choices) return visit.form("answer");
  std::string out;
  for (const std::string& one : visit.form_all("answer")) out += (out.empty() ? "" : " ") + one;
  return out;
}

/// Days are said as people write them.
std::string bound_words(const Visit& visit, const std::string& bound) {
  const auto date = parse_date(bound);
  return date ? visit.page.format().date(*date) : bound;
}

std::string bad_words(const Visit& visit, const BadAnswer& bad) {
  return visit.fill(bad.key, {{"low", bound_words(visit, bad.low)}, {"high", bound_words(visit, bad.high)}});
}

std::string upload_words(const Visit& visit, const Field& field, const Error& error) {
  if (error.code == "attachment.type") return visit.fill("sv_file_type", {{"kinds", file_kinds(field)}});
  if (error.code == "attachment.size") {
    return visit.fill("sv_file_size", {{"size", file_size_words(visit, field)}});
  }
  if (error.code == "attachment.infected") return visit.text("sv_file_infected");
  if (error.code == "attachment.limit") return visit.text("sv_file_many");
  return visit.text("sv_file_busy");
}

/// Why it can't be sent now, in words; nullopt for what isn't said on the page.
std::optional<std::string> refused_words(const Visit& visit, const Service& service, const Error& error) {
  if (error.code == "case.not_entitled" && !service.who_text.az.empty()) {
    return service.who_text.in(visit.page.language());
  }
  if (error.code == "case.no_regime") {
    return visit.fill("sv_no_regime_what", {{"regime", regime_title(visit, service.ends_with)}});
  }
  if (std::string known = service_error_words(visit, error); !known.empty()) return known;
  if (error.kind == ErrorKind::unavailable) return visit.text("sv_error_busy");
  return std::nullopt;
}

}  // namespace

Result<void> load_draft(const ServicesWeb& services, Applying& applying) {
  DAYAQ_TRY(const auto drafts, services.web.db.read([&](store::Session& db) {
    return services.cases.drafts(db, applying.person);
  }));
  const auto own = std::ranges::find(drafts, applying.service().code, &Cases::Draft::service);
  if (own == drafts.end()) return {};
  applying.id = own->id;
  applying.answers = own->answers;
  return {};
}

Result<std::string> shown_answer(const Visit& visit, const ServicesWeb& services, PersonId person,
                                 const Field& field, const std::string& answer) {
  if (field.kind != FieldKind::document) {
    return answer_words(visit.page.format(), services.cases.context().country, field, answer);
  }
  std::uint64_t id = 0;
  std::from_chars(answer.data(), answer.data() + answer.size(), id, 16);
  DAYAQ_TRY(const auto found, visit.web.db.read([&](store::Session& db) {
    return services.attachments.find(db, person, attachments::AttachmentId(id));
  }));
  return found ? found->name : answer;
}

Result<Response> go_on(Visit& visit, const ServicesWeb& services, const Applying& applying) {
  const Field* next =
      next_question(applying.service(), applying.answers, applicant_of(visit, services, applying));
  return visit.redirect(next == nullptr ? applying.base + "/check" : question_path(applying, *next));
}

Result<Response> show_question(Visit& visit, const ServicesWeb& services, const Applying& applying) {
  const Named named = named_question(visit, services, applying);
  if (named.field == nullptr) return go_on(visit, services, applying);
  count_shown(services, applying, named.field->code, visit.now);
  return question_page(visit, services, applying, *named.field, named.all, {});
}

Result<Response> take_answer(Visit& visit, const ServicesWeb& services, Applying& applying) {
  const Named named = named_question(visit, services, applying);
  if (named.field == nullptr || named.field->kind == FieldKind::document)
    return go_on(visit, services, applying);
  const Field& field = *named.field;
  const Applicant applicant = applicant_of(visit, services, applying);
  const std::string given = given_answer(visit, field);
  auto read = read_answer(field, given, applicant);
  if (!read && field.kind == FieldKind::place && read.error().key != "answer_missing") {
    auto places = places_like(applicant.country, given, places_shown);
    if (places.size() != 1) {
      const Wrong wrong{visit.text(places.empty() ? "sv_place_none" : "sv_place_many"), given,
                        std::move(places)};
      return question_page(visit, services, applying, field, named.all, wrong);
    }
    read = applicant.country.place(places.front()).code.value();
  }
  const bool skipped = !read && !field.required && read.error().key == "answer_missing";
  if (!read && !skipped) {
    return question_page(visit, services, applying, field, named.all,
                         Wrong{bad_words(visit, read.error()), given});
  }
  const auto kept = keep(visit, services, applying, field, skipped ? std::string() : std::move(*read));
  if (!kept && kept.error().code == "case.draft") {
    return question_page(visit, services, applying, field, named.all,
                         Wrong{visit.text("sv_error_draft"), given});
  }
  DAYAQ_TRY_OK(kept);
  return go_on(visit, services, applying);
}

Result<Response> take_file(Visit& visit, const ServicesWeb& services, Applying& applying) {
  const Named named = named_question(visit, services, applying);
  if (named.field == nullptr || named.field->kind != FieldKind::document)
    return go_on(visit, services, applying);
  const Field& field = *named.field;
  DAYAQ_TRY(const auto parts, portal::parse_form(visit.request.header("content-type"), visit.request.body));
  const auto part = std::ranges::find(parts, "answer", &portal::FormPart::name);
  if (part == parts.end() || (part->file_name.empty() && part->value.empty())) {
    if (applying.answers.contains(field.code) && !applying.answers[field.code].empty()) {
      return go_on(visit, services, applying);
    }
    if (field.required) {
      return question_page(visit, services, applying, field, named.all,
                           Wrong{visit.text("answer_missing"), {}});
    }
    DAYAQ_TRY_OK(keep(visit, services, applying, field, {}));
    return go_on(visit, services, applying);
  }
  const auto upload = services.attachments.begin(applying.person, part->file_name,
                                                 {.types = field.types, .bytes_max = field.bytes_max});
  const auto stored = [&]() -> Result<attachments::Attachment> {
    DAYAQ_TRY_OK(upload->add_whole(as_bytes(part->value)));
    return upload->finish();
  }();
  if (!stored) {
    return question_page(visit, services, applying, field, named.all,
                         Wrong{upload_words(visit, field, stored.error()), {}});
  }
  DAYAQ_TRY_OK(keep(visit, services, applying, field, fmt::format("{:x}", stored->id.value())));
  return go_on(visit, services, applying);
}

Result<Response> show_check(Visit& visit, const ServicesWeb& services, const Applying& applying,
                            const std::string& wrong) {
  const Applicant applicant = applicant_of(visit, services, applying);
  const Service& service = applying.service();
  // Somebody has gone back after sending: the draft has become an application.
  if (applying.id == CaseId() && !asked(service, {}, applicant).empty()) return visit.redirect(applying.sent);
  // A service that asks nothing has no draft until here; its case's id is drawn for this page.
  if (next_question(service, applying.answers, applicant) != nullptr) return go_on(visit, services, applying);
  const portal::Format& format = visit.page.format();
  const auto all = asked(service, applying.answers, applicant);
  View& view = service_content(visit, "apply_check.html");
  set_banner(view, applying);
  if (!wrong.empty()) view.add("WRONG").set("WORDS", wrong);
  view.set("SERVICE", service.title.in(format.language()));
  view.set("BACK", all.empty() ? applying.leave : question_path(applying, *all.back()));
  View* answers = all.empty() ? nullptr : &view.add("ANSWERS");
  for (const Field* field : all) {
    View& row = answers->add("ONE");
    const auto given = applying.answers.find(field->code);
    const bool empty = given == applying.answers.end() || given->second.empty();
    DAYAQ_TRY(std::string words, empty
                                     ? Result<std::string>(visit.text("sv_no_answer"))
                                     : shown_answer(visit, services, applying.person, *field, given->second));
    row.set("QUESTION", field->title.in(format.language()));
    row.set("VALUE", std::move(words));
    row.set("HREF", question_path(applying, *field) + "?change=1");
  }
  const Answers known = known_answers(service, applicant);
  View* facts = known.empty() ? nullptr : &view.add("KNOWN");
  for (const Field& field : service.form) {
    const auto fact = known.find(field.code);
    if (fact == known.end()) continue;
    View& row = facts->add("ONE");
    row.set("NAME", format.capitalised(visit.text(known_key(field.known))));
    row.set("VALUE", answer_words(format, applicant.country, field, fact->second));
  }
  view.set("PROMISE",
           service.promised <= std::chrono::minutes(1)
               ? visit.text("sv_promise_at_once")
               : visit.fill("sv_promise", {{"within", promise_words(format, service.promised)},
                                           {"time", format.date_time(visit.now + service.promised)}}));
  if (service.fee_qepik > 0) {
    view.add("FEE").set("WORDS", visit.fill("sv_fee_later", {{"fee", fee_words(format, service.fee_qepik)}}));
  }
  view.set("TRUE", visit.text("sv_true"));
  view.set("ACTION", applying.base + "/send");
  view.set("DROP", applying.base + "/drop");
  const CaseId id = applying.id == CaseId() ? services.cases.draw_number(visit.now) : applying.id;
  view.set("CASE", case_number(id));
  if (wrong.empty()) count_shown(services, applying, last_page, visit.now);
  return visit.html("sv_check", wrong.empty() ? 200 : 409);
}

Result<Response> send(Visit& visit, const ServicesWeb& services, const Applying& applying) {
  const auto id = parse_case_number(visit.form("case"));
  if (!id) return visit.redirect(applying.base);
  const std::string receipt = applying.after + case_number(*id) + applying.after_query;
  DAYAQ_TRY(const auto there, visit.web.db.read([&](store::Session& db) {
    return services.cases.find(db, applying.person, *id);
  }));
  if (there) return visit.redirect(receipt);  // sent before: a second tap, or the way back
  const Service& service = applying.service();
  const Applicant applicant = applicant_of(visit, services, applying);
  const bool draft_fits =
      applying.id == *id || (applying.id == CaseId() && asked(service, {}, applicant).empty());
  if (!draft_fits) return visit.redirect(applying.base + "/apply");
  const auto sent = visit.web.db.write([&](store::Session& db) {
    return services.cases.submit(db,
                                 {.id = *id,
                                  .person = applying.person,
                                  .service = service.code,
                                  .channel = applying.channel,
                                  .answers = applying.answers,
                                  .actor = applying.actor},
                                 visit.now);
  });
  if (sent) {
    if (!sent->repeated) count_answered(services, applying, last_page, visit.now);
    return visit.redirect(receipt);
  }
  const Error& error = sent.error();
  if (error.code == "service.answer")
    return visit.redirect(fmt::format("{}/apply/{}", applying.base, error.field));
  if (error.code == "case.limit") {
    DAYAQ_TRY(const auto reached, visit.web.db.read([&](store::Session& db) {
      return services.cases.limit_reached(db, applying.person, service, visit.now);
    }));
    if (reached) return show_check(visit, services, applying, limit_reached_words(visit, *reached));
  }
  const auto words = refused_words(visit, service, error);
  if (!words) return std::unexpected(error);
  return show_check(visit, services, applying, *words);
}

Result<Response> drop(Visit& visit, const ServicesWeb& services, const Applying& applying) {
  DAYAQ_TRY_OK(visit.web.db.write([&](store::Session& db) {
    return services.cases.drop_draft(db, applying.person, applying.service().code);
  }));
  return visit.redirect(applying.dropped);
}

}  // namespace dayaq::services::web
