// dayaq audit: verify, checkpoint, export.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "audit/export.hpp"
#include "audit/verify.hpp"
#include "base/file.hpp"
#include "command.hpp"
#include "node.hpp"

namespace dayaq::cli {
namespace {

struct AuditArguments {
  std::string key;         ///< verifier key; "" for the data folder's own
  std::string checkpoint;  ///< file with a checkpoint kept elsewhere
  std::string file;
  bool public_only = false;
};

Exit print_report(const Settings& settings, const audit::VerifyReport& report) {
  if (settings.json) {
    fmt::print(R"({{"good":{},"entries":{},"personal":{},"erased":{})", report.good(), report.head.size,
               report.personal, report.erased);
    if (report.fault) {
      fmt::print(R"(,"fault":{{"kind":"{}","index":{}}})", audit::to_string(report.fault->kind),
                 report.fault->index);
    }
    fmt::print("}}\n");
  } else if (report.good()) {
    fmt::print("The log is whole: {} entries, {} with personal data that opens, {} erased.\n",
               number(static_cast<std::int64_t>(report.head.size)),
               number(static_cast<std::int64_t>(report.personal)),
               number(static_cast<std::int64_t>(report.erased)));
  } else {
    fmt::print("The log doesn't fit at entry {}: {}. {}\n", report.fault->index,
               audit::to_string(report.fault->kind), report.fault->what);
  }
  return report.good() ? Exit::done : Exit::refused;
}

Result<audit::VerifyOptions> verify_options(const AuditArguments& arguments, const std::string& own_key,
                                            ProgressBar& bar) {
  audit::VerifyOptions options;
  const std::string& text = arguments.key.empty() ? own_key : arguments.key;
  DAYAQ_TRY(options.key, crypto::VerifierKey::parse(text));
  if (!arguments.checkpoint.empty()) {
    DAYAQ_TRY(options.held, read_file(arguments.checkpoint, 1 << 20));
  }
  options.progress = [&bar](std::uint64_t done, std::uint64_t all) { bar.show(done, all, "entries"); };
  return options;
}

Result<Exit> verify(const Settings& settings, const AuditArguments& arguments) {
  ProgressBar bar("verifying");
  if (!arguments.file.empty()) {
    if (arguments.key.empty()) {
      return fail(ErrorKind::invalid_input, "cli.key",
                  "An exported log is verified with the log's public key: give it with --verifier.");
    }
    DAYAQ_TRY(const auto options, verify_options(arguments, {}, bar));
    std::ifstream in(arguments.file, std::ios::binary);
    if (!in)
      return fail(ErrorKind::not_found, "file.missing",
                  fmt::format("The file {} can't be opened.", arguments.file));
    DAYAQ_TRY(const audit::VerifyReport report, audit::verify_export(in, options));
    bar.finish();
    return print_report(settings, report);
  }
  DAYAQ_TRY(const auto reader, node::Reader::open(settings.data, settings.country));
  DAYAQ_TRY(const auto options, verify_options(arguments, reader->audit_verifier(), bar));
  DAYAQ_TRY(const audit::VerifyReport report, reader->database().read([&](store::Session& session) {
    return audit::verify(session, options);
  }));
  bar.finish();
  return print_report(settings, report);
}

Result<Exit> export_log(const Settings& settings, const AuditArguments& arguments) {
  DAYAQ_TRY(const auto reader, node::Reader::open(settings.data, settings.country));
  std::FILE* out =
      arguments.file.empty() || arguments.file == "-" ? stdout : std::fopen(arguments.file.c_str(), "w");
  if (out == nullptr) {
    return fail(ErrorKind::unavailable, "file.write",
                fmt::format("The file {} can't be written.", arguments.file));
  }
  const auto personal = arguments.public_only ? audit::Personal::left_out : audit::Personal::included;
  DAYAQ_TRY(const std::uint64_t entries, reader->database().read([&](store::Session& session) {
    return audit::export_log(session, personal, [&](std::string_view line) -> Result<void> {
      if (std::fwrite(line.data(), 1, line.size(), out) == line.size()) return {};
      return fail(ErrorKind::unavailable, "file.write", "The output can't be written: is the disk full?");
    });
  }));
  const bool closed = std::fflush(out) == 0 && (out == stdout || std::fclose(out) == 0);
  if (!closed)
    return fail(ErrorKind::unavailable, "file.write", "The output can't be written: is the disk full?");
  fmt::print(stderr, "{} entries; verify with --verifier {}\n", number(static_cast<std::int64_t>(entries)),
             reader->audit_verifier());
  return Exit::done;
}

}  // namespace

void add_audit(Commands& commands) {
  CLI::App* audit_command = commands.app.add_subcommand("audit", "The tamper-evident log");
  audit_command->require_subcommand(1);
  auto arguments = std::make_shared<AuditArguments>();

  CLI::App* verify_command = audit_command->add_subcommand(
      "verify", "Checks the whole log offline and names the first entry that doesn't fit");
  verify_command->add_option("--checkpoint", arguments->checkpoint,
                             "A checkpoint kept elsewhere, to hold the log to");
  verify_command->add_option("--verifier", arguments->key, "The log's public key (this node's own)");
  verify_command->add_option("--file", arguments->file, "An exported log instead of the data folder");
  verify_command->footer(
      "Examples:\n  dayaq audit verify\n  dayaq audit verify --checkpoint kept.note\n"
      "  dayaq audit verify --file log.jsonl --verifier 'dayaq.local/audit+...'");
  verify_command->callback([&commands, arguments] {
    commands.chosen = [arguments](const Settings& settings) { return verify(settings, *arguments); };
  });

  CLI::App* checkpoint_command =
      audit_command->add_subcommand("checkpoint", "Prints the signed checkpoint; keep it elsewhere");
  checkpoint_command->footer("Example:\n  dayaq audit checkpoint > kept.note");
  checkpoint_command->callback([&commands] {
    commands.chosen = [](const Settings& settings) -> Result<Exit> {
      DAYAQ_TRY(const auto transport, connect(settings));
      DAYAQ_TRY(const Reply reply, transport->call(http::Method::get, "/v1/audit/checkpoint"));
      if (!reply.ok()) {
        print_problem(reply);
        return Exit::refused;
      }
      fmt::print("{}", reply.body);
      return Exit::done;
    };
  });

  CLI::App* export_command =
      audit_command->add_subcommand("export", "Writes the log so that anybody can verify it");
  export_command->add_option("file", arguments->file, "The file; - for standard output");
  export_command->add_flag("--public", arguments->public_only,
                           "Leave personal data out; the log still verifies");
  export_command->footer("Example:\n  dayaq audit export --public log.jsonl");
  export_command->callback([&commands, arguments] {
    commands.chosen = [arguments](const Settings& settings) { return export_log(settings, *arguments); };
  });
}

}  // namespace dayaq::cli
