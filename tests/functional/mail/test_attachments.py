"""Attachments of every kind and size are stored byte for byte and fetched once, and no mail is lost for them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from inbound_mail.content.models import Attachment
from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.intake import attachments
from inbound_mail.intake.polling import Polled
from inbound_mail.ledger.mail_store import MailStore
from shared.errors import ConfigurationError, OutcomeUnknown, Rejected, Unavailable
from shared.storage.blobs import Container
from tests.field_mails import load_field_mail
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin import Answer
from twin.core.faults import Cut, Drop
from twin.mail.contents import Enclosure, File, Item, Reference, Synthetic

pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.slow(reason="many polls with many files")]

MIB = 1024 * 1024
LETTER = (
    b"From: Kim <kim@example.com>\r\nTo: robin@example.com\r\nSubject: The original\r\n"
    b"Message-ID: <original@example.com>\r\n\r\nHello.\r\n"
)
PARTS = r"/messages/[^/]+/attachments$"
VALUES = r"/attachments/[^/]+/\$value$"


def receive(scenario: MailScenario, *files: Enclosure, **mail: Any) -> Any:
    return scenario.receive(attachments=list(files), **mail)


def kept(scenario: MailScenario, mail: Any) -> Sequence[Attachment]:
    stored = scenario.mailbox.store.load(scenario.mailbox.key(mail.id))
    assert stored is not None
    return stored.attachments


def bytes_of(scenario: MailScenario, one: Attachment) -> bytes:
    return b"".join(scenario.mailbox.store.open(one))


def asked(scenario: MailScenario, path: str) -> Counter[str]:
    """Count the calls so far by path, with the parts of batches."""
    return Counter(one for one in scenario.requests() if path in one)


def quarantine(scenario: MailScenario, mail: Any) -> list[tuple[str, str]]:
    deliveries = scenario.describe(mail.id)["deliveries"]
    return [(one["state"], one.get("cause", "")) for one in deliveries]


@pytest.mark.usefixtures("rows_in_memory")
def test_a_mail_of_text_and_html_without_files_is_one_blob(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = scenario.receive(subject="Printer", text="Hello.", html="<p>Hello.</p>")
    names: list[str] = []
    put = Container.put

    def note(self: Container, name: str, data: Any, **options: Any) -> None:
        names.append(name)
        put(self, name, data, **options)

    monkeypatch.setattr(Container, "put", note)
    scenario.run()
    key = scenario.mailbox.key(mail.id)
    assert asked(scenario, "/attachments").total() == 1, "it may have had some"
    assert [name for name in names if key in name] == [f"{scenario.name}/{key}/mail.json"]
    assert kept(scenario, mail) == ()
    assert scenario.describe(mail.id)["state"] == "delivered"


def test_files_are_kept_byte_for_byte_with_their_digest(scenario: MailScenario) -> None:
    data = bytes(range(256)) * 40
    mail = receive(scenario, File("data.bin", "application/x-data", data), File("b.txt", "text/plain", b"b"))
    scenario.run()
    first, second = kept(scenario, mail)
    assert (first.name, first.content_type, first.size) == ("data.bin", "application/x-data", len(data))
    assert first.sha256 == hashlib.sha256(data).hexdigest()
    assert bytes_of(scenario, first) == data
    assert (second.number, bytes_of(scenario, second)) == (2, b"b")
    [prepared] = scenario.sink.received
    assert prepared.mail.attachments == (first, second)
    assert b"".join(prepared.open(first)) == data


def test_pictures_in_the_text_are_found_though_graph_says_there_are_no_attachments(scenario: MailScenario) -> None:
    picture = File("logo.png", "image/png", b"\x89PNG...", inline=True, content_id="logo@contoso")
    mail = receive(scenario, picture, html='<p>See <img src="CID:logo@contoso"></p>')
    assert not mail.has_attachments
    scenario.run()
    [one] = kept(scenario, mail)
    assert (one.is_inline, one.content_id, bytes_of(scenario, one)) == (True, "logo@contoso", b"\x89PNG...")


def test_a_mail_without_files_costs_no_call_for_them(scenario: MailScenario) -> None:
    receive(scenario, html="<p>plain</p>")
    scenario.run()
    assert asked(scenario, "/attachments").total() == 0
    receive(scenario, File("a.txt"))
    scenario.run()
    assert asked(scenario, "/attachments").total() == 1


@pytest.mark.parametrize("text_bodies", ["text", "html"])
@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("a1-apple-inline-pdf.eml", ["invoice-1.pdf", "invoice-2.pdf"]),
        ("a2-iphone-text-photo.eml", ["IMG_0042.jpg"]),
        ("a3-apple-html-photo-no-cid.eml", ["IMG_0043.jpg", "ATT00002.txt"]),
        ("a4-small-screenshot.eml", ["image001.png"]),
        ("q7-picture-of-history.eml", ["plan.png"]),
    ],
)
def test_files_of_mails_from_the_field_are_kept_though_exchange_hides_them(
    scenario: MailScenario, name: str, files: list[str], text_bodies: str
) -> None:
    scenario.gateway.sim.mail.switches.set({"text_bodies": text_bodies})
    mail = scenario.receive(**load_field_mail(name))
    scenario.run()
    assert [one.name for one in kept(scenario, mail)] == files


def nested(kind: str, part: str) -> bytes:
    """A mail whose text is one alternative, and whose file is beside the other one, as Apple Mail sends PDFs."""
    return (
        "From: Kim <kim@example.com>\r\nSubject: Nested\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="a"\r\n\r\n'
        "--a\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
        f'--a\r\nContent-Type: multipart/{kind}; boundary="m"\r\n\r\n'
        "--m\r\nContent-Type: text/html\r\n\r\n<p>See the file.</p>\r\n"
        f"--m\r\n{part}\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--m--\r\n--a--\r\n"
    ).encode()


PDF = "Content-Type: application/pdf\r\nContent-Disposition: inline; filename=Angebot.pdf"
PHOTO = "Content-Type: image/heic\r\nContent-Disposition: inline; filename=IMG_7.HEIC\r\nContent-ID: <seven>"
VIDEO = "Content-Type: video/quicktime\r\nContent-Disposition: inline; filename=film.mov"


@pytest.mark.parametrize(
    "eml",
    [
        nested("mixed", PDF),
        nested("related", PHOTO),
        nested("mixed", VIDEO),
        # A scanner whose only part is the file; a single file that bears the type of a text.
        f"From: scan@example.com\r\nSubject: Scan\r\n{PDF}\r\n\r\n%PDF".encode(),
        b"From: a@example.com\r\nSubject: Log\r\nContent-Type: text/plain; name=app.log\r\n\r\nline",
        b"Subject: Log\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nline",
    ],
)
def test_a_file_is_found_wherever_the_mail_hides_it(scenario: MailScenario, eml: bytes) -> None:
    mail = scenario.receive(eml=eml)
    assert len(mail.attachments) == 1
    scenario.run()
    assert len(kept(scenario, mail)) == 1


@pytest.mark.parametrize("headers", [{"Content-Type": "application/ms-tnef"}, {"Content-Type": "text/enriched"}, {}])
def test_a_mail_whose_headers_prove_nothing_is_asked_for_files(scenario: MailScenario, headers: dict[str, str]) -> None:
    photo = File("IMG_1.jpg", "image/jpeg", b"jpeg", inline=True)
    mail = scenario.receive(text="See the picture.", attachments=[photo], headers=headers)
    if not headers:
        mail.draft.headers = None  # as of mails that were created by API
    assert not mail.has_attachments
    scenario.run()
    assert [bytes_of(scenario, one) for one in kept(scenario, mail)] == [b"jpeg"]


@pytest.mark.usefixtures("rows_in_memory")
def test_mails_that_may_have_files_are_asked_twenty_at_a_time(scenario: MailScenario) -> None:
    for number in range(41):  # as Outlook and Gmail write mails without files
        scenario.receive(subject=f"{number}", text="T", html="<p>T</p>")
        scenario.receive(subject=f"text {number}", text="T")
    scenario.gateway.forget()
    scenario.poll()
    assert asked(scenario, "/attachments").total() == 41
    assert sum(1 for call in scenario.calls() if call.path.endswith("$batch")) == 3


def test_an_attached_mail_is_kept_as_mime(scenario: MailScenario) -> None:
    mail = receive(scenario, Item(LETTER))
    scenario.run()
    [one] = kept(scenario, mail)
    assert (one.kind, one.name, one.content_type) == ("item", "The original", "message/rfc822")
    assert bytes_of(scenario, one) == LETTER
    assert one.size == len(LETTER)


def test_attached_events_and_contacts_are_kept_too(scenario: MailScenario) -> None:
    calendar, card = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"BEGIN:VCARD\r\nEND:VCARD\r\n"
    mail = receive(scenario, Item(calendar, "Meeting", "event"), Item(card, "Kim", "contact"))
    scenario.run()
    assert [bytes_of(scenario, one) for one in kept(scenario, mail)] == [calendar, card]


def test_a_link_to_the_cloud_is_a_link_and_is_not_asked_for_its_bytes(scenario: MailScenario) -> None:
    mail = receive(scenario, Reference("plan.docx", "https://contoso.example.com/plan"), File("a.txt", data=b"a"))
    scenario.run()
    link, file = kept(scenario, mail)
    assert (link.kind, link.name, link.blob, link.omitted) == ("reference", "plan.docx", None, "Link")
    assert bytes_of(scenario, file) == b"a"
    assert asked(scenario, "/$value").total() == 0


@pytest.mark.parametrize(
    ("address", "kept_address"),
    [
        ("https://contoso-my.example/Recording.mp4", "https://contoso-my.example/Recording.mp4"),
        ("javascript:alert(1)", None),
        ("https://x.example/a b", None),
        ("", None),
    ],
)
def test_the_address_of_a_link_is_kept_if_graph_shows_a_proper_one(
    scenario: MailScenario, address: str, kept_address: str | None
) -> None:
    scenario.gateway.sim.mail.switches.set({"shows_source_url": True})
    mail = receive(scenario, Reference("Recording.mp4", address))
    scenario.run()
    [link] = kept(scenario, mail)
    assert (link.url, link.omitted) == (kept_address, "Link")


def test_a_tracking_pixel_is_noted_when_it_is_read(scenario: MailScenario) -> None:
    pixel = b"GIF89a\x01\0\x01\0\x80\0\0"
    mail = receive(scenario, File("p.gif", "image/gif", pixel, inline=True), File("q.gif", "image/gif", b"GIF89a"))
    scenario.run()
    assert [one.is_pixel for one in kept(scenario, mail)] == [True, False]


def test_a_file_over_the_limit_is_left_out_and_the_mail_comes_all_the_same(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(attachment_mb=1)
    mail = receive(scenario, Synthetic(MIB + 500, "big.iso"), File("small.txt", data=b"small"))
    scenario.run()
    big, small = kept(scenario, mail)
    assert (big.name, big.omitted, big.blob, big.sha256) == ("big.iso", "TooLarge", None, None)
    assert bytes_of(scenario, small) == b"small"
    assert len(scenario.sink.tickets) == 1


def test_a_file_of_exactly_the_limit_is_kept(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(attachment_mb=1)
    scenario.gateway.sim.mail.switches.set({"attachment_overhead": 0})
    mail = receive(scenario, Synthetic(MIB, "edge.bin"))
    scenario.run()
    [edge] = kept(scenario, mail)
    assert (edge.size, edge.omitted) == (MIB, None)


def test_a_file_larger_than_it_was_said_to_be_is_left_out_while_it_streams(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(attachment_mb=10)
    scenario.gateway.sim.mail.switches.set({"attachment_overhead": -6 * MIB})
    mail = receive(scenario, Synthetic(14 * MIB, "liar.bin"))
    scenario.run()
    [liar] = kept(scenario, mail)
    assert liar.omitted == "TooLarge"
    assert len(scenario.sink.tickets) == 1


@pytest.mark.usefixtures("rows_in_memory")
def test_batches_whose_answer_is_too_large_are_split_down_to_sizes_and_streams(scenario: MailScenario) -> None:
    large = receive(scenario, Synthetic(14 * MIB, "large.bin", seed=1), File("s.txt", data=b"s"), subject="Large")
    others = [receive(scenario, File("f.txt", data=b"%d" % number), subject=f"S{number}") for number in range(5)]
    scenario.gateway.forget()
    scenario.run()
    whole, small = kept(scenario, large)
    digest = hashlib.sha256()
    for chunk in scenario.mailbox.store.open(whole):
        digest.update(chunk)
    assert (whole.size, whole.sha256) == (14 * MIB, digest.hexdigest())
    assert bytes_of(scenario, small) == b"s"
    assert [bytes_of(scenario, kept(scenario, one)[0]) for one in others] == [b"%d" % number for number in range(5)]
    assert len(scenario.sink.tickets) == 6
    assert set(asked(scenario, "/$value").values()) == {1}


def test_a_picture_of_a_large_mail_keeps_the_name_by_which_the_text_shows_it(scenario: MailScenario) -> None:
    picture = File("p.png", "image/png", b"png", inline=True, content_id="p@contoso")
    mail = receive(scenario, picture, Synthetic(13 * MIB), html='<img src="cid:p@contoso">')
    scenario.run()
    shown = kept(scenario, mail)[0]
    assert (shown.content_id, shown.is_inline, bytes_of(scenario, shown)) == ("p@contoso", True, b"png")


def test_an_empty_file_is_a_file(scenario: MailScenario) -> None:
    mail = receive(scenario, File("empty.txt", "text/plain", b""), File("after.txt", data=b"x"))
    scenario.run()
    empty, after = kept(scenario, mail)
    assert (empty.size, empty.sha256, empty.omitted) == (0, hashlib.sha256(b"").hexdigest(), None)
    assert bytes_of(scenario, empty) == b""
    assert bytes_of(scenario, after) == b"x"


def test_seventy_files_on_one_mail_are_one_call(scenario: MailScenario) -> None:
    mail = receive(scenario, *[File(f"{number}.txt", data=b"%d" % number) for number in range(70)])
    scenario.run()
    found = kept(scenario, mail)
    assert [bytes_of(scenario, one) for one in found] == [b"%d" % number for number in range(70)]
    assert len({one.blob for one in found}) == 70
    assert asked(scenario, "/attachments").total() == 1


@pytest.mark.parametrize(
    "names",
    [
        ("../../etc/passwd", "..\\..\\boot.ini", "/abs", "C:\\x.txt"),
        ("", ".", "..", " "),
        ("same.txt", "same.txt", "SAME.TXT"),
        ("Büro 漢字 😀.pdf", "a" * 300 + ".txt", "new\nline\t.txt", "nul\x00.txt", 'quote".txt', "#?%2f.txt"),
    ],
)
def test_odd_names_are_kept_as_they_are_and_hurt_nothing(scenario: MailScenario, names: tuple[str, ...]) -> None:
    mail = receive(scenario, *[File(name, data=b"%d" % number) for number, name in enumerate(names)])
    scenario.run()
    found = kept(scenario, mail)
    assert tuple(one.name for one in found) == names
    assert [bytes_of(scenario, one) for one in found] == [b"%d" % number for number in range(len(names))]
    assert all(one.blob and one.blob.startswith(f"{scenario.name}/") and ".." not in one.blob for one in found)


@pytest.mark.usefixtures("rows_in_memory")
def test_no_attachment_is_fetched_twice(scenario: MailScenario) -> None:
    for number in range(23):
        receive(scenario, File("f.txt", data=b"x"), Item(LETTER), subject=f"{number}")
    scenario.run()
    scenario.run()
    seen = asked(scenario, "/attachments")
    assert len(seen) == 46
    assert set(seen.values()) == {1}


def test_a_mail_deleted_before_its_files_were_read_is_gone_and_counted(scenario: MailScenario) -> None:
    doomed = receive(scenario, File("a.txt", data=b"a"))
    other = receive(scenario, File("b.txt", data=b"b"), subject="Other")
    scenario.gateway.sim.faults.add(Answer(503), api="mail", path=PARTS, times=None)
    assert scenario.poll() is Polled.FAILED
    scenario.gateway.sim.faults.clear()
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.delete(doomed, forever=True))
    scenario.run()
    assert scenario.describe(doomed.id)["state"] == "gone"
    assert scenario.mailbox.ledger.state().values["gone"] == 1
    assert scenario.describe(other.id)["state"] == "delivered"
    assert list(scenario.mailbox.ledger.open_mails()) == []


def test_a_copy_of_a_mail_that_was_gone_before_it_was_whole_is_taken(scenario: MailScenario) -> None:
    same = {"subject": "Restored", "text": "T", "message_id": "<r@example.com>", "received": datetime.now(UTC)}
    doomed = receive(scenario, File("a.txt", data=b"a"), **same)
    scenario.gateway.sim.faults.add(Answer(503), api="mail", path=PARTS, times=None)
    scenario.poll()
    scenario.gateway.sim.faults.clear()
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.delete(doomed, forever=True))
    scenario.run()
    restored = receive(scenario, File("a.txt", data=b"a"), **same)
    scenario.run()
    assert scenario.describe(restored.id)["state"] == "delivered"
    again = receive(scenario, File("a.txt", data=b"a"), **same)
    scenario.run()
    assert scenario.describe(again.id)["reason"] == "copy"
    assert len(scenario.sink.tickets) == 1


def test_one_file_that_exchange_refuses_is_left_out_at_once(scenario: MailScenario) -> None:
    mail = receive(scenario, Item(LETTER), File("ok.txt", data=b"ok"))
    scenario.gateway.sim.faults.add(Answer(400), api="mail", path=VALUES)
    scenario.run()
    broken, fine = kept(scenario, mail)
    assert (broken.omitted, broken.blob) == ("Unreadable", None)
    assert bytes_of(scenario, fine) == b"ok"
    assert len(scenario.sink.tickets) == 1


def test_one_file_that_exchange_fails_to_send_is_asked_for_in_three_polls_and_then_left_out(
    scenario: MailScenario,
) -> None:
    mail = receive(scenario, Item(LETTER), File("ok.txt", data=b"ok"))
    other = receive(scenario, File("b.txt", data=b"b"), subject="Other")
    scenario.gateway.sim.faults.add(Answer(500), api="mail", path=VALUES, times=None)
    for _ in range(2):
        scenario.poll()
        scenario.deliver()
        assert scenario.describe(mail.id)["state"] == "seen"
        assert scenario.describe(other.id)["state"] == "delivered"
    scenario.run()
    broken, fine = kept(scenario, mail)
    assert broken.omitted == "Unreadable"
    assert bytes_of(scenario, fine) == b"ok"
    assert scenario.describe(mail.id)["state"] == "delivered"


@pytest.mark.parametrize("fault", [Cut(0.5), Drop(), Answer(504), Answer(502)])
def test_a_stream_that_breaks_off_once_is_read_again_and_whole(scenario: MailScenario, fault: Any) -> None:
    mail = receive(scenario, Synthetic(13 * MIB, seed=3))
    struck = scenario.gateway.sim.faults.add(fault, api="mail", path=VALUES, when="after")
    assert scenario.poll() is Polled.DONE
    assert struck.fired == 1
    [one] = kept(scenario, mail)
    assert (one.size, one.omitted) == (13 * MIB, None)
    assert len(bytes_of(scenario, one)) == 13 * MIB


@pytest.mark.usefixtures("rows_in_memory")
def test_lists_failing_three_times_set_the_mail_aside_and_the_others_pass(scenario: MailScenario) -> None:
    bad = receive(scenario, File("bad.txt", data=b"bad"), subject="Bad")
    others = [receive(scenario, File("f.txt", data=b"f"), subject=f"{number}") for number in range(25)]
    scenario.gateway.sim.faults.add(Answer(500), api="mail", path=rf"/{bad.id}/attachments$", times=None)
    for _ in range(2):
        assert scenario.poll() is Polled.DONE
        scenario.deliver()
        assert all(scenario.describe(one.id)["state"] == "delivered" for one in others)
        assert scenario.describe(bad.id)["state"] == "seen"
    scenario.run()
    assert quarantine(scenario, bad) == [("quarantined", "AttachmentsUnreadable")]
    assert bad.id not in {prepared.mail.graph_id for prepared in scenario.sink.received}
    assert [mail["subject"] for mail in scenario.mails()][-1] == "Bad"
    redeliver(scenario.mailbox, scenario.deliveries, scenario.mailbox.key(bad.id), None)
    scenario.run()
    assert scenario.describe(bad.id)["state"] == "delivered"
    assert [(one.name, one.omitted) for one in scenario.sink.received[-1].mail.attachments] == [
        ("attachments", "Unreadable")
    ]
    assert len(scenario.sink.tickets) == 26


def test_a_batch_that_keeps_failing_as_a_whole_is_read_mail_by_mail(scenario: MailScenario) -> None:
    mails = [receive(scenario, File("f.txt", data=b"%d" % number), subject=f"{number}") for number in range(3)]
    scenario.gateway.sim.faults.add(Answer(504), api="graph", path=r"\$batch$", times=None)
    for _ in range(3):
        scenario.poll()
    scenario.deliver()
    assert [bytes_of(scenario, kept(scenario, one)[0]) for one in mails] == [b"0", b"1", b"2"]
    assert len(scenario.sink.tickets) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"value": [{"@odata.type": "#microsoft.graph.fileAttachment", "size": "huge", "name": 7}]},
        {"value": [{"@odata.type": "#microsoft.graph.itemAttachment", "name": None}]},
        {"value": ["not an object"]},
        {"value": None},
    ],
)
def test_a_list_of_an_unknown_form_costs_its_own_mail_only(scenario: MailScenario, body: Any) -> None:
    odd = receive(scenario, File("a.txt", data=b"a"), subject="Odd")
    other = receive(scenario, File("b.txt", data=b"b"), subject="Other")
    path = rf"/{odd.id}/attachments$"
    scenario.gateway.sim.faults.add(Answer(200, body=body), api="mail", path=path, times=None)
    for _ in range(4):
        scenario.poll()
        scenario.deliver()
    assert scenario.describe(other.id)["state"] == "delivered"
    assert quarantine(scenario, odd) == [("quarantined", "AttachmentsUnreadable")]


def break_store(
    monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception], *, where: str = "put_bytes", always: bool = False
) -> None:
    """Let the mail store fail for what a mail with the file `bad.txt` brings, or for everything."""
    whole = getattr(MailStore, where)

    def put(store: MailStore, key: str, *given: Any, **more: Any) -> Any:
        message = store.load(key)
        if always or (message is not None and message.subject == "Bad"):
            raise error()
        return whole(store, key, *given, **more)

    monkeypatch.setattr(MailStore, where, put)


OWN_ERRORS = [
    lambda: Unavailable("The storage account did not serve mails."),
    lambda: Rejected("The storage account refuses an entry of mails.", code="EntryRefused"),
    lambda: ConfigurationError("The storage account refuses access."),
    lambda: OutcomeUnknown("Nobody knows."),
    lambda: RecursionError("too deep"),
    MemoryError,
]


@pytest.mark.parametrize(
    ("error", "where"), [*((error, "put_bytes") for error in OWN_ERRORS), (OWN_ERRORS[0], "put_attachments")]
)
@pytest.mark.usefixtures("rows_in_memory")
def test_an_error_of_any_class_that_follows_one_mail_while_others_succeed_is_its_own(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception], where: str
) -> None:
    bad = receive(scenario, File("bad.txt", data=b"bad"), subject="Bad")
    others = [receive(scenario, File("f.txt", data=b"f"), subject=f"{number}") for number in range(3)]
    break_store(monkeypatch, error, where=where)
    assert scenario.poll() is Polled.DONE
    scenario.deliver()
    assert [scenario.describe(one.id)["state"] for one in others] == ["delivered"] * 3
    assert scenario.poll() is Polled.DONE
    if where == "put_attachments":
        monkeypatch.undo()
        scenario.run()
        assert scenario.describe(bad.id)["state"] == "delivered"
        return
    scenario.poll()
    scenario.deliver()
    if kept(scenario, bad)[0].name == "bad.txt":  # without that file, which the ticket names
        assert kept(scenario, bad)[0].omitted == "Unreadable"
        assert scenario.describe(bad.id)["state"] == "delivered"
    else:
        assert quarantine(scenario, bad) == [("quarantined", "AttachmentsUnreadable")]
    assert scenario.poll() is Polled.DONE


@pytest.mark.parametrize("error", OWN_ERRORS[:1] + OWN_ERRORS[4:5])
@pytest.mark.usefixtures("rows_in_memory")
def test_an_error_that_all_mails_have_is_no_mails_own_and_passes(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    mails = [receive(scenario, File("f.txt", data=b"f"), subject=f"{number}") for number in range(3)]
    break_store(monkeypatch, error, always=True)
    for _ in range(4):
        assert scenario.poll() is Polled.FAILED
    assert [scenario.describe(one.id)["state"] for one in mails] == ["seen"] * 3
    monkeypatch.undo()
    scenario.run()
    assert [scenario.describe(one.id)["state"] for one in mails] == ["delivered"] * 3


@pytest.mark.usefixtures("rows_in_memory")
def test_a_lonely_mail_with_an_error_comes_last_once_others_come(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = receive(scenario, File("bad.txt", data=b"bad"), subject="Bad")
    break_store(monkeypatch, OWN_ERRORS[0])
    monkeypatch.setattr(attachments, "_MOST_LOST_SECONDS", -1.0)  # nothing is tried after the first error
    for _ in range(2):
        assert scenario.poll() is Polled.FAILED
    others = [receive(scenario, File("f.txt", data=b"f"), subject=f"{number}") for number in range(3)]
    assert scenario.poll() is Polled.DONE
    scenario.deliver()
    assert [scenario.describe(one.id)["state"] for one in others] == ["delivered"] * 3
    for _ in range(2):
        assert scenario.poll() is Polled.DONE
    assert quarantine(scenario, bad) == [("quarantined", "AttachmentsUnreadable")]


@pytest.mark.usefixtures("rows_in_memory")
def test_forty_mails_with_errors_hold_up_no_other(scenario: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(40):
        receive(scenario, File("bad.txt", data=b"bad"), subject="Bad")
    break_store(monkeypatch, OWN_ERRORS[0])
    for number in range(5):
        other = receive(scenario, File("f.txt", data=b"f"), subject=f"{number}")
        scenario.poll()
        scenario.deliver()
        assert scenario.describe(other.id)["state"] == "delivered"
    assert len(list(scenario.mailbox.ledger.quarantined())) == 40


def test_bytes_that_are_no_base64_are_left_out(scenario: MailScenario) -> None:
    mail = receive(scenario, File("a.txt", data=b"a"))
    item = {"@odata.type": "#microsoft.graph.fileAttachment", "id": "x", "name": "a.txt", "contentBytes": "a"}
    scenario.gateway.sim.faults.add(Answer(200, body={"value": [item]}), api="mail", path=PARTS)
    scenario.run()
    assert [one.omitted for one in kept(scenario, mail)] == ["Unreadable"]
    assert len(scenario.sink.tickets) == 1
