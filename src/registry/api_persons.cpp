#include <fmt/format.h>

#include "http/encoding.hpp"
#include "registry/api.hpp"
#include "registry/json_body.hpp"

namespace dayaq::registry {
namespace {

using http::json_string;

std::string end_json(Instant t) {
  return t == instant_max ? "null" : fmt::format("\"{}\"", format_instant(t));
}

Result<Person> parse_person(const http::Request& request, const Registry& registry) {
  DAYAQ_TRY(const NationalId id, registry.country.national_id_rule().parse(request.parameter("national_id")));
  DAYAQ_TRY(const JsonBody body, JsonBody::parse(request.body, {"family_name", "given_name", "sex",
                                                                "birth_date", "death_date", "place"}));
  Person person;
  person.id = registry.person_id(id);
  person.national_id = id.text();
  DAYAQ_TRY(person.family_name, body.required("family_name"));
  DAYAQ_TRY(person.given_name, body.required("given_name"));
  DAYAQ_TRY(const auto sex, body.required("sex"));
  DAYAQ_TRY(person.sex, parse_sex(sex));
  DAYAQ_TRY(const auto birth, body.required("birth_date"));
  DAYAQ_TRY(person.birth, parse_date(birth));
  DAYAQ_TRY(const auto death, body.text("death_date"));
  if (death) {
    DAYAQ_TRY(person.death, parse_date(*death));
  }
  DAYAQ_TRY(const auto place, body.required("place"));
  const auto index = registry.country.find_place(place);
  if (!index) return fail_field("registry.place", "place", "There is no place with this code.");
  person.place = *index;
  return person;
}

std::string facts_json(const PersonFacts& facts, const Registry& registry) {
  const Person& person = facts.person;
  std::string out =
      fmt::format(R"({{"person":"{:016x}","national_id":{},"family_name":{},"given_name":{},)"
                  R"("sex":"{}","birth_date":"{}",)"
                  R"("death_date":{},"residences":[)",
                  person.id.value(), json_string(person.national_id), json_string(person.family_name),
                  json_string(person.given_name), to_string(person.sex), format_date(person.birth),
                  person.death ? fmt::format("\"{}\"", format_date(*person.death)) : "null");
  const char* comma = "";
  for (const Residence& residence : facts.residences) {
    out += fmt::format(R"({}{{"place":{},"from":"{}","until":{}}})", std::exchange(comma, ","),
                       json_string(registry.country.place(residence.place).code.value()),
                       format_instant(residence.period.from), end_json(residence.period.until));
  }
  out += R"(],"attestations":[)";
  comma = "";
  for (const Attestation& attestation : facts.attestations) {
    out += fmt::format(
        R"({}{{"id":"{}","status":"{}","issuer":"{}","from":"{}","until":{},"recorded":"{}","ended":{}}})",
        std::exchange(comma, ","), attestation_name(attestation.person, attestation.id),
        registry.country.status(attestation.status).code, registry.organisations.at(attestation.issuer)->code,
        format_instant(attestation.valid.from), end_json(attestation.valid.until),
        format_instant(attestation.recorded), end_json(attestation.ended));
  }
  out += R"(],"subscriptions":[)";
  comma = "";
  for (const Subscription& subscription : facts.subscriptions) {
    out += fmt::format(R"({}{{"kind":"{}","provider":"{}","number":"{}","from":"{}","until":{}}})",
                       std::exchange(comma, ","), to_string(subscription.kind),
                       registry.organisations.at(subscription.provider)->code, subscription.number,
                       format_instant(subscription.valid.from), end_json(subscription.valid.until));
  }
  return out + "]}";
}

http::Response put_person_route(const http::Request& request, const ApiContext& context) {
  const Registry& registry = context.registry;
  const auto person = parse_person(request, registry);
  if (!person) return refuse(person.error());
  const std::string actor = request.principal.actor();
  const auto outcome = context.db.write(
      [&](store::Session& session) { return record_person(session, registry, *person, actor); });
  if (!outcome) return refuse(outcome.error());
  std::string body = fmt::format(R"({{"person":"{:016x}","recorded":"{}")", person->id.value(),
                                 to_string(outcome->recorded));
  if (outcome->recorded != Recorded::unchanged) body += fmt::format(R"(,"audit":{})", outcome->audit_index);
  return http::Response::json(body + "}", outcome->recorded == Recorded::fresh ? 201 : 200);
}

http::Response get_person_route(const http::Request& request, const ApiContext& context) {
  const Registry& registry = context.registry;
  const auto id = registry.country.national_id_rule().parse(request.parameter("national_id"));
  if (!id) return refuse(id.error());
  const PersonId person = registry.person_id(*id);
  const std::string reason = request.query_value("reason").value_or("");
  const std::string actor = request.principal.actor();
  // One transaction: nobody sees a record whose reading isn't on record.
  const auto known = context.db.write([&](store::Session& session) -> Result<PersonFacts> {
    DAYAQ_TRY(PersonFacts all, facts(session, RegistryStore(registry.catalogue), person));
    DAYAQ_TRY_OK(note_read(session, registry, person, "record", reason, actor));
    return all;
  });
  if (!known) return refuse(known.error());
  return http::Response::json(facts_json(*known, registry));
}

/// What a client is told of the person who let it. A sensitive status is told to nobody.
std::string me_json(const PersonFacts& facts, const http::Principal& caller, const Registry& registry) {
  const Person& person = facts.person;
  const Instant now = registry.clock.now();
  std::string out = fmt::format(
      R"({{"family_name":{},"given_name":{},"birth_date":"{}","assurance":"{}","acting_for_other":{},"statuses":[)",
      json_string(person.family_name), json_string(person.given_name), format_date(person.birth),
      to_string(caller.assurance), caller.acting_for != PersonId());
  const char* comma = "";
  for (const Attestation& attestation : facts.attestations) {
    const auto& status = registry.country.status(attestation.status);
    if (status.sensitive || !attestation.valid.contains(now) || attestation.ended <= now) continue;
    out +=
        fmt::format(R"({}{{"status":"{}","from":"{}","until":{}}})", std::exchange(comma, ","), status.code,
                    format_instant(attestation.valid.from), end_json(attestation.valid.until));
  }
  return out + "]}";
}

http::Response get_me_route(const http::Request& request, const ApiContext& context) {
  const auto known = read_for_client(request, context.db, context.registry, "me");
  if (!known) return refuse(known.error());
  return http::Response::json(me_json(*known, request.principal, context.registry));
}

constexpr const char* me_schema = R"json({"type":"object","properties":{
    "family_name":{"type":"string"},"given_name":{"type":"string"},
    "birth_date":{"type":"string","format":"date"},
    "assurance":{"type":"string","description":"How surely the person signed in: low, substantial, high."},
    "acting_for_other":{"type":"boolean","description":"Whether it is about somebody they act for."},
    "statuses":{"type":"array","items":{"type":"object"}}}})json";

