#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "portal/page_parts.hpp"
#include "portal/reach_view.hpp"

namespace dayaq::portal {
namespace {

constexpr std::array<std::string_view, 12> month_keys{
    "settle_month_1", "settle_month_2",  "settle_month_3",  "settle_month_4",
    "settle_month_5", "settle_month_6",  "settle_month_7",  "settle_month_8",
    "settle_month_9", "settle_month_10", "settle_month_11", "settle_month_12"};

/// An amount as people say it: hours from two on, terabytes from one on.
std::string used_text(const SettledUse& use, const Format& format) {
  const std::int64_t size = use.units < 0 ? -use.units : use.units;
  const std::string_view sign = use.units < 0 ? "\u2212" : "";
  std::string amount;
  if (use.unit == regime::Unit::messages) {
    amount = format.number(size);  // its name stands beside it
  } else if (use.unit == regime::Unit::seconds && size >= 7200) {
    const double hours = static_cast<double>(size) / 3600;
    const std::string number = hours < 100 ? format.decimal(hours, 1) : format.number(std::llround(hours));
    amount = format.fill("settle_hours", {{"amount", number}});
  } else if (use.unit == regime::Unit::octets && size >= 1'000'000'000'000) {
    amount =
        format.fill("settle_terabytes", {{"amount", format.decimal(static_cast<double>(size) / 1e12, 1)}});
  } else {
    amount = format.quantity(static_cast<std::uint64_t>(size), use.unit);
  }
  return fmt::format("{}{}", sign, amount);
}

std::string_view key_of(regime::BenefitKind kind) {
  using Kind = regime::BenefitKind;
  switch (kind) {
    case Kind::voice:
      return "settle_voice";
    case Kind::messages:
      return "settle_messages";
    case Kind::data:
      return "settle_data";
    case Kind::tv:
      return "settle_tv";
    case Kind::deferral:
    case Kind::discount:
    case Kind::room:
      break;
  }
  return "settle_other";
}

/// To the qepik, however much it is: what is owed isn't rounded for the eye.
std::string exact_money(std::int64_t qepik, const Format& format) {
  const std::int64_t size = qepik < 0 ? -qepik : qepik;
  return (qepik < 0 ? "\u2212" : "") +
         format.fill("manat", {{"amount", fmt::format("{}{}{:02}", format.number(size / 100),
                                                      format.text("decimal_point"), size % 100)}});
}

/// "12,40 ₼", and what of it isn't paid by use.
std::string pay_text(const SettledPay& pay, const Format& format) {
  std::string out;
  const auto add = [&](const std::string& part) {
    if (!out.empty()) out += " · ";
    out += part;
  };
  if (pay.by_use) add(exact_money(pay.owed_qepik, format));
  if (pay.by_month) add(format.text("settle_by_month"));
  if (pay.free) add(format.text("settle_free"));
  if (pay.unknown) add(format.text("settle_unknown"));
  return out;
}

void add_uses(View& row, const std::vector<SettledUse>& uses, const Format& format) {
  for (const SettledUse& use : uses) {
    View& item = row.add("USE");
    item.set("KIND", format.text(key_of(use.kind)));
    item.set("AMOUNT", used_text(use, format));
  }
}

/// The bar's length beside the largest.
std::string bar(const SettledPay& pay, std::int64_t most) {
  const double share = most <= 0 ? 0 : static_cast<double>(pay.owed_qepik) / static_cast<double>(most);
  return fmt::format("{:.1f}", std::clamp(share, 0.0, 1.0) * 100);
}

template <class Row>
std::int64_t most_owed(const std::vector<Row>& rows) {
  std::int64_t most = 0;
  for (const Row& row : rows) most = std::max(most, row.pay.owed_qepik);
  return most;
}

std::string month_text(Date first_day, const Format& format) {
  const std::chrono::year_month_day civil(first_day);
  return format.fill("settle_month_name", {{"month", format.text(month_keys[unsigned(civil.month()) - 1])},
                                           {"year", fmt::format("{}", int(civil.year()))}});
}

void add_totals(View& view, const SettledMonth& month, const Format& format) {
  std::vector<SettledUse> totals;
  std::int64_t owed = 0;
  for (const SettledOperator& one : month.operators) {
    owed += one.pay.owed_qepik;
    for (const SettledUse& use : one.uses) {
      const auto same = std::ranges::find_if(
          totals, [&](const auto& t) { return t.kind == use.kind && t.unit == use.unit; });
      if (same == totals.end()) {
        totals.push_back(use);
      } else {
        same->units += use.units;
      }
    }
  }
  std::ranges::sort(totals, {}, &SettledUse::kind);
  add_figure(view, format.text("settle_owed"), format.money_short(owed));
  for (const SettledUse& total : totals) {
    add_figure(view, format.text(key_of(total.kind)), used_text(total, format));
  }
}

}  // namespace

Result<std::string> settlements_page(Page& page, const SettledMonth& month) {
  const Format& format = page.format();
  View& view = page.content("settlements.html");
  view.set("AS_OF", format.fill("as_of", {{"time", format.date_time(page.now())}}));
  if (month.months.empty()) {
    view.show("NOTHING");
    return page.render({"/settlements", "", ""}, format.text("settle_title"));
  }
  View& shown = view.add("SHOWN");
  shown.set("MONTH", month_text(month.shown, format));
  for (const Date other : month.months) {
    View& link = shown.add("MONTH_LINK");
    link.set("HREF", "/settlements?month=" + format_date(other).substr(0, 7));
    link.set("NAME", month_text(other, format));
    if (other == month.shown) link.show("CURRENT");
  }
  add_totals(shown, month, format);
  const std::int64_t most_of_operators = most_owed(month.operators);
  for (const SettledOperator& one : month.operators) {
    View& row = shown.add("OPERATOR");
    row.set("NAME", one.name.in(page.language()));
    add_uses(row, one.uses, format);
    row.set("PAY", pay_text(one.pay, format));
    row.set("BAR", bar(one.pay, most_of_operators));
    row.set("LAST", one.last ? format.date_time(*one.last) : "\u2013");
  }
  const std::int64_t most_of_measures = most_owed(month.measures);
  for (const SettledMeasure& one : month.measures) {
    View& row = shown.add("MEASURE");
    const std::string& title = one.title.in(page.language());
    View& name = row.add(title.empty() ? "UNKNOWN" : "KNOWN");
    name.set("TITLE", title);
    name.set("HREF", "/regimes/" + one.regime);
    add_uses(row, one.uses, format);
    row.set("PAY", pay_text(one.pay, format));
    row.set("BAR", bar(one.pay, most_of_measures));
  }
  return page.render({"/settlements", "month=" + format_date(month.shown).substr(0, 7), ""},
                     format.text("settle_title"));
}

}  // namespace dayaq::portal
