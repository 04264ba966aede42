// A registry with some persons, a book with three services, and cases over them, on either engine.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "regime/law_directory.hpp"
#include "regime/law_test_support.hpp"
#include "services/cases/cases.hpp"
#include "services/cases/permit_kinds.hpp"
#include "support/registry.hpp"

namespace dayaq::services::test {

using dayaq::test::must;
using namespace std::chrono_literals;

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "none" : std::string(result.error().code);
}

[[nodiscard]] inline LocalizedText words_of(const std::string& text) {
  return {.az = text, .en = text, .ru = text};
}

inline constexpr const char* head = R"(format: 1
title: {az: Sınaq}
summary: {az: Sınaq xidməti}
legal_basis: {az: Qərar}
provider: digital-agency
)";
/// Answered at once, once a day, for adults.
inline const std::string pass_file = std::string(head) + R"(code: pass
who: {age: {from: 18}}
who_text: {az: Yalnız böyüklər, en: Adults only, ru: Только взрослым}
channels: [web, counter]
promised: 1 min
limits: [{at_most: 1, per: day}]
ends_with: special-quarantine
form:
  - field: reason
    kind: choice
    title: {az: Səbəb}
    choices:
      - {code: shop, title: {az: Mağaza, en: Shop, ru: Магазин}}
      - {code: stay, title: {az: Ev, en: Home, ru: Дом}}
steps:
  - step: check
    kind: decide
    verdicts:
      - when: {answer: {reason: stay}}
        outcome: refuse
        reason: {az: Onda evdə qalın, en: Then stay, ru: Тогда оставайтесь}
  - {step: permit, kind: issue, permit: leaving, ends: [{lasts: 3 h}], shows: [reason]}
  - {step: tell, kind: notify, text: {az: "{reason} {permit} {code}"}}
appeal: {within: 3 days}
)";
/// An office decides within two days.
inline const std::string help_file = std::string(head) + R"(code: help
who: {everyone: true}
channels: [web, counter]
promised: 5 days
limits: [{at_most: 2, per: month}]
form:
  - {field: purpose, kind: text, title: {az: Məqsəd}, max: 200}
  - {field: note, kind: text, title: {az: Qeyd}, max: 200, required: false}
steps:
  - {step: look, kind: review, within: 2 days, escalates: baku-city-hospital}
appeal: {within: 3 days}
)";

struct TestFacts final : Facts {
  explicit TestFacts(const registry::RegistryStore* const& of) : rows(of) {}
  Result<registry::PersonFacts> of(store::Session& session, PersonId person) const override {
    return registry::facts(session, *rows, person);
  }
  [[nodiscard]] Instant regime_end(const std::string&, Instant t) const override {
    return t < regime_over ? regime_over : instant_min;
  }
  [[nodiscard]] int regime_version(const std::string&, Instant t) const override {
    return t < regime_over ? version : 0;
  }
  const registry::RegistryStore* const& rows;
  Instant regime_over = instant_max;
  int version = 1;
};

struct RememberingNotifier final : Notifier {
  Result<void> notify(store::Session&, PersonId, const Case&, const LocalizedText& text, Instant) override {
    const std::lock_guard lock(mutex);
    texts.push_back(text);
    return {};
  }
  std::mutex mutex;
  std::vector<LocalizedText> texts;
};

inline constexpr const char* official = "org:digital-agency/key:1";
inline constexpr const char* other_official = "org:digital-agency/key:2";

/// As if whoever holds key N were the person N, of whichever body.
inline Result<std::optional<PersonId>> person_of_key(store::Session&, const std::string& actor) {
  const auto number = actor.find("/key:");
  if (number == std::string::npos) return std::optional<PersonId>();
  return std::optional(PersonId(std::stoull(actor.substr(number + 5))));
}

