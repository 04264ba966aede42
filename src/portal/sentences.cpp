#include "portal/sentences.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "regime/rule.hpp"

namespace dayaq::portal {
namespace {

using regime::Benefit;
using regime::BenefitKind;
using regime::Rule;

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += between;
    out += part;
  }
  return out;
}

class RuleSpeaker {
 public:
  RuleSpeaker(const Format& format, const Vocabulary& words) : format_(format), words_(words) {}

  [[nodiscard]] std::string conditions(const Rule& rule, bool inside) const {
    switch (rule.kind) {
      case Rule::Kind::all:
        return parts(rule, format_.text("and"), false);
      case Rule::Kind::any:
        return parts(rule, format_.text("or"), inside);
      case Rule::Kind::negation:
        return condition(rule.children.front(), true);
      default:
        return condition(rule, false);
    }
  }

 private:
  [[nodiscard]] std::string parts(const Rule& rule, std::string_view between, bool parentheses) const {
    std::vector<std::string> out;
    for (const Rule& child : rule.children) out.push_back(conditions(child, true));
    const std::string text = joined(out, between);
    return parentheses ? "(" + text + ")" : text;
  }

  [[nodiscard]] std::string condition(const Rule& rule, bool negated) const {
    switch (rule.kind) {
      case Rule::Kind::status: {
        std::vector<std::string> names;
        for (const auto index : rule.statuses)
          names.push_back(words_.country.status(index).name.in(format_.language()));
        return format_.fill(negated ? "rule_not_status" : "rule_status",
                            {{"names", joined(names, format_.text("rule_quoted_or"))}});
      }
      case Rule::Kind::residence: {
        std::vector<std::string> names;
        for (const auto index : rule.places)
          names.push_back(words_.country.place(index).name.in(format_.language()));
        return format_.fill(negated ? "rule_not_residence" : "rule_residence",
                            {{"names", joined(names, ", ")}});
      }
      case Rule::Kind::age:
        return age(rule.age_from, rule.age_under, negated);
      case Rule::Kind::subscription:
        return subscription(rule.subscription, negated);
      case Rule::Kind::everyone:
        return format_.text(negated ? "rule_nobody" : "rule_everyone");
      default:
        return conditions(rule, true);
    }
  }

  // Ages are from 0 to 199; who is not in [from, under) is younger or older.
  [[nodiscard]] std::string age(int from, int under, bool negated) const {
    const auto younger = [&](int than) {
      return format_.fill("rule_age_under", {{"under", fmt::format("{}", than)}});
    };
    const auto at_least = [&](int years) {
      return format_.fill("rule_age_from", {{"from", fmt::format("{}", years)}});
    };
    constexpr int age_end = 200;
    if (negated) {
      if (from <= 0) return at_least(under);
      if (under >= age_end) return younger(from);
      return "(" + younger(from) + format_.text("or") + at_least(under) + ")";
    }
    if (from <= 0) return younger(under);
    if (under >= age_end) return at_least(from);
    return format_.fill("rule_age_range",
                        {{"from", fmt::format("{}", from)}, {"to", fmt::format("{}", under - 1)}});
  }

  [[nodiscard]] std::string subscription(registry::SubscriptionKind kind, bool negated) const {
    switch (kind) {
      case registry::SubscriptionKind::mobile:
        return format_.text(negated ? "rule_not_mobile" : "rule_mobile");
      case registry::SubscriptionKind::fixed:
        return format_.text(negated ? "rule_not_fixed" : "rule_fixed");
      case registry::SubscriptionKind::tv:
        return format_.text(negated ? "rule_not_tv" : "rule_tv");
    }
    return "";
  }

  const Format& format_;
  const Vocabulary& words_;
};

struct BenefitKeys {
  std::string_view free;
  std::string_view percent;
};

BenefitKeys keys_of(BenefitKind kind) {
  switch (kind) {
    case BenefitKind::voice:
      return {"benefit_voice", "benefit_voice_percent"};
    case BenefitKind::messages:
      return {"benefit_messages", "benefit_messages_percent"};
    case BenefitKind::data:
      return {"benefit_data", "benefit_data_percent"};
    case BenefitKind::tv:
      return {"benefit_tv", "benefit_tv_percent"};
    case BenefitKind::deferral:
      return {"benefit_deferral", "benefit_deferral"};
    case BenefitKind::discount:
      return {"benefit_discount", "benefit_discount_percent"};
    case BenefitKind::room:
      break;
  }
  return {"benefit_room", "benefit_room_percent"};
}

