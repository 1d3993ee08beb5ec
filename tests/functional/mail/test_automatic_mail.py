"""Automatic mail: what belongs to a known ticket becomes a note, the rest is set aside where a person can read it."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.reports.alarms import Watch
from shared.storage.tables import Operation
from tests.field_mails import load_field_mail
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import causes

pytestmark = [pytest.mark.usefixtures("rows_in_memory"), pytest.mark.slow(reason="long scenarios of mails")]

AUTOMATIC_REPLY = {"Auto-Submitted": "auto-replied"}
REFERENCE = "mail-" + "0f" * 20


def ask(scenario: MailScenario, path: str = "", **query: Any) -> Any:
    answer = scenario.gateway.get(f"mailboxes/{scenario.name}{path}", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def take(scenario: MailScenario, *names: str) -> list[Any]:
    """Receive mails of the field one after the other, each worked on before the next comes; return the last ones."""
    found = []
    for name in names:
        found.append(scenario.receive(**load_field_mail(f"{name}.eml")))
        scenario.run()
    return found


@pytest.mark.parametrize(
    "name",
    [
        "s1-contact-form-own-address",
        "s2-handed-over-by-other-team",
        "s3-mailbox-almost-full",
        "s4-gateway-alert-of-postmaster",
    ],
)
def test_requests_from_own_addresses_and_notices_of_mail_systems_become_tickets(
    scenario: MailScenario, name: str
) -> None:
    scenario.addresses += ["facilities@contoso.com"]
    [mail] = take(scenario, name)
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert not scenario.sink.received[0].screening.may_reply


def test_a_confirmation_that_comes_back_makes_no_second_ticket(scenario: MailScenario) -> None:
    own = scenario.mailbox.settings.address
    scenario.receive(subject="Contact form", sender=own)
    scenario.run()
    reference = scenario.sink.received[0].reference
    for turn in range(3):
        back = scenario.receive(
            subject=f"[Ticket {turn}] Contact form", sender=own, html=f"<p>Thank you.</p><p>Reference: {reference}</p>"
        )
        scenario.run()
        assert causes(scenario, back) == ["AutomaticMail"]
    assert len(scenario.sink.tickets) == 1


TOOL = "servicedesk@contoso.com"
ALIAS = "help@contoso.com"
NUMBER = "I261120_00012"


@pytest.mark.parametrize(
    "mail",
    [
        load_field_mail("s6-mail-of-an-alias.eml"),
        {"subject": f"Ihr Ticket {NUMBER} wurde aktualisiert", "sender": TOOL, "text": "Bitte nicht antworten."},
        {
            "subject": f"Le ticket {NUMBER} a \u00e9t\u00e9 cr\u00e9\u00e9",
            "sender": "HELP@contoso.com",
            "html": "<p>Bonjour</p>",
        },
        {"subject": f"[{NUMBER}] \u5df2\u5173\u95ed", "sender": ALIAS},
        {"subject": "Confirmation", "sender": ALIAS, "text": f"Thank you.\n\nReference: {REFERENCE}"},
        {"subject": "Confirmation", "sender": "any@contoso.com", "headers": {"X-Loop": ALIAS}},
    ],
)
def test_notifications_of_the_tool_and_of_an_alias_are_set_aside(
    open_scenario: OpenScenario, mail: dict[str, Any]
) -> None:
    scenario = open_scenario(own_senders=[TOOL, ALIAS])
    scenario.receive(subject=f"Printer {NUMBER}", sender="lee.gu@contoso.com")
    scenario.run()
    notification = scenario.receive(**mail)
    scenario.run()
    assert causes(scenario, notification) == ["AutomaticMail"]
    assert scenario.describe(notification.id)["screening"]["evidence"]
    assert len(scenario.sink.tickets) == 1


@pytest.mark.parametrize(
    "mail",
    [
        {"subject": "Please order a laptop", "sender": TOOL},
        {"subject": f"RE: {NUMBER} Printer", "sender": TOOL},
        {"subject": f"WG: {NUMBER} Drucker", "sender": ALIAS},
        {"subject": f"{NUMBER} Printer", "sender": ALIAS, "headers": {"In-Reply-To": "<a@example.com>"}},
        {"subject": f"Ticket {NUMBER} was updated", "sender": "lee.gu@contoso.com"},
    ],
)
def test_what_people_write_with_these_addresses_is_no_notification(
    open_scenario: OpenScenario, mail: dict[str, Any]
) -> None:
    scenario = open_scenario(own_senders=[TOOL, ALIAS])
    found = scenario.receive(**mail)
    scenario.run()
    assert scenario.describe(found.id)["state"] == "delivered"


def test_without_the_setting_an_address_proves_nothing(scenario: MailScenario) -> None:
    [mail] = take(scenario, "s6-mail-of-an-alias")
    assert scenario.describe(mail.id)["state"] == "delivered"


def test_an_own_mail_is_no_note_even_if_it_names_a_ticket(scenario: MailScenario) -> None:
    scenario.receive(subject="Question", message_id="<known@example.com>")
    scenario.run()
    loop = {"X-Loop": scenario.mailbox.settings.address, "In-Reply-To": "<known@example.com>"}
    back = scenario.receive(subject="Re: Question", headers=loop)
    scenario.run()
    assert causes(scenario, back) == ["AutomaticMail"]
    assert len(scenario.sink.received) == 1


def test_an_automatic_reply_to_a_known_mail_is_a_note_of_its_ticket(scenario: MailScenario) -> None:
    [_, reply] = take(scenario, "o3a-request", "o3b-ooo-on-known-ticket")
    assert [prepared.is_note for prepared in scenario.sink.received] == [False, True]
    assert scenario.describe(reply.id)["state"] == "delivered"


def test_a_report_is_known_by_its_attached_original(scenario: MailScenario, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="gateway.events")
    [_, report] = take(scenario, "o5a-request", "o5b-ndr-attached-original")
    note = scenario.sink.received[1]
    assert note.is_note
    assert note.screening.bounced == ("o5a@field.example",)
    assert note.screening.failed_recipients == ("vendor@example.com",)
    assert scenario.describe(report.id)["state"] == "delivered"
    [event] = [one.getMessage() for one in caplog.records if "TicketNotificationBounced" in one.getMessage()]
    assert json.loads(event.partition(" ")[2])["ticket"]


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_report_is_known_by_the_headers_of_the_original(scenario: MailScenario, kind: str) -> None:
    scenario.receive(subject="Question", message_id="<known@example.com>")
    scenario.run()
    original = "From: a@contoso.com\r\nSubject: Question\r\nMessage-ID: <known@example.com>\r\n\r\nText\r\n"
    report = scenario.receive(eml=REPORT.format(kind=kind, original=original).encode())
    scenario.run()
    assert scenario.describe(report.id)["state"] == "delivered"
    assert scenario.sink.received[1].screening.failed_recipients == ("gone@example.com",)


REPORT = """From: MAILER-DAEMON <>\r
To: support@contoso.com\r
Subject: failure notice\r
Message-ID: <report@example.com>\r
Date: Mon, 23 Nov 2026 09:00:00 +0000\r
MIME-Version: 1.0\r
Content-Type: multipart/report; boundary="b"\r
\r
--b\r
Content-Type: text/plain\r
\r
Sorry.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.com\r
\r
Final-Recipient: rfc822; gone@example.com\r
Action: failed\r
\r
--b\r
Content-Type: {kind}\r
\r
{original}\r
--b--\r
"""


def test_an_automatic_mail_of_no_known_ticket_is_listed_with_its_evidence(scenario: MailScenario) -> None:
    scenario.receive(subject="Printer")
    mail = scenario.receive(subject="Automatic reply: x", headers=AUTOMATIC_REPLY)
    scenario.run()
    [listed] = ask(scenario, "/mails", state="automatic")["value"]
    assert listed["key"] == scenario.mailbox.key(mail.id)
    assert listed["deliveries"][0]["message"].startswith("Auto-Submitted: auto-replied")
    assert listed["screening"] == {
        "mayReply": False,
        "makesTicket": False,
        "isBounce": False,
        "evidence": ["Auto-Submitted: auto-replied", "Subject: an automatic reply, and the headers agree"],
    }
    shown = ask(scenario)
    assert (shown["automatic"], shown["quarantined"], shown["copies"]) == (1, 1, 0)


def test_copies_are_listed_with_the_mail_that_came_first(scenario: MailScenario) -> None:
    twice = {"subject": "Printer", "message_id": "<one@example.com>", "received": datetime.now(UTC)}
    first = scenario.receive(**twice)
    scenario.run()
    copy = scenario.receive(**twice)
    scenario.run()
    [listed] = ask(scenario, "/mails", state="copy")["value"]
    assert (listed["key"], listed["copyOf"]) == (scenario.mailbox.key(copy.id), scenario.mailbox.key(first.id))
    assert (listed["state"], listed["reason"]) == ("skipped", "copy")
    assert ask(scenario)["copies"] == 1
    assert ask(scenario, "/mails", state="before-cutover")["value"] == []


def test_mails_before_the_cutover_are_listed(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(since=(datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    scenario.receive(subject="Old")
    scenario.run()
    [listed] = ask(scenario, "/mails", state="before-cutover")["value"]
    assert (listed["subject"], listed["reason"]) == ("Old", "before-cutover")


def test_the_verdict_and_the_cleaned_text_are_in_the_record_and_in_the_trigger(scenario: MailScenario) -> None:
    hostile = "<p>On <b>fire</b></p><script>alert(1)</script><img src='https://tracker.example/x.gif'>"
    mail = scenario.receive(subject="Printer", html=hostile, headers={"Precedence": "bulk"})
    scenario.run()
    record = ask(scenario, f"/mails/{scenario.mailbox.key(mail.id)}")
    [item] = scenario.gateway.get("connector/previews/mails", kind="arrived", mailbox=scenario.name).json()["value"]
    for shown in (record, item):
        assert shown["screening"]["mayReply"] is False
        assert shown["screening"]["evidence"] == ["Precedence: bulk"]
        assert shown["text"].strip() == "On fire"
        assert "<b>fire</b>" in shown["html"]
        assert "script" not in shown["html"]


def test_a_mail_of_an_older_version_has_no_verdict(scenario: MailScenario) -> None:
    mail = scenario.receive(subject="Printer")
    scenario.run()
    name = f"m|{scenario.mailbox.key(mail.id)}"
    row = scenario.services.table.get(scenario.name, name)
    assert row is not None
    old = {one: value for one, value in row.values.items() if one != "screening"}
    scenario.services.table.transact([Operation("replace", old, row.etag)])
    assert scenario.describe(mail.id)["screening"] is None


def test_an_alarm_is_raised_when_more_is_set_aside_than_usual(
    scenario: MailScenario, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(scenario.services.table, [scenario.mailbox], scenario.sinks)
    caplog.set_level(logging.INFO, logger="gateway.events")
    ledger, now = scenario.mailbox.ledger, datetime.now(UTC)

    def set_aside(number: int, since: datetime) -> None:
        for one in range(number):
            name = f"q|{one:020}{int(since.timestamp()):020}|tickets"
            scenario.services.table.upsert(
                {"PartitionKey": scenario.name, "RowKey": name, "cause": "AutomaticMail", "since": since}
            )

    def alarms() -> list[Any]:
        watch.check_alarms({})
        return [one for one in watch.active() if one["about"] == scenario.name and one["event"] == "SetAsideGrew"]

    ledger.put_state(last_success=now)
    set_aside(20, now)
    assert alarms() == []
    set_aside(1, now - timedelta(hours=1))
    [alarm] = alarms()
    assert (alarm["mails"], alarm["usual"], alarm["causes"]) == (21, 0, {"AutomaticMail": 21})
    set_aside(50, now - timedelta(days=2))
    assert alarms() == []
