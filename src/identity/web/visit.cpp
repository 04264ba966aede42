#include "identity/web/visit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "http/encoding.hpp"
#include "identity/account/relations.hpp"

namespace dayaq::identity::web {
namespace {

using http::Request;
using http::Response;

constexpr long attempt_seconds = 3600;

/// An address's network, by which attempts are counted: of IPv6 the first 64 bits, which one subscriber has.
std::string network_of(std::string_view address) {
  if (address.find('.') != std::string_view::npos || address.find("::") != std::string_view::npos) {
    return std::string(address.substr(0, std::min(address.find("::"), address.size())));
  }
  std::size_t groups = 0;
  const auto end = std::ranges::find_if(address, [&](char c) { return c == ':' && ++groups == 4; });
  return {address.begin(), end};
}

struct KnownError {
  std::string_view code;
  std::string_view key;
};
constexpr std::array<KnownError, 17> known_errors{{
    {"signin.state", "id_error_state"},
    {"signin.expired", "id_error_expired"},
    {"signin.refused", "id_error_refused"},
    {"signin.limit", "id_error_limit"},
    {"web.form", "id_error_form"},
    {"web.origin", "id_error_form"},
    {"oauth.user_code", "id_error_user_code"},
    {"registry.reason", "id_error_reason"},
    {"registry.national_id", "id_error_national_id"},
    {"registry.person", "id_error_person"},
    {"web.not_official", "id_error_not_official"},
    {"activation.limit", "id_error_limit"},
    {"enrol.slip", "enrol_slip"},
    {"enrol.refused", "enrol_refused"},
    {"authenticator.surer", "id_error_surer"},
    {"authenticator.waiting", "id_error_waiting"},
    {"web.too_sure", "id_error_assurance"},
}};

}  // namespace

std::string_view error_text_key(const Error& error) {
  const auto known = std::ranges::find(known_errors, error.code, &KnownError::code);
  if (known != known_errors.end()) return known->key;
  switch (error.kind) {
    case ErrorKind::invalid_input:
      return "id_error_input";
    case ErrorKind::unauthenticated:
    case ErrorKind::forbidden:
      return "id_error_forbidden";
    case ErrorKind::not_found:
      return "id_error_gone";
    case ErrorKind::conflict:
      return "id_error_conflict";
    case ErrorKind::limit:
      return "id_error_limit";
    case ErrorKind::unavailable:
    case ErrorKind::internal:
      return "id_error_unavailable";
  }
  return "id_error_unavailable";
}

Visit::Visit(const Web& of, const Request& asked, Instant t)
    : web(of), request(asked), now(t), page(of.site, asked.language, t) {
  const std::string_view cookies = request.header("cookie");
  token = http::cookie_value(cookies, cookie_name(web.url, "session"));
  attempt_ = http::cookie_value(cookies, cookie_name(web.url, "attempt"));
}

const std::vector<portal::FormPart>* Visit::parts() const {
  const std::string_view type = request.header("content-type");
  if (!http::equals_ignoring_case(type.substr(0, 19), "multipart/form-data")) return nullptr;
  if (!parts_) {
    auto read = portal::parse_form(type, request.body);
    parts_ = read ? std::move(*read) : std::vector<portal::FormPart>{};
  }
  return &*parts_;
}

std::string Visit::form(std::string_view name) const {
  const auto* sent = parts();
  if (sent == nullptr) return request.form_value(name).value_or("");
  const auto part = std::ranges::find(*sent, name, &portal::FormPart::name);
  return part == sent->end() || !is_utf8(part->value) ? std::string() : std::string(part->value);
}

std::vector<std::string> Visit::form_all(std::string_view name) const {
  std::vector<std::string> out;
  if (const auto* sent = parts(); sent != nullptr) {
    for (const portal::FormPart& part : *sent) {
      if (part.name == name && is_utf8(part.value)) out.emplace_back(part.value);
    }
    return out;
  }
  std::string_view rest = request.body;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    if (auto value = http::form_field(rest.substr(0, end), name)) out.push_back(std::move(*value));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

Result<void> Visit::find_session() {
  if (token.empty() || token.size() > 128) return {};
  DAYAQ_TRY(session, web.accounts.sessions.find(token, now));
  if (session && session->acting_for != PersonId()) {
    // Whom it acts for is asked anew at every use: the relation may have run out.
    DAYAQ_TRY(const bool stands,
              web.db.read([&](store::Session& db) { return may_go_on(db, web.accounts, *session, now); }));
    if (!stands) session.reset();
  }
  if (session) form_token_ = form_token(token);
  return {};
}

Caller Visit::caller() {
  if (attempt_.empty() || attempt_.size() > 128) {
    attempt_ = web.sign_in.draw_attempt();
    set_cookie(cookie(web.url, "attempt", attempt_, attempt_seconds));
  }
  return {.attempt = attempt_, .network = network_of(request.remote_address), .client = {}};
}

portal::Here Visit::here(std::string_view menu) const {
  std::string query;
  std::string_view rest = request.method == http::Method::get ? request.query : std::string_view{};
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const std::string_view item = rest.substr(0, end);
    if (!item.starts_with("lang=")) query += fmt::format("{}{}", query.empty() ? "" : "&", item);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {.path = std::string(request.path), .query = std::move(query), .menu = menu};
}

portal::View& Visit::content(std::string file) {
  portal::View& view = page.content(std::move(file));
  view.set("FORM", form_token_);
  page.add_style("id.css");
  return view;
}

portal::View& Visit::my_content(std::string file) {
  portal::View& view = content(std::move(file));
  portal::View& menu = page.include(view, "MY_NAV", "my_nav.html");
  menu.set("FORM", form_token_);
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> entries{
      {{"/my", "my_nav_rights"},
       {"/my/cases", "sv_cases"},
       {"/my/permits", "sv_permits"},
       {"/my/confirmations", "my_nav_confirmations"},
       {"/my/authenticators", "my_nav_authenticators"},
       {"/my/sessions", "my_nav_sessions"},
       {"/my/consents", "my_nav_consents"},
       {"/my/relations", "my_nav_relations"},
       {"/my/access", "my_nav_access"},
       {"/my/data", "my_nav_data"}}};
  for (const auto& [path, key] : entries) {
    portal::View& entry = menu.add("ENTRY");
    entry.set("HREF", std::string(path));
    entry.set("NAME", text(key));
    // A page of a section, such as one application, belongs to it; "/my" is the first section and no parent.
    const bool within =
        path != "/my" && request.path.starts_with(path) && request.path.substr(path.size()).starts_with('/');
    if (path != request.path && !within) continue;
    entry.show("CURRENT");
    menu.add("HERE").set("NAME", text(key));
  }
  return view;
}

void Visit::add_script(portal::View& view) const {
  const portal::StaticFile* script = web.site.static_file("passkey.js");
  portal::View& shown = view.add("SCRIPT");
  shown.set("SCRIPT_URL", script->path);
  shown.set("SCRIPT_HASH", script->integrity);
}

Result<Response> Visit::html(std::string_view title_key, int status) {
  return html_titled(text(title_key), status);
}

Result<Response> Visit::html_titled(const std::string& title, int status) {
  const bool of_services = request.path == "/services" || request.path.starts_with("/services/");
  DAYAQ_TRY(std::string body, page.render(here(of_services ? "/services" : "/my"), title));
  Response response = Response::html(std::move(body), status);
  add_headers(response);
  return response;
}

void Visit::add_headers(Response& response) const {
  std::string to;
  for (const std::string& source : form_sources_) to += " " + source;
  response.headers.emplace_back(
      "Content-Security-Policy",
      fmt::format("default-src 'none'; style-src 'self'; img-src 'self' data:; script-src {}/static/; "
                  "base-uri 'none'; form-action 'self'{}; frame-ancestors 'none'",
                  web.url.origin, to));
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("X-Frame-Options", "DENY");
  response.headers.emplace_back("Referrer-Policy", "same-origin");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Content-Language", std::string(to_string(request.language)));
  const auto chosen = request.query_value("lang");
  if (chosen && parse_language(*chosen)) {
    response.headers.emplace_back("Set-Cookie", fmt::format("lang={}; Path=/; Max-Age=31536000; SameSite=Lax",
                                                            to_string(request.language)));
  }
  for (const std::string& one : cookies_) response.headers.emplace_back("Set-Cookie", one);
}

Response Visit::redirect(std::string location) const {
  Response response = Response::redirect(std::move(location));
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  for (const std::string& one : cookies_) response.headers.emplace_back("Set-Cookie", one);
  return response;
}

Response Visit::refuse(const Error& error) {
  const int status = http::status_of(error.kind);
  if (status >= 500) log::error("identity.page", "a page could not be made", error);
  Visit fresh(web, request, now);  // this one's content may be half filled
  fresh.cookies_ = cookies_;
  const std::string_view key = error_text_key(error);
  portal::View& view = fresh.content("id_notice.html");
  view.set("TITLE", text("id_error_title"));
  view.set("TEXT", text(key));
  if (key == "id_error_input" || key == "id_error_conflict")
    view.add("DETAIL").set("WORDS", error.public_text);
  portal::View& next = view.add("NEXT");
  next.set("HREF", session ? "/my" : "/sign-in");
  next.set("NAME", text(session ? "nav_my" : "id_sign_in"));
  auto made = fresh.html("id_error_title", status);
  return made ? std::move(*made) : http::problem(made.error());
}

Result<Response> Visit::notice(std::string_view title_key, const std::string& words,
                               std::string_view next_path, std::string_view next_key) {
  portal::View& view = content("id_notice.html");
  view.set("TITLE", text(title_key));
  view.set("TEXT", words);
  if (!next_path.empty()) {
    portal::View& next = view.add("NEXT");
    next.set("HREF", std::string(next_path));
    next.set("NAME", text(next_key));
  }
  return html(title_key);
}

void Visit::allow_forms_to(const oidc::Client& client) {
  for (const auto* list : {&client.redirect_uris, &client.post_logout_redirect_uris}) {
    for (const std::string& uri : *list) {
      auto source = policy_source(uri);
      if (source && std::ranges::find(form_sources_, *source) == form_sources_.end()) {
        form_sources_.push_back(std::move(*source));
      }
    }
  }
}

void Visit::open_session(const SessionToken& opened, const Session& of) {
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(of.expires - now);
  set_cookie(cookie(web.url, "session", opened.text, static_cast<long>(left.count())));
  set_cookie(cookie_gone(web.url, "attempt"));
}

std::string_view assurance_key(Assurance assurance) {
  constexpr std::array<std::string_view, 4> keys{"id_level_none", "id_level_low", "id_level_substantial",
                                                 "id_level_high"};
  return keys[static_cast<std::size_t>(assurance)];
}

PersonId subject_of(const Session& session) {
  return session.acting_for.value() != 0 ? session.acting_for : session.person;
}

std::string organisation_name(const Visit& visit, std::string_view code) {
  const LocalizedText name = visit.web.site.words().organisation_by_code(code);
  return name.az.empty() ? std::string(code) : name.in(visit.page.language());
}

Result<std::string> name_of(store::Session& db, const Visit& visit, PersonId person) {
  DAYAQ_TRY(const auto record, visit.web.accounts.persons.person(db, person));
  if (!record) return std::string();
  return fmt::format("{} {}", record->person.given_name, record->person.family_name);
}

namespace {

Result<void> check_form(const Visit& visit, Form form) {
  if (form == Form::none || form == Form::anywhere) return {};
  const bool ours = form == Form::at_door ? sent_to_door(visit.request, visit.web.url)
                                          : sent_from_here(visit.request, visit.web.url);
  if (!ours) {
    return fail(ErrorKind::forbidden, "web.origin",
                "This form came from another site. Open the page here and try again.");
  }
  if (form == Form::session && !form_token_fits(visit.token, visit.form("form"))) {
    return fail(ErrorKind::forbidden, "web.form",
                "This form is of another sign-in. Open the page again and send it from there.");
  }
  return {};
}

/// To the sign-in page and back; a form that was sent is not sent again.
Response to_sign_in(const Visit& visit, Assurance least) {
  std::string then = "/my";
  if (visit.request.method == http::Method::get) {
    then = std::string(visit.request.path);
    if (!visit.request.query.empty()) then += fmt::format("?{}", visit.request.query);
  }
  return visit.redirect(
      fmt::format("/sign-in?then={}&level={}", http::percent_encode(then), http::to_string(least)));
}

Response answer(const Web& web, const Request& request, const PageRoute& route, const PageHandler& handler) {
  Visit visit(web, request, web.accounts.clock.now());
  if (const auto found = visit.find_session(); !found) return visit.refuse(found.error());
  if (route.signed_in != Assurance::none && (!visit.session || visit.session->assurance < route.signed_in)) {
    return to_sign_in(visit, route.signed_in);
  }
  if (const auto fits = check_form(visit, route.form); !fits) return visit.refuse(fits.error());
  auto made = handler(visit);
  return made ? std::move(*made) : visit.refuse(made.error());
}

}  // namespace

void add_page(http::Router& router, const Web& web, const PageRoute& route, PageHandler handler) {
  http::Route added;
  added.method = route.method;
  added.pattern = route.pattern;
  added.signed_in = route.signed_in;
  if (route.signed_in == Assurance::none) {
    added.open = route.form == Form::none ? "a page that whoever isn't signed in may see"
                                          : "a form of such a page; its origin is checked";
  }
  added.operation = route.operation;
  added.summary = route.summary;
  added.tag = "pages";
  added.body_max = route.body_max;
  added.gate = route.gate;
  added.yields = route.gate != nullptr;
  router.add(std::move(added),
             [&web, route, handler](const Request& request) { return answer(web, request, route, handler); });
}

Pages::Pages(Web web) : web_(std::move(web)) {}
Pages::~Pages() = default;

void Pages::add_card_routes(http::Router& router) {
  add_card_pages(router, web_);
}

void Pages::add_routes(http::Router& router) {
  add_sign_in_pages(router, web_);
  add_enrol_pages(router, web_);
  add_card_pages(router, web_);
  add_my_pages(router, web_);
  add_correction_pages(router, web_);
  add_authenticator_pages(router, web_);
  add_relation_pages(router, web_);
  add_access_pages(router, web_);
  add_oauth_pages(router, web_);
  add_office_pages(router, web_);
  add_client_pages(router, web_);
  if (!web_.outbox.empty()) add_demo_pages(router, web_);
}

void add_signed_in_pages(http::Router& router, const Web& web, Assurance least,
                         std::span<const SignedInPage> pages) {
  for (const SignedInPage& page : pages) {
    add_page(router, web,
             {.method = page.method,
              .pattern = page.pattern,
              .operation = page.operation,
              .summary = page.summary,
              .signed_in = least,
              .form = page.method == http::Method::post ? Form::session : Form::none},
             page.handler);
  }
}

std::string in_groups(std::string_view secret) {
  std::string out;
  for (std::size_t i = 0; i < secret.size(); ++i) {
    if (i > 0 && i % 4 == 0) out += ' ';
    out += secret[i];
  }
  return out;
}

}  // namespace dayaq::identity::web
