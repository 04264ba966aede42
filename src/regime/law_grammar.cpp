#include "regime/law_grammar.hpp"

#include <fmt/format.h>

#include <array>

namespace dayaq::regime {
namespace {

using namespace std::chrono;

constexpr std::array<std::array<std::string_view, 12>, 3> months{{
    {"yanvar", "fevral", "mart", "aprel", "may", "iyun", "iyul", "avqust", "sentyabr", "oktyabr", "noyabr",
     "dekabr"},
    {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
     "November", "December"},
    {"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября",
     "ноября", "декабря"},
}};

/// The day without the word for "year": "31 dekabr 2026-cı", "31 December 2026", "31 декабря 2026".
std::string bare_day(Date day, Language language) {
  const year_month_day ymd(day);
  const std::string_view month = months[static_cast<std::size_t>(language)][unsigned(ymd.month()) - 1];
  const std::string text = fmt::format("{} {} {}", unsigned(ymd.day()), month, int(ymd.year()));
  return language == Language::az ? fmt::format("{}-{}", text, azerbaijani_ordinal(int(ymd.year()))) : text;
}

/// "14:00" in the zone, or "" at midnight.
std::string clock_text(Instant t, const Zone& zone) {
  if (t == zone.start_of(zone.day_of(t))) return {};
  return zone.format_local(t).substr(11);
}

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> endings) {
  for (const std::string_view ending : endings) {
    if (text.ends_with(ending)) return true;
  }
  return false;
}

std::string list(const std::vector<std::string>& words, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? last : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace

std::string day_text(Date day, Language language) {
  constexpr std::array<std::string_view, 3> year_words{" il", "", " года"};
  return bare_day(day, language) + std::string(year_words[static_cast<std::size_t>(language)]);
}

std::string until_text(Instant until, const Zone& zone, Language language) {
  if (until == instant_max) return {};
  const std::string clock = clock_text(until, zone);
  const Date last = clock.empty() ? zone.day_of(until - microseconds(1)) : zone.day_of(until);
  const std::string day = day_text(last, language);
  switch (language) {
    case Language::az:
      return clock.empty() ? fmt::format("{} daxil olmaqla", day) : fmt::format("{} saat {}-dək", day, clock);
    case Language::en:
      return clock.empty() ? fmt::format("until {} inclusive", day) : fmt::format("until {}, {}", day, clock);
    case Language::ru:
      return clock.empty() ? fmt::format("по {} включительно", day) : fmt::format("до {}, {}", day, clock);
  }
  return {};
}

std::string from_text(Instant from, const Zone& zone, Language language) {
  const std::string clock = clock_text(from, zone);
  const Date day = zone.day_of(from);
  const std::string hour = clock.empty() ? "" : ", " + clock;
  switch (language) {
    case Language::az:
      return fmt::format("{} ildən{}", bare_day(day, language), hour);
    case Language::en:
      return fmt::format("from {}{}", day_text(day, language), hour);
    case Language::ru: {
      const bool second = unsigned(year_month_day(day).day()) == 2;  // "со второго"
      return fmt::format("{} {}{}", second ? "со" : "с", day_text(day, language), hour);
    }
  }
  return {};
}

std::string on_text(Instant at, const Zone& zone, Language language) {
  const Date day = zone.day_of(at);
  switch (language) {
    case Language::az:
      return fmt::format("{} ildə", bare_day(day, language));
    case Language::en:
      return fmt::format("on {}", day_text(day, language));
    case Language::ru:
      return day_text(day, language);
  }
  return {};
}

std::string or_list(const std::vector<std::string>& words, Language language) {
  constexpr std::array<std::string_view, 3> last{" və ya ", " or ", " или "};
  return list(words, last[static_cast<std::size_t>(language)]);
}

std::string and_list(const std::vector<std::string>& words, Language language) {
  constexpr std::array<std::string_view, 3> last{" və ", " and ", " и "};
  return list(words, last[static_cast<std::size_t>(language)]);
}

std::string_view russian_plural(std::int64_t n, std::string_view one, std::string_view few,
                                std::string_view many) {
  const std::int64_t tens = n % 100;
  const std::int64_t ones = n % 10;
  if (tens >= 11 && tens <= 14) return many;
  if (ones == 1) return one;
  return ones >= 2 && ones <= 4 ? few : many;
}

std::string_view azerbaijani_ordinal(int n) {
  // bir, iki, üç, dörd, beş, altı, yeddi, səkkiz, doqquz; on, iyirmi, otuz, qırx, əlli, altmış, yetmiş,
  // səksən, doxsan
  constexpr std::array<std::string_view, 10> ones{"", "ci", "ci", "cü", "cü", "ci", "cı", "ci", "ci", "cu"};
  constexpr std::array<std::string_view, 10> tens{"", "cu", "ci", "cu", "cı", "ci", "cı", "ci", "ci", "cı"};
  if (n % 10 != 0) return ones[static_cast<std::size_t>(n % 10)];
  if (n % 100 != 0) return tens[static_cast<std::size_t>(n / 10 % 10)];
  return n % 1000 != 0 ? "cü" : "ci";  // yüz; min
}

std::string azerbaijani_locative(const std::string& name) {
  // The last vowel decides: after a, ı, o, u "da", after the others "də".
  bool back = false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const std::string_view rest = std::string_view(name).substr(i);
    for (const std::string_view vowel : {"a", "ı", "o", "u", "A", "I", "O", "U"})
      back |= rest.starts_with(vowel);
    for (const std::string_view vowel : {"e", "ə", "i", "ö", "ü", "E", "Ə", "İ", "Ö", "Ü"}) {
      if (rest.starts_with(vowel)) back = false;
    }
  }
  // A possessed noun ("Şəki şəhəri", "Quba rayonu") takes an n between.
  const bool possessed = ends_with_any(name, {" rayonu", " şəhəri", " qəsəbəsi", " kəndi", " Respublikası"});
  return fmt::format("{}{}{}", name, possessed ? "n" : "", back ? "da" : "də");
}

std::string russian_locative(const std::string& name) {
  const auto changed = [&](std::string_view ending, std::string_view into) {
    return fmt::format("в {}{}", name.substr(0, name.size() - ending.size()), into);
  };
  if (name.ends_with("ский район")) return changed("ский район", "ском районе");
  if (name.starts_with("город "))
    return fmt::format("в городе {}", name.substr(std::string_view("город ").size()));
  if (name.find(' ') != std::string::npos || name.find('(') != std::string::npos) return "по месту: " + name;
  if (name.ends_with("ия")) return changed("ия", "ии");
  for (const std::string_view ending : {"а", "я"}) {
    if (name.ends_with(ending)) return changed(ending, "е");
  }
  if (name.ends_with("ань")) return changed("ань", "ани");  // Ленкорань, Нахичевань
  if (ends_with_any(name, {"у", "и", "о", "е", "ё", "ю", "э", "ы"}))
    return "в " + name;  // Баку, Шеки, Саатлы
  if (ends_with_any(name, {"б", "в", "г", "д", "ж", "з", "к", "л", "м", "н",
                           "п", "р", "с", "т", "ф", "х", "ц", "ч", "ш", "щ"})) {
    return changed("", "е");
  }
  return "по месту: " + name;
}

}  // namespace dayaq::regime
