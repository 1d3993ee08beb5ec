# ruff: noqa: RUF001 - mails of the world bring their own colons and quotation marks

import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound_mail.content import html as html_module
from inbound_mail.content import rendering as rendering_module
from inbound_mail.content.html import MOST_CHARACTERS, MOST_ELEMENTS
from inbound_mail.content.models import InboundMail, Rendering
from inbound_mail.content.quoting import EarlierMail, measure_new_text
from inbound_mail.content.rendering import (
    MOST_HTML,
    MOST_TEXT,
    NO_SUBJECT,
    clean_text,
    cut,
    may_have_history,
    read_title,
    render_mail,
)
from inbound_mail.content.screening import screen_mail
from tests.originals import find_mails
from tests.unit.graph_message import build_mail, read_mail


def render_html(content: str, subject: str = "RE: x") -> Rendering:
    return render_mail(build_mail(content, kind="html", subject=subject))


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("Printer", "Printer"),
        ("RE: Printer", "Printer"),
        ("Re: AW: WG: TR: Fwd:FW : Printer", "Printer"),
        ("RE[2]: Re(3): Re^4: Printer", "Printer"),
        ("SV: VS: RV: ENC: RES: Antw: ODP: YNT: R: I: Printer", "Printer"),
        ("回复：转发: Printer", "Printer"),
        ("VS: VL: Vá: Továbbítás: Printer", "Printer"),
        ("İLT: ynt: ΑΠ: ΠΡΘ: תגובה: Printer", "Printer"),
        ("返信: 회신: إعادة توجيه: رد: Trả lời: Printer", "Printer"),
        ("Odg: Prosl: BLS: TRS: ATB: YML: Отв: Printer", "Printer"),
        ("Restart: Printer", "Restart: Printer"),
        ("Reference: 17", "Reference: 17"),
        ("RE: [EXT] RE: Printer", "[EXT] RE: Printer"),
        ("Reply: Printer", "Reply: Printer"),
        ("Regarding: Printer", "Regarding: Printer"),
        ("r: in lower case", "r: in lower case"),
        ("10:30 printer", "10:30 printer"),
        ("  two\r\n lines\tand\x00 \x1b[31mmore ", "two lines and [31mmore"),
        ("\u202egnp.exe", "gnp.exe"),
        ("", NO_SUBJECT),
        ("RE: ", NO_SUBJECT),
        ("\u200b \u200d", NO_SUBJECT),
        ("\ud800x", "\ufffdx"),
    ],
)
def test_the_title_is_the_subject_without_prefixes_and_control_characters(subject: str, title: str) -> None:
    assert render_mail(build_mail(subject=subject)).title == title


