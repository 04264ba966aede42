// What the commands share: settings, printing, exit codes.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "transport.hpp"

namespace CLI {
class App;
}

namespace dayaq::cli {

enum class Exit : int { done = 0, refused = 1, usage = 2, unreachable = 3 };

/// What runs when a command is chosen.
using Action = std::function<Result<Exit>(const Settings&)>;

/// Sets the chosen command's action; main runs it after parsing.
struct Commands {
  CLI::App& app;
  Settings& settings;
  Action chosen;
};

void add_init(Commands& commands);
void add_import(Commands& commands);
void add_regime(Commands& commands);
void add_grants(Commands& commands);
void add_key(Commands& commands);
void add_client(Commands& commands);
void add_edge(Commands& commands);
void add_feed(Commands& commands);
void add_audit(Commands& commands);
void add_check(Commands& commands);
void add_settlement(Commands& commands);
void add_service(Commands& commands);
void add_permit(Commands& commands);
void add_drill(Commands& commands);

/// One finding on standard error: the sentence, where it is, and the code.
void print_error(const Error& error);
/// The problem document of a refused request, with all its findings. `source` is the file that was sent, for
/// the line and a caret under each finding; "" if there is none.
void print_problem(const Reply& reply, std::string_view source = {}, std::string_view file = {});
/// A request whose answer is printed: as it came with --json, through `pretty` otherwise.
Result<Exit> run_call(const Settings& settings, http::Method method, std::string_view target,
                      std::string_view body, std::string_view content_type,
                      const std::function<void(const boost::json::value&)>& pretty,
                      std::string_view file = {});

/// "1 234 567" and "12 345.60" (manat from qepik) for terminals.
[[nodiscard]] std::string number(std::int64_t value);
[[nodiscard]] std::string money(std::int64_t qepik);

/// A bar on standard error, redrawn a few times a second, only if that is a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar();
  /// @param total  0 if it isn't known
  void show(std::uint64_t done, std::uint64_t total, std::string_view unit);
  void finish();

 private:
  std::string what_;
  bool terminal_;
  bool drawn_ = false;
  std::int64_t started_ms_;
  std::int64_t last_ms_ = 0;
};

}  // namespace dayaq::cli
