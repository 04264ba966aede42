// Money for a case's fee: through whom it is paid. Dayaq takes no money itself.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "services/types.hpp"

namespace dayaq::services::web {

class Payments {
 public:
  virtual ~Payments() = default;
  /// Takes the fee of a case and gives back the provider's reference. The same case again is the same
  /// payment. unavailable "payments.provider".
  virtual Result<std::string> pay(CaseId id, std::uint64_t qepik) = 0;
  [[nodiscard]] virtual bool demonstration() const { return false; }  ///< no money moves
};

/// Of a synthetic node: nobody pays anything, and the pages say so.
class DemonstrationPayments final : public Payments {
 public:
  Result<std::string> pay(CaseId id, std::uint64_t qepik) override;
  [[nodiscard]] bool demonstration() const override { return true; }
};

}  // namespace dayaq::services::web
