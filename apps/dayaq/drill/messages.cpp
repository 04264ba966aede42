#include "drill/messages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/utf8.hpp"

namespace dayaq::cli::drill {
namespace {

constexpr std::size_t id_letters = 7;
constexpr std::size_t lines_max = 100'000;
constexpr std::size_t tries_max = 64;
constexpr std::size_t pieces_max = 3;  // in more of them, hardly an id has a letter in each

/// How a letter of an id can be written.
enum Manner : std::uint8_t { plain = 0, lower = 1, cyrillic = 2, wide = 4, letter_for_digit = 8 };

struct LookAlike {
  char latin;
  char32_t upper, lower;
};
constexpr LookAlike look_alikes[] = {{'A', U'А', U'а'}, {'B', U'В', U'в'}, {'E', U'Е', U'е'},
                                     {'K', U'К', U'к'}, {'M', U'М', U'м'}, {'H', U'Н', U'н'},
                                     {'P', U'Р', U'р'}, {'C', U'С', U'с'}, {'T', U'Т', U'т'},
                                     {'Y', U'У', U'у'}, {'X', U'Х', U'х'}};

struct Rune {
  char32_t code = 0;
  std::size_t at = 0, size = 1;
};

/// UTF-8 as it should be; a byte that isn't stands for itself.
std::vector<Rune> runes_of(std::string_view text) {
  std::vector<Rune> out;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const std::size_t size = byte(i) < 0x80    ? 1
                             : byte(i) >= 0xF0 ? 4
                             : byte(i) >= 0xE0 ? 3
                             : byte(i) >= 0xC0 ? 2
                                               : 1;
    if (size > text.size() - i || size == 1) {
      out.push_back({.code = byte(i), .at = i, .size = 1});
      ++i;
      continue;
    }
    char32_t code = byte(i) & (0x7Fu >> size);
    for (std::size_t k = 1; k < size; ++k) code = code << 6 | (byte(i + k) & 0x3Fu);
    out.push_back({.code = code, .at = i, .size = size});
    i += size;
  }
  return out;
}

bool is_word(char32_t code) {
  const bool ascii =
      (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z');
  return ascii || (code >= 0xC0 && code <= 0x24F) || (code >= 0x400 && code <= 0x4FF) ||
         (code >= 0xFF10 && code <= 0xFF5A);
}

/// The letter of an id that this is, and in which manner; nullopt if it is none.
std::optional<std::pair<char, std::uint8_t>> read_letter(char32_t code) {
  std::uint8_t manner = plain;
  if (code >= 0xFF01 && code <= 0xFF5E) {
    code -= 0xFEE0;
    manner |= wide;
  }
  for (const LookAlike& one : look_alikes) {
    if (code == one.upper) return std::pair(one.latin, std::uint8_t(manner | cyrillic));
    if (code == one.lower) return std::pair(one.latin, std::uint8_t(manner | cyrillic | lower));
  }
  if (code == U'İ') return std::pair('1', std::uint8_t(manner | letter_for_digit));
  if (code >= 'a' && code <= 'z') {
    code -= 32;
    manner |= lower;
  }
  if (code == 'O') return std::pair('0', std::uint8_t(manner | letter_for_digit));
  if (code == 'I') return std::pair('1', std::uint8_t(manner | letter_for_digit));
  if ((code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z')) return std::pair(char(code), manner);
  return std::nullopt;
}

void write_letter(std::string& out, char letter, std::uint8_t manner) {
  auto code = char32_t(letter);
  if ((manner & letter_for_digit) != 0 && letter == '0') code = 'O';
  if ((manner & letter_for_digit) != 0 && letter == '1') code = 'I';
  if ((manner & cyrillic) != 0) {
    for (const LookAlike& one : look_alikes) {
      if (one.latin == letter) return append_utf8(out, (manner & lower) != 0 ? one.lower : one.upper);
    }
  }
  if ((manner & lower) != 0 && code >= 'A' && code <= 'Z') code += 32;
  if ((manner & wide) != 0) code += 0xFEE0;
  append_utf8(out, code);
}

bool is_letter(char c) {
  return c >= 'A' && c <= 'Z';
}

Error bad_line(std::size_t number, std::string_view what) {
  return Error{ErrorKind::invalid_input,
               "drill.messages",
               fmt::format("Line {} of the messages: {}.", number, what),
               {},
               {},
               0,
               0};
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[++i];
    out += next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next;
  }
  return out;
}

/// The ids of "doctor:5ABC123 shopping:6DEF456"; empty if it isn't that.
std::vector<std::string> ids_of(std::string_view pairs) {
  std::vector<std::string> out;
  while (!pairs.empty()) {
    const std::string_view pair = pairs.substr(0, pairs.find(' '));
    pairs.remove_prefix(std::min(pairs.size(), pair.size() + 1));
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos || pair.size() - colon != id_letters + 1) return {};
    out.emplace_back(pair.substr(colon + 1));
  }
  return out;
}

}  // namespace

/// Where each id stands: its letters in their order, with nothing but signs between them.
bool Phrasebook::locate(std::string_view text, const std::vector<std::string>& ids, std::vector<Place>& out) {
  const std::vector<Rune> runes = runes_of(text);
  std::vector<bool> taken(runes.size());
  for (const std::string& id : ids) {
    bool found = false;
    for (std::size_t from = 0; from < runes.size() && !found; ++from) {
      Place place;
      std::vector<std::size_t> at;
      bool apart = false;
      for (std::size_t i = from; i < runes.size() && at.size() < id_letters && !taken[i]; ++i) {
        const auto letter = read_letter(runes[i].code);
        if (letter && letter->first == id[at.size()]) {
          place.letters[at.size()] = {.at = runes[i].at, .size = runes[i].size, .manner = letter->second};
          at.push_back(i);
        } else if (at.empty() || letter || is_word(runes[i].code)) {
          break;
        } else {
          apart = true;
        }
      }
      if (at.size() < id_letters) continue;
      const bool glued = (at.front() > 0 && is_word(runes[at.front() - 1].code)) ||
                         (at.back() + 1 < runes.size() && is_word(runes[at.back() + 1].code));
      place.tight = apart || glued;
      std::size_t pieces = 1;
      for (std::size_t k = 1; k < id_letters; ++k) pieces += at[k] != at[k - 1] + 1 ? 1u : 0u;
      if (pieces > pieces_max) return false;
      for (const std::size_t i : at) taken[i] = true;
      out.push_back(place);
      found = true;
    }
    if (!found) return false;
  }
  return true;
}

/// Whether the right answer stays the right one with this id.
bool Phrasebook::fits(const Place& place, std::string_view id) {
  const auto letters = std::count_if(id.begin(), id.end(), is_letter);
  if (id.size() != id_letters || letters < 2 || letters == id_letters) return false;
  std::uint8_t manner = plain;
  for (const Letter& letter : place.letters) manner |= letter.manner;
  const bool small_cyrillic = (manner & cyrillic) != 0 && (manner & lower) != 0;
  if (small_cyrillic && id.find('L') != std::string_view::npos) return false;  // an l isn't a Cyrillic letter
  if (!place.tight) return true;
  // No end of it and no piece of it could be a reason: 1, 2, 3, also as 02 or 11.
  const auto reason = [](char c) { return c >= '1' && c <= '3'; };
  bool could_be = true, has_one = false;
  for (std::size_t i = 0; i < id_letters; ++i) {
    could_be = could_be && (reason(id[i]) || id[i] == '0');
    has_one = has_one || reason(id[i]);
    const bool ends =
        i + 1 == id_letters || place.letters[i].at + place.letters[i].size != place.letters[i + 1].at;
    if (!ends) continue;
    if (could_be && has_one) return false;
    could_be = true;
    has_one = false;
  }
  return !reason(id.front()) && !reason(id.back());
}

Result<Phrasebook> Phrasebook::parse(std::string_view text) {
  Phrasebook out;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (++number > lines_max) return std::unexpected(bad_line(number, "these are too many"));
    if (line.empty() || line.starts_with("# ")) continue;
    const std::size_t first = line.find('\t');
    if (first == std::string_view::npos) return std::unexpected(bad_line(number, "the answer is missing"));
    const std::string_view rest = line.substr(first + 1);
    const std::string_view wanted = rest.substr(0, rest.find('\t'));
    Line read{.text = unescaped(line.substr(0, first)),
              .kind = std::string(rest.substr(std::min(rest.size(), wanted.size() + 1))),
              .places = {}};
    if (wanted.starts_with("ok")) {
      read.careful = wanted.starts_with("ok-or-ask ");
      if (!read.careful && !wanted.starts_with("ok "))
        return std::unexpected(bad_line(number, "its answer is unknown"));
      std::vector<std::string> ids = ids_of(wanted.substr(read.careful ? 10 : 3));
      if (ids.empty()) return std::unexpected(bad_line(number, "after `ok` stand pairs like doctor:5ABC123"));
      if (locate(read.text, ids, read.places)) {
        out.clear_.push_back(std::move(read));
      } else {
        ++out.left_out_;
      }
    } else if (wanted.starts_with("ask")) {
      read.about_person = wanted == "ask" || wanted.starts_with("ask person");
      read.about_answer = wanted == "ask" || !read.about_person;
      out.unclear_.push_back(std::move(read));
    } else {
      ++out.left_out_;  // commands need a case
    }
  }
  if (out.clear_.empty() || out.unclear_.empty()) {
    return std::unexpected(
        bad_line(number, "messages that are understood are needed, and others that aren't"));
  }
  return out;
}

