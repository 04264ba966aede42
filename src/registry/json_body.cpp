#include "registry/json_body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace dayaq::registry {
namespace {

constexpr std::size_t leaves_max = 256;

Error type_error(std::string_view path, std::string_view expected) {
  return Error{ErrorKind::invalid_input,
               "json.type",
               fmt::format("`{}` must be {}.", path, expected),
               {},
               std::string(path),
               0,
               0};
}

}  // namespace

/// One pass over the text. Depth is bounded by the grammar: an object, in it an object or a list.
class JsonReader {
 public:
  JsonReader(std::string_view text, std::initializer_list<std::string_view> known, JsonBody& body)
      : text_(text), known_(known), body_(body) {}

  Result<void> read() {
    if (!is_utf8(text_)) return syntax("The body isn't UTF-8.");
    skip_space();
    DAYAQ_TRY_OK(object({}));
    skip_space();
    if (at_ != text_.size()) return syntax("Something follows the object.");
    return {};
  }

 private:
  using Kind = JsonBody::Kind;

  std::unexpected<Error> syntax(std::string text) const {
    const std::string_view before = text_.substr(0, at_);
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return std::unexpected(Error{ErrorKind::invalid_input,
                                 "json.syntax",
                                 std::move(text),
                                 {},
                                 {},
                                 static_cast<std::uint32_t>(1 + std::ranges::count(before, '\n')),
                                 static_cast<std::uint32_t>(at_ - line_start + 1)});
  }
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<void> object(std::string_view parent) {
    if (!take('{')) return syntax("An object is expected.");
    skip_space();
    if (take('}')) return {};
    for (;;) {
      skip_space();
      DAYAQ_TRY(const std::string_view key, string());
      skip_space();
      if (!take(':')) return syntax("A colon is expected.");
      skip_space();
      DAYAQ_TRY_OK(member(parent, key));
      skip_space();
      if (take('}')) return {};
      if (!take(',')) return syntax("A comma or the end of the object is expected.");
    }
  }

  Result<void> member(std::string_view parent, std::string_view key) {
    const char next = at_ < text_.size() ? text_[at_] : '\0';
    if (next == '{') {
      if (!parent.empty()) return syntax("Objects aren't nested this deep here.");
      DAYAQ_TRY_OK(once_as(fmt::format("{}.", key)));
      return object(key);
    }
    if (next == '[') return list(parent, key);
    DAYAQ_TRY(const std::string_view path, known_path(parent, key, ""));
    if (body_.find(path) != nullptr) return repeated(path);
    return value(path);
  }

  Result<void> list(std::string_view parent, std::string_view key) {
    DAYAQ_TRY(const std::string_view path, known_path(parent, key, "[]"));
    DAYAQ_TRY_OK(once_as(std::string(path)));
    ++at_;
    skip_space();
    if (take(']')) return {};
    for (;;) {
      skip_space();
      DAYAQ_TRY_OK(value(path));
      skip_space();
      if (take(']')) return {};
      if (!take(',')) return syntax("A comma or the end of the list is expected.");
    }
  }

  /// Objects and lists leave no leaf of their own: remembers that they were there.
  Result<void> once_as(std::string name) {
    if (std::ranges::find(seen_, name) != seen_.end()) return repeated(name);
    seen_.push_back(std::move(name));
    return {};
  }
  static std::unexpected<Error> repeated(std::string_view path) {
    return fail_field("json.repeated", std::string(path), fmt::format("`{}` is there twice.", path));
  }

  /// The path as the caller knows it.
  Result<std::string_view> known_path(std::string_view parent, std::string_view key,
                                      std::string_view end) const {
    for (const std::string_view path : known_) {
      std::string_view rest = path;
      if (!parent.empty()) {
        if (!rest.starts_with(parent) || rest.substr(parent.size(), 1) != ".") continue;
        rest.remove_prefix(parent.size() + 1);
      }
      if (rest.size() == key.size() + end.size() && rest.starts_with(key) && rest.ends_with(end)) return path;
    }
    const std::string name = fmt::format("{}{}{}{}", parent, parent.empty() ? "" : ".", key, end);
    return fail_field("json.unknown", name,
                      fmt::format("`{}` isn't known here. Known are: {}.", name, fmt::join(known_, ", ")));
  }

  Result<void> value(std::string_view path) {
    if (body_.leaves_.size() == leaves_max) return syntax("The body has too many values.");
    const char next = at_ < text_.size() ? text_[at_] : '\0';
    if (next == '"') {
      DAYAQ_TRY(const std::string_view text, string());
      body_.leaves_.push_back({path, Kind::string, text});
      return {};
    }
    for (const std::string_view word : {"true", "false", "null"}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      body_.leaves_.push_back({path, word == "null" ? Kind::null : Kind::literal, word});
      return {};
    }
    return number(path);
  }

