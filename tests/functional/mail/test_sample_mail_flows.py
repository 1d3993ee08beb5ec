"""The app answers each call of the sample flows about support mail with the fields that the flow uses."""

from typing import Any

import pytest

from shared.errors import Rejected
from tests.functional.flow_calls import FlowCaller, open_flow
from tests.functional.mail.conftest import MailScenario
from twin.mail.contents import File


@pytest.fixture
def settings(scenario: MailScenario) -> dict[str, Any]:
    return {"SupportMailbox": scenario.name}


def item_of(scenario: MailScenario, kind: str) -> Any:
    """The newest item that the trigger of this kind would give."""
    return scenario.gateway.get("connector/previews/mails", kind=kind, mailbox=scenario.name).json()["value"][0]


@pytest.mark.parametrize(
    ("name", "kind"), [("support-mail-ticket", "arrived"), ("support-mail-failed", "failed")]
)  # fmt: skip
def test_a_trigger_is_answered_with_where_to_ask_next(
    scenario: MailScenario, settings: dict[str, Any], name: str, kind: str
) -> None:
    caller = open_flow(scenario.gateway, name, settings)
    answer = caller.call(caller.flow.trigger[0])
    assert answer.status_code == 202, answer.text
    assert f"/triggers/mails/{kind}?" in answer.headers["Location"]


def test_a_mail_that_arrived_comes_with_text_headers_and_files(
    scenario: MailScenario, settings: dict[str, Any]
) -> None:
    scenario.receive(
        subject="Printer",
        html="<p>On <b>fire</b></p>",
        attachments=[File("photo.png", "image/png", b"\x89PNG")],
        headers={"Auto-Submitted": "no"},
    )
    scenario.run()
    caller = open_flow(scenario.gateway, "support-mail-ticket", settings, item=item_of(scenario, "arrived"))
    mail = caller.call("Get_the_mail").json()
    assert "<b>fire</b>" in mail["html"]
    assert mail["text"].strip() == "On fire"
    assert caller.resolve("@triggerOutputs()?['body/screening/mayReply']") is True
    assert caller.resolve("@triggerOutputs()?['body/screening/makesTicket']") is True
    assert str(caller.resolve("@triggerOutputs()?['body/reference']")).startswith("mail-")
    [file] = mail["attachments"]
    assert (file["name"], file["isInline"]) == ("photo.png", False)
    caller.known = {"items('For_each_file')?['number']": file["number"]}
    assert caller.call("Get_the_file").content == b"\x89PNG"


def test_a_mail_that_failed_shows_cause_and_remedy(scenario: MailScenario, settings: dict[str, Any]) -> None:
    def refuse() -> None:
        raise Rejected("Broken.", code="TicketRefused")

    scenario.sink.before = refuse
    scenario.receive(subject="Printer")
    scenario.run()
    scenario.poll()
    caller: FlowCaller = open_flow(scenario.gateway, "support-mail-failed", settings, item=item_of(scenario, "failed"))
    for name in ("subject", "from", "receivedDateTime", "cause", "message", "key"):
        assert caller.resolve(f"@triggerOutputs()?['body/{name}']")


def test_every_call_of_the_flows_is_made_here(scenario: MailScenario, settings: dict[str, Any]) -> None:
    made = {"When_a_support_mail_arrives", "Get_the_mail", "Get_the_file", "When_a_support_mail_failed"}
    flows = [open_flow(scenario.gateway, name, settings) for name in ("support-mail-ticket", "support-mail-failed")]
    assert {step for flow in flows for step in flow.steps()} == made
