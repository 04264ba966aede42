#include "services/sms/tokens.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace dayaq::services::sms {
namespace {

using As = Taken::As;

constexpr std::size_t long_word = 5;     ///< so many sounds, and an ending or a slip doesn't change the word
constexpr std::size_t ending_max = 5;    ///< "market-lərdən"
constexpr std::size_t phone_digits = 9;  ///< without the country

bool is_vowel(char c) {
  return std::string_view("aeiou").find(c) != std::string_view::npos;
}

/// One letter wrong, missing, too many, or two swapped.
bool one_slip(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  if (a.size() < b.size()) return a.substr(at) == b.substr(at + 1);
  if (at == a.size()) return true;
  if (a.substr(at + 1) == b.substr(at + 1)) return true;
  return at + 1 < a.size() && a[at] == b[at + 1] && a[at + 1] == b[at] &&
         a.substr(at + 2) == b.substr(at + 2);
}

/// Collects what a word may stand for: one choice, or it stands for none.
struct Finder {
  std::optional<Chosen> found;
  bool several = false;
  void add(int field, const std::string& choice) {
    if (choice.empty() || (found && (found->field != field || found->choice != choice))) several = true;
    if (!found) found = Chosen{field, choice};
  }
  [[nodiscard]] std::optional<Chosen> only() const { return several ? std::nullopt : found; }
};

bool is_stem(std::string_view word, std::string_view sound) {
  const std::string_view stem = is_vowel(word.back()) ? word.substr(0, word.size() - 1) : word;
  return stem.size() + 1 >= long_word && sound.size() >= stem.size() &&
         sound.size() - stem.size() <= ending_max && sound.starts_with(stem);
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string ascii_digits(const Token& token) {
  std::string out;
  for (const char32_t c : token.raw) out += char(c);
  return out;
}

/// Goes over the tokens once, looking at neighbours.
class Taker {
 public:
  Taker(const Grammar::Entry& service, const registry::NationalIdRule& rule, const std::vector<Token>& tokens)
      : service_(service), rule_(rule), tokens_(tokens), out_(tokens.size()), done_(tokens.size(), false) {}

  std::vector<Taken> run() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (const auto word = known_word(tokens_[i].word)) out_[i].meaning = word->meaning;
    }
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (!done_[i]) one(i);
    }
    lonely();
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool means(std::size_t i, Meaning meaning) const {
    return i < out_.size() && out_[i].meaning == meaning;
  }
  void nothing(std::size_t i) {
    out_[i].as = As::nothing;
    done_[i] = true;
  }
  void choose(std::size_t i, const Chosen& chosen) {
    out_[i].as = As::choice;
    out_[i].field = chosen.field;
    out_[i].choice = chosen.choice;
  }
  [[nodiscard]] bool is_id(const Token& token) const {
    return token.raw.size() == rule_.length() && token.id.size() == token.raw.size() && !token.doubtful &&
           rule_.parse(token.id).has_value();
  }

  void one(std::size_t i) {
    const Token& token = tokens_[i];
    const bool named = i > 0 && means(i - 1, Meaning::id_word);
    if (named && is_id(token)) {
      out_[i].as = As::person;
      return;
    }
    if (token.digits_only()) return digits(i);
    if (token.letters_only()) return letters(i);
    if (is_id(token)) {
      out_[i].as = As::person;
      return;
    }
    mixed(i);
  }

  void letters(std::size_t i) {
    const Token& token = tokens_[i];
    for (std::size_t count = 3; count >= 1; --count) {  // "bank poct" before "bank"
      std::string sound;
      std::size_t end = i;
      while (end < tokens_.size() && end - i < count && tokens_[end].letters_only())
        sound += tokens_[end++].word;
      if (end - i != count) continue;
      const auto chosen = exact(sound);
      if (!chosen) continue;
      for (std::size_t j = i + 1; j < end; ++j) nothing(j);
      choose(i, *chosen);
      return;
    }
    if (out_[i].meaning) {
      out_[i].known = true;
      return nothing(i);
    }
    if (const auto chosen = choice_of(service_, token.word, true)) return choose(i, *chosen);
    out_[i].as = is_id(token) ? As::maybe : As::unknown;
  }

  [[nodiscard]] std::optional<Chosen> exact(std::string_view sound) const {
    Finder finder;
    for (std::size_t f = 0; f < service_.fields.size(); ++f) {
      const auto found = service_.fields[f].words.find(sound);
      if (found != service_.fields[f].words.end()) finder.add(int(f), found->second);
    }
    return finder.only();
  }

