#include "crypto/note.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"

namespace dayaq::crypto {
namespace {

constexpr std::string_view em_dash_space = "\xe2\x80\x94 ";
constexpr std::byte ed25519_type{1};

std::unexpected<Error> malformed(std::string_view why) {
  return fail(ErrorKind::invalid_input, "note.malformed", "This is not a signed note.", std::string(why));
}

// Unicode's White_Space outside ASCII, in UTF-8 (PropList.txt): U+0085, U+00A0, U+1680, U+2000..200A, U+2028,
// U+2029, U+202F, U+205F, U+3000.
bool is_space_at(std::string_view text) {
  if (text.starts_with("\xc2\x85") || text.starts_with("\xc2\xa0") || text.starts_with("\xe1\x9a\x80") ||
      text.starts_with("\xe2\x81\x9f") || text.starts_with("\xe3\x80\x80")) {
    return true;
  }
  if (!text.starts_with("\xe2\x80") || text.size() < 3) return false;
  const auto last = static_cast<unsigned char>(text[2]);
  return last <= 0x8a || last == 0xa8 || last == 0xa9 || last == 0xaf;
}

std::uint32_t take_be32(BytesView bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint32_t>(bytes[i]);
  return value;
}

Result<NoteSignature> parse_signature(std::string_view line) {
  if (!line.starts_with(em_dash_space)) return malformed("a signature line without its dash");
  line.remove_prefix(em_dash_space.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return malformed("a signature line without a signature");
  const std::string_view name = line.substr(0, space);
  if (!is_key_name(name)) return malformed("a key name with spaces or plus");
  const auto bytes = from_base64(line.substr(space + 1));
  if (!bytes || bytes->size() < 5) return malformed("a signature that isn't base64 of an id and a signature");
  return NoteSignature{std::string(name), take_be32(*bytes), Bytes(bytes->begin() + 4, bytes->end())};
}

// A decimal number as the checkpoint has it: no sign, no leading zero.
bool parse_size(std::string_view text, std::uint64_t& out) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out <= tree_size_max;
}

// The next line without its newline; every line of a checkpoint ends in one.
bool take_line(std::string_view& text, std::string_view& line) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || end == 0) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

bool is_key_name(std::string_view name) {
  if (name.empty() || !is_utf8(name)) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if (c <= 0x20 || c == 0x7f || c == '+' || is_space_at(name.substr(i))) return false;
  }
  return true;
}

VerifierKey VerifierKey::of(std::string name, const PublicKey& key) {
  DAYAQ_ASSERT(is_key_name(name));
  Bytes message;
  for (const char c : name) message.push_back(std::byte(c));
  message.push_back(std::byte{'\n'});
  message.push_back(ed25519_type);
  message.insert(message.end(), key.begin(), key.end());
  const std::uint32_t id = take_be32(sha256(message));
  return {std::move(name), id, key};
}

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return fail(ErrorKind::invalid_input, "note.key",
                "A verifier key must look like name+hexid+base64, as /v1/audit/key gives it.",
                std::string(why));
  };
  // The base64 part may hold plus signs, the name may not.
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return bad("fewer than three parts");
  const std::string_view name = text.substr(0, first);
  const std::string_view id = text.substr(first + 1, second - first - 1);
  if (!is_key_name(name)) return bad("the name");
  const auto bytes = from_base64(text.substr(second + 1));
  if (!bytes || bytes->size() != 33 || bytes->front() != ed25519_type) return bad("not an Ed25519 key");
  PublicKey key;
  std::copy(bytes->begin() + 1, bytes->end(), key.begin());
  VerifierKey parsed = of(std::string(name), key);
  if (fmt::format("{:08x}", parsed.id) != id) return bad("the id isn't that of name and key");
  return parsed;
}

std::string VerifierKey::to_text() const {
  Bytes bytes{ed25519_type};
  bytes.insert(bytes.end(), key.begin(), key.end());
  return fmt::format("{}+{:08x}+{}", name, id, to_base64(bytes));
}

