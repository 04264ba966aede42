#include "base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace dayaq::log {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("dayaq", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->flush_on(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

void write(Level level, std::string_view id, std::string_view text, std::initializer_list<Field> fields) {
  static constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
  static constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                         spdlog::level::warn, spdlog::level::err};
  const auto at = static_cast<std::size_t>(level);
  if (!logger().should_log(levels[at])) return;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  std::string line =
      fmt::format(R"({{"at":{},"level":"{}","id":)", now.time_since_epoch().count(), names[at]);
  append_json(line, id);
  line += ",\"text\":";
  append_json(line, text);
  for (const Field& field : fields) {
    line += ',';
    append_json(line, field.key);
    line += ':';
    append_json(line, field.value);
  }
  line += '}';
  logger().log(levels[at], "{}", line);
}

void error(std::string_view id, std::string_view text, const Error& what) {
  write(Level::error, id, text, {{"code", what.code}, {"error", what.public_text}, {"detail", what.detail}});
}

Result<void> set_level(std::string_view level) {
  if (level == "debug")
    logger().set_level(spdlog::level::debug);
  else if (level == "info")
    logger().set_level(spdlog::level::info);
  else if (level == "warning")
    logger().set_level(spdlog::level::warn);
  else if (level == "error")
    logger().set_level(spdlog::level::err);
  else if (level == "off")
    logger().set_level(spdlog::level::off);
  else
    return fail(ErrorKind::invalid_input, "log.level",
                "The log level is one of debug, info, warning, error, off.");
  return {};
}

}  // namespace dayaq::log
