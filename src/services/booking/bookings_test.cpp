#include <gtest/gtest.h>

#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>

#include "services/booking/booking.hpp"
#include "support/registry.hpp"

namespace dayaq::services::booking {
namespace {

using dayaq::test::must;
using namespace std::chrono_literals;
using State = Booking::State;

const registry::CountryPack& country() {
  static const registry::CountryPack pack =
      must(registry::CountryPack::load(std::filesystem::path(DAYAQ_SOURCE_DIR) / "country/az"));
  return pack;
}

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "none" : std::string(result.error().code);
}

/// A desk for one, a hall for twenty.
constexpr const char* desk = R"(calendar: desk
name: {az: Masa}
address: {az: Bakı}
organisation: digital-agency
slot_minutes: 30
together: 1
open: [{days: [mon, tue, wed, thu, fri], from: "09:00", until: "12:00"}]
ahead_days: 7
)";
constexpr const char* hall = R"(calendar: hall
name: {az: Zal}
address: {az: Bakı}
organisation: digital-agency
slot_minutes: 30
together: 20
open: [{days: [mon, tue, wed, thu, fri], from: "09:00", until: "12:00"}]
no_show_percent: 29
)";

struct Bookings : testing::TestWithParam<store::Engine> {
  void SetUp() override {
    must(log::set_level("error"));
    must(opened.database->migrate(migrations()));
    for (const auto& [name, text] : {std::pair{"desk", desk}, std::pair{"hall", hall}}) {
      std::ofstream(folder / (std::string(name) + ".yaml")) << text;
    }
    calendars = must(Calendars::load(folder.path(), country()));
  }
  const Calendar& calendar(std::string_view code = "desk") { return *calendars->find(code); }
  store::Database& db() { return *opened.database; }

  Result<Booking> book(Instant at, std::uint64_t person, std::uint64_t case_id = 1,
                       std::string_view code = "desk") {
    return db().write([&](store::Session& session) {
      return calendars->book(session, calendar(code), at, PersonId(person), case_id, now);
    });
  }
  Result<void> cancel(std::uint64_t person, std::uint64_t case_id = 1) {
    return db().write(
        [&](store::Session& session) { return calendars->cancel(session, PersonId(person), case_id, now); });
  }
  Result<Booking> mark(std::uint64_t person, State state, std::uint64_t case_id = 1) {
    return db().write([&](store::Session& session) {
      return calendars->mark(session, PersonId(person), case_id, state, now);
    });
  }
  std::vector<Slot> slots(Date day, std::string_view code = "desk") {
    return must(db().read(
        [&](store::Session& session) { return calendars->slots(session, calendar(code), day, now); }));
  }
  std::vector<Booking> day(Date day, std::string_view code = "desk") {
    return must(
        db().read([&](store::Session& session) { return calendars->day(session, calendar(code), day); }));
  }
  int left(Instant at, std::string_view code = "desk") {
    for (const Slot& slot : slots(calendars->zone().day_of(at), code)) {
      if (slot.at == at) return slot.left;
    }
    return -1;
  }

  dayaq::test::OpenedDatabase opened{GetParam()};
  dayaq::test::TemporaryFolder folder{"calendars"};
  std::unique_ptr<Calendars> calendars;
  Instant now = must(parse_instant("2026-11-23T06:10:00Z"));  // Monday 10:10 in Baku
  Date monday = must(parse_date("2026-11-23"));
  Instant nine = must(parse_instant("2026-11-24T05:00:00Z"));  // Tuesday 09:00
};

