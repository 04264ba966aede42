#include "edge/settler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.hpp"
#include "edge/centre_access.hpp"

namespace dayaq::edge {
namespace {

using Answer = SettlementCentre::Answer;

class HttpCentre final : public SettlementCentre {
 public:
  HttpCentre(http::Client client, CentreAccess* access) : client_(std::move(client), access) {}

  Answer send(BytesView batch) override {
    const auto reply = client_.request(http::Method::post, "/v1/settlements", as_text(batch),
                                       {{"Content-Type", "application/vnd.dayaq.settlement"}});
    if (!reply) return {.what = Answer::What::away, .why = std::string(reply.error().code)};
    if (reply->status == 200 || reply->status == 201) return {.what = Answer::What::confirmed};
    const std::string why = fmt::format("{} {}", reply->status, reply->body.substr(0, 500));
    if (reply->status >= 500 || reply->status == 408) {
      return {.what = Answer::What::away, .why = why};
    }
    const std::string_view next = reply->header("Dayaq-Settlement-Next");
    Answer answer{.what = Answer::What::refused, .why = why};
    const auto [end, error] = std::from_chars(next.data(), next.data() + next.size(), answer.next);
    if (reply->status == 409 && error == std::errc() && end == next.data() + next.size() && answer.next > 0) {
      answer.what = Answer::What::gap;
    }
    return answer;
  }

 private:
  CentreClient client_;
};

}  // namespace

Result<std::unique_ptr<SettlementCentre>> http_settlement_centre(const HttpCentreOptions& options) {
  // Short enough that the edge can be stopped, long enough for a centre that has much to do.
  DAYAQ_TRY(auto client, http::Client::create(options.url, {.connect_timeout = std::chrono::seconds(5),
                                                            .answer_timeout = std::chrono::seconds(20),
                                                            .body_max = 64u << 10,
                                                            .tls_authority = options.tls_authority,
                                                            .bearer_token = options.token}));
  return std::make_unique<HttpCentre>(std::move(client), options.access);
}

Settler::Settler(const SettlerOptions& options, crypto::SigningKey key, const Parts& parts, Zone zone,
                 SettlementFolder folder)
    : options_(options),
      key_(std::move(key)),
      parts_(parts),
      zone_(zone),
      days_(std::move(zone)),
      folder_(std::move(folder)),
      read_(folder_.last_record()),
      base_(read_) {}

Result<std::unique_ptr<Settler>> Settler::open(const SettlerOptions& options, crypto::SigningKey key,
                                               const Parts& parts) {
  DAYAQ_TRY(Zone zone, Zone::create(options.zone));
  feed::Settlement identity;
  identity.operator_code = options.operator_code;
  identity.edge = options.edge;
  DAYAQ_TRY(SettlementFolder folder,
            SettlementFolder::open(options.folder / "settlement", identity, key.public_key()));
  const std::uint64_t settled = folder.last_record();
  const std::uint64_t first = parts.journal.first_kept();
  if (settled > parts.journal.durable() || first > settled + 1) {
    return fail(
        ErrorKind::conflict, "settler.journal",
        "The usage journal and the settlement batches don't belong together. Put both back from the same "
        "backup, or settle from the operator's own records and enrol this edge under a new name.",
        fmt::format("settled through {}, journal {} to {}", settled, first, parts.journal.durable()));
  }
  std::unique_ptr<Settler> settler(
      new Settler(options, std::move(key), parts, std::move(zone), std::move(folder)));
  {
    const std::lock_guard lock(parts.engine.mutex);
    parts.engine.settled_through(settled);
  }
  settler->publish({});
  return settler;
}

Settler::~Settler() {
  stop();
}

void Settler::start() {
  DAYAQ_ASSERT(!thread_.joinable());
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Settler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Settler::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Settler::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
    lock.unlock();
    step();
    lock.lock();
  }
}

void Settler::step() {
  const Instant now = parts_.clock.now();
  // A batch counts by one list of resources.
  if (!sums_.empty() && listed() != resources_ && !make_batch(now)) return send_waiting(now);
  std::uint64_t before = 0;
  do {
    before = read_;
    collect(now);
    if (due(now) && !make_batch(now)) break;
  } while (read_ != before && read_ < parts_.journal.durable() && !stopping());
  send_waiting(now);
}

void Settler::close() {
  const Instant now = parts_.clock.now();
  collect(now);
  if (!sums_.empty()) (void)make_batch(now);
  send_waiting(now);
}

/// Reads on from where it stands, until the journal's end or until the batch must be closed.
void Settler::collect(Instant now) {
  if (full_) return;
  std::uint64_t implausible = 0;
  const auto done = parts_.journal.read(read_, [&](std::uint64_t number, const Record& record) {
    switch (sums_.add(record, days_)) {
      case SettlementSums::Added::full:
        full_ = true;
        return false;
      case SettlementSums::Added::implausible:
        log::error("settler.implausible", "a report of more use than can be was not settled",
                   {{"record", number}, {"measure", record.measure}});
        ++implausible;
        break;
      case SettlementSums::Added::counted:
      case SettlementSums::Added::skipped:
        break;
    }
    if (opened_ == instant_max && !sums_.empty()) {
      opened_ = now;
      resources_ = listed();
    }
    read_ = number;
    if (sums_.empty()) base_ = number;
    full_ = number - base_ >= options_.batch_records;
    return !full_;
  });
  if (implausible > 0) {
    const std::lock_guard lock(mutex_);
    state_.implausible += implausible;
  }
  if (!done) put_off(now, std::string(done.error().code), true);
}

