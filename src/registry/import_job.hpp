// Where an import stands: one row, written in the transaction of each chunk. Part of import.
#pragma once

#include "registry/import.hpp"

namespace dayaq::registry {

/// Names a file by its kind and its first bytes: the same file is the same job.
[[nodiscard]] std::string import_job_name(ImportKind kind, std::string_view beginning);
/// SHA-256(chain || the next chunk's hash), 32 bytes.
[[nodiscard]] std::string chain_on(const std::string& chain, std::string_view chunk_sha256);

Result<std::optional<ImportJob>> load_job(store::Session& session, const std::string& job);
Result<void> store_job(store::Session& session, const ImportJob& job, Instant now);

}  // namespace dayaq::registry
