#include "edge/diameter/credit_answer.hpp"

#include <algorithm>
#include <limits>

#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {

namespace {

constexpr std::uint32_t redirect_to_url = 2;
constexpr std::uint32_t terminate = 0, redirect = 1, restrict_access = 2;  // Final-Unit-Action
constexpr std::uint32_t failure_terminate = 0, failure_continue = 1;
constexpr std::uint32_t failover_supported = 1, debiting_continue = 1;

std::uint32_t to_u32(std::uint64_t value) {
  return std::uint32_t(std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

void write_granted(Writer& writer, const PartAnswer& answer) {
  const auto group = writer.group_begin(avp::granted_service_unit);
  switch (answer.kind) {
    case feed::Benefit::voice:
    case feed::Benefit::tv:
      writer.u32(avp::cc_time, to_u32(answer.granted));
      break;
    case feed::Benefit::messages:
      writer.u64(avp::cc_service_specific_units, answer.granted);
      break;
    default:
      writer.u64(avp::cc_total_octets, answer.granted);
  }
  writer.group_end(group);
}

/// So that the network asks for more before it has run dry. @see TS 32.299 section 6.5.2
void write_threshold(Writer& writer, const PartAnswer& answer, int percent) {
  const std::uint64_t threshold =
      answer.granted / 100 * std::uint64_t(percent) + answer.granted % 100 * std::uint64_t(percent) / 100;
  if (threshold == 0) return;
  switch (answer.kind) {
    case feed::Benefit::voice:
    case feed::Benefit::tv:
      return writer.u32(avp::time_quota_threshold, to_u32(threshold), vendor_3gpp);
    case feed::Benefit::messages:
      return writer.u32(avp::unit_quota_threshold, to_u32(threshold), vendor_3gpp);
    default:
      return writer.u32(avp::volume_quota_threshold, to_u32(threshold), vendor_3gpp);
  }
}

void write_final(Writer& writer, const PartAnswer& answer, const CreditControlOptions& options) {
  if (answer.final_units == PartAnswer::Final::limited) return write_limited(writer, options);
  const auto group = writer.group_begin(avp::final_unit_indication);
  writer.u32(avp::final_unit_action, terminate);
  writer.group_end(group);
}

void write_no_price(Writer& writer, std::uint32_t currency) {
  const auto cost = writer.group_begin(avp::cost_information);
  const auto value = writer.group_begin(avp::unit_value);
  writer.u64(avp::value_digits, 0);
  writer.group_end(value);
  writer.u32(avp::currency_code, currency);
  writer.group_end(cost);
}

/// What is the command's own where there is no MSCC.
void write_implied(Writer& writer, const PartAnswer& answer, const CreditControlOptions& options) {
  if (answer.granted != 0) write_granted(writer, answer);
  if (answer.validity.count() > 0)
    writer.u32(avp::validity_time, to_u32(std::uint64_t(answer.validity.count())));
  if (answer.final_units != PartAnswer::Final::none) write_final(writer, answer, options);
  if (answer.refund) writer.bytes(avp::refund_information, *answer.refund, vendor_3gpp);
}

}  // namespace

void begin_answer(Writer& writer, const CreditRequest& request, const CreditControlOptions& options,
                  std::uint32_t result_code) {
  const bool protocol_error = result_code >= 3000 && result_code < 4000;
  Header header = request.header;
  header.flags =
      std::uint8_t((header.flags & Header::proxiable_bit) | (protocol_error ? Header::error_bit : 0));
  writer.begin(header);
  if (!request.session_id.empty()) writer.text(avp::session_id, request.session_id);
  writer.u32(avp::result_code, result_code);
  writer.text(avp::origin_host, options.origin_host);
  writer.text(avp::origin_realm, options.origin_realm);
  if (protocol_error) return;  // RFC 6733 section 7.2: nothing of the application
  writer.u32(avp::auth_application_id, request.header.application);
  if (request.type) writer.u32(avp::cc_request_type, std::uint32_t(*request.type));
  if (request.number) writer.u32(avp::cc_request_number, *request.number);
}

void write_handling(Writer& writer, const CreditRequest& request, const CommandAnswer& command) {
  if (!command.governed) return;
  switch (*request.type) {
    case RequestType::initial:
    case RequestType::update:
      if (command.keep_open) writer.u32(avp::cc_session_failover, failover_supported);
      writer.u32(avp::credit_control_failure_handling,
                 command.keep_open ? failure_continue : failure_terminate);
      return;
    case RequestType::event:
      if (command.keep_open) writer.u32(avp::direct_debiting_failure_handling, debiting_continue);
      return;
    case RequestType::termination:
      return;
  }
}

void write_limited(Writer& writer, const CreditControlOptions& options) {
  const auto group = writer.group_begin(avp::final_unit_indication);
  if (!options.redirect_url.empty()) {
    writer.u32(avp::final_unit_action, redirect);
    const auto server = writer.group_begin(avp::redirect_server);
    writer.u32(avp::redirect_address_type, redirect_to_url);
    writer.text(avp::redirect_server_address, options.redirect_url);
    writer.group_end(server);
  } else {
    writer.u32(avp::final_unit_action, restrict_access);
    for (const std::string& rule : options.limited_filter_rules) {
      writer.text(avp::restriction_filter_rule, rule);
    }
    if (options.limited_filter_rules.empty()) writer.text(avp::filter_id, options.limited_filter_id);
  }
  writer.group_end(group);
}

void write_part(Writer& writer, const CreditPart& part, const PartAnswer& answer,
                const CreditControlOptions& options) {
  if (part.implied) return write_implied(writer, answer, options);
  const auto group = writer.group_begin(avp::multiple_services_credit_control);
  if (answer.granted != 0) write_granted(writer, answer);
  if (part.rating_group) writer.u32(avp::rating_group, *part.rating_group);
  for (std::size_t i = 0; i < part.service_identifier_count; ++i) {
    writer.u32(avp::service_identifier, part.service_identifiers[i]);
  }
  if (answer.validity.count() > 0)
    writer.u32(avp::validity_time, to_u32(std::uint64_t(answer.validity.count())));
  const bool ends = answer.final_units != PartAnswer::Final::none;
  if (answer.granted != 0 && !ends) write_threshold(writer, answer, options.threshold_percent);
  if (ends) write_final(writer, answer, options);
  if (answer.refund) writer.bytes(avp::refund_information, *answer.refund, vendor_3gpp);
  writer.u32(avp::result_code, answer.result_code);
  writer.group_end(group);
}

void write_answer(Bytes& out, const CreditRequest& request, const CreditControlOptions& options,
                  const CommandAnswer& command, const std::vector<PartDecision>& parts) {
  Writer writer(out);
  begin_answer(writer, request, options, command.result_code);
  write_handling(writer, request, command);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].here) write_part(writer, request.parts[i], parts[i].answer, options);
  }
  if (command.free_of_charge) write_no_price(writer, options.currency);
  if (command.check_balance) writer.u32(avp::check_balance_result, *command.check_balance);
  if (options.origin_state_id != 0) writer.u32(avp::origin_state_id, options.origin_state_id);
  writer.end();
}

void write_fault(Bytes& out, const CreditRequest& request, const CreditControlOptions& options,
                 const Fault& fault) {
  Writer writer(out);
  begin_answer(writer, request, options, fault.result_code);
  if (!fault.failed_avp.empty()) {
    const auto group = writer.group_begin(avp::failed_avp);
    out.insert(out.end(), fault.failed_avp.begin(), fault.failed_avp.end());
    writer.group_end(group);
  }
  writer.end();
}

void set_length(Bytes& message) {
  message[1] = std::byte(message.size() >> 16 & 0xff);
  message[2] = std::byte(message.size() >> 8 & 0xff);
  message[3] = std::byte(message.size() & 0xff);
}

void finish_answer(Bytes& message, const CreditRequest& request) {
  if (request.proxy_infos.empty()) return;
  for (const BytesView info : request.proxy_infos) message.insert(message.end(), info.begin(), info.end());
  message.resize((message.size() + 3) & ~std::size_t(3));
  set_length(message);
}

}  // namespace dayaq::edge::diameter
