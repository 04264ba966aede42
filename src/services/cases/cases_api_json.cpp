#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "audit/leaf.hpp"
#include "services/cases/cases_api.hpp"

namespace dayaq::services {
namespace {

namespace json = boost::json;

constexpr std::size_t words_max = 4000;  // bytes of a reason or an answer's words

std::string json_text(std::string_view text) {
  std::string out;
  audit::append_json_string(out, text);
  return out;
}
std::string text_json(const LocalizedText& text) {
  return fmt::format(R"({{"az":{},"en":{},"ru":{}}})", json_text(text.az), json_text(text.en),
                     json_text(text.ru));
}

std::unexpected<Error> bad(std::string_view code, std::string field, std::string text) {
  return fail_field(code, std::move(field), std::move(text));
}

/// An object whose fields are all among `known`.
Result<json::object> read_object(std::string_view body, std::initializer_list<std::string_view> known) {
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 4;
  json::value value = json::parse(json::string_view(body.data(), body.size()), failed, {}, options);
  if (failed || !value.is_object()) {
    return fail(ErrorKind::invalid_input, "json.syntax", "The body isn't a JSON object.");
  }
  for (const auto& field : value.get_object()) {
    const std::string_view name(field.key().data(), field.key().size());
    if (std::ranges::find(known, name) == known.end()) {
      return bad("json.unknown", std::string(name), "There is no field of this name.");
    }
  }
  return std::move(value.get_object());
}

Result<std::string> text_of(const json::object& body, const char* name, bool required = false) {
  const json::value* found = body.if_contains(name);
  if (found == nullptr || found->is_null()) {
    if (required) return bad("json.missing", name, "This field must be there.");
    return std::string();
  }
  if (!found->is_string()) return bad("json.type", name, "This must be a text.");
  if (found->get_string().size() > words_max)
    return bad("case.reason", name, "Say it in at most 4000 bytes.");
  return std::string(found->get_string().data(), found->get_string().size());
}

Result<std::uint64_t> number_of(const json::object& body, const char* name) {
  const json::value* found = body.if_contains(name);
  if (found == nullptr || found->is_null()) return std::uint64_t(0);
  if (!found->is_int64() || found->get_int64() < 0)
    return bad("json.type", name, "This must be a whole number.");
  return std::uint64_t(found->get_int64());
}

Result<Answers> answers_of(const json::object& body) {
  const json::value* found = body.if_contains("answers");
  if (found == nullptr || found->is_null()) return Answers();
  if (!found->is_object()) return bad("json.type", "answers", "Answers are texts by their field's code.");
  Answers out;
  for (const auto& answer : found->get_object()) {
    if (!answer.value().is_string())
      return bad("json.type", "answers", "Answers are texts by their field's code.");
    const json::string& text = answer.value().get_string();
    out.emplace(std::string(answer.key()), std::string(text.data(), text.size()));
  }
  return out;
}

Result<LocalizedText> words_of(const json::object& body) {
  const json::value* found = body.if_contains("reason");
  if (found == nullptr || found->is_null()) return LocalizedText();
  if (!found->is_object()) return bad("json.type", "reason", "A reason is {az, en, ru}.");
  const json::object& reason = found->get_object();
  LocalizedText out;
  DAYAQ_TRY(out.az, text_of(reason, "az", true));
  DAYAQ_TRY(out.en, text_of(reason, "en"));
  DAYAQ_TRY(out.ru, text_of(reason, "ru"));
  return out;
}

Result<Period> period_of(const json::object& body) {
  DAYAQ_TRY(const std::string from, text_of(body, "from", true));
  DAYAQ_TRY(const std::string until, text_of(body, "until", true));
  Period out;
  DAYAQ_TRY(out.from, parse_instant(from));
  DAYAQ_TRY(out.until, parse_instant(until));
  return out;
}

Result<Action> read_action(const std::string& name, const json::object& body) {
  DAYAQ_TRY(LocalizedText reason, words_of(body));
  if (name == "claim") return Action(Claim{});
  if (name == "release") return Action(Release{});
  if (name == "grant") return Action(Grant{std::move(reason)});
  if (name == "refuse") return Action(Refuse{std::move(reason)});
  if (name == "ask") return Action(Ask{std::move(reason)});
  if (name == "appeal") return Action(Appeal{std::move(reason)});
  if (name == "come") return Action(Came{});
  if (name == "withdraw") return Action(Withdraw{});
  if (name == "reply") {
    Reply reply;
    DAYAQ_TRY(reply.answers, answers_of(body));
    DAYAQ_TRY(reply.text, text_of(body, "text"));
    return Action(std::move(reply));
  }
  if (name == "pay") {
    Paid paid;
    DAYAQ_TRY(paid.reference, text_of(body, "reference", true));
    DAYAQ_TRY(paid.qepik, number_of(body, "qepik"));
    return Action(std::move(paid));
  }
  if (name == "book") {
    DAYAQ_TRY(const Period when, period_of(body));
    return Action(Booked{when});
  }
  return bad("case.action", "action", "There is no such action. See the description of this route.");
}

std::string permit_json(const Permit& permit) {
  return fmt::format(R"({{"number":"{}","kind":{},"from":"{}","until":"{}","revoked":"{}","text":{}}})",
                     case_number(CaseId(permit.id.value())), json_text(permit.kind),
                     format_instant(permit.valid.from), format_instant(permit.valid.until),
                     format_instant(permit.revoked), json_text(permit::sms_text(as_bytes(permit.token))));
}

}  // namespace

std::string case_json(const Case& one, const registry::OrganisationDirectory& names) {
  const std::string office =
      one.office && *one.office < names.size() ? names.at(*one.office)->code.value() : "";
  return fmt::format(
      R"({{"number":"{}","service":"{}","version":{},"channel":"{}","state":"{}","step":{},"revision":{},)"
      R"("submitted":"{}","promised":"{}","decided":"{}","due":"{}","office":"{}","claimed_by":{},)"
      R"("escalated":{},"appeals":{},"reason":{}}})",
      case_number(one.id), one.service, one.version, to_string(one.channel), to_string(one.state), one.step,
      one.revision, format_instant(one.submitted), format_instant(one.promised), format_instant(one.decided),
      format_instant(one.due), office, json_text(one.claimed_by), one.escalated, one.appeals,
      text_json(one.reason));
}

std::string receipt_json(const Receipt& receipt, const registry::OrganisationDirectory& names) {
  std::string out = case_json(receipt.stands, names);
  out.pop_back();
  if (receipt.permit) out += R"(,"permit":)" + permit_json(*receipt.permit);
  out += fmt::format(R"(,"repeated":{}}})", receipt.repeated);
  return out;
}

std::string events_json(const std::vector<CaseEvent>& events) {
  std::string out = "[";
  for (const CaseEvent& event : events) {
    if (out.size() > 1) out += ',';
    out += fmt::format(R"({{"number":{},"at":"{}","what":"{}","actor":{},"note":{}}})", event.number,
                       format_instant(event.at), event.what, json_text(event.actor), text_json(event.note));
  }
  return out + "]";
}

Result<Submission> parse_submission(std::string_view body, const registry::Registry& registry, CaseId drawn) {
  DAYAQ_TRY(const json::object read,
            read_object(body, {"person", "service", "answers", "channel", "id", "notify"}));
  Submission out;
  DAYAQ_TRY(const std::string national_id, text_of(read, "person", true));
  DAYAQ_TRY(const registry::NationalId id, registry.country.national_id_rule().parse(national_id));
  out.person = registry.person_id(id);
  DAYAQ_TRY(const std::string service, text_of(read, "service", true));
  out.service = ServiceCode(service);
  DAYAQ_TRY(out.answers, answers_of(read));
  DAYAQ_TRY(const std::string channel, text_of(read, "channel"));
  const auto through = channel.empty() ? std::optional(Channel::web) : parse_channel(channel);
  if (!through) return bad("service.channel", "channel", "A channel is web, sms, counter or bulk.");
  out.channel = *through;
  out.id = drawn;
  DAYAQ_TRY(const std::string number, text_of(read, "id"));
  if (!number.empty()) {
    const auto given = parse_case_number(number);
    if (!given) return bad("case.number", "id", "This isn't the number of an application.");
    out.id = *given;
  }
  if (const json::value* notify = read.if_contains("notify"); notify != nullptr) {
    if (!notify->is_bool()) return bad("json.type", "notify", "This must be true or false.");
    out.notify = notify->get_bool();
  }
  return out;
}

Result<ActionBody> parse_action(std::string_view body) {
  DAYAQ_TRY(const json::object read, read_object(body, {"action", "revision", "reason", "answers", "text",
                                                        "reference", "qepik", "from", "until"}));
  DAYAQ_TRY(const std::string name, text_of(read, "action", true));
  ActionBody out;
  DAYAQ_TRY(const std::uint64_t revision, number_of(read, "revision"));
  if (revision > 1'000'000) return bad("json.type", "revision", "No application has so many revisions.");
  out.revision = int(revision);
  DAYAQ_TRY(out.action, read_action(name, read));
  return out;
}

}  // namespace dayaq::services
