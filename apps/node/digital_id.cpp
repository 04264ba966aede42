#include "digital_id.hpp"

#include <fmt/format.h>

#include <chrono>

#include "base/file.hpp"
#include "base/log.hpp"
#include "edge_clients.hpp"
#include "identity/account/cards.hpp"
#include "identity/account/enrolment_flow.hpp"
#include "identity/account/limits.hpp"
#include "identity/account/recovery.hpp"
#include "identity/oidc/access.hpp"
#include "identity/oidc/clients_api.hpp"
#include "identity/oidc/key_clients.hpp"
#include "identity/oidc/logout.hpp"
#include "identity/oidc/phone.hpp"

namespace dayaq::node {
namespace {

constexpr int sweep_rows = 500;       // of a table, a second
constexpr int rotate_every_s = 3600;  // keys change by the day

void report(std::string_view what, const Result<void>& done) {
  if (!done) log::error("identity.background", what, done.error());
}

}  // namespace

namespace {

/// What dayaq.yaml says of identity cards, read.
struct Cards {
  identity::CardPolicy policy;
  std::unique_ptr<identity::CardLists> lists;
  std::optional<identity::web::CardDoor> door;
};

Result<Cards> read_cards(const std::optional<CardSettings>& settings, Random& random) {
  Cards out;
  if (!settings) return out;
  const auto certificates = [](const std::filesystem::path& path) -> Result<std::vector<Bytes>> {
    if (path.empty()) return std::vector<Bytes>();
    DAYAQ_TRY(const std::string text, read_file(path, 1 << 20));
    auto read = crypto::read_certificates(text);
    if (!read) read.error().public_text += fmt::format(" ({})", path.string());
    return read;
  };
  DAYAQ_TRY(out.policy.anchors, certificates(settings->authorities));
  DAYAQ_TRY(out.policy.intermediates, certificates(settings->intermediates));
  out.policy.country = settings->country;
  if (!settings->unchecked) {
    std::vector<Bytes> all = out.policy.anchors;
    all.insert(all.end(), out.policy.intermediates.begin(), out.policy.intermediates.end());
    out.lists = std::make_unique<identity::CardLists>(
        identity::CardListsOptions{
            .authorities = std::move(all), .folder = settings->lists, .responder = settings->responder},
        random);
    out.policy.revocation = out.lists.get();
  } else {
    log::warning("identity.cards_unchecked", "nobody asks whether an identity card was revoked");
  }
  out.door = identity::web::CardDoor{.origin = settings->url, .proxies = settings->proxies};
  return out;
}

}  // namespace

struct DigitalId::State {
  Core& core;
  identity::web::PublicUrl url;
  identity::webauthn::RelyingParty party;
  crypto::MasterKey master;
  crypto::KeyRing keys;
  std::filesystem::path drop;
  registry::RegistryStore persons;
  identity::Sessions sessions;
  identity::FileDrop gateway;
  identity::Outbox outbox;
  identity::Accounts accounts;
  identity::SignIn sign_in;
  identity::Limits limits;
  std::unique_ptr<identity::CardLists> card_lists;  ///< null: nobody asks
  std::optional<identity::web::CardDoor> card_door;
  identity::Enrolling enrolling;
  identity::oidc::Clients clients;
  identity::oidc::Provider provider;
  identity::oidc::GrantsFollowSessions grants_end;
  identity::oidc::GrantsFollowAccounts grants_close;
  identity::oidc::BackChannel back_channel;
  identity::oidc::Access access;
  std::optional<identity::LifeFollower> life;
  std::optional<identity::web::Web> web;
  std::unique_ptr<identity::web::Pages> pages;
  std::int64_t ticks = 0;

