#include "identity/account/notices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace dayaq::identity {
namespace {

const LocalizedText& text_of(Notice notice) {
  static const LocalizedText activation{
      "Rəqəmsal kimliyinizi açmaq üçün kod: {0}. {1} tarixinə qədər etibarlıdır. Kodu heç kimə deməyin.",
      "The code for your digital ID: {0}. Valid until {1}. Tell it to nobody.",
      "Код для вашего цифрового удостоверения: {0}. Действует до {1}. Никому его не сообщайте."};
  static const LocalizedText number{"Nömrənizi təsdiqləyən kod: {0}. Kodu heç kimə deməyin.",
                                    "The code that confirms your number: {0}. Tell it to nobody.",
                                    "Код для подтверждения вашего номера: {0}. Никому его не сообщайте."};
  static const LocalizedText added{
      "Rəqəmsal kimliyinizə yeni giriş vasitəsi əlavə olundu: {0}. Bunu siz etməmisinizsə, dərhal səhifənizə "
      "daxil "
      "olun və onu silin.",
      "A new way to sign in was added to your digital ID: {0}. If it wasn't you, sign in at once and remove "
      "it.",
      "К вашему цифровому удостоверению добавлен новый способ входа: {0}. Если это были не вы, сразу войдите "
      "и "
      "удалите его."};
  static const LocalizedText removed{"Rəqəmsal kimliyinizdən giriş vasitəsi silindi: {0}.",
                                     "A way to sign in was removed from your digital ID: {0}.",
                                     "Из вашего цифрового удостоверения удалён способ входа: {0}."};
  static const LocalizedText lost{
      "Giriş vasitəniz itmiş kimi qeyd olundu: {0}. O, {1} tarixinə qədər işləyir. Bunu siz etməmisinizsə: "
      "{2}",
      "A way to sign in was declared lost: {0}. It works until {1}. If it wasn't you: {2}",
      "Способ входа объявлен утерянным: {0}. Он работает до {1}. Если это были не вы: {2}"};
  static const LocalizedText recovered{
      "Rəqəmsal kimliyinizə giriş bərpa olundu, yeni vasitə: {0}. Bunu siz etməmisinizsə: {1}",
      "Your digital ID was recovered with a new way to sign in: {0}. If it wasn't you: {1}",
      "Доступ к вашему цифровому удостоверению восстановлен, новый способ входа: {0}. Если это были не вы: "
      "{1}"};
  static const LocalizedText surely{
      "Rəqəmsal kimliyinizə giriş şəxsiyyətiniz yoxlanılmaqla bərpa olundu, yeni vasitə: {0}. Bunu siz "
      "etməmisinizsə, "
      "xidmət mərkəzinə müraciət edin.",
      "Your digital ID was recovered after your identity was checked, with a new way to sign in: {0}. If it "
      "wasn't "
      "you, go to a service centre.",
      "Доступ к вашему цифровому удостоверению восстановлен после проверки личности, новый способ входа: "
      "{0}. Если "
      "это были не вы, обратитесь в центр обслуживания."};
  static const LocalizedText undone{
      "Rəqəmsal kimliyinizin bərpası geri götürüldü; əvvəlki giriş vasitələriniz qüvvədədir.",
      "The recovery of your digital ID was taken back; your earlier ways to sign in are in force.",
      "Восстановление вашего цифрового удостоверения отменено; прежние способы входа в силе."};
  static const LocalizedText suspended{
      "Rəqəmsal kimliyinizin istifadəsi dayandırıldı. Ətraflı: xidmət mərkəzi.",
      "Your digital ID is suspended. A service centre can tell you more.",
      "Ваше цифровое удостоверение приостановлено. Подробнее — в центре обслуживания."};
  static const LocalizedText reactivated{"Rəqəmsal kimliyiniz yenidən işləyir.",
                                         "Your digital ID works again.",
                                         "Ваше цифровое удостоверение снова работает."};
  static const LocalizedText relation_recorded{
      "Sizinlə bağlı təmsilçilik qeydə alındı ({0}). Səhifənizdə baxın.",
      "Somebody may now act for another, and it concerns you ({0}). See it on your page.",
      "Записано представительство, касающееся вас ({0}). Смотрите на вашей странице."};
  static const LocalizedText relation_ended{"Sizinlə bağlı təmsilçiliyə son verildi ({0}).",
                                            "Acting for another that concerned you has ended ({0}).",
                                            "Представительство, касающееся вас, прекращено ({0})."};
  switch (notice) {
    case Notice::activation_code:
      return activation;
    case Notice::number_code:
      return number;
    case Notice::authenticator_added:
      return added;
    case Notice::authenticator_removed:
      return removed;
    case Notice::authenticator_lost:
      return lost;
    case Notice::recovered:
      return recovered;
    case Notice::recovered_surely:
      return surely;
    case Notice::recovery_undone:
      return undone;
    case Notice::suspended:
      return suspended;
    case Notice::reactivated:
      return reactivated;
    case Notice::relation_recorded:
      return relation_recorded;
    case Notice::relation_ended:
      return relation_ended;
  }
  std::unreachable();
}

}  // namespace

