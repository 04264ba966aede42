// Signing in and making a digital ID with an identity card, which a browser shows over mutual TLS.
//
//   sign-in page (our origin) ── form ──> the cards' door (its own port: it asks for a certificate)
//                                            ├── good ──> 303, with the session's cookie, to where it should
//                                            lead └── else ──> 303 to the page that the form was on,
//                                            ?card=WHY
//
// The door is a listener of this program, or a TLS terminator that says in the header Client-Cert (RFC 9440)
// what it was shown. Cookies know no ports, so that browser and attempt are the same on both sides. What the
// form carries is sealed for that attempt: another site's form can't sign a browser in.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "crypto/client_certificate.hpp"
#include "http/encoding.hpp"
#include "identity/web/visit.hpp"

namespace dayaq::identity::web {
namespace {

using http::Response;

constexpr std::array<std::string_view, 10> reasons{"none",     "untrusted", "expired", "purpose", "revoked",
                                                   "standing", "serial",    "unknown", "another", "again"};

/// The certificate, DER: of the connection, or of what a terminator that we know says in its header.
Result<Bytes> shown_card(const Visit& visit) {
  const auto nothing = [](std::string detail) {
    return fail(ErrorKind::forbidden, "card.none", "The browser showed no identity card.", std::move(detail));
  };
  const http::Request& request = visit.request;
  if (request.client_certificate != nullptr) return *request.client_certificate;
  const std::string_view header = request.header("client-cert");
  if (header.empty()) return nothing("");
  const auto& proxies = visit.web.cards->proxies;
  if (std::ranges::find(proxies, request.remote_address) == proxies.end()) {
    return nothing("a header from an address that isn't trusted for it");
  }
  // RFC 9440 section 2.2: a byte sequence, ":BASE64:". nginx ($ssl_client_escaped_cert) has PEM,
  // percent-encoded.
  if (header.size() > 2 && header.front() == ':' && header.back() == ':') {
    auto der = from_base64(header.substr(1, header.size() - 2));
    return der ? std::move(der) : nothing("not base64");
  }
  const auto pem = http::percent_decode(header);
  auto read = crypto::read_certificates(pem.value_or(""));
  if (!read) return nothing("neither RFC 9440 nor PEM");
  return std::move(read->front());
}

std::string_view reason_of(const Error& error) {
  std::string_view word = error.code.substr(error.code.find('.') + 1);
  if (error.code.starts_with("signin.") || error.code.starts_with("enrol.")) {
    word = error.code == "signin.refused" || error.code == "enrol.refused" ? "unknown" : "again";
  }
  if (error.code == "cose.certificate") word = "untrusted";
  return std::ranges::find(reasons, word) == reasons.end() ? std::string_view("again") : word;
}

/// Back to the page that the form was on. What else is wrong (the database) is an error like any other.
Result<Response> back(const Visit& visit, const Error& error, std::string_view page,
                      const std::string& more) {
  if (http::status_of(error.kind) >= 500 && error.code != "card.standing") return std::unexpected(error);
  log::info("identity.card_refused", "an identity card was refused",
            {{"code", error.code}, {"detail", error.detail}});
  return visit.redirect(fmt::format("{}{}?card={}{}", visit.web.url.origin, page, reason_of(error), more));
}

Result<Response> sign_in(Visit& visit) {
  const std::string then = safe_path(visit.form("then"), "/my");
  const std::string client = visit.form("client");
  const std::string more = fmt::format("&then={}{}{}", http::percent_encode(then),
                                       client.empty() ? "" : "&client=", http::percent_encode(client));
  const auto shown = shown_card(visit);
  if (!shown) return back(visit, shown.error(), "/sign-in", more);
  const auto card = visit.web.enrolling.read_card(*shown, {}, visit.now);
  if (!card) return back(visit, card.error(), "/sign-in", more);
  Caller caller = visit.caller();
  caller.client = client;
  const auto at = visit.web.sign_in.card(visit.form("state"), *card, caller, visit.now);
  if (!at) return back(visit, at.error(), "/sign-in", more);
  // A card is as sure as anything is: there is no further step.
  if (at->step != SignInView::Step::done) return visit.redirect(visit.web.url.origin + "/sign-in?card=again");
  visit.open_session(*at->token, *at->session);
  return visit.redirect(visit.web.url.origin + then);
}

Result<Response> enrol(Visit& visit) {
  const std::string_view page = visit.request.path.starts_with("/recover") ? "/recover" : "/enrol";
  const auto shown = shown_card(visit);
  if (!shown) return back(visit, shown.error(), page, "");
  const Caller caller = visit.caller();
  const auto proved = visit.web.enrolling.card(visit.form("state"), *shown, {}, caller, visit.now);
  if (!proved) return back(visit, proved.error(), page, "");
  const auto made = visit.web.enrolling.card_only(proved->state, "", std::nullopt, caller, visit.now);
  if (!made) return back(visit, made.error(), page, "");
  visit.open_session(*made->token, *made->session);
  return visit.redirect(visit.web.url.origin + "/my/authenticators");
}

/// One more card, or the first, of somebody who is signed in. What the form carries is sealed for their
/// session.
Result<Response> add(Visit& visit) {
  constexpr std::string_view page = "/my/authenticators";
  // The door itself knows no sessions: whose it is, is looked at here.
  if (!visit.session) return visit.redirect(fmt::format("{}/sign-in?then={}", visit.web.url.origin, page));
  if (const auto ours = check_adding_card(visit); !ours) return back(visit, ours.error(), page, "");
  const auto shown = shown_card(visit);
  if (!shown) return back(visit, shown.error(), page, "");
  const auto card = visit.web.enrolling.read_card(*shown, {}, visit.now);
  if (!card) return back(visit, card.error(), page, "");
  const AuthenticatorId id(visit.web.accounts.random.next_id());
  const auto added = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY_OK(add_card(db, visit.web.accounts, *visit.session, *card, id, visit.now));
    return {};
  });
  if (!added && added.error().code == "authenticator.fresh") {
    return visit.redirect(fmt::format("{}/sign-in?fresh=1&then={}", visit.web.url.origin, page));
  }
  if (!added) return back(visit, added.error(), page, "");
  return visit.redirect(fmt::format("{}{}", visit.web.url.origin, page));
}

}  // namespace