  void digits(std::size_t i) {
    const Token& token = tokens_[i];
    if (phone(i) || time(i) || serial(i)) return;
    const bool beside_hour = (means(i + 1, Meaning::hour) && tokens_[i + 1].before != Gap::line) ||
                             (i > 0 && means(i - 1, Meaning::hour) && token.before != Gap::line);
    const bool of_house = i > 0 && means(i - 1, Meaning::address) && token.before != Gap::line;
    if (beside_hour || of_house) return nothing(i);
    if (const auto chosen = choice_of_digits(service_, ascii_digits(token))) return choose(i, *chosen);
    out_[i].as = is_id(token) ? As::maybe : As::unexplained;
  }

  /// +994 50 123 45 67, 0501234567, after "telefon".
  bool phone(std::size_t i) {
    const std::string first = ascii_digits(tokens_[i]);
    const bool country = first.starts_with("994") && (first.size() == 3 || first.size() == 12);
    const bool national =
        first.size() >= 3 && first[0] == '0' && first[1] != '0' && (first.size() == 10 || first.size() == 3);
    const bool named = i > 0 && means(i - 1, Meaning::phone);
    if (!country && !national && !named && tokens_[i].sign != U'+') return false;
    std::size_t need = country ? 3 + phone_digits : national ? 1 + phone_digits : phone_digits;
    std::size_t j = i, have = 0;
    while (j < tokens_.size() && tokens_[j].digits_only() && have + tokens_[j].raw.size() <= need &&
           (j == i || tokens_[j].before == Gap::joint)) {
      have += tokens_[j++].raw.size();
    }
    if (have != need && !(named && have >= 5)) return false;
    for (std::size_t k = i; k < j; ++k) nothing(k);
    return true;
  }

  /// 15:30, 21.11, 21.11.2026.
  bool time(std::size_t i) {
    const auto part = [&](std::size_t j, char32_t sign) {
      return j < tokens_.size() && tokens_[j].digits_only() && tokens_[j].sign == sign && !tokens_[j].spaced;
    };
    if (tokens_[i].raw.size() > 2) return false;
    if (part(i + 1, U':') && tokens_[i + 1].raw.size() == 2) {
      nothing(i);
      nothing(i + 1);
      return true;
    }
    for (const char32_t sign : {U'.', U'/', U'-'}) {
      if (!part(i + 1, sign) || tokens_[i + 1].raw.size() != 2) continue;
      const bool year = part(i + 2, sign) && tokens_[i + 2].raw.size() == 4;
      if (!year && (sign != U'.' || tokens_[i].raw.size() != 2)) continue;
      nothing(i);
      nothing(i + 1);
      if (year) nothing(i + 2);
      return true;
    }
    return false;
  }

  /// Of an identity card: "AZE 12345678", "AA 1234567".
  bool serial(std::size_t i) {
    if (i == 0) return false;
    const std::size_t size = tokens_[i].raw.size();
    const bool after =
        means(i - 1, Meaning::serial) || tokens_[i - 1].id == "AA" || tokens_[i - 1].id == "AZE";
    if (!after || size < 7 || size > 8) return false;
    nothing(i);
    return true;
  }

  void mixed(std::size_t i) {
    const Token& token = tokens_[i];
    const std::string& id = token.id;
    const auto rest_digits = [&](std::size_t from) { return all_digits(std::string_view(id).substr(from)); };
    if ((id.starts_with("AZE") && id.size() == 11 && rest_digits(3)) ||
        (id.starts_with("AA") && id.size() == 9 && rest_digits(2))) {
      return nothing(i);
    }
    std::size_t letter = 0;
    while (letter < token.raw.size() && token.raw[letter] >= U'0' && token.raw[letter] <= U'9') ++letter;
    if (letter > 0) {  // "1ci", "3de", "15pm"
      const Token tail = token_of(std::u32string_view(token.raw).substr(letter));
      if (tail.letters_only()) {
        const auto word = known_word(tail.word);
        std::string head;
        for (const char32_t c : token.raw.substr(0, letter)) head += char(c);
        if (word && word->meaning == Meaning::ordinal) {
          if (const auto chosen = choice_of_digits(service_, head)) return choose(i, *chosen);
        }
        constexpr std::array<std::string_view, 6> at{"de", "da", "te", "ta", "pm", "am"};
        if (letter <= 2 && std::ranges::find(at, tail.word) != at.end()) return nothing(i);
      }
    } else {  // "sebeb1", "no2"
      while (letter < token.raw.size() && (token.raw[letter] < U'0' || token.raw[letter] > U'9')) ++letter;
      const auto word = known_word(sound_of(token.raw.substr(0, letter)));
      const Token tail = token_of(std::u32string_view(token.raw).substr(letter));
      if (word && tail.digits_only() && tail.raw.size() <= 2) {
        if (const auto chosen = choice_of_digits(service_, ascii_digits(tail))) return choose(i, *chosen);
      }
    }
    out_[i].as = As::unexplained;
  }

