"""Meetings: invitations and cancellations say when, where and who; answers are set aside unless a person wrote."""

import time
from typing import Any

import pytest

from inbound_mail.content.meetings import has_words_of_a_person
from inbound_mail.content.models import InboundMail
from tests.field_mails import load_field_mail
from tests.functional.mail.at_the_sinks import make_ticket, send_event
from tests.functional.mail.conftest import MailScenario
from tests.functional.mail.deliveries import causes
from twin import Answer

pytestmark = pytest.mark.usefixtures("rows_in_memory")

PARIS = ("DTSTART;TZID=Romance Standard Time:20261201T100000", "DTEND;TZID=Romance Standard Time:20261201T113000")


def write_meeting(
    method: str,
    *lines: str,
    subject: str = "Swap of laptops",
    text: str = "",
    more: str = "",
    kind: str = "plain",
) -> bytes:
    """Return an invitation, an answer or a cancellation, with a calendar of these lines."""
    event = "\r\n".join(["UID:1@field.example", *(lines or PARIS)])
    return (
        f"From: Lee Gu <lee.gu@contoso.com>\r\nTo: support@contoso.com, Adele Vance <adele.vance@contoso.com>\r\n"
        f"Subject: {subject}\r\nMessage-ID: <meeting@field.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n{more}"
        'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
        f"--b\r\nContent-Type: text/calendar; charset=utf-8; method={method}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n"
    ).encode()


def answer(state: str, **more: Any) -> bytes:
    return write_meeting("REPLY", *PARIS, f"ATTENDEE;PARTSTAT={state}:mailto:lee.gu@contoso.com", **more)


def take(scenario: MailScenario, **mail: Any) -> Any:
    received = scenario.receive(**mail)
    scenario.run()
    return received


def assert_both_say(scenario: MailScenario, *words: str) -> None:
    """Both EasyVista's ticket and the event of a webhook contain these words."""
    [prepared] = scenario.sink.received
    ticket, event = make_ticket(scenario, prepared), send_event(scenario, prepared)
    for word in words:
        assert word in ticket.description
        assert word in event["bodyText"]


def test_the_invitation_of_the_field_says_when_and_who_and_has_no_useless_file(scenario: MailScenario) -> None:
    take(scenario, **load_field_mail("m1-meeting-request.eml"))
    assert_both_say(
        scenario,
        "Meeting: invitation",
        "When: Tuesday, 2026-12-01, 09:00 to 09:30 UTC",
        "Organizer: Lee Gu (lee.gu@contoso.com)",
        "Invited: support@contoso.com",
    )
    assert scenario.sink.received[0].mail.attachments == ()


INVITATIONS = {
    "Outlook, French": (
        write_meeting(
            "REQUEST", *PARIS, "LOCATION:Salle Été\\, 2e étage", subject="Échange de portables", text="À mardi"
        ),
        ("Tuesday, 2026-12-01, 09:00 to 10:30 UTC", "Where: Salle Été, 2e étage", "À mardi"),
    ),
    "Apple, a whole day": (
        write_meeting("REQUEST", "DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261225"),
        ("When: Thursday, 2026-12-24, all day",),
    ),
    "Google, several days": (
        write_meeting("REQUEST", "DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227"),
        ("When: Thursday, 2026-12-24 to Saturday, 2026-12-26",),
    ),
    "Thunderbird, Japanese, over midnight": (
        write_meeting("REQUEST", "DTSTART:20261201T230000Z", "DTEND:20261202T010000Z", "LOCATION:会議室", text="保守"),
        ("Tuesday, 2026-12-01, 23:00 to Wednesday, 2026-12-02, 01:00 UTC", "Where: 会議室", "保守"),
    ),
    "a series": (
        write_meeting("REQUEST", *PARIS, "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;COUNT=5"),
        ("Repeats: weekly, every 2, on tuesday, 5 times",),
    ),
    "an update": (write_meeting("REQUEST", *PARIS, "SEQUENCE:2"), ("Meeting: changed invitation",)),
    "a cancellation, German": (
        write_meeting("CANCEL", *PARIS, subject="Abgesagt: Tausch", text="Fällt leider aus."),
        ("Meeting: cancellation", "Tuesday, 2026-12-01, 09:00 to 10:30 UTC", "Fällt leider aus."),
    ),
}


@pytest.mark.parametrize(("eml", "words"), INVITATIONS.values(), ids=INVITATIONS)
def test_invitations_and_cancellations_become_tickets(
    scenario: MailScenario, eml: bytes, words: tuple[str, ...]
) -> None:
    take(scenario, eml=eml)
    assert_both_say(scenario, *words)


def test_the_html_of_an_invitation_begins_with_the_same_lines(scenario: MailScenario) -> None:
    take(scenario, eml=write_meeting("REQUEST", *PARIS, "LOCATION:<b>Lab</b>", text="<p>Bring it</p>", kind="html"))
    [prepared] = scenario.sink.received
    shown = send_event(scenario, prepared, body="html")["bodyHtml"]
    assert shown.startswith("<p>Meeting: invitation<br>When: Tuesday, 2026-12-01")
    assert "Where: &lt;b&gt;Lab&lt;/b&gt;" in shown
    assert "Bring it" in shown


