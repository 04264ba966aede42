#include "edge/web/configuration_parts.hpp"

#include <fmt/format.h>

#include "edge/web/service_name.hpp"

namespace dayaq::edge::web {
namespace {

using namespace std::chrono_literals;

void read_peers(Fields& fields, const std::string& key, std::vector<diameter::PeerOptions>& out,
                bool dialled) {
  fields.each(key, [&](Fields& peer) {
    diameter::PeerOptions options;
    peer.need("origin_host").text("origin_host", options.origin_host);
    if (dialled) {
      peer.need("address").text("address", options.address);
      if (options.address.find(':') == std::string::npos) {
        peer.finding("edge.file.value", "address", "Write host:port here.");
      }
    }
    peer.truth("tls", options.tls);
    peer.text("certificate_name", options.certificate_name);
    out.push_back(std::move(options));
  });
}

void read_nas(Fields& fields, radius::ServerOptions& out) {
  fields.each("clients", [&](Fields& client) {
    radius::ClientOptions options;
    client.need("address").text("address", options.address);
    client.need("secret").text("secret", options.secret);
    client.truth("require_message_authenticator", options.require_message_authenticator);
    client.text("coa_address", options.coa_address);
    out.clients.push_back(std::move(options));
  });
}

}  // namespace

void read_services(Fields& top, Configuration& out) {
  top.need("services").each("services", [&](Fields& fields) {
    std::string name;
    fields.need("service").text("service", name);
    diameter::ServiceRule rule;
    fields.text("context", rule.context);
    fields.numbers("rating_groups", rule.rating_groups);
    fields.numbers("service_identifiers", rule.service_identifiers);
    if (name.empty()) return;
    if (name == "relay") {  // always the charging system's
      out.credit_control.services.push_back(std::move(rule));
      return;
    }
    const auto service = parse_service(name);
    if (!service) return fields.finding("edge.file.value", "service", service.error().public_text);
    const auto index = out.services.add(*service);
    if (!index) return fields.finding("edge.services", "service", index.error().public_text);
    rule.service = *index;
    rule.kind = service->kind;
    // A service that no rule of Diameter names is asked for by other protocols alone.
    if (fields.has("context") || !rule.rating_groups.empty() || !rule.service_identifiers.empty()) {
      out.credit_control.services.push_back(std::move(rule));
    }
  });
  if (top.has("services") && out.services.size() == 0) {
    top.finding("edge.file.value", "services", "List at least one service that the network asks for.");
  }
}

ServiceIndex read_service(Fields& fields, const std::string& key, const ServiceTable& services) {
  std::string name;
  fields.text(key, name);
  if (name.empty()) return no_service;
  const auto service = parse_service(name);
  if (!service) {
    fields.finding("edge.file.value", key, service.error().public_text);
    return no_service;
  }
  const ServiceIndex index = services.find(service->kind, service->traffic_class);
  if (index == no_service) {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < services.size(); ++i)
      known.push_back(service_name(services.at(ServiceIndex(i))));
    fields.finding(
        "edge.file.value", key,
        fmt::format("`{}` isn't listed under `services`. Listed: {}.", name, fmt::join(known, ", ")));
  }
  return index;
}

