"""Replies become comments on the ticket of their thread; a failed run is reported, and goes on where it stopped."""

from typing import Any

import pytest

from devkit.flow_runs.engine import Run
from devkit.flow_runs.faults import Fault, Kind
from tests.functional.flow_runs.support_flows import ADDRESS, RECIPIENTS, SupportFlow, only
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import File
from twin.seeds.mails import SUPPORT

pytestmark = [
    pytest.mark.usefixtures("rows_in_memory"),
    pytest.mark.slow(reason="receives several mails for each test, and runs the whole flow for each"),
]

LEE, MEGAN, EVE = "lee.gu@contoso.com", "megan.bowen@contoso.com", "eve@fabrikam.example"
FORM, ADELE = "forms@contoso.com", "adele.vance@contoso.com"
TICKETS = "support-mail-ticket"
FILES = [File("a.txt", "text/plain", b"a"), File("b.txt", "text/plain", b"b")]


@pytest.fixture
def flow(scenario: MailScenario) -> SupportFlow:
    return SupportFlow(scenario, TICKETS, reads_both_branches=True)


def answer(*ids: str) -> dict[str, str]:
    """The headers of an answer to mails, the last of them just before it."""
    return {"In-Reply-To": f"<{ids[-1]}>", "References": " ".join(f"<{one}>" for one in ids)}


def counts(flow: SupportFlow) -> tuple[int, int, int]:
    """How many tickets, comments and confirmations there are."""
    sent = [mail for mail in flow.outlook.mails if mail.sender == ADDRESS]
    return len(flow.tickets), len(flow.comments), len(sent)


def alarms(flow: SupportFlow) -> list[str]:
    """The mails to those in charge."""
    return [mail.body for mail in flow.outlook.mails if mail.to == (RECIPIENTS,)]


def failed(runs: list[Run]) -> Run:
    """The one run, which ended as failed."""
    [run] = runs
    assert run.status == "Failed"
    assert run.error is not None
    return run


def test_a_reply_of_a_participant_becomes_a_comment_with_its_files_and_no_confirmation(flow: SupportFlow) -> None:
    only(flow.receive(sender=LEE, cc=[MEGAN], subject="Printer", message_id="first@x", attachments=FILES[:1]))
    reply = only(
        flow.receive(
            sender=MEGAN, subject="RE: Printer", message_id="second@x", headers=answer("first@x"), text="<Me> too & so",
            attachments=FILES,
        )
    )  # fmt: skip
    only(flow.receive(sender=LEE, subject="RE: Printer", headers=answer("first@x", "sent-by-us@x", "second@x")))
    assert counts(flow) == (1, 2, 1)
    [ticket], first = flow.tickets, flow.comments[0]
    assert {comment.values["TicketId"] for comment in flow.comments} == {str(ticket.id)}
    assert first.values["Requester"] == MEGAN
    assert "&lt;Me> too &amp; so" in first.values["Description"]
    assert list(first.attachments) == ["1 a.txt", "2 b.txt"]
    assert list(ticket.attachments) == ["1 a.txt"]
    only([flow.run_again(reply)])
    assert counts(flow) == (1, 2, 1)


def test_a_stranger_gets_a_ticket_of_ones_own_that_says_why(flow: SupportFlow) -> None:
    only(flow.receive(sender=LEE, subject="Printer", message_id="first@x"))
    only(flow.receive(sender=EVE, subject="RE: [Ticket 1] Printer", headers=answer("first@x")))
    assert counts(flow) == (2, 0, 2)
    assert "its author does not take part in it" in flow.tickets[1].values["Description"]


def test_an_answer_to_the_confirmation_becomes_a_comment_of_whom_the_ticket_is_for(flow: SupportFlow) -> None:
    only(flow.receive(sender=LEE, subject="Printer [Ticket of", message_id="first@x"))
    [confirmation] = flow.outlook.mails
    headers = answer("confirmation@x")
    only(flow.receive(sender=LEE, subject=f"AW: {confirmation.subject}", message_id="answer@x", headers=headers))
    only(flow.receive(sender=LEE, subject=f"AW: {confirmation.subject}", headers=answer("answer@x", "more@x")))
    assert counts(flow) == (1, 2, 1)
    forged = {"Authentication-Results": "dmarc=fail header.from=contoso.com"}
    only(flow.receive(sender=LEE, subject=f"AW: {confirmation.subject}", text="Pay here", headers=forged))
    assert counts(flow) == (2, 2, 1)


def test_an_automatic_answer_in_a_thread_is_noted_and_answered_by_nobody(flow: SupportFlow) -> None:
    only(flow.receive(sender=LEE, subject="Printer", message_id="first@x"))
    away = answer("first@x") | {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}
    only(flow.receive(sender=LEE, subject="Automatic reply: Printer", headers=away))
    report = answer("first@x") | {"Content-Type": "multipart/report; report-type=delivery-status"}
    only(flow.receive(sender="mailer-daemon@x.example", subject="Undelivered: Printer", headers=report))
    assert counts(flow) == (1, 1, 1)


