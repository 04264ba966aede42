#include "crypto/cbor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/text.hpp"

namespace dayaq::crypto::cbor {
namespace {

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::invalid_input, "cbor.malformed", "The binary data (CBOR) is damaged.",
              std::string(what));
}

std::unexpected<Error> too_much(std::string_view what) {
  return fail(ErrorKind::invalid_input, "cbor.limit",
              "The binary data (CBOR) is larger than anything expected.", std::string(what));
}

// RFC 8949 appendix D.
double from_half(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const int mantissa = half & 0x3ff;
  double value = 0;
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent != 31) {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  } else {
    value =
        mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  }
  return (half & 0x8000) != 0 ? -value : value;
}

struct Head {
  unsigned major = 0;
  unsigned info = 0;
  std::uint64_t argument = 0;
};

bool same_key(const Value& a, const Value& b) {
  return a.kind == b.kind && a.number == b.number && std::ranges::equal(a.string, b.string);
}

bool may_be_key(const Value& value) {
  return value.kind == Kind::unsigned_int || value.kind == Kind::negative_int || value.kind == Kind::bytes ||
         value.kind == Kind::text;
}

class Reader {
 public:
  Reader(BytesView in, const Limits& limits) : in_(in), limits_(limits) {}

  Result<Value> item(unsigned depth) {
    if (++items_ > limits_.items_max) return too_much("values");
    DAYAQ_TRY(const Head head, take_head());
    Value value;
    value.number = head.argument;
    switch (head.major) {
      case 0:
        value.kind = Kind::unsigned_int;
        return value;
      case 1:
        value.kind = Kind::negative_int;
        return value;
      case 2:
      case 3:
        return string(head, std::move(value));
      case 7:
        return other(head, std::move(value));
      default:
        break;
    }
    if (depth == limits_.depth_max) return too_much("depth");
    if (head.major == 6) {
      value.kind = Kind::tag;
      DAYAQ_TRY(Value content, item(depth + 1));
      value.items.push_back(std::move(content));
      return value;
    }
    value.number = 0;
    value.kind = head.major == 4 ? Kind::array : Kind::map;
    if (value.kind == Kind::map) return map(head.argument, depth, std::move(value));
    // Each value has at least one byte, so that a large count can't make us reserve or loop.
    if (head.argument > in_.size()) return malformed("an array cut off");
    for (std::uint64_t i = 0; i < head.argument; ++i) {
      DAYAQ_TRY(Value next, item(depth + 1));
      value.items.push_back(std::move(next));
    }
    return value;
  }

  [[nodiscard]] BytesView rest() const { return in_; }

 private:
  Result<Head> take_head() {
    if (in_.empty()) return malformed("cut off");
    const unsigned first = std::to_integer<unsigned>(in_[0]);
    in_ = in_.subspan(1);
    Head head{first >> 5, first & 31, first & 31};
    if (head.info < 24) return head;
    if (head.info > 27) return malformed("indefinite or reserved");
    const std::size_t need = std::size_t{1} << (head.info - 24);
    if (need > in_.size()) return malformed("cut off");
    head.argument = 0;
    for (const std::byte byte : in_.first(need))
      head.argument = head.argument << 8 | std::to_integer<unsigned>(byte);
    in_ = in_.subspan(need);
    return head;
  }

  Result<Value> string(const Head& head, Value value) {
    if (head.argument > in_.size()) return malformed("a string cut off");
    value.kind = head.major == 2 ? Kind::bytes : Kind::text;
    value.number = 0;
    value.string = in_.first(static_cast<std::size_t>(head.argument));
    in_ = in_.subspan(value.string.size());
    if (value.kind == Kind::text && !is_utf8(dayaq::as_text(value.string))) return malformed("not UTF-8");
    return value;
  }

  Result<Value> map(std::uint64_t entries, unsigned depth, Value value) {
    if (entries > in_.size() / 2) return malformed("a map cut off");
    if (entries > limits_.entries_max) return too_much("entries of a map");
    for (std::uint64_t i = 0; i < entries; ++i) {
      DAYAQ_TRY(Value key, item(depth + 1));
      bool duplicate = !may_be_key(key);
      for (std::size_t k = 0; k < value.items.size(); k += 2) duplicate |= same_key(value.items[k], key);
      if (duplicate) {
        return fail(ErrorKind::invalid_input, "cbor.duplicate",
                    "The binary data (CBOR) names a thing twice.");
      }
      DAYAQ_TRY(Value content, item(depth + 1));
      value.items.push_back(std::move(key));
      value.items.push_back(std::move(content));
    }
    return value;
  }

