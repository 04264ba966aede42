#include "base/text.hpp"

#include <fmt/format.h>
#include <unicode/locid.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include "base/replace.hpp"
#include "base/utf8.hpp"

namespace dayaq {
namespace {

const icu::Locale& locale_of(Language language) {
  static const std::array<icu::Locale, 3> locales{icu::Locale("az"), icu::Locale("en"), icu::Locale("ru")};
  return locales[static_cast<std::size_t>(language)];
}

}  // namespace

std::string_view to_string(Language language) {
  constexpr std::array<std::string_view, 3> tags{"az", "en", "ru"};
  return tags[static_cast<std::size_t>(language)];
}

std::optional<Language> parse_language(std::string_view tag) {
  for (const Language language : languages) {
    if (tag == to_string(language)) return language;
  }
  return std::nullopt;
}

const std::string& LocalizedText::in(Language language) const {
  const std::string& text = language == Language::en ? en : language == Language::ru ? ru : az;
  return text.empty() ? az : text;
}

bool is_utf8(std::string_view text) {
  const auto* s = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto length = static_cast<std::int32_t>(text.size());
  for (std::int32_t i = 0; i < length;) {
    UChar32 c = 0;
    U8_NEXT(s, i, length, c);
    if (c < 0) return false;
  }
  return true;
}

std::string to_upper(std::string_view text, Language language) {
  std::string out;
  icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())))
      .toUpper(locale_of(language))
      .toUTF8String(out);
  return out;
}

std::string to_lower(std::string_view text, Language language) {
  std::string out;
  icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())))
      .toLower(locale_of(language))
      .toUTF8String(out);
  return out;
}

std::string fold_for_search(std::string_view text) {
  auto lower = icu::UnicodeString::fromUTF8(to_lower(text, Language::az));
  std::string out;
  icu::UnicodeString folded;
  for (std::int32_t i = 0; i < lower.length(); ++i) {
    switch (const char16_t c = lower[i]) {
      case u'ə':
        folded += u'e';
        break;
      case u'ı':
        folded += u'i';
        break;
      case u'ş':
        folded += u's';
        break;
      case u'ç':
        folded += u'c';
        break;
      case u'ö':
        folded += u'o';
        break;
      case u'ü':
        folded += u'u';
        break;
      case u'ğ':
        folded += u'g';
        break;
      case u'\u0307':
        break;  // the dot that lower-casing İ by other rules leaves behind
      default:
        folded += c;
    }
  }
  folded.toUTF8String(out);
  return out;
}

std::string group_digits(std::int64_t number) {
  std::string digits = fmt::format("{}", number < 0 ? -number : number);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += "\u202f";
    out += digits[i];
  }
  return number < 0 ? "\u2212" + out : out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  const auto put_tail = [&](int shift) { put(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put_tail(0);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put_tail(6);
    put_tail(0);
  } else {
    put(0xf0 | code >> 18);
    put_tail(12);
    put_tail(6);
    put_tail(0);
  }
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace dayaq
