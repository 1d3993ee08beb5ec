"""Meeting messages, and what Exchange keeps of signed and encrypted mails."""

from typing import Any

import pytest

from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import BOX, DELTA, IMMUTABLE, MAIL_WRITE, read_error, walk
from twin import Simulator
from twin.client import RawGraphClient
from twin.mail.mailbox import Mailbox

CLASS = "singleValueExtendedProperties($filter=id eq 'String 0x001A')"


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    return make_client(MAIL_WRITE)


def write_meeting(method: str, *lines: str, text: str = "See you.") -> bytes:
    """Return an invitation as Outlook writes it, or what else the method names."""
    event = "\r\n".join(
        lines or ("DTSTART;TZID=W. Europe Standard Time:20261201T100000", "DTEND;TZID=Europe/Berlin:20261201T103000")
    )
    return (
        "From: Lee Gu <lee.gu@contoso.com>\r\nSubject: Swap of laptops\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        f"--b\r\nContent-Type: text/calendar; charset=utf-8; method={method}\r\n\r\n"
        f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VTIMEZONE\r\nTZID:x\r\nDTSTART:16010101T000000\r\nEND:VTIMEZONE\r\n"
        f"BEGIN:VEVENT\r\n{event}\r\nLOCATION:Room 7\\, floor\r\n  3\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n"
    ).encode()


def read(graph: RawGraphClient, message_id: str, options: str = "") -> Any:
    return graph.get(f"{BOX}/messages/{message_id}{options}", prefer=IMMUTABLE).json()


