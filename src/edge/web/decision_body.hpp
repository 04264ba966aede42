// The body of a request of the decision API: one question or a list of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/siphash.hpp"
#include "edge/types.hpp"

namespace dayaq::edge::web {

inline constexpr std::size_t bulk_max = 1000;  ///< questions in one request

/// A question as it came, with what the answer repeats.
struct Question {
  Ask ask;
  std::string lease;
};

struct Questions {
  std::vector<Question> all;
  bool list = false;
};

/// Strict; the first finding counts, and names its field ("[3].service"). `phase`: none for a look, which has
/// no lease. invalid_input "json.syntax", "json.type", "json.missing", "json.unknown", "edge.subscription",
/// "edge.service", "edge.service_unknown", "edge.lease", "edge.bulk".
[[nodiscard]] Result<Questions> read_questions(std::string_view body, std::optional<Phase> phase,
                                               const ServiceTable& services, const SipKey& feed_key);

}  // namespace dayaq::edge::web
