"""`python3 -m devkit settings`: gets, checks and puts the blob of MAILBOXES and SINKS, and keeps a history."""

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from devkit.azurite import Azurite
from devkit.commands import main
from devkit.settings_blobs.errors import SettingsBlobError
from devkit.settings_blobs.versions import Versions, name_version
from shared.errors import GatewayError, Unavailable
from shared.storage.account import Storage
from shared.storage.blobs import Container
from tests.functional.blob_settings import HOOK, recorded_requests
from tests.functional.kill_switch import Killed, KillSwitch
from tests.unit.test_config import GOOD

MAILBOXES: list[dict[str, Any]] = [{"name": "support", "address": "support@contoso.example", "sinks": ["hook"]}]
SINKS: dict[str, Any] = {"hook": HOOK}
MAIL = {"mailboxes": MAILBOXES, "sinks": SINKS}
WRONG = {
    "mailboxes": [{"name": "A B", "address": "x", "sinks": ["hook"]}],
    "sinks": SINKS | {"desk": {"kind": "pigeon"}},
}


class Command:
    """The command, run against a settings file whose MAILBOXES and SINKS are in one blob, or in two."""

    def __init__(self, folder: Path, container: str, connection: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.container = container
        self.connection = connection
        self.capsys = capsys
        self.out = self.err = ""
        self.use(MAILBOXES=f"blob:{container}/mail.json", SINKS=f"blob:{container}/mail.json")

    def use(self, **settings: str) -> None:
        values = GOOD | {"AzureWebJobsStorage": self.connection} | settings
        (self.folder / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))

    def run(self, *words: str, code: int = 0) -> str:
        """Run the command in the folder; return what it printed."""
        found = main(["settings", *words, "--settings", str(self.folder / "local.settings.json")])
        self.out, self.err = self.capsys.readouterr()
        assert found == code, self.out + self.err
        return self.out if code == 0 else self.err

    def write(self, content: Any, name: str = "mail.json") -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    def versions(self) -> list[str]:
        return [line.split()[0] for line in self.run("history").splitlines()]


@pytest.fixture
def command(tmp_path: Path, name: str, azurite: Azurite, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, name, azurite.connection_string, capsys)


@pytest.fixture
def versions(storage: Storage, name: str) -> Versions:
    return Versions(Container(storage, name), "mail.json")


def test_the_first_put_makes_container_and_blob(command: Command, storage: Storage) -> None:
    assert "no blob" in command.run("get", code=1)
    assert "no blob" in command.run("history")
    said = command.run("put", command.write(MAIL), "--by", "Kim Ōtani")
    assert "Valid: 1 mailboxes, 1 sinks." in said
    assert "was put." in said
    assert Container(storage, command.container).get("mail.json") == json.dumps(MAIL).encode()
    assert json.loads(command.run("get")) == MAIL
    [line] = command.run("history").splitlines()
    assert ("Kim Ōtani" in line, line.endswith("(current)")) == (True, True)


def test_every_fault_is_listed_and_nothing_is_put(command: Command) -> None:
    command.run("put", command.write(MAIL))
    file = command.write(WRONG)
    for action in ("check", "put"):
        said = command.run(action, file, code=1)
        assert [line.partition(":")[0] for line in said.splitlines() if line.startswith(("MAILBOXES", "SINKS"))] == [
            "SINKS.desk.kind", "MAILBOXES[0].name", "MAILBOXES[0].address",
        ]  # fmt: skip
    assert "Nothing was put." in command.err
    assert json.loads(command.run("get")) == MAIL
    assert "Valid" in command.run("check")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"[", b"null", b" " * 1_100_000])
def test_what_is_no_json_is_not_put(command: Command, content: bytes) -> None:
    assert "MAILBOXES: The blob" in command.run("put", command.write(content), code=1)
    assert command.run("history").startswith("There is no blob")


def test_each_put_keeps_what_it_replaces_and_an_old_version_can_be_brought_back(command: Command) -> None:
    file = command.write(MAIL)
    command.run("put", file, "--by", "kim")
    changes = [MAIL | {"mailboxes": []}, MAIL | {"sinks": SINKS | {"second": HOOK}}]
    for change in changes:
        time.sleep(1.01)  # the service's clock has seconds
        command.run("put", command.write(change), "--by", "lee")
    newest, middle, oldest = command.run("history").splitlines()
    assert [line.split()[4] for line in (newest, middle, oldest)] == ["lee", "lee", "kim"]
    assert json.loads(command.run("get", "--version", middle.split()[0])) == changes[0]
    assert json.loads(command.run("get", "--version", newest.split()[0])) == changes[1]
    said = command.run("put", "--version", oldest.split()[0])
    assert newest.split()[0] in said
    assert json.loads(command.run("get")) == MAIL
    assert len(command.versions()) == 4
    assert "There is no version" in command.run("get", "--version", "20200101T000000Z-00000000", code=1)


