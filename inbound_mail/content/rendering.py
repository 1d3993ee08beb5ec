"""Renders a mail for a ticket: its title, its text, the new part of the text, and sanitised HTML."""

import re
import unicodedata
from collections.abc import Collection, Sequence

from inbound_mail.content.html import read_html
from inbound_mail.content.models import InboundMail, Rendering
from inbound_mail.content.pictures import find_cut_pictures, find_signed_pictures
from inbound_mail.content.quoting import MARKS, find_new_text, strip_marks

NO_SUBJECT = "(no subject)"
_MOST_TITLE = 10_000

# Prefixes for "reply" and "forward" in Outlook's languages. A forwarded mail is not cut: its history is the message.
_REPLY = "re|aw|antw|sv|vs|ref|res|rif|(?-i:R)|odp|ynt|atb|απ|ha|vá|回复|答复|回覆"
_FORWARD = "fwd?|wg|tr|rv|enc|(?-i:I)|vb|vl|pd|doorst|ilt|πρθ|trs|továbbítás|转发|轉寄"
_PREFIX = re.compile(
    rf"(?P<word>{_REPLY}|{_FORWARD}) ?(?:\[\d{{1,4}}\]|\(\d{{1,4}}\)|\^\d{{1,4}})? ?[:\uff1a] ?", re.IGNORECASE
)
_FORWARD_WORD = re.compile(rf"(?:{_FORWARD})\Z", re.IGNORECASE)

_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_INVISIBLE = ("Cf", "Mn", "Zs")
_GAP = re.compile(r"\n{4,}")


def render_mail(mail: InboundMail, title_limit: int = 200) -> Rendering:
    """Render a mail. Its text, HTML and headers may be anything, also hostile or broken."""
    title, prefix = _read_subject(mail.subject)
    body = mail.message.get("body") or {}
    content = clean_text(str(body.get("content") or ""))
    is_html = str(body.get("contentType") or "").lower() == "html"
    page = read_html(content) if is_html else None
    marked = _tidy(clean_marked(page.marked) if page else content)
    text = _tidy(strip_marks(marked))
    new_text = find_new_text(marked) if _may_have_history(mail, prefix) else None
    shown = text if new_text is None else _tidy(new_text)
    pictures = page.pictures if page else ()
    signed = _name_pictures(pictures, find_signed_pictures(marked))
    return Rendering(
        title=cut(title, title_limit),
        text=text,
        new_text=shown,
        html=page.safe if page else None,
        was_cut=shown != text,
        referenced_content_ids=page.content_ids if page else frozenset(),
        signature_content_ids=signed | page.signed if page else frozenset(),
        history_content_ids=_name_pictures(pictures, find_cut_pictures(marked, shown)),
    )


def _name_pictures(pictures: Sequence[str], numbers: Collection[int]) -> frozenset[str]:
    """Return the content ids of which all pictures have these numbers."""
    named = {name for number, name in enumerate(pictures) if number in numbers}
    return frozenset(named - {name for number, name in enumerate(pictures) if number not in numbers})


def clean_text(text: str) -> str:
    """Return the text with line feeds as line ends, and without other control characters except tabs.

    Byte order marks and direction overrides are removed as well: the latter make a text look different from what it
    says. Lone surrogates become U+FFFD.
    """
    return clean_marked(MARKS.sub("", text))


def clean_marked(text: str) -> str:
    """Clean text that contains our mark characters; control characters may come from entities of the HTML."""
    return _SURROGATE.sub("\ufffd", _UNWANTED.sub("", _LINE_ENDS.sub("\n", text)))


def cut(text: str, limit: int) -> str:
    """Cut the text to a length, but not inside a visible character: an accent, a joined emoji or a flag."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and _belongs_together(text[end - 1], text[end]):
        end -= 1
    return text[: end or limit - 1].rstrip() + "…"


def _belongs_together(left: str, right: str) -> bool:
    joiner = "\u200d"
    if joiner in (left, right) or unicodedata.category(right) in ("Mn", "Mc", "Me"):
        return True
    return "\U0001f3fb" <= right <= "\U0001f3ff" or (_is_flag_part(left) and _is_flag_part(right))


def _is_flag_part(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff" or "\U000e0020" <= character <= "\U000e007f"


def _may_have_history(mail: InboundMail, prefix: str) -> bool:
    """Return True if the mail is a reply. Forwarded and new mails are not cut, even if they contain quoted headers."""
    if _FORWARD_WORD.match(prefix):
        return False
    return bool(prefix) or any(value.strip() for value in (*mail.headers("In-Reply-To"), *mail.headers("References")))


def _read_subject(subject: str) -> tuple[str, str]:
    """Return the title without its prefixes, and the outermost of them."""
    title = " ".join(clean_text(subject[:_MOST_TITLE]).split())
    first = _PREFIX.match(title)
    position = 0
    while found := _PREFIX.match(title, position):
        position = found.end()
    title = title[position:].strip()
    is_visible = any(unicodedata.category(character) not in _INVISIBLE for character in title)
    return title if is_visible else NO_SUBJECT, first["word"] if first else ""


def _tidy(text: str) -> str:
    lines = "\n".join(line.rstrip(" \t\xa0") for line in text.split("\n"))
    return _GAP.sub("\n\n\n", lines).strip("\n")
