#include "audit/leaf.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/text.hpp"

namespace dayaq::audit {
namespace {

using namespace std::chrono_literals;

constexpr Instant at = Instant(std::chrono::sys_days(std::chrono::year{2026} / 11 / 21)) + 8h;

TEST(Leaf, IsWrittenInItsCanonicalForm) {
  LeafWriter writer;
  EXPECT_EQ(
      *writer.write({"regime.approve", "org:cabinet/key:3", at, {}, ""}),
      R"({"action":"regime.approve","actor":"org:cabinet/key:3","at":"2026-11-21T08:00:00Z","data":{},"v":1})");
  const crypto::Sha256 zero{};
  EXPECT_EQ(*writer.write({"a.b", "cli", at + 1234us, zero, R"({"n":1})"}),
            R"({"action":"a.b","actor":"cli","at":"2026-11-21T08:00:00.001234Z",)"
            R"("commitment":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","data":{"n":1},"v":1})");
}

TEST(Leaf, HasTheTimeAsEverybodyWritesIt) {
  LeafWriter writer;
  for (const Instant time : {at, at + 1us, at + 999'999us, at + 1s, at - 1us, at + 100h, Instant(-1us)}) {
    const auto leaf = writer.write({"a", "cli", time, {}, ""});
    ASSERT_TRUE(leaf);
    EXPECT_EQ(parse_leaf(*leaf)->at, format_instant(time));
  }
}

TEST(Leaf, EscapesTheActorAsRfc8785Does) {
  LeafWriter writer;
  const auto leaf = writer.write({"a", "org:\"\\/é€", at, {}, ""});
  ASSERT_TRUE(leaf);
  EXPECT_EQ(parse_leaf(*leaf)->actor, R"(org:\"\\/é€)");
}

TEST(Leaf, RefusesDraftsThatAreNoneOfTheForm) {
  LeafWriter writer;
  const auto code = [&](const LeafWriter::Parts& parts) -> std::string_view {
    const auto leaf = writer.write(parts);
    return leaf ? "" : leaf.error().code;
  };
  EXPECT_EQ(code({"", "cli", at, {}, ""}), "audit.draft");
  EXPECT_EQ(code({"Person Read", "cli", at, {}, ""}), "audit.draft");
  EXPECT_EQ(code({"a", "", at, {}, ""}), "audit.draft");
  EXPECT_EQ(code({"a", "cli\n", at, {}, ""}), "audit.draft");
  EXPECT_EQ(code({"a", "\xff", at, {}, ""}), "audit.draft");
  EXPECT_EQ(code({"a", "cli", at, {}, "[]"}), "audit.draft");
  EXPECT_EQ(code({"a", "cli", at, {}, R"({"b":1,"a":2})"}), "audit.draft");
  EXPECT_EQ(code({"a", "cli", at, {}, R"({"k":")" + std::string(70'000, 'x') + R"("})"}), "audit.draft");
  EXPECT_EQ(code({"a", "cli", at, {}, R"({"a":1})"}), "");
}

TEST(CanonicalObject, IsKnown) {
  for (const std::string_view text :
       {R"({})", R"({"a":1})", R"({"a":-1,"b":0,"c":9007199254740991})", R"({"":true,"a":false,"b":null})",
        R"({"a":{"x":[]},"b":[1,"two",[3],{}]})", R"({"a":"\"\\\b\f\n\r\t\u0000\u001f/é😀"})",
        "{\"a\":\"\x7f\"}"}) {
    EXPECT_TRUE(is_canonical_object(text)) << text;
  }
}

TEST(CanonicalObject, HasNoOtherWayToBeWritten) {
  for (const std::string_view text : {"",
                                      "[]",
                                      "1",
                                      "null",
                                      "{} ",
                                      " {}",
                                      "{}{}",
                                      "{",
                                      "{\"a\"}",
                                      R"({"a":})",
                                      R"({"a":1,})",
                                      R"({,"a":1})",
                                      R"({"a": 1})",
                                      R"({"b":1,"a":2})",
                                      R"({"a":1,"a":2})",
                                      R"({"A":1,"AA":1,"A":1})",
                                      R"({"é":1})",
                                      R"({"\n":1})",  // keys outside printable ASCII
                                      R"({"a":01})",
                                      R"({"a":-0})",
                                      R"({"a":1.0})",
                                      R"({"a":1e3})",
                                      R"({"a":+1})",
                                      R"({"a":-})",
                                      R"({"a":9007199254740992})",  // numbers
                                      R"({"a":"\/"})",
                                      R"({"a":"\u0041"})",
                                      R"({"a":"\u000a"})",
                                      R"({"a":"\u001F"})",
                                      R"({"a":"\u00"})",
                                      R"({"a":"\x"})",
                                      R"({"a":"\)",
                                      R"({"a":")",
                                      "{\"a\":\"\n\"}",
                                      "{\"a\":\"\xff\"}",  // strings
                                      R"({"a":tru})",
                                      R"({"a":[1,]})",
                                      R"({"a":[,]})",
                                      R"({"a":[})"}) {
    EXPECT_FALSE(is_canonical_object(text)) << text;
  }
}

