#include "crypto/cbor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace dayaq::crypto::cbor {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

std::string_view refusal(std::string_view bytes, Form form = Form::definite, const Limits& limits = {}) {
  const Bytes raw = hex(bytes);
  const auto value = parse(raw, form, limits);
  return value ? std::string_view("accepted") : value.error().code;
}

// RFC 8949 appendix A, all rows of definite length. Each is in its deterministic form but the wide floats.
TEST(Cbor, ReadsAndWritesTheExamplesOfAppendixA) {
  const auto integer = [](std::int64_t v) { return Value::integer(v); };
  const auto tuple = [](std::vector<Value> v) { return Value::array(std::move(v)); };
  const Bytes four = hex("01020304"), ieee = hex("6449455446");
  std::vector<Value> to_25;
  for (int i = 1; i <= 25; ++i) to_25.push_back(integer(i));
  Value largest_negative = integer(-1);
  largest_negative.number = std::numeric_limits<std::uint64_t>::max();
  Value simple16, simple255;
  simple16.number = 16, simple255.number = 255;
  const double inf = std::numeric_limits<double>::infinity();
  const Bytes big = hex("010000000000000000");
  const std::vector<std::pair<std::string, Value>> rows{
      {"00", integer(0)},
      {"01", integer(1)},
      {"0a", integer(10)},
      {"17", integer(23)},
      {"1818", integer(24)},
      {"1819", integer(25)},
      {"1864", integer(100)},
      {"1903e8", integer(1000)},
      {"1a000f4240", integer(1000000)},
      {"1b000000e8d4a51000", integer(1000000000000)},
      {"1bffffffffffffffff", Value::unsigned_integer(18446744073709551615u)},
      {"c249010000000000000000", Value::tag(2, Value::bytes(big))},
      {"3bffffffffffffffff", largest_negative},
      {"c349010000000000000000", Value::tag(3, Value::bytes(big))},
      {"20", integer(-1)},
      {"29", integer(-10)},
      {"3863", integer(-100)},
      {"3903e7", integer(-1000)},
      {"f90000", Value::floating(0.0)},
      {"f98000", Value::floating(-0.0)},
      {"f93c00", Value::floating(1.0)},
      {"fb3ff199999999999a", Value::floating(1.1)},
      {"f93e00", Value::floating(1.5)},
      {"f97bff", Value::floating(65504.0)},
      {"fa47c35000", Value::floating(100000.0)},
      {"fa7f7fffff", Value::floating(3.4028234663852886e+38)},
      {"fb7e37e43c8800759c", Value::floating(1.0e+300)},
      {"f90001", Value::floating(5.960464477539063e-8)},
      {"f90400", Value::floating(0.00006103515625)},
      {"f9c400", Value::floating(-4.0)},
      {"fbc010666666666666", Value::floating(-4.1)},
      {"f97c00", Value::floating(inf)},
      {"f97e00", Value::floating(std::nan(""))},
      {"f9fc00", Value::floating(-inf)},
      {"f4", Value::boolean(false)},
      {"f5", Value::boolean(true)},
      {"f6", Value::null()},
      {"f0", simple16},
      {"f8ff", simple255},
      {"c074323031332d30332d32315432303a30343a30305a", Value::tag(0, Value::text("2013-03-21T20:04:00Z"))},
      {"c11a514b67b0", Value::tag(1, integer(1363896240))},
      {"c1fb41d452d9ec200000", Value::tag(1, Value::floating(1363896240.5))},
      {"d74401020304", Value::tag(23, Value::bytes(four))},
      {"d818456449455446", Value::tag(24, Value::bytes(ieee))},
      {"d82076687474703a2f2f7777772e6578616d706c652e636f6d",
       Value::tag(32, Value::text("http://www.example.com"))},
      {"40", Value::bytes({})},
      {"4401020304", Value::bytes(four)},
      {"60", Value::text("")},
      {"6161", Value::text("a")},
      {"6449455446", Value::text("IETF")},
      {"62225c", Value::text("\"\\")},
      {"62c3bc", Value::text("\u00fc")},
      {"63e6b0b4", Value::text("\u6c34")},
      {"64f0908591", Value::text("\U00010151")},
      {"80", tuple({})},
      {"83010203", tuple({integer(1), integer(2), integer(3)})},
      {"8301820203820405",
       tuple({integer(1), tuple({integer(2), integer(3)}), tuple({integer(4), integer(5)})})},
      {"98190102030405060708090a0b0c0d0e0f101112131415161718181819", tuple(to_25)},
      {"a0", Value::map({})},
      {"a201020304", Value::map({{integer(3), integer(4)}, {integer(1), integer(2)}})},
      {"a26161016162820203",
       Value::map({{Value::text("b"), tuple({integer(2), integer(3)})}, {Value::text("a"), integer(1)}})},
      {"826161a161626163", tuple({Value::text("a"), Value::map({{Value::text("b"), Value::text("c")}})})},
      {"a56161614161626142616361436164614461656145", Value::map({{Value::text("a"), Value::text("A")},
                                                                 {Value::text("b"), Value::text("B")},
                                                                 {Value::text("c"), Value::text("C")},
                                                                 {Value::text("d"), Value::text("D")},
                                                                 {Value::text("e"), Value::text("E")}})},
  };
  for (const auto& [bytes, value] : rows) {
    EXPECT_EQ(to_hex(encode(value)), bytes);
    const Bytes raw = hex(bytes);
    const auto read = parse(raw, Form::deterministic);
    ASSERT_TRUE(read) << bytes;
    EXPECT_EQ(read->kind, value.kind) << bytes;
    EXPECT_EQ(to_hex(encode(*read)), bytes);
  }
  // The same values wider than need be: read, but not as deterministic.
  for (const auto& [wide, narrow] :
       std::vector<std::pair<std::string, std::string>>{{"fa7f800000", "f97c00"},
                                                        {"fa7fc00000", "f97e00"},
                                                        {"faff800000", "f9fc00"},
                                                        {"fb7ff0000000000000", "f97c00"},
                                                        {"fb7ff8000000000000", "f97e00"},
                                                        {"fbfff0000000000000", "f9fc00"}}) {
    const Bytes raw = hex(wide);
    const auto read = parse(raw);
    ASSERT_TRUE(read);
    EXPECT_EQ(to_hex(encode(*read)), narrow);
    EXPECT_EQ(refusal(wide, Form::deterministic), "cbor.form");
  }
}