  /// RFC 8259 section 6: -? int frac? exp?
  Result<void> number(std::string_view path) {
    const std::size_t start = at_;
    const auto digits = [&] {
      const std::size_t first = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      return at_ - first;
    };
    take('-');
    const bool zero = at_ < text_.size() && text_[at_] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return syntax("A value is expected.");
    if (take('.') && digits() == 0) return syntax("Digits are expected after the point.");
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (digits() == 0) return syntax("Digits are expected in the exponent.");
    }
    body_.leaves_.push_back({path, Kind::number, text_.substr(start, at_ - start)});
    return {};
  }

  Result<std::string_view> string() {
    if (!take('"')) return syntax("A string is expected.");
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20)
        return syntax("A control character stands in a string.");
      ++at_;
    }
    if (at_ < text_.size() && text_[at_] == '"') return text_.substr(start, at_++ - start);
    std::string& out = body_.unescaped_.emplace_back(text_.substr(start, at_ - start));
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20)
        return syntax("A control character stands in a string.");
      if (text_[at_] == '\\') {
        DAYAQ_TRY_OK(escape(out));
      } else {
        out.push_back(text_[at_++]);
      }
    }
    if (!take('"')) return syntax("The string isn't closed.");
    return std::string_view(out);
  }

  Result<void> escape(std::string& out) {
    ++at_;
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    constexpr std::string_view from = "\"\\/bfnrt";
    constexpr std::string_view to = "\"\\/\b\f\n\r\t";
    if (const std::size_t i = from.find(c); i != std::string_view::npos && c != '\0') {
      out.push_back(to[i]);
      return {};
    }
    if (c != 'u') return syntax("This escape isn't known.");
    DAYAQ_TRY(std::uint32_t code, four_digits());
    if (code >= 0xDC00 && code < 0xE000) return syntax("Half of a surrogate pair stands alone.");
    if (code >= 0xD800 && code < 0xDC00) {
      if (!take('\\') || !take('u')) return syntax("Half of a surrogate pair stands alone.");
      DAYAQ_TRY(const std::uint32_t low, four_digits());
      if (low < 0xDC00 || low >= 0xE000) return syntax("Half of a surrogate pair stands alone.");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code);
    return {};
  }

  Result<std::uint32_t> four_digits() {
    std::uint32_t code = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4) {
      return syntax("Four hexadecimal digits are expected.");
    }
    at_ += 4;
    return code;
  }

  std::string_view text_;
  std::initializer_list<std::string_view> known_;
  JsonBody& body_;
  std::size_t at_ = 0;
  std::vector<std::string> seen_;
};

Result<JsonBody> JsonBody::parse(std::string_view text, std::initializer_list<std::string_view> known) {
  JsonBody body;
  body.leaves_.reserve(known.size());
  DAYAQ_TRY_OK(JsonReader(text, known, body).read());
  return body;
}

const JsonBody::Leaf* JsonBody::find(std::string_view path) const {
  const auto found = std::ranges::find(leaves_, path, &Leaf::path);
  return found == leaves_.end() ? nullptr : &*found;
}

Result<std::optional<std::string_view>> JsonBody::text(std::string_view path) const {
  const Leaf* leaf = find(path);
  if (leaf == nullptr || leaf->kind == Kind::null) return std::nullopt;
  if (leaf->kind != Kind::string) return std::unexpected(type_error(path, "a string"));
  return leaf->text;
}

Result<std::string_view> JsonBody::required(std::string_view path) const {
  DAYAQ_TRY(const auto value, text(path));
  if (!value) return fail_field("json.missing", std::string(path), fmt::format("`{}` is missing.", path));
  return *value;
}

Result<std::optional<std::uint64_t>> JsonBody::number(std::string_view path) const {
  const Leaf* leaf = find(path);
  if (leaf == nullptr || leaf->kind == Kind::null) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(leaf->text.data(), leaf->text.data() + leaf->text.size(), value);
  if (leaf->kind != Kind::number || error != std::errc() || end != leaf->text.data() + leaf->text.size()) {
    return std::unexpected(type_error(path, "a whole number"));
  }
  return value;
}

Result<std::vector<std::string_view>> JsonBody::list(std::string_view path) const {
  std::vector<std::string_view> out;
  for (const Leaf& leaf : leaves_) {
    if (leaf.path != path) continue;
    if (leaf.kind != Kind::string) return std::unexpected(type_error(path, "a list of strings"));
    out.push_back(leaf.text);
  }
  return out;
}

}  // namespace dayaq::registry
