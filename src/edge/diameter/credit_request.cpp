#include "edge/diameter/credit_request.hpp"

#include <algorithm>
#include <limits>

#include "edge/diameter/dictionary.hpp"
#include "feed/block.hpp"

namespace dayaq::edge::diameter {

namespace {

constexpr std::uint32_t too_many_times = 5009;

std::uint64_t add(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max()
                                                           : a + b;
}

/// RFC 6733 section 7.5: an AVP of the wrong length is named by its header and as many zeros as it needs.
Fault wrong_length(const Avp& avp, std::size_t right) {
  Fault fault{.result_code = result::invalid_avp_length, .failed_avp = {}};
  Writer(fault.failed_avp).bytes(avp.code, Bytes(right), avp.vendor, avp.mandatory());
  return fault;
}

/// ... and so is one whose length field lies: what could be read of its header.
Fault unreadable(BytesView rest) {
  Fault fault{.result_code = result::invalid_avp_length, .failed_avp = {}};
  std::uint32_t code = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    code = code << 8 | (i < rest.size() ? std::to_integer<std::uint32_t>(rest[i]) : 0);
  }
  const bool mandatory = rest.size() > 4 && (rest[4] & std::byte(0x40)) != std::byte(0);
  Writer(fault.failed_avp).bytes(code, {}, 0, mandatory);
  return fault;
}

/// The AVP as it came; of a group that is broken inside, its header.
Fault with_avp(std::uint32_t result_code, const Avp& avp) {
  Fault fault{.result_code = result_code, .failed_avp = {}};
  Writer writer(fault.failed_avp);
  if (grouped_avp(avp.code, avp.vendor) && !check_group(avp.data, 3)) {
    writer.bytes(avp.code, {}, avp.vendor, avp.mandatory());
  } else {
    writer.copy(avp);
  }
  return fault;
}

/// An example of what is missing: its header and zeros of the least length.
Fault missing(std::uint32_t code, std::size_t bytes) {
  Fault fault{.result_code = result::missing_avp, .failed_avp = {}};
  Writer(fault.failed_avp).bytes(code, Bytes(bytes));
  return fault;
}

class RequestReader {
 public:
  RequestReader(const RequestReading& reading, CreditRequest& out) : reading_(reading), out_(out) {}

  std::optional<Fault> read(BytesView avps) {
    AvpReader reader(avps);
    Avp avp;
    while (reader.next(avp)) {
      if (auto fault = avp.vendor == 0 ? base(avp) : of_vendor(avp)) return fault;
    }
    if (reader.failed()) return unreadable(reader.rest());
    return finish();
  }

 private:
  static std::optional<Fault> u32(const Avp& avp, std::optional<std::uint32_t>& out) {
    out = avp.u32();
    if (!out) return wrong_length(avp, 4);
    return std::nullopt;
  }

  std::optional<Fault> once(const Avp& avp, std::string_view& out) {
    if (avp.data.empty()) return with_avp(result::invalid_avp_value, avp);
    if (!out.empty() && out != avp.text()) return with_avp(too_many_times, avp);
    out = avp.text();
    return std::nullopt;
  }

  static void first(const Avp& avp, std::string_view& out) {
    if (out.empty()) out = avp.text();
  }

  std::optional<Fault> base(const Avp& avp) {
    switch (avp.code) {
      case avp::session_id:
        return once(avp, out_.session_id);
      case avp::origin_host:  // Kamailio says Origin-Host and Origin-Realm twice
        first(avp, out_.origin_host);
        return std::nullopt;
      case avp::origin_realm:
        first(avp, out_.origin_realm);
        return std::nullopt;
      case avp::destination_host:
        first(avp, out_.destination_host);
        return std::nullopt;
      case avp::destination_realm:
        first(avp, out_.destination_realm);
        return std::nullopt;
      case avp::service_context_id:
        first(avp, out_.context);
        return std::nullopt;
      case user_name:
        first(avp, out_.user_name);
        return std::nullopt;
      case avp::auth_application_id:
        return application_id(avp);
      case avp::vendor_specific_application_id:
        return vendor_application_id(avp);
      case avp::cc_request_type:
      case avp::cc_request_number:
      case avp::requested_action:
      case avp::multiple_services_indicator:
        return number(avp);
      case avp::subscription_id:
        return subscription(avp.data);
      case avp::multiple_services_credit_control:
        return part(avp);
      case avp::requested_service_unit:
      case avp::used_service_unit:
      case avp::rating_group:
      case avp::service_identifier:
        own_.implied = true;
        return of_part(avp, own_);
      case avp::proxy_info:
        return proxy_info(avp);
      case avp::route_record:
        if (avp.text() == reading_.own_host) out_.looped = true;
        return std::nullopt;
      default:
        understood(avp);
        return std::nullopt;
    }
  }

