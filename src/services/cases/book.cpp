#include "services/cases/book.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/bytes.hpp"
#include "crypto/sign.hpp"
#include "services/cases/book_store.hpp"

namespace dayaq::services {
namespace {

constexpr std::string_view action_submit = "service.submit";
constexpr std::string_view action_publish = "service.publish";
constexpr std::string_view action_suspend = "service.suspend";
constexpr std::string_view action_resume = "service.resume";

bool was_published(const ServiceVersion& version) {
  return version.published != instant_max;
}

/// People find it: it is published, or suspended with the reason.
bool stands(const ServiceVersion& version) {
  return version.state == ServiceState::published || version.state == ServiceState::suspended;
}

ServiceRow row_of(const ServiceVersion& version) {
  return {.code = version.service.code.value(),
          .version = version.service.version,
          .source = version.service.source,
          .state = version.state,
          .submitted_by = version.submitted_by,
          .submitted = version.submitted,
          .published_by = version.published_by,
          .published = version.published,
          .because = version.suspended_because,
          .acts = version.acts};
}

ServiceVersion version_of(ServiceRow row, Service service) {
  service.version = row.version;
  return {.service = std::move(service),
          .state = row.state,
          .submitted_by = std::move(row.submitted_by),
          .submitted = row.submitted,
          .published_by = std::move(row.published_by),
          .published = row.published,
          .suspended_because = std::move(row.because),
          .acts = row.acts};
}

std::pair<std::string_view, int> place_of(const ServiceHandle& version) {
  return {version->service.code.value(), version->service.version};
}

std::vector<ServiceHandle> of_code(const std::vector<ServiceHandle>& versions, const ServiceCode& code) {
  std::vector<ServiceHandle> found;
  for (const ServiceHandle& version : versions) {
    if (version->service.code == code) found.push_back(version);
  }
  return found;
}

std::shared_ptr<const Published> published_of(const std::vector<ServiceHandle>& versions) {
  auto out = std::make_shared<Published>();
  for (const ServiceHandle& version : versions) {
    out->edition += static_cast<std::uint64_t>(version->acts);
    if (stands(*version)) out->services.push_back(version);
  }
  return out;
}

std::unexpected<Error> unknown_service() {
  return fail(ErrorKind::not_found, "service.unknown",
              "There is no service of this code. Look at the list of services.");
}

std::unexpected<Error> no_move(const Service& service, int version, std::string what) {
  return fail(ErrorKind::conflict, "service.move",
              fmt::format("`moves` of {} speaks of version {}, {}. Look at its versions.",
                          service.code.value(), version, what));
}

/// Whether the answers of running cases can become answers of this version as `moves` says.
Result<void> check_moves(const Service& service, const std::vector<ServiceHandle>& known) {
  for (const auto& [version, names] : service.moves) {
    const auto old = std::ranges::find_if(
        known, [&](const ServiceHandle& one) { return one->service.version == version; });
    if (old == known.end() || !was_published(**old))
      return no_move(service, version, "which was never published");
    for (const auto& [from, to] : names) {
      const Field* before = (*old)->service.find(from);
      if (before == nullptr) return no_move(service, version, fmt::format("which has no field `{}`", from));
      const Field* after = to.empty() ? nullptr : service.find(to);
      if (!to.empty() && (after == nullptr || after->kind != before->kind))
        return no_move(service, version, fmt::format("whose `{}` is of another kind than `{}`", from, to));
    }
  }
  return {};
}

}  // namespace

std::string_view to_string(ServiceState state) {
  constexpr std::array<std::string_view, 5> words{"submitted", "published", "superseded", "suspended",
                                                  "withdrawn"};
  return words[static_cast<std::size_t>(state)];
}

ServiceHandle Published::find(std::string_view code) const {
  const auto found = std::ranges::lower_bound(services, code, {}, [](const ServiceHandle& one) {
    return std::string_view(one->service.code.value());
  });
  return found != services.end() && (*found)->service.code.value() == code ? *found : nullptr;
}

Result<void> ServiceBook::load(store::Session& session) {
  State state;
  DAYAQ_TRY_OK(BookStore::each(session, [&](ServiceRow row) -> Result<bool> {
    auto service = parse_service(row.source, context_);
    if (!service) {
      const Error& first = service.error().front();
      return fail(
          ErrorKind::conflict, "service.stored",
          fmt::format("The stored service {} (version {}) can't be read any more: line {}, {} Put back "
                      "what it names.",
                      row.code, row.version, first.line, first.public_text));
    }
    state.versions.push_back(
        std::make_shared<const ServiceVersion>(version_of(std::move(row), std::move(*service))));
    return true;
  }));
  // The database's order of text may be another than ours.
  std::ranges::sort(state.versions, {}, place_of);
  state.published = published_of(state.versions);
  working_ = std::make_shared<const State>(std::move(state));
  mark_ = working_;
  after_commit();
  return {};
}

ServiceBook::StateHandle ServiceBook::committed() const {
  const std::lock_guard lock(mutex_);
  return committed_;
}

std::shared_ptr<const Published> ServiceBook::published() const {
  return committed()->published;
}
std::vector<ServiceHandle> ServiceBook::versions() const {
  return committed()->versions;
}
std::vector<ServiceHandle> ServiceBook::versions_of(const ServiceCode& code) const {
  return of_code(committed()->versions, code);
}

ServiceHandle ServiceBook::find(const ServiceCode& code, int version) const {
  const StateHandle state = committed();
  const std::pair<std::string_view, int> wanted{code.value(), version};
  const auto found = std::ranges::lower_bound(state->versions, wanted, {}, place_of);
  if (found == state->versions.end() || place_of(*found) != wanted || !was_published(**found)) return nullptr;
  return *found;
}

void ServiceBook::after_commit() noexcept {
  const std::lock_guard lock(mutex_);
  committed_ = working_;
}

void ServiceBook::after_rollback() noexcept {
  working_ = committed();
  mark_ = working_;
}

Result<void> ServiceBook::check_provider(const Service& service, const std::string& actor) const {
  constexpr std::string_view of_organisation = "org:";
  if (actor.starts_with(of_organisation)) {
    const std::string_view code = std::string_view(actor).substr(of_organisation.size());
    const auto organisation = context_.providers.find(code.substr(0, code.find('/')));
    if (organisation && organisation->index == service.provider) return {};
  }
  return fail(ErrorKind::forbidden, "service.provider",
              "This service is another organisation's. Its own officials do this.");
}

/// What people find of a service.
Result<ServiceHandle> ServiceBook::current(const ServiceCode& code) const {
  const ServiceHandle found = working_->published->find(code.value());
  if (!found) return unknown_service();
  return found;
}

Result<ServiceHandle> ServiceBook::submit(store::Session& session, const Service& service,
                                          const std::string& actor, Instant now) {
  DAYAQ_TRY_OK(check_provider(service, actor));
  State next = *working_;
  const auto known = of_code(next.versions, service.code);
  // A code stays its first provider's: nobody takes over another's service by a file.
  if (!known.empty()) DAYAQ_TRY_OK(check_provider(known.front()->service, actor));
  DAYAQ_TRY_OK(check_moves(service, known));
  for (const ServiceHandle& other : known) {
    if (other->state != ServiceState::submitted) continue;
    ServiceVersion withdrawn = *other;
    withdrawn.state = ServiceState::withdrawn;
    DAYAQ_TRY_OK(change(session, next, std::move(withdrawn)));
  }
  ServiceVersion version{.service = service, .submitted_by = actor, .submitted = now};
  version.service.version = known.empty() ? 1 : known.back()->service.version + 1;
  DAYAQ_TRY_OK(BookStore::insert(session, row_of(version)));
  auto handle = std::make_shared<const ServiceVersion>(std::move(version));
  next.versions.insert(std::ranges::upper_bound(next.versions, place_of(handle), {}, place_of), handle);
  DAYAQ_TRY_OK(finish(session, std::move(next), *handle, action_submit, actor));
  return handle;
}

Result<ServiceHandle> ServiceBook::publish(store::Session& session, const ServiceCode& code, int version,
                                           const std::string& actor, Instant now) {
  State next = *working_;
  const auto known = of_code(next.versions, code);
  if (known.empty()) return unknown_service();
  const auto found =
      std::ranges::find_if(known, [&](const ServiceHandle& one) { return one->service.version == version; });
  if (found == known.end()) {
    return fail(ErrorKind::not_found, "service.version",
                "There is no such version of this service. Look at its versions.");
  }
  DAYAQ_TRY_OK(check_provider((*found)->service, actor));
  if ((*found)->state != ServiceState::submitted) {
    return fail(ErrorKind::conflict, "service.decided",
                "This version doesn't wait for publication. Look at the newest version.");
  }
  if ((*found)->submitted_by == actor) {
    return fail(ErrorKind::forbidden, "service.same_official",
                "You submitted this version yourself. Another official must publish it.");
  }
  DAYAQ_TRY_OK(check_moves((*found)->service, known));
  // What it names may be gone since it was submitted.
  if (auto read = read_file((*found)->service.source); !read) {
    return std::unexpected(std::move(read).error().front());
  }
  for (const ServiceHandle& other : known) {
    if (!stands(*other)) continue;
    ServiceVersion superseded = *other;
    superseded.state = ServiceState::superseded;
    superseded.suspended_because = {};
    DAYAQ_TRY_OK(change(session, next, std::move(superseded)));
  }
  ServiceVersion published = **found;
  published.state = ServiceState::published;
  published.published_by = actor;
  published.published = now;
  DAYAQ_TRY(ServiceHandle handle, change(session, next, std::move(published)));
  DAYAQ_TRY_OK(finish(session, std::move(next), *handle, action_publish, actor));
  return handle;
}

Result<ServiceHandle> ServiceBook::suspend(store::Session& session, const ServiceCode& code,
                                           const LocalizedText& because, const std::string& actor, Instant) {
  DAYAQ_TRY(const ServiceHandle standing, current(code));
  DAYAQ_TRY_OK(check_provider(standing->service, actor));
  if (because.az.empty())
    return fail_field("service.reason", "because.az", "Say why, in words: who wants to apply reads it.");
  if (standing->state == ServiceState::suspended)
    return fail(ErrorKind::conflict, "service.decided", "This service is suspended already.");
  State next = *working_;
  ServiceVersion suspended = *standing;
  suspended.state = ServiceState::suspended;
  suspended.suspended_because = because;
  DAYAQ_TRY(ServiceHandle handle, change(session, next, std::move(suspended)));
  DAYAQ_TRY_OK(finish(session, std::move(next), *handle, action_suspend, actor));
  return handle;
}

Result<ServiceHandle> ServiceBook::resume(store::Session& session, const ServiceCode& code,
                                          const std::string& actor, Instant) {
  DAYAQ_TRY(const ServiceHandle standing, current(code));
  DAYAQ_TRY_OK(check_provider(standing->service, actor));
  if (standing->state != ServiceState::suspended)
    return fail(ErrorKind::conflict, "service.decided", "This service isn't suspended.");
  State next = *working_;
  ServiceVersion resumed = *standing;
  resumed.state = ServiceState::published;
  resumed.suspended_because = {};
  DAYAQ_TRY(ServiceHandle handle, change(session, next, std::move(resumed)));
  DAYAQ_TRY_OK(finish(session, std::move(next), *handle, action_resume, actor));
  return handle;
}

Result<ServiceHandle> ServiceBook::change(store::Session& session, State& next, ServiceVersion changed) {
  ++changed.acts;
  DAYAQ_TRY_OK(BookStore::update(session, row_of(changed)));
  auto handle = std::make_shared<const ServiceVersion>(std::move(changed));
  const auto place = std::ranges::lower_bound(next.versions, place_of(handle), {}, place_of);
  DAYAQ_ASSERT(place != next.versions.end() && place_of(*place) == place_of(handle));
  *place = handle;
  return handle;
}

Result<void> ServiceBook::finish(store::Session& session, State next, const ServiceVersion& version,
                                 std::string_view action, const std::string& actor) {
  const auto digest = crypto::sha256(as_bytes(version.service.source));
  std::string data = fmt::format(R"({{"code":"{}","file_sha256":"{}","version":{}}})",
                                 version.service.code.value(), to_hex(digest), version.service.version);
  DAYAQ_TRY_OK(log_.append(session, {.action = action, .actor = actor, .data = std::move(data)}));
  next.published = published_of(next.versions);
  working_ = std::make_shared<const State>(std::move(next));
  return {};
}

}  // namespace dayaq::services
