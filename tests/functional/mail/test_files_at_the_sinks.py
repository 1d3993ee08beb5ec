"""What people attach and write arrives at EasyVista and at a receiver of events, or is named there with the reason."""

import base64
import html
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.field_mails import load_field_mail
from tests.functional.mail.at_the_sinks import make_ticket, send_event
from tests.functional.mail.conftest import MailScenario
from tests.functional.prepared_mails import AUTHOR
from twin.easyvista.records import Ticket
from twin.mail.contents import File, Reference, Synthetic

pytestmark = [
    pytest.mark.usefixtures("rows_in_memory"),
    pytest.mark.slow(reason="many mails, each through the gateway and two sinks"),
]

LEE = ("Lee Gu", AUTHOR)
PHOTO = bytes(range(256)) * 8
SMALL = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
MIB = 1024 * 1024


def photo(name: str, media_type: str = "image/jpeg", **more: Any) -> File:
    return File(name, media_type, PHOTO, inline=True, **more)


# The mails as in the field, and siblings from other programs and in other languages: all files are inline, and
# Exchange says that there are none.
INLINE: Mapping[str, tuple[Mapping[str, Any], list[str]]] = {
    "Apple Mail, two PDFs": (load_field_mail("a1-apple-inline-pdf.eml"), ["invoice-1.pdf", "invoice-2.pdf"]),
    "iPhone, photo in a text": (load_field_mail("a2-iphone-text-photo.eml"), ["IMG_0042.jpg"]),
    "Apple Mail, photo between texts": (
        load_field_mail("a3-apple-html-photo-no-cid.eml"), ["IMG_0043.jpg", "ATT00002.txt"],
    ),
    "small screenshot": (load_field_mail("a4-small-screenshot.eml"), ["image001.png"]),
    "picture of a history that is in no ticket": (load_field_mail("q7-picture-of-history.eml"), ["plan.png"]),
    "iPhone, German, HEIC": (
        {"subject": "Foto", "text": "Siehe Bild.\n\nVon meinem iPhone gesendet", "attachments": [
            photo("IMG_4711.HEIC", "image/heic")]},
        ["IMG_4711.HEIC"],
    ),
    "Samsung, Japanese, video": (
        {"subject": "動画", "text": "画面をご覧ください。", "attachments": [photo("画面 1.mp4", "video/mp4")]},
        ["画面 1.mp4"],
    ),
    "Thunderbird, Polish, sheet": (
        {"subject": "Błąd", "html": "<p>Plik w załączeniu</p>", "attachments": [
            photo("zestawienie_ł.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")]},
        ["zestawienie_ł.xlsx"],
    ),
    "Outlook, Chinese, screenshot": (
        {"subject": "错误", "html": "<p>如下</p><img src='cid:a@b'>", "attachments": [
            File("image002.png", "image/png", SMALL, inline=True, content_id="a@b")]},
        ["image002.png"],
    ),
    "Gmail, Portuguese, picture that no text shows": (
        {"subject": "Tela", "html": "<p>Veja</p>", "attachments": [
            File("tela.gif", "image/gif", SMALL, inline=True, content_id="ii_1")]},
        ["tela.gif"],
    ),
    "K-9, Arabic, card of a person": (
        {"subject": "بطاقة", "text": "مرفق", "attachments": [photo("بطاقة.vcf", "text/vcard")]}, ["بطاقة.vcf"],
    ),
}  # fmt: skip


def take_in(scenario: MailScenario, mail: Mapping[str, Any], **options: Any) -> tuple[Ticket, Any]:
    """Return the ticket and the data of the event that a mail becomes."""
    given = mail if "eml" in mail else {"sender": LEE} | dict(mail)
    scenario.receive(**given)
    scenario.run()
    [prepared] = scenario.sink.received
    return make_ticket(scenario, prepared, **options), send_event(scenario, prepared, inline_kib=4096)


@pytest.mark.parametrize("name", INLINE)
def test_inline_files_are_attached_and_in_the_event(scenario: MailScenario, name: str) -> None:
    mail, names = INLINE[name]
    ticket, event = take_in(scenario, mail)
    assert [document.name for document in ticket.documents] == names
    assert "Not attached" not in ticket.description
    assert [one["name"] for one in event["attachments"]] == names
    stored = [document.data for document in ticket.documents]
    assert [base64.b64decode(one["contentBase64"]) for one in event["attachments"]] == stored


def large(subject: str, text: str, *names: str) -> Mapping[str, Any]:
    huge, medium, small = names
    files = [Synthetic(160_000_000, name=huge), Synthetic(27_000_000, name=medium), File(small, data=b"ok")]
    return {"subject": subject, "text": text, "attachments": files}


