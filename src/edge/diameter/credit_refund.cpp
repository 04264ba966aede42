#include "edge/diameter/credit_refund.hpp"

namespace dayaq::edge::diameter {
namespace {

constexpr std::byte version{0xd2};
constexpr std::size_t signed_bytes = refund_information_bytes - 8;

template <class Int>
void put(std::byte*& to, Int value) {
  for (int shift = 8 * (int(sizeof value) - 1); shift >= 0; shift -= 8) {
    *to++ = std::byte(std::uint64_t(value) >> shift & 0xff);
  }
}

template <class Int>
Int take(const std::byte*& from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Int); ++i) value = value << 8 | std::uint64_t(*from++);
  return Int(value);
}

}  // namespace

SipKey refund_key(const SipKey& feed_key) {
  return {.k0 = siphash(feed_key, "diameter refund 0"), .k1 = siphash(feed_key, "diameter refund 1")};
}

RefundInformation encode_refund(const Engine::Debit& debit, const SipKey& key) {
  RefundInformation out{};
  std::byte* to = out.data();
  *to++ = version;
  put(to, debit.edge);
  put(to, debit.service);
  put(to, debit.limited ? std::uint8_t(1 + std::uint8_t(debit.account.period)) : std::uint8_t(0));
  put(to, debit.account.benefit);
  to += 3;
  put(to, debit.account.measure);
  put(to, debit.account.start);
  put(to, debit.account.key);
  put(to, debit.lease.high);
  put(to, debit.lease.low);
  put(to, debit.units);
  put(to, to_micros(debit.at));
  put(to, siphash(key, BytesView(out).first(signed_bytes)));
  return out;
}

std::optional<Engine::Debit> decode_refund(BytesView bytes, const SipKey& key) {
  if (bytes.size() != refund_information_bytes || bytes[0] != version) return std::nullopt;
  const std::byte* mac = bytes.data() + signed_bytes;
  if (take<std::uint64_t>(mac) != siphash(key, bytes.first(signed_bytes))) return std::nullopt;
  const std::byte* from = bytes.data() + 1;
  Engine::Debit debit;
  debit.edge = take<std::uint8_t>(from);
  debit.service = take<std::uint8_t>(from);
  const auto account = take<std::uint8_t>(from);
  debit.account.benefit = take<std::uint8_t>(from);
  from += 3;
  debit.account.measure = take<std::uint32_t>(from);
  debit.account.start = take<std::int32_t>(from);
  debit.account.key = take<std::uint64_t>(from);
  debit.lease.high = take<std::uint64_t>(from);
  debit.lease.low = take<std::uint64_t>(from);
  debit.units = take<std::uint64_t>(from);
  debit.at = from_micros(take<std::int64_t>(from));
  if (account > 4) return std::nullopt;
  debit.limited = account != 0;
  debit.account.period = debit.limited ? feed::QuotaPeriod(account - 1) : Engine::Debit{}.account.period;
  return debit;
}

}  // namespace dayaq::edge::diameter
