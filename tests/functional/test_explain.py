"""`python3 -m devkit explain`: what would become of mails, by the gateway's own code, and nothing written anywhere.

The expected outputs are in tests/data/explained, one file for each mail or conversation.
"""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from devkit.commands import explain, main
from tests.field_mails import FOLDER, NAMES

EXPECTED = Path(__file__).parents[1] / "data" / "explained"


@pytest.fixture(autouse=True)
def no_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings are those of `up`, whatever lies in this checkout."""
    monkeypatch.setattr(explain, "ROOT", tmp_path)


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request leaves this machine."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        assert address[0] in ("127.0.0.1", "::1"), address
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["explain", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def field(*names: str) -> list[str]:
    return [str(next(FOLDER.glob(f"{name}*"))) for name in names]


def write(path: Path, mailboxes: Any, sinks: Any) -> str:
    path.write_text(json.dumps({"Values": {"MAILBOXES": json.dumps(mailboxes), "SINKS": json.dumps(sinks)}}))
    return str(path)


@pytest.mark.slow(reason="explains 72 mails", seconds=8)
def test_every_mail_of_the_field_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *(str(FOLDER / name) for name in NAMES))
    assert (code, err) == (0, "")
    assert len(NAMES) == 72
    lines = out.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == list(NAMES)
    assert [line for line in lines if len(line) > 100] == []
    assert (
        sum(line.startswith("  Verdict ") for line in lines) == sum(line.startswith("  Rule ") for line in lines) == 72
    )
    assert sum(line.startswith("  Outcome ") for line in lines) == 72


@pytest.mark.parametrize(
    "names",
    [
        ("t13-plus",),  # a rule
        ("o3a", "o3b"),  # an out-of-office note on a known ticket
        ("o8-bounce",),  # set aside
        ("q5-xml",),  # a text with tags
        ("a1-apple",),  # files
    ],
)
def test_the_whole_of_it(capsys: pytest.CaptureFixture[str], names: tuple[str, ...]) -> None:
    code, out, _ = run(capsys, *field(*names))
    assert code == 0
    assert out == (EXPECTED / f"{names[-1]}.txt").read_text()


def test_machines_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--json", *field("o3a", "o3b"))
    first, second = json.loads(out)
    assert code == 0
    assert first["screening"]["mayReply"] is True
    assert (first["rule"], first["rules"]) == (None, 2)
    [delivery] = second["deliveries"]
    assert (delivery["what"], delivery["ticket"], delivery["ticketOf"]) == ("note", "desk-1", "o3a-request.eml")


def test_rules_of_other_settings_are_tried(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rules = [
        {"name": "queue", "all": [{"plus_tag": "printer"}, {"folder": "archive"}], "sink": "queue"},
        {"name": "out", "all": [{"recipient": "support+printer@contoso.com"}], "set_aside": "Not ours."},
    ]
    mailbox = {
        "name": "it", "address": "support@contoso.com", "folders": ["inbox", "archive"], "sinks": ["hook"],
        "rules": rules, "connection": "default", "since": "2099-01-01T00:00:00Z", "write_back": {"read": True},
    }  # fmt: skip
    sinks = {
        "hook": {"kind": "webhook", "url": "https://h.example", "signing_keys": ["k"], "ticket_pointer": "/a/ticket"},
        "queue": {"kind": "storage-queue", "queue": "mails"},
    }
    settings = write(tmp_path / "settings.json", [mailbox], sinks)
    [aside] = json.loads(run(capsys, "--json", "--settings", settings, *field("t13"))[1])
    assert aside["rule"] == {"name": "out", "setAside": "Not ours."}
    assert aside["deliveries"] == [
        {
            "sink": "hook",
            "state": "quarantined",
            "cause": "SetAsideByRule",
            "message": "The rule out sets this mail aside: Not ours. Redeliver it if it is needed.",
        }
    ]
    shown = run(capsys, "--settings", settings, *field("t13"))[1]
    assert "Outcome     hook: set aside (SetAsideByRule)" in shown
    [queued] = json.loads(run(capsys, "--json", "--settings", settings, "--folder", "archive", *field("t13"))[1])
    assert [one["sink"] for one in queued["deliveries"]] == ["queue"]
    assert queued["deliveries"][0]["event"] == "mail.received.v1"
    first, second = json.loads(run(capsys, "--json", "--settings", settings, *field("t2a", "o3b"))[1])
    assert first["deliveries"][0]["ticket"] == "hook-1"
    assert second["deliveries"][0]["cause"] == "AutomaticMail"


def test_the_requestor_is_shown_as_the_policy_chooses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = {"reply_to_from": ["support@contoso.com"], "forwarded_by": ["lee.gu@contoso.com"]}
    mailbox = {"name": "it", "address": "support@contoso.com", "sinks": ["queue"], "requestor": policy}
    sinks = {"queue": {"kind": "storage-queue", "queue": "mails"}}
    settings = write(tmp_path / "settings.json", [mailbox], sinks)
    found = json.loads(run(capsys, "--json", "--settings", settings, *field("s1", "t7", "t8"))[1])
    asks = [one["deliveries"][0]["requestor"]["address"] for one in found]
    assert asks == ["adele.vance@contoso.com", "grady.archie@contoso.com", "megan.bowen@contoso.com"]


def test_what_a_settings_blob_holds_is_tried(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    blob = tmp_path / "mail.json"
    mailbox = {"name": "it", "address": "it@contoso.com", "sinks": ["queue"]}
    blob.write_text(json.dumps({"mailboxes": [mailbox], "sinks": {"queue": {"kind": "storage-queue", "queue": "q-1"}}}))
    code, out, _ = run(capsys, "--settings", str(blob), *field("t2a"))
    assert code == 0
    assert "Outcome     queue: an event mail.received.v1" in out
    assert "Rule        the mailbox has none" in out


def test_a_bad_file_gets_a_sentence_and_the_others_are_explained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    empty, broken, garbage = tmp_path / "empty.eml", tmp_path / "broken.json", tmp_path / "garbage.eml"
    empty.write_bytes(b"\n")
    broken.write_text("{")
    garbage.write_bytes(bytes(range(256)) * 10)
    missing = tmp_path / "missing.eml"
    code, out, err = run(capsys, str(missing), str(empty), str(broken), str(tmp_path), str(garbage), *field("t13"))
    assert code == 1
    assert [line for line in out.splitlines() if line and not line.startswith(" ")] == [
        "garbage.eml",
        "t13-plus-address.eml",
    ]
    sentences = err.splitlines()
    assert sentences[0] == f"{missing}: No such file or directory."
    assert sentences[1] == f"{empty}: The file is empty."
    assert sentences[2].startswith(f"{broken}: This is no description of a mail")
    assert sentences[3] == f"{tmp_path}: Is a directory."
    assert len(sentences) == 4


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"MAILBOXES": "[]"}, "The settings name no mailbox"),
        ({"MAILBOXES": "blob:config/mail.json"}, "MAILBOXES is in a blob: give a file with what the blob holds"),
        ({"MAILBOXES": "{"}, "MAILBOXES: This is not valid JSON"),
        (
            {
                "MAILBOXES": json.dumps(
                    [{"name": "a", "address": "a@b.example", "sinks": ["x"], "rules": [{"name": "r"}]}]
                )
            },
            "MAILBOXES.a.rules[0]: Give its conditions",
        ),
    ],
)
def test_wrong_settings_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, values: dict[str, str], sentence: str
) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"Values": values}))
    code, out, err = run(capsys, "--settings", str(settings), *field("t13"))
    assert (code, out) == (1, "")
    assert sentence in err


def test_other_wrong_arguments_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "There is no mailbox x. Known: support" in run(capsys, "--mailbox", "x", *field("t13"))[2]
    assert "does not read x. Known: inbox" in run(capsys, "--folder", "x", *field("t13"))[2]
    assert "is no settings file" in run(capsys, "--settings", str(tmp_path / "none"), *field("t13"))[2]
