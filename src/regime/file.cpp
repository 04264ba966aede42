#include "regime/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "regime/file_quantity.hpp"
#include "regime/file_rule.hpp"
#include "registry/organisation_kind.hpp"

namespace dayaq::regime {
namespace {

constexpr std::size_t title_max = 300;
constexpr std::size_t prose_max = 4000;
constexpr std::size_t measures_max = 200;
constexpr std::size_t benefits_max = 20;

constexpr std::array benefit_words{
    std::pair{BenefitKind::voice, std::string_view("voice")},
    std::pair{BenefitKind::messages, std::string_view("messages")},
    std::pair{BenefitKind::data, std::string_view("data")},
    std::pair{BenefitKind::tv, std::string_view("tv")},
    std::pair{BenefitKind::deferral, std::string_view("deferral")},
    std::pair{BenefitKind::discount, std::string_view("discount")},
    std::pair{BenefitKind::room, std::string_view("room")},
};
constexpr std::array quota_period_words{
    std::pair{QuotaPeriod::day, std::string_view("day")},
    std::pair{QuotaPeriod::week, std::string_view("week")},
    std::pair{QuotaPeriod::month, std::string_view("month")},
    std::pair{QuotaPeriod::regime, std::string_view("regime")},
};
constexpr std::array used_up_words{
    std::pair{WhenUsedUp::charge, std::string_view("charge")},
    std::pair{WhenUsedUp::limited, std::string_view("limited")},
};
constexpr std::array silent_words{
    std::pair{WhenSilent::open, std::string_view("open")},
    std::pair{WhenSilent::close, std::string_view("close")},
};
constexpr std::array state_words{
    std::pair{RegimeState::draft, std::string_view("draft")},
    std::pair{RegimeState::submitted, std::string_view("submitted")},
    std::pair{RegimeState::approved, std::string_view("approved")},
    std::pair{RegimeState::ended, std::string_view("ended")},
};

template <class Words, class Value>
std::string_view word_of(const Words& words, Value value) {
  for (const auto& [known, word] : words) {
    if (known == value) return word;
  }
  return "";
}

template <class Words>
auto value_of(const Words& words, std::string_view text) -> std::optional<decltype(words[0].first)> {
  for (const auto& [known, word] : words) {
    if (word == text) return known;
  }
  return std::nullopt;
}

template <class Words>
std::vector<std::string> all_words(const Words& words) {
  std::vector<std::string> out;
  for (const auto& each : words) out.emplace_back(each.second);
  return out;
}

constexpr std::uint8_t bit(SubscriptionKind kind) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(kind));
}

class RegimeReader {
 public:
  RegimeReader(Errors& errors, const FileContext& context)
      : reader_(errors), rules_(errors, context), context_(context) {}

  Regime read(const TreeNode& root) {
    Regime regime;
    const At at{.node = &root};
    if (!reader_.map(at, {"format", "code", "title", "summary", "legal_basis", "territory", "period",
                          "groups", "measures"})) {
      return regime;
    }
    if (const auto format = reader_.need(at, "format")) read_format(*format);
    if (const auto code = reader_.need(at, "code"))
      regime.code = RegimeCode(reader_.code(*code).value_or(""));
    if (const auto title = reader_.need(at, "title")) regime.title = reader_.localized(*title, title_max);
    if (const auto summary = reader_.find(at, "summary"))
      regime.summary = reader_.localized(*summary, prose_max);
    LocalizedText legal_basis;
    if (const auto basis = reader_.need(at, "legal_basis"))
      legal_basis = reader_.localized(*basis, prose_max);
    if (const auto territory = reader_.need(at, "territory")) read_territory(*territory, regime);
    if (const auto period = reader_.need(at, "period")) regime.period = read_period(*period, nullptr);
    if (const auto groups = reader_.find(at, "groups")) rules_.groups(*groups);
    if (const auto measures = reader_.need(at, "measures")) read_measures(*measures, legal_basis, regime);
    rules_.read_unused_groups();
    return regime;
  }

 private:
  void read_format(const At& at) {
    const auto word = reader_.text(at);
    if (word && *word != "1")
      reader_.error(at, "regime.format", "This program reads format 1. Write `format: 1`.");
  }

  void read_territory(const At& at, Regime& regime) {
    if (at.node->kind == TreeNode::Kind::scalar && at.node->text == "country") return;
    regime.territory = rules_.places(at);
  }

  std::optional<Instant> read_moment(const At& at) {
    const auto word = reader_.text(at);
    if (!word) return std::nullopt;
    if (const auto moment = context_.zone.parse_local(*word)) return *moment;
    reader_.error(at, "regime.date", "A day (2026-03-24) or a moment (2026-03-24T08:00) is expected here.");
    return std::nullopt;
  }

