#!/usr/bin/env python3
"""Writes held_out_a.tsv and held_out_b.tsv: messages that the grammar wasn't written by.

Other than generate.py's: nearly all of them are sentences as people write them to an office, by hand; the rest is broken by
rules that generate.py hasn't (neighbours on the keyboard, a Russian keyboard left on, vowels left out, @ and 3 for letters,
numbers in words, Turkish and English spellings). The grammar's rules may be tuned on half A. Half B is never looked at for
that: its score is what the grammar does with people it hasn't met. The format is generate.py's.

Each line of BY_HAND is a message with {A}, {B}, {C} for national ids, and who gets what: d doctor, s shopping, f funeral; or a
question: ask, ask person, ask answer; or a command. `~` before: granting is right, and asking is careful.
"""
import random
import sys

R = random.Random(4711)
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
REASON = {"d": "doctor", "s": "shopping", "f": "funeral"}

BY_HAND = """
Salam. Mənim FİN kodum {A}. Anamı xəstəxanaya aparmalıyam | Ad
Axsaminiz xeyir, aptekden derman almaliyam, fin {A} | As
{A} apteke gedib gelecem | As
Xahis edirem mene icaze verin, bazara getmek lazimdir. Finim {A} | As
FIN: {A}\\nSebeb: 2 | As
FIN: {A}\\nSəbəb: həkim | Ad
Fin kod - {A}, sebeb - 3 | Af
Sebeb 1. Fin {A}. | Ad
{A} - 2 - icaze | As
Evdən çıxmaq istəyirəm. Səbəb: ərzaq almaq. {A} | As
Menim atam rehmete getdi, defne getmeliyem. {A} | ~Af
qonsumun yas merasimi var {A} | Af
Salam, {A} ucun 2 nomreli icaze | As
{A} poçta getmək | As
{A} banka pul çıxarmağa | As
{A} sabah yox indi bazara | ask
hekime yox, bazara {A} | ask
bazara getmirem, {A} | ~As
Salam {A} | ask answer
{A} | ask answer
fin {A} gonderirem | ask answer
icaze istəyirəm, adım Əli | ask
mənə icazə lazımdır | ask
Bazara gedirəm | ask person
apteke getmek isteyirem xahis edirem | ask person
Həkimə getməliyəm, vəsiqəm yoxdur | ask
2 | ask person
1 | ask person
Alo | ask
necə icazə almaq olar? | help
kömək edin | help
Qaydaları deyin | help
Sağ olun | ask
Təşəkkür edirəm, aldım | ask
{A} {B} bazar | As Bs
{A} bazar, {B} həkim | As Bd
{A} və {B} - həkimə | Ad Bd
Həyat yoldaşım {A} bazara, mən {B} həkimə | As Bd
{A} 1\\n{B} 1\\n{C} 2 | Ad Bd Cs
1) {A} 2\\n2) {B} 2 | ask
Anam {A} və atam {B} üçün aptek | As Bs
1. {A}\\n2. {B} | ask
biz ikimiz: {A}, {B}. səbəb 2 | As Bs
2 nəfərik {A} {B} bazar | ~As Bs
{A} {B} | ask answer
{A} bazar həkim | ask answer
{A} 1 və 2 | ask answer
{A} bazar {B} | ask answer
Mənim FIN kodum {A}-dir, bazara gedirəm | As
{A}-nı bazara buraxın | ~As
FİN={A};SƏBƏB=2 | As
fin:{A} sebeb:1 | Ad
*{A}*1# | Ad
#{A}#2# | As
{A}+2 | As
{A}=1 | Ad
[2] {A} | As
{A}..........2 | As
{A}~3 | Af
2)){A} | As
Vəsiqə AA1234567, FİN {A}, bazar | As
AZE12345678 fin {A} sebeb 3 | Af
Sv AA 7654321 {A} market | As
Telefonum 0505554433, FİN {A}, həkim | Ad
mob 055 555 44 33 {A} apteka | As
Bakı, Nizami küç. 12, mənzil 34. {A}. bazar | As
Nizami 12/34 {A} ərzaq | ~As
saat 10da {A} xəstəxanaya | Ad
bu gün 14:00-da {A} həkim | Ad
14.00 {A} hekim | Ad
15-30da {A} poct | ~As
21.11.2026 {A} 2 | As
{A} 2 saatlıq bazara | As
{A} 3 saat icaze | ~ask answer
2 saata {A} klinikaya | Ad
doğum tarixi 12.05.1980 {A} bazar | As
1980 {A} bazar | ~As
Əliyev Əli {A} bazar | As
Məmmədova Aygün Rəşid qızı {A} xəstəxana | Ad
men Rauf Huseynov fin {A} bazar | As
HƏKİMƏ GETMƏK İSTƏYİRƏM {A} | Ad
XAHİŞ EDİRƏM {A} APTEK | As
həkim lazımdır!!! {A} | Ad
təcili!!! {A} xəstəxana | Ad
tecili yardim lazimdir {A} hekim | ~Ad
Uşağım xəstədir, {A} həkimə aparmalıyam | Ad
nənəm xəstədi {A} xəstəxanaya gedirəm | Ad
{A} polikilinikaya | ~Ad
{A} xesdexana | ~Ad
{A} xəsdəxanaya | ~Ad
{A} xəstaxanaya gedirəm | ~Ad
{A} doxtura | ~Ad
{A} doktur | ~Ad
{A} bazarlıq | ~As
{A} bazarliga gedirem | ~As
{A} supermarkete | ~As
{A} megazaya | ~As
{A} mağazya | ~As
{A} dermana | ~As
{A} aptekde derman almaq | As
{A} ertzaq | ~As
{A} ərzağa | ~As
{A} pocta | As
{A} bankamata | ~As
{A} dəfin | ~Af
{A} defin merasimi | ~Af
{A} yas yeri | Af
{A} yasa gedirem | ~Af
{A} cenazeye | ~Af
{A} hüzr yeri | ~Af
{A} heyat yoldasimla bazar | As
good morning, {A}, I have to see a doctor | Ad
I need to buy food. My FIN is {A} | As
Please let me go to the pharmacy, FIN {A} | As
{A} going to the bank | As
{A} grocery shop | As
my mother {A} must go to hospital | Ad
me {A} and my wife {B} to the market | As Bs
for {A} and {B}: 2 | As Bs
reason 3, id {A} | Af
id: {A} reason: 1 | Ad
{A} for the funeral of my uncle | Af
funeral tomorrow {A} | Af
{A} I want out | ask answer
not shopping, doctor {A} | ask
I don't need a permit {A} 1 | ask
can I go to the park? {A} | ask
{A} jogging | ask
{A} walk the dog | ask
where do I send my FIN? | ask
how does it work | help
HELP ME PLEASE | help
what is a FIN | ask
I want to go to the hospital | ask person
pharmacy!! | ask person
{A} farmacy | ~As
{A} docter | ~Ad
{A} hospitl | ~Ad
{A} phamacy | ~As
{A} fneral | ~Af
{A} markt | ~As
{A} drugstore | ~As
two {A} | ~As
{A} number one | ~Ad
option 2 for {A} | As
{A} opt. 1 | Ad
My FIN code is {A}. I would like to go to the post office. | As
hi its me again {A} 2 | As
{A} two people | ask
sent it already {A} 2 | As
Fin {A}. Purpose: clinic | Ad
{A} hospital visit at 3 pm | Ad
{A} doctor at 15:30 | Ad
{A} shop for 2 hours | As
{A} flat 12 food | ~As
Добрый вечер! Мой ФИН {A}, иду в аптеку | As
Здравствуйте, мне нужно к врачу. {A} | Ad
{A} за продуктами | As
{A} в больницу к маме | Ad
прошу разрешить выход в банк, {A} | As
{A} иду на похороны дедушки | Af
{A} на почту и обратно | As
фин {A} причина 2 | As
ФИН: {A}; Причина: 1 | Ad
пункт 3, фин {A} | Af
{A} и {B} в магазин | As Bs
{A} магазин, {B} врач | As Bd
муж {A} на рынок, я {B} в аптеку | As Bs
мне и маме, {A} {B}, поликлиника | Ad Bd
не в магазин, а к врачу {A} | ask
{A} погулять с собакой | ask
{A} на работу | ask
{A} прогулка | ask
куда писать? | ask
как получить разрешение? | help
помогите пожалуйста | help
Мне надо в магазин | ask person
в аптеку за лекарством | ask person
код {A} | ask answer
мой код {A}, хочу выйти | ask answer
{A} магазын | ~As
{A} балница | ~Ad
{A} поликлинику 1 | Ad
{A} апека | ~As
{A} похарины | ~Af
{A} паликлиника | ~Ad
{A} в маркет | ~As
{A} к доктору | ~Ad
{A} к стоматологу | ~ask answer
{A} больничка | ~Ad
{A} магаз | ~As
{A} цель - аптека | As
{A}. 2. Спасибо | As
два {A} | ~As
{A} один | ~Ad
номер 2 {A} | As
2-й пункт {A} | ~As
{A} 2ой | As
уд. личности АА1234567 {A} врач | ~Ad
тел 0551234567 {A} аптека | As
в 15:00 {A} в больницу | Ad
на 2 часа {A} магазин | As
zdravstvuyte {A} apteka | As
privet, {A} v bolnicu | Ad
{A} za produktami | ~As
{A} k vrachu | ~Ad
{A} pochta | ~As
{A} pohoroni | ~Af
{A} v magazin poydu | As
salamlar hamıya, {A}, banka | As
Slm {A} bazr | ~As
slm icaze {A} hekm | ~Ad
cox xaiş {A} apteke | As
mene icaze ver qaqa {A} market | As
{A} маркете гедирем | As
{A} хэстэханая | ~Ad
{A} хекиме гедирэм | Ad
{A} дярман алмаг | ~As
{A} поста | ~As
{A} азаркеш | ask
Һəкимə {A} | ~Ad
{A} дефн | ~Af
{A} ясa | ~Af
{A} эрзаг | ~As
{A} базара гедирям | As
ICAZE {A} EV-BAZAR-EV | As
permit {A} 2 pls | As
PERMIT 1 {A} THX | Ad
выход {A} 2 спс | As
{A} 22 | As
{A} 2 2 | As
{A} 02 | As
{A} № 2 | As
№2 {A} | As
{A} n:1 | Ad
{A} (bir) | ~Ad
{A} iki | ~As
{A} üç | ~Af
{A} 2-ci səbəb | As
birinci səbəb {A} | ~Ad
{A} ikinci | ~As
{A} 4 | ask answer
{A} 7 | ask answer
{A} 10 | ask answer
{A} 0 | ask answer
{A} 1 2 3 | ask answer
{A} 12 | ask answer
{A} 23 | ask answer
{A} idman | ask answer
{A} is | ask
{A} ise gedirem | ask answer
{A} qonaq | ask answer
{A} gəzmək | ask answer
{A} toy | ask answer
{A} mektebe | ask answer
{A} bağa | ask answer
{A} rayona | ask answer
durum | ask
DURUM K7M2-9QXF-3DR5 | status
Müraciətimin vəziyyəti K7M29QXF3DR5 | ~ask
status k7m2 9qxf 3dr5 | status
статус K7M2-9QXF-3DR5 | status
LEGV K7M2-9QXF-3DR5 | cancel
ləğv edin K7M2-9QXF-3DR5 | cancel
отмена K7M2-9QXF-3DR5 | cancel
cancel K7M2-9QXF-3DR5 please | cancel
salam, legv K7M29QXF3DR5 | cancel
отменить K7M2 9QXF 3DR5 | cancel
info | help
справка | help
Komek lazimdir | help
""".strip().split("\n")

