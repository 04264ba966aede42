// The edges of one operator tell each other what they counted: each follows the journals of the others.
//
// GET /v1/peer/usage?edge=E&after=N&kept=K&wait=S, Authorization: Bearer, asked by edge number E: records
// after number N; if there are none yet, the answer waits up to S seconds for some. K: the last record that
// E has on its own disk. The answer, application/octet-stream, little-endian:
//
//   "DYP1" | crc32c u32 | edge u8 | zero u8 x 3 | count u32 | through u64 | last u64 | knows u64 |
//   count x (number u64 | record, as in the journal)
//
// `through`: the last record that was looked at (copies of what E said itself are passed over). `knows`: the
// last of E's records that the answering edge had applied when its own journal ended at `last`. The checksum
// is over all with its own four bytes zero.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "edge/engine.hpp"
#include "http/router.hpp"

namespace dayaq::edge {

inline constexpr std::size_t peer_records_max = 4096;  ///< in one answer

struct PeerUsage {
  std::uint8_t edge = 0;
  std::uint64_t through = 0;
  std::uint64_t last = 0;
  std::uint64_t knows = 0;
  std::vector<std::pair<std::uint64_t, Record>> records;
  friend bool operator==(const PeerUsage&, const PeerUsage&) = default;
};
[[nodiscard]] Bytes encode(const PeerUsage& usage);
/// Strict: the whole of `in`, numbers rising and at most `through`, records of the edge itself, not copies.
/// invalid_input "peer.magic", "peer.truncated", "peer.checksum", "peer.value".
[[nodiscard]] Result<PeerUsage> decode_peer_usage(BytesView in);

/// Another edge of the operator.
struct Sibling {
  std::uint8_t edge = 0;  ///< its number
  std::string url;        ///< "https://edge2.operator.example:8443"
  std::string token;      ///< what it expects of us
  std::string tls_authority;
};

struct SiblingsOptions {
  std::uint8_t edge = 1;                    ///< our number, as in EngineOptions
  std::vector<Sibling> siblings;            ///< whom we follow
  std::vector<std::string> tokens;          ///< any of which a sibling must show us
  std::chrono::seconds sibling_silence{5};  ///< as in EngineOptions: polls wait a third of it
};

/// Follows and is followed. The engine, journal and clock must outlive it, and it the server of the router.
class Siblings {
 public:
  static std::unique_ptr<Siblings> create(SiblingsOptions options, Engine& engine, Journal& journal,
                                          const Clock& clock);
  virtual ~Siblings() = default;
  /// Adds the route. unauthenticated "peer.token", invalid_input "peer.query", limit "journal.trimmed".
  virtual void add_routes(http::Router& router) = 0;
  /// Starts following; one thread a sibling.
  virtual void start() = 0;
  /// Ends all threads; called by the destructor. Waits for polls that are under way, a few seconds at most.
  virtual void stop() = 0;

  struct State {
    std::uint8_t edge = 0;
    bool heard = false;         ///< the last poll was answered
    std::uint64_t through = 0;  ///< of its journal
    std::uint64_t behind = 0;   ///< records that it had and we had not, when it last answered
    std::string trouble;        ///< error code of the last poll; empty if it was answered
  };
  [[nodiscard]] virtual std::vector<State> state() const = 0;  ///< any thread
};

}  // namespace dayaq::edge
