// Refund-Information: what an event debited, as bytes that the network keeps and brings back with a refund.
//
//    0      1      2       3         4       5        8            12             16      24            40
//   +------+------+-------+---------+-------+--------+------------+--------------+-------+-------------+---
//   | 0xd2 | edge |service| account |benefit|  zero  | measure (4)| start (4)    |key (8)| lease (16)  |
//   +------+------+-------+---------+-------+--------+------------+--------------+-------+-------------+---
//    ... units (8), debited at (8, microseconds since 1970), MAC (8): 64 bytes, numbers big-endian
//
// `account` is 0 without a quota, else 1 + its period. The MAC is keyed by the operator's feed key: any edge
// of the operator takes what another gave, and nobody makes one up or changes it.
// @see 3GPP TS 32.299 section 7.2.180 (AVP 2022)
#pragma once

#include <array>
#include <optional>

#include "base/bytes.hpp"
#include "base/siphash.hpp"
#include "edge/engine.hpp"

namespace dayaq::edge::diameter {

inline constexpr std::size_t refund_information_bytes = 64;
using RefundInformation = std::array<std::byte, refund_information_bytes>;

/// The key of the MAC, from the operator's feed key.
[[nodiscard]] SipKey refund_key(const SipKey& feed_key);
[[nodiscard]] RefundInformation encode_refund(const Engine::Debit& debit, const SipKey& key);
/// Nothing if it isn't ours.
[[nodiscard]] std::optional<Engine::Debit> decode_refund(BytesView bytes, const SipKey& key);

}  // namespace dayaq::edge::diameter
