#include "identity/oidc/clients_api.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/key_clients.hpp"

namespace dayaq::identity::oidc {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

std::unexpected<Error> unknown() {
  return fail(ErrorKind::not_found, "client.unknown", "There is no client with this id.");
}

bool is_admin(const Request& request) {
  return request.principal.may(Scope::admin);
}

/// Others' clients aren't there for a caller who isn't the administrator: their ids tell who works with whom.
bool may_see(const Request& request, const Client& client) {
  return is_admin(request) || client.organisation == request.principal.organisation;
}

/// What only the administrator gives.
Result<void> check_rights(const Request& request, const Client& client) {
  if (is_admin(request)) return {};
  if (client.organisation != request.principal.organisation) {
    return fail(ErrorKind::forbidden, "client.other_organisation",
                "You register clients of your own organisation. Ask the administrator for others.");
  }
  return check_own_registration(client, [&](std::string_view name) {
    const auto scope = http::parse_scope(name);
    return scope && request.principal.may(*scope);
  });
}

std::string with_secret(const Client& client, const std::string& secret) {
  std::string out = to_json(client);
  if (secret.empty()) return out;
  out.pop_back();
  return out + fmt::format(R"(,"client_secret":"{}"}})", secret);
}

class Handlers {
 public:
  explicit Handlers(const ClientsApi& api) : api_(api) {}

  Result<Response> list(const Request& request) const {
    std::string out = R"({"clients":[)";
    const char* comma = "";
    for (const auto& client : api_.provider.clients.all()) {
      if (may_see(request, *client)) out.append(std::exchange(comma, ",")).append(to_json(*client));
    }
    return Response::json(out + "]}");
  }

  Result<Response> create(const Request& request) const {
    DAYAQ_TRY(Client client, parse_client(request.body));
    DAYAQ_TRY_OK(check_rights(request, client));
    const std::string secret = draw_secret_for(client);
    DAYAQ_TRY_OK(api_.provider.db.write([&](store::Session& session) -> Result<void> {
      if (api_.provider.clients.newest(client.id)) {
        return fail(ErrorKind::conflict, "client.exists", "There is a client with this id. Choose another.");
      }
      return record_client(session, api_.registry, api_.provider.clients, client, request.principal.actor());
    }));
    return Response::json(with_secret(client, secret), 201);
  }

  Result<Response> change(const Request& request) const {
    DAYAQ_TRY(const Client present, mine(request));
    DAYAQ_TRY(Client client, parse_client(request.body));
    if (client.id != present.id)
      return fail_field("client.id", "client_id", "The client's id is that of the address.");
    DAYAQ_TRY_OK(check_rights(request, present));
    DAYAQ_TRY_OK(check_rights(request, client));
    std::string secret;
    if (has_secret(client) && !has_secret(present)) secret = draw_secret_for(client);
    DAYAQ_TRY_OK(write(request, client));
    return Response::json(with_secret(client, secret));
  }

  Result<Response> rotate(const Request& request) const {
    DAYAQ_TRY(Client client, mine(request));
    DAYAQ_TRY_OK(check_rights(request, client));
    if (!has_secret(client)) {
      return fail(ErrorKind::conflict, "client.no_secret",
                  "This client proves itself by its keys. Change its jwks.");
    }
    const std::string secret = draw_secret_for(client);
    DAYAQ_TRY_OK(write(request, client));
    return Response::json(with_secret(client, secret));
  }

  Result<Response> end(const Request& request) const {
    DAYAQ_TRY(const Client client, mine(request));
    DAYAQ_TRY_OK(api_.provider.db.write([&](store::Session& session) {
      return end_client(session, api_.registry, api_.provider.clients, client.id, request.principal.actor());
    }));
    return Response::no_content();
  }

 private:
  Result<Client> mine(const Request& request) const {
    const auto client = api_.provider.clients.find(request.parameter("client"));
    if (!client || !may_see(request, *client) || client->id.starts_with(key_client_prefix)) return unknown();
    return *client;
  }

  std::string draw_secret_for(Client& client) const {
    if (!has_secret(client)) return {};
    std::string secret = draw_client_secret(api_.provider.random);
    client.secret = client_secret_mac(api_.provider.master, secret);
    return secret;
  }

  Result<void> write(const Request& request, const Client& client) const {
    return api_.provider.db.write([&](store::Session& session) {
      return record_client(session, api_.registry, api_.provider.clients, client, request.principal.actor());
    });
  }

  ClientsApi api_;
};

constexpr const char* client_schema = R"json({"type":"object",
  "description":"A client, by the names of RFC 7591 and OpenID Connect Dynamic Client Registration 1.0.",
  "required":["client_id","organisation","client_name"],"properties":{
    "client_id":{"type":"string"},"organisation":{"type":"string"},"client_name":{"type":"string"},
    "purpose":{"type":"string","description":"What for, as the consent page says it."},
    "legal_ground":{"type":"string"},"token_endpoint_auth_method":{"type":"string"},
    "grant_types":{"type":"array","items":{"type":"string"}},"scope":{"type":"string"},
    "redirect_uris":{"type":"array","items":{"type":"string"}},"jwks":{"type":"object"},
    "client_secret":{"type":"string","description":"Shown once, when it is made."}}})json";

}  // namespace

void add_client_routes(http::Router& router, const ClientsApi& api) {
  router.add_schema("Client", client_schema);
  router.add_schema("ClientList", R"json({"type":"object","properties":{"clients":{"type":"array",
    "items":{"$ref":"#/components/schemas/Client"}}}})json");
  const auto add = [&router, handlers = Handlers(api)](
                       Method method, const char* pattern, const char* operation, const char* summary,
                       const char* request_schema, const char* response_schema,
                       Result<Response> (Handlers::*handle)(const Request&) const) {
    router.add({.method = method,
                .pattern = pattern,
                .scope = Scope::clients_write,
                .operation = operation,
                .summary = summary,
                .request_schema = request_schema,
                .response_schema = response_schema,
                .tag = "identity"},
               [handlers, handle](const Request& request) {
                 auto answer = (handlers.*handle)(request);
                 if (answer) return std::move(*answer);
                 if (answer.error().kind == ErrorKind::internal)
                   log::error("identity.clients", "a request failed", answer.error());
                 return http::problem(answer.error());
               });
  };
  add(Method::get, "/v1/clients", "list_clients",
      "The clients of the caller's organisation; all for the administrator.", "", "ClientList",
      &Handlers::list);
  add(Method::post, "/v1/clients", "create_client",
      "Registers a client; its secret, if it has one, is shown once.", "Client", "Client", &Handlers::create);
  add(Method::put, "/v1/clients/{client}", "change_client", "Changes a client; its secret stays.", "Client",
      "Client", &Handlers::change);
  add(Method::post, "/v1/clients/{client}/secret", "rotate_client_secret",
      "A new secret, shown once; the old one ends now.", "", "Client", &Handlers::rotate);
  add(Method::post, "/v1/clients/{client}/end", "end_client", "Ends a client and all that it was granted.",
      "", "", &Handlers::end);
}

}  // namespace dayaq::identity::oidc
