#include "crypto/note.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace dayaq::crypto {
namespace {

// The example of the format's first implementation, golang.org/x/mod/sumdb/note.
constexpr std::string_view go_key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view go_private_key = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr std::string_view go_text =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr std::string_view go_signature =
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

std::string go_note() {
  return std::string(go_text) + "\n" + std::string(go_signature);
}

SigningKey go_signer() {
  const Bytes bytes = *from_base64(go_private_key);
  return std::move(*SigningKey::from_seed(std::span(bytes).subspan(1)));
}

// What a verifier that knows `keys` says of a note: "" or the error's code.
std::string_view verdict(std::string_view note, std::vector<VerifierKey> keys) {
  const auto parsed = parse_note(note);
  if (!parsed) return parsed.error().code;
  const auto verified = verify_note(*parsed, keys);
  return verified ? "" : verified.error().code;
}

TEST(Note, SignsAsTheFirstImplementationDoes) {
  EXPECT_EQ(sign_note(go_text, "PeterNeumann", go_signer()), go_note());
  EXPECT_EQ(VerifierKey::of("PeterNeumann", go_signer().public_key()).to_text(), go_key);
}

TEST(Note, VerifiesTheFirstImplementationsExample) {
  const auto note = parse_note(go_note());
  ASSERT_TRUE(note);
  EXPECT_EQ(note->text, go_text);
  EXPECT_EQ(note->signatures.size(), 1u);
  EXPECT_EQ(verdict(go_note(), {*VerifierKey::parse(go_key)}), "");
}

TEST(Note, ParsesTheExampleOfTheSpecification) {
  // The text itself holds an empty line and letters outside ASCII.
  const auto note = parse_note(
      "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
      "— quasimodo.example/salvatore "
      "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n");
  ASSERT_TRUE(note);
  EXPECT_TRUE(note->text.ends_with("sole:\n\ned è subito sera.\n"));
  EXPECT_EQ(note->signatures.at(0).name, "quasimodo.example/salvatore");
  EXPECT_EQ(note->signatures.at(0).key_id, 0x367ba04bu);
  EXPECT_EQ(note->signatures.at(0).signature.size(), 64u);
}

TEST(Note, IgnoresSignaturesOfUnknownKeysEvenIfNameOrIdIsKnown) {
  SeededRandom random(1);
  const VerifierKey key = *VerifierKey::parse(go_key);
  const auto line = [](std::string_view name, std::uint32_t id) {
    Bytes bytes{std::byte(id >> 24), std::byte(id >> 16 & 0xff), std::byte(id >> 8 & 0xff),
                std::byte(id & 0xff)};
    bytes.resize(70);
    return "— " + std::string(name) + " " + to_base64(bytes) + "\n";
  };
  const std::string strangers = line("PeterNeumann", key.id + 1) + line("Somebody", key.id) + line("Else", 1);
  EXPECT_EQ(verdict(go_note() + strangers, {key}), "");
  EXPECT_EQ(verdict(std::string(go_text) + "\n" + strangers, {key}), "note.unsigned");
  EXPECT_EQ(verdict(go_note(), {}), "note.unsigned");
  EXPECT_EQ(verdict(go_note(), {VerifierKey::of("PeterNeumann", SigningKey::generate(random).public_key())}),
            "note.unsigned");
}

TEST(Note, IsRefusedWholeIfAKnownKeysSignatureIsWrong) {
  const VerifierKey key = *VerifierKey::parse(go_key);
  std::string note = go_note();
  note[0] = 'i';
  EXPECT_EQ(verdict(note, {key}), "note.signature");
  // A second, good signature doesn't heal it.
  const std::string other_text = std::string(go_text) + "More.\n";
  const std::string wrong = other_text + "\n" + std::string(go_signature);
  const std::string right = sign_note(other_text, "PeterNeumann", go_signer()).substr(other_text.size() + 1);
  EXPECT_EQ(verdict(wrong + right, {key}), "note.signature");
  EXPECT_EQ(verdict(other_text + "\n" + right, {key}), "");
}

TEST(Note, ThatIsMalformedIsRefused) {
  const std::string signature(go_signature);
  const std::string text(go_text);
  const std::vector<std::string> bad{
      "",
      "\n",
      text,                                                     // no signatures
      text + "\n",                                              // an empty block of them
      text + signature,                                         // no empty line
      text + "\n" + signature.substr(0, signature.size() - 1),  // cut
      text + "\n" + signature + "\n" + "x\n",                   // something else after the last empty line
      text + "\n" + signature + "\n",                           // ends in an empty line
      text + "\n- PeterNeumann x08go/ZJ\n",                     // a hyphen for the dash
      text + "\n— PeterNeumann\n",                              // no signature
      text + "\n— PeterNeumann x08go/ZJ=\n",                    // wrong padding
      text + "\n— PeterNeumann x08gow==\n",                     // an id alone
      text + "\n—  x08go/ZJkuBS9UG\n",                          // no name
      text + "\n— Peter+Neumann x08go/ZJkuBS9UG\n",             // plus in a name
      text + "\n— Peter\xe2\x80\xa8Neumann x08go/ZJkuBS9UG\n",  // a Unicode space in a name
      "a\tb\n\n" + signature,                                   // a control character
      "a\r\n\n" + signature,
      "\xff\n\n" + signature,  // not UTF-8
      std::string(note_size_max, 'a') + "\n\n" + signature};
  for (const std::string& note : bad) {
    EXPECT_EQ(verdict(note, {*VerifierKey::parse(go_key)}), "note.malformed") << note.substr(0, 200);
  }
}

TEST(Note, MayHaveAHundredSignatures) {
  std::string note = go_note();
  for (int i = 1; i < 100; ++i) note += go_signature;
  EXPECT_EQ(verdict(note, {*VerifierKey::parse(go_key)}), "");
  note += go_signature;
  EXPECT_EQ(verdict(note, {*VerifierKey::parse(go_key)}), "note.malformed");
}

TEST(VerifierKey, ReadsBackWhatItWrote) {
  const auto key = VerifierKey::parse(go_key);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->name, "PeterNeumann");
  EXPECT_EQ(key->id, 0xc74f20a3u);
  EXPECT_EQ(key->to_text(), go_key);
}

