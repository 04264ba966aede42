// What becomes of a request: each of its parts asked of the engine, and who is to answer it.
#pragma once

#include <vector>

#include "edge/diameter/credit_answer.hpp"
#include "edge/diameter/credit_sessions.hpp"

namespace dayaq::edge::diameter {

struct Question {
  const CreditRequest& request;
  Sessions::Session* session = nullptr;  ///< as known before; null: not known
  SubscriptionKey key = 0;
  Instant now;
  bool relays = true;  ///< there is a charging system, and this request may go there
};

/// Keeps its buffers from one request to the next.
struct Decided {
  std::vector<PartDecision> parts;   ///< in step with the request's
  std::vector<SessionLease> leases;  ///< who holds what from now on
  CommandAnswer command;
  std::uint64_t sequence = 0;        ///< of the last record written for it
  std::chrono::seconds validity{0};  ///< the longest granted
  bool refused = false;              ///< can't be counted: nobody is to be answered "granted"
  bool whole_upstream = false;       ///< without parts, and not ours
};

class Decider {
 public:
  Decider(const CreditControlOptions& options, Engine& engine)
      : options_(options), engine_(engine), refund_key_(refund_key(options.feed_key)) {}

  void decide(const Question& question, Decided& out);
  /// Whether any part would be answered here; nothing is counted.
  [[nodiscard]] bool concerns(const Question& question);

 private:
  /// The first that fits, or null.
  [[nodiscard]] const ServiceRule* rule_for(const CreditRequest& request, const CreditPart& part) const;
  [[nodiscard]] bool covered(const Question& question, const CreditPart& part);
  struct Part {
    const CreditPart& part;
    std::uint64_t number = 0;  ///< lease_part()
    LeaseId lease;
    bool ruled = false;  ///< a rule says what service it is
    ServiceIndex service = no_service;
    feed::Benefit kind = feed::Benefit::data;
    Holder holder = Holder::nobody;
    bool noted = false;  ///< the session has it among its leases
  };
  PartDecision decide_part(const Question& question, const CreditPart& part, Decided& out);
  PartDecision opened_or_continued(const Question& question, const Part& part, Decided& out);
  PartDecision ended(const Question& question, const Part& part, Decided& out);
  PartDecision debited(const Question& question, const Part& part, Decided& out);
  PartDecision not_granted(const Question& question, const Part& part, Outcome outcome, Decided& out);
  Verdict ask(const Question& question, const Part& part, Phase phase, std::uint64_t used, bool wants,
              Decided& out);
  void end_unnamed(const Question& question, Decided& out);
  void refund(const Question& question, Decided& out);
  [[nodiscard]] std::optional<Engine::Debit> debit_of(const Question& question, const CreditPart& part) const;
  void enquire(const Question& question, Decided& out);
  void without_parts(const Question& question, Decided& out);
  void conclude(const Question& question, Decided& out) const;

  const CreditControlOptions& options_;
  Engine& engine_;
  const SipKey refund_key_;
  std::vector<SessionLease> ending_;
};

}  // namespace dayaq::edge::diameter
