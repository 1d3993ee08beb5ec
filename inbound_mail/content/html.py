"""Turns the HTML of a mail into plain text, and into sanitised HTML that is safe to show.

Hostile or broken HTML can exhaust time, memory or the stack, so its size, depth and attributes are checked first:
libxml2 drops elements deeper than 256, inscriptis recurses, pads table cells to the widest one and takes long for each
element, and many attributes in one tag cost quadratic time. HTML beyond the limits loses its layout, but not its words:
only the tags are removed. Of HTML that is several times larger, only the beginning is read.

libxml2 parses the HTML once, and nh3 (ammonia) sanitises what libxml2 writes. Nothing changes nh3's result afterwards.
"""

# ruff: noqa: PLC0415 - libraries are imported when first needed: cold start
# mypy: disable-error-code="import-untyped"

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from inbound_mail.content.pictures import mark_picture
from inbound_mail.content.quoting import HISTORY_BEGIN, QUOTE_BEGIN, QUOTE_END

if TYPE_CHECKING:
    from inscriptis.model.config import ParserConfig
    from lxml.html import HtmlElement
    from nh3 import Cleaner

MOST_CHARACTERS = 1_000_000
MOST_SOURCE = 3 * MOST_CHARACTERS
MOST_DEPTH = 240
MOST_WORDS_IN_TAG = 2_000
MOST_ELEMENTS = 40_000
_MOST_CELL = 100
_MOST_ROWS = 500
_MOST_COLUMNS = 20
_LONGEST_NUMBER = 8  # digits; U+10FFFF has seven

_DATA_URI = re.compile(
    r"""(?<=["'=(])data:[a-z]{1,20}/[\w.+-]{1,80}(?:;[\w=.-]{1,80}){0,4},[a-z0-9+/=%\s]*""", re.IGNORECASE
)
_CONTENT_ID = re.compile(r"""(?:=\s{0,9}["']?|url\(\s{0,9}["']?)\s{0,9}cid:([^"'\s<>)]{1,990})""", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)
_DROPPED = ("script", "style", "head", "title", "template", "noscript", "object", "svg", "math", "select", "textarea")
_TAGS = (
    "a|abbr|address|b|bdi|bdo|big|blockquote|br|caption|center|cite|code|col|colgroup|dd|del|dfn|div|dl|dt|em|"
    "figcaption|figure|h1|h2|h3|h4|h5|h6|hr|i|img|ins|kbd|li|ol|p|pre|q|s|samp|small|span|strike|strong|sub|sup|"
    "table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var"
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
}
# What Gmail, Outlook, Outlook for phones, Apple Mail, Thunderbird, Proton and Yahoo call a signature; Outlook puts "x_"
# before the names in what it quotes.
_SIGNATURES = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "x_")
    for name in (
        *("gmail_signature", "signature", "ms-outlook-mobile-signature", "applemailsignature", "moz-signature"),
        *("protonmail_signature_block", "yahoo_signature", "yahoo-signature"),
    )
)
_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
# The characters of quoting.MARKS, U+FDD0 to U+FDEF, written as entities.
_MARK_ENTITY = re.compile(r"&#(?:x0*fd[de][0-9a-f]|0*(?:6497[6-9]|649[89]\d|6500[0-7]));?", re.IGNORECASE)
# References to characters by numbers that no character has; Python reads no number of more than 4,300 digits.
_LONG_NUMBER = re.compile(r"&#(x[0-9a-f]{8,}|[0-9]{8,});?", re.IGNORECASE)
# When only tags are removed: these tags end a line.
_BREAKS = re.compile(r"</?(?:br|p|div|tr|li|table|h[1-6]|blockquote|pre|hr|ul|ol)\b[^<>]{0,5000}>", re.IGNORECASE)
_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style|title)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-z!?][^<>]{0,100000}>", re.IGNORECASE)


@dataclass(frozen=True)
class HtmlBody:
    """The result of reading an HTML body.

    `marked` is its plain text, with the mark characters of `quoting` around the parts that the HTML calls quoted.
    `safe` is sanitised HTML. `content_ids` are the ids of attached pictures that the HTML shows. `pictures` are the ids
    by the numbers in the marks of the text, and `signed` those that only a signature shows. If `is_truncated`, the HTML
    goes on: only its beginning was read.
    """

    marked: str
    safe: str
    content_ids: frozenset[str]
    pictures: tuple[str, ...] = ()
    signed: frozenset[str] = frozenset()
    is_truncated: bool = False