  /// `outer` is the regime's period, which a measure without a period of its own takes over.
  Period read_period(const At& at, const Period* outer) {
    Period period = outer != nullptr ? *outer : Period{};
    if (!reader_.map(at, {"from", "until"})) return period;
    const auto from = outer != nullptr ? reader_.find(at, "from") : reader_.need(at, "from");
    const auto until = reader_.find(at, "until");
    if (from) period.from = read_moment(*from).value_or(period.from);
    if (until) period.until = read_moment(*until).value_or(period.until);
    if (period.empty()) {
      reader_.error(until ? *until : at, "regime.period",
                    "The period ends before it begins. Correct `from` or `until`.");
    } else if (outer != nullptr && (period.from < outer->from || period.until > outer->until)) {
      const bool early = period.from < outer->from;
      reader_.error(
          early ? *from : *until, "regime.period",
          fmt::format("The measure's period {} its regime's. Keep within {} to {}.",
                      early ? "begins before" : "ends after", context_.zone.format_local(outer->from),
                      outer->until == instant_max ? "its end" : context_.zone.format_local(outer->until)));
    }
    return period;
  }

  void read_measures(const At& at, const LocalizedText& legal_basis, Regime& regime) {
    const auto items = reader_.items(at);
    if (items.size() > measures_max) {
      reader_.error(at, "file.size", fmt::format("A regime may have {} measures at most.", measures_max));
      return;
    }
    for (const At& item : items) {
      Measure measure = read_measure(item, legal_basis, regime.period);
      check_overlap(item, measure, regime.measures);
      regime.measures.push_back(std::move(measure));
    }
  }

  void check_overlap(const At& at, const Measure& measure, const std::vector<Measure>& others) {
    for (const Measure& other : others) {
      if (measure.code.value().empty() || other.code != measure.code ||
          !other.period.overlaps(measure.period))
        continue;
      const auto code = reader_.find(at, "code");
      reader_.error(
          *code, "regime.overlap",
          fmt::format(
              "A measure `{}` stands above for a period that overlaps this one's. Give it another code, "
              "or periods one after the other.",
              measure.code.value()));
      return;
    }
  }

  Measure read_measure(const At& at, const LocalizedText& legal_basis, const Period& regime_period) {
    Measure measure{.legal_basis = legal_basis, .period = regime_period};
    if (!reader_.map(at, {"code", "title", "legal_basis", "who", "from", "period", "benefits"}))
      return measure;
    if (const auto code = reader_.need(at, "code"))
      measure.code = MeasureCode(reader_.code(*code).value_or(""));
    if (const auto title = reader_.need(at, "title")) measure.title = reader_.localized(*title, title_max);
    if (const auto basis = reader_.find(at, "legal_basis"))
      measure.legal_basis = reader_.localized(*basis, prose_max);
    if (const auto who = reader_.need(at, "who")) measure.who = rules_.read(*who);
    if (const auto period = reader_.find(at, "period")) measure.period = read_period(*period, &regime_period);
    if (const auto benefits = reader_.need(at, "benefits")) {
      const auto items = reader_.items(*benefits);
      if (items.size() > benefits_max) {
        reader_.error(*benefits, "file.size",
                      fmt::format("A measure may have {} benefits at most.", benefits_max));
      } else {
        for (const At& item : items) measure.benefits.push_back(read_benefit(item));
      }
    }
    if (const auto from = reader_.find(at, "from")) read_providers(*from, measure);
    return measure;
  }

  void read_providers(const At& at, Measure& measure) {
    const auto to_line = [](const Benefit& benefit) { return benefit.delivered_on != 0; };
    const bool some_on_lines = std::ranges::any_of(measure.benefits, to_line);
    const bool all_on_lines = some_on_lines && std::ranges::all_of(measure.benefits, to_line);
    bool operators = false;
    for (const At& item : reader_.one_or_more(at)) {
      const auto code = reader_.text(item);
      if (!code) continue;
      const auto provider = context_.providers.find(*code);
      if (!provider) {
        std::string hint = did_you_mean(*code, context_.providers.codes());
        if (hint.empty()) hint = " Register it first.";
        reader_.error(item, "regime.unknown_organisation",
                      fmt::format("There is no organisation `{}`.{}", *code, hint));
        operators = true;  // it may have been meant as one
        continue;
      }
      const bool is_one = registry::is_operator(provider->kind);
      operators |= is_one;
      if (is_one && !some_on_lines) {
        reader_.error(item, "regime.provider",
                      fmt::format("`{}` is an operator, and nothing of this measure is "
                                  "delivered on lines. Name who provides it.",
                                  *code));
      } else if (!is_one && all_on_lines) {
        reader_.error(item, "regime.provider",
                      fmt::format("`{}` is no operator and can't deliver a benefit on lines. "
                                  "Name operators, or leave `from` out for all.",
                                  *code));
      }
      measure.providers.push_back(provider->index);
    }
    if (some_on_lines && !all_on_lines && !operators) {
      reader_.error(at, "regime.provider",
                    "Part of this measure is delivered on lines. Name the operators too, or leave "
                    "`from` out for all of them.");
    }
  }

