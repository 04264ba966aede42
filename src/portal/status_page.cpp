#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "portal/page_parts.hpp"

namespace dayaq::portal {
namespace {

struct ErrorTexts {
  int status;
  std::string_view title;
  std::string_view text;
  std::string_view next;
};

constexpr std::array<ErrorTexts, 7> error_texts{{
    {400, "error_bad_request", "error_bad_request_text", "error_bad_request_next"},
    {401, "error_sign_in", "error_sign_in_text", "error_sign_in_next"},
    {403, "error_forbidden", "error_forbidden_text", "error_forbidden_next"},
    {404, "error_not_found", "error_not_found_text", "error_not_found_next"},
    {413, "error_too_large", "error_too_large_text", "error_too_large_next"},
    {503, "error_unavailable", "error_unavailable_text", "error_unavailable_next"},
    {500, "error_internal", "error_internal_text", "error_internal_next"},
}};

}  // namespace

Result<std::string> status_page(Page& page, const StatusContent& content) {
  constexpr std::array<std::string_view, 4> part_keys{"part_database", "part_population", "part_audit",
                                                      "part_feed"};
  const Format& format = page.format();
  View& view = page.content("status.html");
  const bool good = std::ranges::all_of(content.parts, &PartState::up);
  view.set("SUMMARY", format.text(good ? "status_good" : "status_bad"));
  view.set("AS_OF", format.fill("as_of", {{"time", format.date_time(page.now())}}));
  for (const PartState& part : content.parts) {
    View& row = view.add("PART");
    row.set("NAME", format.text(part_keys[static_cast<std::size_t>(part.part)]));
    row.set("TAG", part.up ? "go" : "bad");
    row.set("STATE", format.text(part.up ? "status_up" : "status_down"));
    row.set("DETAIL", part.detail);
  }
  add_feed_table(view, content.feeds, page);
  view.set("CHECKPOINT", content.checkpoint);
  return page.render({"/status", "", "/status"}, format.text("status_title"));
}

Result<std::string> error_page(Page& page, int status, const Here& here) {
  const auto known = std::ranges::find(error_texts, status, &ErrorTexts::status);
  const ErrorTexts& texts = known == error_texts.end() ? error_texts.back() : *known;
  const Format& format = page.format();
  View& view = page.content("error.html");
  view.set("STATUS", format.fill("error_status", {{"status", fmt::format("{}", status)}}));
  view.set("TITLE", format.text(texts.title));
  view.set("TEXT", format.text(texts.text));
  view.set("NEXT", format.text(texts.next));
  return page.render(here, format.text(texts.title));
}

}  // namespace dayaq::portal