  std::optional<Fault> of_vendor(const Avp& avp) {
    if (avp.vendor == vendor_3gpp && avp.code == avp::service_information) {
      service_information_ = avp.data;
    } else if (avp.vendor == vendor_3gpp && avp.code == avp::refund_information) {
      own_.refund = avp.data;
    } else {
      understood(avp);
    }
    return std::nullopt;
  }

  void understood(const Avp& avp) {
    if (!avp.mandatory() || out_.unknown || known_avp(avp.code, avp.vendor)) return;
    const auto* vendors = reading_.understood_vendors;
    if (avp.vendor != 0 && vendors && std::ranges::find(*vendors, avp.vendor) != vendors->end()) return;
    out_.unknown = avp;
  }

  std::optional<Fault> application_id(const Avp& avp) {
    std::optional<std::uint32_t> value;
    if (auto fault = u32(avp, value)) return fault;
    if (*value != out_.header.application) return with_avp(result::invalid_avp_value, avp);
    application_seen_ = true;
    return std::nullopt;
  }

  /// Kamailio says the application only in here.
  std::optional<Fault> vendor_application_id(const Avp& group) {
    AvpReader reader(group.data);
    Avp avp;
    while (reader.next(avp)) {
      if (avp.vendor != 0 || avp.code != avp::auth_application_id) continue;
      if (auto fault = application_id(avp)) return fault;
    }
    if (reader.failed()) return unreadable(reader.rest());
    return std::nullopt;
  }

  std::optional<Fault> number(const Avp& avp) {
    std::optional<std::uint32_t> value;
    if (auto fault = u32(avp, value)) return fault;
    switch (avp.code) {
      case avp::cc_request_type:
        if (*value < 1 || *value > 4) return with_avp(result::invalid_avp_value, avp);
        if (out_.type && *out_.type != RequestType(*value)) return with_avp(too_many_times, avp);
        out_.type = RequestType(*value);
        break;
      case avp::cc_request_number:
        if (out_.number && *out_.number != *value) return with_avp(too_many_times, avp);
        out_.number = *value;
        break;
      case avp::requested_action:  // Open5GS says one in updates, where it means nothing
        if (*value > 3) return with_avp(result::invalid_avp_value, avp);
        out_.action = RequestedAction(*value);
        break;
      default:
        out_.multiple_services = *value == 1;
    }
    return std::nullopt;
  }

  /// It comes back as it is, so it must be whole.
  std::optional<Fault> proxy_info(const Avp& group) {
    if (!check_group(group.data)) return with_avp(result::invalid_avp_length, group);
    out_.proxy_infos.push_back(group.whole);
    return std::nullopt;
  }

  std::optional<Fault> subscription(BytesView inside) {
    AvpReader reader(inside);
    Avp avp;
    std::optional<std::uint32_t> type;
    std::string_view data;
    while (reader.next(avp)) {
      if (avp.vendor != 0) continue;
      if (avp.code == avp::subscription_id_type) {
        if (auto fault = u32(avp, type)) return fault;
      } else if (avp.code == avp::subscription_id_data) {
        data = avp.text();
      }
    }
    if (reader.failed()) return unreadable(reader.rest());
    if (type && *type < out_.subscription.size() && out_.subscription[*type].empty()) {
      out_.subscription[*type] = data;
    }
    return std::nullopt;
  }

