"""The routes about support mail, called through the real worker library."""

from typing import Any

import pytest

from inbound_mail.delivery.circuit_breaker import CircuitBreaker
from inbound_mail.ledger.records import DeliveryState
from shared.errors import ConfigurationError, Rejected
from tests.functional.conftest import read_error
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import File, Reference

pytestmark = pytest.mark.usefixtures("rows_in_memory")


def ask(scenario: MailScenario, path: str = "", **query: Any) -> Any:
    answer = scenario.gateway.get(f"mailboxes/{scenario.name}{path}", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refuse(message: str = "Broken.") -> None:
    raise Rejected(message, code="TicketRefused")


def test_a_mailbox_shows_its_state(scenario: MailScenario) -> None:
    scenario.receive(subject="One")
    scenario.run()
    [listed] = scenario.gateway.get("mailboxes").json()["value"]
    assert listed == ask(scenario) | {name: listed[name] for name in ("lagSeconds", "nextPollDateTime")}
    assert listed["delivered"] == listed["received"] == 1
    assert listed["backlog"] == listed["quarantined"] == 0
    assert listed["lagSeconds"] < 60
    assert "lastError" not in listed


def test_a_mailbox_that_never_was_polled_has_no_success(scenario: MailScenario) -> None:
    described = ask(scenario)
    assert described["lastSuccessDateTime"] is None
    assert described["lagSeconds"] is None


def test_a_mailbox_shows_its_last_error(scenario: MailScenario) -> None:
    scenario.gateway.sim.mail.remove_mailbox(scenario.mailbox.settings.address)
    scenario.poll()
    shown = ask(scenario)
    assert shown["lastError"]["code"]
    assert shown["isPaused"] is True


def test_mails_come_in_order_by_cursor_and_none_twice(scenario: MailScenario) -> None:
    for number in range(5):
        scenario.receive(subject=f"Mail {number}")
        scenario.poll()
    first = ask(scenario, "/mails", limit=2)
    assert [mail["subject"] for mail in first["value"]] == ["Mail 0", "Mail 1"]
    second = scenario.gateway.http.get(
        first["nextLink"], headers={"x-functions-key": scenario.gateway.key}, timeout=30
    ).json()
    assert [mail["subject"] for mail in second["value"]] == ["Mail 2", "Mail 3"]
    third = ask(scenario, "/mails", limit=2, cursor=second["cursor"])
    assert [mail["subject"] for mail in third["value"]] == ["Mail 4"]
    assert "nextLink" not in third
    assert ask(scenario, "/mails", cursor=third["cursor"])["value"] == []
    scenario.receive(subject="Later")
    scenario.poll()
    later = ask(scenario, "/mails", cursor=third["cursor"])
    assert [mail["subject"] for mail in later["value"]] == ["Later"]


def test_a_cursor_of_another_mailbox_is_refused(scenario: MailScenario) -> None:
    scenario.receive()
    scenario.poll()
    cursor = ask(scenario, "/mails")["cursor"]
    answer = scenario.gateway.get(f"mailboxes/{scenario.name}/mails", cursor=cursor[:-2] + "AA")
    assert read_error(answer)["code"] == "InvalidCursor"


def test_one_mail_comes_whole(scenario: MailScenario) -> None:
    scenario.receive(
        subject="Files",
        html="<p>See <b>this</b></p>",
        attachments=[File("a b.pdf", "application/pdf", b"%PDF-1.7"), Reference("Plan", "https://example.com/plan")],
    )
    scenario.run()
    [listed] = ask(scenario, "/mails")["value"]
    mail = ask(scenario, f"/mails/{listed['key']}")
    assert mail["message"]["body"]["content"].count("<b>this</b>") == 1
    assert [(one["name"], one["kind"], one["omitted"]) for one in mail["attachments"]] == [
        ("a b.pdf", "file", None),
        ("Plan", "reference", "Link"),
    ]
    assert [(one["reason"], one["link"]) for one in mail["attachments"]] == [
        (None, None),
        (
            f"a link to a file in the cloud; the mail in {scenario.mailbox.settings.address} has it",
            mail["message"]["webLink"],
        ),
    ]
    assert mail["message"]["webLink"].startswith("https://outlook.office365.com/owa/?ItemID=")
    assert mail["deliveries"][0]["ticket"] == "T-1"


def test_names_and_subjects_of_a_mail_are_safe_where_they_become_headers(scenario: MailScenario) -> None:
    scenario.receive(
        subject="Printer\u202e\u2028Bcc: all@contoso.com",
        attachments=[File("../nul\u202e.txt", "text/plain", b"x"), File("NUL.txt", "text/plain", b"y")],
    )
    scenario.run()
    [listed] = ask(scenario, "/mails")["value"]
    assert listed["subject"] == "Printer  Bcc: all@contoso.com"
    shown = ask(scenario, f"/mails/{listed['key']}")["attachments"]
    assert [one["safeName"] for one in shown] == ["_nul .txt", "_NUL.txt"]
    path = f"mailboxes/{scenario.name}/mails/{listed['key']}/attachments"
    names = [scenario.gateway.get(f"{path}/{number}").headers["content-disposition"] for number in (1, 2)]
    assert names == ["attachment; filename*=UTF-8''_nul%20.txt", "attachment; filename*=UTF-8''_NUL.txt"]


def test_attachments_come_as_bytes_and_in_parts(scenario: MailScenario) -> None:
    scenario.receive(attachments=[File("ü.pdf", "application/pdf", b"0123456789")])
    scenario.run()
    [listed] = ask(scenario, "/mails")["value"]
    path = f"mailboxes/{scenario.name}/mails/{listed['key']}/attachments/1"
    whole = scenario.gateway.get(path)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%BC.pdf"
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = scenario.gateway.get(path, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    rest = scenario.gateway.get(path, headers={"Range": "bytes=7-"})
    assert rest.content == b"789"


FILES = (
    File("prices.csv", "text/csv; charset=windows-1252", "Größe;Preis\r\nA4;5 €\r\n".encode("windows-1252")),
    File("report.json", "application/json", b'{ "b": 1.0,\n  "a": [ ] }\n'),
    File("screen.png", "image/png", b"\x89PNG\r\n\x1a\n\x00\xff"),
    File("page.html", "text/html", b"<p>\xe9</p>"),
    File("feed.xml", "application/xml", b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>"),
    File("form", "application/x-www-form-urlencoded", b"a=1&b=%FC"),
)


def test_engines_of_flows_read_no_attachment_as_text_or_as_an_object(scenario: MailScenario) -> None:
    scenario.receive(attachments=list(FILES))
    scenario.run()
    [listed] = ask(scenario, "/mails")["value"]
    shown = ask(scenario, f"/mails/{listed['key']}")["attachments"]
    assert [one["contentType"] for one in shown] == [one.content_type for one in FILES]
    for file, one in zip(FILES, shown, strict=True):
        answer = scenario.gateway.get(f"mailboxes/{scenario.name}/mails/{listed['key']}/attachments/{one['number']}")
        assert answer.content == file.data
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{file.name}"


def test_what_is_not_there_is_distinguished(scenario: MailScenario) -> None:
    scenario.receive(attachments=[Reference("Plan", "https://example.com/plan")])
    scenario.run()
    [listed] = ask(scenario, "/mails")["value"]
    below = f"mailboxes/{scenario.name}/mails"
    cases = {
        "mailboxes/nobody": "UnknownMailbox",
        f"{below}/{'0' * 40}": "MailNotFound",
        f"{below}/NOT-A-KEY": "InvalidId",
        f"{below}/{listed['key']}/attachments/2": "AttachmentNotFound",
        f"{below}/{listed['key']}/attachments/1": "AttachmentOmitted",
    }
    assert {path: read_error(scenario.gateway.get(path))["code"] for path in cases} == cases


def test_a_mail_comes_as_mime_while_it_is_in_the_mailbox(scenario: MailScenario) -> None:
    message = scenario.receive(subject="As MIME", text="Hello")
    scenario.run()
    [listed] = ask(scenario, "/mails")["value"]
    path = f"mailboxes/{scenario.name}/mails/{listed['key']}/eml"
    answer = scenario.gateway.get(path)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{listed['key']}.eml"
    assert b"Subject: As MIME" in answer.content
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.delete(message, forever=True))
    error = read_error(scenario.gateway.get(path))
    assert (error["status"], error["code"], error["target"]) == (404, "MailGone", "key")


def test_a_poll_is_asked_for_over_http(scenario: MailScenario) -> None:
    before = scenario.services.polls.count()
    answer = scenario.gateway.post(f"mailboxes/{scenario.name}/poll")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert scenario.services.polls.count() == before + 1


@pytest.mark.parametrize("body", [None, {"sink": "chosen"}])
def test_quarantined_mails_are_listed_and_delivered_again(
    open_scenario: OpenScenario, body: dict[str, str] | None
) -> None:
    scenario = open_scenario(sinks=("one", "two"))
    first, second = scenario.sinks.values()
    first.before = refuse
    scenario.receive(subject="Refused by one")
    scenario.run()
    [waiting] = ask(scenario, "/mails", state="quarantined")["value"]
    states = {delivery["sink"].partition("-")[0]: delivery for delivery in waiting["deliveries"]}
    assert states["one"]["state"] == "quarantined"
    assert (states["one"]["cause"], states["one"]["message"]) == ("TicketRefused", "Broken.")
    assert states["two"]["state"] == "delivered"
    first.before = lambda: None
    chosen = next(name for name in scenario.sinks if name.startswith("one"))
    path = f"mailboxes/{scenario.name}/mails/{waiting['key']}/redeliver"
    answer = scenario.gateway.post(path, body=body and {"sink": chosen})
    assert (answer.status_code, answer.json()["sinks"]) == (200, [chosen])
    scenario.queue.put({"mailbox": scenario.name, "key": waiting["key"], "sink": chosen})
    scenario.deliver()
    scenario.run()
    assert len(first.tickets) == len(second.tickets) == 1
    assert ask(scenario, "/mails", state="quarantined")["value"] == []
    assert ask(scenario, f"/mails/{waiting['key']}")["state"] == DeliveryState.DELIVERED
    assert read_error(scenario.gateway.post(path))["code"] == "NotInQuarantine"


def test_status_shows_all_at_a_glance(scenario: MailScenario) -> None:
    scenario.receive(subject="<script>alert(1)</script>")
    scenario.run()
    shown = scenario.gateway.get("status").json()
    assert [mailbox["name"] for mailbox in shown["mailboxes"]] == [scenario.name]
    assert [sink["circuit"] for sink in shown["sinks"]] == ["closed"]
    asked_by_browser = scenario.gateway.get("status", headers={"Accept": "text/html"})
    assert asked_by_browser.headers["content-type"] == "application/json", "the console is the page"


def test_status_shows_an_open_circuit(scenario: MailScenario) -> None:
    name = next(iter(scenario.sinks))
    CircuitBreaker(scenario.services.table, name).open(ConfigurationError("The desk refuses the token."))
    [sink] = scenario.gateway.get("status").json()["sinks"]
    assert sink["circuit"] == "open"
    assert sink["why"]["message"] == "The desk refuses the token."
