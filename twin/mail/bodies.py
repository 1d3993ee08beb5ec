"""Bodies as requested: HTML without unsafe parts, or plain text."""

import html
import re
from html.parser import HTMLParser

_SCRIPT = re.compile(r"<script\b.*?(</script\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_HANDLER = re.compile(r"""\son[a-z]+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_BODY = re.compile(r"<body\b", re.IGNORECASE)
_BREAKING = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "table", "blockquote"})
_SILENT = frozenset({"script", "style", "head", "title"})
_HEAD = '<html><head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8"></head>'
PREVIEW_LENGTH = 255


def make_safe_html(text: str) -> str:
    """Return HTML without scripts and handlers."""
    if "<script" in text.lower():
        text = _SCRIPT.sub("", text)
    return _HANDLER.sub("", text) if " on" in text.lower() else text


def make_document(markup: str) -> str:
    """Make a whole document of a piece of HTML; a document stays as it is."""
    return markup if _BODY.search(markup) else f"{_HEAD}<body>{markup}</body></html>"


def make_html(text: str) -> str:
    """Make HTML of plain text."""
    return make_document("<br>\r\n".join(html.escape(line, quote=False) for line in text.splitlines()))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        _ = attrs
        if tag in _SILENT:
            self._silent += 1
        if tag in _BREAKING:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(re.sub(r"\s+", " ", data))


def make_text(markup: str) -> str:
    """Make plain text of HTML."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    lines = (line.strip() for line in "".join(reader.pieces).split("\n"))
    return re.sub(r"(\r\n){3,}", "\r\n\r\n", "\r\n".join(lines)).strip()


def make_preview(content: str, *, is_html: bool) -> str:
    """Return the beginning of the text."""
    plain = make_text(content[:20_000]) if is_html else content
    return plain.strip()[:PREVIEW_LENGTH]
