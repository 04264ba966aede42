#include "edge/diameter/dictionary.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace dayaq::edge::diameter {

namespace {

using Range = std::pair<std::uint32_t, std::uint32_t>;  // both ends are in it

// Without a vendor: RADIUS and base, NASREQ, credit control, EAP and QoS, DRMP, overload (RFC 7683), load.
constexpr std::array<Range, 14> known_ietf{{
    {1, 255},    // RADIUS
    {257, 299},  // RFC 6733
    {301, 301},  // DRMP, RFC 7944
    {363, 363},  // Accounting-Input-Octets, RFC 7155 ...
    {364, 366},
    {400, 408},  // RFC 7155
    {411, 461},  // RFC 8506
    {480, 480},  // Accounting-Record-Type: Kamailio sends it in CCRs
    {483, 483},
    {485, 485},
    {574, 578},  // QoS, RFC 5866
    {621, 626},  // overload, RFC 7683
    {649, 669},  // load, RFC 8583; extensions of RFC 8506
    {672, 679},
}};
// Of 3GPP: what TS 32.299, 29.061, 29.212, 29.214 and 29.272 define or reuse.
constexpr std::array<Range, 16> known_3gpp{{
    {1, 32},
    {500, 565},
    {600, 673},
    {700, 713},
    {800, 931},
    {1000, 1102},
    {1200, 1294},
    {1400, 1480},
    {1601, 1690},
    {1901, 1915},
    {2000, 2123},
    {2301, 2325},
    {2500, 2523},
    {2600, 2825},
    {3001, 3180},
    {3401, 4416},
}};

constexpr std::array<std::uint32_t, 24> groups_ietf{
    260,  // Vendor-Specific-Application-Id
    279,  // Failed-AVP
    284,  // Proxy-Info
    297,  // Experimental-Result
    413,  // CC-Money
    423,  // Cost-Information
    430,  // Final-Unit-Indication
    431,  // Granted-Service-Unit
    434,  // Redirect-Server
    437,  // Requested-Service-Unit
    440,  // Service-Parameter-Info
    443,  // Subscription-Id
    445,  // Unit-Value
    446,  // Used-Service-Unit
    456,  // Multiple-Services-Credit-Control
    457,  // G-S-U-Pool-Reference
    458,  // User-Equipment-Info
    621,  // OC-Supported-Features
    623,  // OC-OLR
    649,  // Load
    653,  // User-Equipment-Info-Extension
    659,  // Subscription-Id-Extension
    665,  // Redirect-Server-Extension
    669,  // QoS-Final-Unit-Indication
};
constexpr std::array<std::uint32_t, 21> groups_3gpp{
    823,   // Event-Type
    838,   // Inter-Operator-Identifier
    840,   // Message-Body
    864,   // Originator-Received-Address
    865,   // PS-Furnish-Charging-Information
    873,   // Service-Information
    874,   // PS-Information
    876,   // IMS-Information
    1001,  // Charging-Rule-Install
    1002,  // Charging-Rule-Remove
    1003,  // Charging-Rule-Definition
    1016,  // QoS-Information
    1018,  // Charging-Rule-Report
    1034,  // Allocation-Retention-Priority
    1049,  // Default-EPS-Bearer-QoS
    1058,  // Flow-Information
    1067,  // Usage-Monitoring-Information
    1249,  // Service-Specific-Info
    1264,  // Trigger
    2000,  // SMS-Information
    2030,  // MMTel-Information
};

}  // namespace

bool known_avp(std::uint32_t code, std::uint32_t vendor) {
  const auto in = [code](const Range& range) { return code >= range.first && code <= range.second; };
  if (vendor == 0) return std::ranges::any_of(known_ietf, in);
  return vendor == vendor_3gpp && std::ranges::any_of(known_3gpp, in);
}

bool grouped_avp(std::uint32_t code, std::uint32_t vendor) {
  if (vendor == 0) return std::ranges::binary_search(groups_ietf, code);
  return vendor == vendor_3gpp && std::ranges::binary_search(groups_3gpp, code);
}

}  // namespace dayaq::edge::diameter
