#include "services/web/payments.hpp"

#include <fmt/format.h>

namespace dayaq::services::web {

Result<std::string> DemonstrationPayments::pay(CaseId id, std::uint64_t qepik) {
  return fmt::format("demo-{}-{}", case_number(id), qepik);
}

}  // namespace dayaq::services::web
