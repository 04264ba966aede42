// What every opened data folder has, in the order in which it is built: country, database, directories, log.
#pragma once

#include <memory>
#include <optional>

#include "audit/log.hpp"
#include "folder.hpp"
#include "registry/country_pack.hpp"
#include "registry/record.hpp"
#include "store/database.hpp"

namespace dayaq::node {

/// Forwards the registry's changes to whoever follows them once the node is whole.
class ObserverSlot final : public registry::ChangeObserver {
 public:
  void set(registry::ChangeObserver* next) { next_ = next; }
  Result<void> on_change(store::Session& session, const registry::Change& change) override {
    return next_ == nullptr ? Result<void>() : next_->on_change(session, change);
  }

 private:
  registry::ChangeObserver* next_ = nullptr;
};

/// Members are destroyed from the last to the first: the database goes before what its hooks point to is
/// gone.
struct Core {
  SystemClock clock;
  SystemRandom random;
  Configuration configuration;
  registry::CountryPack country;
  std::unique_ptr<registry::OrganisationDirectory> organisations;
  std::optional<registry::Catalogue> catalogue;
  std::unique_ptr<audit::Log> log;
  std::optional<crypto::SigningKey> feed_signer;  ///< signs the feed to the operators' edges
  ObserverSlot observer;
  std::optional<registry::Registry> registry;
  std::unique_ptr<store::Database> database;

  /// Opens for writing: migrates, gives numbers to what is new in the country pack, adds hooks.
  static Result<std::unique_ptr<Core>> open(const std::filesystem::path& data,
                                            const std::filesystem::path& country);
  /// Opens beside another process, for reading alone; without `log`, `feed_signer` and `registry`.
  static Result<std::unique_ptr<Core>> open_to_read(const std::filesystem::path& data,
                                                    const std::filesystem::path& country);
};

}  // namespace dayaq::node
