// Cases: submitted once, moved by who may, found again after any crash.
//
// 1. A case, its events, its permit, its notices and its audit entry are one transaction: all or nothing.
// 2. A submission names its case's id: the same again gives the first one's receipt, whatever happened since.
// 3. Who acts names the revision that they saw; another's change in between is a conflict, never overwritten.
// 4. What the machine (services/machine.hpp) says is what happens; here it is stored.
// 5. Deadlines are rows: a restart loses none.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "base/random.hpp"
#include "registry/store.hpp"
#include "services/cases/book.hpp"
#include "services/cases/case_numbers.hpp"
#include "services/machine.hpp"
#include "services/permit/token.hpp"
#include "store/database.hpp"

namespace dayaq::services {

[[nodiscard]] std::span<const store::Migration> migrations();

/// What is known of a person, quickly: from the index in memory, wired by apps. Called inside transactions.
class Facts {
 public:
  virtual ~Facts() = default;
  /// All that is known now: who they are, and what rules are decided by. not_found "registry.person".
  virtual Result<registry::PersonFacts> of(store::Session& session, PersonId person) const = 0;
  /// What rules are decided by alone, without a statement where that is possible: names, national id and
  /// numbers may be missing. not_found "registry.person".
  virtual Result<registry::PersonFacts> for_rules(store::Session& session, PersonId person) const {
    return of(session, person);
  }
  virtual Result<std::string> national_id(store::Session& session, PersonId person) const {
    DAYAQ_TRY(const registry::PersonFacts facts, of(session, person));
    return facts.person.national_id;
  }
  /// When the regime's period in force ends; instant_min if it isn't in force at t.
  [[nodiscard]] virtual Instant regime_end(const std::string& regime, Instant t) const = 0;
  /// The version that is law at t, so that a change of it is seen; 0: none.
  [[nodiscard]] virtual int regime_version(const std::string& regime, Instant t) const {
    return regime_end(regime, t) == instant_min ? 0 : 1;
  }
};

/// Tells who applied, in the transaction that causes it. Wired to the outbox of messages.
class Notifier {
 public:
  virtual ~Notifier() = default;
  /// `text` ready to be sent, in the language of `person` unless the channel says another.
  virtual Result<void> notify(store::Session& session, PersonId person, const Case& about,
                              const LocalizedText& text, Instant now) = 0;
};

struct CasesContext {
  store::Database& db;
  const ServiceBook& book;
  const registry::CountryPack& country;
  const Facts& facts;
  Notifier* notifier = nullptr;  ///< null: nobody is told (SMS answers by itself)
  audit::Log& log;
  const permit::Issuer& issuer;
  /// The number of a kind of permits, as inspectors' lists have it.
  std::function<std::uint16_t(std::string_view kind)> kind_number;
  SipKey numbers = {};  ///< of cases' numbers; for ever the same
  /// Whether an answer may name this document; its error says why not. Null: nobody is asked.
  std::function<Result<void>(store::Session& session, PersonId person, const Field& field,
                             const std::string& answer)>
      document = {};
  /// The person behind an actor of the audit log, where an official's number stands for one: they may
  /// represent several bodies, and apply themselves. Null: nobody's is known.
  std::function<Result<std::optional<PersonId>>(store::Session& session, const std::string& actor)>
      person_behind = {};
  /// Told of each change of a case, in its transaction: what else hangs on it goes with it. Null: nobody is.
  std::function<Result<void>(store::Session& session, const Case& before, const Case& after, Instant now)>
      changed = {};
};

struct Submission {
  CaseId id;
  PersonId person;
  ServiceCode service;
  Channel channel = Channel::web;
  Answers answers;     ///< as given; read again by the service's form
  std::string actor;   ///< who submits: "self", "org:CODE/...", "sms"; of an assisted one the official
  bool notify = true;  ///< false: the channel answers by itself
  /// Theirs, where the channel knew them by it (`person` follows from it); "": it is looked up if it is
  /// needed.
  std::string national_id = {};
};

/// What who applied is told at once, and every time they ask again.
struct Receipt {
  Case stands;
  std::optional<Permit> permit;
  bool repeated = false;  ///< it was there already
};

/// What keeps somebody from applying once more, and from when it doesn't.
struct LimitReached {
  Limit limit;
  /// The first moment at which none of the limits that are reached now counts any more; nullopt if that goes
  /// by an answer (`open_only`), or never comes.
  std::optional<Instant> again;
};

struct StoredCase;  // cases_rows.hpp
struct EarlierCase;

class Cases {
 public:
  explicit Cases(CasesContext context) : context_(std::move(context)), numbers_(context_.numbers) {}
  [[nodiscard]] const CasesContext& context() const { return context_; }