TEST(CanonicalObject, IsBoundedInDepth) {
  const auto nested = [](int depth) {
    std::string text = R"({"a":)";
    for (int i = 1; i < depth; ++i) text += '[';
    for (int i = 1; i < depth; ++i) text += ']';
    return text + '}';
  };
  EXPECT_FALSE(is_canonical_object(nested(1)));  // {"a":}
  EXPECT_TRUE(is_canonical_object(nested(depth_max)));
  EXPECT_FALSE(is_canonical_object(nested(depth_max + 1)));
  EXPECT_FALSE(is_canonical_object(nested(1'000'000)));
}

TEST(JsonString, ReadsBackWhateverWasWritten) {
  EXPECT_TRUE(rc::check([](const std::string& any) {
    const std::string text = is_utf8(any) ? any : to_hex(as_bytes(any));
    std::string written;
    append_json_string(written, text);
    RC_ASSERT(is_canonical_object("{\"k\":" + written + "}"));
    written += "rest";
    std::string_view in = written;
    std::string back;
    RC_ASSERT(take_json_string(in, back));
    RC_ASSERT(back == text);
    RC_ASSERT(in == "rest");
  }));
}

TEST(JsonString, EscapesEveryControlCharacterInOneWay) {
  std::string written;
  append_json_string(written, std::string("\0\x01\b\t\n\x0b\f\r\x1f\x20\"\\", 12));
  EXPECT_EQ(written, R"("\u0000\u0001\b\t\n\u000b\f\r\u001f \"\\")");
}

TEST(ParseLeaf, TakesApartWhatWasWritten) {
  LeafWriter writer;
  const crypto::Sha256 hash = crypto::sha256({});
  const auto leaf = writer.write({"person.read", "org:x/key:1", at, hash, R"({"reason":"\"why\""})"});
  const auto view = parse_leaf(*leaf);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->action, "person.read");
  EXPECT_EQ(view->actor, "org:x/key:1");
  EXPECT_EQ(view->commitment, to_base64(hash));
  EXPECT_EQ(view->data, R"({"reason":"\"why\""})");
}

TEST(ParseLeaf, RefusesEveryTextThatIsALittleDifferent) {
  LeafWriter writer;
  const std::string leaf(*writer.write({"a.b", "cli", at, crypto::sha256({}), R"({"k":[1]})"}));
  for (std::size_t i = 0; i < leaf.size(); ++i) {
    EXPECT_FALSE(parse_leaf(leaf.substr(0, i)));
    std::string longer = leaf;
    longer.insert(i, 1, ' ');
    const auto view = parse_leaf(longer);  // a space inside one of the strings is another leaf, not the same
    if (view) {
      const bool inside = view->action.contains(' ') || view->actor.contains(' ') || view->at.contains(' ') ||
                          view->commitment.contains(' ') || view->data.contains(' ');
      EXPECT_TRUE(inside) << longer;
    }
  }
  EXPECT_FALSE(parse_leaf(leaf + " "));
}

TEST(Commitment, DependsOnSaltPersonAndBytes) {
  const Salt zero{};
  Salt other{};
  other[15] = std::byte{1};
  // SHA-256 of 24 zero bytes, by another program (head -c 24 /dev/zero | sha256sum).
  EXPECT_EQ(to_hex(commitment(zero, 0, "")),
            "9d908ecfb6b256def8b49a7c504e6c889c4b0e41fe6ce3e01863dd7b61a20aa0");
  EXPECT_NE(commitment(zero, 7, "{}"), commitment(other, 7, "{}"));
  EXPECT_NE(commitment(zero, 7, "{}"), commitment(zero, 8, "{}"));
  EXPECT_NE(commitment(zero, 7, "{}"), commitment(zero, 7, "[]"));
}

}  // namespace
}  // namespace dayaq::audit
