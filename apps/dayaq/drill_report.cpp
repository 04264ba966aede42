// The readiness report: JSON for programs, one HTML page with charts for people and paper.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "command.hpp"
#include "drill.hpp"

namespace dayaq::cli::drill {
namespace {

namespace json = boost::json;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string count(double value) {
  return number(std::int64_t(std::llround(value)));
}

json::object slice_json(const Slice& slice) {
  return {{"at", slice.at},           {"offered", slice.offered}, {"answered", slice.answered},
          {"refused", slice.refused}, {"failed", slice.failed},   {"retried", slice.retried},
          {"wrong", slice.wrong},     {"p50_ms", slice.p50_ms},   {"p99_ms", slice.p99_ms},
          {"writer", slice.writer},   {"connections", slice.io},  {"workers", slice.workers},
          {"machine", slice.machine}, {"fault", slice.fault}};
}

// --- charts

struct Line {
  const char* style;  ///< class of the style sheet: colour and dashes, so that print tells them apart
  const char* name;
  std::vector<double> values;
};

double rounded_up(double value) {
  const double power = std::pow(10, std::floor(std::log10(std::max(value, 1e-9))));
  for (const double step : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    if (value <= step * power) return step * power;
  }
  return 10 * power;
}

constexpr double width = 720, height = 230, left = 64, right = 12, top = 12, bottom = 34;

struct Chart {
  std::string id, title, what, x_name;
  std::vector<std::string> ticks;  ///< one for each value; some are shown
  std::vector<Line> lines;
  std::vector<bool> shaded;
  double limit = 0;  ///< a promise, as a level line; 0: none
};

double x_at(std::size_t i, std::size_t n) {
  return left + (width - left - right) * (n < 2 ? 0.5 : double(i) / double(n - 1));
}

std::string axes(const Chart& chart, double most, std::size_t n) {
  std::string out;
  for (int i = 0; i <= 4; ++i) {
    const double y = height - bottom - (height - top - bottom) * i / 4;
    out += fmt::format(R"(<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", left, width - right,
                       y, y);
    const double value = most * i / 4;
    out += fmt::format(R"(<text class="tick end" x="{}" y="{:.1f}">{}</text>)", left - 8, y + 4,
                       most >= 10 ? count(value) : fmt::format("{:.3g}", value));
  }
  const std::size_t step = std::max<std::size_t>(1, (n + 9) / 10);
  for (std::size_t i = 0; i < n; i += step) {
    out += fmt::format(R"(<text class="tick mid" x="{:.1f}" y="{}">{}</text>)", x_at(i, n),
                       height - bottom + 18, escaped(chart.ticks[i]));
  }
  return out;
}

std::string svg_of(const Chart& chart) {
  const std::size_t n = chart.ticks.size();
  double most = chart.limit;
  for (const Line& line : chart.lines) {
    for (const double value : line.values) most = std::max(most, value);
  }
  most = rounded_up(std::max(most, 1e-3));
  const auto y_at = [&](double value) {
    return height - bottom - (height - top - bottom) * std::min(value / most, 1.0);
  };
  std::string out = fmt::format(R"(<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">)"
                                R"(<title id="{}-t">{}</title><desc id="{}-d">{}</desc>)",
                                width, height, chart.id, chart.id, chart.id, escaped(chart.title), chart.id,
                                escaped(chart.what));
  for (std::size_t i = 0; i < chart.shaded.size(); ++i) {
    if (!chart.shaded[i]) continue;
    const double half = n < 2 ? 0 : (width - left - right) / double(n - 1) / 2;
    const double from = std::max(left, x_at(i, n) - half), until = std::min(width - right, x_at(i, n) + half);
    out += fmt::format(R"(<rect class="fault" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>)", from, top,
                       until - from, height - top - bottom);
  }
  out += axes(chart, most, n);
  if (chart.limit > 0) {
    out += fmt::format(R"(<line class="limit" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", left,
                       width - right, y_at(chart.limit), y_at(chart.limit));
  }
  for (const Line& line : chart.lines) {
    out += fmt::format(R"(<polyline class="{}" points=")", line.style);
    for (std::size_t i = 0; i < line.values.size(); ++i) {
      out += fmt::format("{:.1f},{:.1f} ", x_at(i, n), y_at(line.values[i]));
    }
    out += "\"/>";
    if (n <= 24) {
      for (std::size_t i = 0; i < line.values.size(); ++i) {
        out += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>)", line.style, x_at(i, n),
                           y_at(line.values[i]));
      }
    }
  }
  out += fmt::format(R"(<text class="tick mid" x="{}" y="{}">{}</text></svg>)", (left + width - right) / 2,
                     height - 2, escaped(chart.x_name));
  std::string keys = "<ul class=\"keys\">";
  for (const Line& line : chart.lines) {
    keys += fmt::format(R"(<li><svg viewBox="0 0 24 8" aria-hidden="true"><line class="{}" )"
                        R"(x1="0" x2="24" y1="4" y2="4"/></svg>{}</li>)",
                        line.style, line.name);
  }
  if (chart.limit > 0) {
    keys += R"(<li><svg viewBox="0 0 24 8" aria-hidden="true"><line class="limit" )"
            R"(x1="0" x2="24" y1="4" y2="4"/></svg>what is promised</li>)";
  }
  if (std::find(chart.shaded.begin(), chart.shaded.end(), true) != chart.shaded.end()) {
    keys += R"(<li><svg viewBox="0 0 24 8" aria-hidden="true"><rect class="fault" )"
            R"(width="24" height="8"/></svg>a fault</li>)";
  }
  return fmt::format("<figure><figcaption>{}</figcaption>{}{}</ul></figure>", escaped(chart.title), out,
                     keys);
}