std::string_view card_note_key(const Visit& visit) {
  constexpr std::array<std::string_view, reasons.size()> keys{
      "id_card_none",     "id_card_untrusted", "id_card_expired", "id_card_purpose", "id_card_revoked",
      "id_card_standing", "id_card_serial",    "id_card_unknown", "id_card_another", "id_card_again"};
  const auto found = std::ranges::find(reasons, visit.query("card"));
  return found == reasons.end() ? std::string_view()
                                : keys[static_cast<std::size_t>(found - reasons.begin())];
}

portal::View* add_card_form(Visit& visit, portal::View& view, std::string_view path) {
  if (visit.web.cards == nullptr) return nullptr;
  portal::View& card = view.add("CARD");
  card.set("ACTION", fmt::format("{}{}", visit.web.cards->origin, path));
  visit.allow_forms_to_origin(visit.web.cards->origin);
  return &card;
}

void add_card_pages(http::Router& router, const Web& web) {
  if (web.cards == nullptr) return;
  struct Entry {
    const char* pattern;
    const char* operation;
    PageFunction handler;
  };
  constexpr std::array<Entry, 4> forms{{{"/sign-in/card", "page_sign_in_card", sign_in},
                                        {"/enrol/card", "page_enrol_card", enrol},
                                        {"/recover/card", "page_recover_card", enrol},
                                        {"/my/authenticators/card", "page_my_add_card", add}}};
  for (const Entry& entry : forms) {
    add_page(router, web,
             {.method = http::Method::post,
              .pattern = entry.pattern,
              .operation = entry.operation,
              .summary = "Takes the identity card that the browser shows.",
              .form = Form::at_door},
             entry.handler);
  }
}

}  // namespace dayaq::identity::web