# Typed wrongly, each by one rule that generate.py hasn't.
NEIGHBOURS = {"a": "sq", "e": "wr", "i": "uo", "o": "ip", "u": "yi", "r": "et", "t": "ry", "n": "bm", "m": "n", "k": "jl", "z": "x",
              "b": "vn", "d": "sf", "x": "zc", "p": "o", "s": "ad", "l": "k", "c": "xv", "y": "tu", "h": "gj"}
RUSSIAN_KEYS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "йцукенгшщзфывапролдячсмить"))
LEET = {"a": "@", "e": "3", "i": "!", "o": "0"}
WORDS = {"d": ["hekime", "xestexanaya", "klinikaya", "doctor", "hospital", "clinic", "poliklinika", "bolnica"],
         "s": ["bazara", "magazaya", "apteke", "erzaq", "pharmacy", "market", "magazin", "apteka", "banka"],
         "f": ["cenazeye", "funeral", "pohorony", "cenaze"]}
FRAMES = ["{A} {w}", "{w} {A}", "salam {A} {w} gedirem", "FIN {A}, {w}", "{w}, fin: {A}", "hello {A} {w} please",
          "privet {A} {w} spasibo", "icaze {w} {A}"]


def person():
    """An id that isn't all letters or digits, as the ids of people are; no O and no I."""
    while True:
        text = "".join(R.choice(LETTERS + "0123456789") for _ in range(7))
        if 2 <= sum(c.isdigit() for c in text) <= 5:
            return text


