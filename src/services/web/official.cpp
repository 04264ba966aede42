#include "services/web/official.hpp"

namespace dayaq::services::web {

Result<std::vector<Official>> officials(const identity::web::Visit& visit) {
  std::vector<Official> all;
  if (visit.session->acting_for.value() != 0) return all;
  DAYAQ_TRY(auto held, identity::web::representations(visit));
  for (identity::Relation& one : held) {
    const auto index = visit.web.accounts.registry.organisations.find(one.organisation.value());
    if (index) all.push_back({std::move(one), *index});
  }
  return all;
}

}  // namespace dayaq::services::web
