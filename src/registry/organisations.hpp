// The organisations of a node, in memory, following commits.
#pragma once

#include <bitset>
#include <deque>
#include <map>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "registry/country_pack.hpp"
#include "store/database.hpp"

namespace dayaq::registry {

/// Code <-> index. An organisation is never taken away, so that its index (and its number in the database,
/// which is the same) stays good for ever. Reading is safe from any thread.
class OrganisationDirectory final : public store::CommitHook {
 public:
  using Handle =
      std::shared_ptr<const Organisation>;  // shared: a change replaces it while others still read it

  explicit OrganisationDirectory(const CountryPack& pack) : pack_(pack) {}
  /// Reads what is stored. Call once, before the directory is added to the database as a hook.
  Result<void> load(store::Session& session);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] Handle at(OrganisationIndex index) const;  ///< index < size()
  [[nodiscard]] std::optional<OrganisationIndex> find(std::string_view code) const;
  [[nodiscard]] bool may_issue(OrganisationIndex issuer, StatusIndex status) const;
  /// A mobile line is held with a mobile operator; fixed lines and TV with internet providers and TV
  /// operators.
  [[nodiscard]] bool may_provide(OrganisationIndex provider, SubscriptionKind kind) const;
  [[nodiscard]] std::vector<Handle> all() const;

  /// Inserts the organisation or, if its code is known, replaces name, kind and issues; seen by readers after
  /// the commit. Returns its index and whether anything changed. Writer thread only. limit
  /// "registry.organisations" beyond 65535 of them.
  struct Put {
    OrganisationIndex index;
    bool changed;
  };
  Result<Put> put(store::Session& session, const Organisation& organisation);

  void begin_transaction() override { mark_ = pending_.size(); }
  void discard_transaction() override { pending_.resize(mark_); }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override { pending_.clear(); }

 private:
  struct Item {
    Handle organisation;
    std::bitset<256> issues;
  };
  [[nodiscard]] Item item(Organisation organisation) const;
  void set(OrganisationIndex index, Item item);  ///< with the lock held

  const CountryPack& pack_;
  mutable std::shared_mutex mutex_;
  std::deque<Item> items_;
  std::map<std::string, OrganisationIndex, std::less<>> by_code_;
  /// Writer thread only: what this group has written and not yet committed.
  std::vector<std::pair<OrganisationIndex, Item>> pending_;
  std::size_t mark_ = 0;
};

}  // namespace dayaq::registry
