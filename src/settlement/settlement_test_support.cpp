#include "settlement/settlement_test_support.hpp"

#include <cstdlib>

namespace dayaq::settlement::test {

std::shared_ptr<const regime::NumberedLaw> quarantine_law() {
  static const auto law = [] {
    auto parsed =
        regime::parse_regime(regime::test::repository_file("country/az/regimes/special-quarantine.yaml"),
                             regime::test::azerbaijan().file_context());
    if (!parsed) std::abort();
    auto version = std::make_shared<regime::RegimeVersion>();
    version->regime = *parsed;
    version->state = regime::RegimeState::approved;
    version->approved = parsed->period.from;
    regime::Law made({version});
    std::vector<regime::MeasureNumber> numbers;
    for (std::size_t i = 0; i < made.measures().size(); ++i) numbers.push_back(regime::MeasureNumber(i + 1));
    return std::make_shared<const regime::NumberedLaw>(std::move(made), std::move(numbers));
  }();
  return law;
}

std::uint32_t measure_number(std::string_view code) {
  const auto law = quarantine_law();
  for (std::size_t i = 0; i < law->numbers.size(); ++i) {
    if (law->law.measures()[i].measure->code.value() == code) return law->numbers[i];
  }
  std::abort();
}

crypto::SigningKey key_of(std::string_view operator_code, std::string_view edge) {
  const auto seed = crypto::sha256(as_bytes(operator_code), as_bytes(edge));
  return std::move(*crypto::SigningKey::from_seed(seed));
}

std::vector<crypto::PublicKey> FakeEdges::keys_of(std::string_view operator_code,
                                                  std::string_view edge) const {
  for (const auto& [code, name] : enrolled) {
    if (code == operator_code && name == edge) return {key_of(code, name).public_key()};
  }
  return {};
}

Date date(int year, unsigned month, unsigned day) {
  return std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
}

feed::Settlement batch(std::uint64_t number, std::int64_t seconds) {
  feed::Settlement out{.operator_code = "azercell",
                       .edge = "baku-1",
                       .number = number,
                       .created = date(2026, 11, 21) + std::chrono::hours(8),
                       .first_record = (number - 1) * 100 + 1,
                       .last_record = number * 100};
  out.lines.push_back({.measure = measure_number("health-workers-calls"),
                       .benefit = 0,
                       .kind = feed::Benefit::voice,
                       .unit = feed::Unit::seconds,
                       .day = std::int32_t(date(2026, 11, 21).time_since_epoch().count()),
                       .units = seconds,
                       .requests = 3,
                       .orphans = 1});
  return out;
}

Bytes signed_bytes(const feed::Settlement& batch) {
  return encode(batch, key_of(batch.operator_code, batch.edge));
}

}  // namespace dayaq::settlement::test
