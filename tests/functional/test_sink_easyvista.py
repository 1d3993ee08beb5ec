"""Mails become tickets in a simulated EasyVista, with every fault and peculiarity that is known of the real one."""

import hashlib
import html
import json
import re
import threading
import time
import tracemalloc
from typing import Any

import pytest

from inbound_mail.content.models import Attachment, AttachmentKind
from inbound_mail.content.rules import MatchedRule
from inbound_mail.sinks import KINDS, check_sink
from inbound_mail.sinks._upload import Upload
from inbound_mail.sinks.easyvista.client import Client
from inbound_mail.sinks.easyvista.http import _find_gate
from shared import context
from shared.errors import (
    ConfigurationError,
    OutcomeUnknown,
    Refused,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
)
from shared.settings.mail_settings import SinkSettings
from tests.field_mails import load_field_mail
from tests.functional.easyvista_sink import OTHER_REFERENCE, EasyVista, easyvista, running
from tests.functional.prepared_mails import (
    AUTHOR,
    STRANGER,
    MemoryProgress,
    SeenBefore,
    address,
    make_file,
    make_prepared_mail,
)
from twin import Answer, Delay, Drop, Garble
from twin.easyvista.errors import PROXY_PAGE
from twin.easyvista.instance import Profile
from twin.seeds import service_desks

__all__ = ["easyvista", "running"]


# -- what a ticket is made of


def test_a_mail_becomes_a_ticket_with_its_author_as_requestor_and_recipient(easyvista: EasyVista) -> None:
    ticket = easyvista.ticket(easyvista.deliver())
    assert (ticket.title, ticket.entry.code) == ("Printer on fire", service_desks.PLAIN_CODE)
    assert ticket.requestor
    assert ticket.recipient
    assert (ticket.requestor.e_mail, ticket.recipient.e_mail) == (AUTHOR, AUTHOR)
    assert ticket.reference == make_prepared_mail().reference
    assert easyvista.instance.origins[int(ticket.fields["REQUEST_ORIGIN_ID"])] == "Email"


def test_the_description_begins_with_who_wrote_to_whom_and_ends_with_the_reference(easyvista: EasyVista) -> None:
    ticket = easyvista.ticket(easyvista.deliver(make_file(1, "log.txt", b"x" * 2048)))
    assert ticket.description.splitlines() == [
        "From: Lee Gu (lee.gu@contoso.com)",
        "To: support@contoso.com",
        "Cc: megan.bowen@contoso.com",
        "Date: 2026-11-23 09:30 UTC",
        "Message-ID: CAF1234@mail.example.com",
        "Attachments: log.txt (2 KiB)",
        "",
        make_prepared_mail().rendering.text,
        "",
        f"Reference: {make_prepared_mail().reference}",
    ]


def test_configured_fields_are_sent_and_high_importance_has_its_own_urgency(easyvista: EasyVista) -> None:
    options: dict[str, Any] = {
        "urgency_id": 3, "high_importance_urgency_id": 1, "impact_id": 2, "severity_id": 4, "department_id": 12,
        "location_code": "PAR", "origin": "Phone", "fields": {"E_MESSAGE_ID": "{message_id} to {mailbox}"},
    }  # fmt: skip
    usual = easyvista.ticket(easyvista.deliver(**options))
    urgent = easyvista.ticket(easyvista.deliver(**options, importance="high", reference=OTHER_REFERENCE))
    assert usual.fields == {
        "REQUEST_ORIGIN_ID": "1", "URGENCY_ID": "3", "IMPACT_ID": "2", "SEVERITY_ID": "4", "DEPARTMENT_ID": "12",
        "LOCATION_CODE": "PAR", "E_MESSAGE_ID": "CAF1234@mail.example.com to support",
    }  # fmt: skip
    assert urgent.fields["URGENCY_ID"] == "1"


@pytest.mark.parametrize("entry", [service_desks.HARDWARE_CODE, service_desks.HARDWARE_GUID])
def test_a_rule_replaces_options_of_the_sink_for_its_mails(easyvista: EasyVista, entry: str) -> None:
    options: dict[str, Any] = {
        "urgency_id": 3, "high_importance_urgency_id": 1, "department_id": 12,
        "fields": {"E_MESSAGE_ID": "{message_id}"},
    }  # fmt: skip
    rule = MatchedRule("vpn", None, entry, 2, {"e_message_id": "{subject} of {mailbox}"})
    ruled = easyvista.ticket(easyvista.deliver(**options, rule=rule, importance="high"))
    usual = easyvista.ticket(easyvista.deliver(**options, reference=OTHER_REFERENCE))
    assert (ruled.entry.code, usual.entry.code) == (service_desks.HARDWARE_CODE, service_desks.PLAIN_CODE)
    assert (ruled.fields["URGENCY_ID"], usual.fields["URGENCY_ID"]) == ("2", "3")
    assert ruled.fields["E_MESSAGE_ID"] == "Printer on fire of support"
    assert usual.fields["E_MESSAGE_ID"] == "CAF1234@mail.example.com"


