#include "feed/succession.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace dayaq::feed {
namespace {

constexpr std::string_view heading = "dayaq-feed-key 1";
constexpr std::size_t line_bytes_max = 400;

std::string statement(const crypto::PublicKey& from, const crypto::PublicKey& to, Instant since) {
  return fmt::format("{} {} {} {}", heading, to_hex(from), to_hex(to), format_instant(since));
}

std::unexpected<Error> bad_line(std::string_view why) {
  return fail(ErrorKind::invalid_input, "succession.line",
              "The announcement of the feed's next key can't be read.", std::string(why));
}

template <std::size_t size>
bool read_key(std::string_view hex, std::array<std::byte, size>& out) {
  const auto bytes = from_hex(hex);
  if (hex.size() != 2 * size || !bytes) return false;
  std::ranges::copy(*bytes, out.begin());
  return true;
}

/// Up to the next space, which goes too.
std::string_view take_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

Result<Succession> parse_line(std::string_view line) {
  if (line.size() > line_bytes_max) return bad_line("it is too long");
  std::string_view rest = line;
  const std::string_view name = take_word(rest), version = take_word(rest);
  if (name != heading.substr(0, heading.find(' ')) || version != "1") return bad_line("another format");
  Succession out;
  if (!read_key(take_word(rest), out.from) || !read_key(take_word(rest), out.to)) return bad_line("a key");
  const auto since = parse_instant(take_word(rest));
  crypto::Signature signature{};
  if (!since || !read_key(rest, signature)) return bad_line("its time or its signature");
  out.since = *since;
  // What is signed is how we would write it: there is one way to say a thing.
  const std::string said = statement(out.from, out.to, out.since);
  if (!line.starts_with(said) || line.size() != said.size() + 1 + 2 * signature.size()) {
    return bad_line("it isn't written as it is signed");
  }
  if (!crypto::verify(out.from, as_bytes(said), signature)) {
    return fail(ErrorKind::forbidden, "succession.signature",
                "The feed's next key isn't announced by the key before it.");
  }
  return out;
}

}  // namespace

std::string announce(const crypto::SigningKey& from, const crypto::PublicKey& to, Instant since) {
  const std::string said = statement(from.public_key(), to, since);
  return fmt::format("{} {}\n", said, to_hex(from.sign(as_bytes(said))));
}

Result<std::vector<Succession>> parse_successions(std::string_view text) {
  std::vector<Succession> out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == text.npos) return bad_line("no newline at its end");
    if (out.size() == successions_max) {
      return fail(ErrorKind::invalid_input, "succession.limit", "Too many changes of the feed's key.");
    }
    DAYAQ_TRY(const Succession one, parse_line(text.substr(0, end)));
    out.push_back(one);
    text.remove_prefix(end + 1);
  }
  return out;
}

crypto::PublicKey last_successor(const crypto::PublicKey& trusted, std::span<const Succession> all) {
  crypto::PublicKey last = trusted;
  for (const Succession& one : all) {  // in their order: each is looked at once, so a circle ends too
    if (one.from == last) last = one.to;
  }
  return last;
}

}  // namespace dayaq::feed