struct CasesNode {
  /// `more`: migrations of parts above.
  explicit CasesNode(store::Engine engine, std::span<const store::Migration> more = {})
      : node(engine, nullptr, with(more)) {
    start();
  }
  explicit CasesNode(const std::string& url, std::span<const store::Migration> more = {})
      : node(url, with(more)) {
    start();
  }
  [[nodiscard]] static std::vector<store::Migration> with(std::span<const store::Migration> more) {
    std::vector<store::Migration> all(migrations().begin(), migrations().end());
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  ~CasesNode() {
    node.registry.reset();
    node.opened.database.reset();  // before the hooks that its writer thread calls
  }
  void restart() {
    cases.reset();
    kinds.reset();
    node.registry.reset();
    node.opened.database.reset();
    book.reset();
    node.restart();
    start();
  }
  void start() {
    rows = &*node.rows;
    files.emplace(regime::FileContext{.country = node.pack,
                                      .traffic = regime::test::azerbaijan().traffic,
                                      .zone = node.pack.zone(),
                                      .providers = regime::provider_names(*node.organisations)});
    book = std::make_unique<ServiceBook>(*files, *node.log);
    must(node.db().read([&](store::Session& session) { return book->load(session); }));
    node.db().add_hook(*book);
    if (book->versions().empty()) {
      for (const std::string& text : {pass_file, help_file}) publish(text);
    }
    kinds.emplace(*book);
    cases.emplace(CasesContext{.db = node.db(),
                               .book = *book,
                               .country = node.pack,
                               .facts = facts,
                               .notifier = &notifier,
                               .log = *node.log,
                               .issuer = issuer,
                               .kind_number = [this](std::string_view kind) { return kinds->number(kind); },
                               .person_behind = person_of_key});
  }
  template <class F>
  auto write(F&& use_case) {
    return node.db().write(std::forward<F>(use_case));
  }
  template <class F>
  auto read(F&& use_case) {
    return node.db().read(std::forward<F>(use_case));
  }
  void publish(const std::string& text) {
    auto service = parse_service(text, *files);
    if (!service) throw std::runtime_error(regime::format_errors(service.error(), "file", text));
    must(write([&](store::Session& s) -> Result<void> {
      DAYAQ_TRY(const ServiceHandle sent, book->submit(s, *service, official, now()));
      return {};
    }));
    const int version = book->versions_of(service->code).back()->service.version;
    must(write(
        [&](store::Session& s) { return book->publish(s, service->code, version, other_official, now()); }));
  }
  PersonId person(const std::string& national_id, Date birth = Date(std::chrono::year(1985) / 3 / 14)) {
    const PersonId id = node.person_id(national_id);
    must(node.write([&](auto& db, auto& registry) {
      return registry::record_person(db, registry,
                                     {id, national_id, "Əliyeva", "Aygün", registry::Sex::female, birth,
                                      std::nullopt, node.place("AZ-BA-587084")},
                                     "cli");
    }));
    return id;
  }
  [[nodiscard]] Instant now() const { return node.clock.now(); }
  [[nodiscard]] static Submission pass(PersonId person, std::uint64_t id, const char* reason = "shop") {
    return {.id = CaseId(id),
            .person = person,
            .service = ServiceCode("pass"),
            .channel = Channel::web,
            .answers = {{"reason", reason}},
            .actor = "self"};
  }
  [[nodiscard]] static Submission help(PersonId person, std::uint64_t id) {
    return {.id = CaseId(id),
            .person = person,
            .service = ServiceCode("help"),
            .channel = Channel::web,
            .answers = {{"purpose", "bread"}},
            .actor = "self"};
  }
  Result<Receipt> submit(const Submission& submission) {
    return write([&](store::Session& s) { return cases->submit(s, submission, now()); });
  }
  Result<Receipt> act(const Case& on, const Action& action, const std::string& actor = official,
                      int revision = 0) {
    return write(
        [&](store::Session& s) { return cases->act(s, on.person, on.id, revision, action, actor, now()); });
  }
  Case find(const Case& one) {
    return must(read([&](store::Session& s) { return cases->find(s, one.person, one.id); })).value();
  }
  std::vector<std::string> events(const Case& of) {
    std::vector<std::string> out;
    const auto all = must(read([&](store::Session& s) { return cases->events(s, of.person, of.id); }));
    for (int number = 1; const CaseEvent& event : all) {
      EXPECT_EQ(event.number, number++);
      out.push_back(event.what);
    }
    return out;
  }

  dayaq::test::RegistryNode node;
  const registry::RegistryStore* rows = nullptr;
  TestFacts facts{rows};
  RememberingNotifier notifier;
  permit::Issuer issuer{crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa)};
  std::optional<regime::FileContext> files;
  std::unique_ptr<ServiceBook> book;
  std::optional<PermitKinds> kinds;
  std::optional<Cases> cases;
};

}  // namespace dayaq::services::test
