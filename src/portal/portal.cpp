#include "portal/portal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <semaphore>
#include <set>

#include "base/log.hpp"
#include "portal/preview_cache.hpp"
#include "portal/upload.hpp"

namespace dayaq::portal {
namespace {

using http::Request;
using http::Response;

constexpr std::string_view security_policy =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
constexpr std::size_t form_overhead_max = 8 << 10;  // boundaries, names and the empty field beside a draft
constexpr std::ptrdiff_t checks_at_once = 2;        // each keeps a core busy

http::Route route(http::Method method, std::string pattern, std::string operation, std::string summary) {
  http::Route out;
  out.method = method;
  out.pattern = std::move(pattern);
  out.operation = std::move(operation);
  out.summary = std::move(summary);
  out.tag = "pages";
  out.open = "counts and the law, about nobody";
  return out;
}

std::unexpected<Error> no_such_page() {
  return fail(ErrorKind::not_found, "portal.page", "There is no such page.");
}

}  // namespace

struct Portal::State {
  std::unique_ptr<Site> site;
  regime::FileContext drafts;
  PortalPorts ports;
  PreviewCache previews;
  DecisionTrail trail;
  std::counting_semaphore<checks_at_once> checks{checks_at_once};

  State(std::unique_ptr<Site> of, const regime::FileContext& context, const PortalPorts& through)
      : site(std::move(of)), drafts(context), ports(through), previews(through.clock), trail(through.audit) {}

  [[nodiscard]] Page page(const Request& request) const {
    return {*site, request.language, ports.clock.now()};
  }

  [[nodiscard]] Response html(const Request& request, std::string body, int status = 200) const {
    Response response = Response::html(std::move(body), status);
    response.headers.emplace_back("Content-Security-Policy", security_policy);
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    response.headers.emplace_back("Referrer-Policy", "same-origin");
    response.headers.emplace_back("Cache-Control", "no-cache");
    response.headers.emplace_back("Content-Language", std::string(to_string(request.language)));
    response.headers.emplace_back("Vary", "Accept-Language, Cookie");
    const auto chosen = request.query_value("lang");
    if (chosen && parse_language(*chosen)) {
      response.headers.emplace_back(
          "Set-Cookie",
          fmt::format("lang={}; Path=/; Max-Age=31536000; SameSite=Lax", to_string(request.language)));
    }
    return response;
  }

  [[nodiscard]] Response error(const Request& request, int status) const {
    Page failed = page(request);
    const Here here{std::string(request.path), "", "", false};
    auto body = error_page(failed, status, here);
    if (!body) return http::problem(body.error());
    return html(request, std::move(*body), status);
  }

  /// The page, or the page that says why there is none.
  [[nodiscard]] Response answer(const Request& request, Result<std::string> body) const {
    if (body) return html(request, std::move(*body));
    const int status = http::status_of(body.error().kind);
    if (status >= 500) log::error("portal.page", "a page could not be made", body.error());
    return error(request, status);
  }

  [[nodiscard]] Result<Versions> regime(const Request& request) const {
    const std::string& code = request.parameter("code");
    if (!is_code(code)) return no_such_page();
    Versions versions = versions_of(ports.regimes.versions(), RegimeCode(code));
    if (versions.empty()) return no_such_page();
    return versions;
  }

  [[nodiscard]] Result<PreviewCache::Handle> law_preview(const regime::RegimeVersion& version) {
    const RegimeCode& code = version.regime.code;
    return previews.get(fmt::format("law/{}/{}", code, version.regime.version),
                        [&] { return ports.previews.of_law(code); });
  }

  [[nodiscard]] Result<PreviewCache::Handle> draft_preview(const regime::RegimeVersion& version) {
    return previews.get(fmt::format("draft/{}/{}", version.regime.code, version.regime.version),
                        [&] { return ports.previews.of_draft(version.regime); });
  }

  Result<std::string> home(Page page) {
    HomeContent content{.in_force = {},
                        .persons = ports.figures.persons(),
                        .lines = ports.figures.lines(),
                        .audit_entries = ports.audit.size()};
    for (const auto& version : ports.regimes.versions()) {
      if (standing_of(*version, page.now()) == Standing::in_force) content.in_force.push_back(version);
    }
    return home_page(page, content);
  }

