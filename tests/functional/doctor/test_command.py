"""`python3 -m devkit doctor`, against the running app and from a settings file."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from devkit.commands import doctor, main
from devkit.running import NothingRunsError
from tests.functional.doctor.conftest import Installation
from twin.seeds import mails, sample, service_desks

pytestmark = pytest.mark.signs_in


def ask(installation: Installation, *more: str, key: str | None = None) -> int:
    master = installation.gateway.host.asgi._access.keys.master
    return main(["doctor", "--url", installation.gateway.base_url, f"--key={key or master}", *more])


def test_a_report_without_findings_is_a_table_with_exit_code_0(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(installation) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok       settings ")
    assert lines[-1].startswith("ok: ")
    assert lines[-1].endswith(" ok, 0 warn, 0 fail, 0 skipped")


def test_a_failed_step_is_shown_with_its_remedy_and_exit_code_1(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    del installation.vault.secrets[service_desks.TOKEN_NAME]
    assert ask(installation) == 1
    out = capsys.readouterr().out
    assert "fail     secret easyvista-token" in out
    assert f"-> az keyvault secret set --vault-name {sample.VAULT} --name easyvista-token" in out
    assert "skipped  sink desk" in out


def test_a_mailbox_that_must_be_refused_is_examined_on_request(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(installation, "--refused-mailbox", mails.SUPPORT) == 1
    assert f"The app can read {mails.SUPPORT}, and must not." in capsys.readouterr().out
    assert ask(installation, "--refused-mailbox", mails.SUPPORT, "--connection", "moon") == 1
    assert "UnknownConnection" in capsys.readouterr().err


def test_the_key_may_come_from_the_environment(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_MASTER_KEY", installation.gateway.host.asgi._access.keys.master)
    assert main(["doctor", "--url", f"{installation.gateway.base_url}/api/", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "ok"
    monkeypatch.delenv("GATEWAY_MASTER_KEY")
    assert main(["doctor", "--url", installation.gateway.base_url]) == 1
    assert "az functionapp keys list" in capsys.readouterr().err


def test_a_function_key_is_refused(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(installation, key=installation.gateway.key) == 1
    said = capsys.readouterr().err
    assert "not the master key" in said
    assert installation.gateway.key not in said


@pytest.mark.parametrize("url", ["http://gateway.example", "gateway", "ftp://gateway.example"])
def test_the_key_is_sent_over_https_only(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--url", url, "--key", "k"]) == 1
    assert "https" in capsys.readouterr().err


def test_a_settings_file_is_examined_from_this_machine(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "local.settings.json"
    values = sample.settings(installation.gateway.sim) | {"MAILBOX_POLL_SCHEDULE": "soon"}
    file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    assert main(["doctor", "--settings", str(file), "--refused-mailbox", mails.SUPPORT]) == 1
    out = capsys.readouterr().out
    assert "fail     schedule MAILBOX_POLL_SCHEDULE" in out
    assert f"fail     refused-mailbox {mails.SUPPORT}" in out
    assert main(["doctor", "--settings", str(file), "--refused-mailbox", mails.SUPPORT, "--connection", "moon"]) == 1
    assert "no such connection" in capsys.readouterr().err
    file.write_text("{}")
    assert main(["doctor", "--settings", str(file)]) == 1
    assert "is not a settings file" in capsys.readouterr().err


def test_without_anything_running_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_nothing() -> None:
        raise NothingRunsError("Nothing runs here.")

    monkeypatch.setattr(doctor, "find_running", find_nothing)
    assert main(["doctor"]) == 1
    assert "Nothing runs here" in capsys.readouterr().err


class _Platform(BaseHTTPRequestHandler):
    """The platform in the app's place: answers as the server's attribute `given` says."""

    def do_GET(self) -> None:
        status, body = self.server.given  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def platform() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Platform)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"", "could not be imported"),
        (404, b"<html>404 Web Site not found</html>", "not the gateway"),
        (503, b"Function host is not running.", "roles on the storage account are new or missing"),
        (503, b"", "`azd deploy` names those that are missing"),
    ],
)
def test_what_the_platform_answers_without_the_app_is_explained(
    platform: HTTPServer, capsys: pytest.CaptureFixture[str], status: int, body: bytes, words: str
) -> None:
    platform.given = (status, body)  # type: ignore[attr-defined]
    assert main(["doctor", "--url", f"http://127.0.0.1:{platform.server_port}", "--key", "k"]) == 1
    assert words in capsys.readouterr().err


def test_a_host_that_does_not_answer_may_lack_roles(platform: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    port = platform.server_port
    platform.server_close()
    assert main(["doctor", "--url", f"http://127.0.0.1:{port}", "--key", "k"]) == 1
    assert "ends again and again" in capsys.readouterr().err
