#include "services/sms/reading.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "services/sms/tokens.hpp"

namespace dayaq::services::sms {
namespace {

using As = Taken::As;
using What = Question::What;

constexpr int steps_max = 3000;        ///< of the search: a message that needs more is asked about
constexpr std::size_t pieces_max = 8;  ///< of one id
constexpr std::size_t glued_max = 24;  ///< characters of a token that is taken apart
constexpr std::size_t short_piece = 2;

struct Event {
  enum class Kind : std::uint8_t { person, maybe, choice, line };
  Kind kind = Kind::person;
  std::string text;      ///< person, maybe: the id; choice: its code
  int field = 0;         ///< choice
  int glued = 0;         ///< number of the token that it was taken out of; 0: stood alone
  bool shouted = false;  ///< maybe: letters, all of them capitals, or digits
  bool lower = false;    ///< person: has small letters
  bool risky = false;    ///< person: put together with a digit that may be an answer
};
using Events = std::vector<Event>;

std::string shown_of(const Token& token) {
  std::string out;
  for (const char32_t c : token.raw) {
    if (c < 0x80 && out.size() < 16) out += char(c);
  }
  return out;
}

/// What a way to read comes to: applications, or what is missing.
struct Bound {
  std::optional<Requests> requests;
  Question question;
};

Question ask(const Grammar::Entry& service, What what) {
  return {.what = what, .service = service.code, .field = {}, .shown = {}, .count = 0};
}

/// Whose answer is which.
class Binder {
 public:
  Binder(const Grammar::Entry& service, const registry::NationalIdRule& rule)
      : service_(service), rule_(rule) {}

