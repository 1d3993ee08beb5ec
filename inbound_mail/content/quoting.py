"""Finds where the quoted history of a reply begins, and cuts it off.

A text is not cut if that is not safe: a forwarded mail (the history is the message), an answer between or below the
quoted lines, a mail of which nothing would be left. Each line is read a limited number of times; the regular
expressions of libraries for this purpose take seconds for a line of some kilobytes.

HTML shows quotations more clearly than text. So `html` puts mark characters into the text: QUOTE_BEGIN and QUOTE_END
around a quoted part, HISTORY_BEGIN where everything that follows is history. They are noncharacters, which Unicode
reserves for internal use. A mail could contain some itself, so all of their range (MARKS) are removed from it first.

Sources: mails of Outlook, Exchange, Gmail, Apple Mail, Thunderbird, Lotus Notes in these languages.
"""

import re
from dataclasses import dataclass

QUOTE_BEGIN, QUOTE_END, HISTORY_BEGIN = "\ufdd0", "\ufdd1", "\ufdd2"
MARKS = re.compile(r"[\ufdd0-\ufdef]")

_LONGEST = 400


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


_FROM = _words(
    "from|von|absender|de|expéditeur|remitente|da|van|från|fra|lähettäjä|od|от|от кого|kimden|feladó|από|de la|"
    "发件人|寄件者|差出人|보낸 사람"
)
_SENT = _words(
    "sent|date|gesendet|gesendet am|datum|envoyé|envoyé le|enviado|enviado el|enviada em|enviado em|fecha|data|"
    "inviato|inviato il|verzonden|skickat|sendt|dato|lähetetty|päivämäärä|päiväys|wysłano|odesláno|дата|отправлено|"
    "gönderildi|gönderme tarihi|tarih|elküldve|dátum|στάλθηκε|ημερομηνία|trimis|"
    "发送时间|日期|寄件日期|送信日時|日時|보낸 날짜"
)
_TO = _words(
    "to|an|à|pour|para|a|aan|till|til|vastaanottaja|do|komu|кому|kime|címzett|προς|către|收件人|收件者|宛先|받는 사람"
)
_SUBJECT = _words(
    "subject|betreff|objet|asunto|assunto|oggetto|onderwerp|ämne|emne|aihe|temat|předmět|predmet|тема|konu|tárgy|θέμα|"
    "subiect|主题|主旨|件名|제목"
)
_FIELD = re.compile(r"[\s>*_|]{0,9}([^\W\d_][^:\uff1a<>@]{0,24}?)\s?\*?\s?[:\uff1a]")
_ORIGINAL = re.compile(
    r"\s{0,9}[-_*]{2,}\s{0,9}(?:original message|original appointment|ursprüngliche nachricht|originalnachricht|"
    r"message d[\u2019' ]origine|message original|mensaje original|mensagem original|messaggio originale|"
    r"oorspronkelijk bericht|ursprungligt meddelande|oprindelig meddelelse|opprinnelig melding|"
    r"alkuperäinen viesti|wiadomość oryginalna|původní zpráva|исходное сообщение|orijinal ileti|eredeti üzenet|"
    r"原始邮件|邮件原件|原始郵件)\s{0,9}[-_*]{2,}",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"[\s>*-]{0,40}(?:begin forwarded message|forwarded message|forwarded by|weitergeleitete nachricht|"
    r"anfang der weitergeleiteten (?:nachricht|e-mail)|weitergeleitet von|message transféré|message transmis|"
    r"début du message (?:réexpédié|transféré)|mensaje reenviado|mensagem encaminhada|mensagem reencaminhada|"
    r"messaggio inoltrato|inizio messaggio inoltrato|doorgestuurd bericht|begin doorgestuurd bericht|"
    r"vidarebefordrat (?:brev|meddelande)|videresendt (?:meddelelse|melding)|välitetty viesti|"
    r"wiadomość przekazana|przeposlaná zpráva|пересылаемое сообщение|转发的邮件)",
    re.IGNORECASE,
)
_WROTE = re.compile(
    r"wrote|writes|schrieb|geschrieben|écrit|escribió|ha scritto|schreef|geschreven|escreveu|skrev|kirjoitti|napisał|"
    r"napsal|написал|пишет|yazd\u0131|írta|έγραψε|a scris|写道|寫道|のメール|작성",
    re.IGNORECASE,
)
_WROTE_START = re.compile(
    r"[\s*]{0,9}(?:on|am|le|el|il|op|em|no dia|den|dne|dňa|dnia|w dniu|в|pe|în|στις|ma|\d{1,4}[-./年])\b",
    re.IGNORECASE,
)
_MOMENT = re.compile(r"\d{1,2}\s?[:.hH時点时]\s?\d{2}|@")
_INLINE = re.compile(
    r"\b(?:in[- ]?line|see below|my (?:answers|comments|replies)|in (?:red|blue|green)|siehe unten|s\. ?u\.|"
    r"weiter unten|in rot|in blau|meine antworten|voir ci-dessous|mes réponses|en rouge|en bleu|ver abajo|más abajo|"
    r"en rojo|vedi sotto|in rosso|zie onder|in het rood|rode tekst)\b",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s{0,9}[-_=*]{5,}\s{0,9}\Z")


@dataclass(frozen=True)
class _Line:
    text: str
    quoted: bool = False
    mixed: bool = False
    opens_history: bool = False


def strip_marks(text: str) -> str:
    """Return the text without mark characters."""
    return MARKS.sub("", text)


def find_new_text(marked: str) -> str | None:
    """Return what the author wrote above the history, or None if there is no history or cutting is not safe."""
    lines = _read_lines(marked)
    start = _find_history(lines)
    if start is None or _FORWARDED.match(lines[start].text) or any(line.mixed for line in lines):
        return None
    new = lines[:start]
    while new and (not new[-1].text.strip() or _RULE.match(new[-1].text)):
        new.pop()
    text = "\n".join(line.text for line in new).strip("\n")
    if not re.search(r"\w", text) or any(_INLINE.search(line.text[:_LONGEST]) for line in new):
        return None
    return None if _goes_on_below(lines, start) else text


def _read_lines(marked: str) -> list[_Line]:
    """Split the text into lines; each says whether its mark characters call it quoted, all or in part (mixed)."""
    found, depth = [], 0
    for line in marked.split("\n"):
        inside, outside, opens_history = "", "", False
        for part in re.split(r"([\ufdd0-\ufdd2])", line):
            if part == QUOTE_BEGIN:
                depth += 1
            elif part == QUOTE_END:
                depth = max(0, depth - 1)
            elif part == HISTORY_BEGIN:
                opens_history = opens_history or depth == 0
            elif depth == 0:
                outside += part
            else:
                inside += part
        text, is_inside, is_outside = strip_marks(line), bool(inside.strip()), bool(outside.strip())
        quoted = text.lstrip().startswith(">") or (is_inside and not is_outside)
        found.append(_Line(text, quoted=quoted, mixed=is_inside and is_outside, opens_history=opens_history))
    return found


def _find_history(lines: list[_Line]) -> int | None:
    for number, line in enumerate(lines):
        if not line.text.strip():
            if line.opens_history:
                return number
            continue
        if line.quoted or line.opens_history or _opens_history(lines, number) or _attribution(lines, number):
            return number
    return None


def _opens_history(lines: list[_Line], number: int) -> bool:
    """Return True if everything from this line on is history."""
    text = lines[number].text[:_LONGEST]
    if lines[number].opens_history or _ORIGINAL.match(text) or _FORWARDED.match(text):
        return True
    if _field(text) in _FROM:
        fields = {_field(line.text[:_LONGEST]) for line in lines[number + 1 : number + 9]}
        return bool(fields & _SUBJECT and fields & (_SENT | _TO))
    return False


def _field(text: str) -> str:
    found = _FIELD.match(text)
    return " ".join(found[1].lower().split()) if found else ""


def _attribution(lines: list[_Line], number: int) -> int:
    """Return how many lines, from this one on, are of the form "on … somebody wrote:"; 0 if none."""
    for count in (1, 2, 3):
        block = lines[number : number + count]
        text = " ".join(line.text.strip() for line in block)
        if count > 1 and (not _is_dated(text) or any(_WROTE_START.match(line.text) for line in block[1:])):
            continue
        if len(text) > _LONGEST or (len(block) > 1 and not block[-1].text.strip()):
            return 0
        if text.endswith((":", "\uff1a")) and _WROTE.search(text):
            following = next((line for line in lines[number + count : number + count + 3] if line.text.strip()), None)
            if following is not None and following.quoted:
                return count
            if _is_dated(text):
                return count
    return 0


def _is_dated(text: str) -> bool:
    """Return True if the text begins like "on …" and contains a digit, and a time or an address."""
    return bool(_WROTE_START.match(text) and _MOMENT.search(text) and re.search(r"\d", text))


def _goes_on_below(lines: list[_Line], start: int) -> bool:
    """Return True if the author wrote between or below the quoted lines. A signature does not count."""
    number = start
    while number < len(lines):
        line = lines[number]
        if _opens_history(lines, number) or line.text.rstrip() == "--":
            return False
        count = 0 if line.quoted or not line.text.strip() else _attribution(lines, number)
        if count:
            number += count
            following = next((each for each in lines[number : number + 3] if each.text.strip()), None)
            if following is not None and not following.quoted:
                return False
            continue
        if line.text.strip() and not line.quoted:
            return True
        number += 1
    return False
