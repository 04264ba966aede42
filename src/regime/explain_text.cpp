// Explanations as sentences. A sentence tells a fact, so that the same one serves for and against: "No
// organisation attests that you are a pensioner."
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "regime/explain.hpp"
#include "regime/law_grammar.hpp"

namespace dayaq::regime {
namespace {

using Kind = Rule::Kind;
using Outcome = Explanation::Outcome;

constexpr std::size_t issuers_named_max = 3;

/// The same sentence in three languages; {} are filled in order, or by number where the orders differ.
struct Sentence {
  std::string_view az;
  std::string_view en;
  std::string_view ru;
};

constexpr std::array<Sentence, 3> line_names{{
    {"mobil nömrə", "mobile line", "мобильный номер"},
    {"sabit internet xətti", "fixed internet line", "линия фиксированного интернета"},
    {"TV abunəliyi", "TV subscription", "подписка на ТВ"},
}};

class Narrator {
 public:
  Narrator(const registry::PersonFacts& facts, Instant t, const ExplainContext& context,
           const Audience& audience, Language language)
      : facts_(facts), t_(t), context_(context), you_(audience.the_person), language_(language) {}

  std::string headline(const Explanation& e) const {
    switch (e.outcome) {
      case Outcome::granted:
        return granted(e);
      case Outcome::not_alive:
        return say({"Bu hüquq şəxsin sağlığında qüvvədədir.", "This right is for a living person only.",
                    "Это право действует только при жизни человека."});
      case Outcome::not_in_force:
        return not_in_force(e);
      case Outcome::rule_fails:
        break;
    }
    std::string text =
        you_ ? say({"Hazırda bu hüququnuz yoxdur.", "You do not have this right now.",
                    "Сейчас этого права у вас нет."})
             : say({"Hazırda şəxsin bu hüququ yoxdur.", "The person does not have this right now.",
                    "Сейчас этого права у лица нет."});
    if (e.starts) text += ' ' + starts(*e.starts);
    return text;
  }

  std::string fact(const Reason& reason) const {
    if (reason.hidden) {
      return say(
          {"Qərar yalnız şəxsin özünə və onu təsdiq edən təşkilata açıqlanan məlumata əsaslanır.",
           "This is decided by a circumstance that is shown only to the person and to who attests it.",
           "Это зависит от обстоятельства, которое видят только сам человек и тот, кто его подтверждает."});
    }
    const bool negated = reason.condition.kind == Kind::negation;
    const Rule& leaf = negated ? reason.condition.children.front() : reason.condition;
    const bool leaf_holds = reason.holds != negated;
    switch (leaf.kind) {
      case Kind::status:
        return leaf_holds ? attested(*reason.attestation) : not_attested(leaf, reason);
      case Kind::age:
        return age(leaf, negated);
      case Kind::residence:
        return residence(leaf, negated);
      case Kind::subscription:
        return subscription(leaf, reason.subscription);
      default:
        return say({"Tədbir hamı üçündür.", "The measure is for everyone.", "Мера действует для всех."});
    }
  }

  std::string remedy(const Reason& reason) const {
    if (reason.hidden) return {};
    const bool negated = reason.condition.kind == Kind::negation;
    const Rule& leaf = negated ? reason.condition.children.front() : reason.condition;
    if (reason.changes) return changes(leaf, *reason.changes);
    switch (leaf.kind) {
      case Kind::status:
        return negated ? std::string() : who_attests(leaf);
      case Kind::age:
        return say({"Yaşa görə bu dəyişməyəcək.", "With age this will not change.",
                    "С возрастом это не изменится."});
      case Kind::residence:
        return say({"Ünvan dəyişibsə, onu qeydiyyata aldırmaq lazımdır.",
                    "If the address has changed, have it registered.",
                    "Если адрес изменился, его нужно зарегистрировать."});
      case Kind::subscription:
        return negated ? std::string()
                       : fill({"Tədbir {} qoşulduğu gündən tətbiq olunacaq.",
                               "The measure applies from the day on which there is a {}.",
                               "Мера начнёт действовать с того дня, когда появится {}."},
                              line_name(leaf.subscription));
      default:
        return {};
    }
  }

