// Signing in and out. What is under way stands in the form's hidden field `state`; the pages keep nothing.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/encoding.hpp"
#include "identity/web/visit.hpp"

namespace dayaq::identity::web {
namespace {

using http::Method;
using http::Response;

constexpr std::string_view after_sign_in = "/my";

std::string_view kind_key(AuthenticatorKind kind) {
  constexpr std::array<std::string_view, 6> keys{"id_kind_passkey", "id_kind_mobile", "id_kind_totp",
                                                 "id_kind_sms",     "id_kind_card",   "id_kind_password"};
  return keys[static_cast<std::size_t>(kind)];
}

std::string_view use_key(AuthenticatorKind kind) {
  constexpr std::array<std::string_view, 6> keys{"id_use_passkey", "id_use_mobile", "id_use_totp",
                                                 "id_use_sms",     "id_use_card",   "id_use_password"};
  return keys[static_cast<std::size_t>(kind)];
}

std::optional<AuthenticatorKind> parse_kind(std::string_view text) {
  for (unsigned i = 0; i <= unsigned(AuthenticatorKind::password); ++i) {
    if (to_string(AuthenticatorKind(i)) == text) return AuthenticatorKind(i);
  }
  return std::nullopt;
}

Assurance least_of(std::string_view text) {
  if (text == http::to_string(Assurance::high)) return Assurance::high;
  return text == http::to_string(Assurance::substantial) ? Assurance::substantial : Assurance::low;
}

/// The hidden fields that every step's form carries on.
struct Carried {
  std::string then, client;
};
Carried carried(const Visit& visit) {
  return {.then = safe_path(visit.form("then"), after_sign_in), .client = visit.form("client")};
}

void add_passkey_form(Visit& visit, portal::View& view, const SignInView& at) {
  if (at.passkey_options.empty()) return;
  view.add("PASSKEY").set("OPTIONS", at.passkey_options);
  visit.add_script(view);
}

void add_step(Visit& visit, portal::View& view, const SignInView& at) {
  switch (at.step) {
    case SignInView::Step::identify:
      add_passkey_form(visit, view, at);
      add_card_form(visit, view, "/sign-in/card");
      view.show("IDENTIFY");
      break;
    case SignInView::Step::choose:
      add_passkey_form(visit, view, at);
      add_card_form(visit, view, "/sign-in/card");
      view.show("CHOOSE");
      break;
    case SignInView::Step::code: {
      portal::View& step = view.add("CODE");
      step.set("METHOD", std::string(to_string(at.method)));
      step.set("MASKED", at.masked);
      step.set("ASKED", at.method == AuthenticatorKind::sms && !at.masked.empty()
                            ? visit.fill("id_code_sms", {{"number", at.masked}})
                            : visit.text(at.method == AuthenticatorKind::password ? "id_code_password"
                                         : at.method == AuthenticatorKind::sms    ? "id_code_sms_any"
                                                                                  : "id_code_totp"));
      step.show(at.method == AuthenticatorKind::password ? "SECRET" : "DIGITS");
      break;
    }
    case SignInView::Step::confirm: {
      portal::View& step = view.add("CONFIRM");
      step.set("NUMBER", at.number);
      break;
    }
    case SignInView::Step::done:
      break;
  }
  if (at.step == SignInView::Step::identify) return;  // whose they are isn't known yet
  for (const AuthenticatorKind kind : at.offered) {
    if (kind == AuthenticatorKind::passkey || kind == AuthenticatorKind::card) continue;
    if (at.step == SignInView::Step::code && kind == at.method) continue;
    portal::View& choice = view.add("OTHER");
    choice.set("KIND", std::string(to_string(kind)));
    choice.set("NAME", visit.text(use_key(kind)));
  }
}

/// A finished step: the next page, or the session and the way on.
Result<Response> go_on(Visit& visit, const SignInView& at, const Carried& with) {
  if (at.step != SignInView::Step::done) return sign_in_page(visit, at, with.then, with.client, {});
  DAYAQ_ASSERT(at.session && at.token);
  visit.open_session(*at.token, *at.session);
  return visit.redirect(safe_path(with.then, after_sign_in));
}

/// The step again, or the beginning, with what was wrong.
Result<Response> try_again(Visit& visit, const Error& error, const Carried& with,
                           std::optional<SignInView> same) {
  if (error.kind == ErrorKind::unavailable || error.kind == ErrorKind::internal)
    return std::unexpected(error);
  const bool over = error.code == "signin.state" || error.code == "signin.expired";
  if (same && !over)
    return sign_in_page(visit, *same, with.then, with.client, {.text_key = error_text_key(error)});
  SignInWish wish{.present = visit.session, .then = with.then};
  const SignInView fresh = visit.web.sign_in.start(wish, visit.caller(), visit.now);
  return sign_in_page(visit, fresh, with.then, with.client, {.text_key = error_text_key(error)});
}

Caller caller_for(Visit& visit, const Carried& with) {
  Caller caller = visit.caller();
  caller.client = with.client;
  return caller;
}

Result<Response> show(Visit& visit) {
  const std::string then = safe_path(visit.query("then"), after_sign_in);
  const Assurance least = least_of(visit.query("level"));
  const bool fresh = visit.query("fresh") == "1";
  if (visit.session && visit.session->assurance >= least && !fresh) return visit.redirect(then);
  const SignInWish wish{
      .least = least, .present = visit.session, .fresh = fresh, .login_hint = {}, .then = then};
  const SignInView at = visit.web.sign_in.start(wish, visit.caller(), visit.now);
  Note note = visit.session ? Note{.text_key = "id_step_up", .bad = false} : Note{};
  if (const auto refused = card_note_key(visit); !refused.empty()) note = {.text_key = refused};
  const std::string client = visit.query("client");
  return sign_in_page(visit, at, then, visit.web.provider.clients.find(client) ? client : std::string(), note);
}

Result<Response> identify(Visit& visit) {
  const Carried with = carried(visit);
  auto at = visit.web.sign_in.identify(visit.form("state"), visit.form("national_id"),
                                       caller_for(visit, with), visit.now);
  if (!at) return try_again(visit, at.error(), with, std::nullopt);
  return go_on(visit, *at, with);
}

/// The view of a step that is shown again: what isn't secret comes back with the form, for the eye alone.
SignInView step_again(const Visit& visit, SignInView::Step step) {
  SignInView view{.step = step, .state = visit.form("state")};
  view.method = parse_kind(visit.form("method")).value_or(AuthenticatorKind::sms);
  view.masked = visit.form("masked").substr(0, 40);
  view.number = visit.form("number").substr(0, 4);
  return view;
}

Result<Response> choose(Visit& visit) {
  const Carried with = carried(visit);
  const auto kind = parse_kind(visit.form("kind"));
  if (!kind) return fail_field("web.kind", "kind", "Choose one of the ways to sign in.");
  auto at = visit.web.sign_in.choose(visit.form("state"), *kind, caller_for(visit, with), visit.now);
  if (!at) return try_again(visit, at.error(), with, std::nullopt);
  return go_on(visit, *at, with);
}

Result<Response> code(Visit& visit) {
  const Carried with = carried(visit);
  auto at =
      visit.web.sign_in.code(visit.form("state"), visit.form("code"), caller_for(visit, with), visit.now);
  if (!at) return try_again(visit, at.error(), with, step_again(visit, SignInView::Step::code));
  return go_on(visit, *at, with);
}

Result<Response> passkey(Visit& visit) {
  const Carried with = carried(visit);
  oidc::CodeAtSignIn code(visit.web.provider, with.then, visit.now);
  auto at = visit.web.sign_in.passkey(
      visit.form("state"), visit.form("response"), caller_for(visit, with), visit.now,
      [&](store::Session& db, const Session& made) { return code.issue(db, made); });
  if (!at) return try_again(visit, at.error(), with, std::nullopt);
  if (at->step == SignInView::Step::done) {
    if (auto to = code.redirect()) {
      visit.open_session(*at->token, *at->session);
      return visit.redirect(std::move(to->location));
    }
  }
  return go_on(visit, *at, with);
}

Result<Response> poll(Visit& visit) {
  const Carried with = carried(visit);
  auto at = visit.web.sign_in.poll(visit.form("state"), caller_for(visit, with), visit.now);
  if (!at) return try_again(visit, at.error(), with, step_again(visit, SignInView::Step::confirm));
  if (at->step == SignInView::Step::confirm) {
    return sign_in_page(visit, *at, with.then, with.client, {.text_key = "id_confirm_not_yet", .bad = false});
  }
  return go_on(visit, *at, with);
}

Result<Response> to_start(Visit& visit) {
  return visit.redirect("/sign-in");
}

Result<Response> sign_out(Visit& visit) {
  if (visit.session) {
    const Session& session = *visit.session;
    DAYAQ_TRY_OK(visit.web.db.write([&](store::Session& db) {
      return visit.web.accounts.sessions.end(db, session.person, session.id, visit.now);
    }));
  }
  visit.set_cookie(cookie_gone(visit.web.url, "session"));
  return visit.redirect("/signed-out");
}

Result<Response> signed_out(Visit& visit) {
  return visit.notice("id_signed_out_title", visit.text("id_signed_out_text"), "/sign-in", "id_sign_in");
}

}  // namespace

Result<Response> sign_in_page(Visit& visit, const SignInView& at, const std::string& then,
                              const std::string& client, Note note) {
  portal::View& view = visit.content("id_sign_in.html");
  view.set("STATE", at.state);
  view.set("THEN", then);
  view.set("CLIENT", client);
  const auto for_client = client.empty() ? nullptr : visit.web.provider.clients.find(client);
  if (for_client) {
    visit.allow_forms_to(*for_client);
    view.add("FOR").set(
        "WORDS", visit.fill("id_sign_in_for", {{"client", for_client->name.in(visit.page.language())}}));
  }
  if (!note.text_key.empty()) {
    portal::View& shown = view.add("NOTE");
    shown.set("WORDS", visit.text(note.text_key));
    shown.set("TONE", note.bad ? "bad" : "go");
  }
  add_step(visit, view, at);
  if (at.step != SignInView::Step::identify) {
    view.add("RESTART").set("HREF", fmt::format("/sign-in?fresh=1&then={}", http::percent_encode(then)));
  }
  return visit.html("id_sign_in");
}

std::string_view authenticator_kind_key(AuthenticatorKind kind) {
  return kind_key(kind);
}

void add_sign_in_pages(http::Router& router, const Web& web) {
  add_page(router, web,
           {.pattern = "/sign-in",
            .operation = "page_sign_in",
            .summary = "Signs in.",
            .gate = web.doors.sign_in},
           show);
  struct Step {
    const char* pattern;
    const char* operation;
    PageFunction handler;
  };
  constexpr std::array<Step, 5> steps{{{"/sign-in/identify", "page_sign_in_identify", identify},
                                       {"/sign-in/choose", "page_sign_in_choose", choose},
                                       {"/sign-in/code", "page_sign_in_code", code},
                                       {"/sign-in/passkey", "page_sign_in_passkey", passkey},
                                       {"/sign-in/poll", "page_sign_in_poll", poll}}};
  for (const Step& step : steps) {
    add_page(router, web,
             {.method = Method::post,
              .pattern = step.pattern,
              .operation = step.operation,
              .summary = "A step of signing in.",
              .form = Form::anybody},
             step.handler);
  }
  add_page(
      router, web,
      {.pattern = "/sign-in/{step}", .operation = "page_sign_in_again", .summary = "Leads to the beginning."},
      to_start);
  add_page(router, web,
           {.method = Method::post,
            .pattern = "/sign-out",
            .operation = "page_sign_out",
            .summary = "Ends this browser's session.",
            .form = Form::session},
           sign_out);
  add_page(router, web, {.pattern = "/signed-out", .operation = "page_signed_out", .summary = "Says so."},
           signed_out);
}

}  // namespace dayaq::identity::web
