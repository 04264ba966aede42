#include "registry/organisations.hpp"

#include <algorithm>
#include <mutex>

namespace dayaq::registry {
namespace {

std::string join(const std::vector<StatusCode>& codes) {
  std::string out;
  for (const StatusCode& code : codes) out.append(out.empty() ? "" : ",").append(code.value());
  return out;
}

std::vector<StatusCode> split(std::string_view text) {
  std::vector<StatusCode> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    out.emplace_back(std::string(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

bool same(const Organisation& a, const Organisation& b) {
  return a.code == b.code && a.kind == b.kind && a.name == b.name && a.issues == b.issues;
}

}  // namespace

Result<void> OrganisationDirectory::load(store::Session& session) {
  return session.query(
      "SELECT number, code, kind, name_az, name_en, name_ru, issues FROM organisation ORDER BY number", {},
      [&](const store::Row& row) -> Result<bool> {
        Organisation organisation;
        organisation.code = OrganisationCode(std::string(row.text(1)));
        DAYAQ_TRY(organisation.kind, parse_organisation_kind(row.text(2)));
        organisation.name = {std::string(row.text(3)), std::string(row.text(4)), std::string(row.text(5))};
        organisation.issues = split(row.text(6));
        const std::unique_lock lock(mutex_);
        set(static_cast<OrganisationIndex>(row.integer(0)), item(std::move(organisation)));
        return true;
      });
}

std::size_t OrganisationDirectory::size() const {
  const std::shared_lock lock(mutex_);
  return items_.size();
}

OrganisationDirectory::Handle OrganisationDirectory::at(OrganisationIndex index) const {
  const std::shared_lock lock(mutex_);
  return items_.at(index).organisation;
}

std::optional<OrganisationIndex> OrganisationDirectory::find(std::string_view code) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_code_.find(code);
  if (found == by_code_.end()) return std::nullopt;
  return found->second;
}

bool OrganisationDirectory::may_issue(OrganisationIndex issuer, StatusIndex status) const {
  const std::shared_lock lock(mutex_);
  return issuer < items_.size() && items_[issuer].issues.test(status);
}

bool OrganisationDirectory::may_provide(OrganisationIndex provider, SubscriptionKind kind) const {
  const std::shared_lock lock(mutex_);
  if (provider >= items_.size()) return false;
  const OrganisationKind is = items_[provider].organisation->kind;
  if (kind == SubscriptionKind::mobile) return is == OrganisationKind::mobile_operator;
  return is == OrganisationKind::internet_provider || is == OrganisationKind::tv_operator;
}

std::vector<OrganisationDirectory::Handle> OrganisationDirectory::all() const {
  const std::shared_lock lock(mutex_);
  std::vector<Handle> out;
  for (const Item& item : items_) out.push_back(item.organisation);
  return out;
}

Result<OrganisationDirectory::Put> OrganisationDirectory::put(store::Session& session,
                                                              const Organisation& organisation) {
  // The newest version: written by this group, or committed.
  std::optional<OrganisationIndex> index = find(organisation.code.value());
  Handle before = index ? at(*index) : nullptr;
  std::size_t next = size();
  for (const auto& [number, pending] : pending_) {
    next = std::max(next, static_cast<std::size_t>(number) + 1);
    if (pending.organisation->code != organisation.code) continue;
    index = number;
    before = pending.organisation;
  }
  if (before && same(*before, organisation)) return Put{*index, false};
  if (!index) {
    if (next > 65534) {
      return fail(ErrorKind::limit, "registry.organisations", "There are too many organisations.");
    }
    index = static_cast<OrganisationIndex>(next);
  }
  const std::string issues = join(organisation.issues);
  DAYAQ_TRY_OK(session.exec(
      "INSERT INTO organisation (number, code, kind, name_az, name_en, name_ru, issues) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO UPDATE SET kind = excluded.kind, "
      "name_az = excluded.name_az, name_en = excluded.name_en, name_ru = excluded.name_ru, issues = "
      "excluded.issues",
      {std::int64_t(*index), std::string_view(organisation.code.value()), to_string(organisation.kind),
       std::string_view(organisation.name.az), std::string_view(organisation.name.en),
       std::string_view(organisation.name.ru), std::string_view(issues)}));
  pending_.emplace_back(*index, item(organisation));
  return Put{*index, true};
}

void OrganisationDirectory::after_commit() noexcept {
  if (pending_.empty()) return;
  const std::unique_lock lock(mutex_);
  for (auto& [index, item] : pending_) set(index, std::move(item));
  pending_.clear();
}

OrganisationDirectory::Item OrganisationDirectory::item(Organisation organisation) const {
  Item out;
  for (const StatusCode& code : organisation.issues) {
    if (const auto status = pack_.find_status(code.value())) out.issues.set(*status);
  }
  out.organisation = std::make_shared<const Organisation>(std::move(organisation));
  return out;
}

void OrganisationDirectory::set(OrganisationIndex index, Item item) {
  DAYAQ_ASSERT(index <= items_.size());  // numbers have no gaps
  by_code_[item.organisation->code.value()] = index;
  if (index == items_.size()) {
    items_.push_back(std::move(item));
  } else {
    items_[index] = std::move(item);
  }
}

}  // namespace dayaq::registry
