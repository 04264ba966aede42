#include "registry/import.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <optional>

#include "base/text.hpp"
#include "registry/import_job.hpp"

namespace dayaq::registry {
namespace {

constexpr std::size_t beginning_max = 64 << 10;
constexpr std::size_t read_size = 1 << 20;
constexpr std::size_t line_kept_max = CsvOptions().line_max + 1;
constexpr std::size_t chunk_bytes_max = 256 << 20;

/// One write on its way: the next chunk is checked meanwhile.
class InFlight {
 public:
  explicit InFlight(store::Database& db) : db_(db) {}
  ~InFlight() {
    if (result_.valid()) result_.wait();  // the writer thread still uses what hangs on this
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  [[nodiscard]] bool busy() const { return result_.valid(); }

  /// Stores the chunk and the job's new position in one transaction.
  void start(const Registry& registry, CheckedChunk chunk, ImportJob job, const std::string& actor) {
    chunk_ = std::move(chunk);
    job_ = std::move(job);
    std::promise<Result<void>> promise;
    result_ = promise.get_future();
    auto shared =
        std::make_shared<std::promise<Result<void>>>(std::move(promise));  // std::function must be copyable
    db_.submit(
        [this, &registry, actor](store::Session& session) -> Result<void> {
          DAYAQ_TRY(outcome_, apply_chunk(session, registry, job_.kind, chunk_, actor));
          ImportJob after = job_;
          after.counts += outcome_.counts;
          DAYAQ_TRY_OK(store_job(session, after, registry.clock.now()));
          stored_ = std::move(after);
          return {};
        },
        [shared](Result<void> result) { shared->set_value(std::move(result)); });
  }
  /// Waits until it is durable. The job as stored and what became of the rows.
  Result<std::pair<ImportJob, ChunkOutcome>> wait() {
    DAYAQ_TRY_OK(result_.get());
    return std::pair(std::move(stored_), std::move(outcome_));
  }

 private:
  store::Database& db_;
  CheckedChunk chunk_;
  ImportJob job_;
  ImportJob stored_;
  ChunkOutcome outcome_;
  std::future<Result<void>> result_;
};

/// One run over one file.
class Import {
 public:
  Import(store::Database& db, const Registry& registry, const ReadBytes& read, const ImportOptions& options)
      : db_(db), registry_(registry), options_(options), cutter_(read, options.chunk_rows) {}

  Result<ImportReport> run() {
    DAYAQ_TRY(const std::string first_line, cutter_.header());
    DAYAQ_TRY(header_, parse_import_header(options_.kind, first_line));
    DAYAQ_TRY_OK(find_job());
    cutter_.set_chunk_rows(job_.chunk_rows);
    const ImportRules rules = import_rules(registry_);
    DAYAQ_TRY_OK(skip_what_is_durable(rules));
    DAYAQ_TRY_OK(import_the_rest(rules));
    report_.counts = job_.counts;
    if (report_.stopped) return report_;
    DAYAQ_TRY_OK(db_.write([&](store::Session& session) -> Result<void> {
      ImportJob done = job_;
      done.finished = registry_.clock.now();
      return store_job(session, done, done.finished);
    }));
    return report_;
  }

 private:
  Result<void> find_job() {
    job_.job = import_job_name(options_.kind, cutter_.beginning());
    DAYAQ_TRY(auto known, db_.read([&](store::Session& session) { return load_job(session, job_.job); }));
    if (known && known->finished == instant_max && !options_.restart) {
      job_ = *std::move(known);
      report_.resumed_from = job_.read_to;
      return {};
    }
    job_ = ImportJob{job_.job,    options_.kind,         registry_.clock.now(),
                     instant_max, options_.chunk_rows,   0,
                     2,           std::string(32, '\0'), {}};
    return {};
  }

  /// Reads again what an earlier run stored: to see that it is the same file, and to know its keys.
  Result<void> skip_what_is_durable(const ImportRules& rules) {
    std::string chain(32, '\0');
    std::uint64_t read_to = 0;
    while (read_to < report_.resumed_from) {
      DAYAQ_TRY(const ImportChunk chunk, cutter_.next());
      if (chunk.text.empty()) break;
      const CheckedChunk checked = check_chunk(header_, chunk, rules, &seen_);
      chain = chain_on(chain, checked.sha256);
      read_to = chunk.end;
    }
    if (read_to == report_.resumed_from && (read_to == 0 || chain == job_.chain)) return {};
    return fail(
        ErrorKind::conflict, "import.other_file",
        "An interrupted import began with a file like this one that differs further on. Import that one, or "
        "ask for a restart.");
  }