def test_an_invitation_shows_its_fields_unless_properties_are_selected(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(write_meeting("REQUEST"))

    whole = read(graph, made.id)

    assert whole["@odata.type"] == "#microsoft.graph.eventMessageRequest"
    assert whole["meetingMessageType"] == "meetingRequest"
    assert whole["startDateTime"] == {"dateTime": "2026-12-01T09:00:00.0000000", "timeZone": "UTC"}
    assert whole["endDateTime"]["dateTime"] == "2026-12-01T09:30:00.0000000"
    assert (whole["location"]["displayName"], whole["isAllDay"]) == ("Room 7, floor 3", False)
    assert (whole["hasAttachments"], made.attachments) == (False, [])
    assert whole["body"]["content"].strip() == "See you."
    selected = read(graph, made.id, "?$select=subject")
    assert set(selected) == {"@odata.context", "@odata.type", "@odata.etag", "id", "subject"}
    assert selected["@odata.type"] == "#microsoft.graph.eventMessageRequest"


def test_the_fields_of_a_meeting_cannot_be_selected(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(write_meeting("REQUEST"))

    for path in (f"{BOX}/messages/{made.id}", f"{BOX}/messages", DELTA):
        answer = graph.get(f"{path}?$select=subject,meetingMessageType")
        assert read_error(answer) == (400, "RequestBroker--ParseUri")


def test_a_delta_names_the_type_of_a_meeting_message(box: Mailbox, graph: RawGraphClient) -> None:
    box.receive(write_meeting("REQUEST"))

    (selected,) = walk(graph, f"{DELTA}?$select=subject").items
    (whole,) = walk(graph, DELTA).items

    assert selected["@odata.type"] == whole["@odata.type"] == "#microsoft.graph.eventMessageRequest"
    assert "startDateTime" not in selected
    assert whole["startDateTime"]["timeZone"] == "UTC"


@pytest.mark.parametrize(
    ("calendar", "kind", "message_class", "response"),
    [
        ("CANCEL", "meetingCancelled", "Canceled", None),
        ("REPLY ACCEPTED", "meetingAccepted", "Resp.Pos", "accepted"),
        ("REPLY DECLINED", "meetingDeclined", "Resp.Neg", "declined"),
        ("REPLY TENTATIVE", "meetingTenativelyAccepted", "Resp.Tent", "tentativelyAccepted"),
        ("COUNTER", "meetingTenativelyAccepted", "Resp.Tent", "tentativelyAccepted"),
    ],
)
def test_cancellations_and_answers(box: Mailbox, calendar: str, kind: str, message_class: str, response: str) -> None:
    method, _, state = calendar.partition(" ")
    attendee = f"ATTENDEE;PARTSTAT={state};CN=Lee:mailto:lee.gu@contoso.com"
    made = box.receive(write_meeting(method, "DTSTART:20261201T090000Z", attendee))

    shown = made.draft.meeting or {}

    type_name = "eventMessage" if method == "CANCEL" else "eventMessageResponse"
    assert shown["@odata.type"] == made.type_name == f"#microsoft.graph.{type_name}"
    assert (shown["meetingMessageType"], shown.get("responseType")) == (kind, response)
    assert made.draft.class_ == f"IPM.Schedule.Meeting.{message_class}"
    assert bool(shown.get("proposedNewTime")) == (method == "COUNTER")


def test_whole_days_and_series(box: Mailbox, graph: RawGraphClient) -> None:
    days = box.receive(write_meeting("REQUEST", "DTSTART;VALUE=DATE:20261224", "DURATION:P2D"))
    series = box.receive(
        write_meeting("REQUEST", "DTSTART:20261207T090000Z", "RRULE:FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270101T000000Z")
    )

    shown, weekly = read(graph, days.id), read(graph, series.id)

    assert shown["isAllDay"]
    assert [shown[name]["dateTime"][:10] for name in ("startDateTime", "endDateTime")] == ["2026-12-24", "2026-12-26"]
    assert (weekly["type"], weekly["recurrence"]["pattern"]["daysOfWeek"]) == ("seriesMaster", ["monday", "thursday"])
    assert weekly["recurrence"]["range"]["endDate"] == "2027-01-01"


@pytest.mark.parametrize("method", ["PUBLISH", "REFRESH"])
def test_a_calendar_that_is_no_meeting_message_stays_a_file(box: Mailbox, method: str) -> None:
    made = box.receive(write_meeting(method))

    assert made.type_name == "#microsoft.graph.message"
    assert [one.name for one in made.attachments] == ["not supported calendar message.ics"]


def test_a_switch_leaves_meetings_as_files(sim: Simulator, box: Mailbox) -> None:
    sim.mail.switches.reads_meetings = False
    made = box.receive(write_meeting("REQUEST"))

    assert (made.type_name, len(made.attachments)) == ("#microsoft.graph.message", 1)


def test_a_meeting_without_text_has_its_description(box: Mailbox) -> None:
    made = box.receive(write_meeting("REQUEST", "DTSTART:20261201T090000Z", "DESCRIPTION:Bring\\nit", text=""))

    assert made.draft.values["body"]["content"] == "Bring\nit"


SIGNED = (
    b"From: lee@contoso.com\nSubject: Signed\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\n micalg=sha-256; boundary="s"\n\n'
    b'preamble\n--s\nContent-Type: multipart/mixed; boundary="m"\n\n'
    b"--m\nContent-Type: text/plain\n\nThe card is lost.\n"
    b"--m\nContent-Type: text/csv; name=cards.csv\nContent-Disposition: attachment; filename=cards.csv\n\n1;2\n--m--\n"
    b"--s\nContent-Type: application/pkcs7-signature; name=smime.p7s\n"
    b"Content-Transfer-Encoding: base64\n\nQUJD\n--s--\n"
)


def test_a_clear_signed_mail_has_one_attachment_and_its_text(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(SIGNED)
    shown = read(graph, made.id, f"?$expand={CLASS}")
    (file,) = graph.get(f"{BOX}/messages/{made.id}/attachments").json()["value"]
    content = made.attachments[0].content.whole()

    assert (file["name"], file["contentType"], shown["hasAttachments"]) == ("smime.p7m", "multipart/signed", True)
    assert content.startswith(b"Content-Type: multipart/signed; protocol=")
    assert content.endswith(SIGNED.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")[2])
    assert shown["body"]["content"].strip() == "The card is lost."
    assert shown["singleValueExtendedProperties"][0]["value"] == "IPM.Note.SMIME.MultipartSigned"


def test_switches_of_signed_mails(sim: Simulator, box: Mailbox) -> None:
    sim.mail.switches.shows_signed_text = False
    without_text = box.receive(SIGNED)
    sim.mail.switches.keeps_signed_whole = False
    in_parts = box.receive(SIGNED)

    assert without_text.draft.values["body"]["content"] == ""
    assert [one.name for one in in_parts.attachments] == ["cards.csv", "smime.p7s"]


@pytest.mark.parametrize("kind", ["application/pkcs7-mime; smime-type=signed-data", "application/x-pkcs7-mime"])
def test_opaque_mails_have_one_attachment_and_no_text(box: Mailbox, graph: RawGraphClient, kind: str) -> None:
    made = box.receive(
        f"Subject: x\nContent-Type: {kind}; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nQUJD\n".encode()
    )

    assert made.draft.values["body"]["content"] == ""
    assert [(one.name, one.content.whole()) for one in made.attachments] == [("smime.p7m", b"ABC")]
    assert read(graph, made.id, f"?$expand={CLASS}")["singleValueExtendedProperties"][0]["value"] == "IPM.Note.SMIME"


def test_a_mail_signed_by_pgp_stays_a_multipart(box: Mailbox) -> None:
    signed = SIGNED.replace(b"application/pkcs7-signature", b"application/pgp-signature").replace(
        b"smime.p7s", b"sig.asc"
    )
    made = box.receive(signed)

    assert [one.name for one in made.attachments] == ["cards.csv", "sig.asc"]
    assert made.draft.class_ is None
