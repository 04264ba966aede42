// CBOR: a strict reader and a deterministic writer, for COSE, WebAuthn and permits.
//
//   byte 0:  mmm aaaaa     m: major type (0 uint, 1 negative, 2 bytes, 3 text, 4 array, 5 map, 6 tag, 7
//   other)
//                          a: 0..23 the argument itself; 24..27: it follows in 1, 2, 4, 8 bytes;
//                             28..30 reserved and 31 (indefinite length): refused here
//
// @see RFC 8949 section 3; section 4.2.1 for what is written; CTAP 2.1 section 8 for what authenticators send
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace dayaq::crypto::cbor {

enum class Kind : std::uint8_t { unsigned_int, negative_int, bytes, text, array, map, tag, simple, real };

/// The simple values of RFC 8949 section 3.3 that have names.
inline constexpr std::uint64_t simple_false = 20, simple_true = 21, simple_null = 22, simple_undefined = 23;

/// One data item. Strings are views: into the bytes parsed, or into what the maker gave. Those must outlive
/// it.
struct Value {
  Kind kind = Kind::simple;
  std::uint64_t number = simple_null;  ///< uint; n of a negative -1 - n; tag; simple value
  double real = 0;
  BytesView string;          ///< bytes or text
  std::vector<Value> items;  ///< array; map as key, value, key, value; a tag's one content

  static Value integer(std::int64_t value);
  static Value unsigned_integer(std::uint64_t value);
  static Value bytes(BytesView value);
  static Value text(std::string_view value);  ///< UTF-8
  static Value array(std::vector<Value> items);
  static Value map(std::vector<std::pair<Value, Value>> entries);
  static Value tag(std::uint64_t tag, Value content);
  static Value boolean(bool value);
  static Value null();
  static Value floating(double value);

  [[nodiscard]] std::optional<std::int64_t> as_integer() const;  ///< if it is one that int64 holds
  [[nodiscard]] std::optional<BytesView> as_bytes() const;
  [[nodiscard]] std::optional<std::string_view> as_text() const;
  [[nodiscard]] std::optional<bool> as_bool() const;
  [[nodiscard]] const Value* find(std::int64_t key) const;      ///< in a map; null if not there or no map
  [[nodiscard]] const Value* find(std::string_view key) const;  ///< in a map, a text key
  [[nodiscard]] std::size_t map_size() const { return kind == Kind::map ? items.size() / 2 : 0; }
};

enum class Form : std::uint8_t {
  definite,       ///< definite lengths, no duplicate keys; longer heads and any order of keys pass
  deterministic,  ///< byte for byte what encode() writes
};

struct Limits {
  std::size_t size_max = 65'536;  ///< bytes of the whole item
  std::size_t items_max = 2'048;  ///< values in all
  std::size_t entries_max = 128;  ///< of one map
  unsigned depth_max = 8;         ///< arrays, maps and tags inside one another
};

/// Exactly one item.
///   - invalid_input "cbor.malformed"  cut off, indefinite, reserved, text that isn't UTF-8, bytes after the
///   item
///   - invalid_input "cbor.duplicate"  a key twice in one map, or a key that is no integer and no string
///   - invalid_input "cbor.limit"      larger or deeper than `limits`
///   - invalid_input "cbor.form"       not deterministic where that is asked for
[[nodiscard]] Result<Value> parse(BytesView bytes, Form form = Form::definite, const Limits& limits = {});

/// Takes one item off the front of `in` (left as it was on an error). Errors as for parse, without
/// "cbor.form".
[[nodiscard]] Result<Value> take(BytesView& in, const Limits& limits = {});

/// RFC 8949 section 4.2.1: shortest heads, shortest floats that keep the value, keys in bytewise order.
/// A duplicate key is a defect (DAYAQ_ASSERT).
[[nodiscard]] Bytes encode(const Value& value);

}  // namespace dayaq::crypto::cbor
