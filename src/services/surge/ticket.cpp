#include "services/surge/ticket.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace dayaq::services::surge {
namespace {

constexpr std::size_t signed_size = 26, size = 42;
constexpr std::size_t text_size = size / 3 * 4;
using Written = std::array<std::byte, size>;

template <class Int>
void put(Written& out, std::size_t at, Int value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out[at + i] = std::byte((std::uint64_t(value) >> (8 * i)) & 0xff);
}

}  // namespace

TicketKey::TicketKey(const crypto::SecretBytes& secret) {
  DAYAQ_ASSERT(secret.size() == 32);
  first_ = sip_key(secret.view().first<16>());
  second_ = sip_key(secret.view().subspan<16, 16>());
}

TicketKey::~TicketKey() {
  crypto::wipe(std::as_writable_bytes(std::span(&first_, 1)));
  crypto::wipe(std::as_writable_bytes(std::span(&second_, 1)));
}

std::string TicketKey::write(const Ticket& ticket) const {
  Written out{std::byte(ticket.kind), std::byte(ticket.lane)};
  put(out, 2, ticket.number);
  put(out, 10, to_micros(ticket.at));
  put(out, 18, ticket.holder);
  const BytesView said = BytesView(out).first(signed_size);
  put(out, signed_size, siphash(first_, said));
  put(out, signed_size + 8, siphash(second_, said));
  return to_base64url(out);
}

std::optional<Ticket> TicketKey::read(std::string_view text) const {
  if (text.size() != text_size) return std::nullopt;
  const Result<Bytes> bytes = from_base64url(text);
  if (!bytes || bytes->size() != size) return std::nullopt;
  const BytesView said = BytesView(*bytes).first(signed_size);
  BytesView rest = BytesView(*bytes).subspan(2);
  Ticket out{
      .kind = Ticket::Kind(said[0]), .lane = std::uint8_t(said[1]), .number = 0, .at = {}, .holder = 0};
  std::int64_t micros = 0;
  std::uint64_t first = 0, second = 0;
  const bool whole = take_le(rest, out.number) && take_le(rest, micros) && take_le(rest, out.holder) &&
                     take_le(rest, first) && take_le(rest, second);
  // Both are computed and compared as one: no hint of where it differs.
  const std::uint64_t differs = (first ^ siphash(first_, said)) | (second ^ siphash(second_, said));
  const bool known = out.kind == Ticket::Kind::waiting || out.kind == Ticket::Kind::pass;
  if (!whole || differs != 0 || !known) return std::nullopt;
  out.at = from_micros(micros);
  return out;
}

std::uint64_t TicketKey::tag_of(std::string_view holder) const {
  // Nothing that is signed begins like this.
  std::string message(1, '\xff');
  message += holder;
  return std::max<std::uint64_t>(siphash(first_, message), 1);
}

}  // namespace dayaq::services::surge