Chart of_play(const Outcome& outcome, std::string id, std::string title, std::string what) {
  Chart out{.id = std::move(id),
            .title = std::move(title),
            .what = std::move(what),
            .x_name = "seconds of the play",
            .ticks = {},
            .lines = {},
            .shaded = {}};
  for (const Slice& slice : outcome.seconds) {
    out.ticks.push_back(fmt::format("{:.0f}", slice.at));
    out.shaded.push_back(!slice.fault.empty());
  }
  return out;
}

template <class F>
std::vector<double> values(const std::vector<Slice>& slices, F&& of) {
  std::vector<double> out;
  for (const Slice& slice : slices) out.push_back(double(of(slice)));
  return out;
}

std::string play_charts(const Outcome& outcome) {
  const auto& seconds = outcome.seconds;
  Chart load =
      of_play(outcome, "load", "Requests a second",
              fmt::format("{} were offered, {} answered, {} turned away or not reached.",
                          count(double(outcome.total.offered)), count(double(outcome.total.answered)),
                          count(double(outcome.total.refused + outcome.total.failed))));
  load.lines = {
      {"a", "offered", values(seconds, [](const Slice& s) { return s.offered; })},
      {"b", "answered", values(seconds, [](const Slice& s) { return s.answered; })},
      {"c", "turned away or not reached",
       values(seconds, [](const Slice& s) { return s.refused + s.failed; })},
      {"d", "of those offered: tried again", values(seconds, [](const Slice& s) { return s.retried; })}};
  Chart took = of_play(outcome, "took", "Time to an answer, milliseconds",
                       fmt::format("Outside of faults the worst second had a 99th percentile of {:.0f} ms.",
                                   outcome.quiet_p99_ms));
  took.lines = {{"a", "99 of 100", values(seconds, [](const Slice& s) { return s.p99_ms; })},
                {"b", "half", values(seconds, [](const Slice& s) { return s.p50_ms; })}};
  took.limit = double(outcome.scenario.p99.count());
  Chart cpu =
      of_play(outcome, "cpu", "Processor in use, cores", "By the threads of dayaqd, and by all programs.");
  cpu.lines = {{"a", "the writer", values(seconds, [](const Slice& s) { return s.writer; })},
               {"b", "connections", values(seconds, [](const Slice& s) { return s.io; })},
               {"c", "workers", values(seconds, [](const Slice& s) { return s.workers; })},
               {"d", "the whole machine", values(seconds, [](const Slice& s) { return s.machine; })}};
  return svg_of(load) + svg_of(took) + svg_of(cpu);
}

