#include "node.hpp"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "audit/api.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "core.hpp"
#include "digital_id.hpp"
#include "feed_key.hpp"
#include "http/operational.hpp"
#include "node_state.hpp"
#include "ports.hpp"
#include "regime/api.hpp"
#include "regime/grants_api.hpp"
#include "regime/law_directory.hpp"
#include "registry/api.hpp"
#include "registry/api_key.hpp"
#include "services.hpp"
#include "settlement/api.hpp"

namespace dayaq::node {
namespace {

/// Moves the index on with time, and saves it now and then, on a thread of its own.
class Timer {
 public:
  Timer(std::function<void()> second, std::function<void()> minute, std::function<void()> save)
      : second_(std::move(second)), minute_(std::move(minute)), save_(std::move(save)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Timer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_one();
    thread_.join();
  }

 private:
  void run() {
    constexpr int save_every = 15 * 60;
    std::unique_lock lock(mutex_);
    for (int seconds = 1; !stop_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; });
         ++seconds) {
      lock.unlock();
      second_();
      if (seconds % 60 == 0) minute_();
      if (seconds % save_every == 0) save_();
      lock.lock();
    }
  }
  std::function<void()> second_, minute_, save_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The law with its measures' numbers, as committed.
std::shared_ptr<const regime::NumberedLaw> law_of(const regime::GrantKeeper& keeper) {
  return keeper.live().read([](const regime::LiveState& state) { return state.law; });
}

/// Who signs settlements: the enrolled edges. One that has ended may still have batches on its way; its key
/// alone, without the operator's token, lets nobody send them.
class EnrolledKeys final : public settlement::EdgeKeys {
 public:
  EnrolledKeys(const regime::EdgeBook& book, const registry::OrganisationDirectory& organisations)
      : book_(book), organisations_(organisations) {}
  [[nodiscard]] std::vector<crypto::PublicKey> keys_of(std::string_view operator_code,
                                                       std::string_view edge) const override {
    const auto provider = organisations_.find(operator_code);
    const auto found = provider ? book_.find(*provider, edge) : std::nullopt;
    return found ? std::vector{found->key} : std::vector<crypto::PublicKey>{};
  }

 private:
  const regime::EdgeBook& book_;
  const registry::OrganisationDirectory& organisations_;
};

}  // namespace

struct Node::State {
  std::filesystem::path data;
  FileLock lock;
  regime::TrafficCatalogue traffic;
  regime::StatusWording wording;
  std::unique_ptr<Core> core;
  std::optional<regime::FileContext> files;
  std::optional<regime::LawJsonContext> names;
  std::unique_ptr<regime::Lawbook> book;
  std::unique_ptr<registry::KeyRing> keys;
  std::unique_ptr<regime::GrantKeeper> keeper;
  regime::EdgeBook edges;
  std::optional<regime::ResourceList> resources;
  settlement::Recent recent;
  std::optional<EnrolledKeys> edge_keys;
  std::optional<regime::ExplainContext> explain;
  std::unique_ptr<DigitalId> digital_id;
  std::unique_ptr<Services> services;
  std::unique_ptr<Pages> pages;
  std::unique_ptr<Timer> timer;

