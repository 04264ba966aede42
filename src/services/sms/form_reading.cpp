#include "services/sms/form_reading.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.hpp"
#include "services/sms/lexicon.hpp"
#include "services/sms/tokens.hpp"

namespace dayaq::services::sms {
namespace {

using Kind = Grammar::OpenField::Kind;
using What = Question::What;

/// Of the twelve months, how their names begin in the three languages; the English short ones stand alone.
struct Month {
  std::string_view az, en, ru, brief;
};
constexpr std::array<Month, 12> months{{{"yanvar", "january", "январ", "jan"},
                                        {"fevral", "february", "феврал", "feb"},
                                        {"mart", "march", "март", "mar"},
                                        {"aprel", "april", "апрел", "apr"},
                                        {"may", "may", "ма", "may"},
                                        {"iyun", "june", "июн", "jun"},
                                        {"iyul", "july", "июл", "jul"},
                                        {"avqust", "august", "август", "aug"},
                                        {"sentyabr", "september", "сентябр", "sep"},
                                        {"oktyabr", "october", "октябр", "oct"},
                                        {"noyabr", "november", "ноябр", "nov"},
                                        {"dekabr", "december", "декабр", "dec"}}};

unsigned month_of(std::string_view sound) {
  for (unsigned i = 0; i < months.size(); ++i) {
    const Month& month = months[i];
    if (sound == sound_of(month.brief)) return i + 1;
    for (const std::string_view name : {month.az, month.en, month.ru}) {
      const std::string stem = sound_of(name);
      if (sound.starts_with(stem) && sound.size() <= stem.size() + 3) return i + 1;
    }
  }
  return 0;
}

bool is_one_of(std::string_view sound, std::string_view words) {
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    if (sound == sound_of(words.substr(at, end - at))) return true;
    at = end + 1;
  }
  return false;
}
constexpr std::string_view yes_words = "hə bəli he beli yes да da", no_words = "yox xeyr no нет net",
                           today_words = "bugün bugun today сегодня segodnya",
                           tomorrow_words = "sabah tomorrow завтра zavtra";

std::optional<int> number_of(const Token& token, std::size_t digits_max) {
  if (!token.digits_only() || token.raw.size() > digits_max) return std::nullopt;
  int out = 0;
  for (const char32_t c : token.raw) out = out * 10 + int(c - U'0');
  return out;
}

std::string utf8_of(const Token& token) {
  std::string out;
  for (const char32_t c : token.raw) {
    if (c < 0x10000) append_utf8(out, c);
  }
  return out;
}

class FormReader {
 public:
  FormReader(const Grammar::Entry& service, const registry::NationalIdRule& rule,
             const std::vector<Token>& tokens, std::optional<Date> today)
      : service_(service), rule_(rule), tokens_(tokens), today_(today), used_(tokens.size(), false) {}

  std::variant<Requests, Question> read() {
    dates();
    if (auto wrong = person()) return *std::move(wrong);
    words();
    if (auto wrong = digits()) return *std::move(wrong);
    text();
    if (auto missing = missing_one()) return *std::move(missing);
    auto id = rule_.parse(id_);
    if (!id) return ask(What::person);
    Requests out{.service = service_.code, .of = {}};
    out.of.push_back({.person = *std::move(id), .answers = std::move(answers_)});
    return out;
  }

 private:
  [[nodiscard]] Question ask(What what, std::string_view field = {}) const {
    return {.what = what, .service = service_.code, .field = std::string(field), .shown = {}, .count = 0};
  }
  [[nodiscard]] bool filled(const std::string& code) const { return answers_.contains(code); }

  // -- dates: by their form, wherever they stand

  struct Found {
    int year = 0;  ///< 0: none was written
    unsigned month = 0, day = 0;
    std::size_t tokens = 0;
  };

