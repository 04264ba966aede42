#include "services/sms/grammar.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/utf8.hpp"
#include "services/sms/form_reading.hpp"
#include "services/sms/lexicon.hpp"
#include "services/sms/reading.hpp"
#include "services/sms/script.hpp"
#include "services/sms/tokens.hpp"

namespace dayaq::services::sms {
namespace {

using What = Question::What;

constexpr std::array<std::string_view, 14> names{
    "empty",        "service",  "person",         "person_length",  "person_unclear",
    "person_which", "answer",   "answer_unknown", "answer_several", "separate",
    "pairing",      "too_many", "negated",        "number"};

/// Of the three, the one that most words are of; Azerbaijani if none speaks.
Language language_of(const std::vector<Token>& tokens) {
  std::array<int, 3> votes{};
  for (const Token& token : tokens) {
    if (!token.has_letter || token.has_digit || token.raw.size() < 2) continue;
    const auto known = known_word(token.word);
    if (token.cyrillic && (token.raw.size() > 2 || known)) {
      votes[std::size_t(Language::ru)] += 2;
    } else if (known && known->language) {
      votes[std::size_t(*known->language)] += 2;
    }
  }
  const auto best = static_cast<std::size_t>(std::ranges::max_element(votes) - votes.begin());
  return votes[best] == votes[0] ? Language::az : static_cast<Language>(best);
}

Grammar::ChoiceField field_of(const Field& field) {
  Grammar::ChoiceField out{.code = field.code, .required = field.required && !field.when, .words = {}};
  const auto add = [&](std::string_view word, const std::string& choice) {
    std::string sound = sound_of(word);
    if (sound.empty()) return;
    const auto [at, is_new] = out.words.try_emplace(std::move(sound), choice);
    if (!is_new && at->second != choice) at->second.clear();
  };
  for (const Choice& choice : field.choices) {
    for (const std::string& word : choice.words) add(word, choice.code);
  }
  for (const Choice& choice : field.choices) {  // codes after words: a word that another choice has is its
    const std::string sound = sound_of(choice.code);
    if (!out.words.contains(sound)) add(choice.code, choice.code);
  }
  return out;
}

/// What a message can answer besides choices; a field that is known isn't asked.
std::optional<Grammar::OpenField> open_field_of(const Field& field) {
  using Kind = Grammar::OpenField::Kind;
  Kind kind = Kind::text;
  if (field.known != Known::none) return std::nullopt;
  if (field.kind == FieldKind::date) {
    kind = Kind::date;
  } else if (field.kind == FieldKind::number) {
    kind = Kind::number;
  } else if (field.kind == FieldKind::yes_no) {
    kind = Kind::yes_no;
  } else if (field.kind != FieldKind::text) {
    return std::nullopt;
  }
  return Grammar::OpenField{.code = field.code,
                            .kind = kind,
                            .required = field.required && !field.when,
                            .min = field.min,
                            .max = field.max};
}

/// Letters and digits, as they were typed.
void append(std::string& out, const Token& token) {
  for (const char32_t c : token.raw) {
    if (c < 0x800) append_utf8(out, c);
  }
}

/// The first tokens side by side that are as long as a case's number; if there are none, all of them.
std::string number_of(std::span<const Token> tokens) {
  constexpr std::size_t letters = 12, shown_max = 64;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string out;
    std::size_t length = 0;
    for (std::size_t j = i; j < tokens.size() && length < letters; ++j) {
      length += tokens[j].raw.size();
      append(out, tokens[j]);
    }
    if (length == letters) return out;
  }
  std::string all;
  for (const Token& token : tokens) {
    if (all.size() < shown_max && !known_word(token.word)) append(all, token);
  }
  return all;
}

/// STATUS, CANCEL and HELP begin a message, or are all of it.
std::optional<Command> command_of(const std::vector<Token>& tokens) {
  std::size_t at = 0;
  while (at < tokens.size()) {  // after a greeting
    const auto word = known_word(tokens[at].word);
    if (!word) return std::nullopt;
    if (word->meaning != Meaning::filler) break;
    ++at;
  }
  if (at == tokens.size()) return std::nullopt;
  const auto word = known_word(tokens[at].word);
  Command out;
  if (word->meaning == Meaning::help) {
    // "How do I go to the market: 1 5ABC123" is an application.
    if (std::ranges::any_of(tokens, &Token::has_digit)) return std::nullopt;
    out.what = Command::What::help;
    return out;
  }
  if (word->meaning == Meaning::status) {
    out.what = Command::What::status;
  } else if (word->meaning == Meaning::cancel) {
    out.what = Command::What::cancel;
  } else {
    return std::nullopt;
  }
  out.number = number_of(std::span(tokens).subspan(at + 1));
  return out;
}

}  // namespace

