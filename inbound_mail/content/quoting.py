"""Finds the history that a reply quotes, and proves that it is the text of an earlier mail.

A reply may only lose what provably stands elsewhere, word by word. So three things must fit the earlier mail:

- the line that opens the history names its author: the attribution of Gmail, Apple Mail and Thunderbird, which ends in
  a colon; or the lines "label: value" of Outlook, Exchange and Lotus Notes, from the author to the subject;
- those lines give its subject;
- everything below, to the end, stands in the earlier mail as one piece, apart from blanks, line breaks and ">".

A person's answer inside or below the history, a changed word, a forward of another mail: the piece is not found, and
nothing is cut. No word of any language is looked for, only the earlier mail's own ones, so the proof holds in all of
them. The attribution itself is kept: a sentence of the author may end in the same way.

`html` puts mark characters into the text: QUOTE_BEGIN and QUOTE_END around what the HTML calls a quotation,
HISTORY_BEGIN where everything below is history, others for pictures. They only serve to find pictures (`pictures`).
They are noncharacters, which Unicode reserves for internal use; their range (MARKS) is removed from every mail before.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inbound_mail.content.subjects import read_subject

QUOTE_BEGIN, QUOTE_END, HISTORY_BEGIN = "\ufdd0", "\ufdd1", "\ufdd2"
MARKS = re.compile(r"[\ufdd0-\ufdef]")
MOST_LINES = 20_000
_MOST_OPENINGS = 200
_MOST_FIELDS = 8
_LEAST_FIELDS = 3
_MOST_ATTRIBUTION_LINES = 3
_MOST_PROOFS = 20
_LONGEST = 400
_LONGEST_FIELD = 5_000
_SHORTEST_NAME = 3

_QUOTE_MARKS = re.compile(r"\A[\s>]*>")
_INVISIBLE = re.compile(r"[\xad\u200b-\u200d\u2060\ufeff]")
_FIELD = re.compile(r"[\s>*_|]{0,9}[^\W\d_][^:\uff1a<>@]{0,24}?\s?\*?\s?[:\uff1a]\*?\s*(?P<value>\S.*)")
_RULE = re.compile(r"[\s>]{0,9}[-_=*]{5,}\s{0,9}\Z")
_ORIGINAL = re.compile(
    r"[\s>]{0,9}[-_*]{2,}\s{0,9}(?:original message|original appointment|ursprüngliche nachricht|originalnachricht|"
    r"message d[\u2019' ]origine|message original|mensaje original|mensagem original|messaggio originale|"
    r"oorspronkelijk bericht|ursprungligt meddelande|oprindelig meddelelse|opprinnelig melding|"
    r"alkuperäinen viesti|wiadomość oryginalna|původní zpráva|исходное сообщение|orijinal ileti|eredeti üzenet|"
    r"原始邮件|邮件原件|原始郵件)\s{0,9}[-_*]{2,}\s*\Z",
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


@dataclass(frozen=True)
class EarlierMail:
    """A mail that may be quoted: its author's address and name, its subject without prefixes, its whole text."""

    address: str
    name: str
    title: str
    text: str


def strip_marks(text: str) -> str:
    """Return the text without mark characters."""
    return MARKS.sub("", text)


def may_quote(text: str) -> bool:
    """Return whether a text could contain a history that may be cut. Reads no more than a limited number of lines."""
    if text.count("\n") >= MOST_LINES:
        return False
    lines = text.split("\n")
    return not any(_FORWARDED.match(line) for line in lines) and next(_find_openings(lines), None) is not None


def is_forward_line(line: str) -> bool:
    """Return whether a line is the one that mail programs write above a forwarded mail."""
    return _FORWARDED.match(line[:_LONGEST]) is not None


def find_header_fields(text: str) -> Iterator[list[tuple[str, str]]]:
    """Yield the lines (label, value) of each header of a quoted or forwarded mail in a text, in order."""
    lines = text.split("\n")[:MOST_LINES]
    number = 0
    while number < len(lines):
        found = list(_read_fields(lines, number)) if _FIELD.match(lines[number][:_LONGEST]) else []
        if len(found) >= _LEAST_FIELDS:
            yield [(_label_of(lines[each]), value) for each, value in found[:_MOST_FIELDS]]
        number = found[-1][0] + 1 if found else number + 1


def _label_of(line: str) -> str:
    return re.split(r"[:\uff1a]", line, maxsplit=1)[0].strip("> \t\xa0*_|")


