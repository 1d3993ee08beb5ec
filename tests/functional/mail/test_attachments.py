"""What hangs on a mail: every kind and size of it, kept byte for byte, fetched once, and never a reason to lose it."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from inbound_mail.content.models import Attachment
from inbound_mail.intake.polling import Polled
from inbound_mail.reports.mails import redeliver
from tests.functional.mail.conftest import Office, OpenOffice
from twin import Answer
from twin.core.faults import Cut, Drop
from twin.mail.contents import Enclosure, File, Item, Reference, Synthetic

pytestmark = pytest.mark.usefixtures("impatient")

MIB = 1024 * 1024
LETTER = (
    b"From: Kim <kim@example.com>\r\nTo: robin@example.com\r\nSubject: The original\r\n"
    b"Message-ID: <original@example.com>\r\n\r\nHello.\r\n"
)
PARTS = r"/messages/[^/]+/attachments$"
VALUES = r"/attachments/[^/]+/\$value$"


def receive(office: Office, *files: Enclosure, **mail: Any) -> Any:
    return office.receive(attachments=list(files), **mail)


def kept(office: Office, mail: Any) -> Sequence[Attachment]:
    stored = office.desk.store.load(office.desk.key(mail.id))
    assert stored is not None
    return stored.attachments


def bytes_of(office: Office, one: Attachment) -> bytes:
    return b"".join(office.desk.store.open(one))


def asked(office: Office, path: str) -> Counter[str]:
    """Count what was asked for so far, parts of batches too, by path."""
    return Counter(one for one in office.requests() if path in one)


def quarantine(office: Office, mail: Any) -> list[tuple[str, str]]:
    deliveries = office.describe(mail.id)["deliveries"]
    return [(one["state"], one.get("cause", "")) for one in deliveries]


def test_files_are_kept_byte_for_byte_with_their_digest(office: Office) -> None:
    data = bytes(range(256)) * 40
    mail = receive(office, File("data.bin", "application/x-data", data), File("b.txt", "text/plain", b"b"))
    office.run()
    first, second = kept(office, mail)
    assert (first.name, first.content_type, first.size) == ("data.bin", "application/x-data", len(data))
    assert first.sha256 == hashlib.sha256(data).hexdigest()
    assert bytes_of(office, first) == data
    assert (second.number, bytes_of(office, second)) == (2, b"b")
    [parcel] = office.sink.parcels
    assert parcel.mail.attachments == (first, second)
    assert b"".join(parcel.open(first)) == data


def test_pictures_in_the_text_are_found_though_graph_says_there_are_no_attachments(office: Office) -> None:
    picture = File("logo.png", "image/png", b"\x89PNG...", inline=True, content_id="logo@contoso")
    mail = receive(office, picture, html='<p>See <img src="CID:logo@contoso"></p>')
    assert not mail.has_attachments
    office.run()
    [one] = kept(office, mail)
    assert (one.is_inline, one.content_id, bytes_of(office, one)) == (True, "logo@contoso", b"\x89PNG...")


def test_a_mail_without_files_costs_no_call_for_them(office: Office) -> None:
    receive(office, html="<p>plain</p>")
    office.run()
    assert asked(office, "/attachments").total() == 0
    receive(office, File("a.txt"))
    office.run()
    assert asked(office, "/attachments").total() == 1


def test_an_attached_mail_is_kept_as_mime(office: Office) -> None:
    mail = receive(office, Item(LETTER))
    office.run()
    [one] = kept(office, mail)
    assert (one.kind, one.name, one.content_type) == ("item", "The original", "message/rfc822")
    assert bytes_of(office, one) == LETTER
    assert one.size == len(LETTER)


def test_attached_events_and_contacts_are_kept_too(office: Office) -> None:
    calendar, card = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"BEGIN:VCARD\r\nEND:VCARD\r\n"
    mail = receive(office, Item(calendar, "Meeting", "event"), Item(card, "Kim", "contact"))
    office.run()
    assert [bytes_of(office, one) for one in kept(office, mail)] == [calendar, card]


def test_a_link_to_the_cloud_is_a_link_and_is_not_asked_for_its_bytes(office: Office) -> None:
    mail = receive(office, Reference("plan.docx", "https://contoso.example.com/plan"), File("a.txt", data=b"a"))
    office.run()
    link, file = kept(office, mail)
    assert (link.kind, link.name, link.blob, link.omitted) == ("reference", "plan.docx", None, "Link")
    assert bytes_of(office, file) == b"a"
    assert asked(office, "/$value").total() == 0


def test_a_file_over_the_limit_is_left_out_and_the_mail_comes_all_the_same(open_office: OpenOffice) -> None:
    office = open_office(attachment_mb=1)
    mail = receive(office, Synthetic(MIB + 500, "big.iso"), File("small.txt", data=b"small"))
    office.run()
    big, small = kept(office, mail)
    assert (big.name, big.omitted, big.blob, big.sha256) == ("big.iso", "TooLarge", None, None)
    assert bytes_of(office, small) == b"small"
    assert len(office.sink.tickets) == 1


def test_a_file_of_exactly_the_limit_is_kept(open_office: OpenOffice) -> None:
    office = open_office(attachment_mb=1)
    office.stage.sim.mail.switches.turn({"attachment_overhead": 0})
    mail = receive(office, Synthetic(MIB, "edge.bin"))
    office.run()
    [edge] = kept(office, mail)
    assert (edge.size, edge.omitted) == (MIB, None)


def test_a_file_larger_than_it_was_said_to_be_is_left_out_while_it_streams(open_office: OpenOffice) -> None:
    office = open_office(attachment_mb=10)
    office.stage.sim.mail.switches.turn({"attachment_overhead": -6 * MIB})
    mail = receive(office, Synthetic(14 * MIB, "liar.bin"))
    office.run()
    [liar] = kept(office, mail)
    assert liar.omitted == "TooLarge"
    assert len(office.sink.tickets) == 1


def test_batches_whose_answer_is_too_large_are_split_down_to_sizes_and_streams(office: Office) -> None:
    large = receive(office, Synthetic(14 * MIB, "large.bin", seed=1), File("s.txt", data=b"s"), subject="Large")
    others = [receive(office, File("f.txt", data=b"%d" % number), subject=f"S{number}") for number in range(5)]
    office.stage.forget()
    office.run()
    whole, small = kept(office, large)
    digest = hashlib.sha256()
    for chunk in office.desk.store.open(whole):
        digest.update(chunk)
    assert (whole.size, whole.sha256) == (14 * MIB, digest.hexdigest())
    assert bytes_of(office, small) == b"s"
    assert [bytes_of(office, kept(office, one)[0]) for one in others] == [b"%d" % number for number in range(5)]
    assert len(office.sink.tickets) == 6
    assert set(asked(office, "/$value").values()) == {1}


def test_a_picture_of_a_large_mail_keeps_the_name_by_which_the_text_shows_it(office: Office) -> None:
    picture = File("p.png", "image/png", b"png", inline=True, content_id="p@contoso")
    mail = receive(office, picture, Synthetic(13 * MIB), html='<img src="cid:p@contoso">')
    office.run()
    shown = kept(office, mail)[0]
    assert (shown.content_id, shown.is_inline, bytes_of(office, shown)) == ("p@contoso", True, b"png")


def test_an_empty_file_is_a_file(office: Office) -> None:
    mail = receive(office, File("empty.txt", "text/plain", b""), File("after.txt", data=b"x"))
    office.run()
    empty, after = kept(office, mail)
    assert (empty.size, empty.sha256, empty.omitted) == (0, hashlib.sha256(b"").hexdigest(), None)
    assert bytes_of(office, empty) == b""
    assert bytes_of(office, after) == b"x"


def test_seventy_files_on_one_mail_are_one_call(office: Office) -> None:
    mail = receive(office, *[File(f"{number}.txt", data=b"%d" % number) for number in range(70)])
    office.run()
    found = kept(office, mail)
    assert [bytes_of(office, one) for one in found] == [b"%d" % number for number in range(70)]
    assert len({one.blob for one in found}) == 70
    assert asked(office, "/attachments").total() == 1


@pytest.mark.parametrize(
    "names",
    [
        ("../../etc/passwd", "..\\..\\boot.ini", "/abs", "C:\\x.txt"),
        ("", ".", "..", " "),
        ("same.txt", "same.txt", "SAME.TXT"),
        ("Büro 漢字 😀.pdf", "a" * 300 + ".txt", "new\nline\t.txt", "nul\x00.txt", 'quote".txt', "#?%2f.txt"),
    ],
)
def test_odd_names_are_kept_as_they_are_and_hurt_nothing(office: Office, names: tuple[str, ...]) -> None:
    mail = receive(office, *[File(name, data=b"%d" % number) for number, name in enumerate(names)])
    office.run()
    found = kept(office, mail)
    assert tuple(one.name for one in found) == names
    assert [bytes_of(office, one) for one in found] == [b"%d" % number for number in range(len(names))]
    assert all(one.blob and one.blob.startswith(f"{office.name}/") and ".." not in one.blob for one in found)


def test_no_attachment_is_fetched_twice(office: Office) -> None:
    for number in range(23):
        receive(office, File("f.txt", data=b"x"), Item(LETTER), subject=f"{number}")
    office.run()
    office.run()
    seen = asked(office, "/attachments")
    assert len(seen) == 46
    assert set(seen.values()) == {1}


def test_a_mail_deleted_before_its_files_were_read_is_gone_and_counted(office: Office) -> None:
    doomed = receive(office, File("a.txt", data=b"a"))
    other = receive(office, File("b.txt", data=b"b"), subject="Other")
    office.stage.sim.faults.add(Answer(503), room="mail", path=PARTS, times=None)
    assert office.poll() is Polled.FAILED
    office.stage.sim.faults.clear()
    office.stage.sim.run(lambda: office.mailbox.delete(doomed, forever=True))
    office.run()
    assert office.describe(doomed.id)["state"] == "gone"
    assert office.desk.ledger.state().values["gone"] == 1
    assert office.describe(other.id)["state"] == "delivered"
    assert list(office.desk.ledger.open_mails()) == []


def test_a_copy_of_a_mail_that_was_gone_before_it_was_whole_is_taken(office: Office) -> None:
    same = {"subject": "Restored", "text": "T", "message_id": "<r@example.com>", "received": datetime.now(UTC)}
    doomed = receive(office, File("a.txt", data=b"a"), **same)
    office.stage.sim.faults.add(Answer(503), room="mail", path=PARTS, times=None)
    office.poll()
    office.stage.sim.faults.clear()
    office.stage.sim.run(lambda: office.mailbox.delete(doomed, forever=True))
    office.run()
    restored = receive(office, File("a.txt", data=b"a"), **same)
    office.run()
    assert office.describe(restored.id)["state"] == "delivered"
    again = receive(office, File("a.txt", data=b"a"), **same)
    office.run()
    assert office.describe(again.id)["reason"] == "copy"
    assert len(office.sink.tickets) == 1


def test_one_file_that_exchange_refuses_is_left_out_at_once(office: Office) -> None:
    mail = receive(office, Item(LETTER), File("ok.txt", data=b"ok"))
    office.stage.sim.faults.add(Answer(400), room="mail", path=VALUES)
    office.run()
    broken, fine = kept(office, mail)
    assert (broken.omitted, broken.blob) == ("Unreadable", None)
    assert bytes_of(office, fine) == b"ok"
    assert len(office.sink.tickets) == 1


def test_one_file_that_exchange_fails_to_send_is_asked_for_in_three_polls_and_then_left_out(office: Office) -> None:
    mail = receive(office, Item(LETTER), File("ok.txt", data=b"ok"))
    other = receive(office, File("b.txt", data=b"b"), subject="Other")
    office.stage.sim.faults.add(Answer(500), room="mail", path=VALUES, times=None)
    for _ in range(2):
        office.poll()
        office.deliver()
        assert office.describe(mail.id)["state"] == "seen"
        assert office.describe(other.id)["state"] == "delivered"
    office.run()
    broken, fine = kept(office, mail)
    assert broken.omitted == "Unreadable"
    assert bytes_of(office, fine) == b"ok"
    assert office.describe(mail.id)["state"] == "delivered"


@pytest.mark.parametrize("fault", [Cut(0.5), Drop(), Answer(504), Answer(502)])
def test_a_stream_that_breaks_off_once_is_read_again_and_whole(office: Office, fault: Any) -> None:
    mail = receive(office, Synthetic(13 * MIB, seed=3))
    struck = office.stage.sim.faults.add(fault, room="mail", path=VALUES, when="after")
    assert office.poll() is Polled.DONE
    assert struck.fired == 1
    [one] = kept(office, mail)
    assert (one.size, one.omitted) == (13 * MIB, None)
    assert len(bytes_of(office, one)) == 13 * MIB


def test_lists_failing_three_times_set_the_mail_aside_and_the_others_pass(office: Office) -> None:
    bad = receive(office, File("bad.txt", data=b"bad"), subject="Bad")
    others = [receive(office, File("f.txt", data=b"f"), subject=f"{number}") for number in range(25)]
    office.stage.sim.faults.add(Answer(500), room="mail", path=rf"/{bad.id}/attachments$", times=None)
    for _ in range(2):
        assert office.poll() is Polled.DONE
        office.deliver()
        assert all(office.describe(one.id)["state"] == "delivered" for one in others)
        assert office.describe(bad.id)["state"] == "seen"
    office.run()
    assert quarantine(office, bad) == [("quarantined", "AttachmentsUnreadable")]
    assert bad.id not in {parcel.mail.graph_id for parcel in office.sink.parcels}
    assert [mail["subject"] for mail in office.mails()][-1] == "Bad"
    redeliver(office.desk, office.queue, office.desk.key(bad.id), None)  # type: ignore[arg-type]  # stands in for the queue
    office.run()
    assert office.describe(bad.id)["state"] == "delivered"
    assert [(one.name, one.omitted) for one in office.sink.parcels[-1].mail.attachments] == [
        ("attachments", "Unreadable")
    ]
    assert len(office.sink.tickets) == 26


def test_a_batch_that_keeps_failing_as_a_whole_is_read_mail_by_mail(office: Office) -> None:
    mails = [receive(office, File("f.txt", data=b"%d" % number), subject=f"{number}") for number in range(3)]
    office.stage.sim.faults.add(Answer(504), room="graph", path=r"\$batch$", times=None)
    for _ in range(3):
        office.poll()
    office.deliver()
    assert [bytes_of(office, kept(office, one)[0]) for one in mails] == [b"0", b"1", b"2"]
    assert len(office.sink.tickets) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"value": [{"@odata.type": "#microsoft.graph.fileAttachment", "size": "huge", "name": 7}]},
        {"value": [{"@odata.type": "#microsoft.graph.itemAttachment", "name": None}]},
        {"value": ["not an object"]},
        {"value": None},
    ],
)
def test_a_list_of_an_unknown_form_costs_its_own_mail_only(office: Office, body: Any) -> None:
    odd = receive(office, File("a.txt", data=b"a"), subject="Odd")
    other = receive(office, File("b.txt", data=b"b"), subject="Other")
    path = rf"/{odd.id}/attachments$"
    office.stage.sim.faults.add(Answer(200, body=body), room="mail", path=path, times=None)
    for _ in range(4):
        office.poll()
        office.deliver()
    assert office.describe(other.id)["state"] == "delivered"
    assert quarantine(office, odd) == [("quarantined", "AttachmentsUnreadable")]


def test_bytes_that_are_no_base64_are_left_out(office: Office) -> None:
    mail = receive(office, File("a.txt", data=b"a"))
    item = {"@odata.type": "#microsoft.graph.fileAttachment", "id": "x", "name": "a.txt", "contentBytes": "a"}
    office.stage.sim.faults.add(Answer(200, body={"value": [item]}), room="mail", path=PARTS)
    office.run()
    assert [one.omitted for one in kept(office, mail)] == ["Unreadable"]
    assert len(office.sink.tickets) == 1
