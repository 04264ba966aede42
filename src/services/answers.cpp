// One answer, from what somebody typed to the form that is stored.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>

#include "http/encoding.hpp"
#include "services/form.hpp"

namespace dayaq::services {
namespace {

constexpr std::size_t given_max = 64 << 10;  // bytes of one answer, before anything is looked at
constexpr std::int64_t text_max_usual = 500;
constexpr std::size_t national_digits = 9;  // of a phone, behind the calling code
constexpr std::size_t hex_digits = 16;

using Read = std::expected<std::string, BadAnswer>;

std::unexpected<BadAnswer> bad(const Field& field, std::string_view key, std::string sentence,
                               std::string low = {}, std::string high = {}) {
  return std::unexpected(BadAnswer{field.code, key, std::move(sentence), std::move(low), std::move(high)});
}

/// Length in bytes of a blank at the start: ASCII ones and the no-break and typographic ones that phones put
/// in; 0 if there is none.
std::size_t blank_at(std::string_view text) {
  if (text.empty()) return 0;
  const char c = text.front();
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f') return 1;
  if (text.starts_with("\xc2\xa0")) return 2;
  if (text.starts_with("\xe3\x80\x80") || text.starts_with("\xef\xbb\xbf")) return 3;
  if (text.starts_with("\xe2\x80") && text.size() > 2) {
    const auto last = static_cast<unsigned char>(text[2]);
    if ((last >= 0x80 && last <= 0x8b) || last == 0xaf) return 3;  // U+2000 .. U+200B, U+202F
  }
  return 0;
}

/// Marks that nobody sees and that turn the reading direction: they could make an official read something
/// else than what stands there.
std::size_t mark_at(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xe2') return 0;
  const auto second = static_cast<unsigned char>(text[1]), third = static_cast<unsigned char>(text[2]);
  if (second == 0x80 && ((third >= 0x8c && third <= 0x8f) || (third >= 0xaa && third <= 0xae))) return 3;
  if (second == 0x81 && third >= 0xa0 && third <= 0xaf) return 3;
  return 0;
}

/// Without blanks at both ends and without invisible marks; lines end in '\n' alone.
std::string cleaned(std::string_view given) {
  std::string out;
  std::size_t keep = 0;  // up to the last letter that is no blank
  while (!given.empty()) {
    if (const std::size_t mark = mark_at(given)) {
      given.remove_prefix(mark);
      continue;
    }
    if (const std::size_t blank = blank_at(given)) {
      if (!out.empty() && !given.starts_with('\r')) out += blank > 1 ? ' ' : given.front();
      if (!out.empty() && given.starts_with('\r') && !given.starts_with("\r\n")) out += '\n';
      given.remove_prefix(blank);
      continue;
    }
    out += given.front();
    given.remove_prefix(1);
    keep = out.size();
  }
  out.resize(keep);
  return out;
}

std::string without(std::string_view text, std::string_view letters) {
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out), [&](char c) { return !letters.contains(c); });
  return out;
}

bool only_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Read read_text(const Field& field, const std::string& text) {
  const bool control = std::ranges::any_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  });
  if (control) return bad(field, "answer_encoding", "Leave out letters that can't be shown.");
  const auto length = std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; });
  const std::int64_t most = field.max > 0 ? field.max : text_max_usual;
  if (length < field.min) {
    return bad(field, "answer_text_short", fmt::format("Write at least {} characters.", field.min),
               std::to_string(field.min));
  }
  if (length > most) {
    return bad(field, "answer_text_long", fmt::format("Write at most {} characters.", most), {},
               std::to_string(most));
  }
  return text;
}

Read read_number(const Field& field, const std::string& text) {
  std::string digits = without(text, " ");
  if (digits.starts_with('+')) digits.erase(0, 1);
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failed == std::errc::invalid_argument || end != digits.data() + digits.size()) {
    return bad(field, "answer_number", "Write a whole number with digits.");
  }
  if (failed != std::errc{} || value < field.min || value > field.max) {
    return bad(field, "answer_number_range",
               fmt::format("Write a number from {} to {}.", field.min, field.max), std::to_string(field.min),
               std::to_string(field.max));
  }
  return std::to_string(value);
}

