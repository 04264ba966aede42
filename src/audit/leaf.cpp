#include "audit/leaf.hpp"

#include <charconv>
#include <cstring>

#include "base/text.hpp"

namespace dayaq::audit {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20;
}

// The letter after the backslash for characters that have one; RFC 8785 wants it wherever it exists.
char short_escape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

char from_short_escape(char letter) {
  switch (letter) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// A reader over text known to be UTF-8.
class CanonicalReader {
 public:
  explicit CanonicalReader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  [[nodiscard]] bool object() {
    if (!take('{') || ++depth_ > depth_max) return false;
    std::string_view last;
    for (bool first = true; !take('}'); first = false) {
      std::string_view key;
      if (!first && !take(',')) return false;
      if (!take_key(key) || !take(':') || !value()) return false;
      if (!first && key <= last) return false;  // sorted, none twice
      last = key;
    }
    --depth_;
    return true;
  }
  /// The bytes between the quotes, escapes and all.
  [[nodiscard]] bool string(std::string_view& raw) {
    if (!take('"')) return false;
    const char* const begin = at_;
    while (at_ != end_) {
      const char c = *at_++;
      if (c == '"') {
        raw = {begin, static_cast<std::size_t>(at_ - 1 - begin)};
        return true;
      }
      if (is_control(c) || (c == '\\' && !escape())) return false;
    }
    return false;
  }
  [[nodiscard]] bool take(std::string_view literal) {
    if (!std::string_view(at_, end_).starts_with(literal)) return false;
    at_ += literal.size();
    return true;
  }
  [[nodiscard]] const char* position() const { return at_; }
  [[nodiscard]] bool done() const { return at_ == end_; }

 private:
  [[nodiscard]] bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool take_key(std::string_view& key) {
    if (!string(key)) return false;
    for (const char c : key) {
      if (c < 0x20 || c > 0x7e || c == '\\') return false;
    }
    return true;
  }
  [[nodiscard]] bool escape() {
    if (at_ == end_) return false;
    const char letter = *at_++;
    if (letter != 'u') return from_short_escape(letter) != 0;
    // \u00XX is the form of control characters without a letter, and of nothing else.
    if (end_ - at_ < 4 || std::memcmp(at_, "00", 2) != 0) return false;
    const auto high = hex_digits.find(at_[2]);
    const auto low = hex_digits.find(at_[3]);
    if (high > 1 || low == std::string_view::npos) return false;
    at_ += 4;
    return short_escape(static_cast<char>(high * 16 + low)) == 0;
  }
  [[nodiscard]] bool value() {
    if (at_ == end_) return false;
    std::string_view raw;
    switch (*at_) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return string(raw);
      case 't':
        return take("true");
      case 'f':
        return take("false");
      case 'n':
        return take("null");
      default:
        return number();
    }
  }
  [[nodiscard]] bool array() {
    if (!take('[') || ++depth_ > depth_max) return false;
    for (bool first = true; !take(']'); first = false) {
      if ((!first && !take(',')) || !value()) return false;
    }
    --depth_;
    return true;
  }
  [[nodiscard]] bool number() {
    const bool negative = take('-');
    constexpr std::int64_t number_max = (std::int64_t{1} << 53) - 1;  // what every JSON reader keeps exactly
    std::int64_t number = 0;
    const char* const begin = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') {
      number = number * 10 + (*at_++ - '0');
      if (number > number_max) return false;
    }
    const auto digits = at_ - begin;
    return digits > 0 && (*begin != '0' || (digits == 1 && !negative));
  }

  const char* at_;
  const char* end_;
  int depth_ = 0;
};

// Most texts are ASCII: a pass over words of eight bytes settles those.
bool is_fast_utf8(std::string_view text) {
  std::uint64_t high = 0;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    high |= word;
  }
  for (; i < text.size(); ++i) high |= static_cast<unsigned char>(text[i]);
  return (high & 0x8080'8080'8080'8080) == 0 || is_utf8(text);
}

bool is_action(std::string_view action) {
  for (const char c : action) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_')) return false;
  }
  return !action.empty();
}

std::unexpected<Error> bad_draft(std::string_view what) {
  return fail(ErrorKind::internal, "audit.draft", "Something went wrong. Nothing was changed.",
              std::string(what));
}

}  // namespace

