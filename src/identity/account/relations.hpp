// Who may act for whom: explicit, dated, revocable, and seen by both.
//
//   guardian         for a child or a ward; recorded by an official
//   mandate          given by the person themself, from their page, or recorded at a counter
//   representative   of an organisation; recorded by an official, or by the organisation
//
// A session that acts for another carries whom (Session::acting_for); standing_relation is asked at every
// use, so that a relation that has ended or run out gives nothing from that moment, whatever the session
// says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/account/accounts.hpp"

namespace dayaq::identity {

inline constexpr std::chrono::days mandate_max{366 * 3};  ///< a mandate without an end is forgotten

struct RelationRequest {
  RelationId id;  ///< random, drawn before the transaction; the same again is the same relation
  RelationKind kind = RelationKind::mandate;
  PersonId holder;
  PersonId principal;             ///< 0 for a representative
  OrganisationCode organisation;  ///< of a representative
  std::string scope = "all";      ///< or a service's code
  Period valid;
};

/// Recorded by an official or an organisation. Part of a transaction; both persons are told.
///   - not_found "registry.person", "registry.organisation"
///   - invalid_input "relation.self", "relation.scope", "relation.period", "relation.basis",
///     "registry.deceased"
///     A child's guardian holds until the child is of age at most, whatever the period says.
///   - conflict "relation.id"   the id stands for another relation
struct RecordedBy {
  std::string actor;  ///< as the audit log names them
  std::string basis;  ///< the document it stands on, 3 to 120 bytes; goes to the personal part of the entry
};
Result<Relation> record_relation(store::Session& db, const Accounts& accounts, const RelationRequest& request,
                                 const RecordedBy& by, Instant now);
/// Given by the principal, who is signed in freshly and at least at substantial. `request.principal` is the
/// session's person.
///   - forbidden "relation.assurance"; those of changes by the person (accounts.hpp)
Result<Relation> give_mandate(store::Session& db, const Accounts& accounts, const Session& session,
                              RelationRequest request, Instant now);

/// Ends it now, with the sessions that act under it. By the principal, by the holder (who may lay it down),
/// or by an official (`actor`). One that has ended is left as it is. not_found "relation.unknown".
Result<Relation> end_relation(store::Session& db, const Accounts& accounts, PersonId holder, RelationId id,
                              const std::string& actor, Instant now);
/// The same by somebody signed in, who must be its holder or its principal.
Result<Relation> end_own_relation(store::Session& db, const Accounts& accounts, const Session& session,
                                  PersonId holder, RelationId id, Instant now);

/// Newest first; ended ones too.
Result<std::vector<Relation>> relations_held(store::Session& db, PersonId holder);
/// Who acts for this person.
Result<std::vector<Relation>> relations_for(store::Session& db, PersonId principal);
Result<std::vector<Relation>> representatives_of(store::Session& db, const OrganisationCode& organisation);

/// The relation under which `holder` may act for `principal` now, for `scope` ("": any). nullopt: none, or
/// the principal has died.
Result<std::optional<Relation>> standing_relation(store::Session& db, const Accounts& accounts,
                                                  PersonId holder, PersonId principal, std::string_view scope,
                                                  Instant now);
/// Whether a session may go on as it is: it acts for nobody, or its relation still stands. To be asked at
/// every use of one that acts for somebody; what it may no longer do, it may not do as itself either: it has
/// ended.
Result<bool> may_go_on(store::Session& db, const Accounts& accounts, const Session& session, Instant now);
/// standing_relation for a representative.
Result<std::optional<Relation>> standing_representation(store::Session& db, PersonId holder,
                                                        const OrganisationCode& organisation,
                                                        std::string_view scope, Instant now);

/// All of a person's relations end, on both sides: they died.
Result<void> end_relations_of(store::Session& db, const Accounts& accounts, PersonId person, Instant now);

}  // namespace dayaq::identity
