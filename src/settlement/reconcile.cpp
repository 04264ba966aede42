#include "settlement/reconcile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "base/ids.hpp"
#include "regime/file.hpp"
#include "registry/csv.hpp"

namespace dayaq::settlement {
namespace {

constexpr std::size_t findings_max = 100;
constexpr std::string_view tv_months = "tv_months";
constexpr std::array<std::string_view, 5> columns{"day", "measure", "benefit", "traffic_class", "units"};
enum Column : std::size_t { day_column, measure_column, benefit_column, class_column, units_column };

template <class Int>
std::optional<Int> number_of(std::string_view text) {
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What can't be held stops at the most: a total of 2^63 octets is wrong in any case.
void add_to(std::int64_t& total, std::int64_t units) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  if (units > 0 ? total > most - units : total < -most - units) {
    total = units > 0 ? most : -most;
  } else {
    total += units;
  }
}

bool within(std::int64_t number, std::int64_t most) {
  return number >= -most && number <= most;
}

std::string name_of(const regime::LawfulMeasure& measure) {
  return measure.version->regime.code.value() + "/" + measure.measure->code.value();
}

/// The name that a measure is compared by; a number that the law doesn't know stays one.
std::string name_of(const regime::NumberedLaw& law, std::uint32_t number, Names names) {
  const regime::LawfulMeasure* measure = law.find(number);
  return names == Names::measures && measure != nullptr ? name_of(*measure) : std::to_string(number);
}

class RecordReader {
 public:
  RecordReader(const regime::NumberedLaw& law, Names names) : law_(law), names_(names) {
    if (names == Names::measures) {
      for (const regime::LawfulMeasure& measure : law.law.measures()) known_.insert(name_of(measure));
    }
  }

  std::expected<Records, Errors> read(std::string_view csv) {
    registry::CsvReader reader;
    reader.feed(csv);
    reader.finish();
    std::size_t rows = 0;
    while (findings_.size() < findings_max) {
      const auto row = reader.next();
      if (!row) break;
      if (row->error) {
        findings_.push_back(*row->error);
      } else if (rows++ == 0) {
        if (!read_header(row->fields)) break;
      } else if (rows > reconcile_rows_max + 1) {
        find(row->line, "reconcile.rows", "", "These are too many rows. Send fewer days at once.");
        findings_.back().kind = ErrorKind::limit;
        break;
      } else {
        read_row(row->line, row->fields);
      }
    }
    if (rows == 0 && findings_.empty()) find(1, "reconcile.header", "", header_text());
    if (!findings_.empty()) return std::unexpected(std::move(findings_));
    return std::move(records_);
  }

 private:
  static std::string header_text() {
    return "The first line must name the columns day, measure, benefit, traffic_class and units.";
  }
  void find(std::uint64_t line, std::string_view code, std::string_view column, std::string text) {
    findings_.push_back(Error{
        ErrorKind::invalid_input, code, std::move(text), {}, std::string(column), std::uint32_t(line), 0});
  }

  bool read_header(std::span<const std::string_view> fields) {
    at_.fill(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto known = std::ranges::find(columns, fields[i]);
      if (known == columns.end() || at_[std::size_t(known - columns.begin())] != fields.size()) {
        find(1, "reconcile.header", "", header_text());
        return false;
      }
      at_[std::size_t(known - columns.begin())] = i;
    }
    if (fields.size() != columns.size()) find(1, "reconcile.header", "", header_text());
    return fields.size() == columns.size();
  }

  void read_row(std::uint64_t line, std::span<const std::string_view> fields) {
    if (fields.size() != columns.size()) {
      find(line, "reconcile.header", "", "This row hasn't as many fields as the first line.");
      return;
    }
    const std::size_t before = findings_.size();
    RecordName name;
    const auto date = parse_date(fields[at_[day_column]]);
    if (date && *date >= Days().from && *date < Days().until) {
      name.day = *date;
    } else {
      find(line, "reconcile.day", "day", "A day is written as 2026-11-21.");
    }
    name.measure = read_measure(line, fields[at_[measure_column]]);
    name.subscriptions = fields[at_[benefit_column]] == tv_months;
    const auto kind = name.subscriptions ? feed::Benefit::tv : kind_of(fields[at_[benefit_column]]);
    if (!kind) {
      find(line, "reconcile.benefit", "benefit",
           "A benefit is voice, messages, data, tv, tv_months or deferral.");
    }
    if (name.subscriptions) name.day = first_day(month_of(name.day));
    name.kind = kind.value_or(feed::Benefit::voice);
    name.traffic_class = fields[at_[class_column]];
    if (!name.traffic_class.empty() && !is_code(name.traffic_class)) {
      find(line, "reconcile.traffic_class", "traffic_class", "This is no traffic class or package.");
    }
    const auto units = number_of<std::int64_t>(fields[at_[units_column]]);
    if (!units || !within(*units, feed::settlement_units_max)) {
      find(line, "reconcile.units", "units",
           "Units are a whole number of seconds, messages, octets or subscriptions.");
    }
    if (findings_.size() != before) return;
    std::int64_t& sum = records_[std::move(name)];
    if (!within(sum + *units, day_units_max)) {
      find(line, "reconcile.units", "units", "These add up to more than any operator delivers in a day.");
      return;
    }
    sum += *units;
  }

