#include "identity/account/enrolment_state.hpp"

#include <algorithm>
#include <span>

namespace dayaq::identity {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t text_max = 1024;

void put(Bytes& out, std::string_view text) {
  put_le(out, static_cast<std::uint16_t>(text.size()));
  const BytesView bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}
void put(Bytes& out, std::span<const std::byte, 32> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

bool take(BytesView& in, std::string& text) {
  std::uint16_t size = 0;
  if (!take_le(in, size) || size > text_max || size > in.size()) return false;
  text = std::string(as_text(in.first(size)));
  in = in.subspan(size);
  return true;
}
bool take(BytesView& in, std::span<std::byte, 32> bytes) {
  if (in.size() < bytes.size()) return false;
  std::ranges::copy(in.first(bytes.size()), bytes.begin());
  in = in.subspan(bytes.size());
  return true;
}
template <class Enum>
bool take(BytesView& in, Enum& value, Enum last) {
  std::uint8_t number = 0;
  if (!take_le(in, number) || number > std::uint8_t(last)) return false;
  value = static_cast<Enum>(number);
  return true;
}
template <class Tag>
bool take(BytesView& in, Id64<Tag>& id) {
  std::uint64_t value = 0;
  if (!take_le(in, value)) return false;
  id = Id64<Tag>(value);
  return true;
}

}  // namespace

Bytes encode(const EnrolState& s) {
  Bytes out;
  put_le(out, version);
  put_le(out, static_cast<std::uint8_t>(s.step));
  put_le(out, static_cast<std::uint8_t>(s.language));
  put_le(out, static_cast<std::uint8_t>(s.proof.enrolment));
  put_le(out, s.lost.value());
  put_le(out, s.proof.person.value());
  put_le(out, s.proof.id.value());
  put(out, s.challenge);
  put(out, s.sms_mac);
  put_le(out, to_micros(s.sms_expires));
  put(out, s.card);
  put(out, s.proof.number);
  put(out, s.proof.actor);
  put(out, s.national_id);
  put(out, s.totp_secret);
  put(out, s.sms_number);
  return out;
}

std::optional<EnrolState> decode_enrol_state(BytesView in) {
  EnrolState s;
  std::uint8_t seen = 0;
  std::int64_t sms_expires = 0;
  const bool read = take_le(in, seen) && seen == version && take(in, s.step, EnrolView::Step::done) &&
                    take(in, s.language, Language::ru) && take(in, s.proof.enrolment, Enrolment::card) &&
                    take(in, s.lost) && take(in, s.proof.person) && take(in, s.proof.id) &&
                    take(in, s.challenge) && take(in, s.sms_mac) && take_le(in, sms_expires) &&
                    take(in, s.card) && take(in, s.proof.number) && take(in, s.proof.actor) &&
                    take(in, s.national_id) && take(in, s.totp_secret) && take(in, s.sms_number) &&
                    in.empty();
  if (!read) return std::nullopt;
  s.sms_expires = from_micros(sms_expires);
  return s;
}

}  // namespace dayaq::identity
