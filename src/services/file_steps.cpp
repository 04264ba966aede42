// A service file's steps and what its messages look like.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/file_parts.hpp"

namespace dayaq::services {
namespace {

constexpr std::size_t ends_max = 20, words_max = 10;

const std::vector<std::string>& step_words() {
  static const std::vector<std::string> words{"decide",      "review", "payment",
                                              "appointment", "issue",  "notify"};
  return words;
}

/// Has an answer in every case that is decided.
bool always_answered(const Field& field) {
  return field.required && !field.when;
}

class StepsReader {
 public:
  StepsReader(FileParts& parts, const Service& service) : parts_(parts), service_(service) {}

  std::vector<Step> read(const At& at) {
    std::set<std::string> codes;
    for (const At& item : parts_.items(at, steps_max)) {
      Step step = read_step(item);
      if (!step.code.empty() && !codes.insert(step.code).second) {
        reader().error(*reader().find(item, "step"), "service.duplicate",
                       fmt::format("A step `{}` stands above. Give this one another name.", step.code));
      }
      issues_ |= step.kind == Step::Kind::issue;
      steps_.push_back(std::move(step));
    }
    return std::move(steps_);
  }

 private:
  regime::TreeReader& reader() { return parts_.reader; }

  Step read_step(const At& at) {
    Step step;
    if (!reader().map(at, {"step", "kind", "title", "verdicts", "office", "within", "escalates", "resource",
                           "permit", "ends", "shows", "text"})) {
      return step;
    }
    if (const auto code = reader().need(at, "step")) step.code = reader().code(*code).value_or("");
    if (const auto title = reader().find(at, "title")) step.title = reader().localized(*title, title_max);
    const auto kind = reader().need(at, "kind");
    const auto index = kind ? parts_.word(*kind, step_words(), "service.kind", "kind of step") : std::nullopt;
    if (!index) return step;
    step.kind = static_cast<Step::Kind>(*index);
    read_parts(at, step);
    return step;
  }

  void read_parts(const At& at, Step& step) {
    using Kind = Step::Kind;
    const bool waits =
        step.kind == Kind::review || step.kind == Kind::payment || step.kind == Kind::appointment;
    const auto fits = [&](std::string_view key, bool fitting) {
      if (!fitting) parts_.refuse(at, {key}, to_string(step.kind));
      return fitting;
    };
    if (fits("verdicts", step.kind == Kind::decide)) read_verdicts(at, step);
    if (fits("within", waits)) {
      if (const auto within = reader().need(at, "within"))
        step.within = parts_.duration(*within).value_or(step.within);
    }
    const bool review = step.kind == Kind::review;
    if (fits("office", review)) step.office = office(at, "office");
    if (fits("escalates", review)) step.escalates = office(at, "escalates");
    if (fits("resource", step.kind == Kind::appointment)) {
      if (const auto resource = reader().need(at, "resource"))
        step.resource =
            parts_.named(*resource, parts_.elsewhere.calendars, "service.unknown_calendar", "calendar");
    }
    const bool issue = step.kind == Kind::issue;
    if (fits("permit", issue)) {
      if (const auto permit = reader().need(at, "permit")) step.permit = reader().code(*permit).value_or("");
    }
    if (fits("ends", issue)) read_ends(at, step);
    if (fits("shows", issue)) read_shows(at, step);
    if (fits("text", step.kind == Kind::notify)) {
      if (const auto text = reader().need(at, "text")) {
        step.text = reader().localized(*text, title_max);
        check_placeholders(*text);
      }
    }
  }

  std::optional<OrganisationIndex> office(const At& at, std::string_view key) {
    const auto place = reader().find(at, key);
    const auto found = place ? parts_.organisation(*place) : std::nullopt;
    return found ? std::optional(found->index) : std::nullopt;
  }