  /// 21.11.2026, 21/11, 2026-11-21, "21 noyabr", "21 noyabr 2026".
  [[nodiscard]] std::optional<Found> written(std::size_t i) const {
    const auto first = number_of(tokens_[i], 4);
    if (!first || i + 1 >= tokens_.size() || used_[i + 1]) return std::nullopt;
    const auto joined = [&](std::size_t j, char32_t sign) {
      return j < tokens_.size() && tokens_[j].sign == sign && !tokens_[j].spaced && tokens_[j].digits_only();
    };
    for (const char32_t sign : {U'.', U'/', U'-'}) {
      if (!joined(i + 1, sign)) continue;
      const auto second = number_of(tokens_[i + 1], 2);
      if (!second) return std::nullopt;
      const auto third = joined(i + 2, sign) ? number_of(tokens_[i + 2], 4) : std::nullopt;
      if (tokens_[i].raw.size() == 4) {
        if (!third) return std::nullopt;
        return Found{*first, unsigned(*second), unsigned(*third), 3};
      }
      if (third && tokens_[i + 2].raw.size() == 4)
        return Found{*third, unsigned(*second), unsigned(*first), 3};
      if (third) return std::nullopt;
      return Found{0, unsigned(*second), unsigned(*first), 2};
    }
    if (tokens_[i].raw.size() > 2 || !tokens_[i + 1].letters_only()) return std::nullopt;
    const unsigned month = month_of(tokens_[i + 1].word);
    if (month == 0) return std::nullopt;
    const auto year = i + 2 < tokens_.size() && tokens_[i + 2].raw.size() == 4 ? number_of(tokens_[i + 2], 4)
                                                                               : std::nullopt;
    return Found{year.value_or(0), month, unsigned(*first), year ? 3u : 2u};
  }

  /// Without a year: the next such day, or the last where the question is about the past.
  [[nodiscard]] std::optional<Date> day_of(const Found& found, const Grammar::OpenField& field) const {
    using namespace std::chrono;
    const auto on = [&](int year_number) -> std::optional<Date> {
      const year_month_day day = year(year_number) / month(found.month) / std::chrono::day(found.day);
      return day.ok() ? std::optional(Date(sys_days(day))) : std::nullopt;
    };
    if (found.year != 0) return on(found.year);
    if (!today_) return std::nullopt;
    const bool past = field.max <= 0 && field.min < 0;
    const int now = int(year_month_day(sys_days(*today_)).year());
    for (const int year_number : past ? std::array{now, now - 1, now - 2, now - 3, now - 4}
                                      : std::array{now, now + 1, now + 2, now + 3, now + 4}) {
      const auto day = on(year_number);
      if (day && (past ? *day <= *today_ : *day >= *today_)) return day;
    }
    return std::nullopt;
  }

  void take_date(std::size_t i, std::size_t count, const Found* found, std::optional<Date> day) {
    for (const Grammar::OpenField& field : service_.open) {
      if (field.kind != Kind::date || filled(field.code)) continue;
      if (found != nullptr) day = day_of(*found, field);
      for (std::size_t j = i; j < i + count; ++j) used_[j] = true;
      if (!day) {
        unclear_.push_back(field.code);
        return;
      }
      const auto away = today_ ? std::optional((*day - *today_).count()) : std::nullopt;
      const bool bounded = field.max > field.min;
      if (away && bounded && (*away < field.min || *away > field.max)) unclear_.push_back(field.code);
      answers_[field.code] = format_date(*day);
      return;
    }
  }