void read_diameter(Fields& top, Configuration& out) {
  top.inside("diameter", [&](Fields& fields) {
    diameter::NodeOptions& node = out.diameter.emplace();
    diameter::CreditControlOptions& control = out.credit_control;
    control.line = out.line;
    fields.need("origin_host").text("origin_host", node.origin_host);
    fields.need("origin_realm").text("origin_realm", node.origin_realm);
    control.origin_host = node.origin_host;
    control.origin_realm = node.origin_realm;
    fields.text("address", node.address);
    fields.number("port", node.port, 0, 65535);
    fields.number("tls_port", node.tls_port, 0, 65535);
    fields.text("tls_certificate", node.tls_certificate);
    fields.text("tls_key", node.tls_key);
    fields.text("tls_authority", node.tls_authority);
    fields.need("clients");
    read_peers(fields, "clients", node.clients, false);
    read_peers(fields, "charging_systems", node.charging_systems, true);
    control.relays = !node.charging_systems.empty();
    fields.texts("realms", node.realms);
    fields.duration("watchdog", node.watchdog, 100ms, 10min);
    fields.duration("reconnect", node.reconnect, 100ms, 10min);
    fields.duration("relay_timeout", node.relay_timeout, 10ms, 60s);
    fields.number("peers_max", node.peers_max, 1, 100'000);
    fields.number("in_flight_max", node.in_flight_max, 1, 10'000'000);
    fields.number("re_auth_per_second", node.re_auth_per_second, 1, 1'000'000);
    fields.text("limited_filter_id", control.limited_filter_id);
    fields.texts("limited_filter_rules", control.limited_filter_rules);
    fields.text("redirect_url", control.redirect_url);
    fields.truth("gx", out.gx);
    fields.numbers("understood_vendors", control.understood_vendors);
    fields.number("sessions_max", control.sessions_max, 1, 1'000'000'000);
    fields.number("threshold_percent", control.threshold_percent, 0, 99);
  });
}

void read_radius(Fields& top, Configuration& out) {
  top.inside("radius", [&](Fields& fields) {
    radius::ServerOptions& server = out.radius.emplace();
    server.line = out.line;
    fields.text("address", server.address);
    fields.number("auth_port", server.auth_port, 0, 65535);
    fields.number("acct_port", server.acct_port, 0, 65535);
    fields.number("radsec_port", server.radsec_port, 0, 65535);
    fields.text("tls_certificate", server.tls_certificate);
    fields.text("tls_key", server.tls_key);
    fields.text("tls_authority", server.tls_authority);
    fields.texts("radsec_names", server.radsec_names);
    fields.truth("radsec_changes", server.radsec_changes);
    fields.need("clients");
    read_nas(fields, server);
    fields.need("service");
    server.service = read_service(fields, "service", out.services);
    fields.each("profiles", [&](Fields& profile) {
      radius::ProfileOptions options;
      profile.need("service");
      options.service = read_service(profile, "service", out.services);
      profile.need("attributes").texts("attributes", options.attributes);
      server.profiles.push_back(std::move(options));
    });
    fields.texts("limited", server.limited);
    fields.texts("normal", server.normal);
    fields.texts("volume", server.volume);
    fields.octets("volume_slice", server.volume_slice);
    fields.truth("accept_without_password", server.accept_without_password);
    fields.text("unpaid_reply", server.unpaid_reply);
    fields.truth("copy_accounting", server.copy_accounting);
    fields.truth("proxy_require_message_authenticator", server.proxy_require_message_authenticator);
    fields.duration("session_timeout", server.session_timeout, 0s, 31 * 24h);
    server.resources_version = out.resources_version;
    fields.text("proxy_auth", server.proxy_auth);
    fields.text("proxy_acct", server.proxy_acct);
    fields.text("proxy_secret", server.proxy_secret);
    fields.duration("interim", server.interim, 60s, 24h);
    fields.number("coa_per_second_per_nas", server.coa_per_second_per_nas, 1, 1'000'000);
  });
}

void read_tv(Fields& top, Configuration& out, const std::filesystem::path& folder) {
  top.inside("tv", [&](Fields& fields) {
    tv::Options& tv = out.tv.emplace();
    tv.line = out.line;
    fields.word("line", {"mobile", "fixed", "tv"}, [&](std::size_t at) { tv.line = LineKind(at); });
    fields.need("channels").each("channels", [&](Fields& channel) {
      tv::Channel one;
      channel.need("name").text("name", one.name);
      channel.need("prefix").text("prefix", one.prefix);
      if (!one.prefix.starts_with('/') || !one.prefix.ends_with('/')) {
        channel.finding("edge.file.value", "prefix", "A prefix begins and ends with a slash: /hls/news/.");
      }
      channel.need("package");
      one.service = read_service(channel, "package", out.services);
      tv.channels.push_back(std::move(one));
    });
    fields.text("line_header", tv.line_header);
    fields.text("token_argument", tv.token_argument);
    fields.path("token_key_file", out.tv_token_key_file, folder);
    fields.path("secure_link_file", out.tv_secure_link_file, folder);
    fields.truth("passes", tv.passes);
    if (tv.passes && out.tv_secure_link_file.empty()) {
      fields.finding("edge.file.value", "passes", "Passes are signed by the secret of `secure_link_file`.");
    }
    fields.duration("token_life", tv.token_life, 10s, 24h);
    fields.duration("allow_for", tv.allow_for, 1s, 10min);
    fields.duration("deny_for", tv.deny_for, 1s, 10min);
    fields.duration("heartbeat", tv.heartbeat, 1s, 10min);
    fields.number("viewers_max", tv.viewers_max, 1, 100'000'000);
  });
}

}  // namespace dayaq::edge::web
