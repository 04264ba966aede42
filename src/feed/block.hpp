// The feed's wire format: what an operator's edge is told about grants, in numbered lines, in blocks.
//
// State-based: a line says all that a subscription is granted from now on, and replaces what was said of it
// before; a definition says what a measure gives. Applying a block twice, or one that was seen in part, does
// no harm. A subscription is named by its pseudonym (SipHash-2-4 of "kind|number" under the operator's feed
// key). Neither the person nor the reason, nor the measure's name, which may tell the reason, is in it.
//
// Each block is signed by the centre (Ed25519), so that who carries it can't change, drop or mix anything.
//
// docs/feed.md draws the bytes. This file is all that an edge needs of the centre's code.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "crypto/sign.hpp"

namespace dayaq::feed {

inline constexpr std::uint16_t format_version = 2;
inline constexpr std::size_t lines_max = 65536;  ///< in one block; the centre writes at most 4096
inline constexpr std::size_t lists_max = 65536;
inline constexpr std::size_t definitions_max = 4096;
inline constexpr std::size_t grants_max = 255;    ///< of one subscription
inline constexpr std::size_t benefits_max = 255;  ///< of one measure
inline constexpr std::size_t block_bytes_max = 16u << 20;

/// The numbers of these enumerations are the wire's: they never change their meaning.
enum class Benefit : std::uint8_t {
  voice = 0,
  messages = 1,
  data = 2,
  tv = 3,
  deferral = 4,
  discount = 5,
  room = 6
};
enum class Unit : std::uint8_t { none = 0, seconds = 1, messages = 2, octets = 3, qepik = 4, percent = 5 };
enum class QuotaPeriod : std::uint8_t { day = 0, week = 1, month = 2, regime = 3 };
/// What follows a quota that is used up.
enum class WhenUsedUp : std::uint8_t {
  charge = 0,   ///< the operator's own charging
  limited = 1,  ///< limited service, no cut-off
};
/// What an edge does when it can't know: a sibling edge is silent, or its own disk is.
enum class WhenSilent : std::uint8_t {
  close = 0,  ///< nothing beyond what is certain
  open = 1,   ///< goes on granting, up to `open_bound` beyond what is certain
};

/// One thing that a measure gives.
struct BenefitLine {
  Benefit kind = Benefit::voice;
  Unit unit = Unit::none;
  QuotaPeriod quota_period = QuotaPeriod::month;
  std::uint8_t delivered_on = 0;  ///< bit 0 mobile, bit 1 fixed, bit 2 tv
  std::uint8_t percent = 100;     ///< of the price that is taken over; 100 is free
  bool limited = false;           ///< false: without limit, `quota` is 0
  std::uint64_t quota = 0;        ///< in `unit`, for each subscription and quota period
  WhenUsedUp when_used_up = WhenUsedUp::charge;
  WhenSilent when_silent = WhenSilent::open;
  std::uint64_t open_bound = 0;  ///< in `unit`, for each subscription, quota period and edge; close: 0
  std::string traffic_class;     ///< data: traffic class; tv: package; else empty. At most 64 bytes
  friend bool operator==(const BenefitLine&, const BenefitLine&) = default;
};

/// What a measure gives, and under which law: for the edge's decisions and for the settlement of usage.
struct Definition {
  std::uint32_t measure = 0;  ///< the number that grants name it by, for good
  std::uint32_t regime_version = 1;
  std::string regime;  ///< its code, at most 64 bytes
  Period period;       ///< in which it is law, as far as known
  std::vector<BenefitLine> benefits;
  friend bool operator==(const Definition&, const Definition&) = default;
};

/// A measure granted until a moment (or until its definition's end, whichever comes first).
struct GrantLine {
  std::uint32_t measure = 0;
  Instant until = instant_max;
  friend bool operator==(const GrantLine&, const GrantLine&) = default;
};
using GrantList = std::vector<GrantLine>;

/// All that a subscription is granted. An empty list: nothing, or the subscription has ended.
struct SubscriptionLine {
  std::uint64_t key = 0;   ///< the pseudonym
  std::uint16_t list = 0;  ///< into Block::lists
  friend bool operator==(const SubscriptionLine&, const SubscriptionLine&) = default;
};

enum class BlockKind : std::uint8_t {
  changes = 1,   ///< definitions, then lines, numbered `first_sequence`, `first_sequence` + 1, ...
  snapshot = 2,  ///< a page of a snapshot as of `first_sequence`: what isn't named has no grants
};

struct Block {
  BlockKind kind = BlockKind::changes;
  std::string operator_code;  ///< 1 to 64 bytes
  std::uint64_t first_sequence = 0;
  Instant created;
  std::uint32_t page = 0;   ///< of a snapshot, from 0; changes: 0
  std::uint32_t pages = 0;  ///< how many the snapshot has; changes: 0
  std::vector<Definition> definitions;
  std::vector<GrantList> lists;
  std::vector<SubscriptionLine> lines;
  /// Of changes: the number of the last line in it.
  [[nodiscard]] std::uint64_t last_sequence() const {
    return first_sequence + definitions.size() + lines.size() - 1;
  }
  friend bool operator==(const Block&, const Block&) = default;
};

/// The name of a subscription on the feed of the operator whose key it is: SipHash-2-4 of "kind|number"
/// ("mobile|994501234567"), 1 instead of 0.
[[nodiscard]] std::uint64_t pseudonym(const SipKey& key, std::string_view kind, std::string_view number);

/// The block's bytes, signed. The limits above and `list` within `lists` are the caller's to keep (checked,
/// ends the program).
[[nodiscard]] Bytes encode(const Block& block, const crypto::SigningKey& key);

/// Takes one block off the front of `in`, strictly: what decodes is what encode() would write, signed by one
/// of `keys`. invalid_input "feed.magic", "feed.version", "feed.truncated", "feed.limit" (a count or length
/// beyond its bound), "feed.value" (an unknown enumerator, a list that isn't there); forbidden
/// "feed.signature".
[[nodiscard]] Result<Block> decode(BytesView& in, std::span<const crypto::PublicKey> keys);

/// The same without looking at the signature: for blocks that this program wrote itself.
[[nodiscard]] Result<Block> decode_own(BytesView& in);

/// A block's header without the rest, for looking through many.
struct Header {
  BlockKind kind = BlockKind::changes;
  std::string operator_code;
  std::uint64_t first_sequence = 0;
  Instant created;
  std::uint32_t page = 0;
  std::uint32_t pages = 0;
  std::uint32_t definitions = 0;
  std::uint32_t lists = 0;
  std::uint32_t lines = 0;
  std::uint32_t bytes = 0;  ///< of the whole block
};
[[nodiscard]] Result<Header> decode_header(BytesView in);

}  // namespace dayaq::feed