std::uint32_t Settler::listed() const {
  return options_.resources ? options_.resources() : 0;
}

bool Settler::due(Instant now) {
  if (sums_.empty()) return false;   // what was read isn't settled: the next batch spans it
  if (now < opened_) opened_ = now;  // the clock was put back
  return full_ || now - opened_ >= options_.batch_every || zone_.day_of(now) != zone_.day_of(opened_);
}

bool Settler::make_batch(Instant now) {
  feed::Settlement batch{.operator_code = options_.operator_code,
                         .edge = options_.edge,
                         .number = folder_.last_number() + 1,
                         .created = now,
                         .first_record = folder_.last_record() + 1,
                         .last_record = read_,
                         .resources_version = resources_,
                         .lines = {}};
  {
    const std::lock_guard lock(parts_.engine.mutex);
    batch.lines = sums_.lines(parts_.replica, parts_.services);
  }
  if (const auto added = folder_.add(batch, feed::encode(batch, key_)); !added) {
    put_off(now, std::string(added.error().code), true);  // the sums stay, and it is tried again
    return false;
  }
  sums_.clear();
  base_ = read_;
  full_ = false;
  opened_ = instant_max;
  {
    const std::lock_guard lock(parts_.engine.mutex);
    parts_.engine.settled_through(batch.last_record);
  }
  log::info("settler.batch", "a settlement batch was made",
            {{"number", batch.number}, {"lines", batch.lines.size()}, {"record", batch.last_record}});
  publish(state().trouble);
  return true;
}

void Settler::send_waiting(Instant now) {
  if (next_try_ > now + options_.retry_most) next_try_ = now;  // the clock was put back
  if (now < next_try_) return;
  went_back_ = false;
  while (!stopping()) {
    const auto* first = folder_.first_waiting();
    if (first == nullptr) break;
    const std::uint64_t number = first->number;
    const auto bytes = folder_.read(number);
    if (!bytes) {
      put_off(now, std::string(bytes.error().code), true);
      return;
    }
    if (!take_answer(parts_.centre.send(*bytes), number, now)) return;
  }
  folder_.prune(now - options_.keep);
}

/// True if the next may be sent at once.
bool Settler::take_answer(const Answer& answer, std::uint64_t number, Instant now) {
  if (answer.what == Answer::What::away || answer.what == Answer::What::refused) {
    put_off(now, answer.why, answer.what == Answer::What::refused);
    return false;
  }
  if (answer.what == Answer::What::gap) return go_back(answer, number, now);
  if (const auto done = folder_.confirm(number); !done) {
    put_off(now, std::string(done.error().code), true);
    return false;
  }
  if (pause_ > std::chrono::seconds(0)) log::info("settler.back", "the centre takes settlements again");
  pause_ = std::chrono::seconds(0);
  next_try_ = instant_min;
  alarmed_.clear();
  {
    const std::lock_guard lock(mutex_);
    state_.failures = 0;
    state_.last_confirmed = now;
  }
  publish({});
  return true;
}

/// The centre has lost batches that it had confirmed. Backwards only, once a turn, and only to what is kept:
/// anything else is for a person to look at.
bool Settler::go_back(const Answer& answer, std::uint64_t number, Instant now) {
  if (answer.next >= number || went_back_ || !folder_.confirm(answer.next - 1)) {
    put_off(now, "the centre wants another number: " + answer.why, true);
    return false;
  }
  went_back_ = true;
  log::warning("settler.again", "the centre has lost settlement batches and gets them again",
               {{"from", answer.next}, {"number", number}});
  return true;
}

void Settler::put_off(Instant now, std::string why, bool alarm) {
  pause_ = std::clamp(pause_ * 2, options_.retry_first, options_.retry_most);
  next_try_ = now + pause_;
  if (why != alarmed_) {  // once, not with each try
    if (alarm) {
      log::error("settler.trouble", "usage can't be settled", {{"why", why}});
    } else {
      log::warning("settler.away", "the centre doesn't take settlements; batches wait on disk",
                   {{"why", why}});
    }
    alarmed_ = why;
  }
  {
    const std::lock_guard lock(mutex_);
    state_.failures += 1;
  }
  publish(std::move(why));
}

void Settler::publish(std::string trouble) {
  const auto* first = folder_.first_waiting();
  const std::lock_guard lock(mutex_);
  state_.number = folder_.last_number();
  state_.confirmed = folder_.confirmed();
  state_.waiting = folder_.waiting();
  state_.waiting_since = first == nullptr ? instant_max : first->created;
  state_.record = folder_.last_record();
  state_.trouble = std::move(trouble);
}

Settler::State Settler::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace dayaq::edge
