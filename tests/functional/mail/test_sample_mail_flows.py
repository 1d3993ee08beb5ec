"""The app answers each call of the sample flows about support mail with the fields that the flow uses."""

from typing import Any

import pytest

from devkit.flows.sources import FLOWS, load_flow
from shared.errors import Rejected
from tests.functional.flow_calls import FlowCaller, open_flow
from tests.functional.flow_values import Values
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import File, Reference


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


class Run:
    """One run of the flow that makes tickets, up to the files that it gets from the gateway."""

    def __init__(self, scenario: MailScenario, settings: dict[str, Any]) -> None:
        caller = open_flow(scenario.gateway, "support-mail-ticket", settings, item=item_of(scenario, "arrived"))
        steps = {step.name: step.action for step in caller.flow.steps}
        self.values = Values({"body": caller.item}, {"Get_the_mail": {"body": caller.call("Get_the_mail").json()}})
        for name in ("Choose_files", "Choose_other_files", "Name_other_files", "Write_the_text"):
            self.values.run_data_step(name, steps[name])
        self.description = self.values.read(steps["Create_the_ticket"]["inputs"]["parameters"]["item/Description"])
        self.files: dict[str, bytes] = {}
        for file in self.values.read(steps["For_each_file"]["foreach"]):
            name = self.values.read(steps["Add_it_to_the_ticket"]["inputs"]["parameters"]["displayName"], file)
            caller.known = {"items('For_each_file')?['number']": file["number"]}
            self.files[name] = caller.call("Get_the_file").content


def test_every_file_goes_along_and_the_others_are_named_with_reason_and_link(
    open_scenario: OpenScenario, settings: dict[str, Any]
) -> None:
    scenario = open_scenario(attachment_mb=1)
    settings["SupportMailbox"] = scenario.name
    scenario.receive(
        subject="Bildschirm",
        html="<p>So sieht es aus:</p><img src='cid:shot'>",
        attachments=[
            File("shot.png", "image/png", b"\x89PNG shot", inline=True, content_id="shot"),
            File("IMG_0001.jpeg", "image/jpeg", b"\xff\xd8 photo", inline=True),
            File("../auditd\u202efdp.exe:x", "application/pdf", b"%PDF"),
            File("<b>film.mov", "video/quicktime", b"x" * 1_100_000),
            Reference("Plan.docx", "https://contoso-my.example/plan?a=1&b=2"),
        ],
    )
    scenario.run()
    run = Run(scenario, settings)
    assert run.files == {
        "1 shot.png": b"\x89PNG shot",
        "2 IMG_0001.jpeg": b"\xff\xd8 photo",
        "3 _auditd fdp.exe_x": b"%PDF",
    }
    named, _, text = run.description.partition("</ul>")
    film, plan = named.removeprefix("<p>Not attached:</p><ul>").removesuffix("</li>").split("</li>")
    assert film.startswith("<li>_b_film.mov (1.0 MiB, more than the gateway reads from this mailbox; the mail in ")
    assert '<a href="https://outlook.office365.com/owa/?ItemID=' in film
    assert "&amp;viewmodel=" in film
    assert plan.startswith("<li>Plan.docx (a link to a file in the cloud")
    assert 'href="https://' in plan
    assert "So sieht es aus" in text


def test_a_file_that_the_gateway_hands_out_in_parts_only_is_named(
    scenario: MailScenario, settings: dict[str, Any]
) -> None:
    scenario.receive(subject="Backup", text="Attached", attachments=[File("a.zip", "application/zip", b"x")])
    scenario.run()
    run = Run(scenario, settings)
    [file] = run.values.outputs["Get_the_mail"]["body"]["attachments"]
    file["size"] = 33_554_433
    steps = {step.name: step.action for step in load_flow(FLOWS / "support-mail-ticket.json").steps}
    assert run.values.run_data_step("Choose_files", steps["Choose_files"]) == []
    run.values.run_data_step("Choose_other_files", steps["Choose_other_files"])
    [line] = run.values.run_data_step("Name_other_files", steps["Name_other_files"])
    assert line.startswith('<li>a.zip (larger than a flow gets at once): <a href="https://outlook.office365.com/')


def test_a_text_that_the_list_cannot_hold_is_cut_and_says_so(scenario: MailScenario, settings: dict[str, Any]) -> None:
    scenario.receive(subject="Log", text="a < b & c\n" * 8_000)
    scenario.run()
    description = Run(scenario, settings).description
    assert description.startswith("<p>Only the beginning of the text is here; the mail in the support mailbox has")
    assert "a &lt; b &amp; c<br>a &lt;" in description
    assert len(description) < 60_200


def test_every_call_of_the_flows_is_made_here(scenario: MailScenario, settings: dict[str, Any]) -> None:
    made = {"When_a_support_mail_arrives", "Get_the_mail", "Get_the_file", "When_a_support_mail_failed"}
    flows = [open_flow(scenario.gateway, name, settings) for name in ("support-mail-ticket", "support-mail-failed")]
    assert {step for flow in flows for step in flow.steps()} == made
