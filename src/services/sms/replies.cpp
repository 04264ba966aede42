#include "services/sms/replies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "services/sms/script.hpp"

namespace dayaq::services::sms {
namespace {

using What = Question::What;

/// In az, en, ru: the order of Language.
using Texts = std::array<std::string_view, 3>;

template <class... Args>
std::string say(Language language, const Texts& texts, const Args&... args) {
  std::string out = fmt::format(fmt::runtime(texts[std::size_t(language)]), args...);
  return language == Language::ru ? out : to_gsm7(out);
}

/// What an answer to a question that isn't a choice looks like; "" where a message can't hold one.
std::string example_of_answer(const Field& field) {
  switch (field.kind) {
    case FieldKind::date:
      return "21.12.2026";
    case FieldKind::number:
      return std::to_string(std::max<std::int64_t>(field.min, 1));
    case FieldKind::yes_no:
      return "yes";
    case FieldKind::text:
      return "...";
    default:
      return {};
  }
}

const Field* open_field(const Service* service, std::string_view code) {
  const Field* found = service == nullptr ? nullptr : service->find(code);
  return found != nullptr && found->choices.empty() ? found : nullptr;
}

/// An example that works: "2 5ABC123", in the order of the service's file.
std::string example_of(const Service* service) {
  std::string out;
  if (service != nullptr) {
    for (const std::string& code : service->sms_order) {
      std::string part = "5ABC123";
      for (const Field& field : service->form) {
        if (field.code != code) continue;
        if (field.choices.empty()) {
          part = field.known == Known::none ? example_of_answer(field) : std::string();
          continue;
        }
        const Choice& choice = field.choices[field.choices.size() > 1 ? 1 : 0];
        part = choice.words.empty() ? choice.code : choice.words.front();
      }
      if (!part.empty()) out += (out.empty() ? "" : " ") + part;
    }
    // With several services the message begins with the service's word.
    if (!service->sms_words.empty() && std::ranges::any_of(service->sms_order, [&](const std::string& code) {
          return open_field(service, code) != nullptr;
        })) {
      out = service->sms_words.front() + " " + out;
    }
  }
  return out.empty() ? "5ABC123 2" : out;
}

/// "1 hekim, 2 bazar, 3 defn": each choice by a digit and a word.
std::string choices_of(const Service* service, std::string_view field, Language language) {
  std::string out;
  if (service == nullptr) return out;
  for (const Field& one : service->form) {
    if (one.code != field) continue;
    for (const Choice& choice : one.choices) {
      std::string digit, word;
      for (const std::string& each : choice.words) {
        const auto tokens = tokens_of(each);
        if (tokens.size() != 1) continue;
        if (digit.empty() && tokens[0].digits_only()) digit = each;
        const bool fits = language == Language::ru   ? tokens[0].cyrillic
                          : language == Language::az ? !tokens[0].cyrillic
                                                     : sound_of(choice.code) == tokens[0].word;
        if (word.empty() && tokens[0].letters_only() && fits) word = each;
      }
      if (word.empty()) word = choice.code;
      out += (out.empty() ? "" : ", ") + digit + (digit.empty() ? "" : " ") + word;
    }
  }
  return language == Language::ru ? out : to_gsm7(out);
}

}  // namespace

std::string short_time(std::string_view local) {
  if (local.size() < 16) return std::string(local);
  return fmt::format("{}.{} {}", local.substr(8, 2), local.substr(5, 2), local.substr(11, 5));
}

std::string help_text(Language language, const Service* service) {
  return say(language,
             {"FIN-i ve sebebi yazin. Numune: {0}. Bir mesajda 8 nefere qeder. Veziyyet: DURUM nomre. Legv: "
              "LEGV nomre.",
              "Write the FIN and the reason. Example: {0}. Up to 8 people in a message. STATUS number, "
              "CANCEL number.",
              "Напишите ФИН и причину. Пример: {0}. До 8 человек. СТАТУС номер, ОТМЕНА номер."},
             example_of(service));
}

std::string question_text(Language language, const Question& question, const Service* service) {
  const std::string example = example_of(service);
  const std::string& shown = question.shown;
  switch (question.what) {
    case What::empty:
      return help_text(language, service);
    case What::service:
      return say(language, {"Hansi xidmet lazimdir? Mesaji onun sozu ile baslayin.",
                            "Which service? Begin the message with its word.",
                            "Какая услуга? Начните сообщение с её слова."});
    case What::person:
      return say(language,
                 {"FIN catmir: vesiqedeki 7 isare. Numune: {0}",
                  "The FIN is missing: 7 characters on the card. Example: {0}",
                  "Не хватает ФИН: 7 знаков. Пример: {0}"},
                 example);
    case What::person_length:
      if (question.count == 0) {
        return say(language,
                   {"FIN-de 7 isare olmalidir. Onu bir yerde yazin. Numune: {0}",
                    "A FIN has 7 characters. Write it in one piece. Example: {0}",
                    "В ФИН 7 знаков. Напишите его слитно. Пример: {0}"},
                   example);
      }
      return say(language,
                 {"FIN-de 7 isare olmalidir, {1} yazilib{2}. Numune: {0}",
                  "A FIN has 7 characters, here are {1}{2}. Example: {0}",
                  "В ФИН 7 знаков, а здесь {1}{2}. Пример: {0}"},
                 example, question.count, shown.empty() ? "" : ": " + shown);
    case What::person_unclear:
      return say(language,
                 {"FIN aydin deyil. Onu latin herfleri ile boyuk yazin. Numune: {0}",
                  "The FIN isn't clear. Write it in Latin capitals. Example: {0}",
                  "ФИН неясен. Напишите латинскими буквами. Пример: {0}"},
                 example);
    case What::person_which:
      return say(language,
                 {"Hansi FIN-dir? Yalniz FIN-i ve sebebi yazin. Numune: {0}",
                  "Which one is the FIN? Write only the FIN and the reason. Example: {0}",
                  "Где ФИН? Напишите только ФИН и причину. Пример: {0}"},
                 example);
    case What::answer:
    case What::answer_unknown:
    case What::answer_several:
      if (const Field* field = open_field(service, question.field)) {
        const bool missing = question.what == What::answer;
        return say(language,
                   missing ? Texts{"Catmir: {1} Numune: {0}", "Missing: {1} Example: {0}",
                                   "Не хватает: {1} Пример: {0}"}
                           : Texts{"Aydin deyil: {1} Numune: {0}", "Not clear: {1} Example: {0}",
                                   "Неясно: {1} Пример: {0}"},
                   example, field->title.in(language));
      }
      if (question.what == What::answer_several) {
        return say(
            language,
            {"Bir nefere bir sebeb yazin: {1}. Numune: {0}", "One reason for one person: {1}. Example: {0}",
             "Одна причина на человека: {1}. Пример: {0}"},
            example, choices_of(service, question.field, language));
      }
      return say(language,
                 {"Sebeb {2}: {1}. Numune: {0}", "The reason {2}: {1}. Example: {0}",
                  "Причина {2}: {1}. Пример: {0}"},
                 example, choices_of(service, question.field, language),
                 question.what == What::answer
                     ? Texts{"catmir", "is missing", "не указана"}[std::size_t(language)]
                     : Texts{"basqa olmalidir", "must be one of", "одна из"}[std::size_t(language)]);
    case What::separate:
      return say(language,
                 {"Mesaj iki cur oxunur. FIN ile sebebin arasina bosluq qoyun. Numune: {0}",
                  "This can be read in two ways. Put a space between FIN and reason. Example: {0}",
                  "Неясно. Поставьте пробел между ФИН и причиной. Пример: {0}"},
                 example);
    case What::pairing:
      return say(language,
                 {"Kimin sebebi hansidir? Her nefer ucun ayri setir yazin. Numune: {0}",
                  "Whose reason is which? Write a line for each person. Example: {0}",
                  "Чья причина какая? По строке на человека. Пример: {0}"},
                 example);
    case What::too_many:
      return say(language, {"Bir mesajda 8 nefere qeder yazin, qalanlarini basqa mesajda.",
                            "Up to 8 people in a message; write the others in another one.",
                            "До 8 человек в сообщении, остальных в другом."});
    case What::negated:
      return say(language,
                 {"Ne istediyiniz aydin deyil. Yalniz FIN-i ve sebebi yazin. Numune: {0}",
                  "It isn't clear what you want. Write only the FIN and the reason. Example: {0}",
                  "Неясно, что нужно. Напишите только ФИН и причину. Пример: {0}"},
                 example);
    case What::number:
      return say(language, {"Muracietin nomresini yazin. Numune: DURUM K7M2-9QXF-3DR5",
                            "Write the application's number. Example: STATUS K7M2-9QXF-3DR5",
                            "Напишите номер заявления: СТАТУС K7M2-9QXF-3DR5"});
  }
  return help_text(language, service);
}

std::string granted_text(Language language, std::string_view person, std::string_view answer,
                         std::string_view until, std::string_view number) {
  const std::string why = answer.empty() ? "" : fmt::format(" ({})", answer);
  return say(language,
             {"Icaze: {0}{1}, {2}-dek. No {3}", "Permit: {0}{1}, until {2}. No {3}",
              "Разрешение: {0}{1}, до {2}. № {3}"},
             person, why, until, number);
}

std::string done_text(Language language, std::string_view person, std::string_view number) {
  return say(language, {"Qebul olundu: {0}. No {1}", "Granted: {0}. No {1}", "Одобрено: {0}. № {1}"}, person,
             number);
}

std::string waiting_text(Language language, std::string_view person, std::string_view number,
                         std::string_view promised) {
  return say(language,
             {"Muraciet alindi: {0}. No {1}. Cavab {2}-dek.", "Received: {0}. No {1}. An answer by {2}.",
              "Принято: {0}. № {1}. Ответ до {2}."},
             person, number, promised);
}

std::string refused_text(Language language, std::string_view person) {
  return say(language,
             {"{0} ucun icaze verilmir. Sebebi sexsi sehifede ve xidmet merkezinde deyilir.",
              "No permit for {0}. The reason is told on their own page and at a service centre.",
              "Для {0} разрешения нет. Причина - на личной странице."},
             person);
}

std::string already_text(Language language, std::string_view person, std::string_view again) {
  if (again.empty()) {
    return say(language,
               {"{0} ucun icaze artiq verilib. Yenisi sonra mumkundur.",
                "{0} has had a permit already. A new one is possible later.",
                "Для {0} разрешение уже было. Новое - позже."},
               person);
  }
  return say(language,
             {"{0} ucun icaze artiq verilib. Yenisi {1} tarixinden mumkundur.",
              "{0} has had a permit already. A new one is possible from {1}.",
              "Для {0} разрешение уже было. Новое - с {1}."},
             person, again);
}

std::string unknown_person_text(Language language, std::string_view person) {
  return say(language,
             {"{0} tapilmadi. Vesiqedeki FIN-i yoxlayin ve yeniden gonderin.",
              "{0} isn't known. Check the FIN on the card and send it again.",
              "{0} не найден. Проверьте ФИН и пришлите снова."},
             person);
}

std::string not_in_force_text(Language language) {
  return say(language,
             {"Rejim quvvede deyil: icaze lazim deyil.", "The regime isn't in force: no permit is needed.",
              "Режим не действует: разрешение не нужно."});
}

std::string closed_text(Language language, const LocalizedText& because) {
  if (!because.in(language).empty()) return say(language, {"{}", "{}", "{}"}, because.in(language));
  return say(language,
             {"Xidmet muveqqeti baglidir. Sonra yazin.", "The service is closed for now. Write later.",
              "Услуга временно закрыта. Напишите позже."});
}

std::string elsewhere_text(Language language, std::string_view person) {
  return say(language,
             {"{0}: bu xidmet ucun basqa suallar da var. Saytda ve ya xidmet merkezinde davam edin.",
              "{0}: this service asks for more. Go on on its web page or at a service centre.",
              "{0}: нужны ещё ответы. Продолжите на сайте."},
             person);
}

std::string too_many_messages_text(Language language) {
  return say(language, {"Bu nomreden bu gun cox mesaj gelib. Sabah yazin ve ya saytdan istifade edin.",
                        "Too many messages from this number today. Write tomorrow, or use the web page.",
                        "Слишком много сообщений за день. Напишите завтра."});
}

std::string too_many_persons_text(Language language, std::string_view person) {
  return say(language,
             {"{0}: bu nomreden gunde 8 nefer ucun yazmaq olar. Basqa nomreden yazin.",
              "{0}: one number may ask for 8 people a day. Write from another number.",
              "{0}: с номера - 8 человек в день. Напишите с другого."},
             person);
}

std::string status_text(Language language, const Case& stands, std::string_view number,
                        std::string_view until) {
  if (stands.state == CaseState::granted) {
    return say(language, {"No {0}: verilib{1}", "No {0}: granted{1}", "№ {0}: одобрено{1}"}, number,
               until.empty() ? "" : fmt::format(", {}", until));
  }
  if (stands.state == CaseState::withdrawn) return cancelled_text(language, number);
  if (!is_open(stands.state)) {
    return say(language,
               {"No {0}: verilmeyib. Sebebi sexsi sehifede.",
                "No {0}: not granted. The reason is on their own page.",
                "№ {0}: отказ. Причина - на личной странице."},
               number);
  }
  return say(language,
             {"No {0}: baxilir, cavab {1}-dek.", "No {0}: being looked at, an answer by {1}.",
              "№ {0}: рассматривается, ответ до {1}."},
             number, until);
}

std::string unknown_number_text(Language language) {
  return say(language, {"Bele nomre yoxdur. Cavabdaki nomreni yazin: DURUM K7M2-9QXF-3DR5",
                        "There is no such number. Write it as in the answer: STATUS K7M2-9QXF-3DR5",
                        "Нет такого номера. Пример: СТАТУС K7M2-9QXF-3DR5"});
}

std::string cancelled_text(Language language, std::string_view number) {
  return say(language, {"No {0}: legv olundu.", "No {0}: cancelled.", "№ {0}: отменено."}, number);
}

std::string too_late_to_cancel_text(Language language, std::string_view number) {
  return say(language,
             {"No {0}: artiq qerar verilib, legv olunmur.", "No {0}: decided already, it can't be cancelled.",
              "№ {0}: уже решено, отменить нельзя."},
             number);
}

}  // namespace dayaq::services::sms