/// By code first, so that what was read once is read again as the same; then by what people call it.
const Choice* choice_of(const Field& field, std::string_view given) {
  const auto exact = std::ranges::find(field.choices, given, &Choice::code);
  if (exact != field.choices.end()) return &*exact;
  const std::string folded = fold_for_search(given);
  for (const Choice& choice : field.choices) {
    const auto same = [&](std::string_view word) { return fold_for_search(word) == folded; };
    if (same(choice.code) || std::ranges::any_of(choice.words, same) || same(choice.title.az) ||
        same(choice.title.en) || same(choice.title.ru)) {
      return &choice;
    }
  }
  return nullptr;
}

std::unexpected<BadAnswer> no_choice(const Field& field) {
  return bad(field, "answer_choice", "Choose one of the answers that are offered.");
}

Read read_choice(const Field& field, const std::string& text) {
  const Choice* choice = choice_of(field, text);
  if (choice == nullptr) return no_choice(field);
  return choice->code;
}

/// Several, separated by commas or line breaks, or by blanks if each word is one.
Read read_choices(const Field& field, const std::string& text) {
  std::vector<bool> chosen(field.choices.size());
  const auto take = [&](std::string_view part) {
    part = http::trim(part);
    if (part.empty()) return true;
    const Choice* choice = choice_of(field, part);
    if (choice != nullptr) chosen[static_cast<std::size_t>(choice - field.choices.data())] = true;
    return choice != nullptr;
  };
  const auto each = [](std::string_view all, std::string_view ends, const auto& visit) {
    for (;;) {
      const std::size_t end = all.find_first_of(ends);
      if (!visit(all.substr(0, end))) return false;
      if (end == std::string_view::npos) return true;
      all.remove_prefix(end + 1);
    }
  };
  const bool all_found =
      each(text, ",;\n", [&](std::string_view part) { return take(part) || each(part, " \t", take); });
  if (!all_found) return no_choice(field);
  std::string out;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) out += fmt::format("{}{}", out.empty() ? "" : " ", field.choices[i].code);
  }
  if (out.empty()) return no_choice(field);
  return out;
}

Read read_yes_no(const Field& field, const std::string& text) {
  constexpr std::string_view yes[]{"yes", "y", "beli", "he", "да", "on", "true", "1"};
  constexpr std::string_view no[]{"no", "n", "xeyr", "yox", "нет", "off", "false", "2"};
  const std::string folded = fold_for_search(text);
  if (std::ranges::find(yes, folded) != std::end(yes)) return "yes";
  if (std::ranges::find(no, folded) != std::end(no)) return "no";
  return bad(field, "answer_yes_no", "Answer yes or no.");
}

/// "2026-11-21", or day, month and year with points, slashes, dashes or blanks between them.
std::optional<Date> date_of(std::string_view text) {
  if (const auto iso = parse_date(text)) return *iso;
  std::array<std::string, 3> parts;
  std::size_t part = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      parts[part] += c;
    } else if (c != '.' && c != '/' && c != '-' && c != ' ') {
      return std::nullopt;
    } else if (!parts[part].empty() && ++part == parts.size()) {
      return std::nullopt;
    }
  }
  if (part != 2 || parts[0].size() > 2 || parts[1].size() > 2 || parts[2].size() != 4) return std::nullopt;
  const auto date = parse_date(fmt::format("{}-{:0>2}-{:0>2}", parts[2], parts[1], parts[0]));
  return date ? std::optional(*date) : std::nullopt;
}

Read read_date(const Field& field, const std::string& text, const Applicant& applicant) {
  const auto date = date_of(text);
  if (!date) return bad(field, "answer_date", "Write a day such as 21.11.2026.");
  const Date today = applicant.country.zone().day_of(applicant.now);
  const std::int64_t away = (*date - today).count();
  if (away < field.min || away > field.max) {
    std::string low = format_date(today + std::chrono::days(field.min));
    std::string high = format_date(today + std::chrono::days(field.max));
    std::string sentence = fmt::format("Write a day from {} to {}.", low, high);
    return bad(field, "answer_date_range", std::move(sentence), std::move(low), std::move(high));
  }
  return format_date(*date);
}

