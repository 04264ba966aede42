#include <fmt/format.h>

#include "portal/page_parts.hpp"

namespace dayaq::portal {
namespace {

constexpr std::size_t findings_max = 50;  // beyond that a person corrects and checks again anyway

/// One line of a text, counted from 1; "" beyond its end.
std::string_view line_of(std::string_view text, std::uint32_t number) {
  for (std::uint32_t line = 1; line < number; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string where(const Error& error, const Format& format) {
  const std::string line = fmt::format("{}", error.line);
  const std::string column = fmt::format("{}", error.column);
  std::string text;
  if (error.line != 0 && error.column != 0) {
    text = format.fill("check_where", {{"line", line}, {"column", column}});
  } else if (error.line != 0) {
    text = format.fill("check_where_line", {{"line", line}});
  }
  if (error.field.empty()) return text;
  return text.empty() ? error.field
                      : format.fill("check_where_field", {{"where", text}, {"field", error.field}});
}

void add_errors(View& view, const CheckContent& content, const Page& page) {
  const Format& format = page.format();
  View& section = view.add("ERRORS");
  section.set("COUNT", format.count("check_errors", static_cast<std::int64_t>(content.errors->size())));
  for (std::size_t i = 0; i < content.errors->size() && i < findings_max; ++i) {
    const Error& error = (*content.errors)[i];
    View& finding = section.add("FINDING");
    finding.set("TEXT", error.public_text);
    finding.set("WHERE", where(error, format));
    const std::string_view line = line_of(content.source, error.line);
    if (error.line == 0 || line.empty()) continue;
    View& excerpt = finding.add("EXCERPT");
    excerpt.set("LINE", std::string(line));
    excerpt.set("CARET", error.column == 0 ? "" : std::string(error.column - 1, ' ') + "^");
  }
}

}  // namespace

std::string version_path(const regime::RegimeVersion& version) {
  return fmt::format("/regimes/{}/versions/{}", version.regime.code.value(), version.regime.version);
}

Result<std::string> draft_page(Page& page, const DraftContent& content) {
  const Format& format = page.format();
  const regime::RegimeVersion& version = *content.version;
  const std::string title = version.regime.title.in(page.language());
  View& view = page.content("draft.html");
  set_standing(view, version, page);
  view.set("REGIME_HREF", "/regimes/" + version.regime.code.value());
  view.set("REGIME_TITLE", title);
  view.set("VERSION", format.version(version.regime.version));
  view.set("TITLE", title);
  view.set("SUMMARY", version.regime.summary.in(page.language()));
  const Standing standing = standing_of(version, page.now());
  if (standing == Standing::submitted || standing == Standing::draft) {
    View& note = view.add("NOTE");
    note.set("KIND", "wait");
    note.set("TEXT", format.text("draft_banner"));
    note.add("MORE").set("TEXT",
                         format.fill("draft_banner_by", {{"actor", page.actor_name(version.submitted_by)},
                                                         {"time", format.date_time(version.submitted)}}));
  } else if (standing != Standing::in_force) {
    View& note = view.add("NOTE");
    note.set("KIND", "off");
    note.set("TEXT", format.text("note_old_version"));
  }
  add_version_facts(view, version, page);
  if (content.comparison != nullptr) {
    add_comparison(view, *content.comparison, page);
  } else {
    View& measures = view.add("MEASURES");
    for (const regime::Measure& measure : version.regime.measures) {
      fill_measure(measures.add("DETAIL"), measure, page);
    }
  }
  return page.render({version_path(version), "", "/regimes"}, title);
}

Result<std::string> check_page(Page& page, const CheckContent& content) {
  const Format& format = page.format();
  View& view = page.content("draft_new.html");
  view.set("SOURCE", content.source);
  view.set("FILE_HINT", format.fill("check_file_hint",
                                    {{"size", format.quantity(content.bytes_max, regime::Unit::octets)}}));
  if (content.errors) add_errors(view, content, page);
  if (content.comparison != nullptr) {
    const regime::Regime& draft = content.comparison->draft;
    View& good = view.add("GOOD");
    const auto count = static_cast<std::int64_t>(draft.measures.size());
    good.set("TEXT", format.fill("check_good", {{"measures", format.count("measures_count", count)}}));
    good.set("TITLE", draft.title.in(page.language()));
    add_comparison(view, *content.comparison, page);
  }
  return page.render({content.posted ? "/drafts/check" : "/drafts/new", "", "/drafts/new", content.posted},
                     format.text("check_title"));
}

}  // namespace dayaq::portal