  Benefit read_benefit(const At& at) {
    Benefit benefit;
    if (!reader_.map(at, {"gives", "traffic", "package", "quota", "per", "when_used_up", "when_silent",
                          "open_bound", "lines", "covers", "cost", "expected_use", "assumption"})) {
      return benefit;
    }
    const auto gives = reader_.need(at, "gives");
    const auto word = gives ? reader_.text(*gives) : std::nullopt;
    if (!word) return benefit;
    const auto kind = value_of(benefit_words, *word);
    if (!kind) {
      std::string hint = did_you_mean(*word, all_words(benefit_words));
      if (hint.empty()) hint = " Known: voice, messages, data, tv, deferral, discount, room.";
      reader_.error(*gives, "regime.unknown_benefit",
                    fmt::format("There is no benefit `{}`.{}", *word, hint));
      return benefit;
    }
    benefit.kind = *kind;
    benefit.unit = unit_of(*kind);
    benefit.delivered_on = usual_delivery(*kind);
    read_class(at, benefit);
    read_quota(at, benefit);
    read_edge_words(at, benefit);
    if (const auto on = reader_.find(at, "lines")) read_delivery(*on, benefit);
    if (const auto covers = reader_.find(at, "covers")) read_covers(*covers, benefit);
    read_cost(at, benefit);
    if (const auto text = reader_.find(at, "assumption"))
      benefit.assumption = reader_.localized(*text, prose_max);
    return benefit;
  }

  /// `traffic` of data, `package` of tv: each a class of traffic.yaml of its kind.
  void read_class(const At& at, Benefit& benefit) {
    const bool data = benefit.kind == BenefitKind::data;
    const bool tv = benefit.kind == BenefitKind::tv;
    for (const auto& [key, fits] : {std::pair{"traffic", data}, std::pair{"package", tv}}) {
      const auto found = reader_.find(at, key);
      if (!fits) {
        if (found)
          reader_.error(*found, "regime.benefit",
                        fmt::format("`{}` doesn't go with a benefit of {}. Leave it out.", key,
                                    to_string(benefit.kind)));
        continue;
      }
      const auto value = found ? found : reader_.need(at, key);
      const auto code = value ? reader_.text(*value) : std::nullopt;
      if (!code) continue;
      const TrafficClass* known = context_.traffic.find(*code);
      if (known != nullptr && known->tv == tv) {
        benefit.traffic_class = known->code;
        continue;
      }
      std::vector<std::string> codes;
      for (const TrafficClass& each : context_.traffic.classes()) {
        if (each.tv == tv) codes.push_back(each.code.value());
      }
      std::string hint = did_you_mean(*code, codes);
      if (hint.empty()) hint = " Classes and packages are listed in the country pack's traffic.yaml.";
      reader_.error(*value, "regime.unknown_traffic",
                    fmt::format("There is no {} `{}`.{}", tv ? "TV package" : "traffic class", *code, hint));
    }
  }

  /// Notes why a quantity of a benefit is refused, or returns it.
  std::optional<std::uint64_t> read_amount(const At& at, const Benefit& benefit) {
    const auto word = reader_.text(at);
    if (!word) return std::nullopt;
    const auto quantity = parse_quantity(*word);
    if (!quantity) {
      reader_.error(at, quantity.error().code, quantity.error().public_text);
      return std::nullopt;
    }
    if (quantity->unit == benefit.unit) return quantity->amount;
    reader_.error(at, "regime.unit",
                  fmt::format("A benefit of {} is measured in {}.", to_string(benefit.kind),
                              units_accepted(benefit.unit)));
    return std::nullopt;
  }