def read_html(source: str) -> HtmlBody:
    """Read any HTML, also hostile or broken. `source` must contain no control characters and no mark characters."""
    content_ids = frozenset(_content_ids(source))
    source = _MARK_ENTITY.sub("", _DATA_URI.sub("", source))
    is_truncated = len(source) > MOST_SOURCE
    source = source[:MOST_SOURCE]
    tree = _parse(source)
    safe = None if tree is None else _clean(tree)
    if tree is None or safe is None:
        words = _remove_tags(source)
        text = words[:MOST_CHARACTERS]
        is_truncated = is_truncated or len(words) > MOST_CHARACTERS
        return HtmlBody(text, f"<pre>{html.escape(text)}</pre>", content_ids, is_truncated=is_truncated)
    signed = _find_signed(tree)
    pictures: list[str] = []
    text = _as_text(tree, pictures)
    if not text.strip() or len(text) > 2 * MOST_CHARACTERS:
        text = _remove_tags(source)
    return HtmlBody(text, safe, content_ids, tuple(pictures), signed, is_truncated)


def _content_ids(source: str) -> Iterator[str]:
    for found in _CONTENT_ID.findall(source):
        if name := _clean_content_id(unescape(found)):
            yield name


def _clean_content_id(text: str) -> str:
    return unquote(text).strip().removeprefix("<").removesuffix(">").strip()


def _shown_picture(element: "HtmlElement") -> str | None:
    """Return the content id of the attached picture that an element shows."""
    source = (element.get("src") or "").strip()
    return _clean_content_id(source[4:]) if element.tag == "img" and source[:4].lower() == "cid:" else None


def _find_signed(tree: "HtmlElement") -> frozenset[str]:
    """Return the ids of the pictures that stand in what the mail program calls the signature, and nowhere else."""
    inside: set[HtmlElement] = set()
    for element in tree.iter():
        if isinstance(element.tag, str) and element not in inside and _SIGNATURES & _names_of(element):
            inside |= set(element.iter())
    shown = [(name, element in inside) for element in tree.iter("img") if (name := _shown_picture(element))]
    return frozenset(name for name, _ in shown) - {name for name, is_inside in shown if not is_inside}


def _names_of(element: "HtmlElement") -> set[str]:
    return {*(element.get("class") or "").lower().split(), (element.get("id") or "").lower()}


def _parse(source: str) -> "HtmlElement | None":
    """Return the tree, or None if the HTML is beyond the limits or libxml2 cannot parse it."""
    if len(source) > MOST_CHARACTERS:
        return None
    if any(len(piece.partition("<")[2].split()) > MOST_WORDS_IN_TAG for piece in source.split(">")):
        return None
    from lxml import etree
    from lxml.html import document_fromstring

    try:
        tree = document_fromstring(source)
    except (etree.LxmlError, ValueError):
        return None
    depth = elements = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        elements += event == "start"
        if depth > MOST_DEPTH or elements > MOST_ELEMENTS:
            return None
    return tree


def _clean(tree: "HtmlElement") -> str | None:
    """Return sanitised HTML, or None if libxml2 writes more than nh3 reads fast enough (a million "&" as "&amp;")."""
    from lxml.html import tostring

    body = tree.find("body")
    written = tostring(tree if body is None else body, encoding="unicode", with_tail=False)
    return _cleaner().clean(written).strip() if len(written) <= 2 * MOST_CHARACTERS else None


@cache
def _cleaner() -> "Cleaner":
    from nh3 import Cleaner

    return Cleaner(
        tags=set(_TAGS.split("|")),
        clean_content_tags=set(_DROPPED),
        attributes=_ATTRIBUTES,
        attribute_filter=_filter_attribute,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer",
    )


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    """Keep only pictures that are attached: loading one from a server would reveal who reads the mail, and when."""
    is_content_id = value.strip().lower().startswith("cid:")
    if name in ("src", "href") and is_content_id != (tag == "img"):
        return None
    if name in ("width", "height", "colspan", "rowspan", "start") and not re.fullmatch(r"[0-9]{1,4}", value):
        return None
    return value


