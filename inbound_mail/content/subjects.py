"""Takes the prefixes for "reply" and "forward" off a subject, in the languages of mail clients.

Sources: repositories that repeat Wikipedia's "List of email subject abbreviations"; for the languages that these lack
(such as Bulgarian, Croatian, Czech, Latvian, Thai, Vietnamese) the words that mail clients are known to use, unchecked.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

# Language: words for a reply, words for a forward. Some words mean the one here and the other there, such as "VS".
# Left out are words with which people begin subjects of their own (Icelandic "FS", Vietnamese "TL" and "CT").
PREFIXES: Mapping[str, tuple[str, str]] = {
    "English": ("re", "fw|fwd"),
    "Arabic": ("رد", "إعادة توجيه"),
    "Bulgarian": ("отн", ""),
    "Chinese, simplified": ("回复|答复", "转发"),
    "Chinese, traditional": ("回覆|回復", "轉寄|轉發"),
    "Croatian": ("odg", "prosl"),
    "Czech": ("odp", ""),
    "Danish": ("sv", "vs"),
    "Dutch": ("antw", "doorst"),
    "Estonian": ("vs", ""),
    "Finnish": ("vs", "vl"),
    "French": ("ref|réf", "tr"),
    "German": ("aw|antwort", "wg"),
    "Greek": ("απ|σχετ", "πρθ"),
    "Hebrew": ("תגובה", "הועבר"),
    "Hungarian": ("vá|válasz", "továbbítás|továbbított"),
    "Icelandic": ("sv", ""),
    "Indonesian": ("bls", "trs"),
    "Italian": ("R|rif", "I"),
    "Japanese": ("返信", "転送"),
    "Korean": ("회신|답장", "전달"),
    "Latvian": ("atb", ""),
    "Lithuanian": ("ats", ""),
    "Norwegian": ("sv", "vs"),
    "Polish": ("odp", "pd"),
    "Portuguese": ("res", "enc"),
    "Russian": ("ha|на|отв", "пересл|перес"),
    "Slovak": ("odp", ""),
    "Slovenian": ("odg", "posr"),
    "Spanish": ("re", "rv"),
    "Swedish": ("sv", "vb"),
    "Thai": ("ตอบ", "ส่งต่อ"),
    "Turkish": ("ynt", "ilt|i̇lt"),
    "Vietnamese": ("trả lời", "chuyển tiếp"),
    "Welsh": ("atb", "yml"),
}


def _words(column: int) -> frozenset[str]:
    return frozenset(word for pair in PREFIXES.values() for word in pair[column].split("|") if word)


_REPLY, _FORWARD = _words(0), _words(1)
# Words of one letter count in upper case only. The longest word comes first, so that "fwd" is not read as "fw".
_ANY = "|".join(
    f"(?-i:{word})" if len(word) == 1 else re.escape(word) for word in sorted(_REPLY | _FORWARD, key=len, reverse=True)
)
_PREFIX = re.compile(rf"(?P<word>{_ANY}) ?(?:\[\d{{1,4}}\]|\(\d{{1,4}}\)|\^\d{{1,4}})? ?[:\uff1a] ?", re.IGNORECASE)
# What gateways and clients put before a subject, in any language: "***SPAM*** ", "(External) ", "Odgovor: ".
_ADDED = re.compile(r"\s*(?:\*{1,5}[^*]{1,30}\*{1,5}|\{[^{}]{1,30}\}|\([^()]{1,30}\)|[^\W\d_][\w. ]{0,14}:)\s*")
_BRACKETS = re.compile(r"\[[^\[\]]{0,60}\]")
_MOST_PREFIXES = 8
_LEAST_CUT = 40  # characters of a subject that a client has cut
_LEAST_KEPT = 12  # characters of a subject to which words were added: a shorter one may be a part of another subject


class Subject(NamedTuple):
    """A subject without its prefixes, and the outermost of them as it was written, "" for none."""

    title: str
    prefix: str

    @property
    def may_be_forward(self) -> bool:
        """Whether the outermost prefix means a forward in any language."""
        return self.prefix in _FORWARD or self.prefix.lower() in _FORWARD


def read_subject(line: str) -> Subject:
    """Read a subject that is one line without blanks around it."""
    first = _PREFIX.match(line)
    position = 0
    while found := _PREFIX.match(line, position):
        position = found.end()
    return Subject(line[position:].strip(), first["word"] if first else "")


def is_replaced(new: str, old: str, ticket: str) -> bool:
    """Return whether the author of an answer replaced the subject: `old` is no longer in `new`.

    Both are without prefixes. What gateways and clients put before a subject does not count, nor words added at the end
    of one that is not very short. A subject with the ticket's number is no new one, and an unknown one is not replaced.
    """
    number = re.compile(rf"(?<!\w){re.escape(ticket)}(?!\w)", re.IGNORECASE)
    if number.search(new):
        return False
    news, olds = (list(_shorten(number.sub(" ", text))) for text in (new, old))
    if not (news and olds) or news[0] in olds:
        return False
    for words in news:
        shorter, longer = sorted((words, olds[0]), key=len)
        is_cut = len(shorter) >= _LEAST_CUT and longer.startswith(shorter)
        is_longer = len(olds[0]) >= _LEAST_KEPT and words.startswith(f"{olds[0]} ")
        if words == olds[0] or is_cut or is_longer:
            return False
    return True


def _shorten(title: str) -> Iterator[str]:
    """Yield the words of a subject, then without each thing that stands before it; nothing if there are no words."""
    text = _BRACKETS.sub(" ", unicodedata.normalize("NFKC", title).casefold()).strip()
    for _ in range(_MOST_PREFIXES):
        words = " ".join(re.findall(r"\w+", text))
        if words and words != "no subject":
            yield words
        shorter = read_subject(text).title
        found = _ADDED.match(text) if shorter == text else None
        if found:
            shorter = text[found.end() :]
        if shorter == text:
            return
        text = shorter
