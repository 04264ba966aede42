#include "services/sms/script.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace dayaq::services::sms {
namespace {

constexpr char32_t bad = 0xFFFD;

/// The next character; `bad` for a byte that begins none.
char32_t next_of(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) {
    ++at;
    return first;
  }
  const int more = first >= 0xF0 && first < 0xF5 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0;
  if (more == 0 || first >= 0xF5 || at + std::size_t(more) >= text.size()) {
    ++at;
    return bad;
  }
  char32_t code = first & (0x3Fu >> more);
  for (int i = 1; i <= more; ++i) {
    if ((byte(at + std::size_t(i)) & 0xC0u) != 0x80) {
      ++at;
      return bad;
    }
    code = (code << 6) | (byte(at + std::size_t(i)) & 0x3Fu);
  }
  at += std::size_t(more) + 1;
  return code;
}

/// Other ways to write an ASCII character: full width, circled, Arabic and mathematical digits.
char32_t plain(char32_t c) {
  if (c >= 0xFF01 && c <= 0xFF5E) return c - 0xFEE0;
  if (c >= 0x2460 && c <= 0x2468) return U'1' + (c - 0x2460);
  if (c >= 0x2776 && c <= 0x277E) return U'1' + (c - 0x2776);
  if (c >= 0x0660 && c <= 0x0669) return U'0' + (c - 0x0660);
  if (c >= 0x06F0 && c <= 0x06F9) return U'0' + (c - 0x06F0);
  if (c >= 0x1D7CE && c <= 0x1D7FF) return U'0' + (c - 0x1D7CE) % 10;
  return c;
}

/// Written but not seen: joiners, marks of direction, accents that stand alone, what makes a picture of a
/// digit.
bool unseen(char32_t c) {
  return c == 0xAD || (c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2064) || c == 0xFEFF ||
         (c >= 0xFE00 && c <= 0xFE0F) || c == 0x20E3 || c == 0xE0001;
}

bool is_cyrillic(char32_t c) {
  return c >= 0x400 && c <= 0x52F;
}

char32_t lower(char32_t c) {
  if (c >= U'A' && c <= U'Z') return c + 32;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  if (c >= 0x391 && c <= 0x3A9) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  if (c >= 0x460 && c <= 0x4FF && (c & 1u) == 0 && !(c >= 0x482 && c <= 0x489) && c != 0x4C0) return c + 1;
  switch (c) {
    case 0x18F:
      return 0x259;  // Ə
    case 0x11E:
    case 0x15E:
    case 0x14C:
    case 0x106:
      return c + 1;
    case 0x130:
      return U'i';
    default:
      return c;
  }
}

