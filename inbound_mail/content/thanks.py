"""Recognises a mail that says nothing but thanks: "Thank you, all fine!". It is no request, in any language.

Where its ticket is closed, it makes no other one: `sinks.easyvista`.

The whole text must consist of phrases of the table: thanks, that all is well, greetings, names of the author. A single
other word, a question mark or a line of another kind makes it a mail like any other. Below the thanks may be what mail
programs add: a signature, and the mail that is answered.

Public reports: brimir issue 88, frappe/helpdesk issue 2228, osTicket pull request 3763. Sources of the words: lists of
"thank you" by language in public repositories (such as espanso's package foreign-thanks); what is not thanks was added
as people write it, and nobody has counted how often.
"""

# ruff: noqa: RUF001 - words of many scripts

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from inbound_mail.content.quoting import find_text_above_history
from inbound_mail.content.subject_phrases import fold

THANKS_ONLY = "ThanksOnly"  # the cause in quarantine
_LONGEST = 300  # characters of what the author wrote, without signature
_MOST_READ = 2_000
_MOST_ATTRIBUTIONS, _MOST_ATTRIBUTION_LINES = 5, 3
_MOST_SIGNATURE_LINES = 8
_LONGEST_SIGNATURE_LINE = 80
_FIRST_WITHOUT_BLANKS = "\u0e00"  # Thai and what follows it, such as Chinese and Japanese
_WORD = re.compile(r"\w+")
_QUESTION = re.compile(r"[?\uff1f\u061f\u037e]")
_SPEAKS = re.compile(r"[?!\uff1f\uff01\u061f\u3002]|\w\.\s*\Z|\A\W*p\W?s\b", re.IGNORECASE)

THANKS: Mapping[str, tuple[str, ...]] = {
    "ar": ("شكرا", "شكرا جزيلا", "شكرا لكم"),
    "bg": ("благодаря", "много благодаря", "мерси"),
    "ca": ("gràcies", "moltes gràcies"),
    "cs": ("děkuji", "děkujeme", "díky", "moc děkuji", "mockrát děkuji"),
    "da": ("tak", "mange tak", "tusind tak", "tak for hjælpen"),
    "de": ("danke", "danke schön", "dankeschön", "vielen dank", "besten dank", "herzlichen dank", "tausend dank",
           "danke sehr", "danke dir", "danke ihnen", "danke euch", "danke für die hilfe", "vielen dank für die hilfe",
           "danke für ihre hilfe", "vielen dank für ihre hilfe", "danke für die schnelle hilfe", "merci"),
    "el": ("ευχαριστώ", "ευχαριστώ πολύ", "ευχαριστούμε"),
    "en": ("thank you", "thanks", "many thanks", "thank you very much", "thank you so much", "thanks a lot", "thx",
           "thanks so much", "thank you all", "thanks again", "thank you again", "cheers", "thanks for your help",
           "thank you for your help", "thanks for the help", "thanks for the quick help", "much appreciated"),
    "es": ("gracias", "muchas gracias", "mil gracias", "gracias por la ayuda", "gracias por su ayuda"),
    "et": ("aitäh", "tänan", "suur tänu"),
    "fa": ("ممنون", "متشکرم", "سپاسگزارم"),
    "fi": ("kiitos", "kiitokset", "paljon kiitoksia", "kiitos paljon", "kiitos avusta"),
    "fr": ("merci", "merci beaucoup", "merci bien", "un grand merci", "je vous remercie", "merci pour votre aide",
           "merci de votre aide", "merci à vous"),
    "he": ("תודה", "תודה רבה"),
    "hi": ("धन्यवाद", "शुक्रिया"),
    "hr": ("hvala", "hvala lijepa", "puno hvala", "hvala vam"),
    "hu": ("köszönöm", "köszönjük", "köszi", "nagyon köszönöm", "köszönöm szépen", "köszönöm a segítséget"),
    "id": ("terima kasih", "terima kasih banyak", "makasih"),
    "is": ("takk", "takk fyrir", "kærar þakkir"),
    "it": ("grazie", "grazie mille", "molte grazie", "tante grazie", "grazie per l'aiuto", "vi ringrazio"),
    "ja": ("ありがとう", "ありがとうございます", "ありがとうございました", "どうもありがとうございます",
           "どうもありがとうございました", "感謝します", "お世話になりました"),
    "ko": ("감사합니다", "고맙습니다", "대단히 감사합니다"),
    "lt": ("ačiū", "dėkoju", "labai ačiū"),
    "lv": ("paldies", "liels paldies"),
    "nl": ("bedankt", "dank je", "dank u", "dank je wel", "dank u wel", "hartelijk dank", "dankjewel", "veel dank",
           "bedankt voor de hulp"),
    "no": ("takk", "tusen takk", "mange takk", "takk for hjelpen"),
    "pl": ("dziękuję", "dzięki", "dziękujemy", "bardzo dziękuję", "dziękuję bardzo", "dziękuję za pomoc"),
    "pt": ("obrigado", "obrigada", "muito obrigado", "muito obrigada", "obrigado pela ajuda", "obrigada pela ajuda"),
    "ro": ("mulțumesc", "multumesc", "mulțumim", "vă mulțumesc", "mersi"),
    "ru": ("спасибо", "большое спасибо", "спасибо большое", "благодарю", "спасибо за помощь"),
    "sk": ("ďakujem", "ďakujeme", "vďaka"),
    "sl": ("hvala", "najlepša hvala", "hvala lepa"),
    "sr": ("хвала", "хвала вам"),
    "sv": ("tack", "tack så mycket", "stort tack", "tusen tack", "tack för hjälpen"),
    "th": ("ขอบคุณ", "ขอบคุณครับ", "ขอบคุณค่ะ", "ขอบคุณมาก"),
    "tr": ("teşekkürler", "teşekkür ederim", "teşekkür ederiz", "sağ olun", "çok teşekkürler", "çok teşekkür ederim"),
    "uk": ("дякую", "дуже дякую", "щиро дякую"),
    "vi": ("cảm ơn", "cám ơn", "xin cảm ơn", "cảm ơn nhiều"),
    "zh": ("谢谢", "多谢", "非常感谢", "感谢", "謝謝", "多謝", "非常感謝", "感謝"),
}  # fmt: skip

