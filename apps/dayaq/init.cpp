// dayaq init: a data folder, with a synthetic population and demonstration keys if asked for.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/file.hpp"
#include "command.hpp"
#include "node.hpp"
#include "registry/synthetic.hpp"

namespace dayaq::cli {
namespace {

struct InitArguments {
  std::string database;
  std::string origin = "dayaq.local/audit";
  std::uint64_t persons = 0;
  std::uint64_t seed = 2020;
  bool demo = false;
};

/// The keys that a new node starts with: for its administrator and two officials; with --demo also for an
/// operator, a hospital, and two officials of the tax service.
Result<void> make_keys(node::Node& node, bool demo) {
  using http::Scope;
  struct Key {
    const char* name;
    const char* organisation;
    std::vector<Scope> scopes;
  };
  const std::vector<Scope> official{
      Scope::regimes_read, Scope::regimes_write, Scope::regimes_approve, Scope::organisations_read,
      Scope::audit_read,   Scope::services_read, Scope::services_write,  Scope::services_publish,
      Scope::cases_read,   Scope::cases_write};
  std::vector<Scope> all;
  for (std::size_t i = 1; i < http::scope_count; ++i) {
    const auto scope =
        static_cast<Scope>(i);  // a key is nobody: what a person grants for themselves isn't its
    if ((http::scope_bit(scope) & http::person_scopes) == 0 && scope != Scope::clients_write)
      all.push_back(scope);
  }
  std::vector<Key> keys{{"admin", "digital-agency", all},
                        {"official-1", "digital-agency", official},
                        {"official-2", "digital-agency", official}};
  if (demo) {
    keys.push_back(
        {"azercell", "azercell", {Scope::grants_decide, Scope::feed_read, Scope::subscriptions_write}});
    keys.push_back({"hospital", "tabib", {Scope::attestations_write}});
    keys.push_back({"tax-office-1", "state-tax-service", official});
    keys.push_back({"tax-office-2", "state-tax-service", official});
  }
  for (const Key& key : keys) {
    DAYAQ_TRY_OK(node.make_key(key.name, OrganisationCode(key.organisation), key.scopes));
  }
  return {};
}

Result<void> populate(node::Node& node, const InitArguments& arguments) {
  ProgressBar bar("making persons");
  const registry::SyntheticOptions options{.persons = arguments.persons, .seed = arguments.seed};
  DAYAQ_TRY_OK(registry::populate(node.database(), node.registry(), options,
                                  [&](const registry::SyntheticProgress& done) {
                                    bar.show(done.persons, arguments.persons, "persons");
                                    return true;
                                  }));
  return {};
}

/// One step of an official, by their key.
Result<void> take_step(const Settings& settings, std::string_view key, std::string_view target,
                       std::string_view body, std::string_view file) {
  DAYAQ_TRY(const auto transport, connect(settings.with_key(key)));
  DAYAQ_TRY(const Reply reply, transport->call(http::Method::post, target, body));
  if (!reply.ok()) {
    print_problem(reply, body, file);
    return fail(ErrorKind::internal, "cli.demo", "The demonstration could not be made.", std::string(file));
  }
  return transport->finish();
}

/// The special quarantine, submitted by one official's key and approved by the other's.
Result<void> put_into_force(const Settings& settings) {
  const std::string file = "special-quarantine.yaml";
  DAYAQ_TRY(const std::string text, read_file(settings.country / "regimes" / file));
  DAYAQ_TRY_OK(take_step(settings, "@official-1", "/v1/regimes", text, file));
  return take_step(settings, "@official-2", "/v1/regimes/special-quarantine/approve", R"({"version":1})",
                   file);
}

/// The country pack's services, each by two officials of its provider.
Result<void> publish_services(const Settings& settings) {
  struct Offer {
    const char* service;
    const char* office;  ///< whose keys are @OFFICE-1 and @OFFICE-2
  };
  for (const Offer& offer :
       {Offer{"leaving-home", "official"}, Offer{"employee-permit", "official"},
        Offer{"service-centre-appointment", "official"}, Offer{"small-business-support", "tax-office"}}) {
    const std::string file = fmt::format("{}.yaml", offer.service);
    DAYAQ_TRY(const std::string text, read_file(settings.country / "services" / file));
    DAYAQ_TRY_OK(take_step(settings, fmt::format("@{}-1", offer.office), "/v1/services", text, file));
    DAYAQ_TRY_OK(take_step(settings, fmt::format("@{}-2", offer.office),
                           fmt::format("/v1/services/{}/versions/1/publish", offer.service), "{}", file));
  }
  return {};
}

Result<Exit> init(const Settings& settings, const InitArguments& arguments) {
  DAYAQ_TRY_OK(node::Node::create({.data = settings.data,
                                   .country = settings.country,
                                   .database = arguments.database,
                                   .origin = arguments.origin,
                                   .synthetic = arguments.persons > 0}));
  {
    DAYAQ_TRY(const auto node,
              node::Node::open({.data = settings.data, .country = settings.country, .index = false}));
    DAYAQ_TRY_OK(make_keys(*node, arguments.demo));
    if (arguments.persons > 0) DAYAQ_TRY_OK(populate(*node, arguments));
  }
  if (arguments.demo) {
    DAYAQ_TRY_OK(put_into_force(settings));
    DAYAQ_TRY_OK(publish_services(settings));
  }
  fmt::print(stderr, "The node is in {}; its keys are in {}. Serve it with: dayaqd --data {}\n",
             settings.data.string(), (settings.data / "keys").string(), settings.data.string());
  return Exit::done;
}

}  // namespace

void add_init(Commands& commands) {
  auto arguments = std::make_shared<InitArguments>();
  CLI::App* command = commands.app.add_subcommand("init", "Makes a data folder with its keys");
  command->add_option("--database", arguments->database,
                      "postgresql://user@host:port/name instead of SQLite in the folder");
  command->add_option("--origin", arguments->origin, "The audit log's name for ever (dayaq.local/audit)");
  command->add_option("--persons", arguments->persons, "Makes a synthetic population of this size")
      ->check(CLI::Range(std::uint64_t{0}, registry::synthetic_persons_max));
  command->add_option("--seed", arguments->seed, "The same seed makes the same population (2020)");
  command->add_flag("--demo", arguments->demo,
                    "Puts the special quarantine into force, publishes the services, makes more keys");
  command->footer(
      "Examples:\n  dayaq init --data /srv/dayaq\n  dayaq init --persons 200000 --demo\n"
      "  dayaq init --database postgresql://dayaq@localhost/dayaq");
  command->callback([&commands, arguments] {
    commands.chosen = [arguments](const Settings& settings) { return init(settings, *arguments); };
  });
}

}  // namespace dayaq::cli
