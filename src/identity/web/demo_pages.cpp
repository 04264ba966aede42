// The messages that would have gone to made-up persons, for whoever tries the demonstration.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/file.hpp"
#include "identity/web/visit.hpp"

namespace dayaq::identity::web {
namespace {

constexpr std::size_t shown_max = 30;
constexpr std::size_t message_max = 64 << 10;

std::string member(const boost::json::object& from, const char* name) {
  const auto* found = from.if_contains(name);
  const auto* text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

Result<http::Response> outbox(Visit& visit) {
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(visit.web.outbox, failed)) {
    const auto time = entry.last_write_time(failed);
    if (entry.path().extension() == ".json" && !failed) files.emplace_back(time, entry.path());
  }
  std::ranges::sort(files, std::greater<>());
  if (files.size() > shown_max) files.resize(shown_max);
  portal::View& view = visit.content("demo_outbox.html");
  if (files.empty()) view.show("NOTHING");
  for (const auto& [time, path] : files) {
    const auto text = read_file(path, message_max);
    if (!text) continue;
    boost::json::error_code broken;
    const boost::json::value value = boost::json::parse(*text, broken);
    const auto* object = broken ? nullptr : value.if_object();
    if (object == nullptr) continue;
    portal::View& row = view.add("MESSAGE");
    std::string words = member(*object, "text");
    // Answers and notices of e-services are written in parts.
    const auto* parts = object->if_contains("parts");
    for (const auto& part : parts != nullptr && parts->is_array() ? parts->get_array() : boost::json::array()) {
      if (part.is_string()) words += (words.empty() ? "" : " ") + std::string(part.get_string());
    }
    row.set("CHANNEL", parts != nullptr ? "sms" : member(*object, "channel"));
    row.set("TO", member(*object, "to"));
    row.set("WORDS", std::move(words));
  }
  return visit.html("outbox_title");
}

}  // namespace

void add_demo_pages(http::Router& router, const Web& web) {
  add_page(
      router, web,
      {.pattern = "/demo/outbox", .operation = "page_demo_outbox", .summary = "Messages to made-up persons."},
      outbox);
}

}  // namespace dayaq::identity::web