LARGE: Mapping[str, Mapping[str, Any]] = {
    "a dump, in the field": load_field_mail("z1-big-attachments.json"),
    "a disk, French": large("Disque", "Ci-joint.", "disque é.vhdx", "moyen.vhdx", "petit.txt"),
    "a film, Korean": large("영상", "첨부합니다.", "영상.mov", "중간.mov", "작은.txt"),
    "a log, with a name of a path": large("Log", "Attached.", "C:\\logs\\<all>.evtx", "b.evtx", "c.txt"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_file_over_the_limit_is_named_in_words_with_the_link_to_the_mail(scenario: MailScenario, name: str) -> None:
    ticket, event = take_in(scenario, LARGE[name])
    huge, medium, small = event["attachments"]
    assert [document.name for document in ticket.documents] == [small["safeName"]]
    lines = [line for line in ticket.description.splitlines() if line.startswith("Not attached: ")]
    for one, size, line in zip((huge, medium), ("152.6", "25.7"), lines, strict=True):
        place = "more than the gateway reads from this mailbox; the mail in support@contoso.com has it"
        assert (one["omitted"], one["reason"]) == ("TooLarge", f"{size} MiB, {place}")
        assert line.endswith(f" ({one['reason']}: {one['link']})")
        assert one["link"].startswith("https://outlook.office365.com/owa/?ItemID=")
    assert base64.b64decode(small["contentBase64"]) == b"ok"


def test_a_file_over_the_limit_of_the_sink_is_named_with_both_ways_to_it(scenario: MailScenario) -> None:
    mail = {"subject": "Log", "text": "Attached.", "attachments": [Synthetic(2 * MIB, name="a.evtx")]}
    ticket, event = take_in(scenario, mail, attachment_mb=1)
    [stored] = scenario.sink.received[0].mail.attachments
    path = f"mailboxes/{scenario.name}/mails/{scenario.sink.received[0].mail.key}/attachments/{stored.number}"
    assert f"(2.0 MiB, more than 1 MiB; to be had at GET {path} of the gateway, or in the mail: " in ticket.description
    assert len(base64.b64decode(event["attachments"][0]["contentBase64"])) == 2 * MIB


LINKS: Mapping[str, tuple[Mapping[str, Any], str, str | None]] = {
    "a recording, in the field": (load_field_mail("z2-cloud-link.json"), "Recording.mp4", None),
    "OneDrive, German, the text has the link": (
        {
            "subject": "Plan", "html": '<p>Hier: <a href="https://contoso-my.example/:w:/g/x?e=4">Plan ö.docx</a></p>',
            "attachments": [Reference("Plan ö.docx", "https://contoso-my.example/plan")],
        },
        "Plan ö.docx", "https://contoso-my.example/:w:/g/x?e=4",
    ),
    "SharePoint, French, the text has the address": (
        {
            "subject": "Budget", "text": "Voici https://contoso.example/Documents/Budget%202026.xlsx .",
            "attachments": [Reference("Budget 2026.xlsx", "https://contoso.example/b")],
        },
        "Budget 2026.xlsx", "https://contoso.example/Documents/Budget%202026.xlsx",
    ),
    "Google Drive, Spanish, no link in the text": (
        {"subject": "Informe", "text": "Adjunto.", "attachments": [Reference("Informe.pdf", "https://drive.example/1")]},
        "Informe.pdf", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINKS)
def test_a_link_to_the_cloud_is_named_in_words_with_the_link_or_the_mail(scenario: MailScenario, name: str) -> None:
    mail, file, link = LINKS[name]
    ticket, event = take_in(scenario, mail)
    [shown] = event["attachments"]
    expected = link or shown["link"]
    assert link or expected.startswith("https://outlook.office365.com/owa/?ItemID=")
    where = "" if link else "; the mail in support@contoso.com has it"
    assert f"Not attached: {file} (a link to a file in the cloud{where}: {expected})" in ticket.description
    assert (shown["omitted"], shown["reason"]) == ("Link", f"a link to a file in the cloud{where}")
    assert shown["link"] == expected


TEXTS: Mapping[str, str] = {
    "XML": '<configuration><add key="a" value="b"/></configuration>\nContact Lee Gu <lee.gu@contoso.com>, a<b>c',
    "a script": "<script>alert(1)</script> steht in unserer Seite &lt;b&gt; &amp;",
    "generics": "Erreur : List<String> n'est pas Map<K, V> && x < y",
    "an error in Chinese": "错误 <未知> 在 <?xml version='1.0'?> 第 1 行 <!-- 注释 -->",
    "arrows": "a <- b -> c <= d => e <3 <<EOF",
}


@pytest.mark.parametrize("name", TEXTS)
def test_tags_in_a_text_are_shown_as_they_were_written(scenario: MailScenario, name: str) -> None:
    ticket, event = take_in(scenario, {"subject": "Config", "text": TEXTS[name]})
    assert TEXTS[name] in event["bodyText"]
    assert TEXTS[name] in html.unescape(ticket.description)
    assert re.search(r"<[A-Za-z/!?]", ticket.description) is None, "no browser sees a tag"


def test_the_file_with_xml_of_the_field_is_shown_as_it_was_written(scenario: MailScenario) -> None:
    ticket, event = take_in(scenario, load_field_mail("q5-xml-in-text.eml"))
    written = '<configuration><add key="a" value="b"/></configuration>'
    assert written in event["bodyText"]
    assert written in html.unescape(ticket.description)
