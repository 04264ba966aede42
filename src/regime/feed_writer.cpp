#include "regime/feed_writer.hpp"

#include <algorithm>

namespace dayaq::regime {
namespace {

// The wire's numbers are its own; that they are the same ones is checked here once and for all.
static_assert(int(BenefitKind::voice) == int(feed::Benefit::voice) &&
              int(BenefitKind::room) == int(feed::Benefit::room));
static_assert(int(Unit::none) == int(feed::Unit::none) && int(Unit::percent) == int(feed::Unit::percent));
static_assert(int(QuotaPeriod::day) == int(feed::QuotaPeriod::day) &&
              int(QuotaPeriod::regime) == int(feed::QuotaPeriod::regime));
static_assert(int(WhenUsedUp::limited) == int(feed::WhenUsedUp::limited) &&
              int(WhenSilent::open) == int(feed::WhenSilent::open));

}  // namespace

feed::Definition definition_of(const LawfulMeasure& measure, MeasureNumber number) {
  feed::Definition out{.measure = number,
                       .regime_version = std::uint32_t(measure.version->regime.version),
                       .regime = measure.version->regime.code.value(),
                       .period = measure.period,
                       .benefits = {}};
  for (const Benefit& benefit : measure.measure->benefits) {
    if (benefit.delivered_on == 0) continue;  // what goes to the person is no operator's business
    out.benefits.push_back({.kind = feed::Benefit(benefit.kind),
                            .unit = feed::Unit(benefit.unit),
                            .quota_period = feed::QuotaPeriod(benefit.quota_period),
                            .delivered_on = benefit.delivered_on,
                            .percent = std::uint8_t(benefit.percent),
                            .limited = benefit.quota.has_value(),
                            .quota = benefit.quota.value_or(0),
                            .when_used_up = feed::WhenUsedUp(benefit.when_used_up),
                            .when_silent = feed::WhenSilent(benefit.when_silent),
                            .open_bound = benefit.open_bound,
                            .traffic_class = benefit.traffic_class.value()});
  }
  return out;
}

feed::GrantList wire_grants(std::span<const LineGrant> grants) {
  feed::GrantList out;
  for (const LineGrant& grant : grants) out.push_back({.measure = grant.measure, .until = grant.until});
  return out;
}

std::size_t FeedWriter::ListHash::operator()(const std::vector<LineGrant>& grants) const {
  std::uint64_t hash = grants.size();
  for (const LineGrant& grant : grants) {
    hash = (hash ^ std::uint64_t(to_micros(grant.until)) ^ std::uint64_t(grant.measure) << 40) *
           0x9e3779b97f4a7c15u;
    hash ^= hash >> 31;
  }
  return hash;
}

FeedWriter::Draft& FeedWriter::draft(OrganisationIndex provider) {
  const auto [found, fresh] = drafts_.try_emplace(provider);
  Draft& draft = found->second;
  if (fresh) {
    draft.provider = provider;
    const auto end = ends_.find(provider);
    draft.next = end == ends_.end() ? 1 : end->second + 1;
  }
  if (draft.block.operator_code.empty()) {
    draft.block.operator_code = code_(provider);
    draft.block.first_sequence = draft.next;
  }
  return draft;
}

void FeedWriter::define(OrganisationIndex provider, feed::Definition definition) {
  Draft& draft = this->draft(provider);
  draft.block.definitions.push_back(std::move(definition));
  ++draft.next;
  if (draft.block.definitions.size() == feed::definitions_max) finish(draft);
}

void FeedWriter::say(OrganisationIndex provider, LineKey key, std::span<const LineGrant> grants) {
  Draft& draft = this->draft(provider);
  const bool same = !draft.block.lists.empty() && std::ranges::equal(draft.last, grants);
  if (!same) {
    draft.last.assign(grants.begin(), grants.end());
    const auto [found, fresh] = draft.lists.try_emplace(draft.last, std::uint16_t(draft.block.lists.size()));
    if (fresh) draft.block.lists.push_back(wire_grants(grants));
    draft.last_list = found->second;
  }
  draft.block.lines.push_back({.key = key, .list = draft.last_list});
  ++draft.next;
  if (draft.block.lines.size() == feed_block_lines) finish(draft);
}

void FeedWriter::finish(Draft& draft) {
  if (draft.block.definitions.empty() && draft.block.lines.empty()) return;
  draft.block.created = now_;
  finished_.push_back({.provider = draft.provider,
                       .first_sequence = draft.block.first_sequence,
                       .last_sequence = draft.block.last_sequence(),
                       .bytes = std::make_shared<const Bytes>(feed::encode(draft.block, signer_))});
  draft.block = {};
  draft.lists.clear();
  draft.last.clear();
}

Result<std::vector<FeedBlock>> FeedWriter::write(store::Session& session) {
  for (auto& [provider, draft] : drafts_) finish(draft);
  for (const FeedBlock& row : finished_) {
    DAYAQ_TRY_OK(FeedStore::insert_block(
        session, row.provider,
        {.first_sequence = row.first_sequence, .last_sequence = row.last_sequence, .block = *row.bytes},
        now_));
  }
  return std::move(finished_);
}

}  // namespace dayaq::regime