  /// What a regime's pages show: of a regime that isn't in force, what it would reach now.
  Result<std::string> one_regime(const Request& request, Page page,
                                 Result<std::string> (*render)(Page&, const RegimeContent&)) {
    RegimeContent content;
    DAYAQ_TRY(content.versions, regime(request));
    content.shown = leading_version(content.versions, page.now());
    const bool in_force = standing_of(*content.shown, page.now()) == Standing::in_force;
    DAYAQ_TRY(const PreviewCache::Handle preview,
              in_force ? law_preview(*content.shown) : draft_preview(*content.shown));
    content.preview = preview.get();
    content.measure = request.query_value("measure").value_or("");
    DAYAQ_TRY(content.feeds, ports.figures.feeds());
    content.decisions = trail.decisions(content.versions);
    content.log_size = ports.audit.size();
    if (ports.settlements != nullptr) content.uses = ports.settlements->now(content.shown->regime.code);
    return render(page, content);
  }

  Result<std::string> one_version(const Request& request, Page page) {
    DAYAQ_TRY(const Versions versions, regime(request));
    const std::string& number = request.parameter("version");
    const auto found = std::ranges::find_if(
        versions, [&](const auto& version) { return fmt::format("{}", version->regime.version) == number; });
    if (found == versions.end()) return no_such_page();
    DraftContent content{.version = *found, .comparison = nullptr};
    const Standing standing = standing_of(**found, page.now());
    if (standing != Standing::submitted && standing != Standing::draft) return draft_page(page, content);
    DAYAQ_TRY(const PreviewCache::Handle after, draft_preview(**found));
    const auto in_force = in_force_of(versions, page.now());
    PreviewCache::Handle before = std::make_shared<const regime::Preview>();
    if (in_force != nullptr) {
      DAYAQ_TRY(before, law_preview(*in_force));
    }
    const Comparison comparison{(*found)->regime, *after, *before, in_force};
    content.comparison = &comparison;
    return draft_page(page, content);
  }

  [[nodiscard]] static std::shared_ptr<const regime::RegimeVersion> in_force_of(const Versions& versions,
                                                                                Instant now) {
    const auto found = std::ranges::find_if(
        versions, [&](const auto& version) { return standing_of(*version, now) == Standing::in_force; });
    return found == versions.end() ? nullptr : *found;
  }

  /// The text of a draft: the file that was sent, else the field.
  [[nodiscard]] static Result<std::string> sent_draft(const Request& request) {
    DAYAQ_TRY(const auto parts, parse_form(request.header("content-type"), request.body));
    std::string_view text;
    for (const FormPart& part : parts) {
      if (part.name == "file" && !part.value.empty()) return std::string(part.value);
      if (part.name == "text") text = part.value;
    }
    // A form's field comes with CR LF; line numbers are the same, but columns would count the CR.
    std::string out;
    std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return c != '\r'; });
    return out;
  }

  [[nodiscard]] static std::optional<Error> unreadable(const std::string& source, const Format& format) {
    const auto refused = [&](std::string_view key) {
      return Error{ErrorKind::invalid_input, "portal.draft", format.text(key), {}, {}, 0, 0};
    };
    if (source.find_first_not_of(" \t\r\n") == std::string::npos) return refused("check_empty");
    if (!is_utf8(source)) return refused("check_not_utf8");
    return std::nullopt;
  }

  Result<std::string> check(const Request& request, Page page) {
    DAYAQ_TRY(std::string source, sent_draft(request));
    CheckContent content{
        .source = {}, .errors = {}, .comparison = nullptr, .bytes_max = draft_bytes_max, .posted = true};
    if (auto why = unreadable(source, page.format())) {
      content.errors = Errors{std::move(*why)};
      return check_page(page, content);
    }
    content.source = std::move(source);
    const auto draft = regime::parse_regime(content.source, drafts);
    if (!draft) {
      content.errors = draft.error();
      return check_page(page, content);
    }
    const auto in_force = in_force_of(versions_of(ports.regimes.versions(), draft->code), page.now());
    if (!checks.try_acquire()) {
      return fail(ErrorKind::unavailable, "portal.busy",
                  "Too many drafts are being checked. Try again in a minute.");
    }
    const auto after = ports.previews.of_draft(*draft);
    checks.release();
    if (!after) return std::unexpected(after.error());
    PreviewCache::Handle before = std::make_shared<const regime::Preview>();
    if (in_force != nullptr) {
      DAYAQ_TRY(before, law_preview(*in_force));
    }
    const Comparison comparison{*draft, *after, *before, in_force};
    content.comparison = &comparison;
    return check_page(page, content);
  }

  Result<std::string> status(Page page) {
    StatusContent content{
        .parts = ports.figures.parts(), .feeds = {}, .checkpoint = ports.audit.checkpoint()};
    DAYAQ_TRY(content.feeds, ports.figures.feeds());
    return status_page(page, content);
  }

  Result<std::string> settlements(const Request& request, Page page) {
    std::optional<Date> month;
    if (const auto wanted = request.query_value("month")) {
      const auto first = parse_date(*wanted + "-01");
      if (!first) return no_such_page();
      month = *first;
    }
    SettledMonth settled;
    if (ports.settlements != nullptr) {
      DAYAQ_TRY(settled, ports.settlements->month(month));
    }
    if (month && std::ranges::find(settled.months, *month) == settled.months.end()) return no_such_page();
    return settlements_page(page, settled);
  }

  [[nodiscard]] Response static_file(const Request& request) const {
    const StaticFile* file = site->static_file(request.parameter("file"));
    if (file == nullptr) return error(request, 404);
    Response response;
    response.content_type = file->content_type;
    response.body = file->body;
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    // An address with another hash is from a page of another version: it gets what there is, but doesn't keep
    // it.
    const bool current = file->path == request.path;
    response.headers.emplace_back("Cache-Control",
                                  current ? "public, max-age=31536000, immutable" : "no-cache");
    return response;
  }
};

