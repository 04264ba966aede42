#!/usr/bin/env python3
"""Writes generated.tsv: messages as people send them, half of them broken, with the right answer beside each.

The answer is known before the message is broken: nothing here reads messages. Each line is

    message <TAB> expected <TAB> how it was made

with \\n for a new line in a message. Expected:

    ok doctor:5ABC123 shopping:6DEF456   these permits, whatever their order
    ask person                           a question about the national id
    ask answer                           a question about the reason
    ask                                  a question, about either
    ok-or-ask doctor:5ABC123             granting is right, and asking is careful: the break made it ambiguous
    help, status, cancel                 a command

Run it again after a change: the same seed makes the same file.
"""
import random
import sys

R = random.Random(20200621)
ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGIT = {"doctor": "1", "shopping": "2", "funeral": "3"}
WORDS = {
    "az": {
        "doctor": ["həkim", "hekim", "HƏKİM", "həkimə", "hekime", "doktora", "xəstəxana", "xestexana", "xəstəxanaya",
                   "klinikaya", "Xestexanaya"],
        "shopping": ["bazar", "bazara", "market", "marketə", "markete", "mağaza", "magaza", "mağazaya", "aptek", "aptekə",
                     "apteke", "dərman", "derman", "bank", "banka", "poçt", "poct", "ərzaq", "erzaq"],
        "funeral": ["dəfn", "defn", "dəfnə", "yas", "cənazə", "cenaze"],
    },
    "en": {
        "doctor": ["doctor", "hospital", "clinic", "Doctor", "HOSPITAL"],
        "shopping": ["shop", "market", "food", "pharmacy", "bank", "post", "Pharmacy"],
        "funeral": ["funeral", "Funeral"],
    },
    "ru": {
        "doctor": ["врач", "врачу", "больница", "больницу", "поликлиника", "поликлинику", "bolnica", "poliklinika"],
        "shopping": ["магазин", "аптека", "аптеку", "рынок", "банк", "почта", "почту", "magazin", "apteka", "Магазин"],
        "funeral": ["похороны", "ПОХОРОНЫ", "pohorony"],
    },
}
BEFORE = {
    "az": ["salam", "Salam,", "zehmet olmasa", "Xahiş edirəm", "Salam, icazə lazımdır", "icaze", "men evden cixiram",
           "hörmətli xanım,", "Sabahınız xeyir!", "FIN kodum"],
    "en": ["hello", "Hi,", "please", "Good morning!", "I need a permit", "permit", "permission please:", "Dear sir,"],
    "ru": ["привет", "Здравствуйте,", "прошу разрешение", "Добрый день!", "выход", "пожалуйста", "privet", "хочу выйти"],
}
AFTER = {
    "az": ["zəhmət olmasa", "sağ olun", "cox sag olun", "təşəkkür", "xahis edirem"],
    "en": ["please", "thank you", "thanks!", "pls"],
    "ru": ["спасибо", "пожалуйста", "благодарю", "spasibo"],
}
LOOKS = dict(zip("ABEKMHPCTYX", "АВЕКМНРСТУХ"))
NO_LATIN = dict(zip("GDLF", "ГДЛФ"))  # letters that look like no Latin one
WIDE = {chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)}


def fin():
    while True:
        made = "".join(R.choice(ALPHABET) for _ in range(7))
        if any(c.isdigit() for c in made) and sum(c in LETTERS for c in made) >= 2:
            return made


def reason():
    return R.choice(list(DIGIT))


def language():
    return R.choice(["az", "az", "en", "ru"])


def word(lang, why):
    return R.choice(WORDS[lang][why])


def say(lang, why):
    """The reason as somebody writes it."""
    return DIGIT[why] if R.random() < 0.6 else word(lang, why)


def two_ways_if_glued(text):
    """8 characters: a digit that is a reason at both ends."""
    return text[0] in "123" and text[-1] in "123"


def ok(*pairs):
    return "ok " + " ".join(f"{why}:{who}" for why, who in pairs)


# --- whole messages

def plain():
    lang, why, who = language(), reason(), fin()
    parts = [say(lang, why), who]
    R.shuffle(parts)
    return R.choice([" ", " ", "  ", ", ", " - "]).join(parts), ok((why, who)), "plain"


def polite():
    lang, why, who = language(), reason(), fin()
    parts = [say(lang, why), who]
    R.shuffle(parts)
    text = " ".join(parts)
    if R.random() < 0.7:
        text = R.choice(BEFORE[lang]) + " " + text
    if R.random() < 0.5:
        text += R.choice([" ", ". ", ", "]) + R.choice(AFTER[lang])
    return text, ok((why, who)), "polite"