/// A person for each place of the line, from `next` on; empty if none of those who come next fits.
std::vector<std::string> Phrasebook::choose(const Line& line, const std::vector<std::string>& persons,
                                            std::size_t& next) {
  std::vector<std::string> out;
  for (const Place& place : line.places) {
    std::size_t at = next;
    while (!fits(place, persons[at % persons.size()])) {
      if (++at - next > tries_max) return {};
    }
    next = at + 1;
    out.push_back(persons[at % persons.size()]);
  }
  return out;
}

Message Phrasebook::make(bool broken, const std::vector<std::string>& persons, std::size_t& next,
                         SeededRandom& random) const {
  const std::vector<Line>& lines = broken ? unclear_ : clear_;
  const Line* line = &lines[random.below(lines.size())];
  std::vector<std::string> asks = choose(*line, persons, next);
  for (std::size_t i = 0; i < tries_max && asks.size() != line->places.size(); ++i) {
    line = &lines[random.below(lines.size())];
    asks = choose(*line, persons, next);
  }
  Message out{.text = line->text,
              .kind = line->kind,
              .asks = std::move(asks),
              .careful = line->careful,
              .about_person = line->about_person,
              .about_answer = line->about_answer};
  if (out.asks.size() != line->places.size()) return out;  // as the file has it: for nobody
  struct Written {
    Letter where;
    char letter;
  };
  std::vector<Written> all;
  for (std::size_t which = 0; which < out.asks.size(); ++which) {
    // Who writes one letter so writes all so.
    std::uint8_t manner = plain;
    for (const Letter& letter : line->places[which].letters) manner |= letter.manner;
    for (std::size_t i = 0; i < id_letters; ++i) {
      Written one{.where = line->places[which].letters[i], .letter = out.asks[which][i]};
      one.where.manner = manner;
      all.push_back(one);
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Written& a, const Written& b) { return a.where.at < b.where.at; });
  if (all.empty()) return out;
  out.text.clear();
  std::size_t from = 0;
  for (const Written& one : all) {
    out.text += line->text.substr(from, one.where.at - from);
    write_letter(out.text, one.letter, one.where.manner);
    from = one.where.at + one.where.size;
  }
  out.text += line->text.substr(from);
  return out;
}

}  // namespace dayaq::cli::drill