  void dates() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (used_[i]) continue;
      if (const auto found = written(i)) {
        take_date(i, found->tokens, &*found, std::nullopt);
        continue;
      }
      std::string sound = tokens_[i].word;
      std::size_t count = 1;
      if (sound == "bu" && i + 1 < tokens_.size()) {
        sound += tokens_[i + 1].word;
        count = 2;
      }
      if (!today_) continue;
      if (is_one_of(sound, today_words)) take_date(i, count, nullptr, *today_);
      if (is_one_of(sound, tomorrow_words)) take_date(i, 1, nullptr, *today_ + std::chrono::days(1));
    }
  }

  // -- who

  [[nodiscard]] bool is_id(const Token& token) const {
    return token.raw.size() == rule_.length() && token.id.size() == token.raw.size() && !token.doubtful &&
           rule_.parse(token.id).has_value();
  }

  std::optional<Question> person() {
    Question near = ask(What::person);
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const Token& token = tokens_[i];
      const auto before = i > 0 ? known_word(tokens_[i - 1].word) : std::nullopt;
      const bool named = before && before->meaning == Meaning::id_word;
      if (used_[i] || !(named || (token.has_digit && token.has_letter))) continue;
      if (is_id(token)) {
        if (!id_.empty() && id_ != token.id) return ask(What::person_which);
        id_ = token.id;
        used_[i] = true;
      } else if (token.has_digit && token.has_letter && !token.id.empty()) {
        const std::size_t length = token.raw.size(), right = rule_.length();
        if (length + 1 != right && length != right + 1) continue;
        near = ask(What::person_length);
        near.count = int(length);
        near.shown = token.id;
        used_[i] = true;
      }
    }
    return id_.empty() ? std::optional(std::move(near)) : std::nullopt;
  }

  // -- choices and yes or no, by words

  void words() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (used_[i] || !tokens_[i].letters_only()) continue;
      const std::string& sound = tokens_[i].word;
      const auto chosen = choice_of(service_, sound, true);
      if (chosen && !filled(service_.fields[std::size_t(chosen->field)].code)) {
        answers_[service_.fields[std::size_t(chosen->field)].code] = chosen->choice;
        used_[i] = true;
        continue;
      }
      const bool yes = is_one_of(sound, yes_words), no = is_one_of(sound, no_words);
      if (!yes && !no) continue;
      for (const Grammar::OpenField& field : service_.open) {
        if (field.kind != Kind::yes_no || filled(field.code)) continue;
        answers_[field.code] = yes ? "yes" : "no";
        used_[i] = true;
        break;
      }
    }
  }

  // -- digits: choices and numbers in the order of the file

  std::optional<Question> digits() {
    std::vector<std::size_t> given;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (!used_[i] && tokens_[i].digits_only()) given.push_back(i);
    }
    std::size_t at = 0;
    for (const std::string& code : service_.order) {
      if (at == given.size()) return std::nullopt;
      if (filled(code)) continue;
      const Token& token = tokens_[given[at]];
      std::string text;
      for (const char32_t c : token.raw) text += char(c);
      const auto open = std::ranges::find(service_.open, code, &Grammar::OpenField::code);
      if (open != service_.open.end() && open->kind == Kind::number) {
        std::int64_t value = 0;
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool bounded = open->max > open->min;
        if (failed != std::errc() || (bounded && (value < open->min || value > open->max))) {
          return ask(What::answer_unknown, code);
        }
        answers_[code] = std::to_string(value);
        used_[given[at++]] = true;
        continue;
      }
      const auto chosen = choice_of_digits(service_, text);
      const auto field = std::ranges::find(service_.fields, code, &Grammar::ChoiceField::code);
      if (field == service_.fields.end() || !chosen ||
          service_.fields[std::size_t(chosen->field)].code != code) {
        continue;
      }
      answers_[code] = chosen->choice;
      used_[given[at++]] = true;
    }
    if (at == given.size()) return std::nullopt;
    // More digits than questions: which of them is meant nobody knows, unless all may be of the text.
    for (const Grammar::OpenField& field : service_.open) {
      if (field.kind == Kind::number) return ask(What::answer_several, field.code);
    }
    return std::nullopt;
  }

  // -- the text: what is left, without greetings around it

  void text() {
    const auto field = std::ranges::find_if(service_.open, [&](const Grammar::OpenField& one) {
      return one.kind == Kind::text && !filled(one.code);
    });
    if (field == service_.open.end()) return;
    const auto means_nothing = [&](std::size_t i) { return known_word(tokens_[i].word).has_value(); };
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (!used_[i]) left.push_back(i);
    }
    while (!left.empty() && means_nothing(left.front())) left.erase(left.begin());
    while (!left.empty() && means_nothing(left.back())) left.pop_back();
    std::string out;
    std::int64_t letters = 0;
    for (const std::size_t i : left) {
      if (!out.empty()) {
        out += ' ';
        ++letters;
      }
      out += utf8_of(tokens_[i]);
      letters += std::int64_t(tokens_[i].raw.size());
    }
    if (out.empty()) return;
    if (letters < field->min || (field->max > 0 && letters > field->max)) unclear_.push_back(field->code);
    answers_[field->code] = std::move(out);
  }

  [[nodiscard]] std::optional<Question> missing_one() const {
    for (const std::string& code : service_.order) {
      if (std::ranges::find(unclear_, code) != unclear_.end()) return ask(What::answer_unknown, code);
      if (filled(code)) continue;
      const auto open = std::ranges::find(service_.open, code, &Grammar::OpenField::code);
      const auto field = std::ranges::find(service_.fields, code, &Grammar::ChoiceField::code);
      const bool required = open != service_.open.end()      ? open->required
                            : field != service_.fields.end() ? field->required
                                                             : false;
      if (required) return ask(What::answer, code);
    }
    return std::nullopt;
  }

  const Grammar::Entry& service_;
  const registry::NationalIdRule& rule_;
  const std::vector<Token>& tokens_;
  std::optional<Date> today_;
  std::vector<bool> used_;
  std::string id_;
  Answers answers_;
  std::vector<std::string> unclear_;  // written, but it can't be that
};

}  // namespace

std::variant<Requests, Question> read_form(const Grammar::Entry& service,
                                           const registry::NationalIdRule& rule,
                                           const std::vector<Token>& tokens, std::optional<Date> today) {
  return FormReader(service, rule, tokens, today).read();
}

}  // namespace dayaq::services::sms