  [[nodiscard]] Bound bind(Events events) const {
    if (auto wrong = settle_maybes(events)) return {std::nullopt, std::move(*wrong)};
    std::vector<std::size_t> persons;
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i].kind == Event::Kind::person) persons.push_back(i);
    }
    if (persons.empty()) return {std::nullopt, ask(service_, What::person)};
    if (persons.size() > 1) {
      for (const std::size_t i : persons) {
        if (events[i].risky) return {std::nullopt, ask(service_, What::separate)};
      }
    }
    std::vector<Answers> answers(persons.size());
    for (std::size_t f = 0; f < service_.fields.size(); ++f) {
      if (auto wrong = bind_field(int(f), events, persons, answers)) return {std::nullopt, std::move(*wrong)};
    }
    return gather(events, persons, answers);
  }

 private:
  /// What looks like an id only by its length: it is one if nothing else is, and nothing beside one that is
  /// sure and written otherwise.
  [[nodiscard]] std::optional<Question> settle_maybes(Events& events) const {
    const bool sure =
        std::ranges::any_of(events, [](const Event& e) { return e.kind == Event::Kind::person; });
    const auto is_maybe = [](const Event& e) { return e.kind == Event::Kind::maybe; };
    const auto shouted =
        std::ranges::count_if(events, [&](const Event& e) { return is_maybe(e) && e.shouted; });
    const auto all = std::ranges::count_if(events, is_maybe);
    if (all == 0) return std::nullopt;
    if (sure ? shouted > 0 : shouted > 1) return ask(service_, What::person_which);
    const auto is_choice = [](const Event& e) { return e.kind == Event::Kind::choice; };
    const bool bare = events.size() == 2 && std::ranges::any_of(events, is_choice);
    if (!sure && shouted == 0 && !bare) return ask(service_, What::person);
    for (Event& event : events) {
      if (is_maybe(event) && !sure && (event.shouted || shouted == 0)) event.kind = Event::Kind::person;
    }
    std::erase_if(events, is_maybe);
    return std::nullopt;
  }

  using Wrong = std::optional<Question>;

  [[nodiscard]] Wrong bind_field(int field, const Events& events, const std::vector<std::size_t>& persons,
                                 std::vector<Answers>& answers) const {
    const Grammar::ChoiceField& asked = service_.fields[std::size_t(field)];
    const auto is_answer = [&](const Event& e) { return e.kind == Event::Kind::choice && e.field == field; };
    const auto wrong = [&](What what) {
      Question out = ask(service_, what);
      out.field = asked.code;
      return Wrong(std::move(out));
    };
    std::vector<std::size_t> given;
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (is_answer(events[i])) given.push_back(i);
    }
    if (given.empty()) return asked.required ? wrong(What::answer) : std::nullopt;
    const bool glued = std::ranges::any_of(given, [&](std::size_t i) { return events[i].glued != 0; });
    if (glued)
      return bind_glued(asked, given, events, persons, answers) ? std::nullopt : wrong(What::separate);
    const std::string& first = events[given.front()].text;
    const bool same = std::ranges::all_of(given, [&](std::size_t i) { return events[i].text == first; });
    // One answer for all stands before them or after them; between two it may be of either.
    const bool outside = given.back() < persons.front() || given.front() > persons.back();
    if (same && (persons.size() == 1 || outside)) {
      for (Answers& of : answers) of[asked.code] = first;
      return std::nullopt;
    }
    if (persons.size() == 1) return wrong(What::answer_several);
    if (by_lines(field, events, persons, asked.code, answers)) return std::nullopt;
    if (given.size() != persons.size()) return wrong(What::pairing);
    const bool before = given.front() < persons.front();
    for (std::size_t k = 0; k < persons.size(); ++k) {
      const bool in_turn = before ? given[k] < persons[k] && (k == 0 || persons[k - 1] < given[k])
                                  : persons[k] < given[k] && (k == 0 || given[k - 1] < persons[k]);
      if (!in_turn) return wrong(What::pairing);
    }
    for (std::size_t k = 0; k < persons.size(); ++k) answers[k][asked.code] = events[given[k]].text;
    return std::nullopt;
  }

  /// An answer that is glued to an id is of that one alone; then each has its own.
  [[nodiscard]] static bool bind_glued(const Grammar::ChoiceField& asked,
                                       const std::vector<std::size_t>& given, const Events& events,
                                       const std::vector<std::size_t>& persons,
                                       std::vector<Answers>& answers) {
    if (given.size() != persons.size()) return false;
    for (std::size_t k = 0; k < persons.size(); ++k) {
      std::size_t found = 0;
      for (const std::size_t i : given) {
        if (events[i].glued == 0 || events[i].glued != events[persons[k]].glued) continue;
        answers[k][asked.code] = events[i].text;
        ++found;
      }
      if (found != 1) return false;
    }
    return true;
  }

  /// Each of several lines with persons has one answer, before them or after them, and no other line any.
  [[nodiscard]] static bool by_lines(int field, const Events& events, const std::vector<std::size_t>& persons,
                                     const std::string& code, std::vector<Answers>& answers) {
    std::vector<const std::string*> of_person;
    int lines = 0;
    for (std::size_t from = 0; from <= events.size();) {
      std::size_t at = from, here = 0;
      const std::string* one = nullptr;
      bool between = false;
      for (; at < events.size() && events[at].kind != Event::Kind::line; ++at) {
        if (events[at].kind == Event::Kind::person) {
          ++here;
          continue;
        }
        if (events[at].kind != Event::Kind::choice || events[at].field != field) continue;
        if (one != nullptr && *one != events[at].text) return false;
        one = &events[at].text;
        for (std::size_t later = at; here > 0 && later < events.size(); ++later) {
          if (events[later].kind == Event::Kind::line) break;
          between = between || events[later].kind == Event::Kind::person;
        }
      }
      if ((here > 0) != (one != nullptr) || (between && here > 1)) return false;
      lines += here > 0 ? 1 : 0;
      of_person.insert(of_person.end(), here, one);
      from = at + 1;
    }
    if (lines < 2 || of_person.size() != persons.size()) return false;
    for (std::size_t k = 0; k < persons.size(); ++k) answers[k][code] = *of_person[k];
    return true;
  }

  [[nodiscard]] Bound gather(const Events& events, const std::vector<std::size_t>& persons,
                             const std::vector<Answers>& answers) const {
    Requests out{.service = service_.code, .of = {}};
    for (std::size_t k = 0; k < persons.size(); ++k) {
      auto id = rule_.parse(events[persons[k]].text);
      if (!id) return {std::nullopt, ask(service_, What::person)};
      const auto same = std::ranges::find(out.of, *id, &Request::person);
      if (same == out.of.end()) {
        out.of.push_back({std::move(*id), answers[k]});
      } else if (same->answers != answers[k]) {
        return {std::nullopt, ask(service_, What::answer_several)};
      }
    }
    if (out.of.size() > persons_max) {
      Question many = ask(service_, What::too_many);
      many.count = int(out.of.size());
      return {std::nullopt, std::move(many)};
    }
    return {std::move(out), {}};
  }

  const Grammar::Entry& service_;
  const registry::NationalIdRule& rule_;
};

