#include "edge/web/status_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "edge/web/status_style.hpp"
#include "edge/web/status_texts.hpp"

namespace dayaq::edge::web {
namespace {

using std::chrono::seconds;

/// Writes the page's parts; everything that isn't from the texts is escaped.
class Page {
 public:
  explicit Page(const StatusPageParts& parts) : p_(parts), s_(parts.status) { out_.reserve(24 << 10); }

  std::string write() {
    head();
    summary();
    figures();
    charts();
    out_ += "<section class=\"grid\">";
    centre();
    settlement();
    decisions();
    usage();
    out_ += "</section>";
    protocols();
    peers();
    siblings();
    foot();
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string_view t(Word word) const { return text(word, p_.language); }
  template <class... Args>
  [[nodiscard]] std::string fill(Word word, const Args&... args) const {
    return fmt::format(fmt::runtime(t(word)), args...);
  }
  [[nodiscard]] std::string number(std::uint64_t value) const { return group_digits(std::int64_t(value)); }
  [[nodiscard]] std::string link(Language language, bool refreshes) const {
    return fmt::format("?lang={}{}", to_string(language), refreshes ? "&amp;refresh=1" : "");
  }
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  [[nodiscard]] std::string span(std::chrono::microseconds length) const {
    const auto s = std::max<std::int64_t>(std::chrono::duration_cast<seconds>(length).count(), 0);
    if (s < 120) return fill(Word::seconds, s);
    if (s < 7200) return fill(Word::minutes, s / 60);
    if (s < 172800) return fill(Word::hours, s / 3600);
    return fill(Word::days, s / 86400);
  }
  [[nodiscard]] static std::string short_number(double value) {
    if (value < 10) return fmt::format("{:.{}f}", value, value < 0.05 || std::floor(value) == value ? 0 : 1);
    return group_digits(std::int64_t(value + 0.5));
  }

  void head() {
    const std::string name = escape_html(s_.operator_code + " · " + s_.name);
    add("<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width,initial-scale=1\"><title>{} – {}</title><link rel=\"icon\" "
        "href=\"data:,\"><style>{}</style></head><body><a class=\"skip\" href=\"#main\">{}</a>",
        to_string(p_.language), name, t(Word::title), status_style(), t(Word::skip));
    add("<header class=\"top\"><div class=\"wrap\"><span class=\"logo\">Dayaq · {}</span><nav class=\"lang\" "
        "aria-label=\"{}\"><ul>",
        escape_html(s_.operator_code), t(Word::language));
    for (const Language language : languages) {
      const std::string_view own = language == Language::az   ? "Azərbaycan"
                                   : language == Language::en ? "English"
                                                              : "Русский";
      if (language == p_.language) {
        add("<li><b aria-current=\"true\">{}</b></li>", own);
      } else {
        add("<li><a href=\"{}\" hreflang=\"{}\" lang=\"{}\">{}</a></li>", link(language, p_.refreshes),
            to_string(language), to_string(language), own);
      }
    }
    out_ += "</ul></nav></div></header><main class=\"wrap\" id=\"main\">";
  }

  void summary() {
    const std::vector<Worry> found = worries(s_);
    add("<div class=\"tags\"><span class=\"tag {}\">{}</span><span>{} · {} {}/{}</span></div><h1>{}</h1>",
        found.empty() ? "go" : "wait", t(found.empty() ? Word::all_good : Word::some_worries),
        escape_html(s_.name), escape_html(s_.line), s_.number, s_.edges, t(Word::title));
    const std::string time = p_.zone.format_local(s_.at);
    add("<p class=\"soft small\">{} · <a href=\"{}\">{}</a></p>", fill(Word::as_of, time),
        link(p_.language, !p_.refreshes), t(p_.refreshes ? Word::refresh_off : Word::refresh));
    for (const Worry& worry : found) {
      using enum Worry::What;
      const bool bad = worry.what == disk_full || worry.what == disk_failed || worry.what == no_grants;
      const auto word = Word(std::size_t(Word::worry_disk_full) + std::size_t(worry.what));
      add("<p class=\"note{}\">{}</p>", bad ? " bad" : "", fill(word, escape_html(worry.about)));
    }
  }

  void figure(Word word, const std::string& value) {
    add("<div><dt>{}</dt><dd>{}</dd></div>", t(word), value);
  }

  void figures() {
    out_ += "<dl class=\"figs\">";
    figure(Word::grants, number(s_.replica.subscriptions));
    figure(Word::lag, s_.feed_connected ? fmt::format("{} ms", s_.feed_lag.count())
                                        : span(s_.at - std::max(s_.feed_heard, s_.started)));
    figure(Word::questions, short_number(p_.history.recent(Series::questions)));
    if (s_.diameter || s_.radius) {
      figure(Word::sessions, number(s_.diameter_sessions + (s_.radius ? s_.radius->sessions : 0)));
    }
    if (s_.tv) figure(Word::viewers, number(s_.tv->viewers));
    figure(Word::uptime, span(s_.at - s_.started));
    out_ += "</dl>";
    add("<p class=\"soft small\">{}</p>", t(Word::grants_what));
  }

  void chart(Word title, Series series, double scale) {
    std::vector<double> points = p_.history.points(series);
    for (double& point : points) point *= scale;
    const double most = points.empty() ? 0 : *std::ranges::max_element(points);
    add("<figure class=\"card\"><figcaption><h3>{}</h3>", t(title));
    if (points.size() < 2 || most <= 0) {
      add("<p class=\"soft\">{}</p></figcaption></figure>", t(Word::chart_empty));
      return;
    }
    const std::string said = fill(Word::now_most, short_number(points.back()), short_number(most));
    add("<p class=\"soft\">{}</p></figcaption>", said);
    // A young edge's chart begins with two minutes, and grows to ten.
    const std::size_t full =
        std::clamp<std::size_t>(points.size(), 24, History::seconds_kept / History::seconds_a_point);
    std::string line;
    const std::size_t left = full - std::min(full, points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      fmt::format_to(std::back_inserter(line), "{}{},{:.1f}", i == 0 ? "" : " ", (left + i) * 5,
                     98 - 94 * points[i] / most);
    }
    const std::size_t last = (left + points.size() - 1) * 5;
    add("<svg class=\"chart\" viewBox=\"0 0 {} 100\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"{}: {}\"><polygon class=\"a\" points=\"{},100 {} {},100\"/><polyline class=\"l\" "
        "points=\"{}\"/></svg></figure>",
        (full - 1) * 5, t(title), said, left * 5, line, last, line);
  }

  void charts() {
    add("<section aria-labelledby=\"minutes\"><h2 id=\"minutes\">{}</h2><div class=\"grid\">",
        t(Word::last_minutes));
    chart(Word::chart_questions, Series::questions, 1);
    chart(Word::chart_data, Series::data, 8e-6);
    chart(Word::chart_calls, Series::calls, 1);
    if (s_.tv) chart(Word::chart_viewers, Series::viewers, 1);
    chart(Word::chart_lag, Series::lag, 1);
    out_ += "</div></section>";
  }

  void card(Word title) { add("<div class=\"card\"><h2>{}</h2><dl class=\"facts\">", t(title)); }
  void fact(Word word, const std::string& value) { add("<dt>{}</dt><dd>{}</dd>", t(word), value); }
  void end_card() { out_ += "</dl></div>"; }

  void centre() {
    card(Word::centre);
    fact(Word::state, fmt::format("<span class=\"tag {}\">{}</span>", s_.feed_connected ? "go" : "wait",
                                  t(s_.feed_connected ? Word::centre_connected : Word::centre_away)));
    fact(Word::centre_heard, s_.feed_heard == instant_min ? "–" : span(s_.at - s_.feed_heard));
    fact(Word::sequence, number(s_.replica.sequence));
    fact(Word::behind, number(s_.feed_behind));
    fact(Word::measures, number(s_.replica.measures));
    fact(Word::resources, s_.resources_version == 0 ? "–" : number(s_.resources_version));
    end_card();
  }

  void settlement() {
    card(Word::settlement);
    if (s_.settlement) {
      fact(Word::batches, number(s_.settlement->made));
      fact(Word::confirmed, number(s_.settlement->confirmed));
      fact(Word::waiting, number(s_.settlement->waiting));
    }
    const Word disk = s_.disk == Journal::Health::ok     ? Word::disk_good
                      : s_.disk == Journal::Health::full ? Word::disk_full
                                                         : Word::disk_failed;
    fact(Word::disk,
         fmt::format("<span class=\"tag {}\">{}</span>", disk == Word::disk_good ? "go" : "bad", t(disk)));
    fact(Word::records, number(s_.journal_durable));
    fact(Word::unjournaled, number(s_.engine.unjournaled));
    end_card();
  }

  void decisions() {
    card(Word::decisions);
    fact(Word::granted, number(s_.engine.granted));
    fact(Word::not_covered, number(s_.engine.not_covered));
    fact(Word::used_up, number(s_.engine.used_up));
    fact(Word::limited, number(s_.engine.limited));
    fact(Word::refused, number(s_.engine.refused));
    fact(Word::repeated, number(s_.engine.repeated));
    end_card();
  }

  void usage() {
    const auto used = [&](feed::Benefit benefit) { return s_.engine.used[std::size_t(benefit)]; };
    card(Word::usage);
    fact(Word::voice, number(used(feed::Benefit::voice) / 60));
    fact(Word::messages, number(used(feed::Benefit::messages)));
    fact(Word::data, number(used(feed::Benefit::data) / 1'000'000));
    fact(Word::tv, number(used(feed::Benefit::tv) / 60));
    end_card();
  }

  void row(std::string_view name, std::uint64_t received, std::uint64_t answered, std::uint64_t relayed,
           std::uint64_t errors) {
    add("<tr><th scope=\"row\">{}</th><td class=\"num\">{}</td><td class=\"num\">{}</td><td "
        "class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
        name, number(received), number(answered), number(relayed), number(errors));
  }

  void protocols() {
    if (!s_.diameter && !s_.radius && !s_.tv) return;
    add("<section><h2 id=\"protocols\">{}</h2><div class=\"scroll\" "
        "tabindex=\"0\" "
        "role=\"region\" aria-labelledby=\"protocols\"><table><thead><tr><th scope=\"col\">{}</th>",
        t(Word::protocols), t(Word::protocol));
    for (const Word word : {Word::received, Word::answered, Word::relayed, Word::errors}) {
      add("<th scope=\"col\" class=\"num\">{}</th>", t(word));
    }
    out_ += "</tr></thead><tbody>";
    if (s_.diameter) {
      const auto& d = *s_.diameter;
      row("Diameter", d.requests, d.answers - std::min(d.relayed, d.answers), d.relayed,
          d.malformed + d.relay_failed + d.busy);
    }
    if (s_.radius) {
      const auto& r = *s_.radius;
      row("RADIUS", r.access + r.accounting,
          r.access + r.accounting - std::min(r.proxied, r.access + r.accounting), r.proxied, r.dropped);
    }
    if (s_.tv) {
      const auto& v = *s_.tv;
      const std::uint64_t all = v.allowed + v.denied + v.nobody + v.elsewhere;
      row("TV", all, v.allowed + v.denied, 0, v.nobody + v.elsewhere);
    }
    out_ += "</tbody></table></div></section>";
  }

  void state_table(Word title, Word column, const std::vector<std::pair<std::string, std::string>>& rows,
                   std::string_view id) {
    add("<section aria-labelledby=\"{}\"><h2 id=\"{}\">{}</h2><table><thead><tr><th scope=\"col\">{}</th><th "
        "scope=\"col\">{}</th></tr></thead><tbody>",
        id, id, t(title), t(column), t(Word::state));
    for (const auto& [name, state] : rows) {
      add("<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape_html(name), state);
    }
    out_ += "</tbody></table></section>";
  }

  void peers() {
    if (!s_.diameter) return;
    constexpr std::size_t shown_max = 20;
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& [host, state] : s_.diameter->peers) {
      if (rows.size() == shown_max) break;
      rows.emplace_back(host, fmt::format("<span class=\"tag {}\">{}</span>", state == "open" ? "go" : "wait",
                                          escape_html(state)));
    }
    if (!rows.empty()) return state_table(Word::peers, Word::peer, rows, "peers");
    add("<section><h2>{}</h2><p class=\"soft\">{}</p></section>", t(Word::peers), t(Word::no_peers));
  }

  void siblings() {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const Status::Sibling& sibling : s_.siblings) {
      rows.emplace_back(sibling.name,
                        fmt::format("<span class=\"tag {}\">{}</span> {}", sibling.heard ? "go" : "wait",
                                    t(sibling.heard ? Word::heard : Word::silent), number(sibling.sequence)));
    }
    if (!rows.empty()) return state_table(Word::siblings, Word::sibling, rows, "siblings");
    add("<section><h2>{}</h2><p class=\"soft\">{}</p></section>", t(Word::siblings), t(Word::no_siblings));
  }

