// All versions of all services, following commits: submitted by one official of the provider, published by
// another, suspended and taken up again. The same life as a regime's (regime/lifecycle.hpp).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "services/file.hpp"
#include "store/database.hpp"

namespace dayaq::services {

enum class ServiceState : std::uint8_t { submitted, published, superseded, suspended, withdrawn };
[[nodiscard]] std::string_view to_string(ServiceState state);

struct ServiceVersion {
  Service service;
  ServiceState state = ServiceState::submitted;
  std::string submitted_by;  ///< actor
  Instant submitted;
  std::string published_by;  ///< another actor
  Instant published = instant_max;
  LocalizedText suspended_because;  ///< said to who wants to apply
  std::int64_t acts = 0;            ///< how often its standing has changed since it was submitted
};
using ServiceHandle = std::shared_ptr<const ServiceVersion>;

/// What is published, as readers see it: immutable.
struct Published {
  std::vector<ServiceHandle> services;  ///< by code; suspended ones too
  std::uint64_t edition = 0;  ///< grows with each change, over restarts too: what is cached is of one edition
  [[nodiscard]] ServiceHandle find(std::string_view code) const;
};

/// Add it to the database as a hook. Steps run inside the caller's write transaction; `actor` is who does
/// them, "org:CODE/...". Errors besides the store's:
///   not_found "service.unknown"         nothing of this code, or nothing that is published
///   not_found "service.version"
///   invalid_input, publish: its file names a regime or a calendar that isn't there any more; with line and
///   column conflict  "service.decided"         publish: it was published or withdrawn before; suspend,
///   resume: it is forbidden "service.same_official"   publish: who submitted it doesn't publish it forbidden
///   "service.provider"        it is another organisation's conflict  "service.move"            `moves` names
///   a version that was never published, a field that it
///                                       hadn't, or a field of another kind
///
/// A submission withdraws what waits; a publication supersedes what was published, whose running cases finish
/// under their own version or are moved.
class ServiceBook final : public store::CommitHook {
 public:
  ServiceBook(regime::FileContext context, audit::Log& log) : context_(std::move(context)), log_(log) {}
  /// conflict "service.stored" if a stored file can't be read any more.
  Result<void> load(store::Session& session);

  /// What files are read against.
  [[nodiscard]] const regime::FileContext& files() const { return context_; }
  /// What files may name besides: asked whenever one is read anew, and once more when it is published; not of
  /// versions that are stored already. Before the first write.
  void know(NamedElsewhere elsewhere) { elsewhere_ = std::move(elsewhere); }
  /// A file as an official brings it: parse_service() with all that is known here.
  [[nodiscard]] std::expected<Service, Errors> read_file(std::string_view text) const {
    return parse_service(text, context_, elsewhere_);
  }

  // -- the committed state; any thread
  [[nodiscard]] std::shared_ptr<const Published> published() const;
  [[nodiscard]] std::vector<ServiceHandle> versions_of(const ServiceCode& code) const;
  [[nodiscard]] std::vector<ServiceHandle> versions() const;
  /// Any version that was ever published, for running cases.
  [[nodiscard]] ServiceHandle find(const ServiceCode& code, int version) const;

  // -- steps
  Result<ServiceHandle> submit(store::Session& session, const Service& service, const std::string& actor,
                               Instant now);
  Result<ServiceHandle> publish(store::Session& session, const ServiceCode& code, int version,
                                const std::string& actor, Instant now);
  Result<ServiceHandle> suspend(store::Session& session, const ServiceCode& code,
                                const LocalizedText& because, const std::string& actor, Instant now);
  Result<ServiceHandle> resume(store::Session& session, const ServiceCode& code, const std::string& actor,
                               Instant now);

  void begin_transaction() override { mark_ = working_; }
  void discard_transaction() override { working_ = mark_; }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override;

 private:
  struct State {
    std::vector<ServiceHandle> versions;  // by code and version
    std::shared_ptr<const Published> published = std::make_shared<const Published>();
  };
  using StateHandle = std::shared_ptr<const State>;

  [[nodiscard]] StateHandle committed() const;
  [[nodiscard]] Result<void> check_provider(const Service& service, const std::string& actor) const;
  Result<ServiceHandle> current(const ServiceCode& code) const;
  Result<ServiceHandle> change(store::Session& session, State& next, ServiceVersion changed);
  Result<void> finish(store::Session& session, State next, const ServiceVersion& version,
                      std::string_view action, const std::string& actor);

  regime::FileContext context_;
  NamedElsewhere elsewhere_;
  audit::Log& log_;
  mutable std::mutex mutex_;  // guards committed_
  StateHandle committed_ = std::make_shared<const State>();
  StateHandle working_ = committed_;  // writer thread only
  StateHandle mark_ = committed_;
};

}  // namespace dayaq::services
