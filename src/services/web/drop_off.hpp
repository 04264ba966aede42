// Where people stop: how often each question of a service is shown and answered, by civil day. Counted in
// memory, flushed once a minute; what is lost in a crash are a minute's counts and nobody's answers.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "store/database.hpp"

namespace dayaq::services::web {

[[nodiscard]] std::span<const store::Migration> migrations();

/// The page on which a service is read before it is begun, and the one on which answers are checked and sent:
/// counted like questions.
inline constexpr std::string_view first_page = "";
inline constexpr std::string_view last_page = "*";

struct QuestionFigures {
  std::string field;
  std::int64_t shown = 0;
  std::int64_t answered = 0;
};

/// Thread-safe.
class DropOff {
 public:
  explicit DropOff(const Zone& zone) : zone_(zone) {}
  void shown(std::string_view service, std::string_view field, Instant now) {
    add(service, field, now, 1, 0);
  }
  void answered(std::string_view service, std::string_view field, Instant now) {
    add(service, field, now, 0, 1);
  }
  /// What isn't stored yet, over the civil days [from, until), added to `stored`: figures are of now.
  [[nodiscard]] std::vector<QuestionFigures> with_waiting(std::vector<QuestionFigures> stored,
                                                          std::string_view service, Date from,
                                                          Date until) const;
  /// Adds to what is stored, in a transaction of its own. Not on the writer thread. What couldn't be stored
  /// is kept for the next time.
  Result<void> flush(store::Database& db);

 private:
  struct Key {
    std::string service;
    std::int64_t day = 0;
    std::string field;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Count {
    std::int64_t shown = 0;
    std::int64_t answered = 0;
  };
  void add(std::string_view service, std::string_view field, Instant now, std::int64_t shown,
           std::int64_t answered);

  const Zone& zone_;
  mutable std::mutex mutex_;
  std::map<Key, Count> counts_;
};

/// Sums over the civil days [from, until), by field; in no order of the form.
Result<std::vector<QuestionFigures>> question_figures(store::Session& session, std::string_view service,
                                                      Date from, Date until);

}  // namespace dayaq::services::web