  void foot() {
    add("</main><footer class=\"foot\"><div class=\"wrap\"><ul><li><a "
        "href=\"/v1/openapi.json\">{}</a></li><li><a "
        "href=\"/metrics\">{}</a></li><li><a href=\"/health/ready\">{}</a></li></ul><p>dayaq-edge "
        "{}</p></div>"
        "</footer></body></html>",
        t(Word::api), t(Word::metrics), t(Word::health), escape_html(s_.version));
  }

  const StatusPageParts& p_;
  const Status& s_;
  std::string out_;
};

}  // namespace

std::string status_page(const StatusPageParts& parts) {
  return Page(parts).write();
}

void add_status_route(http::Router& router, std::shared_ptr<StatusBoard> board,
                      std::shared_ptr<const History> history, const Zone& zone) {
  router.add({.pattern = "/",
              .open = "counts, about nobody",
              .run = http::Run::worker,
              .operation = "get_status_page",
              .summary = "The edge's own page.",
              .tag = "pages"},
             [board, history, &zone](const http::Request& request) {
               const Status status = board->now();
               const bool refreshes = request.query_value("refresh") == "1";
               http::Response response = http::Response::html(status_page({.status = status,
                                                                           .history = *history,
                                                                           .zone = zone,
                                                                           .language = request.language,
                                                                           .refreshes = refreshes}));
               if (refreshes) response.headers.emplace_back("Refresh", "5");
               response.headers.emplace_back("Cache-Control", "no-store");
               response.headers.emplace_back("Content-Security-Policy",
                                             "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                                             "frame-ancestors 'none'; base-uri 'none'");
               return response;
             });
}

}  // namespace dayaq::edge::web
