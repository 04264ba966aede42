// What a person sees of the OpenID provider: consent, devices, confirmations, what they allowed, logging out.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <variant>

#include "http/encoding.hpp"
#include "identity/account/confirmation.hpp"
#include "identity/oidc/logout.hpp"
#include "identity/web/visit.hpp"

namespace dayaq::identity::web {
namespace {

using http::Method;
using http::Response;

std::string client_name(const Visit& visit, const oidc::Client& client) {
  const std::string& name = client.name.in(visit.page.language());
  return name.empty() ? client.id : name;
}

std::string claim_value(const Visit& visit, const std::string& json) {
  if (json == "true") return visit.text("claim_yes");
  if (json == "false") return visit.text("claim_no");
  boost::json::error_code failed;
  const boost::json::value value = boost::json::parse(json, failed);
  if (!failed) {
    if (const auto* text = value.if_string()) return {text->data(), text->size()};
  }
  return json;
}

std::string scope_words(const Visit& visit, std::string_view scope) {
  if (scope == "openid") return visit.text("scope_openid");
  if (scope == "profile") return visit.text("scope_profile");
  if (scope == "offline_access") return visit.text("scope_offline");
  if (scope == "phone") return visit.text("claim_phone_number");
  return claim_name(visit, scope);
}

Result<Response> consent_page(Visit& visit, const oidc::NeedConsent& need) {
  portal::View& view = visit.content("id_consent.html");
  visit.allow_forms_to(*need.client);
  const Language language = visit.page.language();
  view.set("ASKS", visit.fill("consent_asks", {{"client", client_name(visit, *need.client)}}));
  view.set("ORGANISATION", organisation_name(visit, need.client->organisation.value()));
  view.set("PURPOSE", need.client->purpose.in(language));
  view.set("GROUND", need.client->legal_ground);
  view.set("REQUEST", need.request);
  for (const oidc::Claim& claim : need.claims) {
    const bool optional = std::ranges::find(need.optional, claim.name) != need.optional.end();
    portal::View& row = view.add("CLAIM");
    row.set("NAME", claim_name(visit, claim.name));
    row.set("VALUE", claim_value(visit, claim.json));
    if (optional) row.add("CHOICE").set("CLAIM_ID", claim.name);
  }
  if (need.claims.empty()) view.show("NO_CLAIMS");
  if (need.offline) view.show("OFFLINE");
  return visit.html("consent_title");
}

/// Signing in for a client: the page itself, since the way back is in its form.
Result<Response> sign_in_first(Visit& visit, const oidc::NeedSignIn& need) {
  SignInWish wish = need.wish;
  wish.present = visit.session;
  Caller caller = visit.caller();
  caller.client = need.client;
  const SignInView at = visit.web.sign_in.start(wish, caller, visit.now);
  return sign_in_page(visit, at, wish.then, need.client, {});
}

Result<Response> go_on(Visit& visit, oidc::Next next) {
  if (auto* refused = std::get_if<oidc::RefusePage>(&next)) return std::unexpected(std::move(refused->error));
  if (auto* to = std::get_if<oidc::Redirect>(&next)) return visit.redirect(std::move(to->location));
  if (const auto* need = std::get_if<oidc::NeedSignIn>(&next)) return sign_in_first(visit, *need);
  return consent_page(visit, std::get<oidc::NeedConsent>(next));
}

Result<Response> authorize(Visit& visit) {
  return go_on(visit, oidc::authorize(visit.web.provider, visit.request, visit.session, visit.now));
}

Result<Response> resume(Visit& visit) {
  return go_on(visit, oidc::resume(visit.web.provider, visit.query("request"), visit.session, visit.now));
}

Result<Response> decide(Visit& visit) {
  const std::string& body = std::string(visit.request.body);
  std::vector<std::string> left_out;
  // A box that isn't ticked isn't sent: what was offered stands in fields `offer`.
  std::vector<std::string> offered, taken;
  std::string_view rest = body;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const std::string_view item = rest.substr(0, end);
    if (auto value = http::form_field(item, "offer")) offered.push_back(std::move(*value));
    if (auto value = http::form_field(item, "take")) taken.push_back(std::move(*value));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (const std::string& claim : offered) {
    if (std::ranges::find(taken, claim) == taken.end()) left_out.push_back(claim);
  }
  const bool granted = visit.form("answer") == "yes";
  return go_on(visit, oidc::decide(visit.web.provider, visit.form("request"), *visit.session, granted,
                                   left_out, visit.now));
}

// -- devices

Result<Response> device_form(Visit& visit, std::string_view note) {
  portal::View& view = visit.content("id_device.html");
  if (!note.empty()) view.add("NOTE").set("WORDS", visit.text(note));
  view.add("ASK").set("CODE", visit.query("user_code"));
  return visit.html("device_title");
}

Result<Response> device_asks(Visit& visit, std::string_view user_code) {
  const auto found = oidc::device_request(visit.web.provider, user_code, visit.caller(), visit.now);
  if (!found) {
    if (http::status_of(found.error().kind) >= 500) return std::unexpected(found.error());
    return device_form(visit, error_text_key(found.error()));
  }
  portal::View& view = visit.content("id_device.html");
  portal::View& shown = view.add("CONFIRM");
  shown.set("ASKS", visit.fill("device_asks", {{"client", client_name(visit, *found->client)}}));
  shown.set("CODE", found->user_code);
  shown.set("ORGANISATION", organisation_name(visit, found->client->organisation.value()));
  for (const std::string& scope : found->scopes) shown.add("SCOPE").set("WORDS", scope_words(visit, scope));
  return visit.html("device_title");
}

Result<Response> device(Visit& visit) {
  return device_form(visit, {});
}

Result<Response> device_code(Visit& visit) {
  return device_asks(visit, visit.form("user_code"));
}

Result<Response> device_decide(Visit& visit) {
  const bool granted = visit.form("answer") == "yes";
  DAYAQ_TRY_OK(
      oidc::decide_device(visit.web.provider, visit.form("user_code"), *visit.session, granted, visit.now));
  return visit.notice("device_title", visit.text(granted ? "device_granted" : "device_refused"), "/my",
                      "nav_my");
}

// -- confirmations

constexpr std::string_view confirmations_path = "/my/confirmations";

void add_program(const Visit& visit, portal::View& view, const oidc::CibaRequest& one) {
  portal::View& row = view.add("REQUEST");
  row.set("ID", one.id);
  row.set("ASKS", visit.fill("confirm_asks", {{"client", client_name(visit, *one.client)}}));
  row.set("ORGANISATION", organisation_name(visit, one.client->organisation.value()));
  if (!one.binding_message.empty()) row.add("MESSAGE").set("WORDS", one.binding_message);
  for (const std::string& scope : one.scopes) row.add("SCOPE").set("WORDS", scope_words(visit, scope));
  row.set("UNTIL", visit.fill("confirm_until", {{"time", visit.page.format().date_time(one.expires)}}));
}

/// Another browser that wants to be signed in. Which number it shows, only who sees it knows.
void add_browser(const Visit& visit, portal::View& view, const Confirmation& one) {
  const bool fresh =
      visit.now - visit.session->authenticated <= fresh_for && visit.session->acting_for == PersonId();
  const auto client = one.client.empty() ? nullptr : visit.web.provider.clients.find(one.client);
  const auto time = [&](Instant t) { return visit.page.format().date_time(t); };
  portal::View& row = view.add("BROWSER");
  row.set("ID", fmt::format("{}", one.id));
  row.set("ASKS", client ? visit.fill("confirm_browser_asks_for", {{"client", client_name(visit, *client)}})
                         : visit.text("confirm_browser_asks"));
  row.set("SINCE",
          visit.fill("confirm_browser_since", {{"time", time(one.asked)}, {"network", one.network}}));
  row.set("UNTIL", visit.fill("confirm_until", {{"time", time(one.expires)}}));
  if (fresh) {
    portal::View& choose = row.add("CHOOSE");
    for (const std::string& number : number_choices(one)) choose.add("NUMBER").set("DIGITS", number);
  } else {
    row.add("PROVE").set("HREF", fmt::format("/sign-in?fresh=1&then={}", confirmations_path));
  }
}

Result<Response> confirmations(Visit& visit) {
  const PersonId person = visit.session->person;
  DAYAQ_TRY(const auto programs, oidc::ciba_requests_of(visit.web.provider, person, visit.now));
  DAYAQ_TRY(const auto browsers,
            visit.web.db.read([&](store::Session& db) { return confirmations_of(db, person, visit.now); }));
  portal::View& view = visit.my_content("my_confirmations.html");
  if (programs.empty() && browsers.empty()) view.show("NOTHING");
  for (const Confirmation& one : browsers) add_browser(visit, view, one);
  for (const oidc::CibaRequest& one : programs) add_program(visit, view, one);
  return visit.html("my_nav_confirmations");
}

/// A button with a number agrees; the one without refuses.
Result<Response> confirm_browser(Visit& visit) {
  const std::string text = visit.form("id");
  const std::string number = visit.form("number");
  const bool agreed = !number.empty();
  std::uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id);  // what isn't a number is nobody's: 0
  const auto decided = visit.web.db.write([&](store::Session& db) {
    return confirm_by_session(db, visit.web.accounts, *visit.session, ConfirmationId(id), agreed, number,
                              visit.now);
  });
  if (!decided && decided.error().code == "confirmation.fresh") {
    return visit.redirect(fmt::format("/sign-in?fresh=1&then={}", confirmations_path));
  }
  if (!decided) return std::unexpected(decided.error());
  const std::string_view words = *decided == Confirmation::Stage::confirmed ? "confirm_browser_done"
                                 : agreed                                   ? "confirm_browser_wrong"
                                                                            : "confirm_browser_refused";
  return visit.notice("my_nav_confirmations", visit.text(words), confirmations_path, "my_nav_confirmations");
}

Result<Response> confirm(Visit& visit) {
  const bool granted = visit.form("answer") == "yes";
  DAYAQ_TRY_OK(oidc::decide_ciba(visit.web.provider, visit.form("id"), *visit.session, granted, visit.now));
  return visit.redirect(std::string(confirmations_path));
}

// -- what was allowed

Result<Response> consents(Visit& visit) {
  DAYAQ_TRY(const auto given, visit.web.db.read([&](store::Session& db) {
    return oidc::consents_of(db, visit.session->person, visit.now);
  }));
  portal::View& view = visit.my_content("my_consents.html");
  if (given.empty()) view.show("NOTHING");
  const portal::Format& format = visit.page.format();
  for (const oidc::Consent& one : given) {
    const auto client = visit.web.provider.clients.find(one.client);
    portal::View& row = view.add("CONSENT");
    row.set("CLIENT", client ? client_name(visit, *client) : one.client);
    row.set("ORGANISATION", client ? organisation_name(visit, client->organisation.value()) : "");
    row.set("PURPOSE", client ? client->purpose.in(visit.page.language()) : "");
    row.set("GIVEN", format.date_time(one.given));
    row.set("UNTIL", format.date_time(one.until));
    row.set("ID", one.client);
    for (const std::string& claim : one.claims) row.add("CLAIM").set("NAME", claim_name(visit, claim));
    for (const std::string& scope : one.scopes) row.add("CLAIM").set("NAME", scope_words(visit, scope));
  }
  return visit.html("my_nav_consents");
}

Result<Response> withdraw(Visit& visit) {
  const std::string client = visit.form("id");
  DAYAQ_TRY_OK(visit.web.db.write([&](store::Session& db) {
    return oidc::withdraw(db, visit.web.provider, visit.session->person, client, visit.now);
  }));
  return visit.redirect("/my/consents");
}

// -- logging out at a client's request

Result<Response> logged_out(Visit& visit, const oidc::LogoutNext& next) {
  if (const auto* refused = std::get_if<oidc::LogoutRefused>(&next)) return std::unexpected(refused->error);
  if (const auto* done = std::get_if<oidc::LoggedOut>(&next)) {
    visit.set_cookie(cookie_gone(visit.web.url, "session"));
    return visit.redirect(done->location.empty() ? "/signed-out" : done->location);
  }
  const auto& ask = std::get<oidc::ConfirmLogout>(next);
  portal::View& view = visit.content("id_logout.html");
  if (ask.client) visit.allow_forms_to(*ask.client);
  view.set("REQUEST", ask.request);
  view.set("ASKS", ask.client ? visit.fill("logout_asks", {{"client", client_name(visit, *ask.client)}})
                              : visit.text("logout_asks_nobody"));
  return visit.html("logout_title");
}

Result<Response> logout(Visit& visit) {
  return logged_out(visit, oidc::logout(visit.web.provider, visit.request, visit.session, visit.now));
}

Result<Response> logout_decide(Visit& visit) {
  const bool yes = visit.form("answer") == "yes";
  if (!yes) return visit.redirect("/my");
  return logged_out(
      visit, oidc::decide_logout(visit.web.provider, visit.form("request"), visit.session, true, visit.now));
}

}  // namespace