def test_a_rule_that_names_the_entry_by_code_replaces_a_guid(easyvista: EasyVista) -> None:
    options: dict[str, Any] = {"catalog_code": None, "catalog_guid": service_desks.PLAIN_GUID, "department_id": 12}
    rule = MatchedRule("hardware", catalog_entry=service_desks.HARDWARE_CODE)
    assert easyvista.ticket(easyvista.deliver(**options, rule=rule)).entry.code == service_desks.HARDWARE_CODE


def test_braces_in_a_mail_are_not_read_as_placeholders(easyvista: EasyVista) -> None:
    ticket = easyvista.ticket(easyvista.deliver(fields={"e_message_id": "{subject}"}, subject="{sender} <script>"))
    assert ticket.fields["E_MESSAGE_ID"] == "{sender} <\u2060script>"


def test_a_long_title_is_cut_and_an_empty_one_named(easyvista: EasyVista) -> None:
    long = easyvista.ticket(easyvista.deliver(rendering={"title": "x" * 500}, title_length=100))
    none = easyvista.ticket(easyvista.deliver(rendering={"title": ""}, reference=OTHER_REFERENCE))
    assert (long.title, none.title) == ("x" * 99 + "…", "(no subject)")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a < b, 1<2 & R&D, AT&T; x&y=1", "a < b, 1<2 & R&D, AT&T; x&y=1"),
        ("<script>alert(1)</script> <img src=x>", "&lt;script>alert(1)&lt;/script> &lt;img src=x>"),
        ("<configuration><add key='a'/>", "&lt;configuration>&lt;add key='a'/>"),
        ("<!-- <?xml version='1.0'?> <a@b.c>", "&lt;!-- &lt;?xml version='1.0'?> &lt;a@b.c>"),
        ("&lt;b&gt; &#60;b> &copy=2 &#x3c;i>", "&amp;lt;b&amp;gt; &amp;#60;b> &amp;copy=2 &amp;#x3c;i>"),
        ("List<String> liste = <größe>;", "List&lt;String> liste = &lt;größe>;"),
        ("<日本語> <été> </fin>", "<日本語> <été> &lt;/fin>"),
    ],
)
def test_a_page_shows_plain_text_as_it_was_written(easyvista: EasyVista, text: str, stored: str) -> None:
    ticket = easyvista.ticket(easyvista.deliver(rendering={"text": text}, subject=text))
    assert stored in ticket.description.splitlines()
    assert html.unescape(stored) == text
    assert not re.search(r"<[A-Za-z/!?]", ticket.description)


def test_the_configuration_of_a_mail_from_the_field_stays_readable(easyvista: EasyVista) -> None:
    body = load_field_mail("q5-xml-in-text.eml")["eml"].decode().partition("\n\n")[2].replace("\r", "").strip()
    ticket = easyvista.ticket(easyvista.deliver(rendering={"text": body}))
    assert body in html.unescape(ticket.description)


def test_titles_contain_no_tag_and_no_added_blank(easyvista: EasyVista) -> None:
    ticket = easyvista.ticket(easyvista.deliver(rendering={"title": "<b>bold &amp; <i"}, importance="high"))
    assert ticket.title.replace("\u2060", "") == "<b>bold &amp; <i"
    assert not re.search(r"<[A-Za-z/!?]", ticket.title)


def test_html_is_sanitised_and_the_lines_around_it_are_escaped(easyvista: EasyVista) -> None:
    sender = address(AUTHOR, "<i>Lee</i> & Co")
    rendering = {"html": "<p>It <b>burns</b></p>"}
    ticket = easyvista.ticket(easyvista.deliver(body="html", rendering=rendering, sender=sender))
    assert "<div><p>It <b>burns</b></p></div>" in ticket.description
    assert "From: &lt;i&gt;Lee&lt;/i&gt; &amp; Co (lee.gu@contoso.com)<br>" in ticket.description
    plain = easyvista.ticket(easyvista.deliver(body="html", rendering={"text": "a <b>\nc"}, reference=OTHER_REFERENCE))
    assert "<div>a &lt;b&gt;<br>c</div>" in plain.description


def test_the_description_is_written_again_if_an_instance_loses_it(easyvista: EasyVista) -> None:
    easyvista.sim.easyvista.switches.create_loses_description = True
    ticket = easyvista.ticket(easyvista.deliver(body_write="create_then_put"))
    assert make_prepared_mail().rendering.text in ticket.comment
    assert easyvista.asked("PUT", ticket.rfc) == 1


def test_a_reference_never_exceeds_the_column(easyvista: EasyVista) -> None:
    assert len(easyvista.ticket(easyvista.deliver()).reference) == 45


# -- files


