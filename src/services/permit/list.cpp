#include "services/permit/list.hpp"

#include <algorithm>
#include <bit>

namespace dayaq::services::permit {
namespace {

using crypto::cbor::Value;

// Signed along with the list, so that nothing else that this key signs can be taken for one.
constexpr std::string_view purpose = "dayaq permit list 1";
constexpr std::uint64_t count_max = 1'000'000;
constexpr std::size_t withdrawn_max = 1'024;
constexpr crypto::cbor::Limits limits{
    .size_max = 8u << 20, .items_max = 32'768, .entries_max = 4'096, .depth_max = 8};

std::unexpected<Error> no_list(const char* why) {
  return fail(ErrorKind::invalid_input, "permit.list", "This is not a list of revoked permits.", why);
}

std::int64_t seconds_of(Instant t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

std::optional<Instant> instant_of(const Value& seconds) {
  const auto number = seconds.as_integer();
  if (!number || *number < 0 || *number > 253'402'300'799) return std::nullopt;
  return Instant(std::chrono::seconds(*number));
}

class BitWriter {
 public:
  void put(bool bit) {
    if (used_ == 0) bytes_.push_back(std::byte(0));
    if (bit) bytes_.back() |= std::byte(0x80u >> used_);
    used_ = (used_ + 1) % 8;
  }
  void put(std::uint64_t number, unsigned bits) {
    while (bits-- > 0) put((number >> bits & 1) != 0);
  }
  Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
  unsigned used_ = 0;
};

class BitReader {
 public:
  explicit BitReader(BytesView bytes) : bytes_(bytes) {}
  [[nodiscard]] std::size_t left() const { return bytes_.size() * 8 - at_; }
  bool take() {  // one is left
    const bool bit = (bytes_[at_ / 8] & std::byte(0x80u >> at_ % 8)) != std::byte(0);
    ++at_;
    return bit;
  }

 private:
  BytesView bytes_;
  std::size_t at_ = 0;
};

Result<Kind> read_kind(const Value& value) {
  if (value.kind != crypto::cbor::Kind::array || value.items.size() != 5) return no_list("a kind");
  Kind kind;
  const auto number = value.items[0].as_integer();
  if (!number || *number < 0 || *number > 0xffff) return no_list("a kind's number");
  kind.number = static_cast<std::uint16_t>(*number);
  std::size_t at = 1;
  for (std::string* name : {&kind.name.az, &kind.name.en, &kind.name.ru}) {
    const auto text = value.items[at++].as_text();
    if (!text || text->size() > 200) return no_list("a kind's name");
    *name = *text;
  }
  const auto void_before = instant_of(value.items[4]);
  if (!void_before) return no_list("a kind's void_before");
  if (seconds_of(*void_before) != 0) kind.void_before = *void_before;
  return kind;
}

Result<List> read_payload(BytesView payload) {
  const auto parsed = crypto::cbor::parse(payload, crypto::cbor::Form::definite, limits);
  if (!parsed) return no_list("CBOR");
  const Value *made = parsed->find(1), *next = parsed->find(2), *keys = parsed->find(3),
              *kinds = parsed->find(4), *revoked = parsed->find(5);
  if (made == nullptr || next == nullptr || keys == nullptr || kinds == nullptr || revoked == nullptr) {
    return no_list("members");
  }
  List list;
  const auto made_at = instant_of(*made), next_at = instant_of(*next);
  if (!made_at || !next_at) return no_list("times");
  list.made = *made_at;
  list.next = *next_at;
  if (keys->kind != crypto::cbor::Kind::array || keys->items.size() > 64) return no_list("keys");
  for (const Value& item : keys->items) {
    auto key = crypto::CoseKey::from_value(item);
    // A kind of keys that isn't known yet is passed over: what it signs will be told from a forgery.
    if (key && key->algorithm() == crypto::CoseAlgorithm::eddsa) list.keys.add(std::move(*key));
  }
  if (const Value* withdrawn = parsed->find(6)) {
    if (withdrawn->kind != crypto::cbor::Kind::array || withdrawn->items.size() > withdrawn_max) {
      return no_list("withdrawn");
    }
    for (const Value& item : withdrawn->items) {
      const auto id = item.as_bytes();
      if (!id || id->size() != 4) return no_list("withdrawn");
      list.keys.withdraw({id->begin(), id->end()});
    }
  }
  if (kinds->kind != crypto::cbor::Kind::array || kinds->items.size() > 4'096) return no_list("kinds");
  for (const Value& item : kinds->items) {
    DAYAQ_TRY(Kind kind, read_kind(item));
    if (!list.kinds.empty() && kind.number <= list.kinds.back().number) return no_list("kinds' order");
    list.kinds.push_back(std::move(kind));
  }
  if (revoked->kind != crypto::cbor::Kind::array || revoked->items.size() != 3) return no_list("revoked");
  const auto count = revoked->items[0].as_integer(), k = revoked->items[1].as_integer();
  const auto bits = revoked->items[2].as_bytes();
  if (!count || *count < 0 || !k || *k < 0 || !bits) return no_list("revoked");
  DAYAQ_TRY(list.revoked, rice_decode(std::uint64_t(*count), std::uint64_t(*k), *bits));
  return list;
}

}  // namespace

const Kind* List::kind(std::uint16_t number) const {
  const auto found = std::ranges::lower_bound(kinds, number, {}, &Kind::number);
  return found != kinds.end() && found->number == number ? &*found : nullptr;
}

bool List::is_revoked(const Claims& claims) const {
  const Kind* of = kind(claims.kind);
  if (of != nullptr && claims.valid.from < of->void_before) return true;
  return std::ranges::binary_search(revoked, claims.id);
}

Verdict List::judge(const Claims& claims, Instant now) const {
  const Verdict by_clock = permit::judge(claims, std::max(now, made));
  return by_clock != Verdict::ended && is_revoked(claims) ? Verdict::revoked : by_clock;
}

List make_list(std::vector<RevokedPermit> revoked, const std::vector<KindInput>& kinds, Keys keys,
               Instant made, std::chrono::seconds fresh_for) {
  List list{.made = made, .next = made + fresh_for, .keys = std::move(keys), .kinds = {}, .revoked = {}};
  for (const KindInput& input : kinds) {
    Kind kind{.number = input.number, .name = input.name};
    if (input.first_unrevoked) {
      // In whole seconds, as tokens are; cut down, so that no live permit comes to lie before it.
      const Instant settled = std::chrono::floor<std::chrono::seconds>(made - settled_after);
      const Instant bound = *input.first_unrevoked < settled
                                ? std::chrono::floor<std::chrono::seconds>(*input.first_unrevoked)
                                : settled;
      const auto spared = std::ranges::count_if(revoked, [&](const RevokedPermit& permit) {
        return permit.kind == kind.number && permit.from < bound;
      });
      if (std::size_t(spared) >= void_least) {
        kind.void_before = bound;
        std::erase_if(revoked, [&](const RevokedPermit& permit) {
          return permit.kind == kind.number && permit.from < bound;
        });
      }
    }
    list.kinds.push_back(std::move(kind));
  }
  std::ranges::sort(list.kinds, {}, &Kind::number);
  list.revoked.reserve(revoked.size());
  for (const RevokedPermit& permit : revoked) list.revoked.push_back(permit.id);
  std::ranges::sort(list.revoked);
  const auto doubles = std::ranges::unique(list.revoked);
  list.revoked.erase(doubles.begin(), doubles.end());
  return list;
}

Result<Bytes> encode_list(const List& list, const Issuer& issuer) {
  DAYAQ_ASSERT(list.keys.find(issuer.key_id()) != nullptr);
  if (list.revoked.size() > count_max) {
    return fail(ErrorKind::limit, "permit.list_full", "More permits were revoked than a list can hold.");
  }
  // What Values view must outlive them.
  std::vector<Bytes> encoded;
  encoded.reserve(list.keys.all().size());
  std::vector<Value> keys, kinds;
  for (const auto& [id, key] : list.keys.all()) {
    encoded.push_back(key.encode());
    auto value = crypto::cbor::parse(encoded.back());
    DAYAQ_ASSERT(value.has_value());
    keys.push_back(std::move(*value));
  }
  for (const Kind& kind : list.kinds) {
    kinds.push_back(
        Value::array({Value::unsigned_integer(kind.number), Value::text(kind.name.in(Language::az)),
                      Value::text(kind.name.in(Language::en)), Value::text(kind.name.in(Language::ru)),
                      Value::integer(kind.void_before == instant_min ? 0 : seconds_of(kind.void_before))}));
  }
  const RiceCoded coded = rice_encode(list.revoked);
  std::vector<std::pair<Value, Value>> members{
      {Value::integer(1), Value::integer(seconds_of(list.made))},
      {Value::integer(2), Value::integer(seconds_of(list.next))},
      {Value::integer(3), Value::array(std::move(keys))},
      {Value::integer(4), Value::array(std::move(kinds))},
      {Value::integer(5), Value::array({Value::unsigned_integer(coded.count),
                                        Value::unsigned_integer(coded.k), Value::bytes(coded.bits)})}};
  if (!list.keys.withdrawn().empty()) {
    std::vector<Value> withdrawn;
    for (const Bytes& id : list.keys.withdrawn()) withdrawn.push_back(Value::bytes(id));
    members.emplace_back(Value::integer(6), Value::array(std::move(withdrawn)));
  }
  const Bytes payload = crypto::cbor::encode(Value::map(std::move(members)));
  return issuer.sign(payload, as_bytes(purpose));
}

Result<List> parse_list(BytesView bytes, const Keys& trusted) {
  const auto message = crypto::parse_cose_sign1(bytes, limits);
  if (!message || !message->payload) return no_list("COSE_Sign1");
  const auto signed_by = [&](const Keys& keys) {
    return std::ranges::any_of(keys.all(), [&](const auto& key) {
      return std::ranges::equal(key.first, message->key_id) &&
             crypto::verify_cose_sign1(*message, key.second, as_bytes(purpose)).has_value();
    });
  };
  const auto refuse = [&](const Keys& keys) -> std::unexpected<Error> {
    if (keys.find(message->key_id) == nullptr) {
      return fail(ErrorKind::not_found, "permit.key",
                  "The list is signed with a key that isn't known here: renew the list of keys.");
    }
    return fail(ErrorKind::invalid_input, "permit.signature", "The list is forged or damaged.");
  };
  if (!trusted.all().empty()) {
    if (!signed_by(trusted)) return refuse(trusted);
    return read_payload(*message->payload);
  }
  DAYAQ_TRY(List list, read_payload(*message->payload));
  if (!signed_by(list.keys)) return refuse(list.keys);
  return list;
}

RiceCoded rice_encode(const std::vector<std::uint64_t>& ids) {
  RiceCoded coded{.count = ids.size(), .k = 0, .bits = {}};
  if (ids.empty()) return coded;
  // With k = floor(log2(last / count)) all high bits together are at most 2 ones an id, however ids lie.
  if (const std::uint64_t mean = ids.back() / ids.size(); mean > 0)
    coded.k = unsigned(std::bit_width(mean)) - 1;
  BitWriter out;
  std::uint64_t next = 0;  // the least that the next id can be
  for (const std::uint64_t id : ids) {
    const std::uint64_t gap = id - next;
    for (std::uint64_t high = gap >> coded.k; high > 0; --high) out.put(true);
    out.put(false);
    out.put(gap, coded.k);
    next = id + 1;
  }
  coded.bits = out.take();
  return coded;
}

Result<std::vector<std::uint64_t>> rice_decode(std::uint64_t count, std::uint64_t k, BytesView bits) {
  if (count > count_max || k > 63) return no_list("count, k");
  BitReader in(bits);
  if (count * (k + 1) > in.left()) return no_list("too few bits");
  std::vector<std::uint64_t> ids;
  ids.reserve(count);
  constexpr std::uint64_t id_max = UINT64_MAX;
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0 && ids.back() == id_max) return no_list("beyond 64 bits");
    std::uint64_t high = 0;
    for (;;) {
      if (in.left() == 0) return no_list("cut off");
      if (!in.take()) break;
      ++high;
    }
    if (in.left() < k || (k > 0 && high > id_max >> k)) return no_list("cut off, or beyond 64 bits");
    std::uint64_t low = 0;
    for (std::uint64_t bit = 0; bit < k; ++bit) low = low << 1 | std::uint64_t(in.take());
    const std::uint64_t gap = (high << k) | low;
    if (gap > id_max - next) return no_list("beyond 64 bits");
    ids.push_back(next + gap);
    next = ids.back() + 1;
  }
  if (in.left() >= 8) return no_list("bytes left over");
  while (in.left() > 0) {
    if (in.take()) return no_list("bits left over");
  }
  return ids;
}

}  // namespace dayaq::services::permit
