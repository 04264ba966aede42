#include "http/encoding.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace dayaq::http {
namespace {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/// Appends `text` decoded; false for a broken escape.
bool decode_into(std::string& out, std::string_view text, bool plus_is_space) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3) return false;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return true;
}

std::optional<std::string> form_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (!decode_into(out, text, true)) return std::nullopt;
  return out;
}

constexpr bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// The text up to the next separator, which is taken off the front with it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

/// The weight in thousandths of ";q=0.8"; 1000 without one, 0 when it can't be read.
int weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view one = trim(take_until(parameters, ';'));
    if (one.size() < 3 || lower(one[0]) != 'q' || one[1] != '=') continue;
    const std::string_view number = one.substr(2);
    if (number[0] == '1') return 1000;
    if (number[0] != '0') return 0;
    int weight = 0;
    int unit = 100;
    for (std::size_t i = 2; i < number.size() && i < 5; ++i, unit /= 10) {
      if (number[i] < '0' || number[i] > '9') return 0;
      weight += unit * (number[i] - '0');
    }
    return weight;
  }
  return 1000;
}

std::optional<Language> best_language(std::string_view accept_language) {
  std::optional<Language> best;
  int best_weight = 0;
  while (!accept_language.empty()) {
    std::string_view range = take_until(accept_language, ',');
    const std::string_view tag = trim(take_until(range, ';'));
    const int weight = weight_of(range);
    if (weight <= best_weight || tag.size() < 2 || (tag.size() > 2 && tag[2] != '-')) continue;
    const std::array<char, 2> primary{lower(tag[0]), lower(tag[1])};
    if (const auto language = parse_language({primary.data(), primary.size()})) {
      best = language;
      best_weight = weight;
    }
  }
  return best;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (!decode_into(out, text, false)) return std::nullopt;
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool unreserved = (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> form_field(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    std::string_view pair = take_until(form, '&');
    const std::string_view key = take_until(pair, '=');
    const bool plain = key.find_first_of("%+") == std::string_view::npos;
    if (plain ? key != name : form_decode(key) != name) continue;
    auto value = form_decode(pair);
    if (value && !is_utf8(*value)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

std::string json_string(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  const bool valid = is_utf8(text);
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else if (byte >= 0x80 && !valid) {
      out += "\xEF\xBF\xBD";
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

bool is_header_value(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

std::string_view cookie_value(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    std::string_view pair = trim(take_until(header, ';'));
    if (take_until(pair, '=') == name) return pair;
  }
  return {};
}

Language negotiate_language(std::string_view query, std::string_view cookie,
                            std::string_view accept_language) {
  if (!query.empty()) {
    if (const auto asked = form_field(query, "lang")) {
      if (const auto language = parse_language(*asked)) return *language;
    }
  }
  if (!cookie.empty()) {
    if (const auto language = parse_language(cookie_value(cookie, "lang"))) return *language;
  }
  if (!accept_language.empty()) {
    if (const auto language = best_language(accept_language)) return *language;
  }
  return Language::az;
}

}  // namespace dayaq::http
