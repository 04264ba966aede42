#include "regime/preview.hpp"

#include <algorithm>

#include "regime/rule.hpp"

namespace dayaq::regime {
namespace {

/// A measure on one side of a comparison.
struct Candidate {
  RegimeCode regime;
  int version = 0;
  const Measure* measure = nullptr;
  Rule rule;
  Period period;
};

std::uint8_t kinds_of(const Measure& measure) {
  unsigned kinds = 0;
  for (const Benefit& benefit : measure.benefits) kinds |= benefit.delivered_on;
  return std::uint8_t(kinds);
}

bool from_provider(const Measure& measure, OrganisationIndex provider) {
  return measure.providers.empty() ||
         std::ranges::find(measure.providers, provider) != measure.providers.end();
}

std::vector<Candidate> in_force(const Law& law, Instant t, const RegimeCode& code) {
  std::vector<Candidate> out;
  for (const std::size_t i : law.in_force_at(t)) {
    const LawfulMeasure& lawful = law.measures()[i];
    const Regime& regime = lawful.version->regime;
    if (!code.value().empty() && regime.code != code) continue;
    out.push_back({.regime = regime.code,
                   .version = regime.version,
                   .measure = lawful.measure,
                   .rule = lawful.rule,
                   .period = lawful.period});
  }
  return out;
}

/// Lays out what is to be counted, counts it, and reads the report off the counts. Equal rules are counted
/// once.
class Comparison {
 public:
  Comparison(const PopulationAt& at, std::vector<Candidate> after, std::vector<Candidate> before)
      : at_(at), after_(std::move(after)), before_(std::move(before)) {
    everybody_ = rule_index(Rule{});
    for (const Candidate& each : after_) {
      const std::size_t rule = rule_index(each.rule);
      after_rules_.push_back(rule);
      want_layers(rule, *each.measure);
    }
    for (const Candidate& each : before_) before_rules_.push_back(rule_index(each.rule));
    any_ = unions_.size();
    unions_.push_back({.any = after_rules_, .none = {}});
    unions_.push_back({.any = after_rules_, .none = before_rules_});
    unions_.push_back({.any = before_rules_, .none = after_rules_});
    for (std::size_t i = 0; i < after_.size(); ++i) {
      const auto same = former(after_[i]);
      before_of_after_.push_back(same);
      unions_.push_back({.any = {after_rules_[i]},
                         .none = same ? std::vector{before_rules_[*same]} : std::vector<std::size_t>{}});
      unions_.push_back({.any = same ? std::vector{before_rules_[*same]} : std::vector<std::size_t>{},
                         .none = {after_rules_[i]}});
    }
  }

  Preview report(const PreviewOptions& options, bool compare) {
    const Counts counts = count_rules(at_, rules_, unions_, options.territory, options.threads);
    Preview out{.at = at_.at(),
                .places = counts.places,
                .living = {},
                .measures = {},
                .any = {},
                .any_by_place = std::vector<Reach>(counts.places.size()),
                .bytes = counts.bytes};
    for (std::size_t p = 0; p < counts.places.size(); ++p)
      out.living.push_back(counts.persons_of(everybody_, p));
    for (std::size_t i = 0; i < after_.size(); ++i) out.measures.push_back(measure(counts, i, compare));
    for (std::size_t i = 0; i < before_.size(); ++i) {
      if (compare && !continued(i)) out.measures.push_back(ended(counts, i));
    }
    sum_up(counts, compare, out);
    return out;
  }

 private:
  std::size_t rule_index(const Rule& rule) {
    const auto same = std::ranges::find(rules_, rule, &CountedRule::rule);
    if (same != rules_.end()) return std::size_t(same - rules_.begin());
    rules_.push_back({.rule = rule, .layers = {}});
    return rules_.size() - 1;
  }