TEST(VerifierKey, RefusesOtherTexts) {
  for (const std::string_view text : {"", "PeterNeumann", "PeterNeumann+c74f20a3",
                                      "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                                      "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                                      "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                                      "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                                      "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                                      "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
                                      "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"}) {
    const auto key = VerifierKey::parse(text);
    ASSERT_FALSE(key) << text;
    EXPECT_EQ(key.error().code, "note.key");
  }
}

TEST(Checkpoint, ReadsTheExampleOfTheSpecification) {
  constexpr std::string_view text =
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  const auto checkpoint = parse_checkpoint(text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->origin, "example.com/behind-the-sofa");
  EXPECT_EQ(checkpoint->head.size, 20852163u);
  EXPECT_EQ(to_base64(checkpoint->head.root), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
  EXPECT_EQ(format_checkpoint(*checkpoint), text);
}

TEST(Checkpoint, KeepsExtensionLines) {
  const std::string text = "o\n0\n" + to_base64(empty_root()) + "\nfirst\nsecond\n";
  const auto checkpoint = parse_checkpoint(text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->extensions, (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(format_checkpoint(*checkpoint), text);
}

TEST(Checkpoint, RefusesOtherTexts) {
  const std::string root = to_base64(empty_root());
  for (const std::string& text :
       {std::string(), std::string("o\n"), std::string("o\n1\n"), "\n1\n" + root + "\n",
        "o\n01\n" + root + "\n", "o\n-1\n" + root + "\n", "o\n+1\n" + root + "\n", "o\n1 \n" + root + "\n",
        "o\n1\n" + root, "o\n1\n" + root.substr(4) + "\n", "o\n1\n" + root + "\n\n", "o\n1\n" + root + "\nx",
        "o\n18446744073709551616\n" + root + "\n", "o\n9223372036854775807\n" + root + "\n"}) {
    const auto checkpoint = parse_checkpoint(text);
    ASSERT_FALSE(checkpoint) << text;
    EXPECT_EQ(checkpoint.error().code, "note.checkpoint");
  }
}

TEST(Checkpoint, IsOpenedOnlyWithTheKeyOfItsLog) {
  SeededRandom random(3);
  const SigningKey key = SigningKey::generate(random);
  const Checkpoint checkpoint{"dayaq.example/audit", {7, leaf_hash(as_bytes("x"))}, {}};
  const std::string note = sign_note(format_checkpoint(checkpoint), checkpoint.origin, key);
  const auto opened = open_checkpoint(note, VerifierKey::of(checkpoint.origin, key.public_key()));
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, checkpoint);
  // The same key signs another log's checkpoint under its own name: not to be taken for the other log's.
  const std::string foreign = sign_note(format_checkpoint(checkpoint), "other.example/log", key);
  EXPECT_EQ(open_checkpoint(foreign, VerifierKey::of("other.example/log", key.public_key())).error().code,
            "note.origin");
  EXPECT_EQ(open_checkpoint(note, VerifierKey::of("other.example/log", key.public_key())).error().code,
            "note.unsigned");
}

TEST(Note, AnyTextAndNameCanBeSignedAndVerified) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const SigningKey key = SigningKey::generate(random);
    const auto printable = rc::gen::inRange<char>('!', '~');
    const auto line = *rc::gen::container<std::string>(rc::gen::oneOf(printable, rc::gen::just('\n')));
    const auto name = *rc::gen::suchThat(rc::gen::nonEmpty(rc::gen::container<std::string>(printable)),
                                         [](const std::string& text) { return is_key_name(text); });
    const std::string note = sign_note(line + "\n", name, key);
    RC_ASSERT(verdict(note, {VerifierKey::of(name, key.public_key())}) == "");
    RC_ASSERT(parse_note(note)->text == line + "\n");
  }));
}

}  // namespace
}  // namespace dayaq::crypto
