// Takes a batch of an edge: checked, stored once, added to the sums, entered in the audit log, all or
// nothing.
#pragma once

#include "audit/log.hpp"
#include "settlement/store.hpp"

namespace dayaq::settlement {

/// What the caller of take() is told besides an error.
struct Standing {
  std::uint64_t next = 0;  ///< the number that the edge's next batch must have; 0 if it isn't known yet
};

/// Decodes a batch and checks that the calling operator's edge signed it. Pure but for `keys`.
///   - invalid_input, forbidden "settlement.signature"   feed::decode_settlement's
///   - forbidden "settlement.operator"       the batch is another operator's than the caller
///   - forbidden "settlement.not_enrolled"   the operator has no edge of this name
[[nodiscard]] Result<feed::Settlement> check(BytesView bytes, std::string_view caller, const EdgeKeys& keys);

/// Stores a checked batch, unless the same bytes are stored already: that is no error. Part of a write
/// transaction, on the writer thread.
///   - conflict "settlement.other_bytes"   another batch is stored under this number
///   - conflict "settlement.gap"           batches before it are missing: standing.next is wanted first
///   - conflict "settlement.records"       it doesn't begin where the edge's last batch ended
///   - limit "settlement.too_much"         SettlementStore::add's
Result<void> take(store::Session& session, audit::Log& log, const feed::Settlement& batch, BytesView bytes,
                  const std::string& actor, Instant now, Standing& standing);

}  // namespace dayaq::settlement