  std::string missing(const std::vector<SubscriptionKind>& kinds) const {
    std::vector<std::string> names;
    for (const SubscriptionKind kind : kinds) names.push_back(line_name(kind));
    return fill({"Bundan istifadə etmək üçün {} lazımdır.", "To use it, a {} is needed.",
                 "Чтобы им пользоваться, нужно подключение: {}."},
                or_list(names, language_));
  }

 private:
  [[nodiscard]] std::string say(const Sentence& s) const {
    return std::string(language_ == Language::az ? s.az : language_ == Language::en ? s.en : s.ru);
  }
  template <class... Args>
  [[nodiscard]] std::string fill(const Sentence& s, const Args&... args) const {
    return fmt::format(fmt::runtime(language_ == Language::az   ? s.az
                                    : language_ == Language::en ? s.en
                                                                : s.ru),
                       args...);
  }
  [[nodiscard]] std::string line_name(SubscriptionKind kind) const {
    return say(line_names[static_cast<std::size_t>(kind)]);
  }
  [[nodiscard]] std::string organisation(OrganisationIndex index) const {
    return context_.organisation_name(index).in(language_);
  }
  [[nodiscard]] std::string until(Instant t) const { return until_text(t, context_.zone, language_); }
  [[nodiscard]] std::string from(Instant t) const { return from_text(t, context_.zone, language_); }
  [[nodiscard]] std::string on(Instant t) const { return on_text(t, context_.zone, language_); }
  [[nodiscard]] std::string place_name(PlaceIndex index) const {
    const registry::Place& place = context_.country.place(index);
    if (place.kind == registry::PlaceKind::district) return place.name.in(language_);
    const std::string& district = context_.country.place(place.district).name.in(language_);
    if (district == place.name.in(language_)) return district;
    return fmt::format("{} ({})", place.name.in(language_), district);
  }
  /// "you are a health worker", to or about the person.
  [[nodiscard]] std::string predicate(StatusIndex status) const {
    const auto forms = context_.wording.forms(status, context_.country);
    return (you_ ? forms.you : forms.they).in(language_);
  }

  std::string granted(const Explanation& e) const {
    if (!e.period || e.period->until == instant_max) {
      return you_ ? say({"Bu hüququnuz var.", "You have this right.", "Это право у вас есть."})
                  : say({"Şəxsin bu hüququ var.", "The person has this right.", "Это право у лица есть."});
    }
    return you_ ? fill({"Bu hüququnuz {} qüvvədədir.", "You have this right {}.",
                        "Это право действует для вас {}."},
                       until(e.period->until))
                : fill({"Şəxsin bu hüququ {} qüvvədədir.", "The person has this right {}.",
                        "Это право действует для лица {}."},
                       until(e.period->until));
  }

  std::string not_in_force(const Explanation& e) const {
    if (e.measure_period.until <= t_) {
      return fill({"Tədbir {} qüvvədə olub.", "The measure was in force {}.", "Мера действовала {}."},
                  until(e.measure_period.until));
    }
    std::string text =
        fill({"Tədbir {} qüvvəyə minir.", "The measure is in force {}.", "Мера вступает в силу {}."},
             from(e.measure_period.from));
    if (e.starts) text += ' ' + starts(*e.starts);
    return text;
  }

  std::string starts(Instant t) const {
    return you_ ? fill({"Bu hüquq sizə {} veriləcək.", "You will have it {}.", "Оно появится у вас {}."},
                       from(t))
                : fill({"Bu hüquq şəxsə {} veriləcək.", "The person will have it {}.",
                        "Оно появится у лица {}."},
                       from(t));
  }