def test_files_arrive_complete_in_both_forms(easyvista: EasyVista) -> None:
    contents = [b"", b"a", b"ab", b"abc", bytes(range(256)) * 4000]
    for form, reference in (("json", make_prepared_mail().reference), ("form", OTHER_REFERENCE)):
        files = [make_file(number, f"{number}.bin", data) for number, data in enumerate(contents, 1)]
        ticket = easyvista.ticket(easyvista.deliver(*files, document_form=form, reference=reference))
        assert [one.data for one in ticket.documents] == contents
    assert easyvista.asked("POST", "/documents") == 10


def test_names_are_made_safe_and_differ(easyvista: EasyVista) -> None:
    names = ["a.txt", "A.TXT", "../../etc/passwd", "a\x00b\u202egpj.exe", "con:?.txt", "...", "2-a.txt", "a.txt"]
    files = [make_file(number, name, b"x") for number, name in enumerate(names, 1)]
    long = make_file(9, "x" * 300 + ".pdf", b"x")
    mail = make_file(10, "Re: old mail", b"MIME", kind=AttachmentKind.ITEM)
    ticket = easyvista.ticket(easyvista.deliver(*files, long, mail))
    assert ticket.file_names == [
        "a.txt", "2-A.TXT", "_.._etc_passwd", "a b gpj.exe", "con__.txt", "attachment-6", "2-2-a.txt", "3-a.txt",
        "x" * 116 + ".pdf", "Re_ old mail.eml",
    ]  # fmt: skip


def test_files_that_are_not_sent_are_named_in_the_text(easyvista: EasyVista) -> None:
    link = Attachment(1, "Plan.docx", "", 0, AttachmentKind.REFERENCE)
    unread = Attachment(2, "film.mp4", "video/mp4", 90_000_000, AttachmentKind.FILE, omitted="more than 25 MiB")
    large = make_file(3, "large.bin", b"x", size=2 * 1024 * 1024)
    huge = Attachment(4, "dump.zip", "", 160_000_000, AttachmentKind.FILE, omitted="TooLarge")
    broken = Attachment(5, "b.msg", "", 7, AttachmentKind.ITEM, omitted="Unreadable")
    known = Attachment(6, "R.mp4", "", 0, AttachmentKind.REFERENCE, omitted="Link", url="https://contoso.example/R.mp4")
    files = [(link, b""), (unread, b""), large, (huge, b""), (broken, b""), (known, b"")]
    easyvista.base_url = "https://gateway.example/api"
    ticket = easyvista.ticket(easyvista.deliver(*files, attachment_mb=1))
    path = "mailboxes/support/mails/0a1b2c3d/attachments/3"
    assert [line for line in ticket.description.splitlines() if line.startswith("Not")] == [
        "Not attached: Plan.docx (a link to a file in the cloud; the mail in support@contoso.com has it)",
        "Not attached: film.mp4 (more than 25 MiB)",
        f"Not attached: large.bin (2.0 MiB, more than 1 MiB; to be had at https://gateway.example/api/{path})",
        (
            "Not attached: dump.zip (152.6 MiB, more than the gateway reads from this mailbox; "
            "the mail in support@contoso.com has it)"
        ),
        "Not attached: b.msg (Exchange did not hand over its bytes; the mail in support@contoso.com has it)",
        "Not attached: R.mp4 (a link to a file in the cloud: https://contoso.example/R.mp4)",
    ]
    assert ticket.documents == []
    easyvista.base_url = ""
    ticket = easyvista.ticket(easyvista.deliver(large, attachment_mb=1, reference=OTHER_REFERENCE))
    assert f"more than 1 MiB; to be had at GET {path} of the gateway)" in ticket.description


def test_files_over_a_limit_are_named_with_the_link_to_the_mail(easyvista: EasyVista) -> None:
    huge = Attachment(1, "dump.zip", "", 160_000_000, AttachmentKind.FILE, omitted="TooLarge")
    large = make_file(2, "large.bin", b"x", size=2 * 1024 * 1024)
    link = "https://outlook.office365.com/owa/?ItemID=AAMk%3D&exvsurl=1&viewmodel=ReadMessageItem"
    easyvista.base_url = "https://gateway.example/api"
    ticket = easyvista.ticket(easyvista.deliver((huge, b""), large, attachment_mb=1, webLink=link))
    assert [line for line in ticket.description.splitlines() if line.startswith("Not")] == [
        (
            "Not attached: dump.zip (152.6 MiB, more than the gateway reads from this mailbox; "
            f"the mail in support@contoso.com has it: {link})"
        ),
        (
            "Not attached: large.bin (2.0 MiB, more than 1 MiB; to be had at "
            f"https://gateway.example/api/mailboxes/support/mails/0a1b2c3d/attachments/2, or in the mail: {link})"
        ),
    ]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://x.example/<b>", "https://x.example/a b", 7, None])