std::string ramp_part(const Outcome& outcome) {
  if (outcome.steps.empty()) return {};
  Chart took{.id = "ramp",
             .title = "Time to an answer while more and more is offered, milliseconds",
             .what = "Each point is one step of the ramp.",
             .x_name = "requests a second",
             .ticks = {},
             .lines = {},
             .shaded = {},
             .limit = double(outcome.scenario.p99.count())};
  std::vector<Slice> slices;
  std::string rows;
  for (const Step& step : outcome.steps) {
    took.ticks.push_back(count(step.rate));
    slices.push_back(step.slice);
    rows += fmt::format(
        "<tr><td>{}</td><td>{:.1f} %</td><td>{:.0f}</td><td>{:.0f}</td><td>{:.2f}</td><td>{:.2f}</td>"
        "<td>{:.2f}</td><td>{:.2f}</td><td class=\"{}\">{}</td></tr>",
        count(step.rate), 100 * double(step.slice.answered) / std::max(1.0, double(step.slice.offered)),
        step.slice.p50_ms, step.slice.p99_ms, step.slice.writer, step.slice.io, step.slice.workers,
        step.slice.machine, step.held ? "good" : "bad", step.held ? "held" : "broke");
  }
  took.lines = {{"a", "99 of 100", values(slices, [](const Slice& s) { return s.p99_ms; })},
                {"b", "half", values(slices, [](const Slice& s) { return s.p50_ms; })}};
  return fmt::format(
      "<h2>To what load it holds</h2><p>Held up to <b>{}</b> requests a second. What breaks first: "
      "<b>{}</b>. {}</p>"
      "{}<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Steps of the "
      "ramp\"><table><thead><tr>"
      "<th scope=\"col\">offered a second</th><th scope=\"col\">answered</th><th scope=\"col\">half, ms</th>"
      "<th scope=\"col\">99 of 100, ms</th><th scope=\"col\">writer, cores</th><th "
      "scope=\"col\">connections</th>"
      "<th scope=\"col\">workers</th><th scope=\"col\">machine</th><th "
      "scope=\"col\">verdict</th></tr></thead>"
      "<tbody>{}</tbody></table></div>",
      count(outcome.held_to), escaped(outcome.breaks_first), escaped(outcome.why), svg_of(took), rows);
}

std::string facts_part(const Outcome& outcome) {
  std::string out = "<h2>What was played</h2><dl>";
  const auto fact = [&](std::string_view name, const std::string& value) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, escaped(value));
  };
  const Scenario& scenario = outcome.scenario;
  fact("Persons", count(double(scenario.persons)));
  fact("Length",
       fmt::format("{:.0f} s, {} hours of the crisis", scenario.duration.count(), scenario.curve.size()));
  fact("Fullest hour", fmt::format("{} requests a second", count(scenario.peak)));
  fact("Broken messages", fmt::format("{:.0f} %", scenario.broken * 100));
  fact("Pages, submissions", fmt::format("{:.0f} %, {:.0f} % ({})", scenario.pages * 100,
                                         100 - scenario.pages * 100, outcome.engine));
  fact("Who tries again", fmt::format("{:.0f} % of those turned away, up to {} times",
                                      scenario.retries.share * 100, scenario.retries.at_most));
  fact("Machine", outcome.machine);
  if (scenario.real_peak_a_second > 0) {
    fact(
        "In truth",
        fmt::format(
            "{} messages of {} people, about {:.0f} a second at the peak as the file reckons it: this play's "
            "peak is {:.1f} times that",
            count(scenario.real_messages), count(scenario.real_people), scenario.real_peak_a_second,
            scenario.peak / scenario.real_peak_a_second));
  }
  if (!scenario.source.empty()) fact("Source", scenario.source);
  return out + "</dl>";
}