def test_a_mail_without_subject_and_body_is_rendered() -> None:
    rendering = render_mail(build_mail(subject="", body=None))
    assert (rendering.title, rendering.text, rendering.new_text, rendering.html) == (NO_SUBJECT, "", "", None)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abcd efg", 6, "abcd…"),
        ("abcde\u0301fg", 6, "abcd…"),
        ("abc👩\u200d💻xyz", 6, "abc…"),
        ("abcd👍🏽xyz", 6, "abcd…"),
        ("abc🇩🇪xyz", 5, "abc…"),
        ("a" + "\u0301" * 300, 6, "a" + "\u0301" * 4 + "…"),
    ],
)
def test_a_long_title_is_cut_at_a_whole_character(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_cut_text_is_not_longer_than_the_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit


@given(st.text(st.characters(categories=None)) | st.text(st.sampled_from("RE: FWiaw\r\n\x00\u2028[1]")))
def test_any_subject_is_rendered_without_control_characters(subject: str) -> None:
    title = render_mail(build_mail(subject=subject), title_limit=20).title
    assert 0 < len(title) <= 20
    assert not {unicodedata.category(character) for character in title} & {"Cc", "Cs", "Zl", "Zp"}


def test_plain_text_has_no_html_and_keeps_its_layout() -> None:
    rendering = render_mail(build_mail("  a\r\n\tb \r\rc\u2028d\x00\x07\ud83d\n\n\n\n\ne"))
    assert rendering.text == "  a\n\tb\n\nc\nd\ufffd\n\n\ne"
    assert rendering.html is None
    assert not rendering.was_cut


@given(st.text(st.characters(categories=None)))
def test_clean_text_has_no_control_characters_but_line_feeds_and_tabs(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert not {c for c in cleaned if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
    assert clean_text(cleaned) == cleaned


def cut_by(reply: InboundMail, earlier: InboundMail) -> str | None:
    """Return the part of a reply that remains if the other mail is stored; None if nothing may be cut."""
    rendering = render_mail(reply)
    if not may_have_history(reply, rendering):
        return None
    known = EarlierMail(
        earlier.sender, earlier.sender_name, read_title(earlier.subject).title, render_mail(earlier).text
    )
    kept = measure_new_text(rendering.text, known)
    return None if kept is None else rendering.text[:kept]


OLD = "<p>The printer on floor 3 <b>burns</b>.</p><ul><li>since when?<li>which one?</ul><p>Jane</p>"
HEADER = (
    "<b>From:</b> Jane &lt;jane@fabrikam.example&gt;<br><b>Sent:</b> M<br><b>To:</b> S<br><b>Subject:</b> RE: Printer"
)
HISTORIES = {
    "Outlook": f'<div id="appendonsend"></div><hr><div id="divRplyFwdMsg">{HEADER}<br></div>{{}}',
    "Outlook for Windows": f'<div style="border-top:solid"><p>{HEADER}</p></div>{{}}',
    "new Outlook": f'<div id="mail-editor-reference-message-container"><div>{HEADER}</div>{{}}</div>',
    "Gmail": '<div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, Jane wrote:<br></div>'
    '<blockquote class="gmail_quote">{}</blockquote></div>',
    "Apple Mail": '<div><br><blockquote type="cite"><div>On 2 Nov, Jane wrote:</div><br>{}</blockquote></div>',
    "Thunderbird": '<div class="moz-cite-prefix">Am 02.11.26 um 10:00 schrieb Jane:<br></div>'
    '<blockquote type="cite" cite="mid:a@b">{}</blockquote>',
    "Lotus Notes": "<p>From: Jane/Fabrikam<br>To: Support<br>Date: 2.11.2026<br>Subject: Printer</p><hr>{}",
}


def answer(history: str, body: str, subject: str = "RE: Printer") -> InboundMail:
    content = f"<html><body><p>It <b>works</b>.</p><p>John</p>{history.format(body)}</body></html>"
    return build_mail(content, kind="html", subject=subject, sender="john@fabrikam.example")


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_history_of_a_reply_is_cut_if_it_is_the_stored_mail(history: str) -> None:
    earlier = build_mail(OLD, kind="html", subject="Printer")
    new_text = cut_by(answer(history, OLD), earlier)
    assert new_text is not None
    assert new_text.startswith("It works.\n\nJohn")
    assert "burns" not in new_text
    assert cut_by(answer(history, OLD.replace("which one?", "which one? THE HP")), earlier) is None
    assert cut_by(answer(history, OLD.replace("</p><ul>", "</p><p>Which printer?</p><ul>")), earlier) is None
    assert cut_by(answer(history, OLD + "<p>Since Friday.</p>"), earlier) is None


@pytest.mark.parametrize(
    "prefix",
    [
        "FW",
        "Fwd",
        "WG",
        "TR",
        "VS",
        "VB",
        "RV",
        "ENC",
        "I",
        "PD",
        "VL",
        "İLT",
        "TRS",
        "ΠΡΘ",
        "转发",
        "転送",
        "전달",
        "הועבר",
    ],
)
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_mail_that_may_be_a_forward_is_never_cut(history: str, prefix: str) -> None:
    earlier = build_mail(OLD, kind="html", subject="Printer")
    assert cut_by(answer(history, OLD, f"{prefix}: RE: Printer"), earlier) is None
    assert cut_by(answer(history, OLD, "SV: Printer"), earlier) is not None


def test_rendering_alone_cuts_nothing() -> None:
    rendering = render_mail(answer(HISTORIES["Outlook"], OLD))
    assert (rendering.new_text, rendering.was_cut) == (rendering.text, False)


def test_html_as_text_shows_links_lists_tables_and_attached_pictures() -> None:
    rendering = render_html(
        "<p>See <a href='https://x.example/a?b=1&amp;c=2'>here</a>, <a href='http://x.example/'>x.example</a></p>"
        "<ul><li>one<li>two</ul><table><tr><td>A<td>B<tr><td>ccc<td>d</table>"
        "<p><img src='cid:a'><img src='cid:b' alt='Logo'><img src='https://t.example/p.gif' alt='spy'></p>"
    )
    assert [line for line in rendering.text.split("\n") if line] == [
        "See here <https://x.example/a?b=1&c=2>, x.example",
        "  * one",
        "  * two",
        "A    B",
        "ccc  d",
        "[image][Logo]",
    ]


def test_a_table_for_layout_is_read_cell_by_cell() -> None:
    wide = "word " * 50
    assert render_html(f"<table><tr><td>{wide}<td>x</table>").text == f"{wide.strip()}\nx"
    nested = "<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td><td>c</td></tr></table>"
    assert render_html(nested).text.split() == ["a", "b", "c"]


def test_hidden_text_is_left_out_unless_all_text_is_hidden() -> None:
    assert render_html("<p style='display: none'>no</p><p hidden>no</p><p>yes</p>").text == "yes"
    assert render_html("<div style='display:none'><p>only this</p></div>").text.strip() == "only this"


@pytest.mark.parametrize(
    "around", ["<p>{}</p>", "{}" + "<i>" * 300, "<b a" + " a" * 3_000 + ">{}", "<p title='{}'>ab</p>"]
)
@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("&#99999999999;", "\ufffd"),
        ("&#99999999999", "\ufffd"),
        ("&#" + "9" * 5_000 + ";", "\ufffd"),
        ("&#" + "9" * 900_000, "\ufffd"),
        ("&#x" + "F" * 5_000 + ";", "\ufffd"),
        ("&#X110000;", "\ufffd"),
        ("&#" + "0" * 5_000 + "65;", "A"),
        ("&#x" + "0" * 5_000 + "41;", "A"),
        ("&#128295;", "🔧"),
    ],
)
def test_references_to_characters_may_have_numbers_of_any_length(around: str, reference: str, shown: str) -> None:
    expected = "ab" if "title" in around else f"a{shown}b"
    if reference[-1] != ";":
        reference += " "
        expected = expected.replace(shown, f"{shown} ")
    text = render_html(around.format(f"a{reference}b" if "title" not in around else reference)).text
    assert text.strip() == expected


def test_a_report_with_a_number_of_any_length_in_its_text_is_screened() -> None:
    text = "&#" + "9" * 5_000 + ";Message-ID: &lt;a@example.com&gt;"
    headers = {"X-Failed-Recipients": "x@example.com"}
    mail = build_mail(text, kind="html", headers=headers, sender="mailer-daemon@example.com")
    assert screen_mail(mail, ()).bounced == ("a@example.com",)


def test_entities_do_not_become_control_characters() -> None:
    assert render_html("<p>a&#0;&#7;b&#x202e;c</p>").text == "a\ufffdbc"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<p onclick='x()' style='color:white' class='c' id='i'>a</p>", "<p>a</p>"),
        ("<script>x</script><style>y</style><title>z</title>a", "a"),
        ("<form action='https://x.example'><input name=a><button>go</button></form>", "go"),
        ("<img src='https://t.example/p.gif' width=1 style='height:1px'>", '<img width="1">'),
        ("<img src='data:image/png;base64,AAAA' alt='a'>", '<img alt="a">'),
        ("<img src='CID:a%40b' onerror=x()>", '<img src="CID:a%40b">'),
        ("<img src=' https://t.example/p' srcset='https://t.example/q 2x'>", "<img>"),
        (
            "<a href='https://x.example' target='_blank'>a</a>",
            '<a href="https://x.example" rel="noopener noreferrer">a</a>',
        ),
        ("<a href='java\tscript:x()'>a</a>", '<a rel="noopener noreferrer">a</a>'),
        (
            "<a href='cid:a'>a</a><a href='/x'>b</a>",
            '<a rel="noopener noreferrer">a</a><a rel="noopener noreferrer">b</a>',
        ),
        ("<iframe src='https://x.example'></iframe><svg onload=x()><script>y</script></svg>", ""),
        ("<table background='https://t.example/p'><tr><td colspan=2 bgcolor=red>a", None),
    ],
)
def test_html_is_safe_to_show(content: str, expected: str | None) -> None:
    safe = render_html(content).html or ""
    assert "t.example" not in safe
    if expected is not None:
        assert safe == expected