def family():
    lang, n = language(), R.randint(2, 4)
    pairs = [(reason(), fin()) for _ in range(n)]
    how = R.choice(["lines", "pairs", "pairs after", "one reason", "commas"])
    if how == "lines":
        text = "\n".join(f"{say(lang, why)} {who}" for why, who in pairs)
    elif how == "pairs":
        text = " ".join(f"{DIGIT[why]} {who}" for why, who in pairs)
    elif how == "pairs after":
        text = " ".join(f"{who} {DIGIT[why]}" for why, who in pairs)
    elif how == "commas":
        text = ", ".join(f"{say(lang, why)} {who}" for why, who in pairs)
    else:
        why = pairs[0][0]
        pairs = [(why, who) for _, who in pairs]
        ids = R.choice([" ", ", ", "\n", "; "]).join(who for _, who in pairs)
        text = f"{say(lang, why)} {ids}" if R.random() < 0.6 else f"{ids} {say(lang, why)}"
    return text, ok(*pairs), "family, " + how


def labelled():
    why, who = reason(), fin()
    text = R.choice(["FIN {f} səbəb {r}", "FİN: {f}, SƏBƏB: {r}", "fin kod {f} sebeb {r}", "FIN={f} reason={r}", "{r}-ci səbəb, FİN {f}",
                     "причина {r}, ФИН {f}", "ФИН {f} причина {r}", "id {f} reason {r}", "permit FIN {f} reason {r}",
                     "Sebeb: {r} Fin: {f}", "{r}. {f}", "{r}) {f}", "#{r} {f}", "№{r} {f}", "({r}) ({f})"])
    return text.format(f=who, r=DIGIT[why]), ok((why, who)), "labelled"


# --- broken ones whose meaning is still sure

def lower():
    text, expected, how = R.choice([plain, polite, labelled])()
    return text.lower(), expected, how + ", lower case"


def glued():
    why, who = reason(), fin()
    text = DIGIT[why] + who if R.random() < 0.6 else who + DIGIT[why]
    expected = "ask" if two_ways_if_glued(text) else ok((why, who))
    if R.random() < 0.3:
        text = R.choice(BEFORE["az"] + BEFORE["en"]) + " " + text
    return text, expected, "glued"


def glued_word():
    lang, why, who = R.choice(["az", "en"]), reason(), fin()
    name = word(lang, why)
    text = name + who if R.random() < 0.5 else who + name
    expected = ok((why, who)) if who[0] not in "123" and who[-1] not in "123" else ok((why, who)).replace("ok", "ok-or-ask")
    return text, expected, "word glued"


def looks():
    why, who = reason(), fin()
    typed = "".join(LOOKS.get(c, c) if R.random() < 0.7 else c for c in who)
    return f"{DIGIT[why]} {typed}", ok((why, who)), "Cyrillic look-alikes"


def looks_sentence():
    why, who = reason(), fin()
    typed = "".join(LOOKS.get(c, c) for c in who)
    return f"{R.choice(BEFORE['ru'])} {word('ru', why)} {typed.lower() if R.random() < .4 and 'L' not in typed else typed}", ok((why, who)), "Cyrillic look-alikes"


def letter_for_digit():
    why = reason()
    while True:
        who = fin()
        if "0" in who or "1" in who:
            break
    typed = "".join({"0": R.choice("Oo"), "1": R.choice("Iiİ")}.get(c, c) for c in who)
    return f"{DIGIT[why]} {typed}", ok((why, who)), "O for 0, I for 1"


def pieces():
    why, who = reason(), fin()
    cuts = sorted(R.sample(range(1, 7), R.choice([1, 1, 2])))
    chunks = [who[a:b] for a, b in zip([0, *cuts], [*cuts, 7])]
    typed = R.choice([" ", " ", "-", ".", "_", " - "]).join(chunks)
    text = f"{DIGIT[why]} {typed}" if R.random() < 0.6 else f"{typed} {DIGIT[why]}"
    # An edge that is a reason by itself leaves it open whose digit it is.
    doubt = any(c in ("1", "2", "3", "11", "22", "33", "01", "02", "03", "001", "002", "003") for c in chunks)
    expected = ok((why, who))
    return text, expected.replace("ok", "ok-or-ask") if doubt else expected, "id in pieces"


