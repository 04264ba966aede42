// Making a digital ID, and getting in again without the lost phone: both are the one flow of
// identity/account/enrolment_flow.hpp, whose steps these pages show. /recover is /enrol in other words.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "identity/account/enrolment_flow.hpp"
#include "identity/account/recovery.hpp"
#include "identity/web/visit.hpp"
#include "portal/qr.hpp"

namespace dayaq::identity::web {
namespace {

using http::Method;
using http::Response;
using Step = EnrolView::Step;

bool is_recovery(const Visit& visit) {
  return visit.request.path.starts_with("/recover");
}

bool offers(const EnrolView& at, AuthenticatorKind kind) {
  return std::ranges::find(at.offered, kind) != at.offered.end();
}

void add_choice(Visit& visit, portal::View& view, const EnrolView& at) {
  portal::View& choice = view.add("CHOOSE");
  choice.set("PROVED",
             visit.fill("enrol_proved", {{"level", visit.text(assurance_key(assurance_of(at.proof)))}}));
  if (at.recovery) {
    portal::View& lost = choice.add("STANDING");
    for (const Authenticator& one : at.standing) {
      portal::View& option = lost.add("LOST_ONE");
      option.set("ID", fmt::format("{}", one.id));
      option.set("NAME", fmt::format("{} ({})", one.name, visit.text(authenticator_kind_key(one.kind))));
    }
  }
  if (offers(at, AuthenticatorKind::passkey) && !at.passkey_options.empty()) {
    choice.add("PASSKEY").set("OPTIONS", at.passkey_options);
    visit.add_script(view);
  }
  if (offers(at, AuthenticatorKind::totp)) choice.show("TOTP_OFFER");
  if (offers(at, AuthenticatorKind::sms) && !at.numbers.empty()) {
    portal::View& sms = choice.add("SMS_OFFER");
    for (std::size_t i = 0; i < at.numbers.size(); ++i) {
      portal::View& number = sms.add("NUMBER");
      number.set("INDEX", fmt::format("{}", i));
      number.set("MASKED", at.numbers[i]);
    }
  }
}

Result<Response> show(Visit& visit, const EnrolView& at, Note note) {
  const bool lost = is_recovery(visit);
  portal::View& view = visit.content("id_enrol.html");
  view.set("TITLE", visit.text(lost ? "recover_title" : "enrol_title"));
  view.set("BASE", lost ? "/recover" : "/enrol");
  view.set("STATE", at.state);
  view.set("NATIONAL_ID", at.national_id);
  if (!note.text_key.empty()) {
    portal::View& shown = view.add("NOTE");
    shown.set("WORDS", visit.text(note.text_key));
    shown.set("TONE", note.bad ? "bad" : "go");
  }
  switch (at.step) {
    case Step::ask:
      view.add("ASK").set("WHAT", visit.text(lost ? "recover_what" : "enrol_what"));
      add_card_form(visit, view, lost ? "/recover/card" : "/enrol/card");
      break;
    case Step::code:
      view.show("CODE");
      break;
    case Step::choose:
      add_choice(visit, view, at);
      break;
    case Step::totp: {
      portal::View& app = view.add("TOTP");
      app.set("SECRET", in_groups(at.totp_secret));
      app.set("URI", at.totp_uri);
      DAYAQ_TRY(const portal::QrCode code, portal::QrCode::create(at.totp_uri));
      app.set("QR", code.svg(visit.text("my_totp_qr")));
      break;
    }
    case Step::sms:
      view.add("SMS").set("SENT", visit.fill("id_code_sms", {{"number", at.masked}}));
      break;
    case Step::done:
      break;
  }
  return visit.html(lost ? "recover_title" : "enrol_title");
}

/// What a person is told of an error of the flow.
std::string_view enrol_error_key(const Error& error) {
  if (error.code == "enrol.slip") return "enrol_slip";
  if (error.code == "enrol.refused") return "enrol_refused";
  if (error.code == "enrol.code") return "my_totp_wrong";
  if (error.code == "enrol.number") return "enrol_number_wrong";
  return error_text_key(error);
}

/// The next step, the session, or the step again with what was wrong. `again`: which step the form was of.
Result<Response> go_on(Visit& visit, const Result<EnrolView>& next, Step again) {
  if (next && next->step != Step::done) return show(visit, *next, {});
  if (next) {
    DAYAQ_ASSERT(next->session && next->token);
    visit.open_session(*next->token, *next->session);
    return visit.redirect(is_recovery(visit) ? "/my/authenticators" : "/my");
  }
  const Error& error = next.error();
  if (http::status_of(error.kind) >= 500) return std::unexpected(error);
  const bool over = error.code == "signin.state" || error.code == "signin.expired" ||
                    error.code == "enrol.step" || error.code == "enrol.spent";
  // The steps that only ask for something typed can be shown again from the form itself.
  const bool shown_again = !over && (again == Step::ask || again == Step::code || again == Step::sms);
  EnrolView view = visit.web.enrolling.start(visit.page.language(), visit.caller(), visit.now);
  if (shown_again) {
    view.step = again;
    view.state = visit.form("state");
    view.masked = visit.form("masked").substr(0, 40);
  }
  view.national_id = visit.form("national_id").substr(0, 16);
  return show(visit, view, {.text_key = enrol_error_key(error)});
}

Result<Response> start(Visit& visit) {
  return show(visit, visit.web.enrolling.start(visit.page.language(), visit.caller(), visit.now),
              {.text_key = card_note_key(visit)});
}

Result<Response> request(Visit& visit) {
  const bool letter = visit.form("channel") == "letter";
  const std::string typed = visit.form("number");
  const std::string& calling_code = visit.web.accounts.registry.country.calling_code();
  std::string number;
  std::ranges::copy_if(typed, std::back_inserter(number), [](char c) { return c >= '0' && c <= '9'; });
  if (number.starts_with("0") && number.size() == 10) number = calling_code + number.substr(1);
  if (number.size() == 9) number = calling_code + number;
  return go_on(visit,
               visit.web.enrolling.request(visit.form("state"), visit.form("national_id"),
                                           letter ? Enrolment::letter_code : Enrolment::sms_code,
                                           letter ? std::string() : number, visit.caller(), visit.now),
               Step::ask);
}

Result<Response> code(Visit& visit) {
  const Step step = visit.form("step") == "code" ? Step::code : Step::ask;
  return go_on(visit,
               visit.web.enrolling.code(visit.form("state"), visit.form("national_id"), visit.form("code"),
                                        visit.caller(), visit.now),
               step);
}

std::optional<AuthenticatorId> lost_of(const Visit& visit) {
  const std::string text = visit.form("lost");
  std::uint64_t id = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  if (parsed.ec != std::errc() || id == 0) return std::nullopt;
  return AuthenticatorId(id);
}

Result<Response> passkey(Visit& visit) {
  return go_on(visit,
               visit.web.enrolling.passkey(visit.form("state"), visit.form("response"), visit.form("name"),
                                           lost_of(visit), visit.caller(), visit.now),
               Step::choose);
}

Result<Response> totp(Visit& visit) {
  return go_on(visit,
               visit.web.enrolling.totp(visit.form("state"), lost_of(visit), visit.caller(), visit.now),
               Step::choose);
}

Result<Response> sms(Visit& visit) {
  const std::string text = visit.form("number");
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return go_on(
      visit, visit.web.enrolling.sms(visit.form("state"), number, lost_of(visit), visit.caller(), visit.now),
      Step::choose);
}

Result<Response> first_code(Visit& visit) {
  return go_on(visit,
               visit.web.enrolling.first_code(visit.form("state"), visit.form("code"), visit.form("name"),
                                              visit.caller(), visit.now),
               visit.form("step") == "sms" ? Step::sms : Step::totp);
}

Result<Response> to_start(Visit& visit) {
  return visit.redirect(is_recovery(visit) ? "/recover" : "/enrol");
}

// -- taking a recovery back, by the link in a notice

Result<Response> undo_page(Visit& visit) {
  portal::View& view = visit.content("id_undo.html");
  view.set("TOKEN", visit.query("t"));
  return visit.html("undo_title");
}

Result<Response> undo(Visit& visit) {
  const std::string token = visit.form("t");
  DAYAQ_TRY_OK(visit.web.db.write(
      [&](store::Session& db) { return undo_recovery(db, visit.web.accounts, token, visit.now); }));
  return visit.notice("undo_title", visit.text("undo_done"), "/sign-in", "id_sign_in");
}

}  // namespace

void add_enrol_pages(http::Router& router, const Web& web) {
  struct Entry {
    const char* pattern;
    const char* operation;
    PageFunction handler;
  };
  constexpr std::array<Entry, 12> forms{{
      {"/enrol/request", "page_enrol_request", request},
      {"/enrol/code", "page_enrol_code", code},
      {"/enrol/passkey", "page_enrol_passkey", passkey},
      {"/enrol/totp", "page_enrol_totp", totp},
      {"/enrol/sms", "page_enrol_sms", sms},
      {"/enrol/first-code", "page_enrol_first_code", first_code},
      {"/recover/request", "page_recover_request", request},
      {"/recover/code", "page_recover_code", code},
      {"/recover/passkey", "page_recover_passkey", passkey},
      {"/recover/totp", "page_recover_totp", totp},
      {"/recover/sms", "page_recover_sms", sms},
      {"/recover/first-code", "page_recover_first_code", first_code},
  }};
  for (const Entry& entry : forms) {
    add_page(router, web,
             {.method = Method::post,
              .pattern = entry.pattern,
              .operation = entry.operation,
              .summary = "A step of making a digital ID, or of coming back to it.",
              .form = Form::anybody},
             entry.handler);
  }
  add_page(router, web,
           {.pattern = "/enrol",
            .operation = "page_enrol",
            .summary = "Makes a digital ID.",
            .gate = web.doors.sign_in},
           start);
  add_page(router, web,
           {.pattern = "/enrol/{step}", .operation = "page_enrol_again", .summary = "Leads to the start."},
           to_start);
  add_page(router, web,
           {.pattern = "/recover",
            .operation = "page_recover",
            .summary = "In again without a lost phone.",
            .gate = web.doors.sign_in},
           start);
  add_page(
      router, web,
      {.pattern = "/recover/{step}", .operation = "page_recover_again", .summary = "Leads to the start."},
      to_start);
  add_page(router, web,
           {.pattern = "/id/undo", .operation = "page_undo", .summary = "Takes a recovery back."}, undo_page);
  add_page(router, web,
           {.method = Method::post,
            .pattern = "/id/undo",
            .operation = "page_undo_post",
            .summary = "Does it.",
            .form = Form::anybody},
           undo);
}

}  // namespace dayaq::identity::web
