// The readiness report for people and paper: one HTML page with its charts inside, no scripts.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "command.hpp"
#include "drill/charts.hpp"
#include "drill/drill.hpp"

namespace dayaq::cli::drill {
namespace {

std::string count(double value) {
  return number(std::int64_t(std::llround(value)));
}
std::string percent(double share) {
  return fmt::format("{:.4g} %", share * 100);
}
std::string share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "none" : percent(double(part) / double(whole));
}

constexpr std::string_view style = R"(
:root{--ink:#1d2733;--soft:#4a5968;--line:#d5dce3;--paper:#fff;--box:#f4f6f8;--good:#12643c;--bad:#a3201a;
--a:#0b5cab;--b:#12643c;--c:#a3201a;--d:#6b4a00;--fault:#f3d3a2;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#b3bfcb;--line:#3d4854;--paper:#12181f;--box:#1d262f;
--good:#6fd39b;--bad:#ff9a90;--a:#7cb8ff;--b:#6fd39b;--c:#ff9a90;--d:#e6c069;--fault:#5a4522}}
@media print{:root{--ink:#000;--soft:#333;--line:#bbb;--paper:#fff;--box:#fff;--good:#12643c;--bad:#a3201a;
--a:#0b5cab;--b:#12643c;--c:#a3201a;--d:#6b4a00;--fault:#f3d3a2}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem;overflow-wrap:break-word}
h1{font-size:1.7rem;line-height:1.2;margin:.2rem 0 .4rem}
h2{font-size:1.25rem;margin:2rem 0 .6rem;border-top:1px solid var(--line);padding-top:1.2rem}
.soft{color:var(--soft)}
.verdict{font-size:1.15rem;font-weight:700;padding:.7rem 1rem;border-left:.4rem solid;margin:1rem 0;
background:var(--box)}
.verdict.good{border-color:var(--good)}.verdict.bad{border-color:var(--bad)}.good{color:var(--good)}
.bad{color:var(--bad)}
.sums{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.8rem;padding:0;
margin:1.2rem 0;list-style:none}
.sums li{border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem}
.sums b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
.sums span{color:var(--soft);font-size:.9rem}.checks{list-style:none;padding:0}
.checks li{padding:.2rem 0 .2rem 1.7rem;position:relative}
.checks b{position:absolute;left:0}figure{margin:1.4rem 0;break-inside:avoid}
figcaption{font-weight:600;margin-bottom:.3rem}
figure>svg{width:100%;height:auto;display:block}
figure>.narrow{display:none}
@media(max-width:34rem){figure>.wide{display:none}figure>.narrow{display:block}}
.grid{stroke:var(--line);stroke-width:1}
.tick{font-size:12px;fill:var(--soft)}.end{text-anchor:end}.mid{text-anchor:middle}
polyline,.keys line{fill:none;stroke-width:2}circle{stroke:none}.a{stroke:var(--a)}
.b{stroke:var(--b);stroke-dasharray:7 3}.c{stroke:var(--c);stroke-dasharray:2 3}
.d{stroke:var(--d);stroke-dasharray:9 3 2 3}
circle.a{fill:var(--a)}circle.b{fill:var(--b)}circle.c{fill:var(--c)}circle.d{fill:var(--d)}
.limit{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:1 4}.fault{fill:var(--fault)}
.keys{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;padding:0;margin:.3rem 0 0;list-style:none;
font-size:.9rem}
.keys svg{width:1.6rem;height:.55rem;margin-right:.4rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.6rem 1.5rem;margin:0}
dt{color:var(--soft);font-size:.9rem}dd{margin:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{text-align:right;padding:.3rem .5rem;border-bottom:1px solid var(--line)}
th{font-weight:600;vertical-align:bottom}th:first-child,td:first-child,.words{text-align:left}
code{font-size:.9em;overflow-wrap:anywhere}
@media print{main{max-width:none;padding:0}h2{break-after:avoid}}
)";

// --- tables

std::string table(std::string_view name, const std::vector<const char*>& heads, const std::string& rows) {
  std::string out = fmt::format(
      R"(<div class="scroll" tabindex="0" role="region" aria-label="{0}"><table><caption>{0}</caption><thead><tr>)",
      name);
  for (const char* head : heads) out += fmt::format(R"(<th scope="col">{}</th>)", head);
  return out + "</tr></thead><tbody>" + rows + "</tbody></table></div>";
}

template <class... Cells>
std::string row(const Cells&... cells) {
  std::string out = "<tr>";
  ((out += fmt::format("<td>{}</td>", cells)), ...);
  return out + "</tr>";
}

// --- charts of the play

Chart of_play(const Outcome& outcome, std::string id, std::string title, std::string what) {
  Chart out{.id = std::move(id),
            .title = std::move(title),
            .what = std::move(what),
            .x_name = "seconds of the play"};
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

std::string load_chart(const Outcome& outcome) {
  const Tally& total = outcome.total.all;
  Chart load =
      of_play(outcome, "load", "Requests a second",
              fmt::format("{} came, {} were answered, {} told to wait, {} turned away or not reached.",
                          count(double(total.offered)), count(double(total.answered)),
                          count(double(total.waiting)), count(double(total.refused + total.failed))));
  load.lines = {{"a", "came", values(outcome.seconds, [](const Slice& s) { return s.all.offered; })},
                {"b", "answered, or told to wait",
                 values(outcome.seconds, [](const Slice& s) { return s.all.answered + s.all.waiting; })},
                {"c", "turned away or not reached",
                 values(outcome.seconds, [](const Slice& s) { return s.all.refused + s.all.failed; })},
                {"d", "of those who came: again",
                 values(outcome.seconds, [](const Slice& s) { return s.all.retried; })}};
  return figure_of(std::move(load));
}

std::string time_charts(const Outcome& outcome) {
  const auto door = [&](Door which) {
    return values(outcome.seconds, [which](const Slice& s) { return s.by_door[std::size_t(which)].p99_ms; });
  };
  Chart took =
      of_play(outcome, "took", "Time to an answer, 99 of 100, milliseconds",
              fmt::format("Outside of faults the worst second had {:.0f} ms.", outcome.quiet_p99_ms));
  took.limit = double(outcome.scenario.promise.p99.count());
  took.lines.push_back({"a", "pages", door(Door::page)});
  if (outcome.total.by_door[std::size_t(Door::api)].offered > 0)
    took.lines.push_back({"b", "applications", door(Door::api)});
  if (outcome.scenario.web > 0) took.lines.push_back({"c", "the web's door", door(Door::web)});
  std::string out = figure_of(std::move(took));
  if (outcome.scenario.sms <= 0) return out;
  Chart sms =
      of_play(outcome, "sms", "From a message to its answer at the gateway, milliseconds",
              fmt::format("Outside of faults the worst second had {:.0f} ms.", outcome.quiet_sms_p99_ms));
  sms.limit = double(outcome.scenario.promise.sms_p99.count());
  sms.lines = {{"a", "99 of 100", door(Door::sms)}, {"b", "half", values(outcome.seconds, [](const Slice& s) {
                                                       return s.by_door[std::size_t(Door::sms)].p50_ms;
                                                     })}};
  return out + figure_of(std::move(sms));
}

std::string machine_charts(const Outcome& outcome) {
  const auto& seconds = outcome.seconds;
  const bool postgres = outcome.scenario.database == Scenario::Engine::postgresql;
  Chart cpu =
      of_play(outcome, "cpu", "Processors in use, cores", "By the system's parts, and by all programs.");
  cpu.lines = {{"a", "the writer", values(seconds, [](const Slice& s) { return s.writer; })},
               {"b", "connections", values(seconds, [](const Slice& s) { return s.io; })},
               {"c", postgres ? "workers and PostgreSQL" : "workers",
                values(seconds, [](const Slice& s) { return s.workers + s.database; })},
               {"d", "the whole machine", values(seconds, [](const Slice& s) { return s.machine; })}};
  Chart disk = of_play(outcome, "disk", "Waiting for the disk, share of the time",
                       "Of the whole machine, as the kernel counts it.");
  disk.lines = {{"a", "something waited", values(seconds, [](const Slice& s) { return s.disk; })}};
  return figure_of(std::move(cpu)) + figure_of(std::move(disk));
}

// --- parts

std::string doors_part(const Outcome& outcome) {
  std::string rows;
  for (std::size_t door = 0; door < doors; ++door) {
    const Tally& one = outcome.total.by_door[door];
    if (one.offered == 0) continue;
    double worst = 0;
    for (const Slice& slice : outcome.seconds) {
      if (slice.fault.empty()) worst = std::max(worst, slice.by_door[door].p99_ms);
    }
    rows += row(door_names[door], count(double(one.offered)), count(double(one.answered)),
                count(double(one.waiting)), count(double(one.refused)), count(double(one.failed)),
                count(double(one.retried)), fmt::format("{:.0f}", worst));
  }
  return table("By door",
               {"door", "came", "answered", "told to wait", "turned away", "not reached", "of them again",
                "99 of 100 in the worst quiet second, ms"},
               rows);
}

std::string faults_part(const Outcome& outcome) {
  if (outcome.faults.empty()) return {};
  std::string rows;
  bool edge = false;
  for (const Struck& one : outcome.faults) edge = edge || one.edge_asked > 0;
  for (const Struck& one : outcome.faults) {
    std::string cells =
        fmt::format("<td>{}</td><td>{:.1f}</td><td>{:.1f}</td><td>{}</td><td>{}</td>", one.what, one.at,
                    one.ended - one.at, one.served ? fmt::format("{:.2f}", *one.served - one.ended) : "never",
                    one.fault.whom == Fault::Whom::edge ? "all" : percent(one.during.share_answered()));
    if (edge) {
      cells += fmt::format("<td>{}</td><td>{:.1f}</td>", share_of(one.edge_answered, one.edge_asked),
                           one.edge_lag_s);
    }
    rows += "<tr>" + cells + "</tr>";
  }
  std::vector<const char*> heads{"fault", "at, s", "lasted, s", "from its end until somebody was served, s",
                                 "answered meanwhile"};
  if (edge) {
    heads.push_back("the edge's answers meanwhile");
    heads.push_back("the edge was behind by up to, s");
  }
  std::string out = "<h2>Faults, and how long recovery took</h2>" + table("Faults", heads, rows);
  if (!outcome.edge.there) return out;
  Chart lag = of_play(outcome, "edge", "An operator's edge: seconds behind the centre, and share answered",
                      fmt::format("It was asked {} times and answered {}; at most {:.1f} s behind.",
                                  count(double(outcome.edge.asked)), count(double(outcome.edge.answered)),
                                  outcome.edge.lag_most_s));
  lag.lines = {{"a", "seconds behind", outcome.edge.lag_s},
               {"b", "share answered", outcome.edge.answered_share}};
  return out + figure_of(std::move(lag)) +
         fmt::format(
             "<p>The edge's callers asked ten times a second for a line that is granted something: {} of {} "
             "questions were answered, {} otherwise than before.</p>",
             count(double(outcome.edge.answered)), count(double(outcome.edge.asked)),
             count(double(outcome.edge.differed)));
}

std::string messages_part(const Outcome& outcome) {
  const MessagesOutcome& of = outcome.messages;
  if (of.sent == 0) return {};
  std::string rows;
  std::vector<std::pair<std::string, Kind>> kinds(of.kinds.begin(), of.kinds.end());
  std::sort(kinds.begin(), kinds.end(),
            [](const auto& a, const auto& b) { return a.second.messages > b.second.messages; });
  for (const auto& [name, kind] : kinds) {
    rows += row(escape_html(name), count(double(kind.messages)),
                share_of(kind.right + kind.careful, kind.messages), count(double(kind.careful)),
                count(double(kind.wrong)));
  }
  std::string out = fmt::format(
      "<h2>Messages</h2><p>{} messages came through the gateway to the node's door, each from a telephone of "
      "its own, "
      "and their answers were awaited at the gateway: {} were answered, {} rightly, {} by a question that "
      "was right "
      "too, {} wrongly; {} were granted what they should not have been. Half had their answer within {:.2f} "
      "s, 99 of "
      "100 within {:.1f} s, {} within a minute. The gateway brought {} a further time until the node had "
      "taken them; "
      "people wrote {} a further time. {} permits were told, and {} of them aren't in the database. {} "
      "answers went "
      "out twice; the database marks {} as possibly doubled.</p>",
      count(double(of.sent)), count(double(of.answered)), share_of(of.right, of.sent),
      count(double(of.careful)), count(double(of.wrong)), count(double(of.granted_wrongly)), of.p50_s,
      of.p99_s, percent(of.within_minute), count(double(of.redelivered)), count(double(of.again)),
      count(double(of.permits)), count(double(of.permits_lost)), count(double(of.answers_twice)),
      count(double(of.marked_twice)));
  out += table("How people wrote, and how it was answered",
               {"how", "messages", "right", "of them asked back", "wrong"}, rows);
  if (of.examples.empty()) return out;
  out += "<p>Some that were answered wrongly:</p><ul>";
  for (const std::string& one : of.examples) out += fmt::format("<li><code>{}</code></li>", escape_html(one));
  return out + "</ul>";
}

std::string web_part(const Outcome& outcome) {
  const WebOutcome& of = outcome.web;
  if (of.visitors == 0) return {};
  return fmt::format(
      "<h2>The web's door</h2><p>{} came to apply on the web, the ramp's too; {} were let in, {} were told "
      "to wait "
      "first, and the longest wait until being let in was {:.1f} s. Who waits tries again: {} of them by the "
      "button, "
      "the others when the page does. {} lost their place by it.</p>",
      count(double(of.visitors)), count(double(of.admitted)), count(double(of.told_to_wait)),
      of.longest_wait_s, percent(outcome.scenario.retries.share), count(double(of.places_changed)));
}

std::string ramp_part(const Outcome& outcome) {
  if (outcome.steps.empty()) return {};
  Chart took{.id = "ramp",
             .title = "Time to an answer while more and more comes, 99 of 100, milliseconds",
             .what = "Each point is one step of the ramp.",
             .x_name = "requests a second"};
  took.limit = double(outcome.scenario.promise.p99.count());
  std::vector<Slice> slices;
  std::string rows;
  for (const Step& step : outcome.steps) {
    const Slice& slice = step.slice;
    took.ticks.push_back(count(step.rate));
    slices.push_back(slice);
    rows += fmt::format(
        "<tr><td>{}</td><td>{:.1f} "
        "%</td><td>{:.0f}</td><td>{:.0f}</td><td>{:.2f}</td><td>{:.2f}</td><td>{:.2f}</td>"
        "<td>{:.2f}</td><td>{:.2f}</td><td>{:.0f}</td><td class=\"words {}\">{}</td></tr>",
        count(step.rate), 100 * slice.all.share_answered(), slice.all.p50_ms, slice.all.p99_ms, slice.writer,
        slice.io, slice.workers + slice.database, slice.machine, slice.disk, slice.queue,
        step.held ? "good" : "bad", step.held ? "held" : "broke: " + step.because);
  }
  static constexpr const char* styles[doors]{"a", "c", "d", "b"};
  for (std::size_t door = 0; door < doors; ++door) {
    if (outcome.total.by_door[door].offered == 0) continue;
    took.lines.push_back({styles[door], door_names[door],
                          values(slices, [door](const Slice& s) { return s.by_door[door].p99_ms; })});
  }
  return fmt::format(
             "<h2>To what load it holds, and what breaks first</h2><p>Held up to <b>{}</b> requests a "
             "second. "
             "What breaks first: <b>{}</b>. {}</p>{}",
             count(outcome.held_to), escape_html(outcome.breaks_first), escape_html(outcome.why),
             figure_of(std::move(took))) +
         table("Steps of the ramp",
               {"came a second", "answered", "half, ms", "99 of 100, ms", "writer, cores",
                "connections, cores", "workers and database, cores", "machine, cores", "waiting for disk",
                "waiting for a worker", "verdict"},
               rows);
}

/// How the play compares with what was.
std::string scale_of(const Outcome& outcome) {
  const Scenario& scenario = outcome.scenario;
  const Scenario::Real& real = scenario.real;
  std::string out;
  const auto say = [&](const std::string& sentence) { out += (out.empty() ? "" : " ") + sentence; };
  const Tally& sms = outcome.total.by_door[std::size_t(Door::sms)];
  if (scenario.curve.size() > 1) {
    say(fmt::format("{} hours in {:.0f} seconds: time runs {:.0f} times as quick.", scenario.curve.size(),
                    scenario.duration.count(),
                    double(scenario.curve.size()) * 3600 / scenario.duration.count()));
  }
  if (real.a_day > 0 && sms.offered > 0) {
    say(fmt::format("{} messages for the {} of such a day: 1 for {:.3g}.", count(double(sms.offered)),
                    count(real.a_day), real.a_day / double(sms.offered)));
  }
  if (real.messages > 0 && sms.offered > 0) {
    say(fmt::format("Of all {} messages it is 1 for {:.3g}.", count(real.messages),
                    real.messages / double(sms.offered)));
  }
  if (real.people > 0) {
    say(fmt::format("{} persons for {}: 1 for {:.3g}.", count(double(scenario.persons)), count(real.people),
                    real.people / double(scenario.persons)));
  }
  if (real.peak_a_second > 0) {
    double most = 0;
    for (const Slice& slice : outcome.seconds) {
      most = std::max(most, double(slice.by_door[std::size_t(Door::sms)].offered));
    }
    say(fmt::format(
        "In the fullest second {:.0f} messages came, {:.1f} times the {:.0f} that the file reckons for "
        "that time.",
        most, most / real.peak_a_second, real.peak_a_second));
  }
  return out;
}

std::string facts_part(const Outcome& outcome) {
  const Scenario& scenario = outcome.scenario;
  std::string out = "<h2>What was played</h2><dl>";
  const auto fact = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, escape_html(value));
  };
  fact("Scale", scale_of(outcome));
  fact("Persons", count(double(scenario.persons)) + ", synthetic");
  fact("Fullest hour", fmt::format("{} requests a second", count(scenario.peak)));
  fact("Who comes",
       fmt::format("{} read pages, {} come to the web's door, {} write messages, the others apply through "
                   "the API",
                   percent(scenario.pages), percent(scenario.web), percent(scenario.sms)));
  fact("Broken",
       fmt::format("{} of messages and applications can't be understood", percent(scenario.broken)));
  fact("Who tries again", fmt::format("{} of those turned away, up to {} times",
                                      percent(scenario.retries.share), scenario.retries.at_most));
  if (outcome.messages.phrases > 0) {
    fact("Messages are made of",
         fmt::format("{} phrases of {}; {} others were left out", count(double(outcome.messages.phrases)),
                     scenario.messages, count(double(outcome.messages.left_out))));
  }
  fact("Database", outcome.database);
  fact("Machine", outcome.machine);
  fact("The drill took", fmt::format("{:.0f} seconds", outcome.took_s));
  fact("Source", scenario.source);
  return out + "</dl>";
}

std::string sums_part(const Outcome& outcome) {
  const auto sum = [](std::string_view name, const std::string& value) {
    return fmt::format("<li><b>{}</b><span>{}</span></li>", value, name);
  };
  std::string out = "<ul class=\"sums\">";
  if (outcome.held_to > 0) out += sum("requests a second held", count(outcome.held_to));
  out += sum("requests played", count(double(outcome.total.all.offered)));
  if (outcome.messages.sent > 0) {
    out += sum("messages, the ramp's too", count(double(outcome.messages.sent))) +
           sum("of them answered rightly",
               share_of(outcome.messages.right + outcome.messages.careful, outcome.messages.sent));
  }
  out += sum("receipts and permits told", count(double(outcome.receipts + outcome.messages.permits))) +
         sum("lost", count(double(outcome.lost))) + sum("recorded twice", count(double(outcome.doubled)));
  if (!outcome.faults.empty()) {
    out += sum("longest recovery after a fault", fmt::format("{:.1f} s", outcome.recovered_s()));
  }
  return out + "</ul>";
}

}  // namespace

std::string to_html(const Outcome& outcome) {
  std::string checks;
  for (const auto& [sentence, holds] : outcome.verdicts) {
    checks += fmt::format("<li class=\"{}\"><b aria-hidden=\"true\">{}</b>{}{}</li>", holds ? "good" : "bad",
                          holds ? "✓" : "✗", holds ? "" : "Not so: ", escape_html(sentence));
  }
  const std::string said = outcome.ready() ? "Ready: what was promised held."
                                           : "Not ready: something that was promised did not hold.";
  const std::string breaks =
      outcome.breaks_first.empty()
          ? ""
          : fmt::format("<p>Held up to <b>{}</b> requests a second. What breaks first: <b>{}</b>.</p>",
                        count(outcome.held_to), escape_html(outcome.breaks_first));
  return fmt::format(
             "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
             "content=\"width=device-width, initial-scale=1\"><title>Readiness: "
             "{}</title><style>{}</style></head>"
             "<body><main><p class=\"soft\">Readiness report of a drill</p><h1>{}</h1><p class=\"verdict "
             "{}\">{}</p>{}{}"
             "<h2>What held</h2><ul class=\"checks\">{}</ul>",
             escape_html(outcome.scenario.title), style, escape_html(outcome.scenario.title),
             outcome.ready() ? "good" : "bad", said, breaks, sums_part(outcome), checks) +
         facts_part(outcome) + ramp_part(outcome) + faults_part(outcome) + messages_part(outcome) +
         web_part(outcome) + "<h2>The play, second by second</h2>" + load_chart(outcome) +
         time_charts(outcome) + machine_charts(outcome) + doors_part(outcome) +
         fmt::format(
             "<p class=\"soft\">Synthetic persons, a system of the drill's own; the crowd shares the machine "
             "with it. {} applications are recorded without a receipt: their answers were lost in a fault, "
             "and "
             "whoever asks again finds them.</p></main></body></html>\n",
             count(double(outcome.without_receipt)));
}

}  // namespace dayaq::cli::drill