Read read_place(const Field& field, const std::string& text, const Applicant& applicant) {
  if (const auto place = applicant.country.find_place(text);
      place && applicant.country.place(*place).kind != registry::PlaceKind::district) {
    return text;
  }
  const registry::Place* named = nullptr;
  for (const registry::Place& place : applicant.country.places()) {
    if (place.kind == registry::PlaceKind::district) continue;
    if (place.name.az != text && place.name.en != text && place.name.ru != text) continue;
    if (named != nullptr) {
      return bad(field, "answer_place_several", "Several places have this name. Choose one from the list.");
    }
    named = &place;
  }
  if (named == nullptr) return bad(field, "answer_place", "Choose a city, a town or a village.");
  return named->code.value();
}

/// Letters that the alphabet has not and that look like digits are meant as those.
Read read_national_id(const Field& field, const std::string& text, const Applicant& applicant) {
  const registry::NationalIdRule& rule = applicant.country.national_id_rule();
  std::string letters = without(text, " -\n\t");
  for (char& c : letters) {
    const auto meant = [&](char upper, char digit) {
      const bool typed = c == upper || c == static_cast<char>(upper + ('a' - 'A'));
      if (typed && !rule.alphabet().contains(upper) && rule.alphabet().contains(digit)) c = digit;
    };
    meant('O', '0');
    meant('I', '1');
  }
  const auto id = rule.parse(letters);
  if (!id) {
    return bad(field, "answer_national_id",
               fmt::format("It has {} letters and digits. Look at the identity card.", rule.length()),
               std::to_string(rule.length()));
  }
  return id->text();
}

Read read_phone(const Field& field, const std::string& text, const Applicant& applicant) {
  const std::string& calling_code = applicant.country.calling_code();
  std::string digits = without(text, " -().\t\n/");
  if (digits.starts_with('+')) {
    digits.erase(0, 1);
  } else if (digits.starts_with("00")) {
    digits.erase(0, 2);
  } else if (digits.starts_with('0')) {
    digits = calling_code + digits.substr(1);
  } else if (digits.size() == national_digits) {
    digits = calling_code + digits;
  }
  if (!only_digits(digits) || digits.size() != calling_code.size() + national_digits ||
      !digits.starts_with(calling_code)) {
    return bad(field, "answer_phone", "Write a phone number such as 050 123 45 67.");
  }
  return digits;
}

Read read_document(const Field& field, const std::string& text) {
  std::string id = text;
  for (char& c : id) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c;
  const bool hex =
      std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!hex || id.empty() || id.size() > hex_digits) {
    return bad(field, "answer_document", "Add the document once more.");
  }
  return id;
}

}  // namespace

Read read_answer(const Field& field, std::string_view given, const Applicant& applicant) {
  if (given.size() > given_max || !is_utf8(given)) {
    return bad(field, "answer_encoding", "Write it once more, shorter and in plain letters.");
  }
  const std::string text = cleaned(given);
  if (text.empty()) return bad(field, "answer_missing", "Answer this question.");
  switch (field.kind) {
    case FieldKind::text:
      return read_text(field, text);
    case FieldKind::number:
      return read_number(field, text);
    case FieldKind::choice:
      return read_choice(field, text);
    case FieldKind::choices:
      return read_choices(field, text);
    case FieldKind::yes_no:
      return read_yes_no(field, text);
    case FieldKind::date:
      return read_date(field, text, applicant);
    case FieldKind::place:
      return read_place(field, text, applicant);
    case FieldKind::national_id:
      return read_national_id(field, text, applicant);
    case FieldKind::phone:
      return read_phone(field, text, applicant);
    case FieldKind::document:
      return read_document(field, text);
  }
  return bad(field, "answer_missing", "Answer this question.");
}

std::string answers_json(const Answers& answers) {
  std::string out = "{";
  for (const auto& [field, answer] : answers) {
    if (out.size() > 1) out += ',';
    out += http::json_string(field);
    out += ':';
    out += http::json_string(answer);
  }
  return out + "}";
}

Result<Answers> parse_answers(std::string_view json) {
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(json, failed);
  const auto broken = [](std::string detail) {
    return fail(ErrorKind::internal, "service.answers", "The answers of an application can't be read.",
                std::move(detail));
  };
  if (failed) return broken(failed.message());
  if (!value.is_object()) return broken("no object");
  Answers answers;
  for (const auto& [field, answer] : value.get_object()) {
    if (!answer.is_string()) return broken("an answer that is no text");
    answers.emplace(std::string(field), std::string(answer.get_string()));
  }
  return answers;
}

}  // namespace dayaq::services