class Finder(HTMLParser):
    """Reads what a browser would and finds what must not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "iframe", "form", "input", "svg", "math", "object", "link", "meta", "base"):
            self.found.append(tag)
        for name, value in attrs:
            scheme = re.sub(r"[\x00-\x20]", "", value or "").partition(":")[0].lower()
            if name not in ("href", "src", "alt", "title", "width", "height", "colspan", "rowspan", "start", "rel"):
                self.found.append(name)
            if name in ("href", "src") and scheme not in ("http", "https", "mailto", "tel", "cid"):
                self.found.append(scheme)
            if name == "src" and scheme != "cid":
                self.found.append(scheme)


def find_danger(safe: str) -> list[str]:
    finder = Finder()
    finder.feed(safe)
    finder.close()
    return finder.found


HTML_PIECES = st.sampled_from(
    [
        *(
            "<script>",
            "</script>",
            "<style>",
            "<!--",
            "-->",
            "<svg>",
            "<math>",
            "<noscript>",
            "<mtext><style>",
            "<title>",
        ),
        *(
            "<p title='",
            "'>",
            "<img src=x ",
            "onerror=x() ",
            "<a href=",
            "javascript:x ",
            "&#106;avascript:",
            "<table>",
        ),
        *("<td>", "</p>", "<![CDATA[", "]]>", "<", '"', "'", ">", "`", "&lt;script&gt;", "<img src=cid:a>"),
        *("<img src=https://x/y>", "x"),
    ]
)


@given(st.lists(HTML_PIECES | st.text(st.characters(categories=None), max_size=4), max_size=40).map("".join))
def test_any_html_is_rendered_without_a_script(content: str) -> None:
    rendering = render_html(content)
    assert find_danger(rendering.html or "") == []
    assert not {unicodedata.category(c) for c in rendering.text.replace("\n", "").replace("\t", "")} & {"Cc", "Cs"}
    (rendering.html or "").encode()


def test_content_ids_are_found_without_brackets_and_decoded() -> None:
    rendering = render_html(
        "<img src='cid:image001.png@01D'><img src=CID:b%40x.example><td background=\"cid:&#99;\">"
        "<div style='background:url(cid:d)'>a</div><p>incid:x and cid:y</p><img src='https://x.example/cid:z'>"
    )
    assert rendering.referenced_content_ids == {"image001.png@01D", "b@x.example", "c", "d"}
    assert render_mail(build_mail("<img src='cid:a'>")).referenced_content_ids == frozenset()


HOSTILE = {
    "5 MB": "<p>hello <b>world</b> and more</p>\n" * 150_000,
    "20,000 deep": "<div>" * 20_000 + "word" + "</div>" * 20_000 + "tail",
    "20,000 deep, never closed": "<blockquote>" * 20_000 + "word",
    "formatting without end": "".join(f"<b id={n}>" for n in range(20_000)) + "<p>word" * 5000,
    "a table with one wide cell": f"<table><tr><td>{'word ' * 90_000}</td><td>x" + "<tr><td>a<td>b" * 10_000,
    "tables in tables": "<table><tr><td>" * 5000 + "word",
    "lists in lists": "<ul><li>" * 5000 + "word",
    "lines in a hundred lists": "<ul><li>" * 100 + "<br>word" * 90_000,
    "20,000 attributes": "<p " + " ".join(f"a{n}=1" for n in range(20_000)) + ">word",
    "hidden siblings": "<i hidden>x</i>word" * 20_000,
    "links": "<a href=http://x.example/a>word" * 20_000,
    "a picture inside": f"<p>word<img src='data:image/png;base64,{'A' * 4_000_000}'></p>",
    "margins": "<p style='margin-top:99999999em;padding-left:99999999em'>word</p>",
    "a list from far": "<ol start=999999999999999999999><li>word</ol>",
    "blanks": "word" + " \n" * 450_000,
}


@pytest.mark.slow(reason="reads megabytes")
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_html_is_read_quickly_and_keeps_its_words(content: str) -> None:
    rendering = render_html(content)
    assert "word" in rendering.text or "hello" in rendering.text
    assert len(rendering.text) <= len(content)
    assert "word" in (rendering.html or "") or "hello" in (rendering.html or "")


@pytest.mark.parametrize(
    "piece",
    [
        "<p>word</p>",
        "word<img src=cid:a>",
        "<i>word</i>",
        "word<br>",
        "<table><tr><td>word<td>b</table>",
        "<!---->word<b>",
    ],
)
def test_html_of_very_many_elements_keeps_its_words_and_pictures_without_the_costly_layout(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lay_out(*_: object) -> str:
        raise AssertionError("inscriptis takes seconds for so many")

    monkeypatch.setattr(html_module, "_as_text", lay_out)
    rendering = render_html(piece * (MOST_ELEMENTS + 1))
    assert rendering.text.count("word") == MOST_ELEMENTS + 1
    assert not rendering.is_truncated
    assert rendering.referenced_content_ids == ({"a"} if "cid" in piece else set())


@pytest.mark.slow(reason="reads a million characters")
@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<script>", "<style ", "<p ", "&", "=cid:", "<title>", "'data:a/a;", "\x00"]
)
def test_a_million_characters_of_broken_html_are_read(piece: str) -> None:
    content = piece * (MOST_CHARACTERS // len(piece) - 1)
    for broken in (content, content * 2):
        assert find_danger(render_html(broken).html or "") == []


ENDLESS = {
    "quotation marks": '"',
    "short lines": "a\n",
    "quoted lines": "> a\n",
    "headers": "From: a\n",
    "blanks": " \n",
    "wide characters": "\U0001f600 \n",
}


@pytest.mark.slow(reason="renders texts of megabytes")
@pytest.mark.parametrize("kind", ["text", "html"])
@pytest.mark.parametrize("piece", ENDLESS.values(), ids=ENDLESS)
def test_no_step_of_rendering_sees_more_than_the_bound(piece: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}

    def measure(name: str) -> None:
        real = getattr(rendering_module, name)

        def measured(text: str) -> object:
            seen[name] = max(seen.get(name, 0), len(text))
            return real(text)

        monkeypatch.setattr(rendering_module, name, measured)

    for name in ("read_html", "clean_text", "_tidy"):
        measure(name)
    bound = MOST_TEXT if kind == "text" else MOST_HTML
    mail = build_mail(f"{piece * (bound // len(piece) + 1)}The end.", kind=kind, subject="RE: x")
    rendering = render_mail(mail)
    assert max(seen.values()) == bound
    assert max(len(rendering.text), len(rendering.new_text)) <= MOST_TEXT
    assert len(rendering.html or "") <= 8 * MOST_TEXT
    assert rendering.is_truncated
    assert "The end" not in rendering.text
    assert not may_have_history(mail, rendering)


def test_a_text_of_just_the_bound_is_whole() -> None:
    rendering = render_mail(build_mail("a" * MOST_TEXT + "\n  \n" * 10))
    assert (len(rendering.text), rendering.is_truncated) == (MOST_TEXT, False)


def test_html_beyond_the_limits_is_shown_as_text() -> None:
    rendering = render_html("<style>p{}</style><p>a &lt;b&gt;<br>c</p>" + "<div>" * 1000 + "d <script>x</script>")
    assert rendering.text.split() == ["a", "<b>", "c", "d"]
    assert (rendering.html or "").startswith("<pre>")
    assert "&lt;b&gt;" in (rendering.html or "")


BOUNCES = {
    "multi_address_bounce1.eml",
    "multi_address_bounce2.eml",
    "multipart_report_multiple_status.eml",
    "raw_email_with_mimepart_without_content_type.eml",
    "report_422.eml",
    "report_530.eml",
}


def test_the_collected_mails_of_the_world_are_screened_and_rendered() -> None:
    found = {}
    for path in find_mails():
        mail = read_mail(path)
        found[path.name] = screen_mail(mail, ())
        rendering = render_mail(mail)
        assert 0 < len(rendering.title) <= 200
        assert rendering.new_text in rendering.text
        assert find_danger(rendering.html or "") == []
    assert {name for name, screening in found.items() if screening.is_bounce} == BOUNCES
    assert {name for name, screening in found.items() if not screening.makes_ticket} == BOUNCES
    assert found["multi_address_bounce1.eml"].evidence == (
        "Content-Type: multipart/report, delivery-status", "From: mailer-daemon", "Auto-Submitted: auto-replied",
    )  # fmt: skip
    assert found["bad_date_header.eml"].evidence == ("Precedence: junk",)
    assert found["empty_in_reply_to.eml"].evidence == ("List-Id is set",)
