#include "services.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "regime/preview.hpp"
#include "services/cases/bulk.hpp"
#include "services/cases/cases_api.hpp"
#include "services/cases/permit_keys_api.hpp"
#include "services/cases/permit_kinds.hpp"
#include "services/cases/services_api.hpp"
#include "services/surge/surge.hpp"
#include "services_facts.hpp"
#include "services_pages.hpp"
#include "services_sms.hpp"

namespace dayaq::node {
namespace {

constexpr int rows_at_once = 200;     // of one transaction of background work
constexpr int transactions_max = 20;  // of one kind of work a second

void report(std::string_view what, const Error& error) {
  log::error("services.background", what, error);
}

SipKey key_of_numbers(const crypto::MasterKey& master) {
  const crypto::SecretBytes key = master.derive("cases: numbers");
  return sip_key(std::span<const std::byte, 16>(key.view().data(), 16));
}

services::surge::Surge::Queues queues_of(double admitted_a_second) {
  services::surge::Surge::Queues out;
  out.services.rate_max = admitted_a_second;
  out.services.rate_min = std::min(out.services.rate_min, admitted_a_second / 2);
  // What comes at once on a quiet day finds the door open; a flood finds out within a second or two how much
  // is too much.
  out.services.begin = 0.5;
  return out;
}

}  // namespace

struct Services::State {
  Core& core;
  DigitalId& digital_id;
  const regime::FileContext& files;
  const regime::GrantKeeper& keeper;
  registry::RegistryStore persons;
  IndexFacts facts;
  MessageNotifier notifier;
  std::unique_ptr<crypto::MasterKey> master;  // where it is doesn't change: keys refers to it
  std::unique_ptr<services::PermitKeys> keys;
  services::ServiceBook book;
  services::PermitKinds kinds;
  services::Cases cases;
  std::unique_ptr<services::surge::Surge> surge;
  std::unique_ptr<ServicesPages> pages;
  std::unique_ptr<ServicesSms> sms;
  std::filesystem::path key_file;   ///< of the first key that signs permits
  std::uint64_t moved_edition = 0;  ///< all cases that could move to a version of it have; the timer's alone

  State(Core& of, DigitalId& ids, const regime::FileContext& context, const regime::GrantKeeper& index,
        std::unique_ptr<crypto::MasterKey> of_folder, std::unique_ptr<services::PermitKeys> of_permits)
      : core(of),
        digital_id(ids),
        files(context),
        keeper(index),
        persons(*core.catalogue),
        facts(keeper, persons),
        master(std::move(of_folder)),
        keys(std::move(of_permits)),
        book(files, *core.log),
        kinds(book),
        cases({.db = *core.database,
               .book = book,
               .country = core.country,
               .facts = facts,
               .notifier = &notifier,
               .log = *core.log,
               .issuer = keys->issuer(),
               .kind_number = [this](std::string_view kind) { return kinds.number(kind); },
               .numbers = key_of_numbers(*master),
               .document =
                   [this](store::Session& session, PersonId person, const services::Field& field,
                          const std::string& answer) {
                     return pages->check_document(session, person, field, answer);
                   },
               .person_behind = person_behind,
               .changed = [this](store::Session& session, const services::Case& before,
                                 const services::Case& after,
                                 Instant now) { return pages->case_changed(session, before, after, now); }}) {
  }