  std::optional<Fault> part(const Avp& group) {
    if (out_.parts.size() == parts_max) return with_avp(too_many_times, group);
    CreditPart& part = out_.parts.emplace_back();
    part.inside = group.data;
    AvpReader reader(group.data);
    Avp avp;
    while (reader.next(avp)) {
      if (avp.vendor == vendor_3gpp && avp.code == avp::refund_information) {
        part.refund = avp.data;
      } else if (avp.vendor != 0) {
        understood(avp);
      } else if (auto fault = of_part(avp, part)) {
        return fault;
      }
    }
    if (reader.failed()) return unreadable(reader.rest());
    return std::nullopt;
  }

  std::optional<Fault> of_part(const Avp& avp, CreditPart& part) {
    std::optional<std::uint32_t> value;
    switch (avp.code) {
      case avp::rating_group:
        return u32(avp, part.rating_group);
      case avp::service_identifier:
        if (auto fault = u32(avp, value)) return fault;
        if (part.service_identifier_count == service_identifiers_max) return with_avp(too_many_times, avp);
        part.service_identifiers[part.service_identifier_count++] = *value;
        return std::nullopt;
      case avp::requested_service_unit:
        part.asks = true;
        return units(avp.data, part.asked);
      case avp::used_service_unit:
        part.reports = true;
        return units(avp.data, part.used);
      default:
        understood(avp);
        return std::nullopt;
    }
  }

  static std::optional<Fault> units(BytesView inside, Units& sum) {
    AvpReader reader(inside);
    Avp avp;
    std::optional<std::uint64_t> total, input, output;
    const auto wide = [&avp](std::optional<std::uint64_t>& out) -> std::optional<Fault> {
      out = avp.u64();
      if (!out) return wrong_length(avp, 8);
      return std::nullopt;
    };
    while (reader.next(avp)) {
      if (avp.vendor != 0) continue;
      std::optional<Fault> fault;
      std::optional<std::uint32_t> seconds;
      std::optional<std::uint64_t> count;
      switch (avp.code) {
        case avp::cc_time:
          fault = u32(avp, seconds);
          sum.seconds = add(sum.seconds, seconds.value_or(0));
          break;
        case avp::cc_total_octets:
          fault = wide(total);
          break;
        case avp::cc_input_octets:
          fault = wide(input);
          break;
        case avp::cc_output_octets:
          fault = wide(output);
          break;
        case avp::cc_service_specific_units:
          fault = wide(count);
          sum.count = add(sum.count, count.value_or(0));
          break;
        default:
          break;
      }
      if (fault) return fault;
    }
    if (reader.failed()) return unreadable(reader.rest());
    // Open5GS reports input and output alone; others all three.
    sum.octets = add(sum.octets, total ? *total : add(input.value_or(0), output.value_or(0)));
    return std::nullopt;
  }

  std::optional<Fault> finish() {
    if (out_.session_id.empty()) return missing(avp::session_id, 1);
    if (out_.origin_host.empty()) return missing(avp::origin_host, 1);
    if (out_.origin_realm.empty()) return missing(avp::origin_realm, 1);
    if (out_.destination_realm.empty()) return missing(avp::destination_realm, 1);
    if (!application_seen_) return missing(avp::auth_application_id, 4);
    if (out_.context.empty() && !reading_.policy) return missing(avp::service_context_id, 1);
    if (!out_.type) return missing(avp::cc_request_type, 4);
    if (!out_.number) return missing(avp::cc_request_number, 4);
    if (*out_.type == RequestType::event && !out_.action && !reading_.policy)
      return missing(avp::requested_action, 4);
    const bool named = std::ranges::any_of(out_.subscription, [](auto data) { return !data.empty(); });
    if (!named && !service_information_.empty()) {
      if (auto fault = subscription_in_service_information()) return fault;
    }
    // A request without MSCC is about the service of its context: its own units are the one part. One that
    // can speak of many services and names none only opens or closes the session.
    const bool whole_service =
        !reading_.policy && (own_.implied || !out_.multiple_services || *out_.type == RequestType::event);
    if (out_.parts.empty() && whole_service) {
      own_.implied = true;
      if (*out_.type == RequestType::initial || *out_.type == RequestType::update) own_.asks = true;
      out_.parts.push_back(own_);
    }
    return std::nullopt;
  }

