#include "core.hpp"

#include <array>

#include "identity/account/accounts.hpp"
#include "identity/account/sessions.hpp"
#include "identity/oidc/authorize.hpp"
#include "identity/oidc/provider.hpp"
#include "regime/feed_store.hpp"
#include "regime/store.hpp"
#include "registry/store.hpp"
#include "services/attachments/attachments.hpp"
#include "services/booking/booking.hpp"
#include "services/cases/cases.hpp"
#include "services/sms/inbox.hpp"
#include "services/sms/notices.hpp"
#include "services/web/drop_off.hpp"
#include "settlement/store.hpp"

namespace dayaq::node {
namespace {

std::vector<store::Migration> all_migrations() {
  std::vector<store::Migration> all;
  for (const auto& of_room :
       {audit::migrations(), registry::migrations(), regime::migrations(), regime::feed_migrations(),
        settlement::migrations(), identity::account_migrations(), identity::sign_in_migrations(),
        identity::oidc::migrations(), identity::oidc::authorization_migrations(), services::migrations(),
        services::booking::migrations(), services::attachments::migrations(), services::web::migrations(),
        services::sms::migrations(), services::sms::notice_migrations()}) {
    all.insert(all.end(), of_room.begin(), of_room.end());
  }
  return all;
}

Result<std::unique_ptr<Core>> open_core(const std::filesystem::path& data,
                                        const std::filesystem::path& country, bool read_only) {
  auto core = std::make_unique<Core>();
  DAYAQ_TRY(core->configuration, read_configuration(data));
  DAYAQ_TRY(core->country, registry::CountryPack::load(country));
  DAYAQ_TRY(core->database,
            store::Database::open({.url = core->configuration.database, .read_only = read_only}));
  if (!read_only) DAYAQ_TRY_OK(core->database->migrate(all_migrations()));
  core->organisations = std::make_unique<registry::OrganisationDirectory>(core->country);
  const auto load = [&](store::Session& session) -> Result<registry::Catalogue> {
    DAYAQ_TRY_OK(core->organisations->load(session));
    return registry::Catalogue::open(session, core->country);
  };
  DAYAQ_TRY(core->catalogue, read_only ? core->database->read(load) : core->database->write(load));
  if (read_only) return core;  // without the log: whoever verifies it must be able to open a damaged one
  DAYAQ_TRY(crypto::SigningKey key, read_audit_key(data));
  DAYAQ_TRY(core->log, audit::Log::open(*core->database, std::move(key), core->configuration.origin,
                                        core->clock, core->random));
  DAYAQ_TRY(core->feed_signer, read_feed_key(data, core->random));
  DAYAQ_TRY(const SipKey secret, read_registry_secret(data));
  core->registry.emplace(registry::Registry{.country = core->country,
                                            .catalogue = *core->catalogue,
                                            .organisations = *core->organisations,
                                            .log = *core->log,
                                            .observer = &core->observer,
                                            .clock = core->clock,
                                            .secret = secret});
  return core;
}

}  // namespace

Result<std::unique_ptr<Core>> Core::open(const std::filesystem::path& data,
                                         const std::filesystem::path& country) {
  DAYAQ_TRY(auto core, open_core(data, country, false));
  core->database->add_hook(*core->organisations);
  DAYAQ_TRY_OK(core->database->write(
      [&](store::Session& session) { return registry::check_secret(session, core->registry->secret); }));
  return core;
}

Result<std::unique_ptr<Core>> Core::open_to_read(const std::filesystem::path& data,
                                                 const std::filesystem::path& country) {
  return open_core(data, country, true);
}

}  // namespace dayaq::node