std::string claim_name(const Visit& visit, std::string_view name) {
  if (name.starts_with("status:")) {
    const auto& country = visit.web.accounts.registry.country;
    const auto status = country.find_status(name.substr(7));
    return status ? country.status(*status).name.in(visit.page.language()) : std::string(name);
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> known{
      {{"name", "claim_name"},
       {"given_name", "claim_given_name"},
       {"family_name", "claim_family_name"},
       {"birthdate", "claim_birthdate"},
       {"age_over_18", "claim_age_over_18"},
       {"phone_number", "claim_phone_number"},
       {"address", "claim_address"},
       {"sub", "claim_sub"},
       {"acting_for", "claim_acting_for"}}};
  const auto found = std::ranges::find(known, name, &std::pair<std::string_view, std::string_view>::first);
  return found == known.end() ? std::string(name) : visit.text(found->second);
}

void add_oauth_pages(http::Router& router, const Web& web) {
  constexpr auto in = Assurance::low;
  constexpr auto none = Assurance::none;
  struct Entry {
    PageRoute route;
    PageFunction handler;
  };
  const Entry entries[] = {
      {{Method::get, "/oauth/authorize", "page_authorize", "The authorization endpoint.", none, Form::none},
       authorize},
      {{Method::post, "/oauth/authorize", "page_authorize_post", "The same by form.", none, Form::anywhere},
       authorize},
      {{Method::get, "/oauth/continue", "page_authorize_continue", "Goes on after signing in.", none,
        Form::none},
       resume},
      {{Method::post, "/oauth/consent", "page_consent", "The answer to a client's wish.", in, Form::session},
       decide},
      {{Method::get, "/oauth/logout", "page_logout", "Logs out at a client's request.", none, Form::none},
       logout},
      {{Method::post, "/oauth/logout", "page_logout_post", "The same by form.", none, Form::anywhere},
       logout},
      {{Method::post, "/oauth/logout/answer", "page_logout_answer", "The person's answer.", none,
        Form::anybody},
       logout_decide},
      {{Method::get, "/device", "page_device", "Asks for a device's code.", in, Form::none}, device},
      {{Method::post, "/device", "page_device_code", "Shows who asks.", in, Form::session}, device_code},
      {{Method::post, "/device/answer", "page_device_answer", "Lets a device in, or not.", in, Form::session},
       device_decide},
      {{Method::get, "/my/confirmations", "page_my_confirmations", "What waits for my confirmation.", in,
        Form::none},
       confirmations},
      {{Method::post, "/my/confirmations", "page_my_confirm", "Confirms or refuses.", in, Form::session},
       confirm},
      {{Method::post, "/my/confirmations/browser", "page_my_confirm_browser",
        "Lets another browser be signed in, or refuses.", in, Form::session},
       confirm_browser},
      {{Method::get, "/my/consents", "page_my_consents", "What I have allowed.", in, Form::none}, consents},
      {{Method::post, "/my/consents", "page_my_withdraw", "Withdraws it.", in, Form::session}, withdraw},
  };
  for (const Entry& entry : entries) {
    PageRoute route = entry.route;
    // A form that was sent would be lost in a waiting page; so few clients send one that they aren't counted.
    if (route.method == Method::get && std::string_view(route.pattern) == "/oauth/authorize") {
      route.gate = web.doors.clients;
    }
    add_page(router, web, route, entry.handler);
  }
}

}  // namespace dayaq::identity::web