std::string quota_text(const Benefit& benefit, const Format& format) {
  if (!benefit.quota) return format.text("quota_none");
  const std::string amount = format.quantity(*benefit.quota, benefit.unit);
  switch (benefit.quota_period) {
    case regime::QuotaPeriod::day:
      return format.fill("quota_day", {{"amount", amount}});
    case regime::QuotaPeriod::week:
      return format.fill("quota_week", {{"amount", amount}});
    case regime::QuotaPeriod::month:
      return format.fill("quota_month", {{"amount", amount}});
    case regime::QuotaPeriod::regime:
      return format.fill("quota_regime", {{"amount", amount}});
  }
  return amount;
}

std::string lines_text(const Benefit& benefit, const Format& format) {
  constexpr std::array<std::string_view, 3> keys{"on_mobile", "on_fixed", "on_tv"};
  std::vector<std::string> lines;
  for (std::size_t kind = 0; kind < keys.size(); ++kind) {
    if ((benefit.delivered_on >> kind & 1) != 0) lines.push_back(format.text(keys[kind]));
  }
  return joined(lines, ", ");
}

}  // namespace

std::string who_sentence(const regime::Rule& rule, const Format& format, const Vocabulary& words) {
  const Rule simple = regime::simplified(rule);
  const RuleSpeaker speaker(format, words);
  const bool whole =
      simple.kind == Rule::Kind::everyone ||
      (simple.kind == Rule::Kind::negation && simple.children.front().kind == Rule::Kind::everyone);
  const std::string conditions = speaker.conditions(simple, false);
  return format.capitalised(whole ? conditions : format.fill("rule_sentence", {{"conditions", conditions}}));
}

std::string benefit_sentence(const regime::Benefit& benefit, const Format& format, const Vocabulary& words) {
  const BenefitKeys keys = keys_of(benefit.kind);
  const auto* traffic = words.traffic.find(benefit.traffic_class.value());
  const std::string traffic_name = traffic == nullptr
                                       ? benefit.traffic_class.value()
                                       : format.uncapitalised(traffic->name.in(format.language()));
  const std::string percent = format.fill("percent", {{"amount", format.number(benefit.percent)}});
  std::string text = format.fill(benefit.percent >= 100 ? keys.free : keys.percent,
                                 {{"class", traffic_name}, {"percent", percent}});
  if (benefit.unit == regime::Unit::qepik) {
    if (benefit.quota)
      text = format.fill("benefit_at_most", {{"benefit", text}, {"quota", quota_text(benefit, format)}});
  } else if (benefit.unit != regime::Unit::none) {
    text = format.fill("benefit_quota", {{"benefit", text}, {"quota", quota_text(benefit, format)}});
  }
  if (benefit.quota && benefit.when_used_up == regime::WhenUsedUp::limited) {
    text = format.fill("benefit_then_limited", {{"benefit", text}});
  }
  if (benefit.delivered_on != 0 && benefit.delivered_on != regime::usual_delivery(benefit.kind)) {
    text = format.fill("benefit_on", {{"benefit", text}, {"lines", lines_text(benefit, format)}});
  }
  return format.capitalised(text);
}

std::string providers_sentence(const regime::Measure& measure, const Format& format,
                               const Vocabulary& words) {
  if (measure.providers.empty()) return format.text("from_all");
  std::vector<std::string> names;
  for (const auto index : measure.providers) names.push_back(words.organisation(index).in(format.language()));
  return joined(names, ", ");
}

std::string territory_sentence(const regime::Regime& regime, const Format& format, const Vocabulary& words) {
  if (regime.territory.empty()) return format.text("fact_whole_country");
  std::vector<std::string> names;
  for (const auto index : regime.territory)
    names.push_back(words.country.place(index).name.in(format.language()));
  return joined(names, ", ");
}

}  // namespace dayaq::portal