  Result<void> import_the_rest(const ImportRules& rules) {
    InFlight write(db_);
    for (;;) {
      DAYAQ_TRY(const ImportChunk chunk, cutter_.next());
      std::optional<CheckedChunk> checked;
      if (!chunk.text.empty()) checked = check_chunk(header_, chunk, rules, &seen_);
      if (write.busy()) DAYAQ_TRY_OK(take(write));
      if (!checked || report_.stopped) return {};
      ImportJob next = job_;
      next.read_to = chunk.end;
      next.next_line = chunk.first_line + lines_in(chunk.text);
      next.chain = chain_on(job_.chain, checked->sha256);
      write.start(registry_, *std::move(checked), std::move(next), options_.actor);
    }
  }

  Result<void> take(InFlight& write) {
    DAYAQ_TRY(auto stored, write.wait());
    job_ = std::move(stored.first);
    if (options_.on_reject) {
      for (const Reject& reject : stored.second.rejects) options_.on_reject(reject);
    }
    if (options_.on_progress) {
      report_.stopped = !options_.on_progress({job_.read_to, job_.counts, report_.resumed_from > 0});
    }
    return {};
  }

  static std::uint64_t lines_in(std::string_view text) {
    return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  }

  store::Database& db_;
  const Registry& registry_;
  const ImportOptions& options_;
  ChunkCutter cutter_;
  ImportHeader header_;
  ImportJob job_;
  SeenKeys seen_;
  ImportReport report_;
};

/// What the database says about one row: stored, or a reason to refuse the row. Other errors fail the
/// transaction.
Result<bool> row_refused(const Error& error) {
  if (error.kind == ErrorKind::internal || error.kind == ErrorKind::unavailable ||
      error.code.starts_with("store.")) {
    return std::unexpected(error);
  }
  return true;
}

/// Stores rows one after another; `put` returns what became of one.
template <class Row, class Put>
Result<void> apply_rows(const std::vector<Imported<Row>>& rows, ChunkOutcome& outcome, Put&& put) {
  for (const Imported<Row>& imported : rows) {
    const Result<Recorded> recorded = put(imported.row);
    if (!recorded) {
      DAYAQ_TRY_OK(row_refused(recorded.error()));
      const Error& error = recorded.error();
      const bool nobody = error.code == "registry.person";
      outcome.rejects.push_back({imported.line, nobody ? "national_id" : column_of(error.field), error.code,
                                 nobody ? "Nobody with this national id is registered." : error.public_text,
                                 std::string(imported.text)});
      continue;
    }
    switch (*recorded) {
      case Recorded::fresh:
        ++outcome.counts.recorded;
        break;
      case Recorded::changed:
        ++outcome.counts.changed;
        break;
      case Recorded::unchanged:
        ++outcome.counts.unchanged;
        break;
    }
  }
  return {};
}

}  // namespace

ImportCounts& ImportCounts::operator+=(const ImportCounts& other) {
  recorded += other.recorded;
  changed += other.changed;
  unchanged += other.unchanged;
  rejected += other.rejected;
  return *this;
}

Result<ChunkOutcome> apply_chunk(store::Session& session, const Registry& registry, ImportKind kind,
                                 const CheckedChunk& chunk, const std::string& actor) {
  ChunkOutcome outcome;
  outcome.rejects = chunk.rejects;
  const Instant now = registry.clock.now();
  DAYAQ_TRY_OK(apply_rows(chunk.persons, outcome,
                          [&](const PersonRow& row) { return put_person(session, registry, row, now); }));
  DAYAQ_TRY_OK(apply_rows(chunk.attestations, outcome, [&](const AttestRequest& row) -> Result<Recorded> {
    DAYAQ_TRY(const AttestOutcome put, put_attestation(session, registry, row, now));
    return put.recorded;
  }));
  DAYAQ_TRY_OK(apply_rows(chunk.subscriptions, outcome, [&](const SubscriptionView& row) {
    return put_subscription(session, registry, row);
  }));
  std::ranges::sort(outcome.rejects, {}, &Reject::line);
  outcome.counts.rejected = outcome.rejects.size();
  const std::string action = fmt::format("import.{}", to_string(kind));
  DAYAQ_TRY_OK(registry.log.append(
      session, {.action = action,
                .actor = actor,
                .subject = std::nullopt,
                .data = fmt::format(
                    R"({{"changed":{},"recorded":{},"rejected":{},"rows_sha256":"{}","unchanged":{}}})",
                    outcome.counts.changed, outcome.counts.recorded, outcome.counts.rejected, chunk.sha256,
                    outcome.counts.unchanged),
                .personal = ""}));
  return outcome;
}

Result<ImportReport> import_file(store::Database& db, const Registry& registry, const ReadBytes& read,
                                 const ImportOptions& options) {
  return Import(db, registry, read, options).run();
}

Result<ReadBytes> open_import(const std::string& path) {
  const int fd = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return fail(ErrorKind::not_found, "file.missing", "The file can't be opened. Check its name and rights.",
                fmt::format("{}: {}", path, std::strerror(errno)));
  }
  // Shared, since std::function must be copyable; closed with the last copy.
  std::shared_ptr<const int> owner(new int(fd), [](const int* held) {
    ::close(*held);
    delete held;
  });
  return ReadBytes([owner](std::span<char> out) -> Result<std::size_t> {
    for (;;) {
      const ssize_t got = ::read(*owner, out.data(), out.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) {
        return fail(ErrorKind::unavailable, "file.read", "The file can't be read.", std::strerror(errno));
      }
    }
  });
}

void append_reject(std::string& out, const Reject& reject) {
  append_csv_row(out, {fmt::format_int(reject.line).str(), reject.field, reject.code, reject.reason,
                       is_utf8(reject.text) ? reject.text : "(not UTF-8)"});
}

std::string_view rejects_header() {
  return "line,field,code,reason,text\n";
}

Result<bool> ChunkCutter::fill() {
  if (ended_) return false;
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + read_size);
  const auto got = read_(std::span(buffer_).subspan(before));
  buffer_.resize(before + (got ? *got : 0));
  if (!got) return std::unexpected(got.error());
  if (beginning_.size() < beginning_max) {
    beginning_.append(buffer_, before, std::min(*got, beginning_max - beginning_.size()));
  }
  ended_ = *got == 0;
  return !ended_;
}