  static Result<Value> other(const Head& head, Value value) {
    if (head.info < 25) {
      // RFC 8949 section 3.3: a simple value below 32 in two bytes is not well-formed.
      if (head.info == 24 && head.argument < 32) return malformed("a simple value in two bytes");
      value.kind = Kind::simple;
      return value;
    }
    value.kind = Kind::real;
    value.number = 0;
    if (head.info == 25) value.real = from_half(static_cast<std::uint16_t>(head.argument));
    if (head.info == 26) value.real = std::bit_cast<float>(static_cast<std::uint32_t>(head.argument));
    if (head.info == 27) value.real = std::bit_cast<double>(head.argument);
    return value;
  }

  BytesView in_;
  const Limits& limits_;
  std::size_t items_ = 0;
};

void put_argument(Bytes& out, unsigned first, unsigned bytes, std::uint64_t argument) {
  out.push_back(std::byte(first));
  for (unsigned i = bytes; i-- > 0;) out.push_back(std::byte(argument >> (8 * i) & 0xff));
}

void put_head(Bytes& out, unsigned major, std::uint64_t argument) {
  const unsigned first = major << 5;
  if (argument < 24) return put_argument(out, first | static_cast<unsigned>(argument), 0, 0);
  if (argument <= 0xff) return put_argument(out, first | 24, 1, argument);
  if (argument <= 0xffff) return put_argument(out, first | 25, 2, argument);
  if (argument <= 0xffffffff) return put_argument(out, first | 26, 4, argument);
  put_argument(out, first | 27, 8, argument);
}

// The half float that has exactly this value, if there is one.
std::optional<std::uint16_t> to_half(double value) {
  const unsigned sign = std::signbit(value) ? 0x8000 : 0;
  const double size = std::fabs(value);
  if (size == 0) return static_cast<std::uint16_t>(sign);
  if (std::isinf(size)) return static_cast<std::uint16_t>(sign | 0x7c00);
  if (size > 65504 || size < std::ldexp(1, -24)) return std::nullopt;
  const int exponent = std::max(std::ilogb(size), -14);
  const double mantissa = std::ldexp(size, 10 - exponent);  // 1024..2047, below 1024 for a subnormal
  if (mantissa != std::floor(mantissa)) return std::nullopt;
  const auto bits = static_cast<unsigned>(mantissa);
  const unsigned half = bits < 1024 ? bits : (static_cast<unsigned>(exponent + 15) << 10) + (bits - 1024);
  return static_cast<std::uint16_t>(sign | half);
}

// RFC 8949 section 4.2.2: one NaN, and otherwise the shortest form that keeps the value.
void put_real(Bytes& out, double value) {
  if (std::isnan(value)) return put_argument(out, 0xf9, 2, 0x7e00);
  if (const auto half = to_half(value)) return put_argument(out, 0xf9, 2, *half);
  if (std::fabs(value) <= static_cast<double>(std::numeric_limits<float>::max())) {
    const auto single = static_cast<float>(value);
    if (std::bit_cast<std::uint64_t>(static_cast<double>(single)) == std::bit_cast<std::uint64_t>(value)) {
      return put_argument(out, 0xfa, 4, std::bit_cast<std::uint32_t>(single));
    }
  }
  put_argument(out, 0xfb, 8, std::bit_cast<std::uint64_t>(value));
}

void put(Bytes& out, const Value& value);

void put_map(Bytes& out, const Value& value) {
  std::vector<std::pair<Bytes, const Value*>> entries;
  entries.reserve(value.items.size() / 2);
  for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
    entries.emplace_back(encode(value.items[i]), &value.items[i + 1]);
  }
  std::ranges::sort(entries, {}, &std::pair<Bytes, const Value*>::first);
  DAYAQ_ASSERT(std::ranges::adjacent_find(entries, {}, &std::pair<Bytes, const Value*>::first) ==
               entries.end());
  put_head(out, 5, entries.size());
  for (const auto& [key, content] : entries) {
    out.insert(out.end(), key.begin(), key.end());
    put(out, *content);
  }
}