# That all is well, and greetings: no thanks by themselves.
AROUND: Mapping[str, tuple[str, ...]] = {
    "cs": ("vše v pořádku", "funguje", "už to funguje", "dobrý den"),
    "da": ("det virker", "det virker nu", "hej"),
    "de": ("alles gut", "alles klar", "alles bestens", "alles ok", "passt", "hat geklappt", "es hat geklappt",
           "super", "es funktioniert", "funktioniert", "funktioniert wieder", "jetzt geht es", "geht wieder",
           "läuft wieder", "erledigt", "problem gelöst", "hallo", "hallo zusammen", "guten tag", "guten morgen",
           "moin", "liebes team", "schönen tag noch", "schönes wochenende"),
    "en": ("all fine", "all fine now", "all good", "all is fine", "all is well", "it works", "it works now",
           "works", "works now", "works fine", "works fine now", "everything works", "everything works now",
           "that worked", "it worked", "that helped", "solved", "problem solved", "resolved", "fixed", "perfect",
           "great", "super", "excellent", "awesome", "ok", "okay", "hi", "hello", "hi all", "hi team", "hello team",
           "dear team", "dear all", "good morning", "have a nice day", "have a nice weekend", "very much", "all",
           "team", "and"),
    "es": ("todo bien", "ya funciona", "funciona", "perfecto", "hola", "buenos días"),
    "fi": ("kaikki kunnossa", "toimii", "toimii nyt", "hei"),
    "fr": ("tout va bien", "ça marche", "cela fonctionne", "tout fonctionne", "c'est bon", "parfait", "super",
           "bonjour", "bonne journée", "bon week-end"),
    "hu": ("minden rendben", "működik", "jó napot"),
    "it": ("tutto bene", "tutto ok", "tutto a posto", "ora funziona", "funziona", "perfetto", "buongiorno"),
    "ja": ("解決しました", "直りました", "問題ありません", "お疲れ様です", "お世話になっております"),
    "ko": ("잘 됩니다", "해결되었습니다", "안녕하세요"),
    "nl": ("alles goed", "alles werkt", "het werkt", "het werkt weer", "opgelost", "prima", "hallo"),
    "no": ("alt i orden", "det fungerer", "det fungerer nå", "hei"),
    "pl": ("wszystko w porządku", "działa", "już działa", "dzień dobry"),
    "pt": ("tudo bem", "tudo certo", "já funciona", "funciona", "perfeito", "olá", "bom dia"),
    "ru": ("все в порядке", "всё в порядке", "все хорошо", "всё хорошо", "работает", "все работает", "всё работает",
           "здравствуйте", "добрый день"),
    "sv": ("allt bra", "allt fungerar", "det fungerar", "det fungerar nu", "hej"),
    "tr": ("her şey yolunda", "çalışıyor", "merhaba", "iyi günler"),
    "zh": ("已解决", "已解決", "可以了", "没问题", "沒問題", "你好", "您好"),
}  # fmt: skip