std::string_view to_string(Question::What what) {
  return names[static_cast<std::size_t>(what)];
}

Grammar::Grammar(const std::vector<const Service*>& services, const registry::NationalIdRule& rule)
    : rule_(rule) {
  for (const Service* service : services) {
    if (!service->on(Channel::sms)) continue;
    Entry entry{.code = service->code, .words = {}, .fields = {}, .open = {}, .order = {}};
    for (const std::string& word : service->sms_words) entry.words.push_back(sound_of(word));
    std::erase(entry.words, std::string());
    for (const std::string& code : service->sms_order) {
      const Field* field = nullptr;
      for (const Field& one : service->form) {
        if (one.code == code) field = &one;
      }
      if (field == nullptr) continue;
      if (field->kind == FieldKind::choice) {
        entry.fields.push_back(field_of(*field));
        entry.order.push_back(code);
      } else if (auto open = open_field_of(*field)) {
        entry.open.push_back(*std::move(open));
        entry.order.push_back(code);
      }
    }
    entries_.push_back(std::move(entry));
  }
}

Reading Grammar::parse(std::string_view utf8, std::optional<Date> today) const {
  std::vector<Token> tokens = tokens_of(utf8.substr(0, message_bytes_max));
  Reading out{.language = language_of(tokens), .says = Question{}};
  if (auto command = command_of(tokens)) {
    if (command->what != Command::What::help && command->number.empty()) {
      out.says = Question{.what = What::number};
    } else {
      out.says = std::move(*command);
    }
    return out;
  }
  const bool digits = std::ranges::any_of(tokens, &Token::has_digit);
  if (tokens.empty()) return out;
  // Which service: by its word, else the one that needs none, else the only one.
  const Entry* chosen = nullptr;
  bool several = false;
  std::size_t word_at = tokens.size();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    for (const Entry& entry : entries_) {
      if (std::ranges::find(entry.words, tokens[i].word) == entry.words.end()) continue;
      several |= chosen != nullptr && chosen != &entry;
      if (chosen == nullptr) word_at = i;
      chosen = &entry;
    }
  }
  if (chosen == nullptr) {
    for (const Entry& entry : entries_) {
      if (!entry.words.empty() && entries_.size() > 1) continue;
      several |= chosen != nullptr;
      chosen = &entry;
    }
  }
  if (chosen == nullptr || several) {
    out.says = Question{.what = digits ? What::service : What::empty};
    return out;
  }
  if (word_at < tokens.size()) {
    // The word has said what it says; what follows it begins where it stood.
    if (word_at + 1 < tokens.size()) tokens[word_at + 1].before = std::max(tokens[word_at].before, Gap::none);
    tokens.erase(tokens.begin() + std::ptrdiff_t(word_at));
    if (tokens.empty()) {
      out.says = Question{.what = What::empty, .service = chosen->code};
      return out;
    }
  }
  auto read = chosen->open.empty() ? read_application(*chosen, rule_, tokens)
                                   : read_form(*chosen, rule_, tokens, today);
  if (auto* question = std::get_if<Question>(&read)) {
    if (question->what == What::person && !digits) {
      // Words alone: whoever writes "hello" is told how it is done.
      bool any = false;
      for (const Token& token : tokens) any |= choice_of(*chosen, token.word, false).has_value();
      if (!any) question->what = What::empty;
    }
    out.says = std::move(*question);
  } else {
    out.says = std::move(std::get<Requests>(read));
  }
  return out;
}

}  // namespace dayaq::services::sms
