#include "services/sms/inbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "services/permit/token.hpp"
#include "services/sms/replies.hpp"
#include "services/sms/script.hpp"
#include "services_sms_schema_sql.hpp"

namespace dayaq::services::sms {
namespace {

constexpr std::chrono::minutes question_lasts{60};  ///< an older question helps nobody
constexpr std::chrono::hours answer_lasts{6};
constexpr std::size_t text_bytes_max = 2'000;  ///< of one part
constexpr char part_mark = '\x1e';
constexpr std::uint64_t positive = (1ull << 63) - 1;

/// A number and what separates it from the next; 0 if there is none.
std::int64_t take_number(std::string_view& rest) {
  std::int64_t out = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  rest.remove_prefix(std::size_t(read.ptr - rest.data()));
  if (!rest.empty()) rest.remove_prefix(1);
  return out;
}

constexpr std::int64_t minute(Instant t) {
  return to_micros(t) / 60'000'000;
}

std::string digits_of(std::string_view number) {
  std::string out;
  for (const char c : number) {
    if (c >= '0' && c <= '9' && out.size() < 20) out += c;
  }
  return out;
}

std::string context_of(std::int64_t bucket, std::int64_t message) {
  return fmt::format("sms|{}|{}", bucket, message);
}

/// How a choice is said in an answer: as short as people write it.
std::string short_answer(const Service& service, const Answers& answers) {
  std::string out;
  for (const Field& field : service.form) {
    const auto given = answers.find(field.code);
    if (given == answers.end()) continue;
    for (const Choice& choice : field.choices) {
      if (choice.code != given->second) continue;
      const std::string& word = choice.words.empty() ? choice.code : choice.words.front();
      out += (out.empty() ? "" : ", ") + word;
    }
  }
  return out;
}

}  // namespace

std::span<const store::Migration> migrations() {
  static constexpr std::array<store::Migration, 2> all{
      {{"sms", 1, sms_schema_sql}, {"sms", 2, sms_queue_sql}}};
  return all;
}

Bytes seal_outgoing(const Outgoing& reply, const crypto::MasterKey& master, Random& random) {
  std::string plain = reply.to;
  for (const std::string& part : reply.parts) {
    plain += part_mark;
    plain += part;
  }
  return master.seal(as_bytes(plain), as_bytes(context_of(reply.bucket, reply.message)), random);
}

std::optional<Outgoing> open_outgoing(std::int64_t bucket, std::int64_t message, BytesView sealed,
                                      const crypto::MasterKey& master) {
  const auto plain = master.open(sealed, as_bytes(context_of(bucket, message)));
  if (!plain) return std::nullopt;
  Outgoing out{.bucket = bucket, .message = message, .to = {}, .parts = {}, .until = instant_max};
  std::string_view rest = as_text(plain->view());
  const std::size_t end = std::min(rest.find(part_mark), rest.size());
  out.to = rest.substr(0, end);
  while (rest.size() > end && rest.find(part_mark) != std::string_view::npos) {
    rest.remove_prefix(rest.find(part_mark) + 1);
    out.parts.emplace_back(rest.substr(0, rest.find(part_mark)));
  }
  return out;
}

Result<void> insert_outgoing(store::Session& session, const Outgoing& reply, const crypto::MasterKey& master,
                             Random& random) {
  const Bytes sealed = seal_outgoing(reply, master, random);
  const auto state = reply.begun ? ReplyState::sending : ReplyState::waits;
  return session.exec(
      "INSERT INTO sms_replies (received, bucket, message_id, state, until_at, doubled, sealed) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {to_micros(reply.received), reply.bucket, reply.message, std::int64_t(state), to_micros(reply.until),
       std::int64_t(reply.doubled ? 1 : 0), BytesView(sealed)});
}

struct Inbox::Prepared {
  std::string from;
  std::int64_t bucket = 0;
  std::int64_t sender = 0;
  std::int64_t message = 0;
  Reading reading;
};