  /// With nothing else in the message than ids: l or I for 1, a Cyrillic З for 3, "two" for 2.
  void lonely() {
    std::size_t at = tokens_.size();
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const bool silent = means(i, Meaning::id_word) || means(i, Meaning::reason);
      if (out_[i].as == As::person || (out_[i].as == As::nothing && silent)) continue;
      if (at != tokens_.size() || out_[i].as == As::choice) return;
      at = i;
    }
    if (at == tokens_.size()) return;
    constexpr std::array<std::pair<std::string_view, std::string_view>, 15> numerals{{{"bir", "1"},
                                                                                      {"iki", "2"},
                                                                                      {"uc", "3"},
                                                                                      {"dord", "4"},
                                                                                      {"bes", "5"},
                                                                                      {"one", "1"},
                                                                                      {"tvo", "2"},
                                                                                      {"tree", "3"},
                                                                                      {"four", "4"},
                                                                                      {"five", "5"},
                                                                                      {"odin", "1"},
                                                                                      {"dva", "2"},
                                                                                      {"tri", "3"},
                                                                                      {"cetire", "4"},
                                                                                      {"piat", "5"}}};
    std::string_view digit;
    const std::u32string& raw = tokens_[at].raw;
    if (raw == U"l" || raw == U"I" || raw == U"i" || raw == U"ı" || raw == U"İ" || raw == U"І") digit = "1";
    if (raw == U"З" || raw == U"з") digit = "3";
    for (const auto& [word, means_digit] : numerals) {
      if (tokens_[at].word == word) digit = means_digit;
    }
    if (tokens_[at].word == "tre" || tokens_[at].word == "thre") digit = "3";
    if (digit.empty()) return;
    if (const auto chosen = choice_of_digits(service_, digit)) choose(at, *chosen);
  }

  const Grammar::Entry& service_;
  const registry::NationalIdRule& rule_;
  const std::vector<Token>& tokens_;
  std::vector<Taken> out_;
  std::vector<bool> done_;
};

}  // namespace

std::optional<Chosen> choice_of(const Grammar::Entry& service, std::string_view sound, bool slips) {
  for (const int way : {0, 1, 2}) {
    Finder finder;
    for (std::size_t f = 0; f < service.fields.size(); ++f) {
      for (const auto& [word, choice] : service.fields[f].words) {
        if (word.empty() || all_digits(word)) continue;
        const bool fits = way == 0   ? word == sound
                          : way == 1 ? is_stem(word, sound)
                                     : slips && word.size() >= long_word && sound.size() >= long_word &&
                                           one_slip(word, sound);
        if (fits) finder.add(int(f), choice);
      }
    }
    if (finder.found) return finder.only();
  }
  return std::nullopt;
}

std::optional<Chosen> choice_of_digits(const Grammar::Entry& service, std::string_view digits) {
  const auto exact = [&](std::string_view text) {
    Finder finder;
    for (std::size_t f = 0; f < service.fields.size(); ++f) {
      const auto found = service.fields[f].words.find(text);
      if (found != service.fields[f].words.end()) finder.add(int(f), found->second);
    }
    return finder.only();
  };
  if (auto found = exact(digits)) return found;
  const std::size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
  if (zeros > 0 && zeros < digits.size()) return exact(digits.substr(zeros));
  // Pressed more than once.
  if (digits.size() <= 4 && digits.find_first_not_of(digits[0]) == std::string_view::npos) {
    return exact(digits.substr(0, 1));
  }
  return std::nullopt;
}

std::vector<Taken> take(const Grammar::Entry& service, const registry::NationalIdRule& rule,
                        const std::vector<Token>& tokens) {
  return Taker(service, rule, tokens).run();
}

}  // namespace dayaq::services::sms