def test_what_is_no_web_address_is_no_link_to_the_mail(easyvista: EasyVista, link: object) -> None:
    huge = Attachment(1, "dump.zip", "", 160_000_000, AttachmentKind.FILE, omitted="TooLarge")
    ticket = easyvista.ticket(easyvista.deliver((huge, b""), webLink=link))
    assert "the mail in support@contoso.com has it)" in ticket.description


def test_no_file_has_the_name_of_a_device_of_windows(easyvista: EasyVista) -> None:
    files = [make_file(number, name, b"x") for number, name in enumerate(("CON", "nul.txt", "com1.log"), start=1)]
    ticket = easyvista.ticket(easyvista.deliver(*files))
    assert [document.name for document in ticket.documents] == ["_CON", "_nul.txt", "_com1.log"]


@pytest.mark.parametrize(
    "text",
    [
        "See Aufnahme 1.mp4 <https://contoso-my.example/:v:/g/personal/lee/EaBc?e=4> please.",
        "It is here: https://contoso-my.example/Documents/Aufnahme%201.mp4, I hope.".replace(",", " ,"),
    ],
)
def test_a_link_that_graph_hides_is_found_in_the_text(easyvista: EasyVista, text: str) -> None:
    link = Attachment(1, "Aufnahme 1.mp4", "", 0, AttachmentKind.REFERENCE, omitted="Link")
    ticket = easyvista.ticket(easyvista.deliver((link, b""), rendering={"text": text}))
    assert "Not attached: Aufnahme 1.mp4 (a link to a file in the cloud: https://contoso-my" in ticket.description


def picture(number: int, name: str, data: bytes | None = None, **more: Any) -> tuple[Attachment, bytes]:
    values = {"is_inline": True, "content_id": name, "content_type": "image/png"} | more
    return make_file(number, f"{name}.png", name.encode() if data is None else data, **values)


def shows(*names: str, **more: Any) -> dict[str, Any]:
    return {"html": "<img>", "referenced_content_ids": frozenset(names)} | more


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def test_no_picture_is_left_out_for_its_size_or_because_the_text_does_not_show_it(easyvista: EasyVista) -> None:
    files = [picture(1, "tiny"), picture(2, "lost"), picture(3, "photo", content_id=None)]
    ticket = easyvista.ticket(easyvista.deliver(*files, rendering=shows("tiny")))
    assert ticket.file_names == ["tiny.png", "lost.png", "photo.png"]
    plain = easyvista.ticket(easyvista.deliver(*files, reference=OTHER_REFERENCE))
    assert plain.file_names == ["tiny.png", "lost.png", "photo.png"]


def test_decoration_is_left_out_by_evidence_and_counted_in_one_sentence(easyvista: EasyVista) -> None:
    files = [
        picture(1, "logo"), picture(2, "shot"), picture(3, "sign"), picture(4, "pixel", is_pixel=True),
        picture(5, "again", b"shot"), picture(6, "pasted", b"x" * 300_000),
        picture(7, "table", content_type="text/csv"), picture(8, "photo", b"logo", content_id=None),
    ]  # fmt: skip
    names = ("logo", "shot", "sign", "pixel", "again", "pasted")
    rendering = shows(*names, signature_content_ids=frozenset({"sign", "pasted"}))
    seen = SeenBefore(frozenset({digest("logo"), digest("table")}))
    ticket = easyvista.ticket(easyvista.deliver(*files, rendering=rendering, seen=seen))
    assert ticket.file_names == ["shot.png", "pasted.png", "table.png"]
    assert [line for line in ticket.description.splitlines() if line.startswith("Not")] == [
        (
            "Not attached: 5 pictures left out as decoration: 1 known from earlier mails of this author, "
            "1 in the signature, 1 of one pixel, 2 in this mail twice."
        )
    ]


def test_equal_bytes_are_attached_to_one_ticket_once(easyvista: EasyVista) -> None:
    files = [
        make_file(1, "log.txt", b"log"),
        make_file(2, "new.txt", b"new"),
        picture(3, "shot"),
        make_file(4, "e", b""),
    ]
    seen = SeenBefore(by_ticket={service_desks.OPEN_TICKET: frozenset({digest("log"), digest("shot"), digest("")})})
    reply: dict[str, Any] = {
        "subject": f"Re: {service_desks.OPEN_TICKET}",
        "sender": address(service_desks.OPEN_TICKET_REQUESTOR),
    }
    receipt = easyvista.deliver(*files, seen=seen, rendering=shows("shot"), **reply)
    assert receipt.is_reply
    assert receipt.files == (digest("new"), digest(""))
    ticket = easyvista.ticket(receipt)
    assert ticket.file_names[-2:] == ["new.txt", "e"]
    text = ticket.tasks[-1].description
    assert "Not attached: log.txt (already attached to this ticket)" in text
    assert "Not attached: 1 picture left out as decoration: 1 already attached to this ticket." in text
    fresh = easyvista.ticket(easyvista.deliver(*files, seen=seen, rendering=shows("shot"), reference=OTHER_REFERENCE))
    assert fresh.file_names == ["log.txt", "new.txt", "shot.png", "e"]


