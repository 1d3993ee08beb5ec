"""Lists of packages: what is compiled follows from what was written, every file has its hash, and this is installed."""

import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devkit.bootstrap import ONLY_LOCKED, REQUIREMENTS
from devkit.locking import DEPLOYED, TELEMETRY, TOOL_KIT, Pin, find_inputs, read_compiled, read_written
from tests.house.source import ROOT, tracked_files

INPUTS = find_inputs()
PACKAGES = read_compiled(ROOT / REQUIREMENTS)


def is_installed_here(pin: Pin) -> bool:
    return pin.requirement.marker is None or pin.requirement.marker.evaluate()


def test_every_list_is_compiled_and_none_is_left_over() -> None:
    compiled = {path.with_suffix(".txt") for path in INPUTS}
    tracked = set(tracked_files())
    assert compiled <= tracked
    assert set(INPUTS) <= tracked
    lists = {path for path in tracked if path.name.startswith("requirements") or path.parent.name == "locked"}
    assert lists == compiled | set(INPUTS)


@pytest.mark.parametrize("written", INPUTS, ids=lambda path: path.name)
def test_a_compiled_list_names_one_version_of_each_package_with_hashes_and_no_place(written: Path) -> None:
    text = written.with_suffix(".txt").read_text()
    pins = read_compiled(written.with_suffix(".txt"))
    assert not [name for name, pin in pins.items() if not pin.version or not pin.hashes or pin.requirement.url]
    assert not re.search(r"://|^\s*-", re.sub(r"^    (--hash=|# ).*$", "", text, flags=re.MULTILINE), re.MULTILINE)
    assert len(re.findall(r"^[A-Za-z]", text, re.MULTILINE)) == len(pins), "one package is named twice"


@pytest.mark.parametrize("written", INPUTS, ids=lambda path: path.name)
def test_a_compiled_list_follows_from_the_written_one(written: Path) -> None:
    """Without a network: what people named is what has them as its reason, at a version that they allow."""
    pins = read_compiled(written.with_suffix(".txt"))
    inputs = {written, *([ROOT / DEPLOYED] if f"-r {DEPLOYED}" in written.read_text() else [])}
    for path in inputs:
        wanted = read_written(path)
        named = {name for name, pin in pins.items() if f"-r {path.name}" in pin.reasons}
        assert named == set(wanted), f"{path.name} changed: run python3 -m devkit lock"
        assert not [name for name, each in wanted.items() if not each.specifier.contains(pins[name].version)]
    people = {f"-r {path.name}" for path in inputs} | {f"-c {DEPLOYED.replace('.in', '.txt')}"}
    for name, pin in pins.items():
        assert {canonicalize_name(each) for each in pin.reasons if each not in people} <= set(pins), name
        assert set(pin.reasons) - {f"-c {DEPLOYED.replace('.in', '.txt')}"}, f"nothing needs {name}"


@pytest.mark.parametrize("other", [TOOL_KIT, TELEMETRY])
def test_the_deployed_packages_are_the_same_in_every_list(other: str) -> None:
    deployed = read_compiled((ROOT / DEPLOYED).with_suffix(".txt"))
    pins = read_compiled((ROOT / other).with_suffix(".txt"))
    assert {name: (pins[name].version, pins[name].hashes) for name in deployed} == {
        name: (pin.version, pin.hashes) for name, pin in deployed.items()
    }


def test_what_is_tested_here_is_what_is_locked() -> None:
    wanted = {name: pin.version for name, pin in PACKAGES.items() if is_installed_here(pin)}
    installed = {name: importlib.metadata.version(name) for name in wanted}
    assert installed == wanted, "run python3 -m devkit test, which installs them"


def test_the_lists_are_complete() -> None:
    """Pip is told to install them and nothing else: what a package of them needs is in them, at a version it takes."""
    for name, pin in PACKAGES.items():
        if not is_installed_here(pin):
            continue
        extras = [*pin.requirement.extras, ""]
        for needed in map(Requirement, importlib.metadata.requires(name) or ()):
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                found = PACKAGES.get(canonicalize_name(needed.name))
                assert found, f"{name} needs {needed}"
                assert needed.specifier.contains(found.version), f"{name} needs {needed}"


def test_every_install_takes_locked_files_only() -> None:
    """In scripts and workflows by the words themselves, in Python by the name of those words."""
    unlocked = []
    for path in tracked_files():
        if path.suffix == ".py":
            text = path.read_text()
            called = re.findall(r'"pip", "(?:install|download)"', text)
            unlocked += [path] if called and "*ONLY_LOCKED" not in text else []
        elif path.suffix in {".yml", ".yaml", ".sh", ""}:
            lines = re.findall(r"^.*\bpip3? (?:install|download)\b.*$", path.read_text(), re.MULTILINE)
            unlocked += [path for line in lines if "--require-hashes --only-binary :all:" not in line]
    assert unlocked == []
    assert ONLY_LOCKED == ("--require-hashes", "--only-binary", ":all:", "--requirement")
