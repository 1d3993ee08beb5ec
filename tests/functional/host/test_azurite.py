"""The storage emulator: installed once, started on free ports."""

import json
import stat
import threading
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from devkit import azurite as emulator
from devkit.azurite import Azurite, AzuriteError, install_azurite, start_azurite
from twin import Simulator
from twin.client import redirected_to
from twin.seeds import tiny

pytestmark = pytest.mark.slow(reason="starts whole processes")

FAKE_NPM = """#!/bin/sh
echo "$@" >> "{log}"
echo "$HTTPS_PROXY" > "{log}.proxy"
mkdir -p node_modules/azurite/dist/src
echo "console.log('not today')" > node_modules/azurite/dist/src/azurite.js
exit {code}
"""


def put_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Path:
    """Put a fake npm on the PATH that notes each call; return the notes."""
    log, tools = folder / "npm.log", folder / "tools"
    tools.mkdir()
    log.touch()
    script = tools / "npm"
    script.write_text(FAKE_NPM.format(log=log, code=code))
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return log


def connect(running: Azurite) -> BlobServiceClient:
    service: BlobServiceClient = BlobServiceClient.from_connection_string(running.connection_string)
    return service


def test_it_keeps_data_in_a_folder_when_given_one(tmp_path: Path) -> None:
    for names in ([], ["kept"]):
        with start_azurite(tmp_path) as running, connect(running) as service:
            assert [each.name for each in service.list_containers()] == names
            if not names:
                service.create_container("kept")


def test_two_emulators_run_side_by_side(azurite: Azurite) -> None:
    with start_azurite() as second:
        assert set(azurite.endpoints) == set(second.endpoints) == {"Blob", "Queue", "Table"}
        assert not set(azurite.endpoints.values()) & set(second.endpoints.values())
    assert second.process.poll() is not None


def test_npm_never_asks_the_simulator_for_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = put_npm(tmp_path, monkeypatch)
    with Simulator(tiny.build()).running() as sim, redirected_to(sim):
        install_azurite(tmp_path / "cache")
    assert log.with_name("npm.log.proxy").read_text() != f"{sim.proxy_url}\n"


def test_npm_that_finds_no_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "_INSTALL_SECONDS", 0.2)
    put_npm(tmp_path, monkeypatch)
    script = tmp_path / "tools" / "npm"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(AzuriteError, match="npm did not install the storage emulator Azurite within"):
        install_azurite(tmp_path / "cache")


def test_it_is_installed_once_even_when_two_ask_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = put_npm(tmp_path, monkeypatch)
    threads = [threading.Thread(target=install_azurite, args=[tmp_path / "cache"]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [call] = log.read_text().splitlines()
    assert call.startswith("ci --ignore-scripts --no-audit --no-fund")


def test_it_is_installed_again_when_the_lock_file_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, cache = put_npm(tmp_path, monkeypatch), tmp_path / "cache"
    install_azurite(cache)
    (cache / "installed").write_text("the hash of an older lock file")
    install_azurite(cache)
    assert len(log.read_text().splitlines()) == 2


def test_a_failed_installation_is_reported_and_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, cache = put_npm(tmp_path, monkeypatch, code=1), tmp_path / "cache"
    for _ in range(2):
        with pytest.raises(AzuriteError, match="npm could not install"):
            install_azurite(cache)
    assert len(log.read_text().splitlines()) == 2


def test_an_emulator_that_does_not_start_is_reported_with_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_npm(tmp_path, monkeypatch)
    with pytest.raises(AzuriteError, match="did not start:\nnot today"):
        start_azurite(cache=tmp_path / "cache")


def test_without_node_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AzuriteError, match=r"npm is missing\. Install Node\.js"):
        install_azurite(tmp_path / "cache")


def test_the_lock_file_pins_it() -> None:
    folder = Path(emulator.__file__).parent / "azurite_npm"
    lock = json.loads((folder / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/azurite"]["version"] == "3.37.0"
    assert lock["packages"]["node_modules/azurite"]["integrity"].startswith("sha512-")
