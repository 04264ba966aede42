#include "edge/diameter/credit_relay.hpp"

#include <algorithm>

#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {

namespace {

using Upstream = PartDecision::Upstream;

bool is(const Avp& avp, std::uint32_t code, std::uint32_t vendor = 0) {
  return avp.code == code && avp.vendor == vendor;
}

bool left_out(const Avp& avp, Upstream upstream) {
  if (upstream == Upstream::report) return is(avp, avp::requested_service_unit);
  if (upstream == Upstream::request) {
    return is(avp, avp::used_service_unit) || is(avp, avp::reporting_reason, vendor_3gpp);
  }
  return upstream == Upstream::nothing;
}

void copy_part(Writer& writer, const Avp& whole, Upstream upstream) {
  if (upstream == Upstream::nothing) return;
  if (upstream == Upstream::as_it_came) return writer.copy(whole);
  const auto group = writer.group_begin(whole.code, 0, whole.mandatory());
  AvpReader reader(whole.data);
  Avp avp;
  while (reader.next(avp)) {
    if (!left_out(avp, upstream)) writer.copy(avp);
  }
  writer.group_end(group);
}

bool terminates(const Avp& final_unit) {
  const auto action = find_avp(final_unit.data, avp::final_unit_action);
  return action && action->u32() == 0u;
}

bool credit_ends(const Avp& avp) {
  if (is(avp, avp::result_code)) return avp.u32() == result::credit_limit_reached;
  return is(avp, avp::final_unit_indication) && terminates(avp);
}

/// An MSCC whose credit has ended, as limited service.
void write_limited_part(Writer& writer, const Avp& whole, const CreditControlOptions& options) {
  const auto group = writer.group_begin(whole.code, 0, whole.mandatory());
  const auto code = find_avp(whole.data, avp::result_code);
  const bool denied = code && code->u32() == result::credit_limit_reached;
  AvpReader reader(whole.data);
  Avp avp;
  bool said = false;
  while (reader.next(avp)) {
    if (is(avp, avp::result_code) && denied) {
      writer.u32(avp::result_code, result::success);
    } else if (is(avp, avp::final_unit_indication) && (denied || terminates(avp))) {
      write_limited(writer, options);
      said = true;
    } else if (!(denied && is(avp, avp::granted_service_unit))) {
      writer.copy(avp);
    }
  }
  if (denied && !said) write_limited(writer, options);
  writer.group_end(group);
}

bool ends_credit(const Avp& part) {
  AvpReader reader(part.data);
  Avp avp;
  while (reader.next(avp)) {
    if (credit_ends(avp)) return true;
  }
  return false;
}

void write_upstream_part(Writer& writer, const Avp& part, const CreditControlOptions& options, bool limit) {
  if (limit && ends_credit(part)) {
    write_limited_part(writer, part, options);
  } else {
    writer.copy(part);
  }
}

/// Whether an MSCC of an answer is about this part of the request.
bool about(const Avp& answered, const CreditPart& part) {
  const auto group = find_avp(answered.data, avp::rating_group);
  const auto service = find_avp(answered.data, avp::service_identifier);
  if (group && group->u32() != part.rating_group) return false;
  if (!service) return group.has_value();
  const auto end = part.service_identifiers.begin() + std::ptrdiff_t(part.service_identifier_count);
  return service->u32() && std::find(part.service_identifiers.begin(), end, *service->u32()) != end;
}

/// Where the whole command was denied and no part is named, each part is answered alike.
void write_parts_alike(Writer& writer, const CreditRequest& request, const std::vector<PartDecision>& parts,
                       const CreditControlOptions& options, const PartAnswer& answer) {
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    if (parts[i].here || request.parts[i].implied) continue;
    write_part(writer, request.parts[i], answer, options);
  }
}

constexpr PartAnswer limited_answer{.result_code = result::success,
                                    .granted = 0,
                                    .kind = feed::Benefit::data,
                                    .validity = limited_validity,
                                    .final_units = PartAnswer::Final::limited};

/// What a part is told where the charging system has refused the whole command.
std::uint32_t part_code(std::uint32_t command_code) {
  switch (command_code) {
    case result::end_user_service_denied:
    case result::credit_control_not_applicable:
    case result::credit_limit_reached:
    case result::authorization_rejected:
    case result::rating_failed:
      return command_code;
    default:
      return result::end_user_service_denied;
  }
}

}  // namespace

Bytes upstream_request(const CreditRequest& request, const std::vector<PartDecision>& parts,
                       const UpstreamForm& form, std::string_view own_host, std::string_view peer) {
  Bytes out;
  out.reserve(request.bytes.size() + 16 + peer.size());
  Writer writer(out);
  if (form.unchanged && request.destination_host != own_host) {
    out.assign(request.bytes.begin(), request.bytes.end());
    writer.text(avp::route_record, peer);
    set_length(out);
    return out;
  }
  writer.begin(request.header);
  AvpReader reader(request.bytes.subspan(header_bytes));
  Avp avp;
  std::size_t part = 0;
  const Upstream own =
      request.parts.size() == 1 && request.parts[0].implied ? parts[0].upstream : Upstream::as_it_came;
  while (reader.next(avp)) {
    if (is(avp, avp::destination_host) && avp.text() == own_host) continue;
    if (form.unchanged) {
      writer.copy(avp);
    } else if (is(avp, avp::cc_request_type)) {
      writer.u32(avp::cc_request_type, std::uint32_t(form.type));
    } else if (is(avp, avp::cc_request_number)) {
      writer.u32(avp::cc_request_number, form.number);
    } else if (is(avp, avp::multiple_services_credit_control)) {
      copy_part(writer, avp, parts[part++].upstream);
    } else if (!left_out(avp, own)) {
      writer.copy(avp);
    }
  }
  writer.text(avp::route_record, peer);
  writer.end();
  return out;
}

