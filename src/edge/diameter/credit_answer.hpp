// Credit-Control-Answers: what was decided about each part, as bytes. AVPs in the order of
// docs/edge/diameter.md. @see RFC 8506 section 3.2; 3GPP TS 32.299 section 6.4.3.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "edge/diameter/credit_control.hpp"
#include "edge/diameter/credit_refund.hpp"
#include "edge/diameter/credit_request.hpp"

namespace dayaq::edge::diameter {

/// What a part is answered with.
struct PartAnswer {
  std::uint32_t result_code = 0;
  std::uint64_t granted = 0;  ///< 0: no Granted-Service-Unit
  feed::Benefit kind = feed::Benefit::data;
  std::chrono::seconds validity{0};
  enum class Final : std::uint8_t { none, terminate, limited } final_units = Final::none;
  std::optional<RefundInformation> refund;  ///< of an event: brings back what it debited
};

inline constexpr std::chrono::seconds limited_validity{1800};  ///< ask again: the debt may be paid

/// What becomes of a part.
struct PartDecision {
  bool here = true;  ///< answered by this edge; else what the charging system says is its answer
  enum class Upstream : std::uint8_t {
    nothing,
    as_it_came,
    report,   ///< without Requested-Service-Unit: what the charging system had granted was used
    request,  ///< without Used-Service-Unit: what was used was ours
  } upstream = Upstream::nothing;
  PartAnswer answer;
  bool keep_open = false;
  bool granted = false;
};

/// What an answer says of the whole command.
struct CommandAnswer {
  std::uint32_t result_code = 0;
  bool keep_open = false;       ///< CONTINUE and session failover; else, with `governed`, TERMINATE
  bool governed = false;        ///< something is granted here: say what to do when we are silent
  bool free_of_charge = false;  ///< a price enquiry's answer
  std::optional<std::uint32_t> check_balance;  ///< a balance check's answer: Check-Balance-Result
};

/// The start of an answer up to CC-Request-Number; E bit for 3xxx.
void begin_answer(Writer& writer, const CreditRequest& request, const CreditControlOptions& options,
                  std::uint32_t result_code);
/// CC-Session-Failover and Credit-Control-Failure-Handling (events: Direct-Debiting-Failure-Handling).
void write_handling(Writer& writer, const CreditRequest& request, const CommandAnswer& command);
/// Its MSCC; of an implied part, the command's own AVPs.
void write_part(Writer& writer, const CreditPart& part, const PartAnswer& answer,
                const CreditControlOptions& options);
/// Final-Unit-Indication of limited service: REDIRECT if there is a page, else RESTRICT_ACCESS.
void write_limited(Writer& writer, const CreditControlOptions& options);

/// The whole answer but for Proxy-Info, which comes last and is each request's own.
void write_answer(Bytes& out, const CreditRequest& request, const CreditControlOptions& options,
                  const CommandAnswer& command, const std::vector<PartDecision>& parts);
void write_fault(Bytes& out, const CreditRequest& request, const CreditControlOptions& options,
                 const Fault& fault);
/// Appends the request's Proxy-Info, in order (RFC 6733 section 6.2).
void finish_answer(Bytes& message, const CreditRequest& request);

/// Sets the length field to the bytes there are.
void set_length(Bytes& message);

}  // namespace dayaq::edge::diameter