  State(Core& of, identity::web::PublicUrl address, crypto::MasterKey master_key, crypto::KeyRing ring,
        const registry::KeyRing& api_keys, const std::filesystem::path& data, Cards cards)
      : core(of),
        url(std::move(address)),
        party{.id = url.host, .name = "Dayaq", .origins = {url.origin}},
        master(std::move(master_key)),
        keys(std::move(ring)),
        drop(data / "outbox"),
        persons(*core.catalogue),
        sessions(*core.database, {}),
        gateway(drop),
        outbox(*core.database, gateway, master, core.random, core.clock),
        accounts{.registry = *core.registry,
                 .persons = persons,
                 .log = *core.log,
                 .sessions = sessions,
                 .outbox = outbox,
                 .master = master,
                 .random = core.random,
                 .clock = core.clock,
                 .observer = &grants_close,
                 .site = url.origin},
        sign_in(*core.database, accounts, party),
        limits(identity::Limits::of(master)),
        card_lists(std::move(cards.lists)),
        card_door(std::move(cards.door)),
        enrolling(*core.database, accounts, limits, party,
                  {.activation = {}, .cards = std::move(cards.policy)}),
        provider{.db = *core.database,
                 .accounts = accounts,
                 .sessions = sessions,
                 .clients = clients,
                 .keys = keys,
                 .master = master,
                 .log = *core.log,
                 .random = core.random,
                 .clock = core.clock,
                 .issuer = url.origin,
                 .lifetimes = {}},
        grants_end(provider),
        grants_close(provider),
        back_channel(provider, {}),
        access(provider, api_keys,
               core.configuration.plain_api_keys ? identity::oidc::Access::PlainKeys::taken
                                                 : identity::oidc::Access::PlainKeys::of_administrators) {}
};

DigitalId::DigitalId(std::unique_ptr<State> state) : state_(std::move(state)) {}
DigitalId::~DigitalId() = default;

Result<std::unique_ptr<DigitalId>> DigitalId::open(Core& core, registry::KeyRing& api_keys,
                                                   const regime::EdgeBook& edges,
                                                   const DigitalIdOptions& options) {
  DAYAQ_TRY(identity::web::PublicUrl url, identity::web::parse_public_url(options.url));
  std::error_code failed;
  std::filesystem::create_directories(options.data / "outbox", failed);
  if (failed) {
    return fail(ErrorKind::unavailable, "file.write",
                "The folder for messages can't be made in the data folder.", failed.message());
  }
  DAYAQ_TRY(crypto::MasterKey for_ring, read_master_key(options.data, core.random));
  DAYAQ_TRY(crypto::MasterKey master, read_master_key(options.data, core.random));
  DAYAQ_TRY(auto token, open_token(core.configuration, options.data));
  DAYAQ_TRY(crypto::KeyRing keys,
            crypto::KeyRing::open(options.data / "keys" / "oidc", std::move(for_ring),
                                  {.algorithms = {crypto::JwsAlgorithm::es256, crypto::JwsAlgorithm::eddsa,
                                                  crypto::JwsAlgorithm::rs256},
                                   .token = std::move(token)}));
  const Instant now = core.clock.now();
  DAYAQ_TRY(const bool rotated, keys.rotate(now, core.random));
  if (rotated) log::info("identity.keys", "signing keys were rotated");
  DAYAQ_TRY(Cards cards, read_cards(core.configuration.cards, core.random));
  auto state = std::make_unique<State>(core, std::move(url), std::move(master), std::move(keys), api_keys,
                                       options.data, std::move(cards));
  state->clients.set_others([keys = identity::oidc::key_clients(api_keys, *core.organisations),
                             by_edge = edge_clients(edges, *core.organisations)](std::string_view id) {
    auto client = keys(id);
    return client ? client : by_edge(id);
  });
  state->sessions.add_observer(state->grants_end);
  state->sessions.add_observer(state->back_channel);
  const auto done = core.database->read([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(state->clients.load(session));
    return identity::oidc::start_tokens(session, state->provider, now);
  });
  DAYAQ_TRY_OK(done);
  core.database->add_hook(state->sessions);
  core.database->add_hook(state->outbox);
  core.database->add_hook(state->clients);
  core.database->add_hook(identity::oidc::token_hook(state->provider));
  core.database->add_hook(state->back_channel);
  return std::unique_ptr<DigitalId>(new DigitalId(std::move(state)));
}

identity::Accounts& DigitalId::accounts() {
  return state_->accounts;
}
identity::oidc::Provider& DigitalId::provider() {
  return state_->provider;
}
const identity::web::PublicUrl& DigitalId::url() const {
  return state_->url;
}

const http::Authenticator& DigitalId::authenticator() const {
  return state_->access;
}
registry::ChangeObserver& DigitalId::follow_registry(registry::ChangeObserver* next) {
  state_->life.emplace(next);
  state_->life->follow(state_->accounts);
  return *state_->life;
}

void DigitalId::add_api_routes(http::Router& router) {
  identity::oidc::add_token_routes(router, state_->provider);
  identity::oidc::add_authorization_routes(router, state_->provider);
  identity::oidc::add_phone_routes(router, state_->provider);
  identity::oidc::add_client_routes(router,
                                    {.provider = state_->provider, .registry = *state_->core.registry});
}

void DigitalId::add_page_routes(http::Router& router, const portal::Site& site,
                                const regime::ExplainContext& explain,
                                std::function<std::shared_ptr<const regime::NumberedLaw>()> law,
                                const identity::web::Doors& doors) {
  state_->web.emplace(identity::web::Web{
      .site = site,
      .db = *state_->core.database,
      .accounts = state_->accounts,
      .sign_in = state_->sign_in,
      .enrolling = state_->enrolling,
      .provider = state_->provider,
      .party = state_->party,
      .explain = explain,
      .law = std::move(law),
      .url = state_->url,
      .cards = state_->card_door ? &*state_->card_door : nullptr,
      .outbox = state_->core.configuration.synthetic ? state_->drop : std::filesystem::path{},
      .doors = doors});
  state_->pages = std::make_unique<identity::web::Pages>(*state_->web);
  state_->pages->add_routes(router);
}
bool DigitalId::add_card_routes(http::Router& router) {
  if (state_->card_door) state_->pages->add_card_routes(router);
  return state_->card_door.has_value();
}
const identity::web::Web& DigitalId::pages() const {
  return *state_->web;
}

Result<void> DigitalId::start() {
  while (true) {  // deaths that were recorded while nobody followed
    DAYAQ_TRY(const int closed, state_->core.database->write([&](store::Session& session) {
      return identity::close_deceased(session, state_->accounts, state_->core.clock.now(), sweep_rows);
    }));
    if (closed == 0) break;
  }
  DAYAQ_TRY_OK(state_->outbox.start());
  return state_->back_channel.start();
}

void DigitalId::tick() {
  State& state = *state_;
  const Instant now = state.core.clock.now();
  store::Database& db = *state.core.database;
  const std::int64_t bucket = state.ticks % registry::buckets;
  report("expired sessions could not be swept", db.write([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(state.sessions.sweep(session, now, sweep_rows));
    DAYAQ_TRY_OK(state.sign_in.sweep(session, now, sweep_rows));
    DAYAQ_TRY_OK(identity::sweep_recoveries(session, now, sweep_rows));
    DAYAQ_TRY_OK(identity::sweep_activations(session, now, sweep_rows));
    DAYAQ_TRY_OK(identity::oidc::sweep_authorization(session, now, sweep_rows));
    return identity::oidc::sweep_tokens(session, state.provider, now, bucket);
  }));
  if (++state.ticks % rotate_every_s == 0) {
    const auto rotated = state.keys.rotate(now, state.core.random);
    if (!rotated) log::error("identity.keys", "signing keys could not be rotated", rotated.error());
  }
}

void DigitalId::stop() {
  state_->outbox.stop();
  state_->back_channel.stop();
}

}  // namespace dayaq::node
