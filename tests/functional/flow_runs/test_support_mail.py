"""Support mails become tickets and confirmations, run by the engine against the app, in both readings of `if`."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest

from devkit.flow_runs.engine import Run
from tests.functional.flow_runs.support_flows import SupportFlow
from tests.functional.mail.conftest import MailScenario
from twin.mail.contents import File

CSV = "Name;Größe;€\r\nMüller;1,5;“ja”\r\n".encode("cp1252")
JSON = b'{ "b": 1.0,\r\n  "a": [ ] }\r\n'
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\x00"


@pytest.fixture(params=[False, True], ids=["lazy-if", "eager-if"])
def flow(request: pytest.FixtureRequest, scenario: MailScenario) -> SupportFlow:
    return SupportFlow(scenario, reads_both_branches=request.param)


def only(runs: list[Run]) -> Run:
    """The one run, in which no step failed."""
    [run] = runs
    assert [record for record in run.history if record["status"] in ("Failed", "TimedOut")] == []
    assert run.status == "Succeeded"
    return run


def write_mail_with_files() -> bytes:
    """A mail as clients write it: the CSV says in which charset it is."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "Lee Gu <lee@example.com>", "support@contoso.com", "Three files"
    mail["Message-ID"] = "<three-files@mail.example.com>"
    mail.set_content("See the files.")
    mail.add_attachment(CSV, "text", "csv", filename="größen.csv", params={"charset": "windows-1252"})
    mail.add_attachment(JSON, "application", "json", filename="config.json")
    mail.add_attachment(PNG, "image", "png", filename="shot.png")
    return mail.as_bytes()


def test_files_arrive_at_the_list_byte_for_byte(flow: SupportFlow) -> None:
    only(flow.receive(eml=write_mail_with_files()))
    [ticket] = flow.tickets
    assert {name.partition(" ")[2]: content for name, content in ticket.attachments.items()} == {
        "größen.csv": CSV, "config.json": JSON, "shot.png": PNG,
    }  # fmt: skip


def test_a_mail_becomes_one_ticket_and_its_sender_gets_one_confirmation(flow: SupportFlow) -> None:
    run = only(flow.receive(subject="Printer <3 & o'more", html="<p>On <b>fire</b></p>"))
    [ticket] = flow.tickets
    assert ticket.values["Title"] == "Printer <3 & o'more"
    assert "<b>fire</b>" in ticket.values["Description"]
    [mail] = flow.outlook.mails
    assert (mail.to, mail.sender) == (("robin@example.com",), "support@example.com")
    assert mail.subject == f"[Ticket {ticket.id}] Printer <3 & o'more"
    assert "Printer &lt;3 &amp; o'more" in mail.body
    only([flow.run_again(run)])
    assert (len(flow.tickets), len(flow.outlook.mails)) == (1, 1)


def test_an_alert_of_a_machine_becomes_a_ticket_without_confirmation(flow: SupportFlow) -> None:
    only(flow.receive(subject="Disk full: srv1", text="98 %", headers={"Auto-Submitted": "auto-generated"}))
    assert [ticket.values["Title"] for ticket in flow.tickets] == ["Disk full: srv1"]
    assert flow.outlook.mails == []


def test_an_automatic_answer_becomes_no_ticket(flow: SupportFlow) -> None:
    headers = {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}
    for run in flow.receive(subject="Automatic reply: Out of office", text="I am away.", headers=headers):
        only([run])
    assert (flow.tickets, flow.outlook.mails) == ([], [])


def test_a_pasted_screenshot_is_kept(flow: SupportFlow) -> None:
    shot = File("image001.png", "image/png", PNG, inline=True, content_id="shot@01")
    only(flow.receive(subject="Screen", html="<p>Look:</p><img src='cid:shot@01'>", attachments=[shot]))
    [ticket] = flow.tickets
    assert list(ticket.attachments.values()) == [PNG]


@pytest.mark.slow(reason="a long text and many files")
def test_odd_mails_become_tickets_too(flow: SupportFlow) -> None:
    names = ['a"b*c:d<e>f?g/h\\i|j.txt', "same.txt", "same.txt", ".hidden", "trailing. "]
    files = [File(name, "text/plain", str(number).encode()) for number, name in enumerate(names)]
    only(flow.receive(subject="x" * 400 + "\U0001f600", text="a & b\n" * 20_000, attachments=files))
    only(flow.receive(subject=None, text=None))
    odd, empty = flow.tickets
    assert sorted(odd.attachments.values()) == [b"0", b"1", b"2", b"3", b"4"]
    assert odd.values["Description"].startswith("<p>Only the beginning of the text is here")
    assert empty.values["Title"] == "(no subject)"
    assert len(flow.outlook.mails) == 2