def test_an_old_version_that_no_longer_fits_is_not_brought_back(command: Command) -> None:
    command.run("put", command.write(MAIL))
    [first] = command.versions()
    time.sleep(1.01)
    command.run("put", command.write(MAIL | {"mailboxes": []}))
    command.use(
        MAILBOXES=f"blob:{command.container}/mail.json", SINKS=json.dumps({"other": HOOK}),
    )  # fmt: skip
    assert "MAILBOXES" in command.run("put", "--version", first, code=1)


def test_two_people_do_not_overwrite_each_other(command: Command) -> None:
    command.run("put", command.write(MAIL), "--by", "kim")
    kims, lees = str(command.folder / "kims.json"), str(command.folder / "lees.json")
    command.run("get", kims)
    command.run("get", lees)
    command.write(MAIL | {"mailboxes": []}, "lees.json")
    time.sleep(1.01)
    command.run("put", lees, "--by", "lee")
    command.write(MAIL | {"sinks": SINKS | {"second": HOOK}}, "kims.json")
    said = command.run("put", kims, code=1)
    assert "put by lee" in said
    assert json.loads(command.run("get")) == MAIL | {"mailboxes": []}
    now = command.versions()[0]
    command.run("put", kims, "--over", now)
    command.write(MAIL, "kims.json")
    command.run("put", kims)


def test_a_file_that_nobody_got_replaces_nothing_unseen(command: Command) -> None:
    command.run("put", command.write(MAIL))
    other = command.write(MAIL | {"mailboxes": []}, "other.json")
    assert "not known from which" in command.run("put", other, code=1)
    command.run("put", command.write(MAIL, "same.json"))
    assert "holds this already" in command.out


def test_with_two_blobs_each_is_checked_against_the_other(command: Command) -> None:
    command.use(MAILBOXES=f"blob:{command.container}/mailboxes.json", SINKS=f"blob:{command.container}/sinks.json")
    mailboxes, sinks = command.write(MAILBOXES, "mailboxes.json"), command.write(SINKS, "sinks.json")
    assert "say which with --name" in command.run("put", mailboxes, code=1)
    assert "MAILBOXES[0].sinks" in command.run("put", mailboxes, "--name", "mailboxes", code=1), "sinks come first"
    assert "not there yet" in command.run("put", sinks, "--name", "sinks")
    command.run("put", mailboxes, "--name", "mailboxes")
    command.write({"second": HOOK}, "sinks.json")
    assert "MAILBOXES[0].sinks" in command.run("put", sinks, "--name", "sinks", code=1)


def test_a_setting_that_is_in_no_blob_is_said(command: Command) -> None:
    command.use(MAILBOXES=json.dumps(MAILBOXES), SINKS=json.dumps(SINKS))
    assert "names a blob" in command.run("history", code=1)
    command.use(MAILBOXES=f"blob:{command.container}/mailboxes.json", SINKS=json.dumps(SINKS))
    assert "SINKS of this app names no blob" in command.run("history", "--name", "sinks", code=1)
    command.run("put", command.write(MAILBOXES))


@pytest.mark.parametrize(
    "words",
    [
        ("put",),
        ("put", "x.json", "--version", "v"),
        ("history", "x.json"),
        ("get", "--over", "v"),
        ("get", "--group", "g"),
    ],
)
def test_options_that_make_no_sense_are_refused(command: Command, words: tuple[str, ...]) -> None:
    assert command.run(*words, code=2)


def test_an_app_that_is_not_registered_yet_can_have_its_mailboxes_put(command: Command) -> None:
    place = f"blob:{command.container}/mail.json"
    command.use(MAILBOXES=place, SINKS=place, GRAPH_CLIENT_ID="later")
    assert "Other settings of the app are wrong" in command.run("put", command.write(MAIL))


def test_storage_that_is_away_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command.run("put", command.write(MAIL))
    with recorded_requests(monkeypatch, status=503, only=command.container):
        assert "did not serve" in command.run("get", code=1)
    command.connection = "nonsense"
    command.use(MAILBOXES="blob:config/x.json", SINKS="blob:config/x.json")
    assert "AzureWebJobsStorage" in command.run("get", code=1)


AZ = """#!/bin/sh
case "$1 $2" in
  "functionapp config") cat "{folder}/app.json" ;;
  "account show") echo kim@contoso.com ;;
  *) echo "ERROR: unknown" >&2; exit 1 ;;
esac
"""


