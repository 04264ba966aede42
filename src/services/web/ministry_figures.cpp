#include "services/web/ministry_figures.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace dayaq::services::web {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double ServiceSums::late_share() const {
  return share(late, answered());
}
double ServiceSums::granted_share() const {
  return share(granted, answered());
}
std::chrono::seconds ServiceSums::mean_time() const {
  return std::chrono::seconds(answered() == 0 ? 0 : seconds_to_answer / answered());
}

ServiceSums sum(std::span<const Cases::DayFigures> days) {
  ServiceSums out;
  for (const Cases::DayFigures& day : days) {
    out.submitted += day.submitted;
    out.granted += day.granted;
    out.refused += day.refused;
    out.late += day.late;
    out.seconds_to_answer += day.seconds_to_answer;
  }
  return out;
}

std::vector<Cases::DayFigures> every_day(std::span<const Cases::DayFigures> days, Date from, Date until) {
  std::vector<Cases::DayFigures> out;
  for (Date day = from; day < until; day += std::chrono::days(1)) {
    const auto found = std::ranges::find(days, day, &Cases::DayFigures::day);
    Cases::DayFigures figures;
    if (found != days.end()) figures = *found;
    figures.day = day;
    out.push_back(figures);
  }
  return out;
}

double StopRow::stopped() const {
  return std::clamp(1 - share(answered, shown), 0.0, shown == 0 ? 0.0 : 1.0);
}

std::vector<StopRow> stops(const Service& service, std::span<const QuestionFigures> counted) {
  std::vector<StopRow> out;
  std::vector<std::string_view> order{first_page};
  for (const Field& field : service.form) order.push_back(field.code);
  order.push_back(last_page);
  for (const std::string_view name : order) {
    const auto found = std::ranges::find(counted, name, &QuestionFigures::field);
    if (found != counted.end()) out.push_back({found->field, found->shown, found->answered});
  }
  for (const QuestionFigures& one : counted) {
    if (std::ranges::find(order, one.field) == order.end())
      out.push_back({one.field, one.shown, one.answered});
  }
  return out;
}

const StopRow* worst_stop(std::span<const StopRow> rows) {
  const StopRow* worst = nullptr;
  for (const StopRow& row : rows) {
    const std::int64_t lost = row.shown - row.answered;
    if (lost > 0 && (worst == nullptr || lost > worst->shown - worst->answered)) worst = &row;
  }
  return worst;
}

std::string chart(std::span<const Cases::DayFigures> days, const std::string& most, const std::string& first,
                  const std::string& last) {
  constexpr double left = 40, width = 675, base = 170, height = 150;
  std::int64_t top = 1;
  for (const Cases::DayFigures& day : days) top = std::max({top, day.submitted, day.granted + day.refused});
  std::string out =
      fmt::format(R"(<line class="ax" x1="{0}" y1="{1}" x2="715" y2="{1}"/><line class="ax" x1="{0}" )"
                  R"(y1="{2}" x2="715" y2="{2}"/>)",
                  left, base, base - height);
  const double step = width / static_cast<double>(std::max<std::size_t>(1, days.size()));
  const auto bar = [&](std::size_t at, std::int64_t value, const char* kind, double shift) {
    if (value <= 0) return;
    const double tall = height * static_cast<double>(value) / static_cast<double>(top);
    out += fmt::format(R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", kind,
                       left + step * (static_cast<double>(at) + shift), base - tall, step * 0.4, tall);
  };
  for (std::size_t i = 0; i < days.size(); ++i) {
    bar(i, days[i].submitted, "in", 0.08);
    bar(i, days[i].granted + days[i].refused, "out", 0.5);
  }
  out += fmt::format(R"(<text x="34" y="{:.0f}" text-anchor="end">{}</text>)", base - height + 4,
                     escape_html(most));
  out += fmt::format(R"(<text x="34" y="{:.0f}" text-anchor="end">0</text>)", base + 4);
  out += fmt::format(R"(<text x="{:.0f}" y="190">{}</text>)", left, escape_html(first));
  out += fmt::format(R"(<text x="715" y="190" text-anchor="end">{}</text>)", escape_html(last));
  return out;
}

}  // namespace dayaq::services::web