/// Appends the next line with its line break; of a line that is too long its first bytes. False at the end.
Result<bool> ChunkCutter::take_line(std::string& out) {
  const std::size_t start = out.size();
  bool any = false;
  for (;;) {
    const std::string_view rest = std::string_view(buffer_).substr(at_);
    const std::size_t line_feed = rest.find('\n');
    const std::size_t taken = line_feed == std::string_view::npos ? rest.size() : line_feed + 1;
    any = any || taken > 0;
    const std::size_t have = out.size() - start;
    const std::string_view content = rest.substr(0, line_feed);
    out.append(content.substr(0, line_kept_max - std::min(line_kept_max, have)));
    at_ += taken;
    offset_ += taken;
    if (line_feed != std::string_view::npos) {
      out.push_back('\n');
      ++line_;
      return true;
    }
    DAYAQ_TRY(const bool more, fill());
    if (!more) return any;
  }
}

Result<std::string> ChunkCutter::header() {
  while (beginning_.size() < beginning_max) {
    DAYAQ_TRY(const bool more, fill());
    if (!more) break;
  }
  std::string line;
  DAYAQ_TRY_OK(take_line(line));
  if (line.ends_with('\n')) line.pop_back();
  if (line.ends_with('\r')) line.pop_back();
  if (line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  return line;
}

Result<ImportChunk> ChunkCutter::next() {
  ImportChunk chunk{{}, line_, offset_, offset_};
  for (std::uint64_t rows = 0; rows < chunk_rows_ && chunk.text.size() < chunk_bytes_max; ++rows) {
    DAYAQ_TRY(const bool more, take_line(chunk.text));
    if (!more) break;
  }
  chunk.end = offset_;
  return chunk;
}

}  // namespace dayaq::registry