def letters_apart():
    why, who = reason(), fin()
    text = " ".join(DIGIT[why] + who)
    expected = ok((why, who))
    return text, expected.replace("ok", "ok-or-ask") if two_ways_if_glued(DIGIT[why] + who) else expected, "letters apart"


def pressed_twice():
    why, who = reason(), fin()
    d = DIGIT[why]
    return R.choice([f"{d}{d} {who}", f"{d} {d} {who}", f"{who} {d}{d}{d}", f"0{d} {who}", f"{d}, {d}, {who}"]), ok((why, who)), "pressed twice"


def wide():
    why, who = reason(), fin()
    text = "".join(WIDE.get(c, "\u3000") for c in f"{DIGIT[why]} {who}")
    return text, ok((why, who)), "full width"


def pictures():
    why, who = reason(), fin()
    d = DIGIT[why]
    text = R.choice(["{k} {f}", "🙏 {d} {f} 🙏", "🏥{d}🏥{f}", "{d}➡️{f}", "😷 {f} 😷 {d}", "{c} {f}", "\u200b{d}\u200b \u200b{f}", "\ufeff{d} {f}",
                     "«{d} {f}»", "\"{d}\" \"{f}\"", "“{d} {f}”", "'{d} {f}'", "*{d}*{f}#", "{d}\u00a0{f}", "<{d}><{f}>", "{d}...{f}", "{d}??? {f}!!!",
                     "{d}\r\n{f}\r\n", "\n\n{d}\n\n{f}", "[{d}] [{f}]", "{d}+{f}", "{d}/{f}", "{d}_{f}", "{d}:{f}", "{d}={f}", "{d};{f}", "{d}|{f}"])
    return text.format(d=d, f=who, k=d + "\ufe0f\u20e3", c=chr(0x2460 + int(d) - 1)), ok((why, who)), "signs and pictures"


def slip():
    """One slip in a long word."""
    lang, why, who = R.choice(["az", "en"]), reason(), fin()
    long_ones = {"az": {"doctor": ["xestexana", "doktor", "klinika"], "shopping": ["market", "magaza", "derman"], "funeral": ["cenaze"]},
                 "en": {"doctor": ["doctor", "hospital", "clinic"], "shopping": ["market", "pharmacy"], "funeral": ["funeral"]}}
    name = R.choice(long_ones[lang][why])
    at = R.randrange(1, len(name) - 1)
    name = R.choice([name[:at] + name[at + 1:], name[:at] + name[at] + name[at:], name[:at] + name[at + 1] + name[at] + name[at + 2:],
                     name[:at] + R.choice("bkmt") + name[at + 1:]])
    expected = ok((why, who))
    return f"{name} {who}", expected.replace("ok", "ok-or-ask"), "a slip in a word"


def with_numbers():
    why, who = reason(), fin()
    d = DIGIT[why]
    return R.choice([f"{d} {who} saat 15:00", f"{d} {who} saat 3 də", f"{d} {who} 21.11.2026", f"{d} {who} tel +994501234567", f"{d} {who} 0501234567",
                     f"{who} {d} mənzil 5", f"{d} {who} в 15:30", f"{d} {who} at 10:15", f"{d} {who} AZE12345678", f"{d} {who} AA1234567",
                     f"AZE 12345678, {who}, {d}", f"{d} {who} 3 saat", f"{d} {who} на 2 часа", f"{who} {d} for 3 hours", f"{d} {who} кв 12",
                     f"{d} {who} +994 50 123 45 67", f"{d} {who} telefon 050 123 45 67", f"{d} {who} bina 3"]), ok((why, who)), "other numbers"


def glued_family():
    pairs = [(reason(), fin()) for _ in range(R.randint(2, 3))]
    texts = [DIGIT[why] + who for why, who in pairs]
    expected = ok(*pairs)
    if any(two_ways_if_glued(t) for t in texts):
        expected = "ask"
    return R.choice([" ", "\n", ", "]).join(texts), expected, "family, glued"


# --- broken ones that must be asked about

def short():
    lang, why, who = language(), reason(), fin()
    at = R.randrange(7)
    typed = who[:at] + who[at + 1:]
    return R.choice([f"{say(lang, why)} {typed}", f"{typed} {say(lang, why)}"]), "ask person", "a character missing"


def long_one():
    lang, why, who = language(), reason(), fin()
    at = R.randrange(1, 7)
    typed = who[:at] + R.choice(LETTERS) + who[at:]
    return R.choice([f"{say(lang, why)} {typed}", f"{typed} {say(lang, why)}"]), "ask person", "a character too many"