# How mails end: below it a signature may stand.
CLOSINGS: Mapping[str, tuple[str, ...]] = {
    "cs": ("s pozdravem",),
    "da": ("venlig hilsen", "mvh"),
    "de": ("mit freundlichen grüßen", "freundliche grüße", "viele grüße", "beste grüße", "liebe grüße", "mfg", "lg",
           "gruß", "gruss"),
    "en": ("regards", "kind regards", "best regards", "best"),
    "es": ("saludos", "un saludo"),
    "fi": ("terveisin",),
    "fr": ("cordialement", "bien cordialement", "bien à vous"),
    "hu": ("üdvözlettel", "üdv"),
    "it": ("saluti", "cordiali saluti", "distinti saluti"),
    "ja": ("よろしくお願いします", "よろしくお願いいたします"),
    "nl": ("met vriendelijke groet", "groeten", "mvg"),
    "no": ("hilsen", "med vennlig hilsen"),
    "pl": ("pozdrawiam", "z poważaniem"),
    "pt": ("cumprimentos", "atenciosamente"),
    "ru": ("с уважением",),
    "sv": ("hälsningar", "vänliga hälsningar"),
    "tr": ("saygılar",),
}  # fmt: skip


def says_only_thanks(text: str, names: Iterable[str]) -> bool:
    """Return whether a text says nothing but thanks. `names`: of the author and of those who are addressed."""
    words = frozenset(word for name in names for word in _WORD.findall(fold(name[:200])))
    return any(_is_thanks(one, words) for one in _list_beginnings(text))


def _list_beginnings(text: str) -> Iterator[list[str]]:
    """Yield the lines above each place where the quoted mail may begin. A long text is none of them."""
    above = find_text_above_history(text[:_MOST_READ])
    lines = above.split("\n")
    if len(text) < _MOST_READ or len(above) < _MOST_READ:
        yield lines
    attributions = (number for number, line in enumerate(lines) if line.rstrip().endswith((":", "\uff1a")))
    for number in islice(attributions, _MOST_ATTRIBUTIONS):
        yield from (lines[: number - count] for count in range(min(_MOST_ATTRIBUTION_LINES, number)))


def _is_thanks(lines: list[str], names: frozenset[str]) -> bool:
    """Return whether these lines are thanks, perhaps with a signature below."""
    kept = [line for line in lines if line.strip()]
    signature = next((number for number, line in enumerate(kept) if line.rstrip() == "--"), len(kept))
    closing = next((number for number, line in enumerate(kept) if _flatten(line) in _closings()), signature)
    below = kept[closing + 1 : signature]
    if len(below) > _MOST_SIGNATURE_LINES or any(_speaks(line) for line in below):
        return False
    said = "\n".join(kept[: min(closing + 1, signature)])
    return len(said) <= _LONGEST and not _QUESTION.search(said) and _thanks_only(said, names)


def _speaks(line: str) -> bool:
    """Return whether a line below the closing says something: signatures have names, titles, numbers and addresses."""
    return len(line) > _LONGEST_SIGNATURE_LINE or _SPEAKS.search(line) is not None


def _thanks_only(text: str, names: frozenset[str]) -> bool:
    """Return whether a text can be read as phrases of the table and names, with thanks among them."""
    folded = _flatten(text)
    reached = {0: False}  # place: whether there are thanks before it
    for position in range(len(folded)):
        if position not in reached:
            continue
        found = [one for one in _phrases() if _stands_at(folded, one, position)]
        word = _WORD.match(folded, position)
        if word and word[0] in names:
            found.append(word[0])
        for one in found:
            end = position + len(one)
            end += folded[end : end + 1] == " "
            reached[end] = reached.get(end, False) or reached[position] or one in _thanks()
    return reached.get(len(folded), False)


def _flatten(text: str) -> str:
    """Return words with single blanks; punctuation and pictures do not count."""
    kept = "".join(one if unicodedata.category(one)[0] in "LNM" or one in "'-" else " " for one in fold(text))
    return " ".join(word.strip("'-") for word in kept.split() if word.strip("'-"))


def _stands_at(text: str, phrase: str, position: int) -> bool:
    """Return whether a phrase stands at a place, and ends where a word does; some scripts have no blanks."""
    if not text.startswith(phrase, position):
        return False
    end = position + len(phrase)
    return end == len(text) or text[end] == " " or phrase[-1] >= _FIRST_WITHOUT_BLANKS


@functools.cache
def _closings() -> frozenset[str]:
    return frozenset(_fold_all(CLOSINGS))


@functools.cache
def _thanks() -> frozenset[str]:
    return frozenset(_fold_all(THANKS))


@functools.cache
def _phrases() -> tuple[str, ...]:
    """Return all phrases, the longest first, because one may begin with another."""
    return tuple(sorted({*_thanks(), *_closings(), *_fold_all(AROUND)}, key=lambda one: (-len(one), one)))


def _fold_all(phrases: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    return (_flatten(one) for some in phrases.values() for one in some)