/// All ways to read the tokens that leave nothing unexplained.
class Search {
 public:
  Search(const Grammar::Entry& service, const registry::NationalIdRule& rule,
         const std::vector<Token>& tokens, const std::vector<Taken>& taken)
      : service_(service), rule_(rule), tokens_(tokens), taken_(taken), binder_(service, rule) {}

  /// Tokens as they are; nullopt if one is unexplained.
  [[nodiscard]] std::optional<Bound> plainly() {
    Events events;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (taken_[i].as == As::unexplained) return std::nullopt;
      add_whole(i, events);
    }
    return binder_.bind(std::move(events));
  }

  [[nodiscard]] Bound all_ways() {
    Events events;
    go(0, events);
    if (steps_ > steps_max || several_) return {std::nullopt, ask(service_, What::separate)};
    if (found_) return {std::move(found_), {}};
    return {std::nullopt, what_is_wrong()};
  }

 private:
  void add_whole(std::size_t i, Events& events) const {
    const Token& token = tokens_[i];
    if (token.before == Gap::line) events.push_back({.kind = Event::Kind::line, .text = {}});
    const Taken& taken = taken_[i];
    if (taken.as == As::person || taken.as == As::maybe) {
      const bool person = taken.as == As::person;
      events.push_back({.kind = person ? Event::Kind::person : Event::Kind::maybe,
                        .text = token.id,
                        .shouted = token.upper || token.digits_only(),
                        .lower = !token.upper});
    } else if (taken.as == As::choice) {
      events.push_back({.kind = Event::Kind::choice, .text = taken.choice, .field = taken.field});
    }
  }

  void go(std::size_t i, Events& events) {
    if (++steps_ > steps_max || several_) return;
    if (i == tokens_.size()) return finish(events);
    const std::size_t mark = events.size();
    if (taken_[i].as != As::unexplained) {
      add_whole(i, events);
      go(i + 1, events);
      events.resize(mark);
    } else if (tokens_[i].raw.size() > rule_.length() && tokens_[i].raw.size() <= glued_max) {
      if (tokens_[i].before == Gap::line) events.push_back({.kind = Event::Kind::line, .text = {}});
      apart(i, 0, events, i + 1);
      events.resize(mark);
    }
    together(i, events);
  }

  void finish(const Events& events) {
    Bound bound = binder_.bind(events);
    if (!bound.requests) {
      // The complaint of a way that has persons says more than one that has none.
      if (!complaint_ || complaint_->what == What::person) complaint_ = std::move(bound.question);
      return;
    }
    if (found_ && !same(*found_, *bound.requests)) several_ = true;
    if (!found_) found_ = std::move(bound.requests);
  }

  [[nodiscard]] static bool same(const Requests& a, const Requests& b) {
    return std::ranges::is_permutation(a.of, b.of, [](const Request& x, const Request& y) {
      return x.person == y.person && x.answers == y.answers;
    });
  }

  /// The id in these characters if it is one for sure: letters and digits.
  [[nodiscard]] std::string sure_id(std::u32string_view raw) const {
    const Token token = token_of(raw);
    const bool mixed = token.has_digit && token.has_letter;
    return mixed && !token.doubtful && token.id.size() == raw.size() && rule_.parse(token.id) ? token.id : "";
  }

  /// What stands before or after an id without a space: an answer, a known word, both. False: neither.
  [[nodiscard]] bool affix(std::u32string_view raw, int token, Events& events) const {
    if (raw.empty()) return true;
    const Token whole = token_of(raw);
    const auto add = [&](const std::optional<Chosen>& chosen) {
      if (!chosen) return false;
      events.push_back(
          {.kind = Event::Kind::choice, .text = chosen->choice, .field = chosen->field, .glued = token});
      return true;
    };
    if (whole.digits_only()) {
      return raw.size() == 1 && add(choice_of_digits(service_, std::string(1, char(raw[0]))));
    }
    if (whole.letters_only()) {  // a letter or two may be the id's own
      return raw.size() > short_piece &&
             (add(choice_of(service_, whole.word, false)) || known_word(whole.word));
    }
    // "sebeb1", "1fin"
    std::size_t edge = 0;
    const bool digit_first = raw[0] < U'A';
    while (edge < raw.size() && (raw[edge] < U'A') == digit_first) ++edge;
    const Token left = token_of(raw.substr(0, edge)), right = token_of(raw.substr(edge));
    const Token& digits = digit_first ? left : right;
    const Token& letters = digit_first ? right : left;
    if (!digits.digits_only() || digits.raw.size() != 1 || !letters.letters_only()) return false;
    return known_word(letters.word) && add(choice_of_digits(service_, std::string(1, char(digits.raw[0]))));
  }

  /// Token i from character `from`: [affix] id [affix], or such a one after another.
  void apart(std::size_t i, std::size_t from, Events& events, std::size_t next) {
    glue(std::u32string_view(tokens_[i].raw).substr(from), int(i * 32 + from + 1), events, next);
  }

  void glue(std::u32string_view raw, int number, Events& events, std::size_t next) {
    const std::size_t length = rule_.length(), mark = events.size();
    for (std::size_t p = 0; p + length <= raw.size(); ++p) {
      if (++steps_ > steps_max || several_) return;
      const std::string id = sure_id(raw.substr(p, length));
      if (id.empty() || !affix(raw.substr(0, p), number, events)) {
        events.resize(mark);
        continue;
      }
      events.push_back({.kind = Event::Kind::person, .text = id, .glued = number});
      const std::size_t after = events.size();
      const std::u32string_view rest = raw.substr(p + length);
      if (affix(rest, number, events)) go(next, events);
      events.resize(after);
      for (std::size_t cut = 0; rest.size() >= length + cut && cut <= 1; ++cut) {  // another person
        if (affix(rest.substr(0, cut), number, events))
          glue(rest.substr(cut), number + int(p) + 8, events, next);
        events.resize(after);
      }
      events.resize(mark);
    }
  }

  [[nodiscard]] bool is_piece(std::size_t i) const {
    const Token& token = tokens_[i];
    const Taken& taken = taken_[i];
    if (taken.as == As::person || token.doubtful || token.id.size() != token.raw.size()) return false;
    if (token.raw.size() >= rule_.length()) return false;
    const bool known = taken.meaning.has_value() || (taken.as == As::choice && token.has_letter);
    if (known && token.raw.size() > short_piece) return false;
    return !(taken.as == As::nothing && token.digits_only());
  }

  /// An id in pieces, from token i on.
  void together(std::size_t i, Events& events) {
    std::u32string raw;
    bool all_short = true;
    const std::size_t mark = events.size();
    for (std::size_t j = i; j < tokens_.size() && j < i + pieces_max && is_piece(j); ++j) {
      if (j > i && tokens_[j].before != Gap::joint) break;
      raw += tokens_[j].raw;
      all_short = all_short && tokens_[j].raw.size() <= short_piece;
      if (raw.size() > rule_.length() + 1) break;
      if (j == i || raw.size() < rule_.length()) continue;
      const bool edge = is_answer(i) || is_answer(j);
      if (tokens_[i].before == Gap::line) events.push_back({.kind = Event::Kind::line, .text = {}});
      if (raw.size() == rule_.length()) {
        const std::string id = sure_id(raw);
        if (!id.empty() && (!edge || all_short)) {
          events.push_back({.kind = Event::Kind::person, .text = id, .risky = edge});
          go(j + 1, events);
        }
      } else if (!edge) {
        glue(raw, int(i * 32 + 1), events, j + 1);
      }
      events.resize(mark);
    }
  }
  [[nodiscard]] bool is_answer(std::size_t i) const {
    return taken_[i].as == As::choice && tokens_[i].digits_only();
  }

  [[nodiscard]] Question what_is_wrong() const {
    Question out = ask(service_, What::person);
    bool person = false, answer = false;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      person |= taken_[i].as == As::person;
      answer |= taken_[i].as == As::choice;
    }
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const Token& token = tokens_[i];
      if (taken_[i].as != As::unexplained || !token.has_letter || token.raw.size() < 4) continue;
      out.shown = shown_of(token);
      out.count = int(token.raw.size());
      out.what =
          token.doubtful && token.raw.size() == rule_.length() ? What::person_unclear : What::person_length;
      return out;
    }
    if (complaint_) return *complaint_;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (taken_[i].as != As::unexplained || !tokens_[i].digits_only()) continue;
      out.shown = shown_of(tokens_[i]);
      out.count = int(tokens_[i].raw.size());
      if (!person) {
        out.what = out.count >= 4 ? What::person_length : What::person;
      } else {
        out.what = answer ? What::answer_several : What::answer_unknown;
        if (!service_.fields.empty()) out.field = service_.fields.front().code;
      }
      return out;
    }
    if (person) out.what = What::person_length;
    return out;
  }

  const Grammar::Entry& service_;
  const registry::NationalIdRule& rule_;
  const std::vector<Token>& tokens_;
  const std::vector<Taken>& taken_;
  Binder binder_;
  int steps_ = 0;
  std::optional<Requests> found_;
  std::optional<Question> complaint_;
  bool several_ = false;
};

