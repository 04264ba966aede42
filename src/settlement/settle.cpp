#include "settlement/settle.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dayaq::settlement {

Result<feed::Settlement> check(BytesView bytes, std::string_view caller, const EdgeKeys& keys) {
  DAYAQ_TRY(const feed::Settlement header, feed::decode_settlement_header(bytes));
  if (header.operator_code != caller) {
    return fail(ErrorKind::forbidden, "settlement.operator",
                "This batch is another operator's. Send it with that operator's key.");
  }
  const auto enrolled = keys.keys_of(header.operator_code, header.edge);
  if (enrolled.empty()) {
    return fail(ErrorKind::forbidden, "settlement.not_enrolled",
                "No edge of this name is enrolled for the operator. Enrol it first.");
  }
  return feed::decode_settlement(bytes, enrolled);
}

Result<void> take(store::Session& session, audit::Log& log, const feed::Settlement& batch, BytesView bytes,
                  const std::string& actor, Instant now, Standing& standing) {
  DAYAQ_TRY(const auto last, SettlementStore::last(session, batch.operator_code, batch.edge));
  const std::uint64_t last_number = last ? last->number : 0;
  standing.next = last_number + 1;
  if (batch.number <= last_number) {
    DAYAQ_TRY(const auto stored,
              SettlementStore::content(session, batch.operator_code, batch.edge, batch.number));
    if (stored && std::ranges::equal(*stored, bytes)) return {};
    return fail(ErrorKind::conflict, "settlement.other_bytes",
                "Another batch is stored under this number. An edge that lost its settlement folder must be "
                "enrolled under a new name.");
  }
  if (batch.number != standing.next) {
    return fail(ErrorKind::conflict, "settlement.gap",
                fmt::format("Batch {} of this edge is missing. Send it first.", standing.next));
  }
  if (batch.first_record != (last ? last->last_record : 0) + 1) {
    return fail(
        ErrorKind::conflict, "settlement.records",
        "This batch doesn't begin where the edge's last one ended. An edge that lost its journal must be "
        "enrolled under a new name.");
  }
  DAYAQ_TRY_OK(SettlementStore::insert(session, batch, bytes, now));
  for (const feed::SettlementLine& line : batch.lines) {
    DAYAQ_TRY_OK(SettlementStore::add(session, batch.operator_code, line));
  }
  DAYAQ_TRY_OK(log.append(
      session,
      {.action = "settlement.store",
       .actor = actor,
       .subject = {},
       .data = fmt::format(R"({{"edge":"{}","first_record":{},"last_record":{},"lines":{},"number":{},)"
                           R"("operator":"{}","sha256":"{}"}})",
                           batch.edge, batch.first_record, batch.last_record, batch.lines.size(),
                           batch.number, batch.operator_code, to_hex(crypto::sha256(bytes))),
       .personal = ""}));
  standing.next = batch.number + 1;
  return {};
}

}  // namespace dayaq::settlement