Result<Note> parse_note(std::string_view note) {
  if (note.size() > note_size_max) return malformed("longer than 1 MiB");
  if (!is_utf8(note)) return malformed("not UTF-8");
  for (const char c : note) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') return malformed("a control character");
  }
  // The text ends at the last empty line.
  const std::size_t gap = note.rfind("\n\n");
  if (gap == std::string_view::npos) return malformed("no empty line before the signatures");
  Note parsed{std::string(note.substr(0, gap + 1)), {}};
  std::string_view rest = note.substr(gap + 2);
  std::string_view line;
  if (rest.empty() || !rest.ends_with('\n')) return malformed("no signatures, or the last one is cut");
  while (take_line(rest, line)) {
    if (parsed.signatures.size() == note_signatures_max) return malformed("more than 100 signatures");
    DAYAQ_TRY(NoteSignature signature, parse_signature(line));
    parsed.signatures.push_back(std::move(signature));
  }
  return parsed;
}

Result<void> verify_note(const Note& note, std::span<const VerifierKey> keys) {
  bool signed_by_known = false;
  for (const NoteSignature& signature : note.signatures) {
    for (const VerifierKey& key : keys) {
      // Name and id together name a key; one of them alone is somebody else's.
      if (key.name != signature.name || key.id != signature.key_id) continue;
      if (!verify(key.key, as_bytes(note.text), signature.signature)) {
        return fail(ErrorKind::invalid_input, "note.signature",
                    "The note isn't what its signer signed: get it again from its source.",
                    fmt::format("key {:08x}", key.id));
      }
      signed_by_known = true;
    }
  }
  if (signed_by_known) return {};
  return fail(ErrorKind::invalid_input, "note.unsigned",
              "None of the given keys has signed this note: check which log it comes from.");
}

std::string sign_note(std::string_view text, std::string_view name, const SigningKey& key) {
  DAYAQ_ASSERT(text.ends_with('\n'));
  const std::uint32_t id = VerifierKey::of(std::string(name), key.public_key()).id;
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(std::byte(id >> shift & 0xff));
  const Signature signature = key.sign(as_bytes(text));
  bytes.insert(bytes.end(), signature.begin(), signature.end());
  return fmt::format("{}\n{}{} {}\n", text, em_dash_space, name, to_base64(bytes));
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return fail(ErrorKind::invalid_input, "note.checkpoint", "This is not a checkpoint of a log.",
                std::string(why));
  };
  std::string_view origin;
  std::string_view size;
  std::string_view root;
  if (!take_line(text, origin) || !take_line(text, size) || !take_line(text, root)) {
    return bad("fewer than three lines");
  }
  Checkpoint checkpoint{std::string(origin), {}, {}};
  if (!parse_size(size, checkpoint.head.size)) return bad("the size");
  const auto bytes = from_base64(root);
  if (!bytes || bytes->size() != checkpoint.head.root.size()) return bad("the root");
  std::ranges::copy(*bytes, checkpoint.head.root.begin());
  for (std::string_view line; !text.empty();) {
    if (!take_line(text, line)) return bad("an empty or unfinished line");
    checkpoint.extensions.emplace_back(line);
  }
  return checkpoint;
}

std::string format_checkpoint(const Checkpoint& checkpoint) {
  std::string text =
      fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.head.size, to_base64(checkpoint.head.root));
  for (const std::string& line : checkpoint.extensions) text += line + '\n';
  return text;
}

Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key) {
  DAYAQ_TRY(const Note parsed, parse_note(note));
  DAYAQ_TRY_OK(verify_note(parsed, std::span(&key, 1)));
  DAYAQ_TRY(Checkpoint checkpoint, parse_checkpoint(parsed.text));
  if (checkpoint.origin != key.name) {
    return fail(ErrorKind::invalid_input, "note.origin",
                "The checkpoint is of another log than the key: give the key of the log you check.");
  }
  return checkpoint;
}

}  // namespace dayaq::crypto
