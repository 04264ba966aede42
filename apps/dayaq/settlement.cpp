// dayaq settlement: what operators' edges settled, and how it compares with an operator's own records.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/file.hpp"
#include "command.hpp"
#include "http/encoding.hpp"

namespace dayaq::cli {
namespace {

namespace json = boost::json;
using http::Method;

struct SettlementArguments {
  std::string from, until, provider, file;
  bool by_day = false;
};

std::string text_at(const json::value& value, std::string_view name) {
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  if (found == nullptr || found->is_null()) return {};
  return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
}
std::int64_t number_at(const json::value& value, std::string_view name) {
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  return found == nullptr || !found->is_number() ? 0 : found->to_number<std::int64_t>();
}
const json::array& list_at(const json::value& value, std::string_view name) {
  static const json::array none;
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  return found != nullptr && found->is_array() ? found->get_array() : none;
}

/// "special-quarantine/home-tv" for officials, "special-quarantine #3" for an operator.
std::string measure_of(const json::value& sum) {
  const std::string code = text_at(sum, "code");
  return text_at(sum, "regime") + (code.empty() ? " #" + text_at(sum, "measure") : "/" + code);
}

/// What is owed, or why nothing is.
std::string owed_of(const json::value& sum) {
  const std::string pays = text_at(sum, "pays");
  if (pays == "free") return "free";
  if (pays == "month" && text_at(sum, "unit") != "subscriptions") return "by month";
  if (pays == "unknown") return "no such law";
  return text_at(sum, "owed_qepik").empty() ? "" : money(number_at(sum, "owed_qepik"));
}

void print_sums(const json::value& answer) {
  fmt::print("{:<20} {:<10} {:<44} {:<22} {:>20} {:<8} {:>16}\n", "operator", "period", "measure", "benefit",
             "units", "", "owed, manat");
  for (const json::value& sum : list_at(answer, "sums")) {
    const std::string traffic = text_at(sum, "traffic");
    const std::string day = text_at(sum, "day");
    fmt::print("{:<20} {:<10} {:<44} {:<22} {:>20} {:<8} {:>16}\n", text_at(sum, "operator"),
               day.empty() ? text_at(sum, "month") : day, measure_of(sum),
               text_at(sum, "gives") + (traffic.empty() ? "" : " " + traffic),
               number(number_at(sum, "units")), text_at(sum, "unit"), owed_of(sum));
  }
  for (const json::value& total : list_at(answer, "owed")) {
    fmt::print("{:<20} {:>127}\n", text_at(total, "operator"), money(number_at(total, "owed_qepik")));
  }
  for (const json::value& edge : list_at(answer, "edges")) {
    fmt::print("{}/{}: batch {}, stored {}\n", text_at(edge, "operator"), text_at(edge, "edge"),
               text_at(edge, "number"), text_at(edge, "stored"));
  }
}

void print_differences(const json::value& answer) {
  const json::array& differences = list_at(answer, "differences");
  for (const json::value& difference : differences) {
    const auto side = [&](std::string_view name) {
      return text_at(difference, name).empty() ? "-" : number(number_at(difference, name));
    };
    const std::string traffic = text_at(difference, "traffic_class");
    fmt::print("{:<14} {} {:<44} {:<22} here {:>18}  there {:>18}\n", text_at(difference, "what"),
               text_at(difference, "day"), text_at(difference, "measure"),
               text_at(difference, "benefit") + (traffic.empty() ? "" : " " + traffic), side("here"),
               side("there"));
  }
  for (const json::value& total : list_at(answer, "totals")) {
    fmt::print("total {:<10} here {:>20}  there {:>20}  more there {:>20}\n", text_at(total, "benefit"),
               number(number_at(total, "here")), number(number_at(total, "there")),
               number(number_at(total, "more_there")));
  }
  fmt::print("{} compared from {} until {}, {} differences\n", text_at(answer, "compared"),
             text_at(answer, "from"), text_at(answer, "until"), differences.size());
}

std::string target_of(std::string_view path, const SettlementArguments& arguments) {
  std::string out(path);
  char mark = '?';
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    out += fmt::format("{}{}={}", std::exchange(mark, '&'), name, http::percent_encode(value));
  };
  add("from", arguments.from);
  add("until", arguments.until);
  add("operator", arguments.provider);
  if (arguments.by_day) add("by", "day");
  return out;
}

Result<Exit> show(const Settings& settings, const SettlementArguments& arguments) {
  return run_call(settings, Method::get, target_of("/v1/settlements", arguments), {}, {}, print_sums);
}

/// Refused if there is a difference, so that a script notices.
Result<Exit> reconcile(const Settings& settings, const SettlementArguments& arguments) {
  DAYAQ_TRY(const std::string csv, read_file(arguments.file, 16u << 20));
  DAYAQ_TRY(const auto transport, connect(settings));
  DAYAQ_TRY(
      const Reply reply,
      transport->call(Method::post, target_of("/v1/settlements/reconcile", arguments), csv, "text/csv"));
  if (!reply.ok()) {
    if (settings.json) {
      fmt::print("{}\n", reply.body);
    } else {
      print_problem(reply, csv, arguments.file);
    }
    return Exit::refused;
  }
  boost::system::error_code failed;
  const json::value report = json::parse(reply.body, failed);
  if (settings.json || failed) {
    fmt::print("{}\n", reply.body);
  } else {
    print_differences(report);
  }
  return list_at(report, "differences").empty() ? Exit::done : Exit::refused;
}

}  // namespace

void add_settlement(Commands& commands) {
  CLI::App* settlement = commands.app.add_subcommand(
      "settlement", "What operators delivered and what is owed for it; compare it with their own records");
  settlement->require_subcommand(1);
  auto arguments = std::make_shared<SettlementArguments>();
  using Do = Result<Exit> (*)(const Settings&, const SettlementArguments&);
  const auto add = [&](const char* name, const char* what, const char* example, Do run) {
    CLI::App* command = settlement->add_subcommand(name, what);
    command->add_option("--from", arguments->from, "The first day");
    command->add_option("--until", arguments->until, "The day after the last");
    command->add_option("--operator", arguments->provider, "One operator's code");
    command->footer(std::string("Example:\n  dayaq settlement ") + example);
    command->callback([&commands, arguments, run] {
      commands.chosen = [arguments, run](const Settings& settings) { return run(settings, *arguments); };
    });
    return command;
  };
  add("show", "Sums by operator, month and measure, and what is owed",
      "show --from 2026-11-01 --operator azercell", show)
      ->add_flag("--by-day", arguments->by_day, "Sums of each day, without money");
  add("reconcile",
      "Holds an operator's own records (CSV: day,measure,benefit,traffic_class,units) against what was "
      "settled; "
      "exits with 1 if they differ",
      "reconcile november.csv --operator azercell", reconcile)
      ->add_option("file", arguments->file, "The records (CSV)")
      ->required();
}

}  // namespace dayaq::cli
