// Numbers of Diameter: AVP codes, result codes, commands, and which AVPs this edge understands.
// @see RFC 6733 section 4.5 and 7.1; RFC 8506 sections 8 and 9; 3GPP TS 32.299 section 7.2; TS 29.212
// section 5.3.
#pragma once

#include <cstdint>

namespace dayaq::edge::diameter {

inline constexpr std::uint32_t vendor_3gpp = 10415;

namespace application {
inline constexpr std::uint32_t base = 0, credit_control = 4, gx = 16777238, relay = 0xffffffff;
}  // namespace application

namespace command {
inline constexpr std::uint32_t capabilities_exchange = 257, re_auth = 258, credit_control = 272,
                               abort_session = 274, device_watchdog = 280, disconnect_peer = 282;
}  // namespace command

namespace avp {
// RFC 6733
inline constexpr std::uint32_t filter_id = 11, event_timestamp = 55, host_ip_address = 257,
                               auth_application_id = 258, acct_application_id = 259,
                               vendor_specific_application_id = 260, session_id = 263, origin_host = 264,
                               supported_vendor_id = 265, vendor_id = 266, firmware_revision = 267,
                               result_code = 268, product_name = 269, disconnect_cause = 273,
                               origin_state_id = 278, failed_avp = 279, proxy_host = 280, error_message = 281,
                               route_record = 282, destination_realm = 283, proxy_info = 284,
                               re_auth_request_type = 285, error_reporting_host = 294, destination_host = 293,
                               termination_cause = 295, origin_realm = 296, experimental_result = 297,
                               experimental_result_code = 298, inband_security_id = 299;
// RFC 8506
inline constexpr std::uint32_t cc_input_octets = 412, cc_output_octets = 414, cc_request_number = 415,
                               cc_request_type = 416, cc_service_specific_units = 417,
                               cc_session_failover = 418, cc_time = 420, cc_total_octets = 421,
                               check_balance_result = 422, cost_information = 423, currency_code = 425,
                               credit_control_failure_handling = 427, direct_debiting_failure_handling = 428,
                               final_unit_indication = 430, granted_service_unit = 431, rating_group = 432,
                               redirect_address_type = 433, redirect_server = 434,
                               redirect_server_address = 435, requested_action = 436,
                               requested_service_unit = 437, restriction_filter_rule = 438,
                               service_identifier = 439, subscription_id = 443, subscription_id_data = 444,
                               unit_value = 445, used_service_unit = 446, value_digits = 447,
                               validity_time = 448, final_unit_action = 449, subscription_id_type = 450,
                               multiple_services_indicator = 455, multiple_services_credit_control = 456,
                               service_context_id = 461;
// 3GPP (vendor 10415)
inline constexpr std::uint32_t time_quota_threshold = 868, volume_quota_threshold = 869,
                               reporting_reason = 872, service_information = 873, unit_quota_threshold = 1226,
                               charging_rule_install = 1001, charging_rule_remove = 1002,
                               charging_rule_base_name = 1004, charging_rule_name = 1005,
                               refund_information = 2022;
}  // namespace avp

namespace result {
inline constexpr std::uint32_t success = 2001, limited_success = 2002, command_unsupported = 3001,
                               unable_to_deliver = 3002, realm_not_served = 3003, too_busy = 3004,
                               application_unsupported = 3007, invalid_header_bits = 3008,
                               unknown_peer = 3010, end_user_service_denied = 4010,
                               credit_control_not_applicable = 4011, credit_limit_reached = 4012,
                               avp_unsupported = 5001, unknown_session_id = 5002,
                               authorization_rejected = 5003, invalid_avp_value = 5004, missing_avp = 5005,
                               no_common_application = 5010, unable_to_comply = 5012,
                               invalid_avp_length = 5014, invalid_message_length = 5015, user_unknown = 5030,
                               rating_failed = 5031;
}  // namespace result

/// Whether an AVP is defined in the documents above, so that its M bit obliges us to nothing new. Codes 1 to
/// 255 without a vendor are RADIUS attributes (RFC 6733 section 4.1).
[[nodiscard]] bool known_avp(std::uint32_t code, std::uint32_t vendor);
/// Whether it holds AVPs.
[[nodiscard]] bool grouped_avp(std::uint32_t code, std::uint32_t vendor);

}  // namespace dayaq::edge::diameter