bool is_letter(char32_t c) {
  return (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z') ||
         (c >= 0xC0 && c <= 0x24F && c != 0xD7 && c != 0xF7) || c == 0x259 ||
         (c >= 0x386 && c <= 0x3FF && c != 0x387) || is_cyrillic(c);
}

bool is_digit(char32_t c) {
  return c >= U'0' && c <= U'9';
}

/// The ASCII letter under a Latin letter with a sign; 0 for none.
char32_t bare(char32_t c) {
  switch (c) {
    case 0x259:
    case 0xE8:
    case 0xE9:
    case 0xEA:
    case 0xEB:
      return U'e';
    case 0x131:
    case 0xEC:
    case 0xED:
    case 0xEE:
    case 0xEF:
      return U'i';
    case 0x15F:
    case 0x161:
      return U's';
    case 0xE7:
    case 0x107:
    case 0x10D:
      return U'c';
    case 0x11F:
      return U'g';
    case 0xF6:
    case 0xF2:
    case 0xF3:
    case 0xF4:
    case 0xF5:
      return U'o';
    case 0xFC:
    case 0xF9:
    case 0xFA:
    case 0xFB:
      return U'u';
    case 0xE0:
    case 0xE1:
    case 0xE2:
    case 0xE3:
    case 0xE4:
    case 0xE5:
      return U'a';
    case 0xF1:
      return U'n';
    default:
      return 0;
  }
}

constexpr std::array<std::string_view, 32> russian{"a", "b", "v", "g", "d", "e", "j", "z", "i",  "i", "k",
                                                   "l", "m", "n", "o", "p", "r", "s", "t", "u",  "f", "h",
                                                   "s", "c", "s", "s", "",  "i", "",  "e", "iu", "ia"};

std::string_view sound_of_cyrillic(char32_t c) {
  if (c >= 0x430 && c <= 0x44F) return russian[c - 0x430];
  switch (c) {
    case 0x451:  // ё
    case 0x4D9:  // ә
    case 0x454:
      return "e";
    case 0x493:
    case 0x49D:
      return "g";
    case 0x4E9:
      return "o";
    case 0x4AF:
      return "u";
    case 0x4BB:
      return "h";
    case 0x4B9:
      return "c";
    case 0x458:
    case 0x456:
    case 0x457:
      return "i";
    default:
      return "";
  }
}

/// How a character of a national id is meant.
enum class Meant : std::uint8_t {
  plain,     ///< Latin or a digit, or a look-alike that also sounds the same
  by_look,   ///< looks like one letter and sounds like another
  by_sound,  ///< looks like none of the Latin ones
  unclear,
  never,
};
struct IdCharacter {
  char as = 0;
  Meant meant = Meant::never;
};

/// Of a lower-case Cyrillic letter.
IdCharacter cyrillic_id(char32_t c) {
  switch (c) {
    case U'а':
      return {'A', Meant::plain};
    case U'е':
    case U'ё':
    case U'э':
      return c == U'э' ? IdCharacter{'E', Meant::by_sound} : IdCharacter{'E', Meant::plain};
    case U'к':
      return {'K', Meant::plain};
    case U'м':
      return {'M', Meant::plain};
    case U'о':
      return {'0', Meant::plain};
    case U'т':
      return {'T', Meant::plain};
    case U'і':
      return {'1', Meant::plain};
    case U'ј':
      return {'J', Meant::plain};
    case U'ѕ':
      return {'S', Meant::plain};
    case U'в':
      return {'B', Meant::by_look};
    case U'н':
      return {'H', Meant::by_look};
    case U'р':
      return {'P', Meant::by_look};
    case U'с':
      return {'C', Meant::by_look};
    case U'у':
      return {'Y', Meant::by_look};
    case U'х':
      return {'X', Meant::by_look};
    case U'г':
      return {'G', Meant::by_sound};
    case U'д':
      return {'D', Meant::by_sound};
    case U'л':
      return {'L', Meant::by_sound};
    case U'п':
      return {'P', Meant::by_sound};
    case U'ф':
      return {'F', Meant::by_sound};
    case U'з':
    case U'б':
    case U'ч':
    case U'й':
    case U'ц':
    case U'ж':
    case U'и':
      return {'?', Meant::unclear};  // З is 3 or Z, Б is 6 or B, Ч is 4 or a letter
    default:
      return {};
  }
}

IdCharacter greek_id(char32_t c) {
  constexpr std::u32string_view from = U"αβεζηικμνορτυχ";
  constexpr std::string_view to = "ABEZH1KMN0PTYX";
  const auto at = from.find(c);
  return at == std::u32string_view::npos ? IdCharacter{} : IdCharacter{to[at], Meant::plain};
}

IdCharacter id_character(char32_t written) {
  const char32_t c = lower(written);
  if (is_digit(c)) return {char(c), Meant::plain};
  if (is_cyrillic(c)) return cyrillic_id(c);
  if (c >= 0x386 && c <= 0x3FF) return greek_id(c);
  if (c == U'o') return {'0', Meant::plain};
  if (c == U'i' || c == 0x131) return {'1', Meant::plain};
  if (c >= U'a' && c <= U'z') return {char(c - 32), Meant::plain};
  const char32_t under = bare(c);
  if (under == U'o') return {'?', Meant::unclear};  // Ö: 0, or another letter slipped
  if (under == U'i') return {'1', Meant::plain};
  if (under != 0) return {char(under - 32), Meant::plain};
  return {};
}

void finish(Token& token) {
  bool by_look = false, by_sound = false, latin = false, small = false, small_l = false, big = false;
  token.upper = true;
  for (const char32_t c : token.raw) {
    const IdCharacter one = id_character(c);
    by_look |= one.meant == Meant::by_look;
    by_sound |= one.meant == Meant::by_sound;
    token.doubtful |= one.meant == Meant::unclear;
    if (is_digit(c)) {
      token.has_digit = true;
    } else {
      token.has_letter = true;
      token.cyrillic |= is_cyrillic(c);
      latin |= !is_cyrillic(c);
      const bool is_small = lower(c) == c && c != 0x49;
      if (is_small) token.upper = false;
      if (c == U'l') {
        small_l = true;
      } else {
        (is_small ? small : big) = true;
      }
    }
    if (one.meant == Meant::never) {
      token.id = "-";
    } else if (token.id != "-") {
      token.id += one.as;
    }
  }
  if (token.id == "-") token.id.clear();
  // Who writes by sound writes В for V; who writes by look, for B. Among Latin letters it is the look.
  if (by_sound && (by_look || latin)) token.doubtful = true;
  // An l among capitals, or the only letter, is L or 1.
  if (small_l && token.raw.size() > 1 && (big || !small)) token.doubtful = true;
  token.word = sound_of(token.raw);
}

}  // namespace