std::optional<UpstreamAnswer> read_upstream(BytesView cca) {
  if (!check_message(cca)) return std::nullopt;
  const auto header = parse_header(cca);
  if (header->request() || header->command != command::credit_control) return std::nullopt;
  UpstreamAnswer answer{.bytes = cca, .result_code = 0, .ends = false};
  AvpReader reader(cca.subspan(header_bytes));
  Avp avp;
  while (reader.next(avp)) {
    if (is(avp, avp::result_code)) answer.result_code = avp.u32().value_or(0);
    if (is(avp, avp::multiple_services_credit_control) ? ends_credit(avp) : credit_ends(avp)) {
      answer.ends = true;
    }
  }
  return answer;
}

Bytes answer_from_upstream(const CreditRequest& request, const Waiting& waiting,
                           const UpstreamAnswer& upstream, const CreditControlOptions& options, bool limit) {
  Bytes out;
  if (waiting.form.unchanged && !limit) {
    out.assign(upstream.bytes.begin(), upstream.bytes.end());
    set_hop_by_hop(out, request.header.hop_by_hop);
    return out;
  }
  out.reserve(upstream.bytes.size() + 128);
  Writer writer(out);
  Header header = *parse_header(upstream.bytes);
  header.hop_by_hop = request.header.hop_by_hop;
  header.end_to_end = request.header.end_to_end;
  writer.begin(header);
  const bool denied = limit && upstream.result_code == result::credit_limit_reached;
  bool parts_said = false;
  AvpReader reader(upstream.bytes.subspan(header_bytes));
  Avp avp;
  while (reader.next(avp)) {
    if (is(avp, avp::cc_request_type)) {
      writer.u32(avp::cc_request_type, std::uint32_t(*request.type));
    } else if (is(avp, avp::cc_request_number)) {
      writer.u32(avp::cc_request_number, *request.number);
    } else if (denied && is(avp, avp::result_code)) {
      writer.u32(avp::result_code, result::success);
    } else if (is(avp, avp::multiple_services_credit_control)) {
      parts_said = true;
      write_upstream_part(writer, avp, options, limit);
    } else if (limit && is(avp, avp::final_unit_indication) && terminates(avp)) {
      write_limited(writer, options);
      parts_said = true;
    } else if (!(denied && is(avp, avp::granted_service_unit))) {
      writer.copy(avp);
    }
  }
  if (denied && !parts_said) {
    write_parts_alike(writer, request, waiting.parts, options, limited_answer);
    if (request.parts.empty() || request.parts[0].implied) write_limited(writer, options);
  }
  writer.end();
  return out;
}

Bytes merged_answer(const CreditRequest& request, const Waiting& waiting,
                    const std::optional<UpstreamAnswer>& upstream, const CreditControlOptions& options,
                    bool limit) {
  Bytes out;
  out.reserve(512);
  Writer writer(out);
  // What is granted here stands, whatever became of the rest: the command as a whole succeeds.
  begin_answer(writer, request, options, result::success);
  const bool answered = upstream && upstream->result_code != 0;
  const bool keep_open = std::ranges::all_of(
      waiting.parts, [](const PartDecision& part) { return !part.here || !part.granted || part.keep_open; });
  const bool granted =
      std::ranges::any_of(waiting.parts, [](const PartDecision& part) { return part.granted; });
  const bool shared = std::ranges::any_of(waiting.parts, [](const PartDecision& part) { return !part.here; });
  std::optional<Avp> handling;
  if (answered && shared) {
    handling = find_avp(upstream->bytes.subspan(header_bytes), avp::credit_control_failure_handling);
  }
  if (handling) {
    // The charging system's share must not go on unpaid because ours may: its word holds for the session.
    if (const auto failover = find_avp(upstream->bytes.subspan(header_bytes), avp::cc_session_failover)) {
      writer.copy(*failover);
    }
    writer.copy(*handling);
  } else {
    CommandAnswer command;
    command.keep_open = keep_open && !(answered && shared);
    command.governed = granted;
    write_handling(writer, request, command);
  }
  for (std::size_t i = 0; i < waiting.parts.size(); ++i) {
    if (waiting.parts[i].here) write_part(writer, request.parts[i], waiting.parts[i].answer, options);
  }
  bool parts_said = false;
  if (answered) {
    AvpReader reader(upstream->bytes.subspan(header_bytes));
    Avp avp;
    while (reader.next(avp)) {
      if (!is(avp, avp::multiple_services_credit_control)) continue;
      // To a mere report of what it had granted it may answer: the part's answer is ours.
      const auto found =
          std::ranges::find_if(request.parts, [&](const CreditPart& part) { return about(avp, part); });
      parts_said = true;
      if (found != request.parts.end() && waiting.parts[std::size_t(found - request.parts.begin())].here) {
        continue;
      }
      write_upstream_part(writer, avp, options, limit);
    }
  }
  if (!parts_said || !answered) {
    const std::uint32_t code = answered ? upstream->result_code : result::end_user_service_denied;
    if (limit && code == result::credit_limit_reached) {
      write_parts_alike(writer, request, waiting.parts, options, limited_answer);
    } else if (code != result::success) {
      write_parts_alike(writer, request, waiting.parts, options,
                        {.result_code = part_code(code), .granted = 0, .validity = {}});
    }
  }
  if (options.origin_state_id != 0) writer.u32(avp::origin_state_id, options.origin_state_id);
  writer.end();
  return out;
}

}  // namespace dayaq::edge::diameter
