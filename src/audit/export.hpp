// The log as a file that anybody can check without the database: one JSON object a line.
//
//   {"checkpoint":"<signed note>","entries":2,"format":"dayaq-audit-log/1"}
//   {"hash":"<base64>","index":0,"leaf":"<the leaf's text>"}
//   {"hash":"<base64>","index":1,"leaf":"...","person":"42","personal":"<text>","salt":"<base64>"}
//
// Keys are sorted and there is no white space: a line has one form only. docs/audit.md says what each part
// means.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string_view>

#include "audit/verify.hpp"
#include "store/database.hpp"

namespace dayaq::audit {

enum class Personal : std::uint8_t {
  included,  ///< whoever gets the file can open every commitment
  left_out,  ///< for the public: entries look as if their personal part were erased, and the log still
             ///< verifies
};

/// Writes the log as it is in the session's snapshot, a line at a call of `write`.
/// @return the number of entries, or
///   - internal "audit.corrupt"  an entry or the checkpoint is missing: run verify
///   - errors of the session and of `write`
[[nodiscard]] Result<std::uint64_t> export_log(
    store::Session& session, Personal personal,
    const std::function<Result<void>(std::string_view line)>& write);

/// Checks such a file as verify() checks a database; there are no tiles in it. Reads at most 1 MiB a line.
///   - invalid_input "audit.export"  the first line isn't that of an exported log, or the file can't be read
///   - invalid_input "note.*"        the held note isn't one that the key has signed
/// Findings, unreadable lines among them, stand in the report.
[[nodiscard]] Result<VerifyReport> verify_export(std::istream& in, const VerifyOptions& options);

}  // namespace dayaq::audit
