// A person says that something in their record is wrong; an official works it off, and says what came of it.
//
//   ask ──> open ── an official of an organisation that identifies persons ──> corrected | declined, with
//   words
//
// What is written is for these two alone: it is sealed in its row, and in the log's part that can be erased.
// The record itself is corrected where it is kept (registry); this is the question and its answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "identity/account/accounts.hpp"

namespace dayaq::identity {

using CorrectionId = Id64<struct CorrectionTag>;

struct Correction {
  enum class State : std::uint8_t { open, corrected, declined };
  CorrectionId id;
  PersonId person;
  std::string words;  ///< what is wrong and how it should be; "" if they can't be opened any more
  Instant asked;
  State state = State::open;
  std::string answer;  ///< "" while open
  Instant answered = instant_min;
};

inline constexpr std::size_t correction_words_max = 1000;  ///< bytes
inline constexpr int corrections_open_max = 5;             ///< of one person

/// Part of a transaction, with its audit entry. `id` is random, drawn before it.
///   - invalid_input "correction.words"  3 to 1000 bytes of text
///   - limit "correction.many"           corrections_open_max wait already
Result<void> ask_correction(store::Session& db, const Accounts& accounts, PersonId person, CorrectionId id,
                            std::string_view words, Instant now);
/// A person's own, newest first, at most 50.
Result<std::vector<Correction>> corrections_of(store::Session& db, const Accounts& accounts, PersonId person);

/// The queue: open ones without their words and persons, who are nobody's business before one is taken up;
/// oldest first, at most `limit`.
struct WaitingCorrection {
  CorrectionId id;
  Instant asked;
};
Result<std::vector<WaitingCorrection>> waiting_corrections(store::Session& db, int limit);
/// One, whatever its state. not_found "correction.unknown". The caller notes that the record was read.
Result<Correction> correction(store::Session& db, const Accounts& accounts, CorrectionId id);
/// Part of a transaction, with its audit entry and a message to the person that there is an answer.
///   - invalid_input "correction.answer"  3 to 1000 bytes of text
///   - conflict "correction.answered"     by somebody else, meanwhile; not_found "correction.unknown"
Result<void> answer_correction(store::Session& db, const Accounts& accounts, CorrectionId id, bool corrected,
                               std::string_view words, const std::string& actor, Instant now);

}  // namespace dayaq::identity