  void want_layers(std::size_t rule, const Measure& measure) {
    auto& layers = rules_[rule].layers;
    for (std::size_t l = 0; l < at_.layers().size(); ++l) {
      const LineLayer& layer = at_.layers()[l];
      if (delivers_on(measure, layer.kind, layer.provider) && std::ranges::find(layers, l) == layers.end()) {
        layers.push_back(l);
      }
    }
    std::ranges::sort(layers);
  }

  std::optional<std::size_t> former(const Candidate& candidate) const {
    for (std::size_t i = 0; i < before_.size(); ++i) {
      if (before_[i].regime == candidate.regime && before_[i].measure->code == candidate.measure->code)
        return i;
    }
    return std::nullopt;
  }

  bool continued(std::size_t before) const {
    return std::ranges::find(before_of_after_, std::optional(before)) != before_of_after_.end();
  }

  std::size_t union_row(std::size_t index) const { return rules_.size() + index; }

  MeasurePreview measure(const Counts& counts, std::size_t index, bool compare) const {
    const Candidate& candidate = after_[index];
    const std::size_t rule = after_rules_[index];
    const std::size_t gained = union_row(any_ + 3 + 2 * index);
    MeasurePreview out{.regime = candidate.regime,
                       .version = candidate.version,
                       .code = candidate.measure->code,
                       .ended = false,
                       .total = {},
                       .by_place = std::vector<Reach>(counts.places.size()),
                       .lines = {}};
    std::vector<ReachedLines> by_layer;
    for (const LineLayer& layer : at_.layers()) {
      by_layer.push_back({.kind = layer.kind, .provider = layer.provider, .lines = 0});
    }
    for (std::size_t p = 0; p < counts.places.size(); ++p) {
      Reach& reach = out.by_place[p];
      reach.persons = counts.persons_of(rule, p);
      if (compare) {
        reach.gained = counts.persons_of(gained, p);
        reach.lost = counts.persons_of(gained + 1, p);
      }
      std::array<std::uint64_t, subscription_kinds> lines_of_kind{};
      for (const std::size_t l : rules_[rule].layers) {
        const LineLayer& layer = at_.layers()[l];
        if (!delivers_on(*candidate.measure, layer.kind, layer.provider)) continue;
        const std::uint64_t lines = counts.lines_of(rule, l, p);
        by_layer[l].lines += lines;
        lines_of_kind[std::size_t(layer.kind)] += lines;
        reach.lines += lines;
      }
      reach.cost_qepik = cost(candidate, reach.persons, lines_of_kind);
      add(out.total, reach);
    }
    std::erase_if(by_layer, [](const ReachedLines& lines) { return lines.lines == 0; });
    std::ranges::sort(by_layer, {}, [](const ReachedLines& l) { return std::pair(l.kind, l.provider); });
    out.lines = std::move(by_layer);
    return out;
  }

  MeasurePreview ended(const Counts& counts, std::size_t index) const {
    const Candidate& candidate = before_[index];
    MeasurePreview out{.regime = candidate.regime,
                       .version = candidate.version,
                       .code = candidate.measure->code,
                       .ended = true,
                       .total = {},
                       .by_place = std::vector<Reach>(counts.places.size()),
                       .lines = {}};
    for (std::size_t p = 0; p < counts.places.size(); ++p) {
      out.by_place[p].lost = counts.persons_of(before_rules_[index], p);
      add(out.total, out.by_place[p]);
    }
    return out;
  }

  static std::uint64_t cost(const Candidate& candidate, std::uint64_t persons,
                            const std::array<std::uint64_t, subscription_kinds>& lines) {
    std::uint64_t sum = 0;
    for (const Benefit& benefit : candidate.measure->benefits) {
      std::uint64_t beneficiaries = benefit.delivered_on == 0 ? persons : 0;
      for (std::size_t kind = 0; kind < subscription_kinds; ++kind) {
        if ((benefit.delivered_on >> kind & 1) != 0) beneficiaries += lines[kind];
      }
      sum += monthly_cost(benefit, beneficiaries, candidate.period);
    }
    return sum;
  }

