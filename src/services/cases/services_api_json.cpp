// Services as JSON.
#include <fmt/format.h>

#include "http/encoding.hpp"
#include "services/cases/services_api.hpp"

namespace dayaq::services {
namespace {

using http::json_string;

std::string text_json(const LocalizedText& text) {
  return fmt::format(R"({{"az":{},"en":{},"ru":{}}})", json_string(text.az),
                     json_string(text.in(Language::en)), json_string(text.in(Language::ru)));
}

template <class List, class Put>
std::string list_json(const List& list, Put&& put) {
  std::string out = "[";
  for (const auto& item : list) {
    if (out.size() > 1) out += ',';
    out += put(item);
  }
  return out + "]";
}

std::string words_json(const std::vector<std::string>& words) {
  return list_json(words, [](const std::string& word) { return json_string(word); });
}

std::string act_json(const std::string& by, Instant at) {
  return fmt::format(R"({{"by":{},"at":"{}"}})", json_string(by), format_instant(at));
}

std::string channels_json(const Service& service) {
  std::vector<std::string> words;
  for (const Channel channel : {Channel::web, Channel::sms, Channel::counter, Channel::bulk}) {
    if (service.on(channel)) words.emplace_back(to_string(channel));
  }
  return words_json(words);
}

std::string limit_json(const Limit& limit) {
  if (limit.open_only) return fmt::format(R"({{"at_most":{},"open":true}})", limit.at_most);
  return fmt::format(R"({{"at_most":{},"per":"{}"}})", limit.at_most, to_string(limit.per));
}

std::string choice_json(const Choice& choice) {
  return fmt::format(R"({{"code":"{}","title":{},"words":{}}})", choice.code, text_json(choice.title),
                     words_json(choice.words));
}

std::string field_json(const Field& field) {
  std::string out =
      fmt::format(R"({{"field":"{}","kind":"{}","title":{},"required":{},"conditional":{})", field.code,
                  to_string(field.kind), text_json(field.title), field.required, field.when.has_value());
  if (!field.help.az.empty()) out += fmt::format(R"(,"help":{})", text_json(field.help));
  if (field.known != Known::none) out += fmt::format(R"(,"known":"{}")", to_string(field.known));
  if (!field.choices.empty()) out += fmt::format(R"(,"choices":{})", list_json(field.choices, choice_json));
  const bool ranged =
      field.kind == FieldKind::text || field.kind == FieldKind::number || field.kind == FieldKind::date;
  if (ranged) out += fmt::format(R"(,"min":{},"max":{})", field.min, field.max);
  if (field.kind == FieldKind::document) {
    out += fmt::format(R"(,"types":{},"bytes_max":{})", words_json(field.types), field.bytes_max);
  }
  return out + "}";
}

std::string step_json(const Step& step) {
  std::string out = fmt::format(R"({{"step":"{}","kind":"{}")", step.code, to_string(step.kind));
  if (!step.title.az.empty()) out += fmt::format(R"(,"title":{})", text_json(step.title));
  if (step.within.count() != 0) out += fmt::format(R"(,"within_seconds":{})", step.within.count());
  if (!step.resource.empty()) out += fmt::format(R"(,"resource":"{}")", step.resource);
  if (!step.permit.empty()) out += fmt::format(R"(,"permit":"{}")", step.permit);
  return out + "}";
}

std::string head(const ServiceVersion& version, ServiceView view, const ServicesApi& names) {
  const Service& service = version.service;
  std::string out = fmt::format(
      R"("code":"{}","version":{},"state":"{}","title":{},"summary":{},"provider":"{}","channels":{},)"
      R"("assurance":"{}","promised_seconds":{},"fee_qepik":{},"for_employees":{})",
      service.code.value(), service.version,
      version.submitted_by.empty() ? "draft" : to_string(version.state), text_json(service.title),
      text_json(service.summary), names.organisation_code(service.provider), channels_json(service),
      to_string(service.assurance), service.promised.count(), service.fee_qepik, service.for_employees);
  if (version.state == ServiceState::suspended)
    out += fmt::format(R"(,"suspended_because":{})", text_json(version.suspended_because));
  if (version.published != instant_max && view == ServiceView::everybody)
    out += fmt::format(R"(,"published_at":"{}")", format_instant(version.published));
  if (view == ServiceView::everybody) return out;
  if (!version.submitted_by.empty())
    out += fmt::format(R"(,"submitted":{})", act_json(version.submitted_by, version.submitted));
  if (version.published != instant_max)
    out += fmt::format(R"(,"published":{})", act_json(version.published_by, version.published));
  return out;
}

}  // namespace

std::string service_head_json(const ServiceVersion& version, ServiceView view, const ServicesApi& names) {
  return "{" + head(version, view, names) + "}";
}

std::string service_json(const ServiceVersion& version, ServiceView view, const ServicesApi& names) {
  const Service& service = version.service;
  std::string out = "{" + head(version, view, names);
  out += fmt::format(R"(,"legal_basis":{},"who_text":{},"ends_with":{},"limits":{},"appeal_seconds":{})",
                     text_json(service.legal_basis), text_json(service.who_text),
                     service.ends_with.empty() ? "null" : json_string(service.ends_with),
                     list_json(service.limits, limit_json),
                     service.appeal ? std::to_string(service.appeal_within.count()) : "null");
  out += fmt::format(R"(,"form":{},"steps":{})", list_json(service.form, field_json),
                     list_json(service.steps, step_json));
  if (service.on(Channel::sms)) {
    out += fmt::format(R"(,"sms":{{"words":{},"order":{}}})", words_json(service.sms_words),
                       words_json(service.sms_order));
  }
  if (view == ServiceView::with_source) out += fmt::format(R"(,"source":{})", json_string(service.source));
  return out + "}";
}

std::string findings_json(const Errors& findings) {
  return list_json(findings, [](const Error& finding) {
    return fmt::format(R"({{"code":"{}","text":{},"field":{},"line":{},"column":{}}})", finding.code,
                       json_string(finding.public_text), json_string(finding.field), finding.line,
                       finding.column);
  });
}

}  // namespace dayaq::services
