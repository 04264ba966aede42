#include "drill/mailbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "services/sms/replies.hpp"

namespace dayaq::cli::drill {
namespace {

namespace sms = services::sms;
using What = sms::Question::What;

constexpr Language languages[] = {Language::az, Language::en, Language::ru};
constexpr std::size_t telling = 14;  // bytes of a question that tell it from all others
constexpr std::size_t id_letters = 7;
constexpr std::uint64_t first_phone = 994'500'000'000;
constexpr std::size_t examples_max = 8;

bool asks_about_person(What what) {
  return what == What::person || what == What::person_length || what == What::person_unclear ||
         what == What::person_which || what == What::separate || what == What::empty;
}
bool asks_about_answer(What what) {
  return what == What::answer || what == What::answer_unknown || what == What::answer_several ||
         what == What::pairing || what == What::separate;
}

/// "K7M2-9QXF-3DR5" at the end of the line that begins at `at`.
std::string number_in(const std::string& text, std::size_t at) {
  const std::string line = text.substr(at, text.find('\n', at) - at);
  const std::size_t space = line.rfind(' ');
  return space == std::string::npos ? "" : line.substr(space + 1);
}

double share_of(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at = values.begin() + std::ptrdiff_t(share * double(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

Answers::Answers() {
  for (const Language language : languages) {
    for (int what = 0; what <= int(What::number); ++what) {
      for (const int count : {0, 6}) {
        sms::Question question;
        question.what = What(what);
        question.count = decltype(question.count)(count);
        questions_.emplace_back(sms::question_text(language, question, nullptr).substr(0, telling),
                                What(what));
      }
    }
    const std::string sample = sms::granted_text(language, "*", "", "", "");
    granted_.push_back(sample.substr(0, sample.find('*')));
  }
}

std::optional<Answers::Told> Answers::about(const std::vector<std::string>& texts,
                                            const std::string& person) const {
  for (const std::string& text : texts) {
    for (const std::string& before : granted_) {
      const std::size_t at = text.find(before + person);
      if (at != std::string::npos) return Told{.fate = Fate::granted, .number = number_in(text, at)};
    }
    for (const Language language : languages) {
      if (text.find(sms::refused_text(language, person)) != std::string::npos) {
        return Told{.fate = Fate::refused, .number = {}};
      }
      if (text.find(sms::unknown_person_text(language, person)) != std::string::npos) {
        return Told{.fate = Fate::unknown, .number = {}};
      }
    }
  }
  return std::nullopt;
}

std::optional<What> Answers::question(const std::vector<std::string>& texts) const {
  for (const std::string& text : texts) {
    for (const auto& [begins, what] : questions_) {
      if (text.starts_with(begins)) return what;
    }
  }
  return std::nullopt;
}

std::set<std::string> Answers::granted_for(const std::vector<std::string>& texts) const {
  std::set<std::string> out;
  for (const std::string& text : texts) {
    for (const std::string& before : granted_) {
      for (std::size_t at = text.find(before); at != std::string::npos; at = text.find(before, at + 1)) {
        out.insert(text.substr(at + before.size(), id_letters));
      }
    }
  }
  return out;
}

Mailbox::Mailbox(const Phrasebook& book, std::vector<std::string> persons)
    : book_(book), persons_(std::move(persons)) {}

std::string Mailbox::phone(std::uint64_t wish) {
  return std::to_string(first_phone + wish);
}

void Mailbox::write(std::uint64_t wish, bool broken, double due, int run) {
  const std::lock_guard lock(mutex_);
  Mail& mail = mails_[wish];
  mail.message = book_.make(broken, persons_, next_person_, random_);
  mail.due = mail.last_sent = due;
  mail.run = run;
  open_.insert(wish);
}

std::string Mailbox::text(std::uint64_t wish) const {
  const std::lock_guard lock(mutex_);
  return mails_.at(wish).message.text;
}

void Mailbox::sent(std::uint64_t wish, double now, bool again) {
  const std::lock_guard lock(mutex_);
  Mail& mail = mails_.at(wish);
  mail.last_sent = now;
  mail.asked = false;
  ++mail.ids;
  if (again) ++again_;
}

void Mailbox::dismiss(std::uint64_t wish) {
  const std::lock_guard lock(mutex_);
  open_.erase(wish);
}

void Mailbox::redelivered() {
  const std::lock_guard lock(mutex_);
  ++redelivered_;
}

/// A permit is told in two pieces of text, which may be two messages: what is told of each person counts.
bool Mailbox::complete(const Mail& mail) const {
  if (mail.texts.empty()) return false;
  if (mail.message.asks.empty() || answers_.question(mail.texts)) return true;
  return std::all_of(mail.message.asks.begin(), mail.message.asks.end(), [&](const std::string& person) {
    return answers_.about(mail.texts, person).has_value();
  });
}

std::optional<Mailbox::Answered> Mailbox::came(std::string_view to, std::string_view text, double now) {
  std::uint64_t number = 0;
  std::from_chars(to.data(), to.data() + to.size(), number);
  const std::lock_guard lock(mutex_);
  ++answers_count_;
  const auto found = mails_.find(number - first_phone);
  if (found == mails_.end()) return std::nullopt;
  Mail& mail = found->second;
  mail.texts.emplace_back(text);
  if (mail.took >= 0 || !complete(mail)) return std::nullopt;
  mail.took = now - mail.due;
  open_.erase(found->first);
  return Answered{.due = mail.due, .run = mail.run};
}

std::vector<std::uint64_t> Mailbox::impatient(double now, double patience, int run) {
  std::vector<std::uint64_t> out;
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t wish : open_) {
    Mail& mail = mails_.at(wish);
    if (mail.run != run || mail.asked || mail.ids == 0 || now - mail.last_sent < patience) continue;
    mail.asked = true;
    out.push_back(wish);
  }
  return out;
}

std::vector<double> Mailbox::unanswered(int run) const {
  std::vector<double> out;
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t wish : open_) {
    const Mail& mail = mails_.at(wish);
    if (mail.run == run) out.push_back(mail.due);
  }
  return out;
}

std::size_t Mailbox::waiting() const {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

std::map<std::string, std::set<std::string>> Mailbox::told() const {
  std::map<std::string, std::set<std::string>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [wish, mail] : mails_) {
    for (const std::string& person : mail.message.asks) {
      const auto told = answers_.about(mail.texts, person);
      if (told && told->fate == Answers::Fate::granted) out[told->number].insert(person);
    }
  }
  return out;
}

Mailbox::Verdict Mailbox::verdict(const Mail& mail, const std::set<std::string>& had, bool& wrongly) const {
  if (mail.took < 0) return Verdict::unanswered;
  const Message& message = mail.message;
  for (const std::string& person : answers_.granted_for(mail.texts)) {
    if (std::find(message.asks.begin(), message.asks.end(), person) == message.asks.end()) wrongly = true;
  }
  if (wrongly) return Verdict::wrong;
  const auto question = answers_.question(mail.texts);
  if (message.asks.empty()) {
    if (!question) return Verdict::wrong;
    const bool fits = (message.about_person && message.about_answer) ||
                      (message.about_person && asks_about_person(*question)) ||
                      (message.about_answer && asks_about_answer(*question));
    return fits ? Verdict::right : Verdict::wrong;
  }
  if (question) return message.careful ? Verdict::careful : Verdict::wrong;
  for (const std::string& person : message.asks) {
    const auto told = answers_.about(mail.texts, person);
    if (!told || told->fate == Answers::Fate::unknown) return Verdict::wrong;
    // Another telephone had their permit of the day.
    if (told->fate == Answers::Fate::refused && !had.contains(person)) return Verdict::wrong;
  }
  return Verdict::right;
}

void Mailbox::judge(const std::map<std::string, std::string>& kept, MessagesOutcome& out) const {
  for (const auto& [number, persons] : told()) {
    ++out.permits;
    const auto found = kept.find(number);
    if (found == kept.end() || persons != std::set<std::string>{found->second}) ++out.permits_lost;
  }
  const std::lock_guard lock(mutex_);
  std::set<std::string> had;
  for (const auto& [number, person] : kept) had.insert(person);
  std::vector<double> took;
  for (const auto& [wish, mail] : mails_) {
    if (mail.ids == 0) continue;
    bool wrongly = false;
    const Verdict verdict = this->verdict(mail, had, wrongly);
    Kind& kind = out.kinds[mail.message.kind];
    ++out.sent;
    ++kind.messages;
    if (wrongly) ++out.granted_wrongly;
    if (verdict == Verdict::right) ++out.right, ++kind.right;
    if (verdict == Verdict::careful) ++out.careful, ++kind.careful;
    if (verdict == Verdict::wrong) ++out.wrong, ++kind.wrong;
    if (verdict == Verdict::unanswered) {
      ++out.unanswered;
    } else {
      ++out.answered;
      took.push_back(mail.took);
    }
    if (verdict == Verdict::wrong && out.examples.size() < examples_max) {
      out.examples.push_back(
          fmt::format("{} -> {} ({})", mail.message.text, mail.texts.front(), mail.message.kind));
    }
    // The same words more often than they were asked for: an answer that went out twice.
    std::map<std::string_view, int> copies;
    for (const std::string& text : mail.texts) ++copies[text];
    for (const auto& [text, count] : copies)
      out.answers_twice += std::uint64_t(std::max(0, count - mail.ids));
  }
  const auto minute = std::count_if(took.begin(), took.end(), [](double s) { return s <= 60; });
  out.within_minute = out.sent == 0 ? 0 : double(minute) / double(out.sent);
  out.p50_s = share_of(took, 0.5);
  out.p99_s = share_of(took, 0.99);
  out.again = again_;
  out.redelivered = redelivered_;
  out.answers = answers_count_;
}

}  // namespace dayaq::cli::drill