  /// A number for a case that is submitted about now. Any thread.
  [[nodiscard]] CaseId draw_number(Instant now) { return numbers_.draw(now); }

  // -- in the caller's write transaction

  /// Errors besides those of the store:
  ///   not_found "service.unknown"; unavailable "service.suspended"; forbidden "service.channel"
  ///   forbidden "case.not_entitled"     the rule `who` doesn't hold; the text is the service's
  ///   forbidden "case.no_regime"        the regime that it ends with isn't in force
  ///   limit "case.limit"                was granted as often as one may; the text says when again
  ///   invalid_input "service.answer"    with the first field at fault
  ///   conflict "case.id"                the id is another service's case of this person
  Result<Receipt> submit(store::Session& session, const Submission& submission, Instant now);
  /// Errors of apply(); conflict "case.revision" (read it again), not_found "case.unknown".
  /// `revision` 0: whatever stands.
  Result<Receipt> act(store::Session& session, PersonId person, CaseId id, int revision, const Action& action,
                      const std::string& actor, Instant now);
  /// Does what deadlines have made due, at most `rows`; says how many.
  Result<int> do_due(store::Session& session, Instant now, int rows);
  /// The most overdue is tried again in an hour: for one that do_due(.., 1) can't do, so that it doesn't keep
  /// the others waiting.
  Result<void> postpone_due(store::Session& session, Instant now);
  /// Takes open cases of earlier versions over to the published one, where its file says how (`moves`), at
  /// most `rows`; says how many. Call it until 0 after the book's edition has changed.
  Result<int> move_versions(store::Session& session, Instant now, int rows);
  /// Ends live permits of services that end with a regime which isn't in force any more, and those for
  /// employees that were issued under an earlier version of it; at most `rows`, says how many.
  Result<int> end_with_regimes(store::Session& session, Instant now, int rows);
  /// not_found "permit.unknown"; one that is revoked stays as it is.
  Result<void> revoke_permit(store::Session& session, PersonId person, PermitId permit,
                             const LocalizedText& reason, const std::string& actor, Instant now);
  /// Live permits of a bucket that a withdrawn key (4 bytes) has signed get the signature of the one that
  /// signs now, and who has them is told; at most `rows`, says how many.
  Result<int> sign_again(store::Session& session, std::int64_t bucket, BytesView key_id, Instant now,
                         int rows);

  // -- drafts: of one person and service, the last one kept; 8 KB at most (invalid_input "case.draft")
  Result<void> save_draft(store::Session& session, PersonId person, const ServiceCode& service, CaseId id,
                          const Answers& answers, Instant now);
  Result<void> drop_draft(store::Session& session, PersonId person, const ServiceCode& service);

