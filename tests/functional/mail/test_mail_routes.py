"""What flows and operators read of support mail, through the real worker library."""

from typing import Any

import pytest

from inbound_mail.delivery.circuit_breaker import Circuit
from inbound_mail.ledger.ledger import DeliveryState
from shared.errors import ConfigurationError, Rejected
from tests.functional.conftest import told
from tests.functional.mail.conftest import Office, OpenOffice
from twin.mail.contents import File, Reference


def ask(office: Office, path: str = "", **query: Any) -> Any:
    answer = office.stage.get(f"mailboxes/{office.name}{path}", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refuse(message: str = "Broken.") -> None:
    raise Rejected(message, code="TicketRefused")


def test_a_mailbox_tells_its_state(office: Office) -> None:
    office.receive(subject="One")
    office.run()
    [listed] = office.stage.get("mailboxes").json()["value"]
    assert listed == ask(office) | {"lagSeconds": listed["lagSeconds"]}
    assert listed["delivered"] == listed["received"] == 1
    assert listed["backlog"] == listed["quarantined"] == 0
    assert listed["lagSeconds"] < 60
    assert "lastError" not in listed


def test_a_mailbox_that_never_was_polled_has_no_success(office: Office) -> None:
    told_state = ask(office)
    assert told_state["lastSuccessDateTime"] is None
    assert told_state["lagSeconds"] is None


def test_a_mailbox_tells_its_last_error(office: Office) -> None:
    office.stage.sim.mail.remove_mailbox(office.desk.mailbox.address)
    office.poll()
    shown = ask(office)
    assert shown["lastError"]["code"]
    assert shown["isPaused"] is True


def test_mails_come_in_order_by_cursor_and_none_twice(office: Office) -> None:
    for number in range(5):
        office.receive(subject=f"Mail {number}")
        office.poll()
    first = ask(office, "/mails", limit=2)
    assert [mail["subject"] for mail in first["value"]] == ["Mail 0", "Mail 1"]
    second = office.stage.http.get(first["nextLink"], headers={"x-functions-key": office.stage.key}, timeout=30).json()
    assert [mail["subject"] for mail in second["value"]] == ["Mail 2", "Mail 3"]
    third = ask(office, "/mails", limit=2, cursor=second["cursor"])
    assert [mail["subject"] for mail in third["value"]] == ["Mail 4"]
    assert "nextLink" not in third
    assert ask(office, "/mails", cursor=third["cursor"])["value"] == []
    office.receive(subject="Later")
    office.poll()
    later = ask(office, "/mails", cursor=third["cursor"])
    assert [mail["subject"] for mail in later["value"]] == ["Later"]


def test_a_cursor_of_another_mailbox_is_refused(office: Office) -> None:
    office.receive()
    office.poll()
    cursor = ask(office, "/mails")["cursor"]
    answer = office.stage.get(f"mailboxes/{office.name}/mails", cursor=cursor[:-2] + "AA")
    assert told(answer)["code"] == "InvalidCursor"


def test_one_mail_comes_whole(office: Office) -> None:
    office.receive(
        subject="Files",
        html="<p>See <b>this</b></p>",
        attachments=[File("a b.pdf", "application/pdf", b"%PDF-1.7"), Reference("Plan", "https://example.com/plan")],
    )
    office.run()
    [listed] = ask(office, "/mails")["value"]
    mail = ask(office, f"/mails/{listed['key']}")
    assert mail["message"]["body"]["content"].count("<b>this</b>") == 1
    assert [(one["name"], one["kind"], one["omitted"]) for one in mail["attachments"]] == [
        ("a b.pdf", "file", None),
        ("Plan", "reference", "Link"),
    ]
    assert mail["deliveries"][0]["ticket"] == "T-1"


def test_attachments_come_as_bytes_and_in_parts(office: Office) -> None:
    office.receive(attachments=[File("ü.pdf", "application/pdf", b"0123456789")])
    office.run()
    [listed] = ask(office, "/mails")["value"]
    path = f"mailboxes/{office.name}/mails/{listed['key']}/attachments/1"
    whole = office.stage.get(path)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"].startswith("application/pdf")
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%BC.pdf"
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = office.stage.get(path, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    rest = office.stage.get(path, headers={"Range": "bytes=7-"})
    assert rest.content == b"789"


def test_what_is_not_there_is_told_apart(office: Office) -> None:
    office.receive(attachments=[Reference("Plan", "https://example.com/plan")])
    office.run()
    [listed] = ask(office, "/mails")["value"]
    below = f"mailboxes/{office.name}/mails"
    cases = {
        "mailboxes/nobody": "UnknownMailbox",
        f"{below}/{'0' * 40}": "MailNotFound",
        f"{below}/NOT-A-KEY": "InvalidId",
        f"{below}/{listed['key']}/attachments/2": "AttachmentNotFound",
        f"{below}/{listed['key']}/attachments/1": "AttachmentOmitted",
    }
    assert {path: told(office.stage.get(path))["code"] for path in cases} == cases


def test_a_mail_comes_as_mime_while_it_is_in_the_mailbox(office: Office) -> None:
    message = office.receive(subject="As MIME", text="Hello")
    office.run()
    [listed] = ask(office, "/mails")["value"]
    path = f"mailboxes/{office.name}/mails/{listed['key']}/eml"
    answer = office.stage.get(path)
    assert answer.headers["content-type"].startswith("message/rfc822")
    assert b"Subject: As MIME" in answer.content
    office.stage.sim.run(lambda: office.mailbox.delete(message, forever=True))
    assert told(office.stage.get(path))["status"] == 404


def test_a_poll_is_asked_for_over_http(office: Office) -> None:
    before = office.side.polls.count()
    answer = office.stage.post(f"mailboxes/{office.name}/poll")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert office.side.polls.count() == before + 1


@pytest.mark.parametrize("body", [None, {"sink": "chosen"}])
def test_quarantined_mails_are_listed_and_delivered_again(open_office: OpenOffice, body: dict[str, str] | None) -> None:
    office = open_office(sinks=("one", "two"))
    first, second = office.sinks.values()
    first.before = refuse
    office.receive(subject="Refused by one")
    office.run()
    [waiting] = ask(office, "/mails", state="quarantined")["value"]
    states = {delivery["sink"].partition("-")[0]: delivery for delivery in waiting["deliveries"]}
    assert states["one"]["state"] == "quarantined"
    assert (states["one"]["cause"], states["one"]["message"]) == ("TicketRefused", "Broken.")
    assert states["two"]["state"] == "delivered"
    first.before = lambda: None
    chosen = next(name for name in office.sinks if name.startswith("one"))
    path = f"mailboxes/{office.name}/mails/{waiting['key']}/redeliver"
    answer = office.stage.post(path, body=body and {"sink": chosen})
    assert (answer.status_code, answer.json()["sinks"]) == (202, [chosen])
    office.queue.put({"mailbox": office.name, "key": waiting["key"], "sink": chosen})
    office.deliver()
    office.run()
    assert len(first.tickets) == len(second.tickets) == 1
    assert ask(office, "/mails", state="quarantined")["value"] == []
    assert ask(office, f"/mails/{waiting['key']}")["state"] == DeliveryState.DELIVERED
    assert told(office.stage.post(path))["code"] == "NotInQuarantine"


def test_status_shows_all_at_a_glance(office: Office) -> None:
    office.receive(subject="<script>alert(1)</script>")
    office.run()
    shown = office.stage.get("status").json()
    assert [mailbox["name"] for mailbox in shown["mailboxes"]] == [office.name]
    assert [sink["circuit"] for sink in shown["sinks"]] == ["closed"]
    page = office.stage.get("status", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert office.name in page.text


def test_status_shows_an_open_circuit(office: Office) -> None:
    name = next(iter(office.sinks))
    Circuit(office.side.table, name).open(ConfigurationError("The desk refuses the token."))
    [sink] = office.stage.get("status").json()["sinks"]
    assert sink["circuit"] == "open"
    assert sink["why"]["message"] == "The desk refuses the token."
    assert "The desk refuses the token." in office.stage.get("status", headers={"Accept": "text/html"}).text
