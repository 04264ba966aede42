#include "services/sms/lexicon.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <unordered_map>

#include "services/sms/script.hpp"

namespace dayaq::services::sms {
namespace {

struct Words {
  Meaning meaning;
  std::optional<Language> language;
  std::string_view list;
};

constexpr auto az = Language::az;
constexpr auto en = Language::en;
constexpr auto ru = Language::ru;

// Written as people write them; looked up by sound, so that one spelling stands for its variants.
constexpr std::array<Words, 27> lists{{
    {Meaning::filler, az,
     "salam salamlar aleykum eleykum sabahınız xeyir hər vaxtınız axşamınız gününüz hörmətli xahiş edirəm "
     "edirem edirik olmasa zəhmət olarmı olar üçün ucun mənə mene mən bizə bize biz icazə icazəsi icazəni "
     "lazımdır lazim lazımdı istəyirəm isteyirem istəyirik verin verəsiniz göndər göndərin gonderin "
     "getmək getmek gedirəm gedirik gedecem gedəcəyəm çıxmaq çıxıram cixiram çıxış evdən evden sağ olun "
     "sağol sagol təşəkkür təşəkkürlər minnətdaram çox ilə ile və ve da də bu gün bugün sabah indi mənim "
     "anam atam həyat yoldaşım yoldasim oğlum qızım qardaşım bacım nənəm babam uşaq uşağım ailə adam nəfər "
     "vətəndaş vetendas kodu kodum kod nömrəm şəxsiyyət vəsiqəsi vesiqesi vesiqe vəsiqə qeydiyyat ünvan "
     "tez zehmet xahis buyurun bəli beli hə məqsəd üzrə uzre etmək etmek etdim yazıram yaziram hami hamısı "
     "qonşum qonsum dostum əziz cənab xanım bəy müəllim canım allah xatirinə saglam hazır soruşuram"},
    {Meaning::filler, en,
     "hello hi hey dear sir madam please pls plz thank thanks you thx my me i we our us need want would "
     "like to go get going the a an is are am and for with permit permission leave leaving home out now "
     "today can could give send request mother father wife husband son daughter brother sister family "
     "person people id code card good morning evening afternoon day of in on it this that urgent "
     "urgently kindly regards must have has from her his name sms message im id's both also child"},
    {Meaning::filler, ru,
     "привет здравствуйте здравствуй добрый день доброе утро вечер пожалуйста пж пжл плиз прошу дайте "
     "разрешение разрешения разрешите выйти выход выхода выхожу пойти иду идти ехать нужно надо можно "
     "хочу мне меня мы нам мой моя мою моей мама маме маму папа папе муж мужу жена жене сын сына дочь дочери "
     "брат брата сестра сестры спасибо благодарю я и для на в во с со из дома дом сейчас сегодня срочно "
     "очень это код номер цель по уважаемые господа человек гражданин гражданка удостоверение личности "
     "карта семья бабушка дедушка подскажите вот тоже оба privet zdravstvuyte zdrastvuyte pozhaluysta "
     "pojaluysta spasibo razreshenie nujno hochu vyiti ya dlya dobriy den proshu dayte mne"},
    {Meaning::id_word, std::nullopt, "fin fın pin fincode finkod финкод fini finim фин ин пин"},
    {Meaning::reason, az, "səbəb sebeb səbəbi sebebi səbəbim bənd bend"},
    {Meaning::reason, en, "reason option purpose"},
    {Meaning::reason, ru, "причина причине пункт цель prichina"},
    {Meaning::reason, std::nullopt, "no n nr nömrə nomre №"},
    {Meaning::serial, std::nullopt, "aze seriya serial serie серия serija азе"},
    {Meaning::hour, az, "saat saata saatda saatliq saatlıq saatlik dəqiqə deqiqe"},
    {Meaning::hour, en, "hour hours hrs pm oclock minutes"},
    {Meaning::hour, ru, "час часа часов часам минут минуты chas chasa"},
    {Meaning::address, az, "bina mənzil menzil mərtəbə küçə küçəsi kuce ev məhəllə blok mikrorayon"},
    {Meaning::address, en, "apartment apt building street flat block"},
    {Meaning::address, ru, "кв квартира улица ул этаж корпус kv"},
    {Meaning::phone, az, "telefon telefonum mobil nömrəm zəng"},
    {Meaning::phone, en, "phone mobile tel call"},
    {Meaning::phone, ru, "тел телефон мобильный"},
    {Meaning::negation, az, "deyil deil yox yoxdur istəmirəm istemirem"},
    {Meaning::negation, en, "not dont don isnt isn no cannot cant wont never"},
    {Meaning::negation, ru, "не нет никогда ni net ne"},
    {Meaning::ordinal, std::nullopt, "ci cü cu ые ый ый ая й го st nd rd th ым ой"},
    {Meaning::help, az, "kömək komek yardım məlumat qayda qaydalar necə"},
    {Meaning::help, en, "help info information rules how"},
    {Meaning::help, ru, "помощь помогите справка инфо как pomosh"},
    {Meaning::status, std::nullopt, "status durum vəziyyət veziyyet статус состояние"},
    {Meaning::cancel, std::nullopt, "cancel ləğv legv отмена отменить отмени otmena imtina"},
}};

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
using Table = std::unordered_map<std::string, KnownWord, Hash, std::equal_to<>>;

Table make_table() {
  Table table;
  for (const Words& words : lists) {
    for (std::size_t at = 0; at < words.list.size();) {
      const std::size_t end = std::min(words.list.find(' ', at), words.list.size());
      std::string sound = sound_of(words.list.substr(at, end - at));
      at = end + 1;
      if (sound.empty()) continue;
      const auto [found, is_new] =
          table.try_emplace(std::move(sound), KnownWord{words.meaning, words.language});
      if (is_new) continue;
      // What means something goes before a filler; what two languages share gives none away.
      if (found->second.meaning == Meaning::filler) found->second.meaning = words.meaning;
      if (found->second.language != words.language) found->second.language.reset();
    }
  }
  return table;
}

}  // namespace

std::optional<KnownWord> known_word(std::string_view sound) {
  static const Table table = make_table();
  const auto found = table.find(sound);
  if (found == table.end()) return std::nullopt;
  return found->second;
}

}  // namespace dayaq::services::sms