SILENT = {
    "Outlook, accepted": answer("ACCEPTED", subject="Accepted: Swap of laptops"),
    "Outlook, declined, German": answer("DECLINED", subject="Abgelehnt: Tausch", text="<p>&nbsp;</p>", kind="html"),
    "Exchange, tentative, Polish": answer(
        "TENTATIVE",
        subject="Wstępnie: Wymiana",
        text="-----Original Appointment-----\r\nOd: Support\r\nWysłano: dziś\r\nDo: Lee\r\nTemat: Wymiana\r\n\r\nText.",
    ),
    "Google": answer(
        "ACCEPTED",
        subject="Accepted: Swap @ Tue Dec 1",
        text="Lee Gu has accepted this invitation.\r\n\r\nSwap of laptops\r\nTuesday Dec 1",
        more="Sender: Google Calendar <calendar-notification@google.com>\r\nAuto-Submitted: auto-generated\r\n",
    ),
    "a signature": answer("ACCEPTED", subject="承諾: 交換", text="\r\n-- \r\nLee Gu"),
}
SPOKEN = {
    "Outlook": answer("DECLINED", subject="Declined: Swap", text="My laptop is at home, can you come on Friday?"),
    "Outlook, Swedish, above the invitation": answer(
        "DECLINED",
        subject="Avböjt: Byte",
        text="<div>Jag är sjuk.</div><hr><p>Från: Support<br>Skickat: idag<br>Till: Lee<br>Ämne: Byte</p>",
        kind="html",
    ),
    "Google, with a note": answer(
        "DECLINED",
        text='Lee Gu has declined this invitation with this note:\r\n\r\n"The lift is broken."\r\n\r\nSwap',
        more="Auto-Submitted: auto-generated\r\n",
    ),
    "another time proposed": write_meeting("COUNTER", *PARIS, subject="新しい時間: 交換", text="午後がいいです"),
}


@pytest.mark.parametrize("eml", SILENT.values(), ids=SILENT)
def test_an_answer_without_words_is_set_aside_with_its_evidence(scenario: MailScenario, eml: bytes) -> None:
    mail = take(scenario, eml=eml)
    described = scenario.describe(mail.id)
    assert causes(scenario, mail) == ["AutomaticMail"]
    assert "An answer to an invitation" in described["deliveries"][0]["message"]
    assert "without words of a person" in described["screening"]["evidence"][0]
    assert scenario.sink.received == []


@pytest.mark.parametrize("eml", SPOKEN.values(), ids=SPOKEN)
def test_an_answer_with_words_is_content(scenario: MailScenario, eml: bytes) -> None:
    mail = take(scenario, eml=eml)
    described = scenario.describe(mail.id)
    assert described["state"] == "delivered"
    assert "with words of a person" in described["screening"]["evidence"][0]
    assert_both_say(scenario, "Meeting: answer, ", "Answered by: Lee Gu")


def test_mails_that_are_no_meetings_cost_no_request(scenario: MailScenario) -> None:
    for number in range(3):
        scenario.receive(subject=f"Mail {number}", text="Hello")
    scenario.poll()
    plain = len(scenario.calls())
    scenario.gateway.sim.exchanges.clear()
    for number in range(3):
        scenario.receive(eml=write_meeting("REQUEST", subject=f"Meeting {number}").replace(b"<m", b"<%d" % number))
    scenario.receive(subject="Mail", text="Hello")
    scenario.poll()
    assert plain == 1
    asked = [one for one in scenario.requests() if "/messages/" in one and "/delta" not in one]
    assert len(asked) == 2 * 3  # the fields and the attachments of the meetings
    assert len(scenario.calls()) == 3


def test_fields_that_graph_does_not_give_are_said_to_be_missing(scenario: MailScenario) -> None:
    mail = scenario.receive(eml=write_meeting("REQUEST", text="See you"))
    refusal = Answer(404, {}, {"error": {"code": "ErrorItemNotFound", "message": "x"}})
    scenario.gateway.sim.faults.add(refusal, api="mail", method="GET", path=rf"/messages/{mail.id}$")
    scenario.run()
    assert_both_say(scenario, "Meeting: invitation", "When: Exchange did not say; the mail in", "See you")


@pytest.mark.parametrize("text", ["\n" * 100_000, "<style" * 20_000, "<!--" * 25_000, "< " * 50_000, '"' * 100_000])
@pytest.mark.parametrize("header", [{}, {"Auto-Submitted": "auto-generated"}])
def test_hostile_answers_are_read_quickly(text: str, header: dict[str, str]) -> None:
    headers = [{"name": name, "value": value} for name, value in header.items()]
    body = {"contentType": "html", "content": text}
    start = time.process_time()
    has_words_of_a_person(
        InboundMail("support", "x@y.example", "0a", {"body": body, "internetMessageHeaders": headers})
    )
    assert time.process_time() - start < 1
