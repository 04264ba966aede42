#include "services_sms.hpp"

#include <chrono>
#include <cstdint>
#include <string>

#include "base/log.hpp"
#include "services/sms/api.hpp"
#include "services/sms/inbox.hpp"
#include "services/sms/sender.hpp"
#include "services_facts.hpp"

namespace dayaq::node {
namespace {

namespace sms = services::sms;

constexpr std::int64_t remind_every_s = 60;
constexpr std::chrono::hours remembered{48};  ///< a gateway tries again for less

}  // namespace

struct ServicesSms::State {
  Core& core;
  crypto::MasterKey master;
  std::unique_ptr<sms::Gateway> gateway;
  sms::Sender sender;
  sms::Inbox inbox;
  sms::Notices notices;
  sms::Reminders reminders;
  std::int64_t ticks = 0;

  State(Core& of, const identity::Accounts& accounts, services::Cases& cases,
        const services::ServiceBook& book, const services::booking::Calendars& calendars,
        crypto::MasterKey key, std::unique_ptr<sms::Gateway> way)
      : core(of),
        master(std::move(key)),
        gateway(std::move(way)),
        sender(*core.database, *gateway, master, core.clock),
        inbox({.db = *core.database,
               .cases = cases,
               .book = book,
               .country = core.country,
               .persons = core.registry->secret,
               .master = master,
               .random = core.random,
               .room = [this](std::size_t before) { return sender.room(before); }},
              [this](std::vector<sms::Outgoing> replies) { sender.deliver(std::move(replies)); }),
        notices({.db = *core.database,
                 .master = master,
                 .random = core.random,
                 .receiver = [&accounts](store::Session& session, PersonId person,
                                         Instant now) { return receiver_of(session, accounts, person, now); },
                 .on = !core.configuration.sms || core.configuration.sms->notices},
                [this](std::vector<sms::Outgoing> replies) { sender.deliver(std::move(replies)); }),
        reminders(notices, cases, calendars) {}
};

ServicesSms::ServicesSms(std::unique_ptr<State> state) : state_(std::move(state)) {}
ServicesSms::~ServicesSms() = default;

Result<std::unique_ptr<ServicesSms>> ServicesSms::open(Core& core, const identity::Accounts& accounts,
                                                       services::Cases& cases,
                                                       const services::ServiceBook& book,
                                                       const services::booking::Calendars& calendars,
                                                       const std::filesystem::path& data) {
  DAYAQ_TRY(crypto::MasterKey master, read_master_key(data, core.random));
  std::unique_ptr<sms::Gateway> gateway;
  if (const auto& settings = core.configuration.sms) {
    DAYAQ_TRY(gateway, sms::make_kannel({.url = settings->kannel_url,
                                         .user = "dayaq",
                                         .secret = settings->secret,
                                         .number = settings->number}));
  } else {
    gateway = sms::make_file_drop(data / "outbox");
  }
  auto state =
      std::make_unique<State>(core, accounts, cases, book, calendars, std::move(master), std::move(gateway));
  core.database->add_hook(state->inbox);
  core.database->add_hook(state->notices);
  return std::unique_ptr<ServicesSms>(new ServicesSms(std::move(state)));
}

services::sms::Notices& ServicesSms::notices() {
  return state_->notices;
}

void ServicesSms::add_routes(http::Router& router) {
  State& state = *state_;
  const auto& settings = state.core.configuration.sms;
  sms::add_door(router, {.db = *state.core.database,
                         .inbox = state.inbox,
                         .clock = state.core.clock,
                         .secret = settings ? settings->secret : std::string(),
                         .addresses = settings ? settings->addresses : std::vector<std::string>()});
}

void ServicesSms::add_metrics(http::Metrics& metrics) const {
  const State* state = state_.get();
  for (std::size_t i = 0; i < sms::outcomes.size(); ++i) {
    metrics.counter_from("dayaq_sms_messages_total", "Messages taken, by what became of them",
                         [state, i] { return double(state->inbox.taken(i)); },
                         {{"outcome", std::string(sms::outcomes.at(i))}});
  }
  using Figures = sms::Sender::Figures;
  const auto count = [&](const char* end, std::uint64_t Figures::* of) {
    metrics.counter_from("dayaq_sms_answers_total",
                         "Answers that the gateway took, of those the ones that it may have had before, "
                         "attempts that failed, and "
                         "answers dropped because they came too late",
                         [state, of] { return double(state->sender.figures().*of); }, {{"end", end}});
  };
  count("sent", &Figures::sent);
  count("doubled", &Figures::doubled);
  count("failed", &Figures::failed);
  count("late", &Figures::late);
  metrics.gauge("dayaq_sms_held", "Answers that wait in memory for their turn",
                [state] { return double(state->sender.figures().held); });
  metrics.gauge("dayaq_sms_sending", "Answers in the gateway's hands, or not yet stored as taken by it",
                [state] { return double(state->sender.figures().sending); });
}

Result<void> ServicesSms::start() {
  return state_->sender.start();
}

void ServicesSms::tick() {
  State& state = *state_;
  const std::int64_t bucket = state.ticks++ % registry::buckets;
  const Instant before = state.core.clock.now() - remembered;
  const auto swept = state.core.database->write([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(state.notices.sweep(session, bucket, before));
    return state.inbox.sweep(session, bucket, before);
  });
  if (!swept) log::error("services.background", "old messages could not be forgotten", swept.error());
  if (state.ticks % remind_every_s != 0) return;
  const auto forgotten = state.core.database->write(
      [&](store::Session& session) { return state.notices.sweep(session, state.core.clock.now()); });
  if (!forgotten) log::error("services.background", "old notices could not be forgotten", forgotten.error());
  const auto reminded = state.reminders.remind(state.core.clock.now());
  if (!reminded) log::error("services.background", "reminders could not be sent", reminded.error());
}

void ServicesSms::stop() {
  state_->sender.stop();
}

}  // namespace dayaq::node