def expected(wanted, persons):
    careful = wanted.startswith("~")
    wanted = wanted.lstrip("~")
    if wanted.split()[0] in ("ask", "help", "status", "cancel"):
        return wanted
    pairs = " ".join(f"{REASON[pair[1]]}:{persons[pair[0]]}" for pair in wanted.split())
    return f"{'ok-or-ask' if careful else 'ok'} {pairs}"


def by_hand():
    for line in BY_HAND:
        message, wanted = (part.strip() for part in line.rsplit("|", 1))
        persons = {name: person() for name in "ABC"}
        for name, text in persons.items():
            # Half of the people write capitals, as on the card.
            message = message.replace("{" + name + "}", text if R.random() < 0.6 else text.lower())
        yield message, expected(wanted, persons), "by hand"


def break_word(word, rule):
    at = R.randrange(1, len(word))
    if rule == "a neighbour's key":
        return word[:at] + R.choice(NEIGHBOURS.get(word[at], "x")) + word[at + 1:]
    if rule == "a Russian keyboard":
        return "".join(RUSSIAN_KEYS.get(c, c) for c in word)
    if rule == "no vowels":
        return word[0] + "".join(c for c in word[1:] if c not in "aeiou")
    if rule == "signs for letters":
        return "".join(LEET.get(c, c) for c in word)
    if rule == "letters apart":
        return " ".join(word)
    if rule == "a letter twice as often":
        return word[:at] + word[at] * 3 + word[at:]
    return word[:at]  # "cut off"


def by_rule(count):
    rules = ["a neighbour's key", "a Russian keyboard", "no vowels", "signs for letters", "letters apart",
             "a letter twice as often", "cut off"]
    for i in range(count):
        rule = rules[i % len(rules)]
        reason = R.choice("dsf")
        one = person()
        word = break_word(R.choice(WORDS[reason]), rule)
        yield R.choice(FRAMES).replace("{w}", word).replace("{A}", one), f"ok-or-ask {REASON[reason]}:{one}", rule


def main():
    folder = sys.path[0]
    messages = list(by_hand()) + list(by_rule(98))
    order = list(range(len(messages)))
    R.shuffle(order)
    for half, name in enumerate(("a", "b")):
        with open(f"{folder}/held_out_{name}.tsv", "w", encoding="utf-8") as file:
            for i in sorted(order[half::2]):
                file.write("\t".join(messages[i]) + "\n")


main()
