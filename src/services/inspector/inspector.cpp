#include "services/inspector/inspector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"

namespace dayaq::services::inspector {
namespace {

using http::Method;
using http::Request;
using http::Response;

// The page runs its own script and worker, and speaks to its own server alone.
constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
constexpr std::string_view worker_policy = "default-src 'none'; connect-src 'self'";
constexpr std::size_t form_max = 8 << 10;

struct Look {
  std::string_view word, text, icon;
};

// Keys of web/text; icons so that colour isn't all that tells.
Look look_of(Finding finding) {
  switch (finding) {
    case Finding::valid:
      return {"ins_valid", "ins_valid_text", "✓"};
    case Finding::ended:
      return {"ins_ended", "ins_ended_text", "✕"};
    case Finding::other_day:
      return {"ins_other_day", "ins_other_day_text", "✕"};
    case Finding::not_yet:
      return {"ins_not_yet", "ins_not_yet_text", "◷"};
    case Finding::revoked:
      return {"ins_revoked", "ins_revoked_text", "✕"};
    case Finding::unknown_key:
      return {"ins_unknown_key", "ins_unknown_key_text", "?"};
    case Finding::withdrawn:
      return {"ins_withdrawn", "ins_withdrawn_text", "✕"};
    case Finding::forged:
      return {"ins_forged", "ins_forged_text", "!"};
    case Finding::no_permit:
      return {"ins_no_permit", "ins_no_permit_text", "?"};
  }
  return {"ins_no_permit", "ins_no_permit_text", "?"};
}

constexpr std::array<Finding, 9> findings{Finding::valid,     Finding::ended,   Finding::other_day,
                                          Finding::not_yet,   Finding::revoked, Finding::unknown_key,
                                          Finding::withdrawn, Finding::forged,  Finding::no_permit};
constexpr int cached_s = 60;

void show(portal::View& view, const portal::Format& format, const Inspection& inspection,
          const permit::List& list) {
  portal::View& shown = view.add("RESULT");
  const Look look = look_of(inspection.finding);
  shown.set("STATE", std::string(to_string(inspection.finding)));
  shown.set("ICON", std::string(look.icon));
  shown.set("WORD", format.text(look.word));
  shown.set("TEXT", format.text(look.text));
  if (inspection.finding >= Finding::unknown_key) return;
  const permit::Claims& claims = inspection.claims;
  portal::View& facts = shown.add("FACTS");
  const permit::Kind* kind = list.kind(claims.kind);
  facts.set("SUBJECT", claims.subject);
  facts.set("KIND", kind != nullptr ? kind->name.in(format.language()) : fmt::format("№ {}", claims.kind));
  facts.set("FROM", format.date_time(claims.valid.from));
  facts.set("UNTIL", format.date_time(claims.valid.until));
  if (!claims.detail.empty()) facts.add("DETAIL").set("VALUE", claims.detail);
}

Result<Response> page(const Inspector& of, const Request& request, std::string_view text) {
  const Instant now = of.clock.now();
  portal::Page page(of.site, request.language, now);
  page.add_style("inspect.css");
  const portal::Format& format = page.format();
  portal::View& view = page.content("inspect.html");
  const portal::StaticFile* script = of.site.static_file("inspect.js");
  DAYAQ_ASSERT(script != nullptr);
  view.set("SCRIPT_URL", script->path);
  view.set("SCRIPT_HASH", script->integrity);
  view.set("LANGUAGE", std::string(to_string(request.language)));
  view.set("ZONE", of.site.zone().name());
  for (const Finding finding : findings) {
    const Look look = look_of(finding);
    portal::View& state = view.add("LOOK");
    state.set("STATE", std::string(to_string(finding)));
    state.set("ICON", std::string(look.icon));
    state.set("WORD", format.text(look.word));
    state.set("TEXT", format.text(look.text));
  }
  if (request.method == Method::post) {
    DAYAQ_TRY(const auto list, of.list->current(now));
    show(view, format, inspect(text, list->list, of.site.zone(), now), list->list);
    view.set("TYPED", std::string(text.substr(0, 1'000)));
  }
  DAYAQ_TRY(std::string body, page.render({"/inspect", "", "/inspect", false}, format.text("ins_title")));
  Response response = Response::html(std::move(body));
  const auto add = [&](const char* name, std::string_view value) {
    response.headers.emplace_back(name, value);
  };
  add("Content-Security-Policy", page_policy);
  add("Permissions-Policy", "camera=(self), microphone=(), geolocation=()");
  add("X-Content-Type-Options", "nosniff");
  add("Referrer-Policy", "no-referrer");
  // What was posted is about a person; the empty page is about nobody, and the worker keeps it.
  add("Cache-Control", request.method == Method::post ? "no-store" : "no-cache");
  add("Vary", "Accept-Language, Cookie");
  add("Content-Language", to_string(request.language));
  return response;
}

Response answer(Result<Response> made) {
  if (made) return std::move(*made);
  if (http::status_of(made.error().kind) >= 500) {
    log::error("permit.page", "the inspector's page could not be made", made.error());
  }
  return http::problem(made.error());
}

Response worker(const Inspector& of) {
  const portal::StaticFile* file = of.site.static_file("inspect-worker.js");
  DAYAQ_ASSERT(file != nullptr);
  Response response;
  response.content_type = file->content_type;
  response.body = file->body;
  // Browsers ask for a worker again at each visit and take the new one when a byte of it has changed.
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("Service-Worker-Allowed", "/inspect");
  response.headers.emplace_back("Content-Security-Policy", worker_policy);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

Response list(const Inspector& of, const Request& request) {
  const auto made = of.list->current(of.clock.now());
  if (!made) return http::problem(made.error());
  const SignedList& list = **made;
  Response response;
  response.content_type = "application/cose; cose-type=\"cose-sign1\"";  // RFC 9052 section 11.3.1
  response.headers.emplace_back("ETag", list.etag);
  response.headers.emplace_back("Cache-Control", fmt::format("public, max-age={}", cached_s));
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  // RFC 9110 section 13.1.2: a list of tags, compared weakly; "*" fits whatever there is.
  const std::string_view known = request.header("if-none-match");
  if (known == "*" || known.find(list.etag) != std::string_view::npos) {
    response.status = 304;
    return response;
  }
  response.body = list.bytes;
  return response;
}

http::Route route(Method method, const char* pattern, const char* operation, const char* summary,
                  std::string_view open) {
  http::Route out;
  out.method = method;
  out.pattern = pattern;
  out.operation = operation;
  out.summary = summary;
  out.open = open;
  out.tag = "pages";
  return out;
}

}  // namespace

std::string_view to_string(Finding finding) {
  switch (finding) {
    case Finding::valid:
      return "valid";
    case Finding::ended:
      return "ended";
    case Finding::other_day:
      return "other_day";
    case Finding::not_yet:
      return "not_yet";
    case Finding::revoked:
      return "revoked";
    case Finding::unknown_key:
      return "unknown_key";
    case Finding::withdrawn:
      return "withdrawn";
    case Finding::forged:
      return "forged";
    case Finding::no_permit:
      return "no_permit";
  }
  return "no_permit";
}

Inspection inspect(std::string_view text, const permit::List& list, const Zone& zone, Instant now) {
  const auto token = permit::parse_text(text);
  if (!token) return {};
  const auto claims = permit::verify(*token, list.keys);
  if (!claims) {
    if (claims.error().code == "permit.key") return {.finding = Finding::unknown_key, .claims = {}};
    if (claims.error().code == "permit.key_withdrawn") return {.finding = Finding::withdrawn, .claims = {}};
    if (claims.error().code == "permit.signature") return {.finding = Finding::forged, .claims = {}};
    return {};
  }
  Inspection found{.finding = Finding::valid, .claims = *claims};
  const Instant at = std::max(now, list.made);
  switch (list.judge(*claims, now)) {
    case permit::Verdict::valid:
      break;
    case permit::Verdict::ended:
      found.finding =
          claims->valid.until <= zone.start_of(zone.day_of(at)) ? Finding::other_day : Finding::ended;
      break;
    case permit::Verdict::not_yet:
      found.finding = Finding::not_yet;
      break;
    case permit::Verdict::revoked:
      found.finding = Finding::revoked;
      break;
  }
  return found;
}

void add_routes(http::Router& router, const Inspector& of) {
  constexpr std::string_view open_page =
      "whoever is shown a permit may check it; the answer says what the permit itself says";
  router.add(route(Method::get, "/inspect", "page_inspect", "Checks permits, also offline.", open_page),
             [of](const Request& request) { return answer(page(of, request, {})); });
  http::Route check = route(Method::post, "/inspect", "page_inspect_text", "Checks one permit.", open_page);
  check.body_max = form_max;
  router.add(std::move(check), [of](const Request& request) {
    return answer(page(of, request, request.form_value("permit").value_or("")));
  });
  http::Route script = route(Method::get, "/inspect-worker.js", "page_inspect_worker",
                             "The service worker of /inspect.", "a script, the same for everybody");
  script.run = http::Run::inline_;
  router.add(std::move(script), [of](const Request&) { return worker(of); });
  http::Route signed_list =
      route(Method::get, "/v1/permits/list", "get_permit_list",
            "Keys, kinds and revoked permits as a COSE_Sign1, for verifiers that are offline.",
            "numbers of permits, about nobody; whoever verifies offline needs it");
  signed_list.tag = "services";
  signed_list.cross_origin = true;
  router.add(std::move(signed_list), [of](const Request& request) { return list(of, request); });
}

}  // namespace dayaq::services::inspector