  explicit State(FileLock held) : lock(std::move(held)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  /// The timer first, then the database, whose writer thread calls the hooks.
  ~State() {
    timer.reset();
    if (services) services->stop();
    if (digital_id) digital_id->stop();
    if (core) core->database.reset();
  }

  /// How far the edges have come, so that a restart knows who was heard when.
  void save_edges() {
    if (const auto done = edges.save(*core->database); !done) {
      log::error("edges.save", "how far the edges have come could not be written", done.error());
    }
  }

  [[nodiscard]] NodeParts parts() {
    return {.core = *core,
            .zone = core->country.zone(),
            .traffic = traffic,
            .files = *files,
            .names = *names,
            .book = *book,
            .keeper = keeper.get(),
            .edges = edges,
            .recent = recent};
  }
};

Result<void> Node::open_digital_id(State& state, const NodeOptions& options) {
  Core& core = *state.core;
  const std::string& configured = core.configuration.url;
  DAYAQ_TRY(state.digital_id, DigitalId::open(core, *state.keys, state.edges,
                                              {.data = options.data,
                                               .url = !options.url.empty()  ? options.url
                                                      : !configured.empty() ? configured
                                                                            : options.otherwise_url}));
  core.observer.set(&state.digital_id->follow_registry(state.keeper.get()));
  state.explain.emplace(regime::ExplainContext{
      .country = core.country,
      .wording = state.wording,
      .zone = core.country.zone(),
      .organisation_name =
          [&core](registry::OrganisationIndex index) { return core.organisations->at(index)->name; },
      .issuers =
          [&core](registry::StatusIndex status) {
            std::vector<registry::OrganisationIndex> out;
            for (std::size_t i = 0; i < core.organisations->size(); ++i) {
              const auto index = registry::OrganisationIndex(i);
              if (core.organisations->may_issue(index, status)) out.push_back(index);
            }
            return out;
          }});
  return {};
}

Node::Node(std::unique_ptr<State> state) : state_(std::move(state)) {}
Node::~Node() = default;

Result<void> Node::create(const CreateOptions& options) {
  SystemRandom random;
  DAYAQ_TRY_OK(create_folder(options.data, options.database, options.origin, options.synthetic, random));
  DAYAQ_TRY(const auto core, Core::open(options.data, options.country));
  core->database->add_hook(*core->log);
  return core->database->write([&](store::Session& session) -> Result<void> {
    for (const registry::Organisation& organisation : core->country.organisations()) {
      DAYAQ_TRY_OK(registry::record_organisation(session, *core->registry, organisation, "system"));
    }
    return {};
  });
}

Result<std::unique_ptr<Node>> Node::open(const NodeOptions& options) {
  DAYAQ_TRY_OK(read_configuration(options.data));
  DAYAQ_TRY(FileLock lock, FileLock::acquire(options.data / "lock"));
  auto state = std::make_unique<State>(std::move(lock));
  state->data = options.data;
  DAYAQ_TRY(state->core, Core::open(options.data, options.country));
  Core& core = *state->core;
  DAYAQ_TRY(state->traffic, regime::TrafficCatalogue::load(options.country));
  DAYAQ_TRY(state->wording, regime::StatusWording::load(core.country));
  state->files.emplace(regime::FileContext{.country = core.country,
                                           .traffic = state->traffic,
                                           .zone = core.country.zone(),
                                           .providers = regime::provider_names(*core.organisations)});
  state->names.emplace(regime::law_json_context(core.country, state->wording, *core.organisations));
  state->book = std::make_unique<regime::Lawbook>(*state->files, *core.log);
  state->keys = std::make_unique<registry::KeyRing>(*core.organisations, core.clock);
  const auto done = core.database->read([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(state->keys->load(session));
    DAYAQ_TRY_OK(state->edges.load(session));
    return state->book->load(session);
  });
  DAYAQ_TRY_OK(done);
  core.database->add_hook(*state->keys);
  core.database->add_hook(*state->book);
  core.database->add_hook(state->edges);
  if (options.index) {
    const registry::RegistryStore store(*core.catalogue);
    DAYAQ_TRY(state->keeper, regime::GrantKeeper::open({.db = *core.database,
                                                        .country = core.country,
                                                        .registry = store,
                                                        .organisations = *core.organisations,
                                                        .clock = core.clock,
                                                        .random = core.random,
                                                        .signer = *core.feed_signer,
                                                        .snapshot = options.data / "index.snapshot",
                                                        .log = core.log.get()},
                                                       state->book->law()));
    core.database->add_hook(*state->keeper);
    core.observer.set(state->keeper.get());
    state->book->add_observer(*state->keeper);
  }
  if (options.index) {
    DAYAQ_TRY(state->resources, regime::ResourceList::publish(*core.database, state->traffic,
                                                              *core.feed_signer, core.clock.now()));
  }
  if (state->keeper) {
    DAYAQ_TRY_OK(open_digital_id(*state, options));
    DAYAQ_TRY(state->services, Services::open(core, *state->digital_id, *state->files, *state->keeper,
                                              {.data = options.data,
                                               .country = options.country,
                                               .secure = state->digital_id->url().secure,
                                               .regimes = [&book = *state->book] {
                                                 std::vector<std::string> out;
                                                 for (const auto& one : book.versions()) {
                                                   out.push_back(one->regime.code.value());
                                                 }
                                                 return out;
                                               }}));
  }
  core.database->add_hook(*core.log);  // last: the other hooks may append entries
  if (state->keeper) DAYAQ_TRY_OK(state->keeper->advance());
  return std::unique_ptr<Node>(new Node(std::move(state)));
}

store::Database& Node::database() {
  return *state_->core->database;
}
const registry::Registry& Node::registry() const {
  return *state_->core->registry;
}
registry::KeyRing& Node::keys() {
  return *state_->keys;
}
const http::Authenticator& Node::authenticator() const {
  if (state_->digital_id) return state_->digital_id->authenticator();
  return *state_->keys;
}
audit::Log& Node::log() {
  return *state_->core->log;
}
regime::Lawbook& Node::lawbook() {
  return *state_->book;
}
regime::GrantKeeper& Node::keeper() {
  return *state_->keeper;
}
const regime::FileContext& Node::files() const {
  return *state_->files;
}
const std::filesystem::path& Node::data() const {
  return state_->data;
}
bool Node::synthetic() const {
  return state_->core->configuration.synthetic;
}

Result<void> Node::make_key(const std::string& name, const OrganisationCode& organisation,
                            const std::vector<http::Scope>& scopes) {
  const auto index = state_->core->organisations->find(organisation.value());
  if (!index) {
    return fail(ErrorKind::not_found, "node.organisation",
                fmt::format("The country pack has no organisation `{}`, for which a key was to be made.",
                            organisation.value()));
  }
  registry::CreateKey request{.organisation = *index, .name = name};
  for (const http::Scope scope : scopes) request.scopes |= 1u << static_cast<unsigned>(scope);
  const registry::KeySecret secret = registry::draw_key_secret(state_->core->random);
  DAYAQ_TRY(const registry::IssuedKey issued, database().write([&](store::Session& session) {
    return registry::create_key(session, registry(), keys(), request, secret, "system");
  }));
  return write_key(data(), name, issued.token);
}

void Node::add_api_routes(http::Router& router) {
  Core& core = *state_->core;
  registry::add_routes(
      router,
      {.db = *core.database, .registry = *core.registry, .keys = *state_->keys, .random = core.random});
  audit::add_routes(router, *core.log, *core.database);
  regime::add_law_routes(router, {.db = *core.database,
                                  .book = *state_->book,
                                  .files = *state_->files,
                                  .names = *state_->names,
                                  .clock = core.clock});
  if (state_->keeper) {
    regime::add_grant_routes(router, {.db = *core.database,
                                      .registry = *core.registry,
                                      .keeper = *state_->keeper,
                                      .edges = state_->edges,
                                      .keys = *state_->keys,
                                      .random = core.random,
                                      .files = *state_->files,
                                      .wording = state_->wording,
                                      .clock = core.clock,
                                      .resources = &*state_->resources,
                                      .feed_keys = [data = data()] { return feed_key_announcements(data); }});
    state_->digital_id->add_api_routes(router);
    state_->services->add_api_routes(router);
    state_->edge_keys.emplace(state_->edges, *core.organisations);
    settlement::add_routes(router, {.db = *core.database,
                                    .registry = *core.registry,
                                    .edges = *state_->edge_keys,
                                    .law = [keeper = state_->keeper.get()] { return law_of(*keeper); },
                                    .clock = core.clock,
                                    .recent = &state_->recent});
  }
}

Result<void> Node::add_page_routes(http::Router& router, http::Metrics& metrics,
                                   const std::filesystem::path& web) {
  const NodeParts parts = state_->parts();
  DAYAQ_TRY(state_->pages, Pages::create(parts, web));
  state_->pages->add_routes(router);
  state_->digital_id->add_page_routes(router, state_->pages->site(), *state_->explain,
                                      [keeper = state_->keeper.get()] { return law_of(*keeper); },
                                      state_->services->doors());
  state_->services->add_page_routes(router, state_->digital_id->pages());
  add_gauges(metrics, parts);
  state_->services->add_metrics(metrics);
  http::add_operational_routes(router, metrics, [parts] { return not_ready(parts); }, DAYAQ_VERSION);
  return {};
}

bool Node::add_card_routes(http::Router& router) {
  return state_->digital_id->add_card_routes(router);
}

std::filesystem::path Node::card_authorities() const {
  const auto& cards = state_->core->configuration.cards;
  return cards ? cards->authorities : std::filesystem::path();
}

void Node::adopt_bodies_of(const http::Spool& spool) {
  state_->services->adopt_bodies_of(spool);
}

Result<std::vector<DemoPerson>> Node::demo_persons() {
  return node::demo_persons(*state_->core, state_->digital_id->accounts());
}

Result<void> Node::start_timers() {
  DAYAQ_TRY_OK(state_->digital_id->start());
  DAYAQ_TRY_OK(state_->services->start());
  state_->timer = std::make_unique<Timer>(
      [this] {
        if (const auto done = state_->keeper->advance(); !done) {
          log::error("keeper.advance", "grants could not be moved on with time", done.error());
        }
        state_->digital_id->tick();
        state_->services->tick();
      },
      [this] { state_->save_edges(); },
      [this] {
        if (const auto done = state_->keeper->save(regime::GrantKeeper::Saving::in_background); !done) {
          log::error("keeper.snapshot", "the index could not be saved", done.error());
        }
        // Edges that were away for longer than this take a snapshot of the feed.
        constexpr auto feed_kept = std::chrono::days(30);
        if (const auto done = state_->keeper->trim_feed(state_->core->clock.now() - feed_kept); !done) {
          log::error("keeper.trim", "old lines of the feed could not be dropped", done.error());
        }
      });
  return {};
}

void Node::let_waiting_go() {
  if (state_->keeper) state_->keeper->hub().let_go();
}

Result<void> Node::save_index() {
  state_->save_edges();
  return state_->keeper ? state_->keeper->save(regime::GrantKeeper::Saving::here) : Result<void>();
}

struct Reader::State {
  std::unique_ptr<Core> core;
  std::string verifier;
};
Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::~Reader() = default;

Result<std::unique_ptr<Reader>> Reader::open(const std::filesystem::path& data,
                                             const std::filesystem::path& country) {
  auto state = std::make_unique<State>();
  DAYAQ_TRY(state->core, Core::open_to_read(data, country));
  DAYAQ_TRY(const crypto::SigningKey key, read_audit_key(data));
  state->verifier = crypto::VerifierKey::of(state->core->configuration.origin, key.public_key()).to_text();
  return std::unique_ptr<Reader>(new Reader(std::move(state)));
}
store::Database& Reader::database() {
  return *state_->core->database;
}
const registry::CountryPack& Reader::country() const {
  return state_->core->country;
}
const registry::OrganisationDirectory& Reader::organisations() const {
  return *state_->core->organisations;
}
const registry::Catalogue& Reader::catalogue() const {
  return *state_->core->catalogue;
}
std::string Reader::audit_verifier() const {
  return state_->verifier;
}

}  // namespace dayaq::node