  void read_verdicts(const At& at, Step& step) {
    const auto verdicts = reader().find(at, "verdicts");
    if (!verdicts) return;
    const auto items = parts_.items(*verdicts, verdicts_max);
    for (const At& item : items) {
      Verdict verdict;
      if (!reader().map(item, {"when", "outcome", "reason"})) continue;
      if (const auto when = reader().find(item, "when")) {
        verdict.when = parts_.condition(*when, service_.form);
      } else if (item.node != items.back().node) {
        reader().error(item, "service.condition",
                       "Only the last verdict stands without `when`: it is for all others.");
      }
      const std::vector<std::string> words{"grant", "refuse", "review"};
      if (const auto outcome = reader().need(item, "outcome")) {
        if (const auto index = parts_.word(*outcome, words, "service.outcome", "outcome"))
          verdict.outcome = static_cast<Outcome>(*index);
      }
      if (const auto reason = reader().find(item, "reason")) {
        verdict.reason = reader().localized(*reason, prose_max);
      } else if (verdict.outcome == Outcome::refuse) {
        reader().error(item, "service.reason", "Whoever is refused is told why. Add `reason`.");
      }
      step.verdicts.push_back(std::move(verdict));
    }
  }

  void read_ends(const At& at, Step& step) {
    const auto ends = reader().need(at, "ends");
    if (!ends) return;
    const auto items = parts_.items(*ends, ends_max);
    for (const At& item : items) {
      PermitRule rule;
      if (!reader().map(item, {"when", "until", "lasts"})) continue;
      const auto when = reader().find(item, "when");
      if (when) rule.when = parts_.condition(*when, service_.form);
      if (when.has_value() == (item.node == items.back().node)) {
        reader().error(when ? *when : item, "service.permit",
                       "The last entry of `ends` stands without `when`, all others with one: the first that "
                       "fits holds.");
      }
      read_end(item, rule);
      step.ends.push_back(std::move(rule));
    }
  }

  void read_end(const At& at, PermitRule& rule) {
    const auto until = reader().find(at, "until");
    const auto lasts = reader().find(at, "lasts");
    if (lasts) rule.lasts = parts_.duration(*lasts).value_or(rule.lasts);
    if (until) {
      const std::vector<std::string> words{"day", "regime"};
      if (const auto index = parts_.word(*until, words, "service.permit", "end"))
        rule.end = *index == 0 ? PermitEnd::day : PermitEnd::regime;
      if (rule.end == PermitEnd::regime && service_.ends_with.empty()) {
        reader().error(*until, "service.permit",
                       "The service ends with no regime. Name one in `ends_with`, or write `lasts`.");
      }
      if (rule.end == PermitEnd::day && lasts)
        reader().error(*lasts, "service.permit",
                       "A permit lasts for a time or until the day ends. Keep one.");
    } else if (!lasts) {
      reader().error(at, "file.missing", "Write `lasts: 3 h`, `until: day` or `until: regime`.");
    }
  }

  void read_shows(const At& at, Step& step) {
    const auto shows = reader().find(at, "shows");
    if (!shows) return;
    for (const At& item : parts_.items(*shows, fields_max)) {
      const auto code = reader().text(item);
      if (!code) continue;
      if (service_.find(*code) == nullptr) unknown_field(item, *code);
      step.shows.push_back(*code);
    }
  }

  void check_placeholders(const At& at) {
    if (at.node->kind != regime::TreeNode::Kind::map) return;
    std::vector<std::string> known{"number", "until"};
    if (issues_) known.insert(known.end(), {"permit", "code"});
    for (const Field& field : service_.form) known.push_back(field.code);
    for (const std::string_view language : {"az", "en", "ru"}) {
      const auto text = reader().find(at, language);
      if (!text) continue;
      for (const std::string& name : placeholders_in(text->node->text)) {
        const Field* field = service_.find(name);
        if (std::ranges::find(known, name) == known.end()) {
          reader().error(
              *text, "service.placeholder",
              fmt::format("Nothing is known as `{{{}}}` here.{}", name, regime::did_you_mean(name, known)));
        } else if (field != nullptr && !always_answered(*field)) {
          reader().error(*text, "service.placeholder",
                         fmt::format("`{{{}}}` has no answer in some cases. Leave it out.", name));
        }
      }
    }
  }

