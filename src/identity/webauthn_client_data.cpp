#include "base/text.hpp"
#include "identity/webauthn.hpp"

namespace dayaq::identity::webauthn {
namespace {

constexpr int depth_max = 4;

// JSON (RFC 8259), strict, as far as clientDataJSON goes: an object whose members are read one by one.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void skip_space() {
    while (!text_.empty() && std::string_view(" \t\r\n").contains(text_[0])) text_.remove_prefix(1);
  }
  [[nodiscard]] bool take(std::string_view token) {
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  [[nodiscard]] bool at_end() const { return text_.empty(); }

  [[nodiscard]] bool string(std::string& out) {
    out.clear();
    if (!take("\"")) return false;
    while (!text_.empty()) {
      const char c = text_[0];
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  // Any value, not looked at.
  [[nodiscard]] bool skip_value(int depth) {
    std::string ignored;
    skip_space();
    if (text_.empty()) return false;
    if (text_[0] == '"') return string(ignored);
    if (take("true") || take("false") || take("null")) return true;
    if (text_[0] == '[' || text_[0] == '{') return depth < depth_max && skip_nested(depth + 1);
    return number();
  }

 private:
  bool skip_nested(int depth) {
    const bool object = text_[0] == '{';
    const std::string_view end = object ? "}" : "]";
    std::string ignored;
    text_.remove_prefix(1);
    skip_space();
    if (take(end)) return true;
    while (true) {
      skip_space();
      if (object) {
        if (!string(ignored)) return false;
        skip_space();
        if (!take(":")) return false;
      }
      if (!skip_value(depth)) return false;
      skip_space();
      if (take(end)) return true;
      if (!take(",")) return false;
    }
  }

  std::size_t digits() {
    std::size_t count = 0;
    for (; !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; ++count) text_.remove_prefix(1);
    return count;
  }
  bool number() {
    (void)take("-");
    if (!take("0") && digits() == 0) return false;
    if (take(".") && digits() == 0) return false;
    if (!take("e") && !take("E")) return true;
    if (!take("+")) (void)take("-");
    return digits() != 0;
  }

  bool hex4(unsigned& out) {
    if (text_.size() < 4) return false;
    out = 0;
    for (const char c : text_.substr(0, 4)) {
      const std::size_t digit =
          std::string_view("0123456789abcdef").find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
      if (digit == std::string_view::npos) return false;
      out = out << 4 | static_cast<unsigned>(digit);
    }
    text_.remove_prefix(4);
    return true;
  }
  bool escape(std::string& out) {
    if (text_.empty()) return false;
    const char c = text_[0];
    text_.remove_prefix(1);
    if (const std::size_t at = std::string_view("\"\\/bfnrt").find(c); at != std::string_view::npos) {
      out += "\"\\/\b\f\n\r\t"[at];
      return true;
    }
    unsigned code = 0;
    if (c != 'u' || !hex4(code) || (code >= 0xdc00 && code < 0xe000)) return false;
    if (code >= 0xd800 && code < 0xdc00) {
      unsigned low = 0;
      if (!take("\\u") || !hex4(low) || low < 0xdc00 || low >= 0xe000) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(out, code);
    return true;
  }
  static void put_utf8(std::string& out, unsigned code) {
    const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xc0 | code >> 6);
      tail(0);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xe0 | code >> 12);
      tail(6);
      tail(0);
    } else {
      out += static_cast<char>(0xf0 | code >> 18);
      tail(12);
      tail(6);
      tail(0);
    }
  }

  std::string_view text_;
};

struct Seen {
  bool type = false, challenge = false, origin = false, cross_origin = false, top_origin = false;
};

// One member's value. False: not of its type, or there already.
bool member(Scanner& scanner, std::string_view name, ClientData& data, std::string& challenge, Seen& seen) {
  const auto text = [&](bool& there, std::string& out) {
    return !std::exchange(there, true) && scanner.string(out);
  };
  if (name == "type") return text(seen.type, data.type);
  if (name == "challenge") return text(seen.challenge, challenge);
  if (name == "origin") return text(seen.origin, data.origin);
  if (name == "topOrigin") return text(seen.top_origin, data.top_origin);
  if (name == "crossOrigin") {
    if (std::exchange(seen.cross_origin, true)) return false;
    data.cross_origin = scanner.take("true");
    return data.cross_origin || scanner.take("false");
  }
  return scanner.skip_value(0);
}

}  // namespace

Result<ClientData> parse_client_data(BytesView json) {
  const auto bad = [](std::string_view what) {
    return fail(ErrorKind::invalid_input, "webauthn.client_data", "The browser's answer can't be read.",
                std::string(what));
  };
  const std::string_view text = as_text(json);
  if (text.size() > client_data_size_max || !is_utf8(text)) return bad("too long, or not UTF-8");
  Scanner scanner(text);
  ClientData data;
  std::string challenge, name;
  Seen seen;
  scanner.skip_space();
  if (!scanner.take("{")) return bad("no object");
  do {
    scanner.skip_space();
    if (!scanner.string(name)) return bad("a name");
    scanner.skip_space();
    if (!scanner.take(":")) return bad("a colon");
    scanner.skip_space();
    if (!member(scanner, name, data, challenge, seen)) return bad("a member");
    scanner.skip_space();
  } while (scanner.take(","));
  if (!scanner.take("}")) return bad("the end");
  scanner.skip_space();
  if (!scanner.at_end()) return bad("more after the object");
  if (!seen.type || !seen.challenge || !seen.origin) return bad("a member is missing");
  auto decoded = from_base64url(challenge);
  if (!decoded) return bad("the challenge");
  data.challenge = std::move(*decoded);
  return data;
}

}  // namespace dayaq::identity::webauthn