  std::string read_measure(std::uint64_t line, std::string_view text) {
    if (const auto number = number_of<std::uint32_t>(text)) {
      if (law_.find(*number) == nullptr) {
        find(line, "reconcile.measure", "measure", "There is no measure of this number.");
      }
      return name_of(law_, *number, names_);
    }
    if (names_ == Names::numbers) {
      find(line, "reconcile.measure", "measure", "Name the measure by its number, as the feed does.");
    } else if (!known_.contains(std::string(text))) {
      find(line, "reconcile.measure", "measure", "No regime has such a measure. Write it as regime/measure.");
    }
    return std::string(text);
  }

  static std::optional<feed::Benefit> kind_of(std::string_view text) {
    for (int kind = 0; kind <= int(feed::Benefit::room); ++kind) {
      if (to_string(regime::BenefitKind(kind)) == text) return feed::Benefit(kind);
    }
    return std::nullopt;
  }

  const regime::NumberedLaw& law_;
  Names names_;
  std::set<std::string> known_;
  std::array<std::size_t, columns.size()> at_{};  ///< where each column stands
  Records records_;
  Errors findings_;
};

std::int64_t difference_of(const Reconciliation::Total& total) {
  std::int64_t out = total.there;
  add_to(out, -total.here);
  return out;
}

std::string_view what_of(const Difference& difference) {
  if (!difference.here) return "missing_here";
  return difference.there ? "other_amount" : "missing_there";
}

std::string or_null(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : "null";
}

}  // namespace

std::expected<Records, Errors> parse_records(std::string_view csv, const regime::NumberedLaw& law,
                                             Names names) {
  return RecordReader(law, names).read(csv);
}

Days days_of(const Records& records) {
  if (records.empty()) return {.from = Date(), .until = Date()};
  Days out{.from = records.begin()->first.day,
           .until = std::prev(records.end())->first.day + std::chrono::days(1)};
  for (const auto& [name, units] : records) {
    if (name.subscriptions) out.until = std::max(out.until, first_day(month_of(name.day) + 1));
  }
  return out;
}

Reconciliation reconcile(const Report& here, const Records& there, const Days& days, Names names) {
  std::map<RecordName, Difference> both;
  const auto at = [&](const RecordName& name) -> Difference* {
    const Date from = name.subscriptions ? first_day(month_of(days.from)) : days.from;
    if (name.day < from || name.day >= days.until) return nullptr;
    Difference& entry = both[name];
    entry.name = name;
    return &entry;
  };
  for (const ReportLine& line : here.lines) {
    // By the law's name of the class: an edge that had forgotten a measure names the class that was asked
    // for.
    const regime::Benefit* benefit = benefit_of(*here.law, line.sum.name);
    const bool subscriptions = counts_subscriptions(line.sum.name);
    Difference* entry = at(
        {.day = subscriptions ? first_day(line.sum.month) : line.sum.day.value_or(first_day(line.sum.month)),
         .measure = name_of(*here.law, line.sum.name.measure, names),
         .kind = line.sum.name.kind,
         .traffic_class = benefit != nullptr ? benefit->traffic_class.value() : line.sum.name.traffic_class,
         .subscriptions = subscriptions});
    if (entry != nullptr) add_to(entry->here ? *entry->here : entry->here.emplace(0), line.sum.units);
  }
  for (const auto& [name, units] : there) {
    if (Difference* entry = at(name)) entry->there = units;
  }
  Reconciliation out{.days = days, .compared = both.size(), .differences = {}, .totals = {}};
  for (auto& [name, entry] : both) {
    Reconciliation::Total& total = out.totals[{name.kind, name.subscriptions}];
    add_to(total.here, entry.here.value_or(0));
    add_to(total.there, entry.there.value_or(0));
    if (entry.here != entry.there) out.differences.push_back(std::move(entry));
  }
  return out;
}

std::string reconciliation_json(const Reconciliation& report, std::string_view operator_code) {
  std::string out = fmt::format(R"({{"operator":"{}","from":"{}","until":"{}","compared":{},"differences":[)",
                                operator_code, format_date(report.days.from), format_date(report.days.until),
                                report.compared);
  const char* comma = "";
  for (const Difference& difference : report.differences) {
    const RecordName& name = difference.name;
    out += fmt::format(
        R"({}{{"what":"{}","day":"{}","measure":"{}","benefit":"{}","traffic_class":"{}","here":{},"there":{},)"
        R"("more_there":{}}})",
        std::exchange(comma, ","), what_of(difference), format_date(name.day), name.measure,
        name.subscriptions ? tv_months : to_string(regime::BenefitKind(name.kind)), name.traffic_class,
        or_null(difference.here), or_null(difference.there),
        difference.there.value_or(0) - difference.here.value_or(0));
  }
  out += R"(],"totals":[)";
  comma = "";
  for (const auto& [what, total] : report.totals) {
    out +=
        fmt::format(R"({}{{"benefit":"{}","here":{},"there":{},"more_there":{}}})", std::exchange(comma, ","),
                    what.second ? tv_months : to_string(regime::BenefitKind(what.first)), total.here,
                    total.there, difference_of(total));
  }
  return out + "]}";
}

}  // namespace dayaq::settlement
