"""Support mails become tickets, confirmations and alarms, run by the engine against the app."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest

from shared.errors import Rejected
from tests.functional.flow_runs.support_flows import ADDRESS, BOTH_READINGS, RECIPIENTS, SupportFlow, only
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import File, Reference

pytestmark = pytest.mark.usefixtures("rows_in_memory")

CSV = "Name;Größe;€\r\nMüller;1,5;“ja”\r\n".encode("cp1252")
JSON = b'{ "b": 1.0,\r\n  "a": [ ] }\r\n'
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\x00"
TICKETS = "support-mail-ticket"


@pytest.fixture(params=BOTH_READINGS)
def flow(request: pytest.FixtureRequest, scenario: MailScenario) -> SupportFlow:
    return SupportFlow(scenario, TICKETS, reads_both_branches=request.param)


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
    assert (mail.to, mail.sender) == (("robin@example.com",), ADDRESS)
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
    only(flow.receive(subject="x" * 400 + "\U0001f600", text="a < b & c\n" * 20_000, attachments=files))
    only(flow.receive(subject=None, text=None))
    links = [Reference(f"{number} {'x' * 200}.docx", f"https://contoso.example/{'y' * 300}") for number in range(40)]
    only(flow.receive(subject="Links", text="a < b & c\n" * 20_000, attachments=links))
    odd, empty, linked = flow.tickets
    assert 50_000 < len(linked.values["Description"]) < 64_000
    assert sorted(odd.attachments.values()) == [b"0", b"1", b"2", b"3", b"4"]
    cut = odd.values["Description"]
    assert cut.startswith("<p>Only the beginning of the text is here; the mail in the support mailbox has")
    assert "a &lt; b &amp; c<br>a &lt;" in cut
    assert len(cut) < 60_200
    assert empty.values["Title"] == "(no subject)"
    assert len(flow.outlook.mails) == 3


def test_files_that_are_not_attached_are_named_with_reason_and_link(open_scenario: OpenScenario) -> None:
    flow = SupportFlow(open_scenario(attachment_mb=1), TICKETS)
    files = [
        File("shot.png", "image/png", PNG, inline=True, content_id="shot"),
        File("../auditd\u202efdp.exe:x", "application/pdf", b"%PDF"),
        File("<b>film.mov", "video/quicktime", b"x" * 1_100_000),
        Reference("Plan.docx", "https://contoso-my.example/plan?a=1&b=2"),
    ]
    only(flow.receive(subject="Bildschirm", html="<p>So sieht es aus:</p><img src='cid:shot'>", attachments=files))
    [ticket] = flow.tickets
    assert ticket.attachments == {"1 shot.png": PNG, "2 _auditd fdp.exe_x": b"%PDF"}
    named, _, text = ticket.values["Description"].partition("</ul>")
    film, plan = named.removeprefix("<p>Not attached:</p><ul>").removesuffix("</li>").split("</li>")
    assert film.startswith("<li>_b_film.mov (1.0 MiB, more than the gateway reads from this mailbox; the mail in ")
    assert '<a href="https://outlook.office365.com/owa/?ItemID=' in film
    assert "&amp;viewmodel=" in film
    assert plan.startswith("<li>Plan.docx (a link to a file in the cloud")
    assert 'href="https://' in plan
    assert "So sieht es aus" in text


def test_a_file_that_the_gateway_hands_out_in_parts_only_is_named(scenario: MailScenario) -> None:
    flow = SupportFlow(scenario, TICKETS)
    flow.connections.shown_size = 33_554_433
    only(flow.receive(subject="Backup", text="Attached", attachments=[File("a.zip", "application/zip", b"x")]))
    [ticket] = flow.tickets
    assert ticket.attachments == {}
    line = '<li>a.zip (larger than a flow gets at once): <a href="https://outlook.office365.com/'
    assert line in ticket.values["Description"]


def test_a_mail_that_the_sink_refuses_is_reported_with_cause_and_remedy(scenario: MailScenario) -> None:
    def refuse() -> None:
        raise Rejected("The category is not known.", code="TicketRefused")

    flow = SupportFlow(scenario, "support-mail-failed")
    scenario.sink.before = refuse
    only(flow.receive(subject="Printer <b>"))
    [message], [mail] = flow.teams.messages, flow.outlook.mails
    assert (message.team, message.channel) == ("7e00-01", "19:abc@thread.tacv2")
    assert mail.to == (RECIPIENTS,)
    assert "TicketRefused" in mail.subject
    for text in (message.body, mail.body):
        assert "Subject: Printer &lt;b><br>From: robin@example.com<br>Received: 20" in text
        assert "Cause: TicketRefused<br>" in text
        assert "The category is not known." in text
        assert "Key for the action Deliver a support mail again: " in text
