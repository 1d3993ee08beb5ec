"""Renders a mail for a ticket: its title, its text, and sanitised HTML. No more than a bound of text is ever read."""

import html
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import replace

from inbound_mail.content.html import read_html
from inbound_mail.content.meetings import describe_meeting
from inbound_mail.content.models import InboundMail, Rendering
from inbound_mail.content.pictures import find_cut_pictures, find_signed_pictures
from inbound_mail.content.quoting import MARKS, may_quote, strip_marks
from inbound_mail.content.seals import describe_seal
from inbound_mail.content.subjects import Subject, read_subject

NO_SUBJECT = "(no subject)"
MOST_TEXT = 1_000_000
# HTML may contain pictures, which are removed before its text is bounded.
MOST_HTML = 10 * MOST_TEXT
_MOST_TITLE = 10_000

_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_INVISIBLE = ("Cf", "Mn", "Zs")
_VISIBLE = re.compile(r"\S")
_GAP = re.compile(r"\n{4,}")


def render_mail(mail: InboundMail, title_limit: int = 200) -> Rendering:
    """Render a mail. Its text, HTML and headers may be anything, also hostile, broken or endless."""
    subject = read_title(mail.subject)
    body = mail.message.get("body") or {}
    source = str(body.get("content") or "")
    is_html = str(body.get("contentType") or "").lower() == "html"
    bound = MOST_HTML if is_html else MOST_TEXT
    is_truncated = _VISIBLE.search(source, bound) is not None
    content = clean_text(source[:bound])
    page = read_html(content) if is_html else None
    marked = _tidy(clean_marked(page.marked) if page else content)
    preface = [clean_text(line) for line in (*describe_seal(mail), *describe_meeting(mail))]
    text = "\n".join([*preface, *([""] if preface else []), _tidy(strip_marks(marked))]).rstrip("\n")
    pictures = page.pictures if page else ()
    signed = _name_pictures(pictures, find_signed_pictures(marked))
    return Rendering(
        title=cut(subject.title, title_limit),
        text=text[:MOST_TEXT],
        new_text=text[:MOST_TEXT],
        html=_write_preface(preface) + page.safe if page else None,
        was_cut=False,
        is_truncated=is_truncated or len(text) > MOST_TEXT or bool(page and page.is_truncated),
        referenced_content_ids=page.content_ids if page else frozenset(),
        signature_content_ids=signed | page.signed if page else frozenset(),
        marked=marked if pictures else "",
        pictures=pictures,
    )


def _write_preface(lines: Sequence[str]) -> str:
    return f"<p>{'<br>'.join(html.escape(line) for line in lines)}</p>" if lines else ""


def may_have_history(mail: InboundMail, rendering: Rendering) -> bool:
    """Return whether the mail may end with a quoted history that may be cut. A forwarded mail's content is never cut.

    This depends on the mail alone. What may be cut depends on the mails that it quotes: see `quoting`.
    """
    if rendering.is_truncated or read_title(mail.subject).may_be_forward:
        return False
    return may_quote(rendering.text)


def read_title(subject: str) -> Subject:
    """Return a subject as one line without prefixes, which may be all of it, and the outermost prefix."""
    title, prefix = read_subject(" ".join(clean_text(subject[:_MOST_TITLE]).split()))
    is_visible = any(unicodedata.category(character) not in _INVISIBLE for character in title)
    return Subject(title if is_visible else NO_SUBJECT, prefix)


def leave_out_history(rendering: Rendering, kept: int) -> Rendering:
    """Return the rendering with the first `kept` characters as its new text."""
    new_text = rendering.text[:kept]
    pictures = _name_pictures(rendering.pictures, find_cut_pictures(rendering.marked, new_text))
    return replace(rendering, new_text=new_text, was_cut=True, history_content_ids=pictures)


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


def _tidy(text: str) -> str:
    lines = "\n".join(line.rstrip(" \t\xa0") for line in text.split("\n"))
    return _GAP.sub("\n\n\n", lines).strip("\n")