  static void add(Reach& sum, const Reach& reach) {
    sum.persons += reach.persons;
    sum.lines += reach.lines;
    sum.gained += reach.gained;
    sum.lost += reach.lost;
    sum.cost_qepik += reach.cost_qepik;
  }

  void sum_up(const Counts& counts, bool compare, Preview& out) const {
    for (std::size_t p = 0; p < counts.places.size(); ++p) {
      Reach& reach = out.any_by_place[p];
      for (const MeasurePreview& measure : out.measures) add(reach, measure.by_place[p]);
      reach.persons = counts.persons_of(union_row(any_), p);
      reach.gained = compare ? counts.persons_of(union_row(any_ + 1), p) : 0;
      reach.lost = compare ? counts.persons_of(union_row(any_ + 2), p) : 0;
      add(out.any, reach);
    }
  }

  const PopulationAt& at_;
  std::vector<Candidate> after_;
  std::vector<Candidate> before_;
  std::vector<CountedRule> rules_;
  std::vector<CountedUnion> unions_;
  std::size_t everybody_ = 0;
  std::size_t any_ = 0;  // the first union; then any gained, any lost, and both for each measure
  std::vector<std::size_t> after_rules_;
  std::vector<std::size_t> before_rules_;
  std::vector<std::optional<std::size_t>> before_of_after_;
};

}  // namespace

bool delivers_on(const Measure& measure, SubscriptionKind kind, OrganisationIndex provider) {
  return (kinds_of(measure) >> unsigned(kind) & 1) != 0 && from_provider(measure, provider);
}

std::uint64_t monthly_cost(const Benefit& benefit, std::uint64_t beneficiaries, const Period& period) {
  // Units times 210 (= 7 x 30), so that weeks and regimes of whole days stay exact.
  Wide units = 210;
  if (benefit.unit != Unit::none) {
    units = 210 * static_cast<Wide>(benefit.expected_use);
    if (benefit.expected_use == 0) {
      const auto quota = static_cast<Wide>(benefit.quota.value_or(0));
      switch (benefit.quota_period) {
        case QuotaPeriod::day:
          units = quota * 210 * 30;
          break;
        case QuotaPeriod::week:
          units = quota * 210 * 30 / 7;
          break;
        case QuotaPeriod::month:
          units = quota * 210;
          break;
        case QuotaPeriod::regime: {
          const bool endless = period.from == instant_min || period.until == instant_max;
          const auto days =
              endless ? 30 : std::chrono::ceil<std::chrono::days>(period.until - period.from).count();
          units = quota * 210 * 30 / std::uint64_t(std::max<std::int64_t>(days, 30));
          break;
        }
      }
    }
  }
  const auto per = std::max<std::uint64_t>(benefit.cost_per, 1);
  return std::uint64_t(units * beneficiaries * benefit.cost_qepik * unsigned(benefit.percent) / per / 210 /
                       100);
}

Preview preview_draft(const PopulationAt& at, const Regime& draft, const Law& law,
                      const PreviewOptions& options) {
  std::vector<Candidate> after;
  for (const Measure& measure : draft.measures) {
    after.push_back({.regime = draft.code,
                     .version = draft.version,
                     .measure = &measure,
                     .rule = within(measure.who, draft.territory),
                     .period = measure.period});
  }
  return Comparison(at, std::move(after), in_force(law, at.at(), draft.code)).report(options, true);
}

Preview preview_law(const PopulationAt& at, const Law& law, const RegimeCode& code,
                    const PreviewOptions& options) {
  return Comparison(at, in_force(law, at.at(), code), {}).report(options, false);
}

std::vector<StatusIndex> statuses_of(const Regime& draft, const Law& law) {
  Vocabulary words;
  for (const Measure& measure : draft.measures) words.add(measure.who);
  for (const LawfulMeasure& measure : law.measures()) words.add(measure.rule);
  return words.statuses;
}

}  // namespace dayaq::regime
