#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/file.hpp"
#include "regime/file_reader.hpp"
#include "services/booking/booking.hpp"

namespace dayaq::services::booking {
namespace {

using regime::At;
using regime::TreeReader;

constexpr std::array<std::string_view, 7> weekday_words{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::size_t name_max = 200;
constexpr std::size_t openings_max = 50;
constexpr std::size_t closed_max = 500;
constexpr int day_minutes = 24 * 60;

class Reader {
 public:
  Reader(Errors& errors, const registry::CountryPack& country) : reader_(errors), country_(country) {}

  Calendar read(const At& root) {
    Calendar out;
    if (!reader_.map(
            root, {"calendar", "name", "address", "organisation", "slot_minutes", "together", "open",
                   "closed", "ahead_days", "early_minutes", "late_minutes", "no_show_percent", "overbook"})) {
      return out;
    }
    if (const auto at = reader_.need(root, "calendar")) out.code = reader_.code(*at).value_or("");
    if (const auto at = reader_.need(root, "name")) out.name = reader_.localized(*at, name_max);
    if (const auto at = reader_.need(root, "address")) out.address = reader_.localized(*at, name_max);
    if (const auto at = reader_.need(root, "organisation")) out.organisation = organisation(*at);
    if (const auto at = reader_.need(root, "slot_minutes")) out.slot_minutes = number(*at, 1, 480);
    if (const auto at = reader_.need(root, "together")) out.capacity = number(*at, 1, 1000);
    if (const auto at = reader_.need(root, "open")) openings(*at, out);
    if (const auto at = reader_.find(root, "closed")) closed(*at, out);
    if (const auto at = reader_.find(root, "ahead_days")) out.ahead_days = number(*at, 0, 366);
    if (const auto at = reader_.find(root, "early_minutes")) out.early_minutes = number(*at, 0, 240);
    if (const auto at = reader_.find(root, "late_minutes")) out.late_minutes = number(*at, 0, 240);
    if (const auto at = reader_.find(root, "no_show_percent")) out.no_show_percent = number(*at, 0, 90);
    if (const auto at = reader_.find(root, "overbook")) out.overbook = reader_.truth(*at).value_or(true);
    return out;
  }

 private:
  int number(const At& at, int min, int max) {
    return static_cast<int>(reader_.number(at, min, max).value_or(min));
  }

  OrganisationCode organisation(const At& at) {
    const auto code = reader_.code(at);
    if (!code) return {};
    std::vector<std::string> codes;
    for (const auto& one : country_.organisations()) codes.push_back(one.code.value());
    if (std::ranges::find(codes, *code) == codes.end()) {
      reader_.error(
          at, "booking.organisation",
          fmt::format("There is no organisation `{}`.{}", *code, regime::did_you_mean(*code, codes)));
    }
    return OrganisationCode(*code);
  }

  /// "09:30" as minutes of the day; "24:00" is its end.
  std::optional<int> clock(const At& at) {
    const auto text = reader_.text(at);
    if (!text) return std::nullopt;
    const auto digit = [&](std::size_t i) { return (*text)[i] >= '0' && (*text)[i] <= '9'; };
    if (text->size() == 5 && digit(0) && digit(1) && (*text)[2] == ':' && digit(3) && digit(4)) {
      const int hour = ((*text)[0] - '0') * 10 + (*text)[1] - '0';
      const int minute = ((*text)[3] - '0') * 10 + (*text)[4] - '0';
      if (minute < 60 && hour * 60 + minute <= day_minutes) return hour * 60 + minute;
    }
    reader_.error(at, "booking.clock", "A time of the day looks like \"09:30\", in quotes.");
    return std::nullopt;
  }

  std::uint8_t weekdays(const At& at) {
    std::uint8_t bits = 0;
    const std::vector<std::string> words(weekday_words.begin(), weekday_words.end());
    for (const At& one : reader_.one_or_more(at)) {
      const auto word = reader_.text(one);
      if (!word) continue;
      const auto found = std::ranges::find(words, *word);
      if (found == words.end()) {
        reader_.error(one, "booking.weekday",
                      "A day of the week is one of mon, tue, wed, thu, fri, sat, sun." +
                          regime::did_you_mean(*word, words));
      } else {
        bits = static_cast<std::uint8_t>(bits | 1u << (found - words.begin()));
      }
    }
    return bits;
  }

  void openings(const At& at, Calendar& out) {
    for (const At& one : reader_.items(at)) {
      if (!reader_.map(one, {"days", "from", "until"})) continue;
      Opening opening;
      if (const auto days = reader_.need(one, "days")) opening.weekdays = weekdays(*days);
      const auto from_at = reader_.need(one, "from");
      const auto until_at = reader_.need(one, "until");
      const auto from = from_at ? clock(*from_at) : std::nullopt;
      const auto until = until_at ? clock(*until_at) : std::nullopt;
      if (!from || !until || opening.weekdays == 0) continue;
      opening.from_minute = *from;
      opening.until_minute = *until;
      if (*until - *from < out.slot_minutes) {
        reader_.error(*until_at, "booking.hours", "It must stay open for one slot at least after it opens.");
      } else if (overlaps(opening, out)) {
        reader_.error(one, "booking.hours", "These hours overlap others of the same day of the week.");
      } else if (out.openings.size() == openings_max) {
        reader_.error(one, "booking.hours", fmt::format("There may be {} openings at most.", openings_max));
        return;
      } else {
        out.openings.push_back(opening);
      }
    }
  }

  static bool overlaps(const Opening& one, const Calendar& calendar) {
    return std::ranges::any_of(calendar.openings, [&](const Opening& other) {
      return (one.weekdays & other.weekdays) != 0 && one.from_minute < other.until_minute &&
             other.from_minute < one.until_minute;
    });
  }

  void closed(const At& at, Calendar& out) {
    for (const At& one : reader_.items(at)) {
      const auto text = reader_.text(one);
      if (!text) continue;
      const auto day = parse_date(*text);
      if (!day) {
        reader_.error(one, "booking.date", day.error().public_text);
      } else if (std::ranges::find(out.closed, *day) != out.closed.end()) {
        reader_.error(one, "booking.date", "This day stands here already.");
      } else if (out.closed.size() == closed_max) {
        reader_.error(one, "booking.date", fmt::format("There may be {} closed days at most.", closed_max));
        return;
      } else {
        out.closed.push_back(*day);
      }
    }
    std::ranges::sort(out.closed);
  }

  TreeReader reader_;
  const registry::CountryPack& country_;
};

}  // namespace

std::expected<Calendar, Errors> parse_calendar(std::string_view text, const registry::CountryPack& country) {
  regime::Tree tree = regime::read_tree(text);
  Errors errors = std::move(tree.errors);
  Calendar out;
  if (tree.root.kind != regime::TreeNode::Kind::refused) {
    out = Reader(errors, country).read({.node = &tree.root});
  }
  if (errors.empty()) return out;
  regime::sort_by_place(errors);
  return std::unexpected(std::move(errors));
}

Result<std::unique_ptr<Calendars>> Calendars::load(const std::filesystem::path& folder,
                                                   const registry::CountryPack& country) {
  std::unique_ptr<Calendars> out(new Calendars(country));
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    DAYAQ_TRY(const std::string text, read_file(file));
    auto calendar = parse_calendar(text, country);
    if (!calendar) {
      Error first = std::move(calendar.error().front());
      first.detail = fmt::format("{} ({})", file.string(), first.field);
      first.field = fmt::format("{}:{}:{}", file.filename().string(), first.line, first.column);
      return std::unexpected(std::move(first));
    }
    if (calendar->code != file.stem().string()) {
      return fail_field("booking.code", file.filename().string(),
                        fmt::format("The file of the calendar `{}` must be called {}.yaml.", calendar->code,
                                    calendar->code));
    }
    out->calendars_.push_back(std::move(*calendar));
  }
  return out;
}

const Calendar* Calendars::find(std::string_view code) const {
  const auto found = std::ranges::find(calendars_, code, &Calendar::code);
  return found == calendars_.end() ? nullptr : &*found;
}

std::span<const Calendar> Calendars::all() const {
  return calendars_;
}

}  // namespace dayaq::services::booking