def test_a_ticket_and_its_confirmation_are_for_whom_the_policy_names(open_scenario: OpenScenario) -> None:
    flow = SupportFlow(open_scenario(requestor={"reply_to_from": [FORM]}), TICKETS)
    only(flow.receive(sender=FORM, reply_to=[ADELE], subject="Order"))
    only(flow.receive(sender=EVE, reply_to=[ADELE], subject="Another"))
    assert [ticket.values["Requester"] for ticket in flow.tickets] == [ADELE, EVE]
    assert [mail.to for mail in flow.outlook.mails] == [(ADELE,), (EVE,)]


@pytest.mark.parametrize(
    "mail",
    [
        {"sender": SUPPORT},
        {"sender": LEE, "headers": {"Auto-Submitted": "auto-generated"}},
        {"sender": LEE, "headers": {"Authentication-Results": "dmarc=fail"}},
    ],
)
def test_nobody_is_confirmed_to_who_might_be_a_machine_or_somebody_else(
    scenario: MailScenario, mail: dict[str, Any]
) -> None:
    flow = SupportFlow(scenario, TICKETS)
    only(flow.receive(subject="Printer", **mail))
    assert counts(flow) == (1, 0, 0)


WRITES = ["Create_the_ticket", "Add_it_to_the_item", "Confirm_the_ticket", "Note_the_confirmation"]


@pytest.mark.parametrize("step", WRITES)
def test_a_run_that_failed_is_reported_and_goes_on_where_it_stopped(scenario: MailScenario, step: str) -> None:
    flow = SupportFlow(scenario, TICKETS)
    for number, kind in enumerate((Kind.REFUSED, Kind.UNAVAILABLE, Kind.LOST)):
        flow.host.fault = Fault(step, kind)
        run = failed(flow.receive(sender=LEE, subject=f"Mail {number}", attachments=FILES))
        assert run.error is not None
        assert run.error["code"] == "WorkFailed"
        assert f"Run {run.id}" in alarms(flow)[-1]
        flow.host.fault = None
        only([flow.run_again(run)])
        assert counts(flow) == (number + 1, 0, number + 1), kind
        assert list(flow.tickets[-1].attachments) == ["1 a.txt", "2 b.txt"], kind
        assert len(alarms(flow)) == number + 1


def test_one_file_that_fails_keeps_neither_the_others_nor_the_confirmation_away(scenario: MailScenario) -> None:
    flow = SupportFlow(scenario, TICKETS)
    flow.host.fault = Fault("Add_it_to_the_item", Kind.REFUSED, times=1)
    run = failed(flow.receive(sender=LEE, subject="Printer", attachments=FILES))
    assert list(flow.tickets[0].attachments) == ["2 b.txt"]
    assert counts(flow) == (1, 0, 1)
    assert (
        "<p>The step “Add it to the item” failed: Access is denied for this call: a fault of the test."
        in alarms(flow)[0]
    )
    only([flow.run_again(run)])
    assert sorted(flow.tickets[0].attachments) == ["1 a.txt", "2 b.txt"]
    assert counts(flow) == (1, 0, 1)


def test_the_run_is_red_also_if_the_report_cannot_be_sent(scenario: MailScenario) -> None:
    flow = SupportFlow(scenario, TICKETS)
    flow.host.fault = Fault("Create_the_ticket", Kind.REFUSED)
    flow.outlook.operations["SendEmailV2"] = lambda *_: flow.outlook.refuse(403, "No licence.")
    run = failed(flow.receive(sender=LEE, subject="Printer"))
    assert run.error is not None
    assert run.error["message"].startswith("The step “Create the ticket” failed: Access is denied for this call")


def test_a_reply_whose_first_mail_failed_becomes_the_ticket_and_the_first_mail_its_comment(
    scenario: MailScenario,
) -> None:
    flow = SupportFlow(scenario, TICKETS)
    flow.host.fault = Fault("Create_the_ticket", Kind.REFUSED)
    first = failed(flow.receive(sender=LEE, subject="Printer", message_id="first@x"))
    flow.host.fault = None
    only(flow.receive(sender=LEE, subject="RE: Printer", headers=answer("first@x")))
    only([flow.run_again(first)])
    assert counts(flow) == (1, 1, 1)
    assert flow.comments[0].values["TicketId"] == str(flow.tickets[0].id)


def test_quotes_in_what_is_looked_for_are_doubled(scenario: MailScenario) -> None:
    flow = SupportFlow(scenario, TICKETS)
    only(flow.receive(sender="o'neil@contoso.com", subject="Printer's [Ticket 5]"))
    only(flow.receive(sender="o'neil@contoso.com", subject="RE: [Ticket 1] Printer's"))
    assert counts(flow) == (1, 1, 1)