bool is_canonical_object(std::string_view text) {
  CanonicalReader reader(text);
  return is_fast_utf8(text) && reader.object() && reader.done();
}

bool is_plain_line(std::string_view text) {
  for (const char c : text) {
    if (is_control(c)) return false;
  }
  return is_fast_utf8(text);
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!is_control(c) && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    if (const char letter = short_escape(c); letter != 0) {
      out += letter;
    } else {
      out += "u00";
      out += hex_digits[static_cast<unsigned char>(c) >> 4];
      out += hex_digits[static_cast<unsigned char>(c) & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

bool take_json_string(std::string_view& in, std::string& out) {
  CanonicalReader reader(in);
  std::string_view raw;
  if (!reader.string(raw)) return false;
  in.remove_prefix(raw.size() + 2);
  out.clear();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out += raw[i];
    } else if (raw[++i] != 'u') {
      out += from_short_escape(raw[i]);
    } else {
      out += static_cast<char>(hex_digits.find(raw[i + 3]) * 16 + hex_digits.find(raw[i + 4]));
      i += 4;
    }
  }
  return true;
}

crypto::Sha256 commitment(const Salt& salt, std::uint64_t person, std::string_view personal) {
  std::array<std::byte, 24> head;
  std::memcpy(head.data(), salt.data(), salt.size());
  for (std::size_t i = 0; i < 8; ++i) head[salt.size() + i] = std::byte(person >> (56 - 8 * i) & 0xff);
  return crypto::sha256(head, as_bytes(personal));
}

void LeafWriter::append_time(Instant at) {
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  if (second != second_) {
    second_ = second;
    second_text_ = format_instant(second);
    second_text_.pop_back();  // the Z, which comes after the fraction
  }
  leaf_ += second_text_;
  if (const auto micros = (at - second).count(); micros != 0) {
    std::array<char, 7> text{'.', '0', '0', '0', '0', '0', '0'};
    std::int64_t rest = micros;
    for (std::size_t i = 6; i > 0; --i, rest /= 10) text[i] = static_cast<char>('0' + rest % 10);
    leaf_.append(text.data(), text.size());
  }
  leaf_ += 'Z';
}

Result<std::string_view> LeafWriter::write(const Parts& parts) {
  if (!is_action(parts.action)) return bad_draft("an action is a dotted code");
  if (parts.actor.empty() || !is_plain_line(parts.actor)) return bad_draft("an actor is one line of text");
  if (!parts.data.empty() && !is_canonical_object(parts.data))
    return bad_draft("data must be canonical JSON");
  leaf_.assign(R"({"action":")");
  leaf_ += parts.action;
  leaf_ += R"(","actor":)";
  append_json_string(leaf_, parts.actor);
  leaf_ += R"(,"at":")";
  append_time(parts.at);
  if (parts.commitment) {
    leaf_ += R"(","commitment":")";
    leaf_ += to_base64(*parts.commitment);
  }
  leaf_ += R"(","data":)";
  leaf_ += parts.data.empty() ? std::string_view("{}") : parts.data;
  leaf_ += R"(,"v":1})";
  if (leaf_.size() > leaf_size_max) return bad_draft("a leaf of more than 65,535 bytes");
  return std::string_view(leaf_);
}

std::optional<LeafView> parse_leaf(std::string_view leaf) {
  CanonicalReader reader(leaf);
  LeafView view;
  if (!is_fast_utf8(leaf)) return std::nullopt;
  if (!reader.take(R"({"action":)") || !reader.string(view.action)) return std::nullopt;
  if (!reader.take(R"(,"actor":)") || !reader.string(view.actor)) return std::nullopt;
  if (!reader.take(R"(,"at":)") || !reader.string(view.at)) return std::nullopt;
  if (reader.take(R"(,"commitment":)") && (!reader.string(view.commitment) || view.commitment.empty())) {
    return std::nullopt;
  }
  if (!reader.take(R"(,"data":)")) return std::nullopt;
  const char* const data = reader.position();
  if (!reader.object()) return std::nullopt;
  view.data = {data, static_cast<std::size_t>(reader.position() - data)};
  if (!reader.take(R"(,"v":1})") || !reader.done()) return std::nullopt;
  return view;
}

}  // namespace dayaq::audit