INSTANTIATE_TEST_SUITE_P(Engines, Bookings, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(Bookings, ShowWhatIsStillToCome) {
  EXPECT_EQ(slots(monday).size(), 3u);  // 10:30, 11:00, 11:30
  EXPECT_EQ(slots(monday + std::chrono::days(1)).size(), 6u);
  EXPECT_TRUE(slots(monday - std::chrono::days(1)).empty());
  EXPECT_TRUE(slots(monday + std::chrono::days(5)).empty());   // Saturday
  EXPECT_EQ(slots(monday + std::chrono::days(7)).size(), 6u);  // the last day that may be booked
  EXPECT_TRUE(slots(monday + std::chrono::days(8)).empty());
}

TEST_P(Bookings, ShowHowMuchIsLeftOfEachDay) {
  must(book(nine, 1));
  const auto days =
      must(db().read([&](store::Session& session) { return calendars->days(session, calendar(), now); }));
  ASSERT_EQ(days.size(), 6u);  // five of this week, and next Monday
  EXPECT_EQ(days[0].day, monday);
  EXPECT_EQ(days[0].left, 3);
  EXPECT_EQ(days[1].left, 5);
  EXPECT_EQ(days[5].day, monday + std::chrono::days(7));
  EXPECT_EQ(days[5].left, 6);
}

TEST_P(Bookings, GiveATimeOnce) {
  EXPECT_EQ(left(nine), 1);
  const Booking booking = must(book(nine, 1));
  EXPECT_EQ(booking.at, nine);
  EXPECT_EQ(left(nine), 0);
  EXPECT_EQ(code_of(book(nine, 2)), "booking.taken");
  ASSERT_EQ(day(monday + std::chrono::days(1)).size(), 1u);
  EXPECT_EQ(day(monday + std::chrono::days(1))[0].person, PersonId(1));
}

TEST_P(Bookings, OfTheSamePersonAndCaseAreTheSame) {
  must(book(nine, 1));
  EXPECT_EQ(must(book(nine, 1)).at, nine);
  EXPECT_EQ(must(book(nine + 30min, 1)).at, nine);  // who wants another time gives this one up first
  EXPECT_EQ(left(nine + 30min), 1);
  EXPECT_EQ(must(book(nine + 30min, 1, 2)).at, nine + 30min);  // another case of theirs
}

TEST_P(Bookings, AreOfTimesThatThereAre) {
  for (const Instant wrong : {nine + 1min, nine - 24h, now, nine + 14 * 24h, nine + 4 * 24h, nine + 3h}) {
    EXPECT_EQ(code_of(book(wrong, 1)), "booking.slot") << format_instant(wrong);
  }
}

TEST_P(Bookings, ThatAreCancelledFreeTheirTime) {
  must(book(nine, 1));
  must(cancel(1));
  must(cancel(1));  // again is no harm
  EXPECT_EQ(left(nine), 1);
  EXPECT_TRUE(day(monday + std::chrono::days(1)).empty());
  must(book(nine, 2));
  EXPECT_EQ(code_of(book(nine, 1)), "booking.taken");
  const Booking second = must(book(nine + 30min, 1));
  EXPECT_EQ(second.changes, 2);  // cancelled, booked again
  EXPECT_EQ(code_of(cancel(3)), "booking.unknown");
}

TEST_P(Bookings, ChangeInOneTransactionOrStay) {
  must(book(nine, 1));
  must(book(nine + 30min, 2));
  const auto change = [&](Instant to) {
    return db().write([&](store::Session& session) -> Result<Booking> {
      DAYAQ_TRY_OK(calendars->cancel(session, PersonId(1), 1, now));
      return calendars->book(session, calendar(), to, PersonId(1), 1, now);
    });
  };
  EXPECT_EQ(code_of(change(nine + 30min)), "booking.taken");
  EXPECT_EQ(left(nine), 0);  // they still have what they had
  EXPECT_EQ(must(change(nine + 60min)).at, nine + 60min);
  EXPECT_EQ(left(nine), 1);
}

TEST_P(Bookings, AreMarkedWhenItIsTime) {
  must(book(nine, 1));
  EXPECT_EQ(code_of(mark(1, State::came)), "booking.not_yet");
  now = nine - 1h;
  EXPECT_EQ(code_of(mark(1, State::missed)), "booking.not_yet");
  EXPECT_EQ(must(mark(1, State::came)).state, State::came);
  EXPECT_EQ(must(mark(1, State::came)).changed, nine - 1h);
  now = nine + 11min;
  EXPECT_EQ(must(mark(1, State::missed)).state, State::missed);  // put right
  const Turnout counted =
      must(db().read([&](store::Session& session) { return calendars->turnout(session, calendar(), now); }));
  EXPECT_EQ(counted.came, 0);
  EXPECT_EQ(counted.missed, 1);
  EXPECT_EQ(code_of(cancel(1)), "booking.over");
  EXPECT_EQ(must(book(nine + 30min, 1)).at, nine + 30min);  // who missed it may choose anew
  must(cancel(1));
  EXPECT_EQ(code_of(mark(1, State::came)), "booking.cancelled");
  EXPECT_EQ(code_of(mark(2, State::came)), "booking.unknown");
}

TEST_P(Bookings, GiveAwayMoreThanThereIsRoomForAsHistoryAllows) {
  EXPECT_EQ(left(nine, "hall"), 22);  // by what its file assumes
  const auto remember = [&](Date day, Turnout turnout) {
    must(db().write([&](store::Session& session) {
      return session.exec("INSERT INTO booking_outcome (calendar, day, came, missed) VALUES ($1, $2, $3, $4)",
                          {std::string_view("hall"), std::int64_t(day.time_since_epoch().count()),
                           turnout.came, turnout.missed});
    }));
  };
  using std::chrono::days;
  remember(monday - days(91), {.came = 100'000});  // too long ago to count
  EXPECT_EQ(left(nine, "hall"), 22);
  remember(monday - days(90), {.came = 8827, .missed = 3631});
  EXPECT_EQ(left(nine, "hall"), 23);
  remember(monday - days(1), {.came = 100'000});
  EXPECT_EQ(left(nine, "hall"), 20);
}

TEST_P(Bookings, OfALastSlotThatTenThousandWantGoToOne) {
  constexpr std::uint64_t people = 10'000;
  constexpr std::size_t under_way_max = 500;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t under_way = 0;
  std::map<std::string, int> outcomes;
  for (std::uint64_t person = 1; person <= people; ++person) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return under_way < under_way_max; });
      ++under_way;
    }
    db().submit(
        [&, person](store::Session& session) -> Result<void> {
          DAYAQ_TRY_OK(calendars->book(session, calendar(), nine, PersonId(person), person, now));
          return {};
        },
        [&](const Result<void>& done) {
          const std::lock_guard lock(mutex);
          ++outcomes[code_of(done)];
          --under_way;
          changed.notify_all();
        });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return under_way == 0; });
  EXPECT_EQ(outcomes["none"], 1);
  EXPECT_EQ(outcomes["booking.taken"], int(people) - 1);
  EXPECT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(day(monday + std::chrono::days(1)).size(), 1u);
  EXPECT_EQ(left(nine), 0);
}

}  // namespace
}  // namespace dayaq::services::booking