  void unknown_field(const At& at, std::string_view code) {
    std::vector<std::string> known;
    for (const Field& field : service_.form) known.push_back(field.code);
    reader().error(at, "service.field",
                   fmt::format("The form has no field `{}`.{}", code, regime::did_you_mean(code, known)));
  }

  FileParts& parts_;
  const Service& service_;
  std::vector<Step> steps_;
  bool issues_ = false;  // a step above issues a permit
};

class SmsReader {
 public:
  SmsReader(FileParts& parts, Service& service) : parts_(parts), service_(service) {}

  void read(const At& at) {
    if (!reader().map(at, {"words", "order"})) return;
    if (const auto words = reader().find(at, "words")) read_words(*words);
    if (const auto order = reader().need(at, "order")) read_order(*order);
  }

 private:
  regime::TreeReader& reader() { return parts_.reader; }

  void read_words(const At& at) {
    std::set<std::string> seen;
    for (const At& item : parts_.items(at, words_max)) {
      const auto word = reader().text(item);
      if (!word) continue;
      if (word->empty() || word->size() > 40 || word->find_first_of(" ,;\n\t") != std::string::npos) {
        reader().error(item, "service.words",
                       "One word of at most 40 bytes without blanks or commas is expected here.");
      } else if (!seen.insert(fold_for_search(*word)).second) {
        reader().error(item, "service.words", "This word stands here twice. Keep one.");
      }
      service_.sms_words.push_back(*word);
    }
  }

  void read_order(const At& at) {
    for (const At& item : parts_.items(at, fields_max)) {
      const auto code = reader().text(item);
      if (!code) continue;
      service_.sms_order.push_back(*code);
      if (std::ranges::count(service_.sms_order, *code) > 1)
        reader().error(item, "service.sms", "This field stands here twice. Keep one.");
      if (*code != "national_id") check_field(item, *code);
    }
    if (std::ranges::find(service_.sms_order, "national_id") == service_.sms_order.end())
      reader().error(at, "service.sms", "A message says who applies. Add `national_id`.");
    for (const Field& field : service_.form) {
      const bool in_order = std::ranges::find(service_.sms_order, field.code) != service_.sms_order.end();
      if (!always_answered(field) || field.known != Known::none || in_order) continue;
      reader().error(
          at, "service.sms",
          fmt::format("`{}` must be answered, but no message holds it. Add it to `order`.", field.code));
    }
  }

  void check_field(const At& at, const std::string& code) {
    const Field* field = service_.find(code);
    if (field == nullptr) {
      std::vector<std::string> known{"national_id"};
      for (const Field& one : service_.form) known.push_back(one.code);
      reader().error(at, "service.field",
                     fmt::format("The form has no field `{}`.{}", code, regime::did_you_mean(code, known)));
    } else if (field->kind == FieldKind::document) {
      reader().error(at, "service.sms", "A message can't hold a document. Leave the field out.");
    } else if (field->kind == FieldKind::choice || field->kind == FieldKind::choices) {
      const bool wordless =
          std::ranges::any_of(field->choices, [](const Choice& choice) { return choice.words.empty(); });
      if (wordless) {
        reader().error(
            at, "service.sms",
            fmt::format("Each choice of `{}` needs `words` that people write in a message.", code));
      }
    }
  }

  FileParts& parts_;
  Service& service_;
};

}  // namespace

std::vector<Step> read_steps(FileParts& parts, const At& at, const Service& service) {
  return StepsReader(parts, service).read(at);
}

void read_sms(FileParts& parts, const At& at, Service& service) {
  SmsReader(parts, service).read(at);
}

}  // namespace dayaq::services
