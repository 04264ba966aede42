#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>

#include "command.hpp"
#include "regime/file.hpp"

namespace dayaq::cli {
namespace json = boost::json;

namespace {

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string_view(found->get_string()) : std::string_view();
}

std::int64_t number_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_int64() ? found->get_int64() : 0;
}

void print_finding(const json::object& finding, std::string_view file) {
  std::string where(file);
  if (const auto field = text_of(finding, "field"); !field.empty())
    where += fmt::format("{}{}", where.empty() ? "" : ": ", field);
  fmt::print(stderr, "{}{}{} [{}]\n", where, where.empty() ? "" : ": ", text_of(finding, "detail"),
             text_of(finding, "code"));
}

Error error_of(const json::object& finding) {
  Error error{.kind = ErrorKind::invalid_input,
              .code = {},
              .public_text = std::string(text_of(finding, "detail")),
              .detail = {},
              .field = std::string(text_of(finding, "field"))};
  error.line = static_cast<std::uint32_t>(number_of(finding, "line"));
  error.column = static_cast<std::uint32_t>(number_of(finding, "column"));
  return error;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void print_error(const Error& error) {
  fmt::print(stderr, "dayaq: {}{} [{}]\n", error.field.empty() ? "" : error.field + ": ", error.public_text,
             error.code);
  if (!error.detail.empty()) fmt::print(stderr, "  {}\n", error.detail);
}

void print_problem(const Reply& reply, std::string_view source, std::string_view file) {
  boost::system::error_code failed;
  const json::value document = json::parse(reply.body, failed);
  if (failed || !document.is_object()) {
    fmt::print(stderr, "dayaq: the server answered {}\n", reply.status);
    return;
  }
  const json::object& problem = document.get_object();
  if (const json::value* errors = problem.if_contains("errors"); errors != nullptr && errors->is_array()) {
    Errors placed;
    for (const json::value& finding : errors->get_array()) {
      if (!finding.is_object()) continue;
      if (source.empty())
        print_finding(finding.get_object(), file);
      else
        placed.push_back(error_of(finding.get_object()));
    }
    fmt::print(stderr, "{}", regime::format_errors(placed, file, source));
    return;
  }
  print_finding(problem, file);
}

Result<Exit> run_call(const Settings& settings, http::Method method, std::string_view target,
                      std::string_view body, std::string_view content_type,
                      const std::function<void(const json::value&)>& pretty, std::string_view file) {
  DAYAQ_TRY(const auto transport, connect(settings));
  DAYAQ_TRY(const Reply reply, transport->call(method, target, body, content_type));
  if (!reply.ok()) {
    if (settings.json)
      fmt::print("{}\n", reply.body);
    else
      print_problem(reply, body, file);
    return Exit::refused;
  }
  boost::system::error_code failed;
  const json::value document = json::parse(reply.body.empty() ? "null" : reply.body, failed);
  if (settings.json || failed)
    fmt::print("{}\n", reply.body);
  else
    pretty(document);
  return Exit::done;
}

std::string number(std::int64_t value) {
  std::string digits = fmt::format("{}", value < 0 ? -value : value);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ' ');
  return value < 0 ? "-" + digits : digits;
}

std::string money(std::int64_t qepik) {
  return fmt::format("{}.{:02}", number(qepik / 100), (qepik < 0 ? -qepik : qepik) % 100);
}

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1), started_ms_(now_ms()) {}

ProgressBar::~ProgressBar() {
  finish();
}

void ProgressBar::show(std::uint64_t done, std::uint64_t total, std::string_view unit) {
  const std::int64_t now = now_ms();
  if (!terminal_ || now - last_ms_ < 150) return;
  last_ms_ = now;
  const double seconds = std::max(0.001, static_cast<double>(now - started_ms_) / 1000.0);
  const double rate = static_cast<double>(done) / seconds;
  std::string line = fmt::format("\r{} ", what_);
  if (total > 0) {
    constexpr std::size_t width = 30;
    const auto share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
    line += fmt::format("[{}{}] {:3.0f} % ", std::string(filled, '='), std::string(width - filled, ' '),
                        share * 100);
    const double left = rate > 0 ? static_cast<double>(total - std::min(done, total)) / rate : 0;
    line += fmt::format("{:.0f} s left, ", left);
  }
  line += fmt::format("{} {}, {}/s\033[K", number(static_cast<std::int64_t>(done)), unit,
                      number(static_cast<std::int64_t>(rate)));
  fmt::print(stderr, "{}", line);
  drawn_ = true;
}

void ProgressBar::finish() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace dayaq::cli
