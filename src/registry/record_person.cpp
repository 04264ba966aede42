#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "http/encoding.hpp"
#include "registry/record.hpp"

namespace dayaq::registry {
namespace {

using http::json_string;

std::optional<Error> check_name(std::string_view name, const char* field) {
  const bool control = std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (name.empty() || name.size() > 100 || control || !is_utf8(name)) {
    return fail_field("registry.name", field,
                      "A name has 1 to 100 bytes of UTF-8 without control characters.")
        .error();
  }
  return std::nullopt;
}

std::string personal_json(const PersonRow& row, const CountryPack& country) {
  return fmt::format(R"({{"birth":"{}","death":"{}","family_name":{},"given_name":{},)"
                     R"("national_id":{},"place":{},"sex":"{}"}})",
                     format_date(row.birth), row.death ? format_date(*row.death) : "",
                     json_string(row.family_name), json_string(row.given_name), json_string(row.national_id),
                     json_string(country.place(row.place).code.value()), to_string(row.sex));
}

bool same(const Person& a, const PersonRow& b) {
  return a.family_name == b.family_name && a.given_name == b.given_name && a.sex == b.sex &&
         a.birth == b.birth && a.death == b.death && a.place == b.place;
}

Person person_of(const PersonRow& row) {
  return {row.id,
          std::string(row.national_id),
          std::string(row.family_name),
          std::string(row.given_name),
          row.sex,
          row.birth,
          row.death,
          row.place};
}

}  // namespace

Result<void> check_secret(store::Session& session, const SipKey& secret) {
  const std::string print =
      fmt::format("{:016x}", siphash(secret, std::string_view("dayaq registry secret")));
  DAYAQ_TRY(const auto known, RegistryStore::setting(session, "secret_print"));
  if (!known) return RegistryStore::set_setting(session, "secret_print", print);
  if (*known == print) return {};
  return fail(
      ErrorKind::conflict, "registry.secret",
      "The registry's secret isn't the one this database was made with. Put the right key file back.");
}

std::optional<Error> check_person(const PersonRow& row, const CountryPack& country, Date today) {
  using namespace std::chrono_literals;
  if (auto error = check_name(row.family_name, "family_name")) return error;
  if (auto error = check_name(row.given_name, "given_name")) return error;
  if (row.birth > today || row.birth < Date(1880y / 1 / 1)) {
    return fail_field("registry.birth", "birth_date", "The birth date lies in the future or before 1880.")
        .error();
  }
  if (row.death && (*row.death < row.birth || *row.death > today)) {
    return fail_field("registry.death", "death_date", "The death date lies before birth or in the future.")
        .error();
  }
  if (country.place(row.place).kind == PlaceKind::district) {
    return fail_field("registry.place", "place",
                      fmt::format("{0} is a district; name a settlement in it, or {0}-rural.",
                                  country.place(row.place).code.value()))
        .error();
  }
  return std::nullopt;
}

Result<Recorded> put_person(store::Session& session, const Registry& registry, const PersonRow& row,
                            Instant now) {
  const RegistryStore store(registry.catalogue);
  DAYAQ_TRY(const bool fresh, store.insert_person(session, row, now));
  if (!fresh) {
    DAYAQ_TRY(const auto before, store.person(session, row.id));
    DAYAQ_ASSERT(before.has_value());
    if (before->person.national_id != row.national_id) {
      return fail(ErrorKind::internal, "registry.id_collision",
                  "This record can't be stored. Tell the operator.",
                  fmt::format("two national ids have the person id {}", row.id));
    }
    if (same(before->person, row)) return Recorded::unchanged;
    Instant since = before->place_since;
    if (before->person.place != row.place) {
      if (since < now) {
        DAYAQ_TRY_OK(store.insert_past_residence(session, row.id, {before->person.place, {since, now}}));
        since = now;
      }
    }
    DAYAQ_TRY_OK(store.update_person(session, row, since));
  }
  if (registry.observer != nullptr) {
    DAYAQ_TRY_OK(registry.observer->on_change(session, PersonRecorded{person_of(row), fresh}));
  }
  return fresh ? Recorded::fresh : Recorded::changed;
}

Result<PersonOutcome> record_person(store::Session& session, const Registry& registry, const Person& person,
                                    const std::string& actor) {
  const Instant now = registry.clock.now();
  const PersonRow row = row_of(person);
  if (auto error = check_person(row, registry.country, registry.country.zone().day_of(now))) {
    return std::unexpected(*std::move(error));
  }
  PersonOutcome outcome;
  DAYAQ_TRY(outcome.recorded, put_person(session, registry, row, now));
  if (outcome.recorded == Recorded::unchanged) return outcome;
  DAYAQ_TRY(
      outcome.audit_index,
      registry.log.append(session, {.action = "person.record",
                                    .actor = actor,
                                    .subject = person.id,
                                    .data = outcome.recorded == Recorded::fresh ? R"({"change":"new"})"
                                                                                : R"({"change":"changed"})",
                                    .personal = personal_json(row, registry.country)}));
  return outcome;
}

PlaceIndex PersonFacts::place_at(Instant t) const {
  for (const Residence& residence : residences) {
    if (t < residence.period.until)
      return residence.place;  // before the first: the first is all that is known
  }
  return person.place;
}

Result<PersonFacts> facts(store::Session& session, const RegistryStore& store, PersonId id) {
  DAYAQ_TRY(auto record, store.person(session, id));
  if (!record) return fail(ErrorKind::not_found, "registry.person", "Nobody has this id.");
  PersonFacts facts;
  DAYAQ_TRY(facts.residences, store.past_residences(session, id));
  facts.residences.push_back({record->person.place, {record->place_since, instant_max}});
  facts.person = std::move(record->person);
  DAYAQ_TRY(facts.attestations, store.attestations_of(session, id));
  DAYAQ_TRY(facts.subscriptions, store.subscriptions_of(session, id));
  return facts;
}

Result<std::uint64_t> note_read(store::Session& session, const Registry& registry, PersonId person,
                                std::string_view what, std::string_view reason, const std::string& actor) {
  if (reason.size() < 3 || reason.size() > 200 || !is_utf8(reason)) {
    return fail_field("registry.reason", "reason",
                      "Say in 3 to 200 bytes why you read this person's record.");
  }
  // The reason may name somebody: only its commitment goes into the leaf.
  return registry.log.append(session, {.action = "person.read",
                                       .actor = actor,
                                       .subject = person,
                                       .data = fmt::format(R"({{"what":{}}})", json_string(what)),
                                       .personal = fmt::format(R"({{"reason":{}}})", json_string(reason))});
}

}  // namespace dayaq::registry
