// The HTTP routes of cases, for programs.
//
//   POST /v1/cases                    cases:write  an application for a person; the same id again is the same
//   case GET  /v1/cases                    cases:read   the queue of the caller's organisation GET
//   /v1/cases/{number}           cases:read   one of a service that it provides or reviews, put on record
//   POST /v1/cases/{number}/actions   cases:write  claim, release, grant, refuse, ask, reply, pay, book,
//   come,
//                                                  withdraw, appeal
//   POST /v1/cases/{number}/revoke    cases:write  takes the case's permit back
//   GET  /v1/me/cases                 me:read      a person's own, by a client that they let see it
#pragma once

#include <string>

#include "http/router.hpp"
#include "registry/record.hpp"
#include "services/cases/cases.hpp"

namespace dayaq::services {

/// References; their owners must outlive the router.
struct CasesApi {
  Cases& cases;
  const registry::Registry& registry;
};

void add_case_routes(http::Router& router, const CasesApi& api);

// --- as JSON

/// {"number","service","version","channel","state","revision","submitted","promised",...}; no answers.
[[nodiscard]] std::string case_json(const Case& one, const registry::OrganisationDirectory& names);
/// The same with "permit": {"number","kind","from","until","text"} and "repeated".
[[nodiscard]] std::string receipt_json(const Receipt& receipt, const registry::OrganisationDirectory& names);
/// [{"number","at","what","actor","note"}]
[[nodiscard]] std::string events_json(const std::vector<CaseEvent>& events);

/// The body of a submission: {"person","service","answers","channel","id","notify"}. Errors of JSON are
/// json.*; invalid_input "case.number", "service.channel", errors of the national id.
[[nodiscard]] Result<Submission> parse_submission(std::string_view body, const registry::Registry& registry,
                                                  CaseId drawn);
struct ActionBody {
  Action action;
  int revision = 0;
};
/// {"action","revision","reason":{"az","en","ru"},"answers","text","reference","qepik","from","until"}.
/// invalid_input "case.action" for one that isn't theirs to do.
[[nodiscard]] Result<ActionBody> parse_action(std::string_view body);

}  // namespace dayaq::services