/// "1. ID", "2. ID", one a line: are these the reasons, or does somebody number their lines?
bool is_numbered(const std::vector<Token>& tokens) {
  std::size_t lines = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && tokens[i].before != Gap::line) continue;
    const bool marked = i + 1 < tokens.size() && tokens[i + 1].before != Gap::line &&
                        (tokens[i + 1].sign == U'.' || tokens[i + 1].sign == U')');
    if (!marked || tokens[i].raw != std::u32string(1, char32_t(U'1' + lines))) return false;
    ++lines;
  }
  return lines > 1;
}

}  // namespace

std::variant<Requests, Question> read_application(const Grammar::Entry& service,
                                                  const registry::NationalIdRule& rule,
                                                  const std::vector<Token>& tokens) {
  const std::vector<Taken> taken = take(service, rule, tokens);
  Search search(service, rule, tokens, taken);
  std::optional<Bound> bound = search.plainly();
  // Words alone can be an id in pieces as little as any other: without an id something is looked for.
  if (!bound || (!bound->requests && bound->question.what == What::person)) {
    Bound other = search.all_ways();
    if (!bound || other.requests || other.question.what == What::separate) bound = std::move(other);
  }
  if (!bound->requests) return std::move(bound->question);
  const auto negates = [](const Taken& one) { return one.meaning == Meaning::negation; };
  if (std::ranges::any_of(taken, negates)) return ask(service, What::negated);
  if (bound->requests->of.size() > 1 && is_numbered(tokens)) return ask(service, What::pairing);
  return std::move(*bound->requests);
}

}  // namespace dayaq::services::sms