// RFC 8949 appendix F: not well-formed; and the indefinite lengths of appendix A, which we don't take.
TEST(Cbor, RefusesWhatIsNotWellFormed) {
  for (const char* bytes : {"",
                            "18",
                            "19",
                            "1a",
                            "1b",
                            "1901",
                            "1a0102",
                            "1b01020304050607",
                            "38",
                            "58",
                            "78",
                            "98",
                            "9a01ff00",
                            "b8",
                            "d8",
                            "f8",
                            "f900",
                            "fa0000",
                            "fb000000",
                            "41",
                            "61",
                            "5affffffff00",
                            "5bffffffffffffffff010203",
                            "7affffffff00",
                            "7b7fffffffffffffff010203",
                            "81",
                            "818181818181818181",
                            "8200",
                            "a1",
                            "a20102",
                            "a100",
                            "a2000000",
                            "c0",
                            "1c",
                            "1d",
                            "1e",
                            "3c",
                            "3d",
                            "3e",
                            "5c",
                            "5d",
                            "5e",
                            "7c",
                            "7d",
                            "7e",
                            "9c",
                            "9d",
                            "9e",
                            "bc",
                            "bd",
                            "be",
                            "dc",
                            "dd",
                            "de",
                            "fc",
                            "fd",
                            "fe",
                            "f800",
                            "f801",
                            "f818",
                            "f81f",
                            "ff",
                            "81ff",
                            "8200ff",
                            "a1ff",
                            "a100ff",
                            "1f",
                            "3f",
                            "df",
                            "5f42010243030405ff",
                            "7f657374726561646d696e67ff",
                            "9fff",
                            "9f018202039f0405ffff",
                            "bf61610161629f0203ffff",
                            "0000",
                            "61ff",
                            "62c328",
                            "9bffffffffffffffff",
                            "bbffffffffffffffff"}) {
    const auto code = refusal(bytes);
    EXPECT_TRUE(code == "cbor.malformed" || code == "cbor.limit") << bytes << ' ' << code;
  }
}

TEST(Cbor, RefusesAKeyThatIsThereTwice) {
  EXPECT_EQ(refusal("a201020103"), "cbor.duplicate");
  EXPECT_EQ(refusal("a20102180103"), "cbor.duplicate");  // 1 and 1 in two bytes
  EXPECT_EQ(refusal("a2616101616102"), "cbor.duplicate");
  EXPECT_EQ(refusal("a2616101416102"), "accepted");  // a text and a byte string differ
  EXPECT_EQ(refusal("a18001"), "cbor.duplicate");    // a key that is an array
}

TEST(Cbor, OnlyTheDeterministicFormIsSeenAsSuch) {
  EXPECT_EQ(refusal("1817"), "accepted");
  EXPECT_EQ(refusal("1817", Form::deterministic), "cbor.form");
  EXPECT_EQ(refusal("a203040102"), "accepted");
  EXPECT_EQ(refusal("a203040102", Form::deterministic), "cbor.form");
}

TEST(Cbor, StaysWithinItsLimits) {
  EXPECT_EQ(refusal("8181818101", Form::definite, {.depth_max = 4}), "accepted");
  EXPECT_EQ(refusal("818181818101", Form::definite, {.depth_max = 4}), "cbor.limit");
  EXPECT_EQ(refusal("8301010101", Form::definite, {.items_max = 3}), "cbor.limit");
  EXPECT_EQ(refusal("a201020304", Form::definite, {.entries_max = 1}), "cbor.limit");
  EXPECT_EQ(refusal("4401020304", Form::definite, {.size_max = 4}), "cbor.limit");
}

TEST(Cbor, TakesOneItemOffTheFront) {
  const Bytes raw = hex("a1010283");
  BytesView rest = raw;
  ASSERT_TRUE(take(rest));
  EXPECT_EQ(to_hex(rest), "83");
  EXPECT_FALSE(take(rest));
  EXPECT_EQ(rest.size(), 1u);
}

TEST(Cbor, FindsAndConverts) {
  const Bytes raw = hex("a4012663666d74646e6f6e6520f51bffffffffffffffff43010203");
  const auto map = parse(raw);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->map_size(), 4u);
  EXPECT_EQ(map->find(1)->as_integer(), -7);
  EXPECT_EQ(map->find("fmt")->as_text(), "none");
  EXPECT_EQ(map->find(-1)->as_bool(), true);
  EXPECT_EQ(map->find(7), nullptr);
  EXPECT_EQ(map->items[6].as_integer(), std::nullopt);
  EXPECT_EQ(to_hex(*map->items[7].as_bytes()), "010203");
}

}  // namespace
}  // namespace dayaq::crypto::cbor
