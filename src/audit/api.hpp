// The log over HTTP: checkpoints and proofs for everybody, entries for auditors.
#pragma once

#include "audit/log.hpp"
#include "http/router.hpp"
#include "store/database.hpp"

namespace dayaq::audit {

/// Adds
///   GET /v1/audit/checkpoint                          the signed checkpoint (text/plain)
///   GET /v1/audit/key                                 the key that verifies it (text/plain)
///   GET /v1/audit/proofs/inclusion?index=&size=       an entry is in the tree of that size
///   GET /v1/audit/proofs/consistency?from=&to=        a tree is an earlier one with entries added
///   GET /v1/audit/entries/{index}                     scope audit:read
///   GET /v1/audit/entries?from=&limit=                scope audit:read
///
/// Entries come without their personal part unless `personal=true` is asked with a `reason`: then the reading
/// is itself entered in the log ("audit.read", one entry for each person concerned), before the answer goes
/// out. Errors: invalid_input "audit.query" names the parameter; those of Log.
///
/// All three must outlive the router.
void add_routes(http::Router& router, Log& log, store::Database& db);

}  // namespace dayaq::audit