def find_text_above_history(text: str) -> str:
    """Return the text above the first thing that looks like the header of a quoted mail; all of it if none does.

    This proves nothing about what is below: it is for mails that are judged, not cut.
    """
    lines = text.split("\n")[:MOST_LINES]
    for number, line in enumerate(lines):
        is_field = bool(_FIELD.match(line[:_LONGEST])) and len(list(_read_fields(lines, number))) >= _LEAST_FIELDS
        if is_field or _RULE.match(line) or _ORIGINAL.match(line):
            return "\n".join(lines[:number])
    return "\n".join(lines)


def measure_new_text(text: str, earlier: EarlierMail) -> int | None:
    """Return how many characters of a text to keep if the rest is the earlier mail's; None if that is not proved.

    `may_quote` must be true of the text.
    """
    lines = text.split("\n")
    known, _ = _normalise(earlier.text.split("\n"))
    words, starts = _normalise(lines)
    proofs = 0
    for number in _find_openings(lines):
        below = _skip_header(lines, number, earlier)
        if below is not None:
            above = end = number
        elif (count := _count_attribution(lines, number, earlier)) is not None:
            above, end = number - count + 1, number + 1
            below = end
        else:
            continue
        proofs += 1
        if _stands_in(words[starts[below] :], known) and re.search(r"\w", "\n".join(lines[:above])):
            return _measure(lines[:end])
        if proofs == _MOST_PROOFS:
            break
    return None


def _find_openings(lines: Sequence[str]) -> Iterator[int]:
    """Yield the numbers of lines below which, or from which on, the text may be history."""
    found = 0
    for number, line in enumerate(lines):
        is_field = bool(_FIELD.match(line[:_LONGEST])) and len(list(_read_fields(lines, number))) >= _LEAST_FIELDS
        if is_field or line.rstrip().endswith((":", "\uff1a")):
            found += 1
            if found > _MOST_OPENINGS:
                return
            yield number


def _read_fields(lines: Sequence[str], number: int) -> Iterator[tuple[int, str]]:
    """Yield the lines "label: value" from this one on, as (number, value); blank lines may be between them."""
    for each in range(number, min(len(lines), number + 2 * _MOST_FIELDS)):
        found = _FIELD.match(lines[each][:_LONGEST_FIELD])
        if found:
            yield each, found["value"].strip("* \t\xa0")
        elif lines[each].strip():
            return


def _skip_header(lines: Sequence[str], number: int, earlier: EarlierMail) -> int | None:
    """Return the number of the line below a header that names the earlier mail's author first and its subject last."""
    fields = list(_read_fields(lines, number))[:_MOST_FIELDS]
    if len(fields) < _LEAST_FIELDS or not _names_author(fields[0][1], earlier):
        return None
    for each, value in fields[_LEAST_FIELDS - 1 :]:
        if _fold(read_subject(" ".join(value.split())).title) == _fold(earlier.title):
            return each + 1
    return None


def _count_attribution(lines: Sequence[str], number: int, earlier: EarlierMail) -> int | None:
    """Return how many lines, the last of which is this one, name the earlier mail's author and end in a colon."""
    if not lines[number].rstrip().endswith((":", "\uff1a")):
        return None
    for count in range(1, min(_MOST_ATTRIBUTION_LINES, number + 1) + 1):
        block = lines[number - count + 1 : number + 1]
        text = " ".join(line.strip() for line in block)
        if not block[0].strip() or len(text) > _LONGEST:
            return None
        if _names_author(text, earlier):
            return count
    return None


def _names_author(text: str, earlier: EarlierMail) -> bool:
    folded = _fold(text)
    return any(len(name) >= _SHORTEST_NAME and _fold(name) in folded for name in (earlier.address, earlier.name))


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _normalise(lines: Sequence[str]) -> tuple[str, list[int]]:
    """Return the words of lines with one blank between them, without ">" before quoted lines; and each line's start."""
    parts, starts, position = [], [0], 0
    for line in lines:
        part = " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", _QUOTE_MARKS.sub("", line))).split())
        if part:
            parts.append(part)
            position += len(part) + 1
        starts.append(position)
    return " ".join(parts), starts


def _stands_in(quoted: str, known: str) -> bool:
    """Return whether the quoted words stand in the known ones as one piece, and are most of them.

    A shorter piece was chosen by the author, to say which question he answers: then the choice says something.
    """
    return bool(quoted) and 2 * len(quoted) > len(known) and f" {quoted} " in f" {known} "


def _measure(lines: Sequence[str]) -> int:
    """Return the length of these lines without blank lines, rules and "Original Message" at their end."""
    count = len(lines)
    while count and (not (last := lines[count - 1]).strip() or _RULE.match(last) or _ORIGINAL.match(last)):
        count -= 1
    return len("\n".join(lines[:count]))