  std::optional<Fault> subscription_in_service_information() {
    AvpReader reader(service_information_);
    Avp avp;
    while (reader.next(avp)) {
      if (avp.vendor != 0 || avp.code != avp::subscription_id) continue;
      if (auto fault = subscription(avp.data)) return fault;
    }
    return std::nullopt;  // what else is in it is nobody's concern here
  }

  static constexpr std::uint32_t user_name = 1;
  const RequestReading& reading_;
  CreditRequest& out_;
  CreditPart own_;
  BytesView service_information_;
  bool application_seen_ = false;
};

}  // namespace

std::uint64_t Units::of(feed::Benefit kind) const {
  switch (kind) {
    case feed::Benefit::voice:
    case feed::Benefit::tv:
      return seconds;
    case feed::Benefit::messages:
      return count;
    default:
      return octets;
  }
}

std::uint64_t CreditPart::lease_part() const {
  if (!rating_group && service_identifier_count == 0) return 0;
  constexpr std::uint32_t none = 0xffffffff;
  const std::uint32_t service = service_identifier_count == 0 ? none : service_identifiers[0];
  return std::uint64_t(rating_group.value_or(none)) << 32 | service;
}

void CreditRequest::clear() {
  parts.clear();
  proxy_infos.clear();
  auto keep_parts = std::move(parts);
  auto keep_infos = std::move(proxy_infos);
  *this = {};
  parts = std::move(keep_parts);
  proxy_infos = std::move(keep_infos);
}

std::optional<Fault> read_credit_request(BytesView message, const RequestReading& reading,
                                         CreditRequest& out) {
  out.clear();
  out.bytes = message;
  const auto header = parse_header(message);
  if (!header || header->length != message.size()) {
    return Fault{.result_code = result::invalid_message_length, .failed_avp = {}};
  }
  out.header = *header;
  auto fault = RequestReader(reading, out).read(message.subspan(header_bytes));
  if ((header->flags & Header::error_bit) != 0) {
    return Fault{.result_code = result::invalid_header_bits, .failed_avp = {}};
  }
  return fault;
}

std::string_view number_in(std::string_view text, std::array<char, 32>& buffer) {
  bool uri = false;
  for (const std::string_view scheme : {"sip:", "sips:", "tel:"}) {
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? char(a + 32) : a) == b; };
    if (text.size() > scheme.size() && std::ranges::equal(text.substr(0, scheme.size()), scheme, same)) {
      text.remove_prefix(scheme.size());
      uri = true;
      break;
    }
  }
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos) text = text.substr(0, at);
  if (uri) text = text.substr(0, text.find_first_of(";:?"));
  if (text.starts_with('+')) text.remove_prefix(1);
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-' || c == '.' || c == '(' || c == ')' || c == ' ') continue;  // RFC 3966's visual separators
    if (c < '0' || c > '9' || digits + 1 == buffer.size()) return {};
    buffer[digits++] = c;
  }
  return {buffer.data(), digits};
}

SubscriptionKey subscription_of(const CreditRequest& request, LineKind line, const SipKey& key) {
  enum : std::size_t { e164, imsi, sip_uri, nai, account };
  std::array<char, 32> buffer;
  const auto& by_type = request.subscription;
  for (const std::string_view data : {by_type[e164], by_type[sip_uri], by_type[nai]}) {
    if (data.empty()) continue;
    if (const auto number = number_in(data, buffer); !number.empty()) {
      return feed::pseudonym(key, to_string(line), number);
    }
  }
  if (line != LineKind::mobile) {  // an account's number or a user's name, as it is
    for (const std::string_view data : {by_type[account], by_type[nai], request.user_name}) {
      if (!data.empty()) return feed::pseudonym(key, to_string(line), data);
    }
  }
  if (const auto digits = number_in(by_type[imsi], buffer); !digits.empty()) {
    return feed::pseudonym(key, "imsi", digits);
  }
  return 0;
}

}  // namespace dayaq::edge::diameter