constexpr std::string_view style = R"(
:root{--ink:#1d2733;--soft:#4a5968;--line:#d5dce3;--good:#12643c;--bad:#a3201a;--a:#0b5cab;--b:#12643c;
--c:#a3201a;--d:#6b4a00}

*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:#fff;margin:0}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.7rem;line-height:1.2;margin:.2rem 0 .4rem}
h2{font-size:1.2rem;margin:2rem 0 .6rem;border-top:1px solid var(--line);padding-top:1.2rem}
.soft{color:var(--soft)}
.verdict{font-size:1.15rem;font-weight:700;padding:.7rem 1rem;border-left:.4rem solid;margin:1rem 0;
background:#f4f6f8}

.verdict.good{border-color:var(--good)}.verdict.bad{border-color:var(--bad)}.good{color:var(--good)}
.bad{color:var(--bad)}
.sums{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.8rem;padding:0;
margin:1.2rem 0;list-style:none}

.sums li{border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem}
.sums b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
.sums span{color:var(--soft);font-size:.9rem}.checks{list-style:none;padding:0}
.checks li{padding:.2rem 0 .2rem 1.7rem;position:relative}
.checks b{position:absolute;left:0}figure{margin:1.2rem 0;break-inside:avoid}
figcaption{font-weight:600;margin-bottom:.3rem}
figure>svg{width:100%;height:auto;display:block}.grid{stroke:var(--line);stroke-width:1}
.tick{font-size:12px;fill:var(--soft)}.end{text-anchor:end}.mid{text-anchor:middle}
polyline,.keys line{fill:none;stroke-width:2}circle{stroke:none}.a{stroke:var(--a)}
.b{stroke:var(--b);stroke-dasharray:7 3}.c{stroke:var(--c);stroke-dasharray:2 3}
.d{stroke:var(--d);stroke-dasharray:9 3 2 3}
circle.a{fill:var(--a)}circle.b{fill:var(--b)}circle.c{fill:var(--c)}circle.d{fill:var(--d)}
.limit{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:1 4}.fault{fill:#f3d3a2;opacity:.6}
.keys{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;padding:0;margin:.3rem 0 0;list-style:none;
font-size:.9rem}
.keys svg{width:1.6rem;height:.55rem;margin-right:.4rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:.6rem 1.5rem;margin:0}
dt{color:var(--soft);font-size:.9rem}dd{margin:0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}
th,td{text-align:right;padding:.3rem .5rem;border-bottom:1px solid var(--line)}
th{font-weight:600;vertical-align:bottom}th:first-child,td:first-child{text-align:left}
@media print{main{max-width:none;padding:0}.verdict{background:none}h2{break-after:avoid}}
)";

}  // namespace

std::string to_json(const Outcome& outcome) {
  json::object out{{"drill", outcome.scenario.name},
                   {"title", outcome.scenario.title},
                   {"ready", outcome.ready()},
                   {"persons", outcome.scenario.persons},
                   {"submissions", outcome.engine},
                   {"machine", outcome.machine},
                   {"receipts", outcome.receipts},
                   {"lost", outcome.lost},
                   {"doubled", outcome.doubled},
                   {"recorded_without_receipt", outcome.without_receipt},
                   {"wrongly_taken", outcome.wrongly_taken},
                   {"wrong_example", outcome.wrong_example},
                   {"audit_verified", outcome.audit_verified},
                   {"quiet_p99_ms", outcome.quiet_p99_ms},
                   {"quiet_answered", outcome.quiet_answered},
                   {"recovered_s", outcome.recovered_s},
                   {"held_to", outcome.held_to},
                   {"breaks_first", outcome.breaks_first},
                   {"why", outcome.why},
                   {"total", slice_json(outcome.total)}};
  json::array verdicts, seconds, steps;
  for (const auto& [sentence, holds] : outcome.verdicts) {
    verdicts.push_back(json::object{{"what", sentence}, {"holds", holds}});
  }
  for (const Slice& slice : outcome.seconds) seconds.push_back(slice_json(slice));
  for (const Step& step : outcome.steps) {
    json::object one = slice_json(step.slice);
    one["rate"] = step.rate;
    one["held"] = step.held;
    steps.push_back(std::move(one));
  }
  out["verdicts"] = std::move(verdicts);
  out["seconds"] = std::move(seconds);
  out["ramp"] = std::move(steps);
  return json::serialize(out) + "\n";
}

std::string to_html(const Outcome& outcome) {
  std::string checks;
  for (const auto& [sentence, holds] : outcome.verdicts) {
    checks += fmt::format("<li class=\"{}\"><b aria-hidden=\"true\">{}</b>{}{}</li>", holds ? "good" : "bad",
                          holds ? "✓" : "✗", holds ? "" : "Not so: ", escaped(sentence));
  }
  const auto sum = [](std::string_view name, const std::string& value) {
    return fmt::format("<li><b>{}</b><span>{}</span></li>", value, name);
  };
  const std::string sums =
      sum("requests", count(double(outcome.total.offered))) +
      sum("answered", count(double(outcome.total.answered))) +
      sum("receipts given, the ramp's too", count(double(outcome.receipts))) +
      sum("lost", count(double(outcome.lost))) + sum("recorded twice", count(double(outcome.doubled))) +
      sum("longest without an answer after a fault", fmt::format("{:.1f} s", outcome.recovered_s));
  const std::string said = outcome.ready() ? "Ready: what was promised held."
                                           : "Not ready: something that was promised did not hold.";
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>Readiness: "
      "{}</title><style>{}</style></head><body><main>"
      "<p class=\"soft\">Readiness report of a drill</p><h1>{}</h1><p class=\"verdict {}\">{}</p><ul "
      "class=\"sums\">{}</ul>"
      "<h2>What held</h2><ul class=\"checks\">{}</ul>{}<h2>The play, second by second</h2>{}{}"
      "<p class=\"soft\">Synthetic persons, a system of the drill's own; the crowd shares the machine with "
      "it. {} "
      "records had no receipt: their answers were lost in a fault, and whoever asked again found them.</p>"
      "</main></body></html>\n",
      escaped(outcome.scenario.title), style, escaped(outcome.scenario.title),
      outcome.ready() ? "good" : "bad", said, sums, checks, facts_part(outcome), play_charts(outcome),
      ramp_part(outcome), count(double(outcome.without_receipt)));
}

}  // namespace dayaq::cli::drill