def test_pictures_of_the_history_are_left_out_only_where_the_history_is_cut(easyvista: EasyVista) -> None:
    rendering = shows("old", "new", history_content_ids=frozenset({"old"}), was_cut=True)
    reply: dict[str, Any] = {
        "subject": f"Re: {service_desks.OPEN_TICKET}",
        "sender": address(service_desks.OPEN_TICKET_REQUESTOR),
    }
    files = (picture(1, "old"), picture(2, "new"))
    receipt = easyvista.deliver(*files, rendering=rendering, history_in=service_desks.OPEN_TICKET, **reply)
    assert receipt.files == (digest("new"),)
    whole = easyvista.deliver(picture(1, "old"), picture(2, "new"), rendering=rendering, reference=OTHER_REFERENCE)
    assert easyvista.ticket(whole).file_names == ["old.png", "new.png"]


def test_what_is_left_out_is_decided_at_the_first_attempt(easyvista: EasyVista) -> None:
    easyvista.sim.faults.add(Drop(), method="POST", path="/requests$", when="after")
    progress, file = MemoryProgress(), picture(1, "logo")
    with pytest.raises(OutcomeUnknown):
        easyvista.deliver(file, progress=progress, rendering=shows("logo"))
    seen = SeenBefore(frozenset({digest("logo")}))  # another mail of the author was faster
    receipt = easyvista.deliver(file, progress=progress.next_attempt(), rendering=shows("logo"), seen=seen)
    assert easyvista.ticket(receipt).file_names == ["logo.png"]
    assert "Attachments: logo.png" in easyvista.ticket(receipt).description