struct Inbox::SenderRow {
  std::int64_t day = 0;
  std::int64_t messages = 0;
  std::int64_t strangers = 0;
  std::int64_t told = 0;
  std::vector<std::uint64_t> persons;
  std::string latest;  ///< "id minute outcome;" of each message that is remembered, the oldest first
  /// What became of it; "" if it isn't known.
  [[nodiscard]] std::string_view outcome_of(std::int64_t message) const {
    for (std::string_view rest = latest; !rest.empty();) {
      const bool same = take_number(rest) == message;
      (void)take_number(rest);
      const std::size_t end = std::min(rest.find(';'), rest.size());
      if (same) return rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
  }
  void forget_before(Instant t) {
    while (!latest.empty()) {
      std::string_view rest = latest;
      (void)take_number(rest);
      if (take_number(rest) >= minute(t)) return;
      latest.erase(0, std::min(latest.find(';'), latest.size() - 1) + 1);
    }
  }
  [[nodiscard]] bool has(PersonId person) const {
    return std::ranges::find(persons, person.value()) != persons.end();
  }
};

struct Inbox::Answer {
  std::string outcome;
  std::vector<std::string> parts;
  Instant until;
  /// Another text after what there is: in one message where both fit together.
  void add(std::string text) {
    if (!parts.empty() && is_gsm7(parts.back()) == is_gsm7(text) &&
        parts.back().size() + text.size() < text_bytes_max) {
      parts.back() += '\n';
      parts.back() += text;
    } else {
      parts.push_back(std::move(text));
    }
  }
  void name(std::string_view what) {
    if (outcome.empty()) outcome = what;
  }
};

Inbox::Inbox(InboxContext context, Deliver deliver) : context_(context), deliver_(std::move(deliver)) {
  const crypto::SecretBytes key = context_.master.derive("sms: senders, messages, cases");
  keys_ = sip_key(std::span<const std::byte, 16>(key.view().data(), 16));
}
Inbox::~Inbox() = default;

std::shared_ptr<const Grammar> Inbox::grammar() {
  const auto published = context_.book.published();
  const std::lock_guard lock(mutex_);
  if (!grammar_ || edition_ != published->edition) {
    std::vector<const Service*> services;
    for (const ServiceHandle& one : published->services) services.push_back(&one->service);
    grammar_ = std::make_shared<const Grammar>(services, context_.country.national_id_rule());
    edition_ = published->edition;
  }
  return grammar_;
}

std::shared_ptr<const Inbox::Prepared> Inbox::prepare(const Incoming& incoming, Instant now) {
  auto out = std::make_shared<Prepared>();
  out->from = digits_of(incoming.from);
  const std::uint64_t sender = siphash(keys_, "from|" + out->from) & positive;
  // Without an id of the gateway's, the same text of the same minute is the same message.
  const std::string key =
      !incoming.id.empty() ? fmt::format("id|{}|{}", out->from, incoming.id)
      : !incoming.sent.empty()
          ? fmt::format("sent|{}|{}|{}", out->from, incoming.sent, incoming.text)
          : fmt::format("at|{}|{}|{}", out->from, to_micros(now) / 60'000'000, incoming.text);
  out->sender = std::int64_t(sender);
  out->bucket = registry::bucket_of(sender);
  out->message = std::int64_t(siphash(keys_, key) & positive);
  out->reading = grammar()->parse(incoming.text, context_.country.zone().day_of(now));
  return out;
}

Result<Inbox::Taken> Inbox::take(const Incoming& incoming, Instant now) {
  const auto prepared = prepare(incoming, now);
  return context_.db.write([&](store::Session& session) { return take(session, *prepared, now); });
}

Result<Inbox::SenderRow> Inbox::sender_row(store::Session& session, const Prepared& message,
                                           std::int64_t today) const {
  SenderRow out{.day = today};
  DAYAQ_TRY_OK(
      session.query("SELECT day, messages, strangers, told, persons, latest FROM sms_senders "
                    "WHERE bucket = $1 AND sender = $2",
                    {message.bucket, message.sender}, [&](const store::Row& row) -> Result<bool> {
                      out.told = row.integer(3);
                      out.latest = row.text(5);
                      if (row.integer(0) != today) return false;
                      out.messages = row.integer(1);
                      out.strangers = row.integer(2);
                      const BytesView persons = row.blob(4);
                      for (std::size_t at = 0; at + 8 <= persons.size(); at += 8) {
                        std::uint64_t id = 0;
                        for (std::size_t i = 8; i-- > 0;)
                          id = id << 8 | std::to_integer<std::uint64_t>(persons[at + i]);
                        out.persons.push_back(id);
                      }
                      return false;
                    }));
  return out;
}

Result<void> Inbox::store_sender(store::Session& session, const Prepared& message,
                                 const SenderRow& sender) const {
  Bytes persons;
  for (const std::uint64_t id : sender.persons) {
    for (unsigned i = 0; i < 8; ++i) persons.push_back(std::byte(id >> (8 * i) & 0xFF));
  }
  return session.exec(
      "INSERT INTO sms_senders (bucket, sender, day, messages, strangers, told, persons, latest) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (bucket, sender) DO UPDATE SET "
      "day = excluded.day, messages = excluded.messages, strangers = excluded.strangers, "
      "told = excluded.told, persons = excluded.persons, latest = excluded.latest",
      {message.bucket, message.sender, sender.day, sender.messages, sender.strangers, sender.told,
       BytesView(persons), std::string_view(sender.latest)});
}

/// Whether there is anything to say.
Result<bool> Inbox::store_reply(store::Session& session, const Prepared& message, Answer reply, Instant now) {
  Outgoing out{.bucket = message.bucket,
               .message = message.message,
               .to = message.from,
               .parts = std::move(reply.parts),
               .until = reply.until,
               .received = now};
  if (out.parts.empty() || out.to.empty()) return false;
  out.begun = context_.room && context_.room(pending_.size());
  DAYAQ_TRY_OK(insert_outgoing(session, out, context_.master, context_.random));
  pending_.push_back(std::move(out));
  return true;
}

Result<Inbox::Taken> Inbox::take(store::Session& session, const Prepared& message, Instant now) {
  const std::int64_t today = context_.country.zone().day_of(now).time_since_epoch().count();
  DAYAQ_TRY(SenderRow sender, sender_row(session, message, today));
  if (const std::string_view known = sender.outcome_of(message.message); !known.empty()) {
    count("repeated");
    return Taken{.outcome = std::string(known), .repeated = true};
  }
  ++sender.messages;
  Answer reply;
  if (sender.messages > context_.limits.messages) {
    reply.outcome = "limited";
    reply.until = now + question_lasts;
    if (now - from_micros(sender.told) >= context_.limits.told_again) {
      sender.told = to_micros(now);
      reply.add(too_many_messages_text(message.reading.language));
    }
  } else {
    DAYAQ_TRY(reply, answer(session, message, sender, now));
  }
  std::string outcome = reply.outcome;
  DAYAQ_TRY(const bool speaks, store_reply(session, message, std::move(reply), now));
  // What nothing is answered to may come again: nothing is answered to it either, and a flood isn't kept.
  if (speaks || outcome != "limited") {
    sender.forget_before(now - context_.limits.remembered);
    sender.latest += fmt::format("{} {} {};", message.message, minute(now), outcome);
  }
  DAYAQ_TRY_OK(store_sender(session, message, sender));
  count(outcome);
  return Taken{.outcome = std::move(outcome), .repeated = false};
}

void Inbox::count(std::string_view outcome) {
  auto found = std::ranges::find(outcomes, outcome);
  if (found == outcomes.end()) found = std::ranges::find(outcomes, "other");
  counted_.push_back(std::uint8_t(found - outcomes.begin()));
}

Result<Inbox::Answer> Inbox::answer(store::Session& session, const Prepared& message, SenderRow& sender,
                                    Instant now) {
  if (const auto* requests = std::get_if<Requests>(&message.reading.says)) {
    return apply_for(session, message, *requests, sender, now);
  }
  if (const auto* said = std::get_if<Command>(&message.reading.says)) {
    return command(session, message, *said, now);
  }
  const Question& question = std::get<Question>(message.reading.says);
  const auto published = context_.book.published();
  ServiceHandle service = published->find(question.service.value());
  for (const ServiceHandle& one : published->services) {
    if (!service && one->service.on(Channel::sms)) service = one;
  }
  Answer out{.outcome = "asked", .parts = {}, .until = now + question_lasts};
  out.add(question_text(message.reading.language, question, service ? &service->service : nullptr));
  return out;
}

Result<Inbox::Answer> Inbox::apply_for(store::Session& session, const Prepared& message,
                                       const Requests& requests, SenderRow& sender, Instant now) {
  Answer out{.outcome = {}, .parts = {}, .until = now + answer_lasts};
  const ServiceHandle handle = context_.book.published()->find(requests.service.value());
  if (!handle || handle->state == ServiceState::suspended) {
    out.outcome = "closed";
    out.add(closed_text(message.reading.language, handle ? handle->suspended_because : LocalizedText{}));
    return out;
  }
  for (const Request& request : requests.of) {
    DAYAQ_TRY_OK(apply_one(session, message, request, handle->service, sender, out, now));
  }
  return out;
}

Result<void> Inbox::apply_one(store::Session& session, const Prepared& message, const Request& request,
                              const Service& service, SenderRow& sender, Answer& out, Instant now) {
  const Language language = message.reading.language;
  const PersonId person =
      registry::derive_person_id(context_.persons, context_.country.code(), request.person);
  const bool theirs = sender.has(person);
  const bool too_many = !theirs && (std::ssize(sender.persons) >= context_.limits.persons ||
                                    sender.strangers >= context_.limits.strangers);
  if (too_many) {
    out.name("limited");
    out.add(too_many_persons_text(language, request.person.text()));
    return {};
  }
  const CaseId id = context_.cases.draw_number(now);
  const auto done = context_.cases.submit(session,
                                          {.id = id,
                                           .person = person,
                                           .service = service.code,
                                           .channel = Channel::sms,
                                           .answers = request.answers,
                                           .actor = "sms",
                                           .notify = false,
                                           .national_id = request.person.text()},
                                          now);
  if (!done)
    return refusal(session, done.error(), message, request, service, person, theirs, sender, out, now);
  if (!theirs) sender.persons.push_back(person.value());
  const Case& stands = done->stands;
  const std::string number = case_number(id);
  if (done->permit) {
    out.name("granted");
    add_permit(out, message, request, service, *done->permit);
  } else if (stands.state == CaseState::granted) {
    out.name("granted");
    out.add(done_text(language, request.person.text(), number));
  } else if (is_open(stands.state)) {
    out.name("received");
    out.add(waiting_text(language, request.person.text(), number, local(stands.promised)));
  } else {
    out.name("refused");
    out.add(refused_text(language, request.person.text()));
  }
  return {};
}

void Inbox::add_permit(Answer& out, const Prepared& message, const Request& request, const Service& service,
                       const Permit& permit) const {
  out.add(granted_text(message.reading.language, request.person.text(),
                       short_answer(service, request.answers), local(permit.valid.until),
                       case_number(permit.case_id)));
  out.add(permit::sms_text(as_bytes(permit.token)));
  out.until = std::min(out.until, permit.valid.until);
}

/// What became of nothing. Errors of the store go on: the message is tried again.
Result<void> Inbox::refusal(store::Session& session, const Error& error, const Prepared& message,
                            const Request& request, const Service& service, PersonId person, bool theirs,
                            SenderRow& sender, Answer& out, Instant now) {
  const Language language = message.reading.language;
  const std::string& who = request.person.text();
  if (error.code == "registry.person") {
    ++sender.strangers;
    out.name("unknown");
    out.add(unknown_person_text(language, who));
  } else if (error.code == "case.limit") {
    // To a phone that asked for them, what was granted is said again: its answer may have been lost. Another
    // phone doesn't learn that somebody has left home.
    if (!theirs) {
      out.name("refused");
      out.add(refused_text(language, who));
      return {};
    }
    DAYAQ_TRY(const auto permits, context_.cases.permits_of(session, person, now));
    const auto live = std::ranges::find(permits, service.code, &Permit::service);
    out.name("already");
    if (live != permits.end()) {
      add_permit(out, message, request, service, *live);
    } else {
      DAYAQ_TRY(const auto reached, context_.cases.limit_reached(session, person, service, now));
      out.add(
          already_text(language, who, reached && reached->again ? local(*reached->again) : std::string()));
    }
  } else if (error.code == "case.not_entitled") {
    out.name("refused");
    out.add(refused_text(language, who));
  } else if (error.code == "case.no_regime") {
    out.name("no_regime");
    out.add(not_in_force_text(language));
  } else if (error.code == "service.answer" || error.code == "service.channel") {
    out.name("elsewhere");
    out.add(elsewhere_text(language, who));
  } else if (error.code == "service.suspended" || error.code == "service.unknown") {
    out.name("closed");
    out.add(closed_text(language, {}));
  } else {
    return std::unexpected(error);
  }
  if (!theirs && error.code != "registry.person") sender.persons.push_back(person.value());
  return {};
}

Result<Inbox::Answer> Inbox::command(store::Session& session, const Prepared& message, const Command& command,
                                     Instant now) {
  const Language language = message.reading.language;
  Answer out{.outcome = {}, .parts = {}, .until = now + question_lasts};
  if (command.what == Command::What::help) {
    ServiceHandle service;
    const auto published = context_.book.published();
    for (const ServiceHandle& one : published->services) {
      if (!service && one->service.on(Channel::sms)) service = one;
    }
    out.name("help");
    out.add(help_text(language, service ? &service->service : nullptr));
    return out;
  }
  const bool cancels = command.what == Command::What::cancel;
  out.name(cancels ? "cancel" : "status");
  const auto id = parse_case_number(command.number);
  std::optional<Case> stands;
  if (id) {
    DAYAQ_TRY(stands, context_.cases.find(session, *id));
  }
  // The number is known to who got it by message. Applications of other channels are answered there.
  if (!stands || stands->channel != Channel::sms) {
    out.add(unknown_number_text(language));
    return out;
  }
  const std::string number = case_number(*id);
  if (cancels && is_open(stands->state)) {
    const auto done = context_.cases.act(session, stands->person, *id, 0, Withdraw{}, "sms", now);
    if (!done && done.error().kind == ErrorKind::unavailable) return std::unexpected(done.error());
    out.add(done ? cancelled_text(language, number) : too_late_to_cancel_text(language, number));
    return out;
  }
  if (cancels && stands->state == CaseState::granted && stands->permit != PermitId()) {
    const auto done = context_.cases.revoke_permit(
        session, stands->person, stands->permit,
        {.az = "Müraciət edən ləğv etdi", .en = "Cancelled by who applied", .ru = "Отменено заявителем"},
        "sms", now);
    if (!done && done.error().kind != ErrorKind::not_found && done.error().kind != ErrorKind::conflict) {
      return std::unexpected(done.error());
    }
    out.add(cancelled_text(language, number));
    return out;
  }
  if (cancels) {
    out.add(too_late_to_cancel_text(language, number));
    return out;
  }
  Instant until = stands->promised;
  if (stands->state == CaseState::granted && stands->permit != PermitId()) {
    DAYAQ_TRY(const auto permit, context_.cases.permit(session, stands->person, stands->permit));
    if (permit && permit->revoked != instant_max) stands->state = CaseState::withdrawn;
    if (permit) until = permit->valid.until;
  }
  out.add(status_text(language, *stands, number, local(until)));
  return out;
}

Result<void> Inbox::sweep(store::Session& session, std::int64_t bucket, Instant before) {
  DAYAQ_TRY_OK(session.exec("DELETE FROM sms_replies WHERE received < $2 AND bucket = $1 AND state >= 2",
                            {bucket, to_micros(before)}));
  const std::int64_t day = context_.country.zone().day_of(before).time_since_epoch().count();
  return session.exec("DELETE FROM sms_senders WHERE bucket = $1 AND day < $2", {bucket, day});
}

void Inbox::after_commit() noexcept {
  for (const std::uint8_t outcome : counted_) taken_.at(outcome).fetch_add(1, std::memory_order_relaxed);
  counted_.clear();
  if (!pending_.empty()) deliver_(std::exchange(pending_, {}));
}

std::string Inbox::local(Instant t) const {
  return short_time(context_.country.zone().format_local(t));
}

}  // namespace dayaq::services::sms
