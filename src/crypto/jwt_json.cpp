#include "crypto/jwt_json.hpp"

#include <algorithm>
#include <charconv>

#include "base/utf8.hpp"

namespace dayaq::crypto {
namespace {

constexpr std::size_t text_max = 1u << 20;  // offsets are 32 bits wide; callers set tighter bounds
constexpr std::size_t members_max = 256;
constexpr int depth_max = 8;

/// The length of the well-formed UTF-8 sequence at the front, 0 if there is none. @see Unicode table 3-7.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(s[i]); };
  const auto tail = [&](std::size_t i, int low = 0x80, int high = 0xbf) {
    return i < s.size() && byte(i) >= low && byte(i) <= high;
  };
  const std::uint8_t c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return tail(1) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef)
    return tail(1, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf) && tail(2) ? 3 : 0;
  if (c >= 0xf0 && c <= 0xf4) {
    return tail(1, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

/// One pass over the text; `object` is where the outermost members go. Every step returns false at the first
/// fault, which stands at `at_`.
class JsonReader {
 public:
  JsonReader(std::string_view text, JsonObject& object) : text_(text), object_(object) {}

  bool read() {
    space();
    if (text_.size() > text_max || !take('{') || !members(0, object_.slots_)) return false;
    space();
    return at_ == text_.size();
  }
  [[nodiscard]] std::size_t at() const { return at_; }

  /// The texts between the commas of an array already checked.
  static std::vector<std::string_view> elements(std::string_view array) {
    JsonObject scratch;
    JsonReader reader(array, scratch);
    std::vector<std::string_view> out;
    reader.at_ = 1;
    reader.space();
    if (reader.peek() == ']') return out;
    for (;;) {
      reader.space();
      const std::size_t from = reader.at_;
      JsonObject::Slot slot;
      if (!reader.value(1, slot)) return out;
      out.push_back(array.substr(from, reader.at_ - from));
      reader.space();
      if (!reader.take(',')) return out;
    }
  }
  /// A string with its quotes, already checked, without them and its escapes.
  static std::string decode(std::string_view quoted) {
    JsonObject scratch;
    scratch.text_ = quoted;
    JsonReader reader(quoted, scratch);
    JsonObject::Slice slice;
    DAYAQ_ASSERT(reader.string(slice));
    return std::string(scratch.at(slice));
  }

 private:
  using Slot = JsonObject::Slot;
  using Slice = JsonObject::Slice;
  using Kind = JsonObject::Kind;

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  bool members(int depth, std::vector<Slot>& slots) {
    if (depth >= depth_max) return false;
    space();
    if (take('}')) return true;
    for (;;) {
      if (slots.size() == members_max) return false;
      space();
      Slot slot;
      if (!string(slot.name)) return false;
      space();
      if (!take(':')) return false;
      space();
      slot.raw_at = static_cast<std::uint32_t>(at_);
      if (!value(depth + 1, slot)) return false;
      slot.raw_size = static_cast<std::uint32_t>(at_ - slot.raw_at);
      slots.push_back(slot);
      space();
      if (take(',')) continue;
      return take('}') && all_different(slots);
    }
  }

  [[nodiscard]] std::string_view slice(const Slice& s) const {
    return (s.decoded ? std::string_view(object_.decoded_) : text_).substr(s.at, s.size);
  }
  [[nodiscard]] bool all_different(const std::vector<Slot>& slots) const {
    if (slots.size() <= 16) {  // tokens have a dozen members: comparing each with each is the quickest there
      for (std::size_t i = 1; i < slots.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (slice(slots[i].name) == slice(slots[j].name)) return false;
        }
      }
      return true;
    }
    std::vector<std::string_view> names;
    for (const Slot& slot : slots) names.push_back(slice(slot.name));
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) == names.end();
  }

  bool array(int depth) {
    if (depth >= depth_max) return false;
    space();
    if (take(']')) return true;
    for (;;) {
      space();
      Slot slot;
      if (!value(depth + 1, slot)) return false;
      space();
      if (take(',')) continue;
      return take(']');
    }
  }

  bool value(int depth, Slot& slot) {
    switch (peek()) {
      case '"':
        slot.kind = Kind::text;
        return string(slot.value);
      case '{': {
        slot.kind = Kind::object;
        ++at_;
        std::vector<Slot> inner;
        return members(depth, inner);
      }
      case '[':
        slot.kind = Kind::array;
        ++at_;
        return array(depth);
      case 't':
        slot.kind = Kind::boolean;
        return word("true");
      case 'f':
        slot.kind = Kind::boolean;
        return word("false");
      case 'n':
        slot.kind = Kind::null;
        return word("null");
      default:
        slot.kind = Kind::number;
        return number();
    }
  }

  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool digits() {
    const std::size_t from = at_;
    while (at_ < text_.size() && digit(text_[at_])) ++at_;
    return at_ > from;
  }
  bool number() {  // RFC 8259 section 6
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }

  bool hex4(std::uint32_t& out) {
    if (text_.size() - at_ < 4) return false;
    const char* from = text_.data() + at_;
    if (std::from_chars(from, from + 4, out, 16).ptr != from + 4) return false;
    at_ += 4;
    return true;
  }
  bool escape(std::string& out) {
    constexpr std::string_view marks = "\"\\/bfnrt";
    constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (at_ >= text_.size()) return false;
    ++at_;
    if (const auto found = marks.find(c); found != std::string_view::npos) {
      out += meant[found];
      return true;
    }
    std::uint32_t code = 0;
    if (c != 'u' || !hex4(code)) return false;
    if (code >= 0xdc00 && code <= 0xdfff) return false;
    if (code >= 0xd800 && code <= 0xdbff) {
      std::uint32_t low = 0;
      if (!take('\\') || !take('u') || !hex4(low) || low < 0xdc00 || low > 0xdfff) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
    return true;
  }

  bool string(Slice& out) {
    if (!take('"')) return false;
    const std::size_t from = at_;
    const std::size_t decoded_from = object_.decoded_.size();
    bool decoding = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        out = decoding
                  ? Slice{static_cast<std::uint32_t>(decoded_from),
                          static_cast<std::uint32_t>(object_.decoded_.size() - decoded_from), true}
                  : Slice{static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(at_ - from), false};
        ++at_;
        return true;
      }
      if (static_cast<std::uint8_t>(c) < 0x20) return false;
      if (c == '\\') {
        if (!decoding) object_.decoded_.append(text_.substr(from, at_ - from));
        decoding = true;
        ++at_;
        if (!escape(object_.decoded_)) return false;
        continue;
      }
      const std::size_t length = static_cast<std::uint8_t>(c) < 0x80 ? 1 : utf8_length(text_.substr(at_));
      if (length == 0) return false;
      if (decoding) object_.decoded_.append(text_.substr(at_, length));
      at_ += length;
    }
    return false;
  }

