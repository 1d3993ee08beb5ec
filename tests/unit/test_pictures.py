"""Pictures inside the text of a mail: in the signature, in the history that is cut, or in what the author wrote."""

import base64
import struct
from typing import Any

import pytest

from inbound_mail.content.models import Rendering
from inbound_mail.content.pictures import is_tracking_pixel
from inbound_mail.content.rendering import render_mail
from tests.unit.graph_message import build_mail

SHOT = '<p>I get this: <img src="cid:shot"></p>'
LOGO = '<img src="cid:logo" alt="Contoso">'
OUTLOOK = (
    '<div id="divRplyFwdMsg"><b>From:</b> Desk<br><b>Sent:</b> Monday<br><b>To:</b> Lee<br><b>Subject:</b> Plan</div>'
)


def render(html: str, subject: str = "Printer") -> Rendering:
    return render_mail(build_mail(html, kind="html", subject=subject))


@pytest.mark.parametrize(
    "signature",
    [
        f'<div class="gmail_signature" data-smartmail="gmail_signature"><b>Lee</b> {LOGO}</div>',
        f'<div id="Signature"><p>Lee Gu</p><table><tr><td>{LOGO}</td><td>Contoso</td></tr></table></div>',
        f'<div id="ms-outlook-mobile-signature">Outlook für iOS {LOGO}</div>',
        f'<div class="moz-signature">-- <br>{LOGO}</div>',
        f'<br id="lineBreak"><div id="AppleMailSignature">Envoyé de mon iPhone {LOGO}</div>',
        f'<div class="protonmail_signature_block"><div>{LOGO}</div></div>',
        f"<p>-- </p><p>Lee Gu</p><p>{LOGO}</p>",
        f"<div>--&nbsp;<br>Lee Gu<br>{LOGO}</div>",
    ],
)
def test_a_picture_in_a_signature_is_recognised_and_a_screenshot_above_it_is_not(signature: str) -> None:
    rendering = render(SHOT + signature)
    assert rendering.signature_content_ids == {"logo"}
    assert rendering.referenced_content_ids == {"logo", "shot"}


@pytest.mark.parametrize(
    "html",
    [
        f'{LOGO}<div class="gmail_signature">Lee {LOGO}</div>',  # also shown above it
        f"<p>My signature:</p><p>{LOGO}</p>",
        f"<p>{LOGO}</p><p>-- </p><p>Lee</p>",
        f"<p>--verbose</p><p>{LOGO}</p>",
        "<p>-- </p>" + "<p>a line</p>" * 20 + f"<p>{LOGO}</p>",  # no signature is that long
    ],
)
def test_a_picture_that_is_not_only_in_a_signature_is_none_of_it(html: str) -> None:
    assert render(html).signature_content_ids == frozenset()


@pytest.mark.parametrize(
    "history",
    [
        OUTLOOK + '<p>See the plan: <img src="cid:plan"></p>',
        (
            '<div class="gmail_attr">On Mon, 23 Nov 2026 at 10:00, Desk &lt;desk@x.example&gt; wrote:</div>'
            '<blockquote class="gmail_quote">The plan <img src="cid:plan"></blockquote>'
        ),
        (
            '<div class="moz-cite-prefix">Am 23.11.26 um 10:00 schrieb Desk:</div>'
            '<blockquote type="cite"><p>Der Plan</p><img src="cid:plan"></blockquote>'
        ),
        '<blockquote type="cite">Le plan : <img src="cid:plan"></blockquote>',
    ],
)
def test_a_picture_of_the_history_belongs_to_what_is_cut(history: str) -> None:
    rendering = render(f"<p>Thanks.</p>{SHOT}{history}", "RE: Plan")
    if rendering.was_cut:
        assert rendering.history_content_ids == {"plan"}
    else:
        assert rendering.history_content_ids == frozenset()
    assert "shot" not in rendering.history_content_ids


def test_the_outlook_history_is_cut_with_its_picture() -> None:
    rendering = render(f'<p>Thanks.</p>{SHOT}{OUTLOOK}<p><img src="cid:plan"> <img src="cid:shot"></p>', "RE: Plan")
    if rendering.was_cut:
        assert rendering.history_content_ids == {"plan"}
    assert "\ufdd3" not in rendering.text + rendering.new_text + (rendering.html or "")


def test_a_mail_that_is_not_cut_has_no_pictures_of_history() -> None:
    assert render(f'<p>Hello</p>{OUTLOOK}<p><img src="cid:plan"></p>', "Plan").history_content_ids == frozenset()


def test_many_pictures_are_distinguished() -> None:
    shown = "".join(f'<p><img src="cid:p{number}"></p>' for number in range(120))
    rendering = render(f"{shown}<p>-- </p><p>{LOGO}</p>")
    assert rendering.signature_content_ids == {"logo"}
    assert len(rendering.referenced_content_ids) == 121


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x06\0\0\0"


def jpeg(width: int, height: int) -> bytes:
    return (
        b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + b"\0" * 9
        + b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + b"\0" * 10
    )  # fmt: skip


GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GIF, True),
        (png(1, 1), True),
        (jpeg(1, 1), True),
        (b"BM" + b"\0" * 16 + struct.pack("<ii", 1, -1), True),
        (png(1, 2), False),
        (png(2, 1), False),
        (jpeg(640, 1), False),
        (b"GIF89a\x02\0\x01\0", False),
        (png(1, 1) + b"\0" * 20_000, False),
        (b"\x89PNG\r\n\x1a\n", False),
        (b"\xff\xd8\xff\xe0", False),
        (b"\xff\xd8" + b"\xff\xe0\0\0" * 50, False),
        (b"", False),
        (b"%PDF-1.4", False),
    ],
)
def test_a_tracking_pixel_is_a_picture_of_one_by_one(data: Any, expected: Any) -> None:
    assert is_tracking_pixel(data) is expected