constexpr const char* person_body_schema = R"json({"type":"object","additionalProperties":false,
  "required":["family_name","given_name","sex","birth_date","place"],"properties":{
    "family_name":{"type":"string","maxLength":100},"given_name":{"type":"string","maxLength":100},
    "sex":{"type":"string","enum":["female","male"]},"birth_date":{"type":"string","format":"date"},
    "death_date":{"type":["string","null"],"format":"date"},
    "place":{"type":"string","description":"Code of a settlement: AZ-BA-587084, or AZ-BA-rural."}}})json";

constexpr const char* person_record_schema = R"json({"type":"object","properties":{
    "person":{"type":"string","description":"The person's pseudonym."},"national_id":{"type":"string"},
    "family_name":{"type":"string"},"given_name":{"type":"string"},"sex":{"type":"string"},
    "birth_date":{"type":"string","format":"date"},"death_date":{"type":["string","null"],"format":"date"},
    "residences":{"type":"array","items":{"type":"object"}},
    "attestations":{"type":"array","items":{"type":"object"}},
    "subscriptions":{"type":"array","items":{"type":"object"}}}})json";

}  // namespace

void add_person_routes(http::Router& router, const ApiContext& context) {
  router.add_schema("PersonBody", person_body_schema);
  router.add_schema("Me", me_schema);
  router.add({.method = http::Method::get,
              .pattern = "/v1/me",
              .scope = http::Scope::me_read,
              .operation = "get_me",
              .summary = "The person who let this client see it; put on record, where they see it.",
              .response_schema = "Me",
              .tag = "registry"},
             [context](const http::Request& request) { return get_me_route(request, context); });
  router.add_schema("PersonRecord", person_record_schema);
  router.add({.method = http::Method::put,
              .pattern = "/v1/persons/{national_id}",
              .scope = http::Scope::persons_write,
              .operation = "record_person",
              .summary = "Records a person, or a move, correction or death.",
              .request_schema = "PersonBody",
              .response_schema = "Recorded",
              .tag = "registry"},
             [context](const http::Request& request) { return put_person_route(request, context); });
  router.add(
      {.method = http::Method::get,
       .pattern = "/v1/persons/{national_id}",
       .scope = http::Scope::persons_read,
       .operation = "get_person",
       .summary = "All that is known of a person. The reading is put on record, where the person sees it.",
       .request_schema = "",
       .response_schema = "PersonRecord",
       .tag = "registry",
       .query_parameters = {{"reason", "Why the record is read: 3 to 200 bytes. Required."}}},
      [context](const http::Request& request) { return get_person_route(request, context); });
}

}  // namespace dayaq::registry