  void read_quota(const At& at, Benefit& benefit) {
    const auto quota = benefit.unit == Unit::none ? reader_.find(at, "quota") : reader_.need(at, "quota");
    const auto per = reader_.find(at, "per");
    const bool unlimited =
        quota && quota->node->kind == TreeNode::Kind::scalar && quota->node->text == "unlimited";
    if (quota && !unlimited) {
      benefit.quota = read_amount(*quota, benefit);
      if (benefit.quota == 0u)
        reader_.error(*quota, "regime.range",
                      "A quota of nothing gives nothing. Write more, or "
                      "`unlimited`.");
      if (benefit.unit != Unit::none && !per) reader_.need(at, "per");
    }
    if (!per) return;
    if (!quota || unlimited) {
      reader_.error(*per, "regime.benefit", "`per` goes with a limited quota only. Leave it out.");
      return;
    }
    const auto word = reader_.text(*per);
    if (!word) return;
    if (const auto period = value_of(quota_period_words, *word)) {
      benefit.quota_period = *period;
    } else {
      reader_.error(*per, "regime.benefit",
                    fmt::format("A quota is per day, week, month or regime.{}",
                                did_you_mean(*word, all_words(quota_period_words))));
    }
  }

  /// One of `words`, or the finding that it is none of them.
  template <class Words, class Value>
  void read_word(const At& at, const Words& words, Value& into) {
    const auto text = reader_.text(at);
    if (!text) return;
    if (const auto value = value_of(words, *text)) {
      into = *value;
      return;
    }
    reader_.error(at, "regime.benefit",
                  fmt::format("`{}` is `{}` or `{}`.", at.name, words[0].second, words[1].second));
  }

  /// What an operator's edge does at the quota's end, and when it can't know where that is.
  void read_edge_words(const At& at, Benefit& benefit) {
    const auto used_up = reader_.find(at, "when_used_up");
    const auto silent = reader_.find(at, "when_silent");
    const auto bound = reader_.find(at, "open_bound");
    for (const auto& found : {used_up, silent, bound}) {
      if (!found || benefit.delivered_on != 0) continue;
      reader_.error(*found, "regime.benefit",
                    fmt::format("A benefit of {} goes to the person, not to a line. Leave `{}` out.",
                                to_string(benefit.kind), found->name));
    }
    if (benefit.delivered_on == 0) return;
    if (used_up && !benefit.quota) {
      reader_.error(*used_up, "regime.benefit",
                    "`when_used_up` goes with a limited quota only. Leave it out.");
    } else if (used_up) {
      read_word(*used_up, used_up_words, benefit.when_used_up);
    }
    if (silent) read_word(*silent, silent_words, benefit.when_silent);
    if (bound) return read_open_bound(*bound, benefit);
    if (benefit.when_silent == WhenSilent::close) return;
    benefit.open_bound = usual_open_bound(benefit.kind);
    if (benefit.quota) benefit.open_bound = std::min(benefit.open_bound, *benefit.quota);
  }

  void read_open_bound(const At& at, Benefit& benefit) {
    if (usual_open_bound(benefit.kind) == 0) {
      reader_.error(at, "regime.benefit",
                    "`open_bound` goes with voice, messages and data, which edges count. Leave it out.");
    } else if (benefit.when_silent == WhenSilent::close) {
      reader_.error(at, "regime.benefit",
                    "`open_bound` goes with `when_silent: open`. Leave it out, or write `open`.");
    } else if (const auto amount = read_amount(at, benefit)) {
      benefit.open_bound = *amount;
      if (*amount == 0) {
        reader_.error(at, "regime.range", "A bound of nothing is `when_silent: close`. Write that instead.");
      }
    }
  }

  void read_delivery(const At& at, Benefit& benefit) {
    if (benefit.delivered_on == 0) {
      reader_.error(at, "regime.benefit",
                    fmt::format("A benefit of {} goes to the person, not to a line. Leave `lines` out.",
                                to_string(benefit.kind)));
      return;
    }
    std::uint8_t wanted = 0;
    for (const At& item : reader_.one_or_more(at)) {
      const auto word = reader_.text(item);
      if (!word) continue;
      const auto kind = registry::parse_subscription_kind(*word);
      if (!kind) {
        reader_.error(item, "regime.unknown_subscription",
                      fmt::format("There is no subscription `{}`.{} Known: mobile, "
                                  "fixed, tv.",
                                  *word, did_you_mean(*word, {"mobile", "fixed", "tv"})));
      } else if ((can_deliver(benefit.kind) & bit(*kind)) == 0) {
        reader_.error(
            item, "regime.benefit",
            fmt::format("A benefit of {} can't be delivered on {}.", to_string(benefit.kind), *word));
      } else {
        wanted = static_cast<std::uint8_t>(wanted | bit(*kind));
      }
    }
    benefit.delivered_on = wanted;
  }