void put(Bytes& out, const Value& value) {
  switch (value.kind) {
    case Kind::unsigned_int:
      return put_head(out, 0, value.number);
    case Kind::negative_int:
      return put_head(out, 1, value.number);
    case Kind::bytes:
    case Kind::text:
      put_head(out, value.kind == Kind::bytes ? 2 : 3, value.string.size());
      out.insert(out.end(), value.string.begin(), value.string.end());
      return;
    case Kind::array:
      put_head(out, 4, value.items.size());
      for (const Value& item : value.items) put(out, item);
      return;
    case Kind::map:
      return put_map(out, value);
    case Kind::tag:
      DAYAQ_ASSERT(value.items.size() == 1);
      put_head(out, 6, value.number);
      return put(out, value.items[0]);
    case Kind::simple:
      if (value.number < 24) return put_argument(out, 0xe0 | static_cast<unsigned>(value.number), 0, 0);
      return put_argument(out, 0xf8, 1, value.number);
    case Kind::real:
      return put_real(out, value.real);
  }
}

}  // namespace

Value Value::integer(std::int64_t value) {
  Value made;
  made.kind = value < 0 ? Kind::negative_int : Kind::unsigned_int;
  made.number = value < 0 ? ~static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  return made;
}

Value Value::unsigned_integer(std::uint64_t value) {
  Value made;
  made.kind = Kind::unsigned_int;
  made.number = value;
  return made;
}

Value Value::bytes(BytesView value) {
  Value made;
  made.kind = Kind::bytes;
  made.number = 0;
  made.string = value;
  return made;
}

Value Value::text(std::string_view value) {
  Value made = bytes(dayaq::as_bytes(value));
  made.kind = Kind::text;
  return made;
}

Value Value::array(std::vector<Value> items) {
  Value made;
  made.kind = Kind::array;
  made.number = 0;
  made.items = std::move(items);
  return made;
}

Value Value::map(std::vector<std::pair<Value, Value>> entries) {
  Value made;
  made.kind = Kind::map;
  made.number = 0;
  made.items.reserve(entries.size() * 2);
  for (auto& [key, content] : entries) {
    made.items.push_back(std::move(key));
    made.items.push_back(std::move(content));
  }
  return made;
}

Value Value::tag(std::uint64_t tag, Value content) {
  Value made;
  made.kind = Kind::tag;
  made.number = tag;
  made.items.push_back(std::move(content));
  return made;
}

Value Value::boolean(bool value) {
  Value made;
  made.number = value ? simple_true : simple_false;
  return made;
}

Value Value::null() {
  return {};
}

Value Value::floating(double value) {
  Value made;
  made.kind = Kind::real;
  made.number = 0;
  made.real = value;
  return made;
}

std::optional<std::int64_t> Value::as_integer() const {
  if (kind != Kind::unsigned_int && kind != Kind::negative_int) return std::nullopt;
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return static_cast<std::int64_t>(kind == Kind::unsigned_int ? number : ~number);
}

std::optional<BytesView> Value::as_bytes() const {
  return kind == Kind::bytes ? std::optional(string) : std::nullopt;
}

std::optional<std::string_view> Value::as_text() const {
  return kind == Kind::text ? std::optional(dayaq::as_text(string)) : std::nullopt;
}

std::optional<bool> Value::as_bool() const {
  if (kind != Kind::simple || (number != simple_true && number != simple_false)) return std::nullopt;
  return number == simple_true;
}

const Value* Value::find(std::int64_t key) const {
  for (std::size_t i = 0; kind == Kind::map && i + 1 < items.size(); i += 2) {
    if (items[i].as_integer() == key) return &items[i + 1];
  }
  return nullptr;
}

const Value* Value::find(std::string_view key) const {
  for (std::size_t i = 0; kind == Kind::map && i + 1 < items.size(); i += 2) {
    if (items[i].as_text() == key) return &items[i + 1];
  }
  return nullptr;
}

Bytes encode(const Value& value) {
  Bytes out;
  put(out, value);
  return out;
}

Result<Value> take(BytesView& in, const Limits& limits) {
  Reader reader(in.first(std::min(in.size(), limits.size_max)), limits);
  auto value = reader.item(0);
  if (!value) {
    if (in.size() > limits.size_max && value.error().code == "cbor.malformed") return too_much("bytes");
    return value;
  }
  in = in.subspan(std::min(in.size(), limits.size_max) - reader.rest().size());
  return value;
}

Result<Value> parse(BytesView bytes, Form form, const Limits& limits) {
  if (bytes.size() > limits.size_max) return too_much("bytes");
  BytesView rest = bytes;
  DAYAQ_TRY(Value value, take(rest, limits));
  if (!rest.empty()) return malformed("bytes after the item");
  if (form == Form::deterministic && !std::ranges::equal(encode(value), bytes)) {
    return fail(ErrorKind::invalid_input, "cbor.form", "The binary data (CBOR) isn't in its one exact form.");
  }
  return value;
}

}  // namespace dayaq::crypto::cbor
