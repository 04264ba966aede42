// The small grammar that sentences about rights need: dates, plurals and endings in Azerbaijani, English and
// Russian.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "base/time.hpp"

namespace dayaq::regime {

/// "31 dekabr 2026-cı il", "31 December 2026", "31 декабря 2026 года".
[[nodiscard]] std::string day_text(Date day, Language language);
/// For the end of a period, which people read as the last day it holds: "until 30 December 2026 inclusive",
/// "30 dekabr 2026-cı il daxil olmaqla", "по 30 декабря 2026 года включительно"; with the hour if it isn't
/// midnight: "until 30 December 2026, 14:00". "" for instant_max.
[[nodiscard]] std::string until_text(Instant until, const Zone& zone, Language language);
/// "from 1 March 2026", "1 mart 2026-cı ildən", "с 1 марта 2026 года"; with the hour if it isn't midnight.
[[nodiscard]] std::string from_text(Instant from, const Zone& zone, Language language);
/// A past moment: "on 1 March 2026", "1 mart 2026-cı ildə", "1 марта 2026 года".
[[nodiscard]] std::string on_text(Instant at, const Zone& zone, Language language);

/// "a", "a or b", "a, b or c" with the language's "or" / "and".
[[nodiscard]] std::string or_list(const std::vector<std::string>& words, Language language);
[[nodiscard]] std::string and_list(const std::vector<std::string>& words, Language language);

/// Russian: one of "год", "года", "лет" for 1, 2, 5.
[[nodiscard]] std::string_view russian_plural(std::int64_t n, std::string_view one, std::string_view few,
                                              std::string_view many);
/// Azerbaijani "-cı/-ci/-cu/-cü" as in "2026-cı", by how the number is spoken.
[[nodiscard]] std::string_view azerbaijani_ordinal(int n);
/// Azerbaijani locative of a place's name: "Bakıda", "Gəncədə", "Şəki şəhərində".
[[nodiscard]] std::string azerbaijani_locative(const std::string& name);
/// Russian "в" with the place's name in the prepositional case: "в Баку", "в Гяндже", "в Апшеронском районе".
/// Names that follow no known pattern come after a colon instead: "по месту: ...".
[[nodiscard]] std::string russian_locative(const std::string& name);

}  // namespace dayaq::regime