def test_a_deployed_app_is_found_with_the_azure_cli(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"blob:{command.container}/mail.json"
    values = GOOD | {"AzureWebJobsStorage": command.connection, "MAILBOXES": place, "SINKS": place}
    listed = [{"name": name, "value": value, "slotSetting": False} for name, value in values.items()]
    (command.folder / "app.json").write_text(json.dumps(listed))
    script = command.folder / "az"
    script.write_text(AZ.format(folder=command.folder))
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{command.folder}:/usr/bin:/bin")
    where = ["--app", "func-x", "--group", "rg-x"]
    assert main(["settings", "put", command.write(MAIL), *where]) == 0
    assert main(["settings", "history", *where]) == 0
    assert "kim@contoso.com  (current)" in capsys.readouterr().out
    assert main(["settings", "history", "--app", "func-x"]) == 1
    script.write_text("#!/bin/sh\necho 'ERROR: Please run az login' >&2\nexit 1\n")
    assert main(["settings", "history", *where]) == 1
    assert "az login" in capsys.readouterr().err


# -- crashes and lost answers ------------------------------------------------------------------------------------------

REQUESTS = ((Container, "get_version"), (Container, "put_version"))


@pytest.mark.slow(reason="dies at every step")
def test_a_put_that_dies_anywhere_loses_no_version(storage: Storage) -> None:
    """Dies before and after each request; the next put then succeeds, and every version is there once."""
    for at in range(1, 7):
        versions = Versions(Container(storage, f"crash-{at}-{time.time_ns()}"), "mail.json")
        versions.put(b"[1]", replaces=None, person="kim")
        current = versions.read()
        switch = KillSwitch(at)
        with switch.watching(REQUESTS, also_after=True), pytest.raises(Killed):
            versions.put(b"[2]", replaces=current, person="lee")
        switch.revive()
        found = versions.read()
        assert found is not None
        assert found.data in (b"[1]", b"[2]")
        versions.put(b"[3]", replaces=found, person="kim")
        newest, *kept = [versions.get(one.id) for one in versions.list_all()]
        assert (newest, sorted(kept)) == (b"[3]", sorted({b"[1]", found.data}))


def test_a_put_has_so_many_requests(versions: Versions) -> None:
    current = versions.put(b"[1]", replaces=None, person="")
    switch = KillSwitch()
    with switch.watching(REQUESTS, also_after=True):
        versions.put(b"[2]", replaces=current, person="")
    assert switch.steps == [
        "Container.put_version", "after Container.put_version",
        "Container.put_version", "after Container.put_version",
        "Container.get_version", "after Container.get_version",
    ]  # fmt: skip


@pytest.mark.parametrize("is_written", [True, False])
def test_an_answer_that_was_lost_is_looked_for(
    versions: Versions, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    current = versions.put(b"[1]", replaces=None, person="kim")
    lost = lose_answers(monkeypatch, is_written=is_written)
    if is_written:
        assert versions.put(b"[2]", replaces=current, person="kim").data == b"[2]"
    else:
        with pytest.raises(Unavailable):
            versions.put(b"[2]", replaces=current, person="kim")
    assert len(lost) == 1
    found = versions.read()
    assert found is not None
    assert found.data == (b"[2]" if is_written else b"[1]")


def lose_answers(monkeypatch: pytest.MonkeyPatch, *, is_written: bool) -> list[str]:
    put = Container.put_version
    lost: list[str] = []

    def lose(self: Container, name: str, *given: Any, **more: Any) -> str:
        if ".history/" in name:
            return put(self, name, *given, **more)
        lost.append(put(self, name, *given, **more) if is_written else "")
        raise Unavailable("The storage account did not serve it.")

    monkeypatch.setattr(Container, "put_version", lose)
    return lost


def test_an_outcome_that_nobody_knows_is_said(versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    current = versions.put(b"[1]", replaces=None, person="kim")
    lose_answers(monkeypatch, is_written=True)

    def fail(*_: Any, **__: Any) -> Any:
        raise Unavailable("The storage account did not serve it.")

    monkeypatch.setattr(Container, "get_version", fail)
    with pytest.raises(SettingsBlobError, match="not known whether"):
        versions.put(b"[2]", replaces=current, person="kim")


def test_the_slower_of_two_puts_is_refused(versions: Versions) -> None:
    current = versions.put(b"[1]", replaces=None, person="kim")
    versions.put(b"[2]", replaces=current, person="lee")
    with pytest.raises(SettingsBlobError, match="changed by lee at the same time"):
        versions.put(b"[3]", replaces=current, person="kim")
    with pytest.raises((SettingsBlobError, GatewayError)):
        versions.put(b"[3]", replaces=None, person="kim")
    found = versions.read()
    assert found is not None
    assert found.data == b"[2]"
    assert name_version(found) == versions.list_all()[0].id
