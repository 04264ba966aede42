#include "registry/import_job.hpp"

#include "crypto/sign.hpp"

namespace dayaq::registry {
namespace {

ImportJob job_from(const store::Row& row) {
  const auto number = [&](int column) { return static_cast<std::uint64_t>(row.integer(column)); };
  return {std::string(row.text(0)),
          parse_import_kind(row.text(1)).value_or(ImportKind::persons),
          from_micros(row.integer(2)),
          end_from(row, 3),
          number(4),
          number(5),
          number(6),
          std::string(as_text(row.blob(7))),
          {number(8), number(9), number(10), number(11)}};
}

}  // namespace

std::string import_job_name(ImportKind kind, std::string_view beginning) {
  return to_hex(crypto::sha256(as_bytes(to_string(kind)), as_bytes(beginning))).substr(0, 32);
}

std::string chain_on(const std::string& chain, std::string_view chunk_sha256) {
  return std::string(as_text(crypto::sha256(as_bytes(chain), as_bytes(chunk_sha256))));
}

Result<std::optional<ImportJob>> load_job(store::Session& session, const std::string& job) {
  return session.one(
      "SELECT job, kind, started, finished, chunk_rows, read_to, next_line, chain, recorded, changed, "
      "unchanged, "
      "rejected FROM import_job WHERE job = $1",
      {std::string_view(job)}, job_from);
}

Result<void> store_job(store::Session& session, const ImportJob& job, Instant now) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  return session.exec(
      "INSERT INTO import_job (job, kind, started, updated, finished, chunk_rows, read_to, next_line, chain, "
      "recorded, "
      "changed, unchanged, rejected) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
      "ON CONFLICT (job) DO UPDATE SET started = excluded.started, updated = excluded.updated, "
      "finished = excluded.finished, chunk_rows = excluded.chunk_rows, read_to = excluded.read_to, "
      "next_line = excluded.next_line, chain = excluded.chain, recorded = excluded.recorded, "
      "changed = excluded.changed, unchanged = excluded.unchanged, rejected = excluded.rejected",
      {std::string_view(job.job), to_string(job.kind), to_micros(job.started), to_micros(now),
       end_param(job.finished), number(job.chunk_rows), number(job.read_to), number(job.next_line),
       as_bytes(job.chain), number(job.counts.recorded), number(job.counts.changed),
       number(job.counts.unchanged), number(job.counts.rejected)});
}

Result<std::vector<ImportJob>> unfinished_imports(store::Session& session) {
  std::vector<ImportJob> out;
  DAYAQ_TRY_OK(
      session.query("SELECT job, kind, started, finished, chunk_rows, read_to, next_line, chain, recorded, "
                    "changed, unchanged, "
                    "rejected FROM import_job WHERE finished IS NULL ORDER BY started",
                    {}, [&](const store::Row& row) -> Result<bool> {
                      out.push_back(job_from(row));
                      return true;
                    }));
  return out;
}

}  // namespace dayaq::registry