std::string sound_of(std::u32string_view text) {
  std::string out;
  char32_t before = 0;
  for (const char32_t written : text) {
    const char32_t c = lower(plain(written));
    if (unseen(c)) continue;
    if (is_cyrillic(c)) {
      out += sound_of_cyrillic(c);
    } else if (is_digit(c) || (c >= U'a' && c <= U'z')) {
      // Two letters that stand for one sound.
      if (c == U'h' && (before == U's' || before == U'c' || before == U'g' || before == U'k')) {
        if (before == U'k') out.back() = 'h';
      } else {
        out += c == U'x' ? 'h' : c == U'q' ? 'g' : c == U'w' ? 'v' : c == U'y' ? 'i' : char(c);
      }
    } else if (bare(c) != 0) {
      out += char(bare(c));
    }
    before = c;
  }
  std::string once;
  for (const char c : out) {
    const bool digit = c >= '0' && c <= '9';
    if (once.empty() || digit || once.back() != c) once += c;
  }
  return once;
}

std::string sound_of(std::string_view utf8) {
  std::u32string text;
  for (std::size_t at = 0; at < utf8.size();) text += next_of(utf8, at);
  return sound_of(text);
}

Token token_of(std::u32string_view raw) {
  Token out;
  out.raw = raw;
  finish(out);
  return out;
}

std::vector<Token> tokens_of(std::string_view utf8) {
  std::vector<Token> out;
  Token open;
  Gap gap = Gap::none;
  bool spaced = false;
  char32_t sign = 0;
  const auto close = [&] {
    if (open.raw.empty()) return;
    finish(open);
    out.push_back(std::move(open));
    open = {};
  };
  for (std::size_t at = 0; at < utf8.size();) {
    const char32_t c = plain(next_of(utf8, at));
    if (unseen(c)) continue;
    if (is_letter(c) || is_digit(c)) {
      if (open.raw.empty()) {
        open.before = out.empty() ? Gap::none : gap;
        open.spaced = spaced;
        open.sign = sign;
        gap = Gap::none;
        spaced = false;
        sign = 0;
      }
      open.raw += c;
      continue;
    }
    close();
    constexpr std::u32string_view joints = U"-._/'`\u2010\u2011\u2012\u2013\u2014\u2019\u2018\u02BC\u00AF";
    if (c == U'\n' || c == U'\r' || c == U';' || c == 0x2028 || c == 0x2029) {
      gap = Gap::line;
    } else if (c == U' ' || c == U'\t' || c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F ||
               c == 0x3000) {
      if (gap < Gap::joint) gap = Gap::joint;
      spaced = true;
    } else if (joints.find(c) != std::u32string_view::npos) {
      if (gap < Gap::joint) gap = Gap::joint;
      sign = c;
    } else {
      if (gap < Gap::mark) gap = Gap::mark;
      sign = c;
    }
  }
  close();
  return out;
}

namespace {

bool in_gsm7(char32_t c) {
  if (c >= 0x20 && c <= 0x7E)
    return c != '[' && c != ']' && c != '{' && c != '}' && c != '\\' && c != '^' && c != '~' && c != '|' &&
           c != '`';
  constexpr std::u32string_view others = U"\n\r£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";
  return others.find(c) != std::u32string_view::npos;
}

}  // namespace

bool is_gsm7(std::string_view utf8) {
  for (std::size_t at = 0; at < utf8.size();) {
    if (!in_gsm7(next_of(utf8, at))) return false;
  }
  return true;
}

std::string to_gsm7(std::string_view utf8) {
  std::string out;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t from = at;
    const char32_t c = next_of(utf8, at);
    const char32_t under = bare(lower(c));
    if (under != 0) {
      out += char(lower(c) == c ? under : under - 32);
    } else if (c == 0x2018 || c == 0x2019 || c == 0x2BC) {
      out += '\'';
    } else if (c == 0x201C || c == 0x201D || c == 0xAB || c == 0xBB || c == 0x201E) {
      out += '"';
    } else if (c == 0x2013 || c == 0x2014) {
      out += '-';
    } else if (c == 0x130) {
      out += 'I';
    } else if (in_gsm7(c)) {
      out += utf8.substr(from, at - from);
    } else {
      out += ' ';
    }
  }
  return out;
}

int segments_of(std::string_view utf8) {
  const bool seven = is_gsm7(utf8);
  int length = 0;
  for (std::size_t at = 0; at < utf8.size();) length += next_of(utf8, at) > 0xFFFF ? 2 : 1;
  const int whole = seven ? 160 : 70, part = seven ? 153 : 67;
  return length <= whole ? 1 : (length + part - 1) / part;
}

}  // namespace dayaq::services::sms
