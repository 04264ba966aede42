#include "regime/types.hpp"

namespace dayaq::regime {

std::uint8_t usual_delivery(BenefitKind kind) {
  constexpr auto bit = [](SubscriptionKind on) {
    return static_cast<std::uint8_t>(1u << static_cast<unsigned>(on));
  };
  constexpr std::uint8_t mobile = bit(SubscriptionKind::mobile);
  constexpr std::uint8_t fixed = bit(SubscriptionKind::fixed);
  constexpr std::uint8_t tv = bit(SubscriptionKind::tv);
  switch (kind) {
    case BenefitKind::voice:
    case BenefitKind::messages:
      return mobile;
    case BenefitKind::data:
      return mobile | fixed;
    case BenefitKind::tv:
      return tv;
    case BenefitKind::deferral:
      return mobile | fixed | tv;
    case BenefitKind::discount:
    case BenefitKind::room:
      return 0;
  }
  return 0;
}

std::uint64_t usual_open_bound(BenefitKind kind) {
  switch (kind) {
    case BenefitKind::voice:
      return 10 * 60;
    case BenefitKind::messages:
      return 10;
    case BenefitKind::data:
      return 100'000'000;
    default:
      return 0;
  }
}

}  // namespace dayaq::regime
