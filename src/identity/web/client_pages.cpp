// The console's page of an organisation's clients: programs that rely on digital IDs, or work for it alone.
// @see RFC 7591 section 2 (the names), docs/oidc.md
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/jwt.hpp"
#include "identity/oidc/clients.hpp"
#include "identity/web/official.hpp"

namespace dayaq::identity::web {
namespace {

using http::Method;
using http::Response;

/// What a client can be, in the words of who runs it; the rest of RFC 7591 is for the JSON below the form.
struct Kind {
  std::string_view name;
  std::string_view words_key, what_key;
  std::string_view grants;          ///< JSON
  std::string_view authentication;  ///< without a key of its own
};
constexpr std::array<Kind, 4> kinds{
    {{"site", "cl_kind_site", "cl_kind_site_what", R"(["authorization_code","refresh_token"])",
      "client_secret_basic"},
     {"app", "cl_kind_app", "cl_kind_app_what", R"(["authorization_code"])", "none"},
     {"device", "cl_kind_device", "cl_kind_device_what",
      R"(["urn:ietf:params:oauth:grant-type:device_code"])", "none"},
     {"program", "cl_kind_program", "cl_kind_program_what", R"(["client_credentials"])",
      "client_secret_basic"}}};

constexpr std::array<std::string_view, 8> texts{"client_id",      "client_name", "client_name#en",
                                                "client_name#ru", "purpose",     "purpose#en",
                                                "purpose#ru",     "legal_ground"};
struct Worded {
  std::string_view what;
  std::string_view key;  ///< in web/text
};
constexpr std::array<Worded, 4> person_scopes{{{"profile", "cl_scope_profile"},
                                               {"phone", "cl_scope_phone"},
                                               {"age", "cl_scope_age"},
                                               {"me:read", "cl_scope_me_read"}}};
constexpr std::array<Worded, 8> program_scopes{{{"attestations:write", "cl_scope_attestations_write"},
                                                {"organisations:read", "cl_scope_organisations_read"},
                                                {"services:read", "cl_scope_services_read"},
                                                {"cases:read", "cl_scope_cases_read"},
                                                {"cases:write", "cl_scope_cases_write"},
                                                {"subscriptions:write", "cl_scope_subscriptions_write"},
                                                {"grants:decide", "cl_scope_grants_decide"},
                                                {"feed:read", "cl_scope_feed_read"}}};

/// What was typed, so that a refusal loses none of it.
struct Typed {
  const Kind* kind = kinds.data();
  std::array<std::string, texts.size()> values;
  std::string redirect_uris;  ///< one a line
  std::string jwks;
  std::vector<std::string> scopes;
  std::string json;  ///< if the description was sent instead of the form
};

Typed read(const Visit& visit) {
  Typed out;
  const std::string kind = visit.form("kind");
  const auto found = std::ranges::find(kinds, std::string_view(kind), &Kind::name);
  if (found != kinds.end()) out.kind = &*found;
  for (std::size_t i = 0; i < texts.size(); ++i) out.values[i] = visit.form(texts[i]);
  out.redirect_uris = visit.form("redirect_uris");
  out.jwks = visit.form("jwks");
  out.scopes = visit.form_all("scope");
  out.json = visit.form("json");
  return out;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// The form as the description that the API takes too: there is one way to say what a client is.
std::string description(const Typed& typed, std::string_view organisation) {
  const bool by_key = !typed.jwks.empty();
  crypto::ClaimsWriter out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!typed.values[i].empty()) out.text(texts[i], typed.values[i]);
  }
  out.text("organisation", organisation)
      .json("grant_types", typed.kind->grants)
      .text("token_endpoint_auth_method", by_key ? "private_key_jwt" : typed.kind->authentication);
  if (by_key) out.json("jwks", typed.jwks);  // as typed: what isn't JSON is found when all is read
  if (const auto uris = lines_of(typed.redirect_uris); !uris.empty()) out.texts("redirect_uris", uris);
  std::string scope = typed.kind->name == "program" ? "" : "openid";
  for (const std::string& one : typed.scopes) scope.append(scope.empty() ? "" : " ").append(one);
  if (typed.kind->name == "site") scope += " offline_access";
  out.text("scope", scope);
  return out.finish();
}

registry::OrganisationKind kind_of(const Visit& visit, const Official& who) {
  return visit.web.accounts.registry.organisations.at(who.organisation)->kind;
}

void add_scope(portal::View& list, const Typed& typed, std::string_view name, const std::string& words) {
  portal::View& row = list.add("SCOPE");
  row.set("NAME", std::string(name));
  row.set("WORDS", words);
  if (std::ranges::find(typed.scopes, name) != typed.scopes.end()) row.show("CHOSEN");
}

void fill_form(const Visit& visit, portal::View& view, const Official& who, const Typed& typed) {
  for (const Kind& kind : kinds) {
    portal::View& row = view.add("KIND");
    row.set("NAME", std::string(kind.name));
    row.set("WORDS", visit.text(kind.words_key));
    row.set("WHAT", visit.text(kind.what_key));
    if (typed.kind == &kind) row.show("CHOSEN");
  }
  constexpr std::array<const char*, texts.size()> names{"ID",         "NAME_AZ",    "NAME_EN",    "NAME_RU",
                                                        "PURPOSE_AZ", "PURPOSE_EN", "PURPOSE_RU", "GROUND"};
  for (std::size_t i = 0; i < texts.size(); ++i) view.set(names[i], typed.values[i]);
  view.set("URIS", typed.redirect_uris);
  view.set("JWKS", typed.jwks);
  portal::View& person = view.add("PERSON_SCOPES");
  for (const Worded& scope : person_scopes) add_scope(person, typed, scope.what, visit.text(scope.key));
  for (const registry::StatusDefinition& status : visit.web.accounts.registry.country.statuses()) {
    if (status.sensitive) continue;
    add_scope(person, typed, fmt::format("status:{}", status.code),
              visit.fill("cl_scope_status", {{"status", status.name.in(visit.page.language())}}));
  }
  portal::View* program = nullptr;
  for (const Worded& scope : program_scopes) {
    if (!oidc::is_organisation_scope(kind_of(visit, who), scope.what)) continue;
    if (program == nullptr) program = &view.add("PROGRAM_SCOPES");
    add_scope(*program, typed, scope.what, visit.text(scope.key));
  }
}

/// A secret that was just drawn, or why nothing was registered.
struct Outcome {
  std::string secret;
  const Error* refused = nullptr;
};

/// What is wrong, in the reader's language where an official can mend it in the form.
void add_refusal(const Visit& visit, portal::View& view, const Error& error) {
  constexpr std::array<Worded, 8> worded{{{"client.id", "cl_error_id"},
                                          {"client.name", "cl_error_name"},
                                          {"client.purpose", "cl_error_purpose"},
                                          {"client.redirect_uri", "cl_error_redirect_uri"},
                                          {"client.keys", "cl_error_keys"},
                                          {"client.not_yours", "cl_error_not_yours"},
                                          {"client.scope_not_yours", "cl_error_scope_not_yours"},
                                          {"client.ended", "cl_error_ended"}}};
  portal::View& refused = view.add("REFUSED");
  // Of a field that is missing, the form's own word for it.
  std::string_view code = error.code;
  if (code == "client.missing") code = error.field == "client_name" ? "client.name" : "client.id";
  const auto found = std::ranges::find(worded, code, &Worded::what);
  if (found != worded.end()) {
    refused.add("OURS").set("WORDS", visit.text(found->key));
  } else {
    refused.add("ENGLISH").set("WORDS", error.public_text);
  }
}

Result<Response> page(Visit& visit, const Official& who, const Typed& typed, const Outcome& outcome) {
  portal::View& view = visit.content("office_clients.html");
  view.set("ORGANISATION", organisation_name(visit, who.relation.organisation.value()));
  view.set("CODE", who.relation.organisation.value());
  for (const auto& client : visit.web.provider.clients.all()) {
    if (client->organisation != who.relation.organisation || client->ended <= visit.now) continue;
    portal::View& row = view.add("CLIENT");
    row.set("ID", client->id);
    row.set("NAME", client->name.in(visit.page.language()));
    row.set("PURPOSE", client->purpose.in(visit.page.language()));
    row.set("SCOPES", fmt::format("{}", fmt::join(client->scopes, ", ")));
  }
  if (!outcome.secret.empty()) view.add("SECRET").set("WORDS", outcome.secret);
  if (outcome.refused != nullptr) add_refusal(visit, view, *outcome.refused);
  fill_form(visit, view, who, typed);
  view.set("JSON", typed.json);
  if (!typed.json.empty()) view.show("AS_JSON");
  visit.page.add_style("services.css");
  visit.page.add_style("office.css");
  return visit.html("office_clients");
}

/// With `client`, that client's description, to be changed.
Result<Response> clients(Visit& visit) {
  DAYAQ_TRY(const Official who, official(visit));
  Typed typed;
  const auto wanted = visit.web.provider.clients.find(visit.query("client"));
  if (wanted && wanted->organisation == who.relation.organisation) typed.json = oidc::to_json(*wanted);
  return page(visit, who, typed, {});
}

struct Registered {
  std::string secret;  ///< of a client that proves itself by one, newly drawn
};

Result<Registered> record(const Visit& visit, const Official& who, const Typed& typed) {
  const std::string organisation(who.relation.organisation.value());
  DAYAQ_TRY(oidc::Client client,
            oidc::parse_client(typed.json.empty() ? description(typed, organisation) : typed.json));
  client.organisation = who.relation.organisation;
  // An official holds no scopes: what their organisation may give is by its kind. A client that may do more,
  // or is let in by law, was the administrator's doing, and a new secret of it would be theirs to use.
  const auto may_give = [&](std::string_view scope) {
    return oidc::is_organisation_scope(kind_of(visit, who), scope);
  };
  DAYAQ_TRY_OK(oidc::check_own_registration(client, may_give));
  Registered out;
  if (oidc::has_secret(client)) {
    out.secret = oidc::draw_client_secret(visit.web.accounts.random);
    client.secret = oidc::client_secret_mac(visit.web.accounts.master, out.secret);
  }
  oidc::Clients& all = visit.web.provider.clients;
  DAYAQ_TRY_OK(visit.web.db.write([&](store::Session& db) -> Result<void> {
    const auto present = all.newest(client.id);
    if (present && present->organisation == client.organisation) {
      DAYAQ_TRY_OK(oidc::check_own_registration(*present, may_give));
    }
    return oidc::record_client(db, visit.web.accounts.registry, all, client, who.actor());
  }));
  return out;
}

/// Registers a client of this organisation, or changes it. A new secret is shown once.
Result<Response> register_client(Visit& visit) {
  DAYAQ_TRY(const Official who, official(visit));
  const Typed typed = read(visit);
  const auto done = record(visit, who, typed);
  if (!done) return page(visit, who, typed, {.refused = &done.error()});
  return page(visit, who, {}, {.secret = done->secret});
}

Result<Response> end_client(Visit& visit) {
  DAYAQ_TRY(const Official who, official(visit));
  const std::string id = visit.form("client");
  const auto client = visit.web.provider.clients.find(id);
  if (!client || client->organisation != who.relation.organisation) {
    return fail(ErrorKind::not_found, "client.unknown", "Your organisation has no such client.");
  }
  DAYAQ_TRY_OK(visit.web.db.write([&](store::Session& db) {
    return oidc::end_client(db, visit.web.accounts.registry, visit.web.provider.clients, id, who.actor());
  }));
  return visit.redirect(fmt::format("/office/clients?organisation={}", who.relation.organisation));
}

}  // namespace

void add_client_pages(http::Router& router, const Web& web) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/office/clients", "page_office_clients", "The organisation's clients.", clients},
      {Method::post, "/office/clients", "page_office_register", "Registers a client.", register_client},
      {Method::post, "/office/clients/end", "page_office_clients_end", "Ends one.", end_client},
  });
  add_signed_in_pages(router, web, Assurance::substantial, pages);
}

}  // namespace dayaq::identity::web
