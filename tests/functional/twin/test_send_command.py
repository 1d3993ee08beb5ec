"""`python3 -m devkit send`: mails for the twin that `up` runs."""

from pathlib import Path

import pytest

from devkit.commands import main, send
from devkit.running import NothingRunsError, Running
from twin import Simulator
from twin.seeds.mails import SECOND, SUPPORT
from twin.seeds.service_desks import OPEN_TICKET


@pytest.fixture
def found(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The twin, as `up` would have recorded it."""
    noted = Running(1, "http://127.0.0.1:1", "", "", None, control_url=sim.control_url)
    monkeypatch.setattr(send, "find_running", lambda: noted)
    return sim


def test_files_are_dropped_as_they_are(found: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a.eml", tmp_path / "b.eml"
    first.write_bytes(b"Subject: One\r\nFrom: Robin <robin@example.com>\r\n\r\nHello")
    second.write_bytes(b"")

    assert main(["send", str(first), str(second)]) == 0

    box = found.mail.mailbox(SUPPORT)
    assert [message.subject for message in box.messages("inbox")] == ["One", None]
    assert capsys.readouterr().out.splitlines() == [
        f"{SUPPORT}/inbox: 'One' from robin@example.com",
        f"{SUPPORT}/inbox: '(no subject)' from nobody",
        "What becomes of it: http://127.0.0.1:1/api/console#/mails",
    ]


def test_three_samples_are_at_hand(found: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", "--demo", "--to", SECOND]) == 0

    plain, answer, laden = found.mail.mailbox(SECOND).messages("inbox")
    assert not plain.attachments
    assert OPEN_TICKET in (answer.subject or "")
    assert [(one.name, one.is_inline) for one in laden.attachments] == [
        ("screen.png", True), ("invoice.pdf", False), ("print.log", False),
    ]  # fmt: skip
    assert laden.attachments[0].content.whole().startswith(b"\x89PNG")
    assert capsys.readouterr().out.splitlines()[2].endswith("from lee.gu@contoso.com, 3 attachments")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Nothing to send"),
        (["missing.eml"], "missing.eml: No such file"),
        (["--demo", "--to", "nobody@contoso.com"], "did not take it"),
    ],
)
def test_what_cannot_be_sent_is_said(
    found: Simulator, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main(["send", *arguments]) == 1
    assert reason in capsys.readouterr().err
    assert found.mail.mailbox(SUPPORT).messages() == []


def test_without_a_simulator_there_is_nowhere_to_send(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_none() -> Running:
        raise NothingRunsError("Nothing runs here.")

    monkeypatch.setattr(send, "find_running", find_none)
    assert main(["send", "--demo"]) == 1
    monkeypatch.setattr(send, "find_running", lambda: Running(1, "", "", "", None))
    assert main(["send", "--demo"]) == 1
    monkeypatch.setattr(
        send, "find_running", lambda: Running(1, "", "", "", None, control_url="http://127.0.0.1:9/_control")
    )
    assert main(["send", "--demo"]) == 1

    printed = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in printed] == [
        "Nothing runs here.", "The app runs against a real tenant", "The simulator does not answer",
    ]  # fmt: skip