def _as_text(tree: "HtmlElement", pictures: list[str]) -> str:
    """Return the tree's text with its layout, and add the ids of its pictures to the list. This changes the tree."""
    from inscriptis.html_engine import Inscriptis

    for element in list(tree.iter()):
        if not isinstance(element.tag, str):
            continue
        is_hidden = "hidden" in element.attrib or _HIDDEN.search(element.get("style") or "")
        if element.tag in _DROPPED or (is_hidden and element.tag != "body"):
            element.clear(keep_tail=True)
    for table in list(tree.iter("table")):
        if not _is_small_table(table):
            _replace_by_blocks(table)
    for element in tree.iter():
        if isinstance(element.tag, str):
            _add_invisible_text(element, pictures)
            element.attrib.clear()
    text: str = Inscriptis(tree, _layout()).get_text()
    return text


@cache
def _layout() -> "ParserConfig":
    """Return inscriptis' layout without indented blockquotes: quoted mails may be dozens of levels deep."""
    from inscriptis.css_profiles import CSS_PROFILES
    from inscriptis.html_properties import Display
    from inscriptis.model.config import ParserConfig
    from inscriptis.model.html_element import HtmlElement as Style

    css = CSS_PROFILES["strict"].copy()
    css["blockquote"] = Style(display=Display.block, margin_before=1, margin_after=1)
    return ParserConfig(css=css)


def _mark(element: "HtmlElement") -> None:
    """Put mark characters around what Apple Mail, Thunderbird, Gmail and Proton quote; Outlook names the start only."""
    names = _names_of(element)
    is_quote = element.tag == "blockquote" and (
        (element.get("type") or "").lower() == "cite" or names & {"gmail_quote", "protonmail_quote"}
    )
    if is_quote or names & {"gmail_attr", "yahoo_quoted", "moz-cite-prefix"}:
        element.text = QUOTE_BEGIN + (element.text or "")
        if len(element):
            element[-1].tail = (element[-1].tail or "") + QUOTE_END
        else:
            element.text += QUOTE_END
    elif names & {"divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container"}:
        element.text = HISTORY_BEGIN + (element.text or "")


def _is_small_table(table: "HtmlElement") -> bool:
    """Return True for a table that holds data. A table that is only a page's layout is not shown in columns."""
    rows = list(table.iter("tr"))
    if not rows or len(rows) > _MOST_ROWS or next(table.iterdescendants("table"), None) is not None:
        return False
    cells = [list(row.iter("td", "th")) for row in rows]
    if not 1 < max(map(len, cells)) <= _MOST_COLUMNS:
        return False
    return all(len(cell.text_content()) <= _MOST_CELL for row in cells for cell in row)


def _replace_by_blocks(table: "HtmlElement") -> None:
    for part in table.iter("table", "tr", "td", "th"):
        part.tag = "div"


def _add_invisible_text(element: "HtmlElement", pictures: list[str]) -> None:
    """Add to the text what only HTML shows: the target of a link, the name and the mark of an attached picture."""
    if element.tag == "a":
        target = (element.get("href") or "").strip()
        shown = element.text_content()
        if (
            target.lower().startswith(("http://", "https://"))
            and target.partition("://")[2].rstrip("/") not in shown
            and shown.strip()
        ):
            element.tail = f" <{target}>{element.tail or ''}"
    elif (name := _shown_picture(element)) is not None:
        shown = (element.get("alt") or "").strip() or "image"
        element.tail = f"{mark_picture(len(pictures))}[{shown}]{element.tail or ''}"
        pictures.append(name)


def _remove_tags(source: str) -> str:
    """Return the text of HTML without parsing it: one pass of a regular expression for each rule."""
    seen = _UNSEEN.sub("", source)
    return unescape(_TAG.sub("", _BREAKS.sub("\n", seen)))


def unescape(text: str) -> str:
    """Replace the references to characters in HTML, also those whose numbers are of any length."""
    return html.unescape(_LONG_NUMBER.sub(_shorten_number, text))


def _shorten_number(found: re.Match[str]) -> str:
    base = "x" if found[1][0] in "xX" else ""
    digits = found[1].removeprefix("x").removeprefix("X").lstrip("0") or "0"
    return f"&#{base}{digits};" if len(digits) < _LONGEST_NUMBER else "\ufffd"
