// What an inspector's device needs while it is offline: the keys, what kinds of permits are called, and which
// permits that look valid were revoked. One COSE_Sign1, fetched as /v1/permits/list.
//
//   payload = { 1: made (s), 2: next (s), 3: [COSE_Key...], 4: [[kind, az, en, ru, void_before (s) or 0]...],
//               5: [count, k, bits], 6: [key id (4 bytes)...] }
//
// 6 is left out while there is none: whatever these keys have signed counts for nothing, and they aren't
// in 3.
//
// The ids of revoked permits that are still live, ascending, as gaps (first: the id itself; then id -
// previous
// - 1) in Rice's code: the gap's high bits as that many ones and a zero, then its low k bits; bits from each
// byte's most significant down, the last byte filled with zeros. The ids are exact: no permit is taken for
// revoked that isn't. Ids are drawn at random from 63 bits, so that each costs 63 - log2(count) + 1.5 bits:
// 20,000 are 126 KB; 200 KB hold 31,000, 3.1 % of a million.
//
// When nearly all of a kind end at once (employees' permits, with their regime), they aren't listed: those of
// that kind that began before `void_before` are revoked, all of them. @see docs/permits.md
#pragma once

#include <optional>
#include <vector>

#include "base/text.hpp"
#include "base/time.hpp"
#include "services/permit/token.hpp"

namespace dayaq::services::permit {

/// A kind of permits, as inspectors read it.
struct Kind {
  std::uint16_t number = 0;
  LocalizedText name;
  Instant void_before = instant_min;  ///< permits of this kind that began earlier are revoked
  friend bool operator==(const Kind&, const Kind&) = default;
};

struct List {
  Instant made;
  Instant next;                        ///< when to fetch it again; an older one still tells what it knows
  Keys keys;                           ///< with which permits are signed, and will be; those withdrawn
  std::vector<Kind> kinds;             ///< ascending by number
  std::vector<std::uint64_t> revoked;  ///< ascending, each once

  [[nodiscard]] const Kind* kind(std::uint16_t number) const;
  [[nodiscard]] bool is_revoked(const Claims& claims) const;
  /// By the clock and by the list. A clock that is behind the list is set to when the list was made.
  [[nodiscard]] Verdict judge(const Claims& claims, Instant now) const;
};

/// A revoked permit that hasn't ended yet.
struct RevokedPermit {
  std::uint64_t id = 0;
  std::uint16_t kind = 0;
  Instant from;  ///< since when it was valid
};

struct KindInput {
  std::uint16_t number = 0;
  LocalizedText name;
  /// When the first of its live permits that aren't revoked began; instant_max if there is none; nothing if
  /// that isn't known: then all are listed one by one.
  std::optional<Instant> first_unrevoked;
};

/// Permits begin no earlier than they are asked for, and are committed within this time. So what began
/// earlier than that before a list is made is known to it.
inline constexpr std::chrono::minutes settled_after{5};
/// From how many of a kind on it is worth a `void_before`.
inline constexpr std::size_t void_least = 64;

/// Finds the `void_before` that spares the most ids without touching one live permit.
[[nodiscard]] List make_list(std::vector<RevokedPermit> revoked, const std::vector<KindInput>& kinds,
                             Keys keys, Instant made, std::chrono::seconds fresh_for);

/// Signed by the issuer, whose key must be among `list.keys` (DAYAQ_ASSERT). limit "permit.list_full" with
/// more than a million ids.
[[nodiscard]] Result<Bytes> encode_list(const List& list, const Issuer& issuer);

/// Reads a list. `trusted` keys of earlier lists, or pinned ones; with none, a key of the list itself must
/// fit: then who trusts it trusts the connection that it came by. At most 8 MB, 1,000,000 ids, 64 keys, 4,096
/// kinds.
///   - invalid_input "permit.list"       not a list, or not in the form above
///   - not_found "permit.key"            signed with a key that isn't trusted
///   - invalid_input "permit.signature"  forged or damaged
[[nodiscard]] Result<List> parse_list(BytesView bytes, const Keys& trusted);

/// The ids alone; `ids` ascending, each once. invalid_input "permit.list".
struct RiceCoded {
  std::uint64_t count = 0;
  unsigned k = 0;
  Bytes bits;
};
[[nodiscard]] RiceCoded rice_encode(const std::vector<std::uint64_t>& ids);
[[nodiscard]] Result<std::vector<std::uint64_t>> rice_decode(std::uint64_t count, std::uint64_t k,
                                                             BytesView bits);

}  // namespace dayaq::services::permit