def no_reason():
    lang, who = language(), fin()
    text = R.choice([who, who, f"{R.choice(BEFORE[lang])} {who}", f"{who} {R.choice(AFTER[lang])}", f"FIN {who}"])
    return text, "ask answer", "no reason"


def no_person():
    lang, why = language(), reason()
    text = R.choice([f"{say(lang, why)}", f"{R.choice(BEFORE[lang])} {say(lang, why)}", f"{word(lang, why)} {R.choice(AFTER[lang])}"])
    return text, "ask person", "no id"


def wrong_reason():
    who = fin()
    d = R.choice("456789")
    return R.choice([f"{d} {who}", f"{who} {d}", f"səbəb {d} fin {who}"]), "ask answer", "no such reason"


def two_reasons():
    lang, who = language(), fin()
    first, second = R.sample(list(DIGIT), 2)
    return R.choice([f"{say(lang, first)} {say(lang, second)} {who}", f"{DIGIT[first]},{DIGIT[second]} {who}", f"{who} {say(lang, first)} və {say(lang, second)}",
                     f"{DIGIT[first]} {who} {DIGIT[second]}", f"{DIGIT[first]}{DIGIT[second]} {who}"]), "ask answer", "two reasons"


def by_sound():
    """Cyrillic letters that no id's letters look like, beside some that look like one and sound like another."""
    why = reason()
    while True:
        who = fin()
        if any(c in NO_LATIN for c in who) and any(c in "BHPCYX" for c in who):
            break
    typed = "".join(NO_LATIN.get(c, LOOKS.get(c, c)) for c in who)
    return f"{DIGIT[why]} {typed}", "ask person", "Cyrillic by sound"


def family_short():
    pairs = [(reason(), fin()) for _ in range(R.randint(2, 4))]
    at, k = R.randrange(len(pairs)), R.randrange(7)
    typed = [who if i != at else who[:k] + who[k + 1:] for i, (_, who) in enumerate(pairs)]
    glue = R.choice([" ", " ", ""])
    sep = R.choice([" ", "\n", ", "])
    text = sep.join(f"{DIGIT[why]}{glue}{who}" for (why, _), who in zip(pairs, typed))
    return text, "ask", "family, a character missing"


def family_unpaired():
    n = R.randint(2, 3)
    pairs = [(why, fin()) for why in R.sample(list(DIGIT), n)]
    text = " ".join(who for _, who in pairs) + " " + " ".join(DIGIT[why] for why, _ in pairs)
    return text, "ask answer", "family, whose reason is which"


def negated():
    lang, why, who = language(), reason(), fin()
    no = {"az": ["deyil", "yox", "istəmirəm"], "en": ["not", "don't"], "ru": ["не", "нет"]}[lang]
    return f"{word(lang, why)} {R.choice(no)} {who}", "ask", "negated"


def serial_only():
    why = reason()
    text = R.choice(["AZE%08d", "AA%07d", "AZE %08d", "AA %07d"])
    number = R.randrange(10**6, 10**7)
    return f"{DIGIT[why]} " + text % number, "ask person", "a card's serial for the id"


WHOLE = [(plain, 6), (polite, 6), (family, 3), (labelled, 3)]
BROKEN = [(lower, 3), (glued, 4), (glued_word, 2), (looks, 3), (looks_sentence, 2), (letter_for_digit, 3), (pieces, 4), (letters_apart, 1),
          (pressed_twice, 2), (wide, 1), (pictures, 4), (slip, 2), (with_numbers, 3), (glued_family, 1), (short, 3), (long_one, 3), (no_reason, 2),
          (no_person, 2), (wrong_reason, 2), (two_reasons, 3), (by_sound, 1), (family_short, 2), (family_unpaired, 1), (negated, 1),
          (serial_only, 1)]


def many(kinds, count):
    makers = [make for make, weight in kinds for _ in range(weight)]
    return [R.choice(makers)() for _ in range(count)]


def main():
    lines = many(WHOLE, 1600) + many(BROKEN, 2000)
    with open(sys.argv[1] if len(sys.argv) > 1 else "generated.tsv", "w", encoding="utf-8", newline="\n") as out:
        out.write("# Made by generate.py: don't edit. What it means: see there.\n")
        for text, expected, how in lines:
            shown = text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
            out.write(f"{shown}\t{expected}\t{how}\n")


main()