  /// Calls run on mobile and fixed lines though the usual delivery of voice is mobile alone.
  static std::uint8_t can_deliver(BenefitKind kind) {
    const std::uint8_t usual = usual_delivery(kind);
    return kind == BenefitKind::voice ? static_cast<std::uint8_t>(usual | bit(SubscriptionKind::fixed))
                                      : usual;
  }

  void read_covers(const At& at, Benefit& benefit) {
    const auto word = reader_.text(at);
    if (!word) return;
    const auto share = parse_quantity(*word);
    if (!share) {
      reader_.error(at, share.error().code, share.error().public_text);
    } else if (share->unit != Unit::percent || share->amount < 1 || share->amount > 100) {
      reader_.error(at, share->unit != Unit::percent ? "regime.unit" : "regime.range",
                    "What the measure takes over of the price is 1 % to 100 %.");
    } else {
      benefit.percent = static_cast<int>(share->amount);
    }
  }

  void read_cost(const At& at, Benefit& benefit) {
    if (const auto cost = reader_.need(at, "cost")) {
      const auto word = reader_.text(*cost);
      if (word) {
        const auto price = parse_price(*word);
        if (!price) {
          reader_.error(*cost, price.error().code, price.error().public_text);
        } else if (price->per != benefit.unit) {
          reader_.error(*cost, "regime.unit",
                        fmt::format("A benefit of {} costs money per {}.", to_string(benefit.kind),
                                    benefit.unit == Unit::none ? "month" : units_accepted(benefit.unit)));
        } else {
          benefit.cost_qepik = price->cost_qepik;
          benefit.cost_per = price->cost_per;
        }
      }
    }
    const auto quota = reader_.find(at, "quota");
    const bool must_say = quota && quota->node->text == "unlimited";
    const auto expected = must_say ? reader_.need(at, "expected_use") : reader_.find(at, "expected_use");
    if (expected) benefit.expected_use = read_amount(*expected, benefit).value_or(0);
  }

  TreeReader reader_;
  RuleReader rules_;
  const FileContext& context_;
};

}  // namespace

std::expected<Regime, Errors> parse_regime(std::string_view text, const FileContext& context) {
  Tree tree = read_tree(text);
  Regime regime;
  if (tree.root.kind != TreeNode::Kind::refused) regime = RegimeReader(tree.errors, context).read(tree.root);
  if (!tree.errors.empty()) {
    sort_by_place(tree.errors);
    return std::unexpected(std::move(tree.errors));
  }
  regime.source = text;
  return regime;
}

std::expected<Rule, Errors> parse_rule(std::string_view text, const FileContext& context) {
  Tree tree = read_tree(text);
  Rule rule;
  if (tree.root.kind != TreeNode::Kind::refused) {
    rule = RuleReader(tree.errors, context).read({.node = &tree.root, .path = "who", .name = "who"});
  }
  if (tree.errors.empty()) return rule;
  sort_by_place(tree.errors);
  return std::unexpected(std::move(tree.errors));
}

std::string format_errors(const Errors& errors, std::string_view file_name, std::string_view text) {
  std::string out;
  for (const Error& error : errors) {
    out += fmt::format("{}:{}:{}: {}{}{}\n", file_name, error.line, error.column, error.field,
                       error.field.empty() ? "" : ": ", error.public_text);
    if (error.line == 0) continue;
    std::size_t start = 0;
    for (std::uint32_t line = 1; line < error.line && start != std::string_view::npos; ++line) {
      start = text.find('\n', start);
      if (start != std::string_view::npos) ++start;
    }
    if (start == std::string_view::npos) continue;
    std::string_view line = text.substr(start, text.find('\n', start) - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string number = fmt::format("{:>5} | ", error.line);
    out += fmt::format("{}{}\n{:>5} | {:>{}}\n", number, line, "", "^", error.column);
  }
  return out;
}

std::string_view to_string(BenefitKind kind) {
  return word_of(benefit_words, kind);
}
std::string_view to_string(QuotaPeriod period) {
  return word_of(quota_period_words, period);
}
std::string_view to_string(WhenUsedUp what) {
  return word_of(used_up_words, what);
}
std::string_view to_string(WhenSilent what) {
  return word_of(silent_words, what);
}
std::string_view to_string(RegimeState state) {
  return word_of(state_words, state);
}
std::optional<RegimeState> parse_regime_state(std::string_view text) {
  return value_of(state_words, text);
}

std::string_view to_string(Unit unit) {
  constexpr std::array<std::string_view, 6> words{"none",   "seconds", "messages",
                                                  "octets", "qepik",   "percent"};
  return words[static_cast<std::size_t>(unit)];
}

}  // namespace dayaq::regime