  /// Runs `work` (rows at most -> rows done) until there is nothing left, or for long enough. True if nothing
  /// is left.
  template <class F>
  Result<bool> until_done(F&& work) {
    for (int i = 0; i < transactions_max; ++i) {
      DAYAQ_TRY(const int done, core.database->write([&](store::Session& session) -> Result<int> {
        return work(session, rows_at_once);
      }));
      if (done < rows_at_once) return true;
    }
    return false;
  }
  void do_deadlines(Instant now);
};

/// All that is due; if something among it can't be done, one by one, so that it alone is left out.
void Services::State::do_deadlines(Instant now) {
  const auto done =
      until_done([&](store::Session& session, int rows) { return cases.do_due(session, now, rows); });
  if (done || done.error().kind == ErrorKind::unavailable) return;
  report("deadlines could not be done together", done.error());
  for (int i = 0; i < rows_at_once; ++i) {
    const auto one =
        core.database->write([&](store::Session& session) { return cases.do_due(session, now, 1); });
    if (one && *one == 0) return;
    if (one) continue;
    report("a case's deadline could not be done", one.error());
    const auto later =
        core.database->write([&](store::Session& session) { return cases.postpone_due(session, now); });
    if (!later) return report("a case's deadline could not be put off", later.error());
  }
}

Services::Services(std::unique_ptr<State> state) : state_(std::move(state)) {}
Services::~Services() = default;

Result<std::unique_ptr<Services>> Services::open(Core& core, DigitalId& digital_id,
                                                 const regime::FileContext& files,
                                                 regime::GrantKeeper& keeper,
                                                 const ServicesOptions& options) {
  DAYAQ_TRY(crypto::MasterKey read, read_master_key(options.data, core.random));
  auto master = std::make_unique<crypto::MasterKey>(std::move(read));
  // The first key is the folder's; from then on the database has them all.
  std::optional<crypto::SigningKey> first;
  DAYAQ_TRY(const bool none, services::PermitKeys::is_empty(*core.database));
  if (none) {
    DAYAQ_TRY(first, read_permit_key(options.data, core.random));
  }
  DAYAQ_TRY(auto keys, services::PermitKeys::open({.db = *core.database,
                                                   .log = *core.log,
                                                   .master = *master,
                                                   .random = core.random,
                                                   .rotate_every = core.configuration.permit_keys_rotate},
                                                  std::move(first), core.clock.now()));
  auto state = std::make_unique<State>(core, digital_id, files, keeper, std::move(master), std::move(keys));
  state->key_file = options.data / "keys" / "permits.pem";
  DAYAQ_TRY(state->pages, ServicesPages::open(core, options.data, options.country));
  DAYAQ_TRY_OK(core.database->read([&](store::Session& session) { return state->book.load(session); }));
  state->book.know({.regimes = options.regimes, .calendars = [pages = state->pages.get()] {
                      std::vector<std::string> out;
                      for (const auto& calendar : pages->calendars().all()) out.push_back(calendar.code);
                      return out;
                    }});
  core.database->add_hook(state->book);
  DAYAQ_TRY(state->sms, ServicesSms::open(core, digital_id.accounts(), state->cases, state->book,
                                          state->pages->calendars(), options.data));
  state->notifier.set(state->sms->notices());
  DAYAQ_TRY(state->surge, services::surge::Surge::open(options.data, core.random, core.clock, options.secure,
                                                       queues_of(core.configuration.admitted_a_second)));
  return std::unique_ptr<Services>(new Services(std::move(state)));
}

services::Cases& Services::cases() {
  return state_->cases;
}
services::ServiceBook& Services::book() {
  return state_->book;
}

identity::web::Doors Services::doors() {
  return {.sign_in = &state_->surge->sign_in_door(), .clients = &state_->surge->clients_door()};
}

void Services::add_api_routes(http::Router& router) {
  State& state = *state_;
  services::add_case_routes(router, {.cases = state.cases, .registry = *state.core.registry});
  services::add_service_routes(
      router, {.db = *state.core.database,
               .book = state.book,
               .files = state.files,
               .organisation_code =
                   [&core = state.core](registry::OrganisationIndex index) {
                     return core.organisations->at(index)->code;
                   },
               .count =
                   [&state](const regime::Regime& draft) {
                     const Instant now = state.core.clock.now();
                     return state.keeper.live().read_long([&](const regime::LiveState& live) {
                       return regime::preview_draft(live.at(now, regime::statuses_of(draft, live.law->law)),
                                                    draft, live.law->law, {});
                     });
                   },
               .clock = state.core.clock});
  state.sms->add_routes(router);
  services::add_permit_key_routes(router, {.keys = *state.keys, .clock = state.core.clock});
}

void Services::add_page_routes(http::Router& router, const identity::web::Web& pages) {
  state_->pages->add_routes(router, pages, state_->cases, state_->book, *state_->surge, *state_->keys,
                            state_->sms->notices());
}

void Services::adopt_bodies_of(const http::Spool& spool) {
  state_->pages->attachments().set_adopt([&spool](BytesView content, const std::filesystem::path& target) {
    return spool.adopt(as_text(content), target);
  });
}

void Services::add_metrics(http::Metrics& metrics) const {
  state_->sms->add_metrics(metrics);
}

Result<void> Services::start() {
  State& state = *state_;
  DAYAQ_TRY_OK(state.keys->start(state.core.clock.now()));
  std::error_code gone;
  std::filesystem::remove(state.key_file, gone);  // it is in the database, sealed
  return state_->sms->start();
}

void Services::tick() {
  State& state = *state_;
  const Instant now = state.core.clock.now();
  if (const auto kept = state.surge->save(); !kept)
    report("places in the queue could not be kept", kept.error());
  state.do_deadlines(now);
  state.pages->tick();
  state.sms->tick();
  for (int i = 0; i < transactions_max; ++i) {
    const auto more = state.keys->tick(state.cases, now, rows_at_once);
    if (!more) report("keys of permits could not be looked after", more.error());
    if (!more || !*more) break;
  }
  const auto ended = state.until_done(
      [&](store::Session& session, int rows) { return state.cases.end_with_regimes(session, now, rows); });
  if (!ended) report("permits could not be ended with their regime", ended.error());
  // Employers' lists, piece by piece: no more in one tick than leaves room for everybody else.
  if (const auto listed = services::work_lists(*state.core.database, state.cases, state.core.clock, 2000);
      !listed) {
    report("an employer's list could not be submitted", listed.error());
  }
  const std::uint64_t edition = state.book.published()->edition;
  if (edition == state.moved_edition) return;
  const auto moved = state.until_done(
      [&](store::Session& session, int rows) { return state.cases.move_versions(session, now, rows); });
  if (!moved) return report("cases could not be moved to a new version of their service", moved.error());
  if (*moved) state.moved_edition = edition;
}

void Services::stop() {
  state_->sms->stop();
  state_->pages->stop();
  if (const auto kept = state_->surge->save(); !kept) {
    report("places in the queue could not be kept", kept.error());
  }
}

}  // namespace dayaq::node