Portal::Portal(std::unique_ptr<State> state) : state_(std::move(state)) {}
Portal::~Portal() = default;

const Site& Portal::site() const {
  return *state_->site;
}

Result<std::unique_ptr<Portal>> Portal::create(const SiteOptions& options, const Vocabulary& words,
                                               const regime::FileContext& drafts, const PortalPorts& ports) {
  DAYAQ_TRY(auto site, Site::create(options, words, drafts.zone));
  return std::unique_ptr<Portal>(new Portal(std::make_unique<State>(std::move(site), drafts, ports)));
}

void Portal::add_routes(http::Router& router) {
  State* state = state_.get();
  using http::Method;
  router.set_error_page([state](const Request& request, const http::ProblemText& problem) {
    return state->error(request, problem.status);
  });
  router.add(route(Method::get, "/", "page_home", "The home page."), [state](const Request& request) {
    return state->answer(request, state->home(state->page(request)));
  });
  router.add(route(Method::get, "/regimes", "page_regimes", "The regimes."), [state](const Request& request) {
    Page page = state->page(request);
    return state->answer(request, regimes_page(page, state->ports.regimes.versions()));
  });
  router.add(route(Method::get, "/regimes/{code}", "page_regime", "A regime."),
             [state](const Request& request) {
               return state->answer(request, state->one_regime(request, state->page(request), regime_page));
             });
  router.add(
      route(Method::get, "/regimes/{code}/territory", "page_districts", "A regime's reach by district."),
      [state](const Request& request) {
        return state->answer(request, state->one_regime(request, state->page(request), districts_page));
      });
  router.add(
      route(Method::get, "/regimes/{code}/versions/{version}", "page_version", "A version of a regime."),
      [state](const Request& request) {
        return state->answer(request, state->one_version(request, state->page(request)));
      });
  router.add(route(Method::get, "/drafts/new", "page_draft_new", "The form that checks a draft."),
             [state](const Request& request) {
               Page page = state->page(request);
               return state->answer(request, check_page(page, {.source = {},
                                                               .errors = {},
                                                               .comparison = nullptr,
                                                               .bytes_max = draft_bytes_max,
                                                               .posted = false}));
             });
  // Whoever opens the address of an answer gets the form.
  router.add(route(Method::get, "/drafts/check", "page_draft_check_form", "Leads to the form."),
             [](const Request&) { return Response::redirect("/drafts/new"); });
  http::Route check =
      route(Method::post, "/drafts/check", "page_draft_check", "Checks and previews a draft.");
  check.body_max = draft_bytes_max + form_overhead_max;
  router.add(std::move(check), [state](const Request& request) {
    return state->answer(request, state->check(request, state->page(request)));
  });
  router.add(route(Method::get, "/status", "page_status", "The state of the system."),
             [state](const Request& request) {
               return state->answer(request, state->status(state->page(request)));
             });
  router.add(route(Method::get, "/settlements", "page_settlements", "What was delivered and what is owed."),
             [state](const Request& request) {
               return state->answer(request, state->settlements(request, state->page(request)));
             });
  http::Route file = route(Method::get, "/static/{version}/{file}", "page_static", "A static file.");
  file.run = http::Run::inline_;
  router.add(std::move(file), [state](const Request& request) { return state->static_file(request); });
}

}  // namespace dayaq::portal
