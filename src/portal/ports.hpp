// What the portal asks of the rest of the house. Small interfaces that apps wires; all are called from any
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "regime/preview.hpp"
#include "regime/types.hpp"

namespace dayaq::portal {

using Versions = std::vector<std::shared_ptr<const regime::RegimeVersion>>;

class RegimeBook {
 public:
  virtual ~RegimeBook() = default;
  /// All versions that were ever submitted, by code and version.
  [[nodiscard]] virtual Versions versions() = 0;
};

/// Previews by district over the whole population as it is now.
class Previews {
 public:
  virtual ~Previews() = default;
  /// @see regime::preview_draft
  [[nodiscard]] virtual Result<regime::Preview> of_draft(const regime::Regime& draft) = 0;
  /// @see regime::preview_law
  [[nodiscard]] virtual Result<regime::Preview> of_law(const RegimeCode& code) = 0;
};

/// The audit log as the portal reads it.
class AuditLeaves {
 public:
  virtual ~AuditLeaves() = default;
  [[nodiscard]] virtual std::uint64_t size() = 0;
  /// The canonical JSON of an entry.
  [[nodiscard]] virtual Result<std::string> leaf(std::uint64_t index) = 0;
  /// The signed checkpoint.
  [[nodiscard]] virtual std::string checkpoint() = 0;
};

/// One of an operator's edges, and how far behind its feed it is.
struct FeedEdge {
  std::string name;
  std::uint64_t behind = 0;             ///< lines that it hasn't confirmed
  std::chrono::seconds age{0};          ///< of the first of them
  std::optional<Instant> silent_since;  ///< when it was last heard, if that is too long ago; else nullopt
  bool heard = true;                    ///< false: never yet
};

struct FeedState {
  LocalizedText provider;
  std::uint64_t sequence = 0;   ///< of the last change, 0 if there was none
  std::optional<Instant> last;  ///< when that was
  std::vector<FeedEdge> edges;  ///< those enrolled; empty: none is connected
};

/// One part of the node and whether it works.
struct PartState {
  enum class Part : std::uint8_t { database, population, audit, feed };
  Part part = Part::database;
  bool up = true;
  std::string detail;  ///< in no need of translation: "SQLite 3.40", a number; "" if there is nothing to add
};

class LiveFigures {
 public:
  virtual ~LiveFigures() = default;
  [[nodiscard]] virtual std::uint64_t persons() = 0;
  [[nodiscard]] virtual std::uint64_t lines() = 0;
  [[nodiscard]] virtual std::vector<PartState> parts() = 0;
  [[nodiscard]] virtual Result<std::vector<FeedState>> feeds() = 0;
};

}  // namespace dayaq::portal
