#include "services/sms/notices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/replace.hpp"
#include "services/sms/replies.hpp"
#include "services_sms_notices_sql.hpp"

namespace dayaq::services::sms {
namespace {

constexpr std::uint64_t positive = (1ull << 63) - 1;
constexpr std::chrono::hours ahead{24};           ///< of a permit's end
constexpr std::chrono::minutes evening{18 * 60};  ///< of the day before an appointment

constexpr std::chrono::days remembered{8};  ///< what was told; nothing is told again after so long

/// ASCII but for Russian, so that 160 characters are one message.
const LocalizedText permit_ends{
    .az = "Icazeniz {time} tarixinde bitir ({number}). Davam ucun yeniden muraciet edin.",
    .en = "Your permit ends {time} ({number}). To go on, apply again.",
    .ru = "Ваше разрешение кончается {time} ({number}). Чтобы продлить, подайте заявление."};
const LocalizedText appointment_comes{
    .az = "Sabah {time} qebulunuz var: {place}. Gele bilmeyeceksinizse, sehifenizde imtina edin ({number}).",
    .en =
        "Tomorrow {time} you have an appointment: {place}. If you can't come, give it up on your page "
        "({number}).",
    .ru =
        "Завтра {time} у вас приём: {place}. Если не сможете прийти, откажитесь на своей странице "
        "({number})."};

LocalizedText filled(LocalizedText text, std::string_view name, const LocalizedText& value) {
  for (const auto part : {&LocalizedText::az, &LocalizedText::en, &LocalizedText::ru}) {
    const std::string& with = (value.*part).empty() ? value.az : value.*part;
    replace_all(text.*part, name, with);
  }
  return text;
}
LocalizedText filled(LocalizedText text, std::string_view name, const std::string& value) {
  return filled(std::move(text), name, LocalizedText{.az = value, .en = value, .ru = value});
}

}  // namespace

std::span<const store::Migration> notice_migrations() {
  static constexpr std::array<store::Migration, 1> all{{{"sms_notices", 1, sms_notices_sql}}};
  return all;
}

Notices::Notices(NoticesContext context, Deliver deliver)
    : context_(std::move(context)), deliver_(std::move(deliver)) {
  const crypto::SecretBytes key = context_.master.derive("sms: notices");
  keys_ = sip_key(std::span<const std::byte, 16>(key.view().data(), 16));
}

Result<int> Notices::tell(store::Session& session, PersonId person, std::string_view about,
                          const LocalizedText& text, Instant until, Instant now) {
  if (!context_.on || until <= now) return 0;
  DAYAQ_TRY(const bool wants, wanted(session, person));
  if (!wants) return 0;
  DAYAQ_TRY(const Receiver receiver, context_.receiver(session, person, now));
  int told = 0;
  for (const std::string& number : receiver.numbers) {
    const std::uint64_t to = siphash(keys_, "to|" + number) & positive;
    const std::int64_t bucket = registry::bucket_of(to);
    const auto message =
        std::int64_t(siphash(keys_, fmt::format("{}|{}|{}", person.value(), number, about)) & positive);
    DAYAQ_TRY(const auto known,
              session.one("SELECT told FROM sms_notices WHERE bucket = $1 AND notice_id = $2",
                          {bucket, message}, [](const store::Row& row) { return row.integer(0); }));
    if (known) continue;
    DAYAQ_TRY_OK(session.exec("INSERT INTO sms_notices (bucket, notice_id, told) VALUES ($1, $2, $3)",
                              {bucket, message, to_micros(now)}));
    Outgoing out{.bucket = bucket,
                 .message = message,
                 .to = number,
                 .parts = {text.in(receiver.language)},
                 .until = until,
                 .received = now};
    DAYAQ_TRY_OK(insert_outgoing(session, out, context_.master, context_.random));
    pending_.push_back(std::move(out));
    ++told;
  }
  return told;
}

Result<void> Notices::sweep(store::Session& session, std::int64_t bucket, Instant before) {
  return session.exec("DELETE FROM sms_notices WHERE bucket = $1 AND told < $2",
                      {bucket, to_micros(before)});
}

Result<void> Notices::set_wanted(store::Session& session, PersonId person, bool wanted, Instant now) {
  const std::int64_t bucket = registry::bucket_of(person.value());
  const auto id = std::int64_t(person.value());
  if (wanted) {
    return session.exec("DELETE FROM sms_notices_off WHERE bucket = $1 AND person_id = $2", {bucket, id});
  }
  return session.exec(
      "INSERT INTO sms_notices_off (bucket, person_id, since) VALUES ($1, $2, $3) ON CONFLICT "
      "(bucket, person_id) DO NOTHING",
      {bucket, id, to_micros(now)});
}

Result<bool> Notices::wanted(store::Session& session, PersonId person) const {
  DAYAQ_TRY(const auto off,
            session.one("SELECT since FROM sms_notices_off WHERE bucket = $1 AND person_id = $2",
                        {registry::bucket_of(person.value()), std::int64_t(person.value())},
                        [](const store::Row& row) { return row.integer(0); }));
  return !off.has_value();
}

Result<void> Notices::sweep(store::Session& session, Instant now) {
  return session.exec("DELETE FROM sms_notices WHERE told < $1", {to_micros(now - remembered)});
}

void Notices::after_commit() noexcept {
  if (!pending_.empty()) deliver_(std::exchange(pending_, {}));
}

Result<int> Reminders::remind(Instant now, int rows) {
  DAYAQ_TRY(const int ends, permits(now, rows));
  DAYAQ_TRY(const int comes, appointments(now, rows));
  return ends + comes;
}

Result<int> Reminders::permits(Instant now, int rows) {
  store::Database& db = cases_.context().db;
  const Zone& zone = cases_.context().country.zone();
  int told = 0;
  // After a start all that end within a day are looked at again; who was told has a row.
  for (Instant from = std::max(permits_until_, now); from < now + ahead;) {
    DAYAQ_TRY(const std::vector<Permit> ending, db.read([&](store::Session& session) {
      return cases_.long_ones_ending(session, from, now + ahead, rows);
    }));
    DAYAQ_TRY_OK(db.write([&](store::Session& session) -> Result<void> {
      for (const Permit& one : ending) {
        LocalizedText text = filled(permit_ends, "{time}", short_time(zone.format_local(one.valid.until)));
        text = filled(std::move(text), "{number}", case_number(one.case_id));
        DAYAQ_TRY(const int sent, notices_.tell(session, one.person, fmt::format("ends|{}", one.id.value()),
                                                text, one.valid.until, now));
        told += sent;
      }
      return {};
    }));
    from = int(ending.size()) < rows ? now + ahead : ending.back().valid.until;
    permits_until_ = from;
  }
  return told;
}

Result<int> Reminders::appointments(Instant now, int rows) {
  store::Database& db = cases_.context().db;
  const Zone& zone = cases_.context().country.zone();
  const Date today = zone.day_of(now), tomorrow = today + std::chrono::days(1);
  if (day_ == tomorrow || now < zone.start_of(today) + evening) return 0;
  int told = 0;
  for (const booking::Calendar& calendar : calendars_.all()) {
    DAYAQ_TRY(const auto booked,
              db.read([&](store::Session& session) { return calendars_.day(session, calendar, tomorrow); }));
    for (std::size_t at = 0; at < booked.size(); at += std::size_t(rows)) {
      DAYAQ_TRY_OK(db.write([&](store::Session& session) -> Result<void> {
        for (std::size_t i = at; i < std::min(booked.size(), at + std::size_t(rows)); ++i) {
          // It may have been given up since it was read.
          DAYAQ_TRY(const auto one, calendars_.of_case(session, booked[i].person, booked[i].case_id));
          if (!one || one->state != booking::Booking::State::booked || one->at != booked[i].at) continue;
          LocalizedText text = filled(appointment_comes, "{time}", zone.format_local(one->at).substr(11));
          text = filled(std::move(text), "{place}", calendar.name);
          text = filled(std::move(text), "{number}", case_number(CaseId(one->case_id)));
          DAYAQ_TRY(const int sent,
                    notices_.tell(session, one->person,
                                  fmt::format("comes|{}|{}", one->case_id, to_micros(one->at)), text, one->at,
                                  now));
          told += sent;
        }
        return {};
      }));
    }
  }
  day_ = tomorrow;
  return told;
}

}  // namespace dayaq::services::sms
