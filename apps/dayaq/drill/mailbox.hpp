// Messages that people of the drill sent, the answers that came, and whether they are those that should have
// come.
//
// Each wish writes from a telephone of its own, so that an answer is known by its receiver. What is right is
// known before anything is sent: it comes with the message, not from how the node reads it. What an answer
// says is read by the words that the node answers with.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drill/drill.hpp"
#include "drill/messages.hpp"
#include "services/sms/grammar.hpp"

namespace dayaq::cli::drill {

/// What a node's answers look like. Built from its own words, in all languages.
class Answers {
 public:
  Answers();
  enum class Fate : std::uint8_t { granted, refused, unknown };
  struct Told {
    Fate fate = Fate::refused;
    std::string number;  ///< of a permit
  };
  /// What they say of this person; nullopt: nothing.
  [[nodiscard]] std::optional<Told> about(const std::vector<std::string>& texts,
                                          const std::string& person) const;
  /// The question that one of them asks.
  [[nodiscard]] std::optional<services::sms::Question::What> question(
      const std::vector<std::string>& texts) const;
  /// For how many persons permits are given in them.
  [[nodiscard]] std::set<std::string> granted_for(const std::vector<std::string>& texts) const;

 private:
  std::vector<std::pair<std::string, services::sms::Question::What>> questions_;
  std::vector<std::string> granted_;  ///< what stands before the person
};

/// Thread-safe.
class Mailbox {
 public:
  Mailbox(const Phrasebook& book, std::vector<std::string> persons);

  /// Writes the message of a wish. `due`: seconds of the run.
  void write(std::uint64_t wish, bool broken, double due, int run);
  [[nodiscard]] std::string text(std::uint64_t wish) const;
  [[nodiscard]] static std::string phone(std::uint64_t wish);
  /// It goes to the gateway once more, as another message of the same words.
  void sent(std::uint64_t wish, double now, bool again);
  /// The node refused it at its door: no answer will come.
  void dismiss(std::uint64_t wish);
  void redelivered();

  struct Answered {
    double due = 0;
    int run = 0;
  };
  /// Told when the last of what should come has come.
  std::optional<Answered> came(std::string_view to, std::string_view text, double now);
  /// Who has waited longer than `patience` since they sent last, and hasn't been asked here before since
  /// then.
  [[nodiscard]] std::vector<std::uint64_t> impatient(double now, double patience, int run);
  /// Sent in this run and without an answer: their moments.
  [[nodiscard]] std::vector<double> unanswered(int run) const;
  [[nodiscard]] std::size_t waiting() const;

  /// All that the answers say; `kept` has the numbers of permits that the database has, of whom.
  void judge(const std::map<std::string, std::string>& kept, MessagesOutcome& out) const;
  /// Permits that were told, by number: for whom.
  [[nodiscard]] std::map<std::string, std::set<std::string>> told() const;

 private:
  struct Mail {
    Message message;
    double due = 0, last_sent = 0, took = -1;
    int run = 0, ids = 0;
    bool asked = false;
    std::vector<std::string> texts;
  };
  enum class Verdict : std::uint8_t { right, careful, wrong, unanswered };
  [[nodiscard]] bool complete(const Mail& mail) const;
  [[nodiscard]] Verdict verdict(const Mail& mail, const std::set<std::string>& had, bool& wrongly) const;

  const Phrasebook& book_;
  const std::vector<std::string> persons_;
  const Answers answers_;
  mutable std::mutex mutex_;  // guards all below
  SeededRandom random_{19920526};
  std::size_t next_person_ = 0;
  std::map<std::uint64_t, Mail> mails_;
  std::set<std::uint64_t> open_;  ///< without an answer
  std::uint64_t again_ = 0, redelivered_ = 0, answers_count_ = 0;
};

}  // namespace dayaq::cli::drill
