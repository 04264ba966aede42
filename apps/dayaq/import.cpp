// dayaq import, dayaq export.
#include "registry/import.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/file.hpp"
#include "command.hpp"
#include "node.hpp"
#include "registry/export.hpp"

namespace dayaq::cli {
namespace {

namespace json = boost::json;
using registry::ImportCounts;
using registry::ImportKind;

struct ImportArguments {
  std::string kind;
  std::string file = "-";
  std::string rejects;
  bool restart = false;
};

/// Where rejected lines go; made when the first comes.
class RejectsFile {
 public:
  explicit RejectsFile(std::string path) : path_(std::move(path)) {}
  RejectsFile(const RejectsFile&) = delete;
  RejectsFile& operator=(const RejectsFile&) = delete;
  ~RejectsFile() {
    if (file_ != nullptr) std::fclose(file_);
  }
  void add(std::string_view line) {
    if (file_ == nullptr) {
      file_ = std::fopen(path_.c_str(), "w");
      if (file_ == nullptr) return;
      const std::string_view head = registry::rejects_header();
      (void)std::fwrite(head.data(), 1, head.size(), file_);
    }
    (void)std::fwrite(line.data(), 1, line.size(), file_);
  }
  [[nodiscard]] bool written() const { return file_ != nullptr; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::FILE* file_ = nullptr;
};

void report(const Settings& settings, const ImportCounts& counts, const RejectsFile& rejects) {
  const auto signed_number = [](std::uint64_t n) { return number(static_cast<std::int64_t>(n)); };
  if (settings.json) {
    fmt::print(R"({{"recorded":{},"changed":{},"unchanged":{},"rejected":{}}})"
               "\n",
               counts.recorded, counts.changed, counts.unchanged, counts.rejected);
    return;
  }
  fmt::print("{} recorded, {} changed, {} as before, {} rejected\n", signed_number(counts.recorded),
             signed_number(counts.changed), signed_number(counts.unchanged), signed_number(counts.rejected));
  if (rejects.written()) fmt::print("rejected lines with reasons: {}\n", rejects.path());
}

Result<Exit> import_here(const Settings& settings, const ImportArguments& arguments, node::Node& node) {
  DAYAQ_TRY(const ImportKind kind, registry::parse_import_kind(arguments.kind));
  DAYAQ_TRY(const registry::ReadBytes read, registry::open_import(arguments.file));
  std::error_code unknown;
  const auto size = arguments.file == "-" ? 0 : std::filesystem::file_size(arguments.file, unknown);
  RejectsFile rejects(arguments.rejects);
  ProgressBar bar("importing " + arguments.kind);
  registry::ImportOptions options;
  options.kind = kind;
  options.chunk_rows = 200'000;
  options.restart = arguments.restart;
  options.on_progress = [&](const registry::ImportProgress& progress) {
    bar.show(progress.bytes, unknown ? 0 : size, "bytes");
    return true;
  };
  options.on_reject = [&](const registry::Reject& reject) {
    std::string line;
    registry::append_reject(line, reject);
    rejects.add(line);
  };
  DAYAQ_TRY(const auto done, registry::import_file(node.database(), node.registry(), read, options));
  bar.finish();
  if (done.resumed_from > 0 && !settings.json) {
    fmt::print("went on at byte {} of an import that was interrupted\n",
               number(static_cast<std::int64_t>(done.resumed_from)));
  }
  report(settings, done.counts, rejects);
  return done.counts.rejected == 0 ? Exit::done : Exit::refused;
}

/// One chunk of the API's answer: its counts; rejected lines go to the rejects file.
Result<ImportCounts> take_counts(const Reply& reply, RejectsFile& rejects) {
  boost::system::error_code failed;
  const json::value document = json::parse(reply.body, failed);
  if (failed || !document.is_object())
    return fail(ErrorKind::internal, "cli.answer", "The server's answer can't be read.");
  const json::object& answer = document.get_object();
  const auto count = [&](std::string_view name) {
    const json::value* found = answer.if_contains(name);
    return found != nullptr && found->is_int64() ? static_cast<std::uint64_t>(found->get_int64()) : 0;
  };
  const json::value* rejected = answer.if_contains("rejects");
  for (const json::value& one : rejected != nullptr ? rejected->as_array() : json::array()) {
    const auto text = [&](std::string_view name) {
      const json::value* found = one.is_object() ? one.get_object().if_contains(name) : nullptr;
      return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
    };
    const std::string code = text("code");
    registry::Reject reject{
        .line = 0, .field = text("field"), .code = code, .reason = text("reason"), .text = text("text")};
    if (const json::value* line = one.get_object().if_contains("line"))
      reject.line = line->to_number<std::uint64_t>();
    std::string row;
    registry::append_reject(row, reject);
    rejects.add(row);
  }
  return ImportCounts{count("recorded"), count("changed"), count("unchanged"), count("rejected")};
}

/// Into a running node: chunk by chunk over the API. A repeated row changes nothing, so that a retry is
/// harmless.
Result<Exit> import_there(const Settings& settings, const ImportArguments& arguments, Transport& transport) {
  DAYAQ_TRY(const registry::ReadBytes read, registry::open_import(arguments.file));
  std::error_code unknown;
  const auto size = arguments.file == "-" ? 0 : std::filesystem::file_size(arguments.file, unknown);
  registry::ChunkCutter cutter(read, 5'000);
  DAYAQ_TRY(const std::string header, cutter.header());
  RejectsFile rejects(arguments.rejects);
  ProgressBar bar("importing " + arguments.kind);
  ImportCounts counts;
  for (;;) {
    DAYAQ_TRY(const registry::ImportChunk chunk, cutter.next());
    if (chunk.text.empty()) break;
    const std::string target =
        fmt::format("/v1/imports/{}/chunks?first_line={}", arguments.kind, chunk.first_line);
    DAYAQ_TRY(const Reply reply,
              transport.call(http::Method::post, target, header + "\n" + chunk.text, "text/csv"));
    if (!reply.ok()) {
      print_problem(reply);
      return Exit::refused;
    }
    DAYAQ_TRY(const ImportCounts more, take_counts(reply, rejects));
    counts += more;
    bar.show(chunk.end, unknown ? 0 : size, "bytes");
  }
  bar.finish();
  report(settings, counts, rejects);
  return counts.rejected == 0 ? Exit::done : Exit::refused;
}

Result<Exit> import(const Settings& settings, ImportArguments arguments) {
  if (arguments.rejects.empty()) {
    arguments.rejects = (arguments.file == "-" ? arguments.kind : arguments.file) + ".rejects.csv";
  }
  if (settings.server.empty()) {
    auto node = node::Node::open({.data = settings.data, .country = settings.country, .index = false});
    if (node) return import_here(settings, arguments, **node);
    if (node.error().code != "file.locked") return std::unexpected(node.error());
  }
  DAYAQ_TRY(const auto transport, connect(settings));
  return import_there(settings, arguments, *transport);
}

Result<Exit> export_kind(const Settings& settings, const std::string& name, const std::string& file) {
  DAYAQ_TRY(const ImportKind kind, registry::parse_import_kind(name));
  DAYAQ_TRY(const auto reader, node::Reader::open(settings.data, settings.country));
  std::FILE* out = file == "-" ? stdout : std::fopen(file.c_str(), "w");
  if (out == nullptr)
    return fail(ErrorKind::unavailable, "file.write", fmt::format("The file {} can't be written.", file));
  ProgressBar bar("exporting " + name);
  std::uint64_t written = 0;
  const auto rows = reader->database().read([&](store::Session& session) {
    return registry::export_rows(session, reader->country(), reader->organisations(),
                                 registry::RegistryStore(reader->catalogue()), kind,
                                 [&](std::string_view bytes) -> Result<void> {
                                   if (std::fwrite(bytes.data(), 1, bytes.size(), out) != bytes.size()) {
                                     return fail(ErrorKind::unavailable, "file.write",
                                                 "The output can't be written: is the disk full?");
                                   }
                                   written += bytes.size();
                                   bar.show(written, 0, "bytes");
                                   return {};
                                 });
  });
  bar.finish();
  const bool closed = std::fflush(out) == 0 && (out == stdout || std::fclose(out) == 0);
  if (!rows) return std::unexpected(rows.error());
  if (!closed)
    return fail(ErrorKind::unavailable, "file.write", "The output can't be written: is the disk full?");
  fmt::print(stderr, "{} rows\n", number(static_cast<std::int64_t>(*rows)));
  return Exit::done;
}

}  // namespace

void add_import(Commands& commands) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App* import_command =
      commands.app.add_subcommand("import", "Imports persons, attestations or subscriptions from CSV");
  import_command->add_option("kind", arguments->kind, "persons, attestations or subscriptions")->required();
  import_command->add_option("file", arguments->file, "The CSV file; - for standard input");
  import_command->add_option("--rejects", arguments->rejects, "Where rejected lines go (FILE.rejects.csv)");
  import_command->add_flag("--restart", arguments->restart,
                           "Begin anew, even if this file's import was interrupted");
  import_command->footer(
      "Examples:\n  dayaq import persons persons.csv\n  zcat lines.csv.gz | dayaq import subscriptions -");
  import_command->callback([&commands, arguments] {
    commands.chosen = [arguments](const Settings& settings) { return import(settings, *arguments); };
  });

  auto target = std::make_shared<std::pair<std::string, std::string>>("", "-");
  CLI::App* export_command =
      commands.app.add_subcommand("export", "Writes persons, attestations or subscriptions as CSV");
  export_command->add_option("kind", target->first, "persons, attestations or subscriptions")->required();
  export_command->add_option("file", target->second, "The CSV file; - for standard output");
  export_command->footer("Example:\n  dayaq export persons persons.csv");
  export_command->callback([&commands, target] {
    commands.chosen = [target](const Settings& settings) {
      return export_kind(settings, target->first, target->second);
    };
  });
}

}  // namespace dayaq::cli
