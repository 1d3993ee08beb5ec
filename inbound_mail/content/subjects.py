"""Takes the prefixes for "reply" and "forward" off a subject, in the languages of mail clients.

Sources: repositories that repeat Wikipedia's "List of email subject abbreviations"; for the languages that these lack
(such as Bulgarian, Croatian, Czech, Latvian, Thai, Vietnamese) the words that mail clients are known to use, unchecked.
"""

import re
from collections.abc import Mapping
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
