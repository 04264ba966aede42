#include "edge/web/status_texts.hpp"

#include <array>
#include <string>

namespace dayaq::edge::web {
namespace {

struct Entry {
  Word word;
  std::string_view az, en, ru;
};

constexpr std::array<Entry, std::size_t(Word::count_)> entries{{
    {Word::title, "Operator qovşağının vəziyyəti", "State of the operator’s edge",
     "Состояние узла оператора"},
    {Word::skip, "Əsas məzmuna keç", "Skip to the main content", "Перейти к содержанию"},
    {Word::language, "Dil", "Language", "Язык"},
    {Word::all_good, "Hər şey qaydasındadır", "All is well", "Всё в порядке"},
    {Word::some_worries, "Diqqət tələb olunur", "Needs attention", "Требует внимания"},
    {Word::as_of, "Vəziyyət: {} (yerli vaxt)", "As of {} (local time)", "По состоянию на {} (местное время)"},
    {Word::refresh, "Hər 5 saniyədən bir yenilə", "Refresh every 5 seconds", "Обновлять каждые 5 секунд"},
    {Word::refresh_off, "Yeniləməni dayandır", "Stop refreshing", "Остановить обновление"},
    {Word::grants, "Hüququ olan abunələr", "Subscriptions with grants", "Абонентов с правами"},
    {Word::grants_what, "Səbəbi burada heç kim bilmir: yalnız kimə nə verildiyi məlumdur.",
     "Nobody here knows the reason: only what is granted to which pseudonym.",
     "Причину здесь никто не знает: известно лишь, что предоставлено и под каким псевдонимом."},
    {Word::lag, "Mərkəzdən gecikmə", "Behind the centre", "Отставание от центра"},
    {Word::questions, "Saniyədə sorğu", "Questions a second", "Запросов в секунду"},
    {Word::sessions, "Gedən sessiyalar", "Sessions in progress", "Текущих сессий"},
    {Word::viewers, "Tamaşaçılar", "Viewers", "Зрителей"},
    {Word::uptime, "İşləmə müddəti", "Up for", "Работает"},
    {Word::last_minutes, "Son on dəqiqə", "The last ten minutes", "Последние десять минут"},
    {Word::chart_questions, "Sorğular, saniyədə", "Questions, a second", "Запросы, в секунду"},
    {Word::chart_data, "İmtiyazlı trafik, Mbit/s", "Data under grants, Mbit/s", "Льготный трафик, Мбит/с"},
    {Word::chart_calls, "İmtiyazlı zənglər", "Calls under grants", "Льготные звонки"},
    {Word::chart_viewers, "İmtiyazlı TV baxışı", "Viewers under grants", "Льготные зрители"},
    {Word::chart_lag, "Mərkəzdən gecikmə, ms", "Behind the centre, ms", "Отставание от центра, мс"},
    {Word::chart_empty, "Hələ heç nə ölçülməyib.", "Nothing measured yet.", "Пока ничего не измерено."},
    {Word::now_most, "indi {}, ən çox {}", "now {}, at most {}", "сейчас {}, не более {}"},
    {Word::centre, "Mərkəz", "The centre", "Центр"},
    {Word::centre_connected, "Əlaqə var", "Connected", "На связи"},
    {Word::centre_away, "Əlaqə yoxdur", "Away", "Нет связи"},
    {Word::centre_heard, "Son cavab", "Last heard", "Последний ответ"},
    {Word::sequence, "Axının son nömrəsi", "Last number of the feed", "Последний номер ленты"},
    {Word::behind, "Gözləyən sətirlər", "Lines behind", "Строк отставания"},
    {Word::measures, "Tədbirlər", "Measures", "Меры"},
    {Word::resources, "Ödənişsiz resursların siyahısı, versiya", "List of free resources, version",
     "Список бесплатных ресурсов, версия"},
    {Word::protocols, "Protokollar", "Protocols", "Протоколы"},
    {Word::protocol, "Protokol", "Protocol", "Протокол"},
    {Word::received, "Qəbul edilib", "Received", "Получено"},
    {Word::answered, "Burada cavablandırılıb", "Answered here", "Отвечено здесь"},
    {Word::relayed, "Operatora ötürülüb", "Relayed", "Передано оператору"},
    {Word::errors, "Səhvlər", "Errors", "Ошибки"},
    {Word::peers, "Diameter tərəfdaşları", "Diameter peers", "Узлы Diameter"},
    {Word::peer, "Tərəfdaş", "Peer", "Узел"},
    {Word::state, "Vəziyyət", "State", "Состояние"},
    {Word::no_peers, "Heç bir tərəfdaş qoşulmayıb.", "No peer is connected.", "Ни один узел не подключён."},
    {Word::siblings, "Operatorun digər qovşaqları", "The operator’s other edges", "Другие узлы оператора"},
    {Word::sibling, "Qovşaq", "Edge", "Узел"},
    {Word::no_siblings, "Bu operatorun yeganə qovşağıdır.", "This is the operator’s only edge.",
     "Это единственный узел оператора."},
    {Word::heard, "Cavab verir", "Heard", "Отвечает"},
    {Word::silent, "Susur", "Silent", "Молчит"},
    {Word::usage, "Başlanğıcdan bəri istifadə", "Used since the start", "Использовано с запуска"},
    {Word::voice, "Zənglər, dəqiqə", "Calls, minutes", "Звонки, минуты"},
    {Word::messages, "Mesajlar", "Messages", "Сообщения"},
    {Word::data, "Trafik, MB", "Data, MB", "Трафик, МБ"},
    {Word::tv, "TV, dəqiqə", "TV, minutes", "ТВ, минуты"},
    {Word::settlement, "Hesablaşma", "Settlement", "Расчёты"},
    {Word::batches, "Hazırlanmış bağlamalar", "Batches made", "Пакетов подготовлено"},
    {Word::confirmed, "Mərkəz təsdiqləyib", "Confirmed by the centre", "Подтверждено центром"},
    {Word::waiting, "Gözləyir", "Waiting", "Ожидает"},
    {Word::disk, "Jurnalın diski", "The journal’s disk", "Диск журнала"},
    {Word::disk_good, "Yazılır", "Written", "Записывается"},
    {Word::disk_full, "Dolub", "Full", "Заполнен"},
    {Word::disk_failed, "Nasazdır", "Failed", "Неисправен"},
    {Word::records, "Diskdəki yazılar", "Records on disk", "Записей на диске"},
    {Word::unjournaled, "Jurnalsız verilib", "Granted without the journal", "Выдано без журнала"},
    {Word::decisions, "Qərarlar", "Decisions", "Решения"},
    {Word::granted, "Verildi", "Granted", "Предоставлено"},
    {Word::not_covered, "Hüquq yoxdur", "Not covered", "Нет права"},
    {Word::used_up, "Həcm bitib", "Quota used up", "Квота исчерпана"},
    {Word::limited, "Məhdud xidmət", "Limited service", "Ограниченная услуга"},
    {Word::refused, "İmtina", "Refused", "Отказано"},
    {Word::repeated, "Təkrar sorğu", "Repeated", "Повторные"},
    {Word::worry_disk_full, "Disk dolub: yer açın. Bu vaxt faylda seçdiyiniz kimi davranılır.",
     "The disk is full: make room. Meanwhile the edge does what the file says.",
     "Диск заполнен: освободите место. Пока узел действует, как указано в файле."},
    {Word::worry_disk_failed, "Disk nasazdır: dəyişin və qovşağı yenidən başladın.",
     "The disk has failed: replace it and start the edge again.",
     "Диск неисправен: замените его и запустите узел заново."},
    {Word::worry_no_grants, "Mərkəzdən hələ heç nə gəlməyib: heç kimə heç nə verilmir.",
     "Nothing has come from the centre yet: nobody is granted anything.",
     "Из центра ещё ничего не пришло: никому ничего не предоставляется."},
    {Word::worry_centre_away,
     "Mərkəz bir dəqiqədən çoxdur cavab vermir. Bilinən hüquqlar qüvvədə qalır, istifadə diskdə gözləyir.",
     "The centre has been away for more than a minute. What is known stays in force, usage waits on disk.",
     "Центр не отвечает больше минуты. Известные права действуют, данные об использовании ждут на диске."},
    {Word::worry_settlement, "Hesablaşma bir saatdan çoxdur gözləyir.",
     "Settlement has waited for more than an hour.", "Расчёты ждут больше часа."},
    {Word::worry_sibling_away, "{} qovşağı susur: həcmlər bölünüb.",
     "Edge {} is silent: quotas are shared out.", "Узел {} молчит: квоты поделены."},
    {Word::worry_peers_away, "Heç bir Diameter tərəfdaşı qoşulmayıb.", "No Diameter peer is connected.",
     "Ни один узел Diameter не подключён."},
    {Word::worry_resources, "Ödənişsiz resursların gələn siyahısı qəbul edilmədi; əvvəlki qüvvədə qalır.",
     "A list of free resources was refused; the one before stays in use.",
     "Присланный список бесплатных ресурсов отклонён; действует прежний."},
    {Word::api, "API sənədi (OpenAPI)", "API document (OpenAPI)", "Документ API (OpenAPI)"},
    {Word::metrics, "Prometheus göstəriciləri", "Prometheus metrics", "Метрики Prometheus"},
    {Word::health, "Hazırlıq", "Readiness", "Готовность"},
    {Word::part, "Hissə", "Part", "Часть"},
    {Word::minutes, "{} dəq", "{} min", "{} мин"},
    {Word::hours, "{} saat", "{} h", "{} ч"},
    {Word::days, "{} gün", "{} d", "{} д"},
    {Word::seconds, "{} s", "{} s", "{} с"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (std::size_t(entries[i].word) != i) return false;
  }
  return true;
}
static_assert(in_order(), "each word stands once, in the order of the enumeration");

}  // namespace

std::string_view text(Word word, Language language) {
  const Entry& entry = entries[std::size_t(word)];
  return language == Language::az ? entry.az : language == Language::en ? entry.en : entry.ru;
}

}  // namespace dayaq::edge::web