std::string notice_text(Notice notice, Language language, const std::vector<std::string>& values) {
  std::string out;
  std::string_view rest = text_of(notice).in(language);
  while (!rest.empty()) {
    const std::size_t brace = rest.find('{');
    out += rest.substr(0, brace);
    if (brace == std::string_view::npos) break;
    const auto index = static_cast<std::size_t>(rest[brace + 1] - '0');
    DAYAQ_ASSERT(index < values.size());
    out += values[index];
    rest.remove_prefix(brace + 3);
  }
  return out;
}

Result<std::string> letter_address(store::Session& db, const Accounts& accounts, PersonId person) {
  DAYAQ_TRY(const auto record, accounts.persons.person(db, person));
  if (!record) return std::string();
  const registry::CountryPack& country = accounts.registry.country;
  const registry::Place& place = country.place(record->person.place);
  return fmt::format("{} {}, {}, {}", record->person.family_name, record->person.given_name, place.name.az,
                     country.place(place.district).name.az);
}

Result<Receivers> receivers_of(store::Session& db, const Accounts& accounts, PersonId person,
                               std::string_view but_not, Instant now) {
  Receivers out;
  DAYAQ_TRY(out.numbers, numbers_of(db, accounts.persons, person, now));
  std::erase(out.numbers, but_not);
  DAYAQ_TRY(const auto devices, mobiles_of(db, person));
  for (const MobileDevice& device : devices) {
    if (device.authenticator.worth_at(now) != Assurance::none && !device.address.empty()) {
      out.devices.push_back(device.address);
    }
  }
  if (out.numbers.empty() && out.devices.empty()) {
    DAYAQ_TRY(out.letter, letter_address(db, accounts, person));
  }
  return out;
}

Result<void> notify(store::Session& db, const Accounts& accounts, const Receivers& receivers,
                    const std::string& text) {
  const auto send = [&](Message::Channel channel, const std::string& to) {
    return accounts.outbox.queue(
        db,
        {.id = accounts.random.next_id(), .channel = channel, .to = to, .text = text, .until = instant_max});
  };
  for (const std::string& number : receivers.numbers) DAYAQ_TRY_OK(send(Message::Channel::sms, number));
  for (const std::string& device : receivers.devices) DAYAQ_TRY_OK(send(Message::Channel::push, device));
  if (!receivers.letter.empty()) DAYAQ_TRY_OK(send(Message::Channel::letter, receivers.letter));
  return {};
}

Result<void> notify(store::Session& db, const Accounts& accounts, const Account& account, Notice notice,
                    const std::vector<std::string>& values, Instant now, std::string_view but_not) {
  DAYAQ_TRY(const Receivers receivers, receivers_of(db, accounts, account.person, but_not, now));
  return notify(db, accounts, receivers, notice_text(notice, account.language, values));
}

}  // namespace dayaq::identity