def test_a_large_file_needs_little_memory() -> None:
    size = 20 * 1024 * 1024
    piece = bytes(range(256)) * 4096
    attachment, _ = make_file(1, "large.bin", b"", size=size, sha256=hashlib.sha256(piece * 20).hexdigest())
    upload = Upload(b"[", attachment, lambda _: iter([piece] * 20), b"]")
    tracemalloc.start()
    sent = 0
    while block := upload.read(16_384):
        sent += len(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent == len(upload)
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("change", [{"size": 11}, {"size": 9}, {"sha256": "0" * 64}])
def test_changed_bytes_of_a_file_are_never_sent_completely(easyvista: EasyVista, change: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        easyvista.deliver(make_file(1, "log.txt", b"0123456789", **change))
    assert caught.value.code == "AttachmentDamaged"
    assert easyvista.made[0].documents == []


def test_files_that_are_refused_do_not_stop_the_others(easyvista: EasyVista) -> None:
    easyvista.sim.easyvista.switches.document_limit = 100
    files = [make_file(1, "big.bin", b"x" * 101), make_file(2, "small.bin", b"x")]
    progress = MemoryProgress()
    with pytest.raises(Rejected) as caught:
        easyvista.deliver(*files, progress=progress)
    assert caught.value.code == "AttachmentRefused"
    assert "1 of 2" in caught.value.message
    easyvista.sim.easyvista.switches.document_limit = None
    assert easyvista.ticket(easyvista.deliver(*files, progress=progress)).file_names == ["small.bin", "big.bin"]


# -- once, whatever happens


def test_an_existing_ticket_with_the_reference_is_adopted(easyvista: EasyVista) -> None:
    first = easyvista.deliver(make_file(1, "log.txt", b"x"))
    again = easyvista.deliver(make_file(1, "log.txt", b"x"))
    assert again == first
    assert easyvista.ticket(first).file_names == ["log.txt"]
    assert len(easyvista.made) == 1


def test_after_a_lost_answer_the_ticket_is_searched_before_anything_is_written(easyvista: EasyVista) -> None:
    easyvista.sim.faults.add(Drop(), method="POST", path="/requests$", when="after")
    progress = MemoryProgress()
    with pytest.raises(OutcomeUnknown):
        easyvista.deliver(progress=progress)
    receipt = easyvista.deliver(progress=progress.next_attempt())
    assert [one.rfc for one in easyvista.made] == [receipt.ticket]
    assert easyvista.asked("POST", "/requests") == 1


def test_of_two_tickets_the_older_is_adopted_with_a_note(easyvista: EasyVista) -> None:
    entry, reference = easyvista.instance.entry(service_desks.PLAIN_CODE), make_prepared_mail().reference
    for rfc in ("I261120_00100", "I261120_00099"):
        easyvista.instance.open_ticket(entry, rfc=rfc, reference=reference)
    receipt = easyvista.deliver()
    assert receipt.ticket == "I261120_00099"
    assert receipt.notes == ("Several tickets have the reference of this mail: I261120_00099, I261120_00100.",)


def test_an_ignored_filter_leads_to_no_adoption_and_no_ticket(
    easyvista: EasyVista, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Client._list

    def spoilt(self: Any, path: str, column: str, value: str, fields: str, **more: Any) -> Any:
        return real(self, path, f"NO_{column}", value, fields, **more)

    monkeypatch.setattr(Client, "_list", spoilt)
    with pytest.raises(ConfigurationError) as caught:
        easyvista.deliver()
    assert caught.value.code == "TicketFilterIgnored"
    assert easyvista.made == []
    with pytest.raises(ConfigurationError):
        easyvista.sink().probe()


def test_a_search_that_answers_with_an_error_writes_nothing(easyvista: EasyVista) -> None:
    for fault, kind in ((Answer(502, body=PROXY_PAGE), OutcomeUnknown), (Garble(), OutcomeUnknown)):
        easyvista.sim.faults.add(fault, method="GET", path="/requests$", times=None)
        with pytest.raises(kind):
            easyvista.deliver()
        easyvista.sim.faults.clear()
    assert easyvista.made == []
    assert easyvista.asked("POST", "/requests") == 0


def test_reads_are_repeated_and_writes_are_not(easyvista: EasyVista) -> None:
    easyvista.sim.faults.add(Answer(502, body=PROXY_PAGE), method="GET", path="/requests$")
    easyvista.sim.faults.add(Answer(502, body=PROXY_PAGE), method="POST", path="/requests$")
    with pytest.raises(OutcomeUnknown):
        easyvista.deliver()
    assert (easyvista.asked("GET", "/requests"), easyvista.asked("POST", "/requests")) == (2, 1)


def test_an_answer_without_a_number_leads_to_a_search(easyvista: EasyVista) -> None:
    easyvista.sim.faults.add(Answer(201, body={"HREF": ""}), method="POST", path="/requests$", when="after")
    assert easyvista.deliver().ticket == easyvista.made[0].rfc
    easyvista.sim.faults.add(Answer(200, body={}), method="POST", path="/requests$")
    with pytest.raises(OutcomeUnknown) as caught:
        easyvista.deliver(reference=OTHER_REFERENCE)
    assert caught.value.code == "UpstreamBadAnswer"


@pytest.mark.parametrize(("status", "shape"), [(200, "plain"), (201, "nested"), (200, "code")])
def test_both_forms_of_answers_are_understood(easyvista: EasyVista, status: int, shape: Any) -> None:
    switches = easyvista.sim.easyvista.switches
    switches.write_status, switches.error_shape, switches.counts = status, shape, "number"
    assert easyvista.deliver(make_file(1, "a", b"x")).ticket
    switches.incomplete_create_stores = False
    with pytest.raises(Rejected) as caught:
        easyvista.deliver(catalog_code=service_desks.HARDWARE_CODE, reference=OTHER_REFERENCE)
    assert "2013" in str(caught.value.detail)
    assert "SQL Parser" in str(caught.value.detail)


# -- the error table


def test_a_ticket_created_despite_a_refusal_is_adopted_with_a_note(easyvista: EasyVista) -> None:
    receipt = easyvista.deliver(make_file(1, "log.txt", b"x"), catalog_code=service_desks.HARDWARE_CODE)
    ticket = easyvista.ticket(receipt)
    assert not ticket.is_complete
    assert ticket.file_names == ["log.txt"]
    assert any("created_incomplete" in note for note in receipt.notes)
    assert len(easyvista.made) == 1


def test_a_refusal_that_wrote_nothing_is_final(easyvista: EasyVista) -> None:
    easyvista.sim.easyvista.switches.incomplete_create_stores = False
    with pytest.raises(Rejected) as caught:
        easyvista.deliver(catalog_code=service_desks.HARDWARE_CODE)
    assert caught.value.code == "TicketRefused"
    assert easyvista.asked("POST", "/requests") == 1


def test_the_time_limit_of_easyvista_is_not_a_refusal(easyvista: EasyVista) -> None:
    body = {"error_code": 12, "error": "The query timed out"}
    easyvista.sim.faults.add(Answer(590, body=body), method="POST", path="/requests$")
    with pytest.raises(TimedOut):
        easyvista.deliver()


@pytest.mark.parametrize(
    ("status", "code"), [(401, "TicketLoginRefused"), (403, "TicketRightMissing"), (302, "RedirectRefused")]
)
def test_wrong_settings_keep_every_mail_waiting(easyvista: EasyVista, status: int, code: str) -> None:
    easyvista.sim.faults.add(Answer(status, {"location": "https://evil.example/"}), api="easyvista", times=None)
    with pytest.raises(ConfigurationError) as caught:
        easyvista.deliver()
    assert caught.value.code == code
    with pytest.raises(ConfigurationError):
        easyvista.sink().probe()
    assert {seen.host for seen in easyvista.sim.exchanges.all()} == {service_desks.HOST}


def test_a_wrong_account_or_address_is_a_configuration_error(easyvista: EasyVista) -> None:
    with pytest.raises(ConfigurationError):
        easyvista.deliver(account="50009")
    easyvista.sim.faults.add(Answer(404), method="GET", path="/requests$", times=None)
    with pytest.raises(ConfigurationError):
        easyvista.sink().probe()


def test_after_a_missing_right_for_documents_there_is_no_second_ticket(easyvista: EasyVista) -> None:
    easyvista.instance.change_user(service_desks.LOGIN, profile=Profile(denied=frozenset({"documents"})))
    progress, file = MemoryProgress(), make_file(1, "log.txt", b"x")
    with pytest.raises(ConfigurationError):
        easyvista.deliver(file, progress=progress)
    easyvista.instance.change_user(service_desks.LOGIN, profile=Profile())
    assert easyvista.ticket(easyvista.deliver(file, progress=progress)).file_names == ["log.txt"]
    assert len(easyvista.made) == 1


def test_throttling_comes_with_the_time_to_wait(easyvista: EasyVista) -> None:
    easyvista.sim.faults.add(Answer(429, {"retry-after": "77"}), method="POST", path="/requests$")
    with pytest.raises(Throttled) as caught:
        easyvista.deliver()
    assert caught.value.retry_after == 77


def test_a_renewed_token_is_read_and_the_call_repeated(easyvista: EasyVista, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.key_vault._READ_AGAIN_SECONDS", -1)
    sink = easyvista.sink()
    sink.probe()
    easyvista.instance.change_user(service_desks.LOGIN, token="renewed-token")
    easyvista.vault.secrets["token"] = "renewed-token"
    assert sink.deliver(make_prepared_mail(make_file(1, "a", b"xyz")), MemoryProgress()).ticket == easyvista.made[0].rfc
    assert len(easyvista.vault.reads) == 2


def test_a_login_instead_of_a_token_works(easyvista: EasyVista) -> None:
    sink = easyvista.sink(token=None, login="login")
    sink.probe()
    assert [one.name for one in sink.secrets()] == ["login"]


@pytest.mark.parametrize(("option", "value"), [("token", "two words"), ("token", "ümlaut"), ("login", "no-colon")])
def test_a_malformed_secret_is_never_sent_or_shown(easyvista: EasyVista, option: str, value: str) -> None:
    easyvista.vault.secrets[option] = value
    with pytest.raises(ConfigurationError) as caught:
        easyvista.sink(**({"token": None} | {option: option})).probe()
    assert value not in str(caught.value)
    assert easyvista.sim.exchanges.count("easyvista") == 0


def test_error_texts_are_logged_shortened_and_without_quotations(easyvista: EasyVista) -> None:
    error = f"Value 'My secret story' of column 'TITLE' by {AUTHOR} is wrong " + "x" * 500
    easyvista.sim.faults.add(Answer(590, body={"message": json.dumps({"code": 7, "error": error})}), method="POST")
    with pytest.raises(Rejected) as caught:
        easyvista.deliver()
    detail = str(caught.value.detail)
    assert detail.startswith("HTTP 590 7 Value (cut) of column 'TITLE' by (cut) is wrong")
    assert len(detail) < 230
    assert "x" not in caught.value.message


def test_at_most_two_calls_at_a_time_reach_an_instance(easyvista: EasyVista) -> None:
    easyvista.sim.faults.add(Delay(0.15), api="easyvista", times=None)
    sinks = [easyvista.sink(), easyvista.sink(catalog_code=service_desks.HARDWARE_CODE)]
    threads = [threading.Thread(target=sinks[number % 2].probe) for number in range(6)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun >= 0.45
    assert max(seen.in_flight for seen in easyvista.sim.exchanges.all()) == 2


def test_waiting_for_a_busy_instance_ends_with_the_time_of_the_call(easyvista: EasyVista) -> None:
    gate = _find_gate(service_desks.ROOT)
    with gate, gate, context.call("id", seconds=0.1), pytest.raises(Unavailable) as caught:
        easyvista.sink().probe()
    assert caught.value.code == "OutOfTime"


# -- unknown authors


def test_an_unknown_author_puts_the_mail_into_quarantine(easyvista: EasyVista) -> None:
    with pytest.raises(Rejected) as caught:
        easyvista.deliver(sender=address(STRANGER))
    assert caught.value.code == "UnknownSender"
    assert easyvista.made == []


def test_an_unknown_author_may_be_rejected(easyvista: EasyVista) -> None:
    with pytest.raises(Rejected) as caught:
        easyvista.deliver(sender=address(STRANGER), unknown_sender="reject")
    assert caught.value.code == "SenderRejected"


@pytest.mark.parametrize("sender", [address(STRANGER, "Mallory"), None])
def test_an_unknown_author_is_replaced_by_the_default_recipient_and_named_in_the_text(
    easyvista: EasyVista, sender: Any
) -> None:
    options: dict[str, Any] = {"unknown_sender": "default_recipient", "default_recipient": service_desks.CATCH_ALL}
    receipt = easyvista.deliver(sender=sender, **options)
    ticket = easyvista.ticket(receipt)
    assert ticket.recipient
    assert ticket.recipient.e_mail == service_desks.CATCH_ALL
    assert sender is None or f"From: Mallory ({STRANGER})" in ticket.description
    assert receipt.notes == ("EasyVista does not know the author, so the ticket is for the default recipient.",)


def test_the_policy_for_unknown_authors_is_tried_once(easyvista: EasyVista) -> None:
    options: dict[str, Any] = {"unknown_sender": "default_recipient", "default_recipient": "nobody@contoso.com"}
    with pytest.raises(Rejected) as caught:
        easyvista.deliver(sender=address(STRANGER), **options)
    assert caught.value.code == "UnknownSender"
    assert easyvista.asked("POST", "/requests") == 2


# -- a bad day


@pytest.mark.parametrize("how", ["commit-then-drop", "commit-then-590"])
def test_with_random_failures_every_mail_becomes_one_ticket_with_all_files(easyvista: EasyVista, how: Any) -> None:
    easyvista.sim.easyvista.unreliable(share=0.4, how=how, seed=7)
    files = [make_file(1, "a.txt", b"a"), make_file(2, "b.txt", b"b")]
    for number in range(12):
        progress = MemoryProgress()
        for _ in range(20):
            try:
                easyvista.deliver(*files, progress=progress, reference=f"mail-{number:040x}")
                break
            except OutcomeUnknown:
                progress = progress.next_attempt()
    assert easyvista.sim.easyvista.duplicates() == {}
    assert [one.file_names for one in easyvista.made] == [["a.txt", "b.txt"]] * 12


# -- settings


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"url": "http://contoso.easyvista.com"}, "url"),
        ({"url": "https://contoso.easyvista.com/api"}, "url"),
        ({"url": "https://user:pw@contoso.easyvista.com"}, "url"),
        ({"url": None}, "url"),
        ({"account": None}, "account"),
        ({"account": 50004}, "account"),
        ({"token": None}, "token"),
        ({"login": "x"}, "token"),
        ({"token": "not a name!"}, "token"),
        ({"catalog_code": None}, "catalog_code"),
        ({"catalog_guid": service_desks.PLAIN_GUID}, "catalog_code"),
        ({"catalog_code": None, "catalog_guid": "no guid"}, "catalog_guid"),
        ({"urgency_id": "3"}, "urgency_id"),
        ({"urgency_id": True}, "urgency_id"),
        ({"urgency_id": 0}, "urgency_id"),
        ({"department_id": 1, "department_code": "X"}, "department_id"),
        ({"fields": {"title": "x"}}, "fields"),
        ({"fields": {"e_x": 3}}, "fields"),
        ({"fields": {"e_x": "{body}"}}, "fields"),
        ({"fields": "e_x"}, "fields"),
        ({"unknown_sender": "drop"}, "unknown_sender"),
        ({"unknown_sender": "default_recipient"}, "default_recipient"),
        ({"default_recipient": "nobody"}, "default_recipient"),
        ({"closed_reply": "reopen"}, "closed_reply"),
        ({"comment_group_mail": None}, "comment_action_type_id"),
        ({"comment_action_type_id": None}, "comment_action_type_id"),
        ({"comment_group_id": 31}, "comment_action_type_id"),
        ({"trusted_domains": ["@contoso.com"]}, "trusted_domains"),
        ({"trusted_domains": "contoso.com"}, "trusted_domains"),
        ({"document_form": "xml"}, "document_form"),
        ({"attachment_mb": 0}, "attachment_mb"),
        ({"body": "rtf"}, "body"),
        ({"inline_min_kib": 10}, "inline_min_kib"),
        ({"time_limit": 5}, "time_limit"),
        ({"body_write": "put"}, "body_write"),
        ({"password": "x"}, "password"),
    ],
)
def test_every_wrong_option_has_a_message(change: dict[str, Any], option: str) -> None:
    good = {
        "url": f"https://{service_desks.HOST}", "account": "50004", "token": "token", "catalog_code": "X",
        "comment_action_type_id": 94, "comment_group_mail": service_desks.GROUP,
    }  # fmt: skip
    options = {name: value for name, value in (good | change).items() if value is not None}
    found = dict(check_sink(SinkSettings("desk", "easyvista", options)))
    assert list(found) == [option]
    assert found[option].endswith(".")


def test_an_unknown_kind_of_sink_has_a_message() -> None:
    assert dict(check_sink(SinkSettings("desk", "fax", {}))) == {
        "kind": f"There is no such kind. Known: {', '.join(KINDS)}."
    }