  // -- reading
  struct Draft {
    ServiceCode service;
    CaseId id;  ///< that it will have
    Answers answers;
    Instant saved;
  };
  Result<std::vector<Draft>> drafts(store::Session& session, PersonId person) const;
  Result<std::optional<Case>> find(store::Session& session, PersonId person, CaseId id) const;
  /// By the number alone: an official's search.
  Result<std::optional<Case>> find(store::Session& session, CaseId id) const;
  Result<std::vector<Case>> of_person(store::Session& session, PersonId person,
                                      int limit) const;  ///< newest first
  Result<std::vector<CaseEvent>> events(store::Session& session, PersonId person, CaseId id) const;
  Result<std::vector<Permit>> permits_of(store::Session& session, PersonId person, Instant valid_at) const;
  Result<std::optional<Permit>> permit(store::Session& session, PersonId person, PermitId id) const;
  /// Permits of three days and more that stand and end in (from, until], the first to end at the front; of
  /// those that end at the same moment as the last all, so that there may be more than `rows`.
  Result<std::vector<Permit>> long_ones_ending(store::Session& session, Instant from, Instant until,
                                               int rows) const;
  Result<std::vector<Permit>> revoked_live(store::Session& session, Instant now) const;
  /// When the first live permit of a kind that isn't revoked began; instant_max if there is none. Reads all
  /// permits: for the inspectors' list when many of a kind were revoked at once.
  Result<Instant> first_unrevoked(store::Session& session, std::string_view kind, Instant now) const;

  /// An office's work: cases in review that it has.
  struct QueueFilter {
    OrganisationIndex office = 0;
    std::string service = {};                    ///< "": all
    std::optional<std::string> claimed_by = {};  ///< "" nobody; nullopt: all
    bool late_only = false;                      ///< promised for earlier than now, or escalated
    int limit = 50;
    int offset = 0;
  };
  struct Queue {
    std::vector<Case> cases;  ///< the most urgent first
    std::int64_t waiting = 0, late = 0;
  };
  /// Whether this actor has a say in a case that is in review: not in their own, and not on an appeal against
  /// what they decided themselves.
  Result<Barred> barred(store::Session& session, const Case& one, const std::string& actor) const;
  /// What submit() would refuse with "case.limit" at this moment; nullopt if it wouldn't.
  Result<std::optional<LimitReached>> limit_reached(store::Session& session, PersonId person,
                                                    const Service& service, Instant now) const;
  Result<Queue> queue(store::Session& session, const QueueFilter& filter, Instant now) const;

  struct DayFigures {
    Date day;
    std::int64_t submitted = 0, granted = 0, refused = 0, late = 0;
    std::int64_t seconds_to_answer = 0;  ///< sum over the decided
  };
  Result<std::vector<DayFigures>> figures(store::Session& session, const ServiceCode& service, Date from,
                                          Date until) const;

 private:
  struct Judged;  ///< a person as a step's conditions see them
  Result<Judged> judge(store::Session& session, PersonId person, const Service& service, Instant now,
                       bool whole) const;
  [[nodiscard]] std::optional<LimitReached> reached(const Service& service,
                                                    const std::vector<EarlierCase>& earlier,
                                                    Instant now) const;
  [[nodiscard]] Result<void> check_limits(const Service& service, const std::vector<EarlierCase>& earlier,
                                          Instant now) const;
  /// Stores what a transition has changed besides the case's own row. `before` null: it is new.
  Result<std::optional<Permit>> store_effects(store::Session& session, const Service& service,
                                              const Case* before, const Transition& done, bool notify,
                                              const Setting& setting, Instant now);
  Result<Permit> issue(store::Session& session, const Service& service, const Case& of,
                       const IssuePermit& rule, const Setting& setting, Instant now);
  Result<void> tell(store::Session& session, const Case& about, const std::vector<Notify>& notices,
                    const std::optional<Permit>& permit, Instant now);
  Result<Receipt> receipt(store::Session& session, Case stands, bool repeated) const;
  Result<Receipt> change(store::Session& session, const StoredCase& before, const Action& action,
                         const std::string& actor, Instant now);

  Result<void> check_documents(store::Session& session, const Service& service, PersonId person,
                               const Answers& answers) const;

  /// Of a service that ends with a regime: whether all is ended that must be, under the version that is law.
  struct Ended {
    int version = -1;
    Instant since = {};  ///< when it was seen first
    bool nothing_left = false;
  };

  CasesContext context_;
  CaseNumbers numbers_;
  std::map<std::string, Ended> ended_;  // by service and regime; the writer's thread alone
};

}  // namespace dayaq::services
