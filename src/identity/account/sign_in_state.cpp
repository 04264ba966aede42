#include "identity/account/sign_in_state.hpp"

#include <algorithm>

#include "identity/account/sealed.hpp"

namespace dayaq::identity {
namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t version = 1;
constexpr std::size_t client_size_max = 64;

template <class Enum>
bool take_enum(BytesView& in, Enum& out, Enum last) {
  std::uint8_t value = 0;
  if (!take_le(in, value) || value > std::uint8_t(last)) return false;
  out = static_cast<Enum>(value);
  return true;
}

template <class Id>
bool take_id(BytesView& in, Id& out) {
  std::uint64_t value = 0;
  if (!take_le(in, value) || value >> 63 != 0) return false;
  out = Id(value);
  return true;
}

}  // namespace

Bytes encode(const Attempt& a) {
  Bytes out;
  out.reserve(96 + a.client.size() + a.then.size());
  put_le(out, version);
  put_le(out, std::uint8_t(a.step));
  put_le(out, std::uint8_t(a.method));
  put_le(out, std::uint8_t(a.least));
  put_le(out, std::uint8_t(a.reached));
  put_le(out, std::uint8_t(a.fresh ? 1 : 0));
  put_le(out, a.number);
  put_le(out, a.methods.bits());
  put_le(out, to_micros(a.begun));
  out.insert(out.end(), a.challenge.begin(), a.challenge.end());
  put_le(out, a.person.value());
  put_le(out, a.id);
  put_le(out, a.authenticator.value());
  put_le(out, a.present.value());
  put_text<std::uint16_t>(out, std::string_view(a.client).substr(0, client_size_max));
  put_text<std::uint16_t>(out, std::string_view(a.then).substr(0, then_size_max));
  return out;
}

std::optional<Attempt> decode_attempt(BytesView in) {
  Attempt a;
  std::uint8_t head = 0;
  std::uint8_t flags = 0;
  std::uint16_t methods = 0;
  std::int64_t begun = 0;
  if (!take_le(in, head) || head != version) return std::nullopt;
  if (!take_enum(in, a.step, SignInView::Step::done) ||
      !take_enum(in, a.method, AuthenticatorKind::password) || !take_enum(in, a.least, Assurance::high) ||
      !take_enum(in, a.reached, Assurance::high) || !take_le(in, flags) || flags > 1 ||
      !take_le(in, a.number) || a.number > 99 || !take_le(in, methods) || !take_le(in, begun) ||
      in.size() < a.challenge.size()) {
    return std::nullopt;
  }
  a.fresh = flags == 1;
  a.methods = Methods(methods);
  a.begun = from_micros(begun);
  std::copy_n(in.begin(), a.challenge.size(), a.challenge.begin());
  in = in.subspan(a.challenge.size());
  if (!take_id(in, a.person) || !take_le(in, a.id) || a.id >> 63 != 0 || !take_id(in, a.authenticator) ||
      !take_id(in, a.present) || !take_text<std::uint16_t>(in, a.client, client_size_max) ||
      !take_text<std::uint16_t>(in, a.then, then_size_max) || !in.empty()) {
    return std::nullopt;
  }
  return a;
}

std::string checked_then(std::string_view then) {
  const bool path = then.starts_with('/') && then.size() <= then_size_max &&
                    (then.size() == 1 || (then[1] != '/' && then[1] != '\\'));
  const bool printable = std::ranges::all_of(then, [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
  return path && printable ? std::string(then) : "/";
}

std::chrono::seconds life_of(SignInView::Step step) {
  switch (step) {
    case SignInView::Step::identify:
      return 10min;
    case SignInView::Step::choose:
      return 5min;
    case SignInView::Step::code:
      return 5min;
    case SignInView::Step::confirm:
      return 3min;
    case SignInView::Step::done:
      return 10min;
  }
  return 0s;
}

}  // namespace dayaq::identity
