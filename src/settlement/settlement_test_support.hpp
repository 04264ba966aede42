// The special quarantine as law with numbered measures, and batches of made-up edges, for tests.
#pragma once

#include "regime/law_test_support.hpp"
#include "settlement/price.hpp"
#include "settlement/settle.hpp"

namespace dayaq::settlement::test {

/// The measures of special-quarantine.yaml in the file's order, numbered from 1.
[[nodiscard]] std::shared_ptr<const regime::NumberedLaw> quarantine_law();
/// The number of a measure of it. Ends the program if there is none.
[[nodiscard]] std::uint32_t measure_number(std::string_view code);

/// Edges whose keys are their names' bytes.
struct FakeEdges final : EdgeKeys {
  std::vector<std::pair<std::string, std::string>> enrolled{{"azercell", "baku-1"}, {"bakcell", "baku-1"}};
  [[nodiscard]] std::vector<crypto::PublicKey> keys_of(std::string_view operator_code,
                                                       std::string_view edge) const override;
};
[[nodiscard]] crypto::SigningKey key_of(std::string_view operator_code, std::string_view edge);

[[nodiscard]] Date date(int year, unsigned month, unsigned day);

/// A batch of azercell's edge baku-1 with voice of health workers: `seconds` on 21 November 2026.
[[nodiscard]] feed::Settlement batch(std::uint64_t number, std::int64_t seconds = 60);
/// Signed by the edge that it names.
[[nodiscard]] Bytes signed_bytes(const feed::Settlement& batch);

}  // namespace dayaq::settlement::test
