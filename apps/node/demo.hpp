// For whoever tries the demonstration: two of the made-up persons, and the codes with which each makes a
// digital ID.
#pragma once

#include <string>
#include <vector>

#include "core.hpp"
#include "identity/account/accounts.hpp"

namespace dayaq::node {

struct DemoPerson {
  std::string national_id;
  std::string name;
  std::string code;      ///< an activation code; "" if there is a digital ID already
  std::string official;  ///< the name of the organisation they represent, "" for none
};

/// A person with a mobile line and a status, and an official. Of a synthetic population alone: empty if the
/// node has another, or nobody who fits. Codes are new ones each time, as if handed out at a counter.
Result<std::vector<DemoPerson>> demo_persons(Core& core, const identity::Accounts& accounts);

}  // namespace dayaq::node