  std::string attested(const registry::Attestation& a) const {
    const std::string issuer = organisation(a.issuer);
    if (a.valid.until == instant_max) {
      return fill({"{0} {1} təsdiq edir.", "{0} attests that {1}.", "{0} подтверждает, что {1}."}, issuer,
                  predicate(a.status));
    }
    return fill({"{0} {2} {1} təsdiq edir.", "{0} attests that {1} {2}.", "{0} подтверждает, что {1} ({2})."},
                issuer, predicate(a.status), until(a.valid.until));
  }

  std::string not_attested(const Rule& leaf, const Reason& reason) const {
    if (reason.attestation) {
      const registry::Attestation& a = *reason.attestation;
      const std::string issuer = organisation(a.issuer);
      const Instant end = std::min(a.ended, a.valid.until);
      if (a.valid.from > t_ && a.ended > t_) {
        return fill(
            {"{0} {2} {1} təsdiq edir.", "{0} attests that {1} {2} on.", "{0} подтверждает, что {1} ({2})."},
            issuer, predicate(a.status), from(a.valid.from));
      }
      if (a.ended <= t_ && a.ended < a.valid.until) {
        return fill(
            {"{0} {1} təsdiq etmişdi, lakin bu təsdiq {2} götürülüb.",
             "{0} attested that {1}, and withdrew that {2}.", "Подтверждение ({0}), что {1}, отозвано {2}."},
            issuer, predicate(a.status), on(end));
      }
      return fill(
          {"{0} {1} təsdiq etmişdi; təsdiqin müddəti {2} olub.", "{0} attested that {1}, which was good {2}.",
           "Подтверждение ({0}), что {1}, действовало {2}."},
          issuer, predicate(a.status), until(end));
    }
    std::vector<std::string> claims;
    for (const StatusIndex status : leaf.statuses) {
      const bool next = !claims.empty() && language_ != Language::az;
      claims.push_back((next ? say({"", "that ", "что "}) : std::string()) + predicate(status));
    }
    return fill({"Heç bir təşkilat {} təsdiq etmir.", "No organisation attests that {}.",
                 "Ни одна организация не подтверждает, что {}."},
                or_list(claims, language_));
  }

  std::string who_attests(const Rule& leaf) const {
    std::vector<OrganisationIndex> issuers;
    for (const StatusIndex status : leaf.statuses) {
      for (const OrganisationIndex issuer : context_.issuers(status)) {
        if (std::ranges::find(issuers, issuer) == issuers.end()) issuers.push_back(issuer);
      }
    }
    if (issuers.empty()) return {};
    std::string names;
    for (std::size_t i = 0; i < std::min(issuers.size(), issuers_named_max); ++i) {
      names += (i == 0 ? "" : ", ") + organisation(issuers[i]);
    }
    if (issuers.size() > issuers_named_max)
      names += others(static_cast<std::int64_t>(issuers.size() - issuers_named_max));
    return fill({"Bunu təsdiq edə bilər: {}.", "It can be attested by: {}.", "Это могут подтвердить: {}."},
                names);
  }

  std::string others(std::int64_t n) const {
    return fill({" və daha {0} təşkilat", " and {0} more", " и ещё {0} {1}"}, n,
                russian_plural(n, "организация", "организации", "организаций"));
  }

  std::string age(const Rule& leaf, bool negated) const {
    const int years = age_on(facts_.person.birth, context_.zone.day_of(t_));
    const std::string range = age_text(leaf.age_from, leaf.age_under, language_);
    const std::string asked =
        negated ? fill({"tədbir yaşı {} olmayanlar üçündür", "the measure is for people who are not {}",
                        "мера для тех, кто не в возрасте {}"},
                       range)
                : fill({"tədbir yaşı {} olanlar üçündür", "the measure is for people who are {}",
                        "мера для людей в возрасте {}"},
                       range);
    const std::string_view word = russian_plural(years, "год", "года", "лет");
    return you_ ? fill({"Sizin {0} yaşınız var; {1}.", "You are {0} years old; {1}.", "Вам {0} {2}; {1}."},
                       years, asked, word)
                : fill({"Şəxsin {0} yaşı var; {1}.", "The person is {0} years old; {1}.",
                        "Лицу {0} {2}; {1}."},
                       years, asked, word);
  }

