#include "registry/synthetic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <future>

#include "base/random.hpp"
#include "registry/export.hpp"
#include "registry/import_check.hpp"

namespace dayaq::registry {
namespace {

using std::chrono::days;

struct AgeGroup {
  int from;
  int until;
  double percent;
};
/// Sums to 22.3 % under 15, 69.5 % from 15 to 64, 8.2 % from 65 (country/az/SOURCES.md).
constexpr std::array<AgeGroup, 18> pyramid{{{0, 5, 6.2},
                                            {5, 10, 8.3},
                                            {10, 15, 7.8},
                                            {15, 20, 7.0},
                                            {20, 25, 6.5},
                                            {25, 30, 7.6},
                                            {30, 35, 9.0},
                                            {35, 40, 8.6},
                                            {40, 45, 7.0},
                                            {45, 50, 6.1},
                                            {50, 55, 6.0},
                                            {55, 60, 6.3},
                                            {60, 65, 5.4},
                                            {65, 70, 4.0},
                                            {70, 75, 2.2},
                                            {75, 80, 0.8},
                                            {80, 85, 0.7},
                                            {85, 100, 0.5}}};

constexpr std::array<std::string_view, 24> male_families{
    "Məmmədov", "Əliyev",  "Həsənov", "Hüseynov", "Quliyev", "İsmayılov", "Abbasov",    "Kərimov",
    "Rəhimov",  "Səfərov", "Vəliyev", "Cəfərov",  "Nağıyev", "Bağırov",   "Orucəliyev", "Mustafayev",
    "Novruzov", "Babayev", "Şirinov", "Ağayev",   "Qasımov", "Tağıyev",   "Xəlilov",    "Zeynalov"};
constexpr std::array<std::string_view, 24> female_families{
    "Məmmədova", "Əliyeva",  "Həsənova", "Hüseynova", "Quliyeva", "İsmayılova", "Abbasova",    "Kərimova",
    "Rəhimova",  "Səfərova", "Vəliyeva", "Cəfərova",  "Nağıyeva", "Bağırova",   "Orucəliyeva", "Mustafayeva",
    "Novruzova", "Babayeva", "Şirinova", "Ağayeva",   "Qasımova", "Tağıyeva",   "Xəlilova",    "Zeynalova"};
constexpr std::array<std::string_view, 20> male_names{
    "Elçin",  "Rəşad", "Tural", "Orxan", "Vüqar", "Ramil", "Samir", "Elnur", "Anar", "Nicat",
    "Kamran", "Fərid", "Murad", "Yusif", "Əhməd", "Ömər",  "Cavid", "Emin",  "Rauf", "İlqar"};
constexpr std::array<std::string_view, 20> female_names{
    "Aygün", "Günel", "Leyla",  "Nigar",  "Sevinc",  "Aysel",  "Türkan", "Könül",  "Lalə",   "Nərmin",
    "Fidan", "Zəhra", "Xədicə", "Mədinə", "Ülviyyə", "Gülnar", "Ayşən",  "Səbinə", "Elmira", "Pərvanə"};

constexpr std::string_view digits = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
constexpr std::uint64_t ids = 34ull * 34 * 34 * 34 * 34 * 34;  ///< six characters after the leading 0

/// The n-th synthetic national id: a bijection that doesn't count up by eye (the factor has no divisor of
/// 34).
std::array<char, 8> national_id(std::uint64_t n) {
  std::array<char, 8> out{};
  out[0] = '0';
  std::uint64_t value = (n * 764'358'923 + 1'031'415'927) % ids;
  for (std::size_t i = 6; i > 0; --i) {
    out[i] = digits[value % 34];
    value /= 34;
  }
  return out;
}
std::string_view text_of(const std::array<char, 8>& id) {
  return {id.data(), 7};
}

void fill_digits(char* at, std::size_t count, std::uint64_t value) {
  for (std::size_t i = count; i > 0; --i) {
    at[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

/// Makes one person after another: all that happens to a person comes from the seed and their number.
class SyntheticPopulation::Maker {
 public:
  Maker(SyntheticPopulation& population, SyntheticBatch& batch)
      : population_(population),
        registry_(*population.registry_),
        batch_(batch),
        now_(registry_.clock.now()),
        today_(registry_.country.zone().day_of(now_)),
        start_of_today_(registry_.country.zone().start_of(today_)) {
    const std::chrono::year_month_day date(today_);
    // The school year in which today falls; in summer the coming one.
    const std::chrono::year year =
        date.month() < std::chrono::July ? date.year() - std::chrono::years(1) : date.year();
    const Zone& zone = registry_.country.zone();
    using std::chrono::sys_days;
    school_ = {zone.start_of(sys_days(year / 9 / 15)),
               zone.start_of(sys_days((year + std::chrono::years(1)) / 6 / 15))};
    for (const char* code : {"azercell", "bakcell", "nar"}) mobile_.push_back(organisation(code));
    for (const char* code : {"aztelekom", "baktelecom", "citynet", "ailenet"})
      fixed_.push_back(organisation(code));
    for (const char* code : {"katv1", "smart-tv", "ailetv"}) tv_.push_back(organisation(code));
    for (OrganisationIndex i = 0; i < registry_.organisations.size(); ++i) {
      const auto kind = registry_.organisations.at(i)->kind;
      if (kind == OrganisationKind::hospital) hospitals_.push_back(i);
      if (kind == OrganisationKind::university) universities_.push_back(i);
    }
  }

  void make(std::uint64_t number) {
    random_ = SeededRandom(population_.options_.seed * 0x9E3779B97F4A7C15ull + number);
    PersonRow& person = make_person(number);
    if (!person.death) {
      make_attestations(person.id);
      make_subscriptions(person.id);
    }
  }

 private:
  bool chance(double share) { return random_.unit() < share; }
  OrganisationIndex one_of(const std::vector<OrganisationIndex>& all) {
    return all[random_.below(all.size())];
  }
  OrganisationIndex organisation(std::string_view code) const {
    const auto index = registry_.organisations.find(code);
    DAYAQ_ASSERT(index.has_value());
    return *index;
  }

  PersonRow& make_person(std::uint64_t number) {
    batch_.national_ids.push_back(national_id(number));
    const std::string_view id = text_of(batch_.national_ids.back());
    age_ = age();
    const Sex sex = chance(age_ >= 65 ? 0.58 : 0.495) ? Sex::female : Sex::male;
    const Date birth =
        today_ - days(static_cast<int>(age_ * 365.2425) + 1 + static_cast<int>(random_.below(364)));
    const bool female = sex == Sex::female;
    std::optional<Date> death;
    if (age_ >= 60 && chance(0.004)) death = today_ - days(random_.below(60));
    batch_.persons.push_back({registry_.person_id(*registry_.country.national_id_rule().parse(id)), id,
                              (female ? female_families : male_families)[random_.below(male_families.size())],
                              (female ? female_names : male_names)[random_.below(female_names.size())], sex,
                              birth, death, place()});
    female_ = female;
    return batch_.persons.back();
  }

  int age() {
    double percent = random_.unit() * 100;
    for (const AgeGroup& group : pyramid) {
      if (percent < group.percent) {
        return group.from +
               static_cast<int>(random_.below(static_cast<std::uint64_t>(group.until - group.from)));
      }
      percent -= group.percent;
    }
    return 40;
  }

  PlaceIndex place() {
    const auto& until = population_.population_until_;
    const auto at = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(until.back())));
    return population_
        .settlements_[static_cast<std::size_t>(std::ranges::upper_bound(until, at) - until.begin())];
  }

  void attest(PersonId person, std::string_view status, OrganisationIndex issuer, Period valid) {
    AttestRequest request{{}, person, *registry_.country.find_status(status), issuer, valid};
    request.id = derive_attestation_id(registry_, request);
    batch_.attestations.push_back(request);
  }
  /// A period that began up to `ago` days ago and ends in 1 to `ahead` days.
  Period around_today(std::uint64_t ago, std::uint64_t ahead) {
    return {start_of_today_ - days(random_.below(ago)), start_of_today_ + days(1 + random_.below(ahead))};
  }

  void make_attestations(PersonId person) {
    const bool working_age = age_ >= 23 && age_ < 65;
    if (age_ >= 6 && age_ < 17 && chance(0.97))
      attest(person, "pupil", organisation("ministry-of-education"), school_);
    if (age_ >= 17 && age_ < 23 && chance(0.30)) {
      attest(person, "student", one_of(universities_),
             {school_.from, school_.until + days(365 * random_.below(2) + 15 * random_.below(3))});
    }
    if ((age_ >= (female_ ? 63 : 65) && chance(0.95)) || (age_ >= 45 && chance(0.02))) {
      attest(person, "pensioner", organisation("social-protection-fund"),
             {start_of_today_ - days(random_.below(3000)), instant_max});
    }
    if (working_age) make_working_life(person);
    if (age_ >= 18 && chance(0.05)) {
      attest(person, "disabled", organisation("social-protection-fund"),
             {start_of_today_ - days(random_.below(2000)), instant_max});
    }
    if (chance(0.03))
      attest(person, "low_income", organisation("ministry-of-labour"), around_today(300, 400));
    if (chance(0.0015)) {
      const Instant from = now_ - std::chrono::hours(random_.below(14 * 24));
      attest(person, "quarantined", chance(0.5) ? organisation("tabib") : one_of(hospitals_),
             {from, from + days(14)});
    }
    if (chance(age_ >= 65 ? 0.85 : 0.01)) {
      attest(person, "must_stay_home", organisation("tabib"), around_today(60, 90));
    }
  }

  void make_working_life(PersonId person) {
    const double job = random_.unit();
    if (job < 0.016) {
      attest(person, "health_worker", one_of(hospitals_), around_today(350, 700));
    } else if (job < 0.021) {
      attest(person, "health_specialist", organisation("hygiene-centre"), around_today(350, 700));
    } else if (job < 0.041) {
      attest(person, "teacher", chance(0.8) ? organisation("ministry-of-education") : one_of(universities_),
             around_today(350, 700));
    } else if (job < 0.056) {
      attest(person, "civil_servant", organisation("digital-agency"), around_today(350, 700));
    } else if (job < 0.096) {
      attest(person, "entrepreneur", organisation("state-tax-service"), around_today(350, 700));
    }
    if (chance(0.05))
      attest(person, "remote_worker", organisation("ministry-of-labour"), around_today(60, 200));
    if (chance(0.02)) attest(person, "payment_deferred", one_of(mobile_), around_today(60, 120));
  }

  void subscribe(PersonId holder, SubscriptionKind kind, OrganisationIndex provider, std::size_t counter,
                 char mark) {
    std::array<char, 12>& number = batch_.numbers.emplace_back();
    const std::uint64_t next = population_.next_number_[counter]++;
    std::string_view text;
    if (kind == SubscriptionKind::mobile) {
      std::copy_n("9940", 4, number.data());
      number[4] = mark;
      fill_digits(number.data() + 5, 7, next);
      text = {number.data(), 12};
    } else {
      number[0] = mark;
      number[1] = '-';
      fill_digits(number.data() + 2, 8, next);
      text = {number.data(), 10};
    }
    const Instant from = start_of_today_ - days(1 + random_.below(3000));
    batch_.subscriptions.push_back({kind, provider, text, holder, {from, instant_max}});
  }

  /// 1.1 mobile lines a person over all ages.
  void make_subscriptions(PersonId person) {
    int lines = 0;
    if (age_ >= 7 && age_ < 16) lines = chance(0.60) ? 1 : 0;
    if (age_ >= 16 && age_ < 65) {
      const double share = random_.unit();
      lines = share < 0.02 ? 0 : share < 0.608 ? 1 : 2;
    }
    if (age_ >= 65) lines = chance(0.98) ? 1 : 0;
    for (int i = 0; i < lines; ++i) {
      const double share = random_.unit();
      const std::size_t which = share < 0.50 ? 0 : share < 0.79 ? 1 : 2;
      subscribe(person, SubscriptionKind::mobile, mobile_[which], which, static_cast<char>('0' + which));
    }
    if (age_ < 18) return;
    if (chance(0.22)) {
      const std::size_t which = random_.below(fixed_.size());
      subscribe(person, SubscriptionKind::fixed, fixed_[which], 4 + which, 'F');
    }
    if (chance(0.14)) {
      const std::size_t which = random_.below(tv_.size());
      subscribe(person, SubscriptionKind::tv, tv_[which], 8 + which, 'T');
    }
  }

  SyntheticPopulation& population_;
  const Registry& registry_;
  SyntheticBatch& batch_;
  const Instant now_;
  const Date today_;
  const Instant start_of_today_;
  Period school_;
  std::vector<OrganisationIndex> mobile_, fixed_, tv_, hospitals_, universities_;
  SeededRandom random_{0};
  int age_ = 0;
  bool female_ = false;
};

Result<SyntheticPopulation> SyntheticPopulation::create(const Registry& registry,
                                                        const SyntheticOptions& options) {
  if (options.persons == 0 || options.persons > synthetic_persons_max || options.batch == 0) {
    return fail(ErrorKind::invalid_input, "synthetic.size",
                fmt::format("A synthetic population has 1 to {} persons.", synthetic_persons_max));
  }
  return SyntheticPopulation(registry, options);
}

SyntheticPopulation::SyntheticPopulation(const Registry& registry, const SyntheticOptions& options)
    : registry_(&registry), options_(options) {
  order_.reserve(options.persons);
  for (std::uint32_t n = 0; n < options.persons; ++n) {
    const auto id = registry.country.national_id_rule().parse(text_of(national_id(n)));
    DAYAQ_ASSERT(id.has_value());
    order_.emplace_back(storage_order(registry.person_id(*id)), n);
  }
  std::ranges::sort(order_);
  std::int64_t sum = 0;
  for (std::size_t i = registry.country.district_count(); i < registry.country.places().size(); ++i) {
    const Place& place = registry.country.place(static_cast<PlaceIndex>(i));
    sum += place.population;
    population_until_.push_back(sum);
    settlements_.push_back(static_cast<PlaceIndex>(i));
  }
}

SyntheticBatch SyntheticPopulation::next() {
  SyntheticBatch batch;
  const std::size_t end = std::min(order_.size(), at_ + options_.batch);
  batch.persons.reserve(end - at_);
  batch.national_ids.reserve(end - at_);  // views into these: they never grow beyond
  batch.numbers.reserve(4 * (end - at_));
  Maker maker(*this, batch);
  for (; at_ < end; ++at_) maker.make(order_[at_].second);
  return batch;
}

namespace {

/// Stores a batch; persons that are there keep all they have.
Result<void> store_batch(store::Session& session, const Registry& registry, const SyntheticBatch& batch,
                         const SyntheticOptions& options) {
  const RegistryStore store(registry.catalogue);
  const Instant now = registry.clock.now();
  const auto tell = [&](auto&& change) -> Result<void> {
    if (registry.observer == nullptr) return {};
    return registry.observer->on_change(session, change());
  };
  std::uint64_t known = 0;
  for (const PersonRow& row : batch.persons) {
    DAYAQ_TRY(const bool fresh, store.insert_person(session, row, now));
    if (!fresh) {
      ++known;
      continue;
    }
    DAYAQ_TRY_OK(tell([&] {
      return Change(PersonRecorded{{row.id, std::string(row.national_id), std::string(row.family_name),
                                    std::string(row.given_name), row.sex, row.birth, row.death, row.place},
                                   true});
    }));
  }
  if (known == batch.persons.size()) return {};
  for (const AttestRequest& row : batch.attestations) {
    const Attestation attestation{row.id, row.person, row.status, row.issuer, row.valid, now, instant_max};
    DAYAQ_TRY(const bool fresh, store.insert_attestation_if_new(session, attestation));
    if (fresh) DAYAQ_TRY_OK(tell([&] { return Change(AttestationRecorded{attestation}); }));
  }
  for (const SubscriptionView& row : batch.subscriptions) {
    DAYAQ_TRY(const bool fresh, store.insert_subscription(session, row));
    if (!fresh) continue;
    DAYAQ_TRY_OK(store.set_holder(session, row));
    DAYAQ_TRY_OK(tell([&] {
      return Change(
          SubscriptionRecorded{{row.kind, row.provider, std::string(row.number), row.holder, row.valid}});
    }));
  }
  DAYAQ_TRY_OK(registry.log.append(
      session, {.action = "synthetic.batch",
                .actor = "system",
                .subject = std::nullopt,
                .data = fmt::format(R"({{"attestations":{},"persons":{},"seed":{},"subscriptions":{}}})",
                                    batch.attestations.size(), batch.persons.size(), options.seed,
                                    batch.subscriptions.size()),
                .personal = ""}));
  return RegistryStore::set_setting(session, "synthetic_population",
                                    fmt::format("persons {} seed {}", options.persons, options.seed));
}

void add(SyntheticProgress& progress, const SyntheticBatch& batch) {
  progress.persons += batch.persons.size();
  progress.attestations += batch.attestations.size();
  progress.subscriptions += batch.subscriptions.size();
}

}  // namespace

Result<SyntheticProgress> populate(store::Database& db, const Registry& registry,
                                   const SyntheticOptions& options,
                                   const std::function<bool(const SyntheticProgress&)>& on_progress) {
  DAYAQ_TRY(SyntheticPopulation population, SyntheticPopulation::create(registry, options));
  SyntheticProgress progress;
  // The next batch is made while the writer stores this one.
  std::future<SyntheticBatch> coming = std::async(std::launch::async, [&] { return population.next(); });
  for (;;) {
    const SyntheticBatch batch = coming.get();
    if (batch.persons.empty()) return progress;
    coming = std::async(std::launch::async, [&] { return population.next(); });
    DAYAQ_TRY_OK(
        db.write([&](store::Session& session) { return store_batch(session, registry, batch, options); }));
    add(progress, batch);
    if (on_progress && !on_progress(progress)) return progress;
  }
}

Result<SyntheticProgress> write_synthetic_csv(const Registry& registry, const SyntheticOptions& options,
                                              const std::filesystem::path& folder) {
  DAYAQ_TRY(SyntheticPopulation population, SyntheticPopulation::create(registry, options));
  std::array<std::ofstream, 3> files;
  std::array<std::string, 3> texts;
  for (const ImportKind kind : {ImportKind::persons, ImportKind::attestations, ImportKind::subscriptions}) {
    const auto i = static_cast<std::size_t>(kind);
    files[i].open(folder / fmt::format("{}.csv", to_string(kind)), std::ios::binary);
    append_header(texts[i], kind);
  }
  SyntheticProgress progress;
  for (;;) {
    const SyntheticBatch batch = population.next();
    std::size_t person = 0;
    // Attestations and subscriptions follow their persons' order: one pass finds their national ids.
    const auto national_id_of = [&](PersonId id) {
      while (batch.persons[person].id != id) ++person;
      return batch.persons[person].national_id;
    };
    for (const PersonRow& row : batch.persons) append_person(texts[0], row, registry.country);
    for (const AttestRequest& row : batch.attestations) {
      const Attestation attestation{row.id, row.person, row.status, row.issuer, row.valid, {}, instant_max};
      append_attestation(texts[1], national_id_of(row.person), attestation, registry.country,
                         registry.organisations);
    }
    person = 0;
    for (const SubscriptionView& row : batch.subscriptions) {
      append_subscription(texts[2], national_id_of(row.holder), row, registry.organisations);
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      files[i] << texts[i];
      texts[i].clear();
      if (!files[i].flush()) {
        return fail(ErrorKind::unavailable, "file.write",
                    "The file can't be written. Check the folder and the disk.", folder.string());
      }
    }
    add(progress, batch);
    if (batch.persons.empty()) return progress;
  }
}

}  // namespace dayaq::registry
