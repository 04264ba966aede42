// What a ministry reads of its service, computed: sums, shares, where people stop, the chart of the days.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/cases/cases.hpp"
#include "services/web/drop_off.hpp"

namespace dayaq::services::web {

struct ServiceSums {
  std::int64_t submitted = 0, granted = 0, refused = 0, late = 0;
  std::int64_t seconds_to_answer = 0;
  [[nodiscard]] std::int64_t answered() const { return granted + refused; }
  [[nodiscard]] double late_share() const;     ///< of the answered; 0 if there are none
  [[nodiscard]] double granted_share() const;  ///< the same
  [[nodiscard]] std::chrono::seconds mean_time() const;
};
[[nodiscard]] ServiceSums sum(std::span<const Cases::DayFigures> days);
/// All days [from, until), those without a figure too.
[[nodiscard]] std::vector<Cases::DayFigures> every_day(std::span<const Cases::DayFigures> days, Date from,
                                                       Date until);

/// One question as people meet it: in the order of the form, the page that begins first, the page that sends
/// last.
struct StopRow {
  std::string field;  ///< first_page and last_page besides the form's
  std::int64_t shown = 0;
  std::int64_t answered = 0;
  /// Who saw it and didn't go on, as a share; 0 if nobody saw it. Whoever goes back sees a question again, so
  /// that it is never less than 0.
  [[nodiscard]] double stopped() const;
};
/// What was counted under a name that the form no longer has comes at the end.
[[nodiscard]] std::vector<StopRow> stops(const Service& service, std::span<const QuestionFigures> counted);
/// The question at which the largest number stop; nullptr if nobody does.
[[nodiscard]] const StopRow* worst_stop(std::span<const StopRow> rows);

/// Bars of sent and answered by day, for an SVG of 720 by 200; `most` and the two dates are its labels.
[[nodiscard]] std::string chart(std::span<const Cases::DayFigures> days, const std::string& most,
                                const std::string& first, const std::string& last);

}  // namespace dayaq::services::web