  std::string residence(const Rule& leaf, bool negated) const {
    std::vector<std::string> wanted;
    for (const PlaceIndex place : leaf.places) wanted.push_back(place_name(place));
    const std::string list = fmt::format("{}", fmt::join(wanted, ", "));
    const std::string home = place_name(facts_.place_at(t_));
    const std::string here =
        you_ ? fill({"Yaşayış yeriniz: {}.", "You live here: {}.", "Ваше место жительства: {}."}, home)
             : fill({"Şəxsin yaşayış yeri: {}.", "The person lives here: {}.", "Место жительства лица: {}."},
                    home);
    return here + ' ' +
           (negated
                ? fill({"Tədbir bu yerlərdə yaşamayanlar üçündür: {}.",
                        "The measure is for people who do not live in: {}.",
                        "Мера для тех, кто живёт не здесь: {}."},
                       list)
                : fill({"Tədbir bu yerlərdə yaşayanlar üçündür: {}.",
                        "The measure is for people who live in: {}.", "Мера для тех, кто живёт здесь: {}."},
                       list));
  }

  std::string subscription(const Rule& leaf, const std::optional<registry::Subscription>& held) const {
    const std::string name = line_name(leaf.subscription);
    if (held) {
      return fill({"Abunəlik var: {0} ({1}).", "There is a {0} with {1}.", "Есть {0} ({1})."}, name,
                  organisation(held->provider));
    }
    constexpr std::array<Sentence, 3> none{{
        {"Mobil nömrə yoxdur.", "There is no mobile line.", "Мобильного номера нет."},
        {"Sabit internet xətti yoxdur.", "There is no fixed internet line.",
         "Линии фиксированного интернета нет."},
        {"TV abunəliyi yoxdur.", "There is no TV subscription.", "Подписки на ТВ нет."},
    }};
    return say(none[static_cast<std::size_t>(leaf.subscription)]);
  }

  std::string changes(const Rule& leaf, Instant at) const {
    if (leaf.kind == Kind::age) {
      const int years = age_on(facts_.person.birth, context_.zone.day_of(at));
      return you_ ? fill({"{1} {0} yaşınız olacaq.", "You will be {0} {1}.", "{1} вам исполнится {0} {2}."},
                         years, on(at), russian_plural(years, "год", "года", "лет"))
                  : fill({"{1} şəxsin {0} yaşı olacaq.", "The person will be {0} {1}.",
                          "{1} лицу исполнится {0} {2}."},
                         years, on(at), russian_plural(years, "год", "года", "лет"));
    }
    return fill({"Bu, {} dəyişəcək.", "This changes {}.", "Это изменится {}."}, on(at));
  }

  const registry::PersonFacts& facts_;
  Instant t_;
  const ExplainContext& context_;
  bool you_;
  Language language_;
};

}  // namespace

ExplanationText explanation_text(const Explanation& explanation, const registry::PersonFacts& all_facts,
                                 Instant t, const ExplainContext& context, const Audience& audience,
                                 Language language) {
  const registry::PersonFacts facts = known_at(all_facts, t);
  const Narrator narrator(facts, t, context, audience, language);
  ExplanationText out{.headline = narrator.headline(explanation)};
  const bool granted = explanation.outcome == Outcome::granted;
  for (const Reason& reason : explanation.reasons) {
    out.reasons.push_back(narrator.fact(reason));
    if (granted) continue;
    if (auto remedy = narrator.remedy(reason); !remedy.empty()) out.remedies.push_back(std::move(remedy));
  }
  if (!explanation.missing_lines.empty()) out.remedies.push_back(narrator.missing(explanation.missing_lines));
  return out;
}

}  // namespace dayaq::regime