  std::string_view text_;
  JsonObject& object_;
  std::size_t at_ = 0;
};

Result<JsonObject> JsonObject::parse_view(std::string_view text) {
  JsonObject object;
  object.text_ = text;
  JsonReader reader(text, object);
  if (!reader.read()) {
    Error error{ErrorKind::invalid_input,
                "json.strict",
                "This is not one JSON object with names that differ.",
                {},
                {},
                1,
                static_cast<std::uint32_t>(std::min<std::size_t>(reader.at(), text_max) + 1)};
    return std::unexpected(std::move(error));
  }
  return object;
}

Result<JsonObject> JsonObject::parse(std::string text) {
  auto owned = std::make_shared<const std::string>(std::move(text));
  DAYAQ_TRY(JsonObject object, parse_view(*owned));
  object.owned_ = std::move(owned);
  return object;
}

const JsonObject::Slot* JsonObject::find(std::string_view name) const {
  for (const Slot& slot : slots_) {
    if (at(slot.name) == name) return &slot;
  }
  return nullptr;
}

JsonObject::Member JsonObject::member(std::size_t index) const {
  const Slot& slot = slots_.at(index);
  return {at(slot.name), slot.kind, text_.substr(slot.raw_at, slot.raw_size)};
}

std::optional<JsonObject::Kind> JsonObject::kind(std::string_view name) const {
  const Slot* slot = find(name);
  return slot == nullptr ? std::nullopt : std::optional(slot->kind);
}

std::string_view JsonObject::raw(std::string_view name) const {
  const Slot* slot = find(name);
  return slot == nullptr ? std::string_view() : text_.substr(slot->raw_at, slot->raw_size);
}

std::optional<std::string_view> JsonObject::text(std::string_view name) const {
  const Slot* slot = find(name);
  if (slot == nullptr || slot->kind != Kind::text) return std::nullopt;
  return at(slot->value);
}

std::optional<bool> JsonObject::boolean(std::string_view name) const {
  if (kind(name) != Kind::boolean) return std::nullopt;
  return raw(name) == "true";
}

std::optional<std::int64_t> JsonObject::integer(std::string_view name) const {
  if (kind(name) != Kind::number) return std::nullopt;
  constexpr std::int64_t bound = std::int64_t{1} << 53;
  const std::string_view number = raw(name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || value < -bound || value > bound) return std::nullopt;
  if (end != number.data() + number.size() && *end != '.') return std::nullopt;
  if (number.find_first_of("eE") != std::string_view::npos) return std::nullopt;
  return value;
}

std::optional<std::vector<std::string>> JsonObject::texts(std::string_view name) const {
  if (kind(name) != Kind::array) return std::nullopt;
  std::vector<std::string> out;
  for (const std::string_view element : JsonReader::elements(raw(name))) {
    if (!element.starts_with('"')) return std::nullopt;
    out.push_back(JsonReader::decode(element));
  }
  return out;
}

std::optional<std::vector<std::string_view>> JsonObject::objects(std::string_view name) const {
  if (kind(name) != Kind::array) return std::nullopt;
  auto out = JsonReader::elements(raw(name));
  if (!std::all_of(out.begin(), out.end(), [](std::string_view e) { return e.starts_with('{'); }))
    return std::nullopt;
  return out;
}

void append_json_text(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;  // what lies before `i` and needs no escape is copied in one piece
  std::size_t i = 0;
  const auto flush = [&] { out.append(text.substr(from, i - from)); };
  while (i < text.size()) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    if (c >= 0x80) {
      const std::size_t length = utf8_length(text.substr(i));
      if (length != 0) {
        i += length;
        continue;
      }
    }
    flush();
    constexpr std::string_view marked = "\"\\\b\f\n\r\t";
    constexpr std::string_view marks = "\"\\bfnrt";
    if (const auto found = marked.find(text[i]); found != std::string_view::npos) {
      out += '\\';
      out += marks[found];
    } else if (c < 0x20) {
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
    } else {
      out += "\xef\xbf\xbd";
    }
    from = ++i;
  }
  flush();
  out += '"';
}

}  // namespace dayaq::crypto
