"""What is deployed starts by itself: the unpacked zip, on a Python that has no package but those in it."""

import json
import shutil
import zipfile
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from devkit.bootstrap import SUPPORTED
from devkit.foreign import LOCKED
from devkit.locking import read_compiled
from devkit.packaging.bill_of_materials import write_bill
from devkit.packaging.building import SITE_PACKAGES
from devkit.packaging.contents import list_files
from tests.functional.deployed import SETTINGS, build_or_skip, find_or_skip_python, run_alone, unpack
from tests.house.source import ROOT
from tests.house.tools import find_or_skip
from tests.house.triggers import builders

UNCHECKED = (1).to_bytes(4, "little")  # PEP 552: by hash, not compared with the source
SCRIPT = Path(__file__).with_name("empty_start.py")
pytestmark = pytest.mark.slow(reason="builds the package and starts it", seconds=5)


@pytest.fixture(scope="module", params=SUPPORTED)
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def package(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    find_or_skip_python(python)
    return build_or_skip(tmp_path_factory.mktemp("package") / "app.zip", python)


@pytest.fixture(scope="module")
def reported(python: str, package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("deployed")
    script = unpack(folder, SCRIPT, package)
    said = run_alone(find_or_skip_python(python), folder, [str(script), str(folder / "app")], SETTINGS)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found | {"folder": str(folder / "app")}


def test_every_function_is_found_and_none_is_in_error(reported: dict[str, Any]) -> None:
    wanted = {function.get_function_name() for function in builders()}
    assert reported["functions"] == dict.fromkeys(wanted, "")


def test_it_is_healthy(reported: dict[str, Any]) -> None:
    assert reported["health"] == {"status": 200, "body": {"status": "ok"}}


def test_all_of_it_came_out_of_the_package(python: str, reported: dict[str, Any]) -> None:
    """Modules of ours and the worker library from the zip, and from their byte code: nothing was compiled."""
    assert reported["python"] == python
    assert {"blueprints.bookings", "shared.settings.config", "azure_functions_runtime"} <= set(reported["ours"])
    assert not [path for path in reported["ours"].values() if not path.startswith(reported["folder"])]
    assert not [name for name, cached in reported["cached"].items() if not cached]
    assert reported["distributions"] == {
        name: pin.version
        for name, pin in read_compiled(ROOT / "requirements.txt").items()
        if pin.requirement.marker is None or pin.requirement.marker.evaluate()
    }


def test_the_same_sources_give_the_same_bytes(python: str, package: Path, tmp_path: Path) -> None:
    """Built again from another folder, with other times and modes."""
    for name in list_files():
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / "copy" / name)
        (tmp_path / "copy" / name).chmod(0o640)
    again = build_or_skip(tmp_path / "deep/again.zip", python, root=tmp_path / "copy")
    assert again.read_bytes() == package.read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_the_bill_of_materials_names_every_package_with_its_licence(tmp_path: Path) -> None:
    find_or_skip_python(SUPPORTED[0])
    find_or_skip(LOCKED / "sbom.txt")
    bill = tmp_path / "app.cdx.json"
    wanted = {
        name: pin.version
        for name, pin in read_compiled(ROOT / "requirements.txt").items()
        if pin.requirement.marker is None or pin.requirement.marker.evaluate()
    }
    assert write_bill(bill, ROOT / "requirements.txt", SUPPORTED[0]) == len(wanted)
    found = json.loads(bill.read_text())
    assert {canonicalize_name(each["name"]): each["version"] for each in found["components"]} == wanted
    assert not [each["name"] for each in found["components"] if not each.get("licenses")]
    assert found["metadata"]["component"]["name"] == "graph-gateway"
    assert "timestamp" not in found["metadata"]


def test_it_holds_sources_packages_and_byte_code_and_nothing_else(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        code = {name: (archive.read(name)[:4], archive.read(name)[4:8]) for name in names}
    own = [name for name in names if not name.startswith(f"{SITE_PACKAGES}/") and "__pycache__" not in name]
    assert own == list_files()
    assert names == sorted(set(names))
    compiled = {name: code[name] for name in names if name.endswith(".pyc")}
    assert {source_from_cache(name) for name in compiled} == {name for name in names if name.endswith(".py")}
    assert {flags for _, flags in compiled.values()} == {UNCHECKED}
    assert len({magic for magic, _ in compiled.values()}) == 1
    assert package.stat().st_size < 32 * 1024 * 1024
