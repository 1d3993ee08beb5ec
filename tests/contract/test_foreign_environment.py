from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devkit import foreign
from devkit.foreign import find_python
from devkit.installing import InstallError


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Environments without packages, which are made at once: the tests are about who gets which one."""
    folders: list[Path] = []

    def install(folder: Path, packages: Path) -> None:
        folders.append(folder)
        python = foreign._interpreter(folder)
        python.parent.mkdir(parents=True)
        python.write_text(packages.read_text())

    monkeypatch.setattr(foreign, "_install", install)
    return folders


def write(folder: Path, text: str) -> Path:
    (folder / "packages.txt").write_text(text)
    return folder / "packages.txt"


def list_folders(home: Path) -> list[Path]:
    return [path for path in home.iterdir() if path.is_dir()]


def test_an_environment_is_made_once_for_each_list(tmp_path: Path, made: list[Path]) -> None:
    home = tmp_path / "home"
    first = find_python(write(tmp_path, "a==1"), home=home)
    again = find_python(write(tmp_path, "a==1"), home=home)
    other = find_python(write(tmp_path, "a==2"), home=home)

    assert first == again != other
    assert len(made) == 2
    assert first.read_text() == "a==1"
    assert len(list_folders(home)) == 2


def test_two_that_make_it_at_once_share_one(tmp_path: Path, made: list[Path]) -> None:
    packages, home = write(tmp_path, "a==1"), tmp_path / "home"
    with ThreadPoolExecutor(8) as pool:
        pythons = set(pool.map(lambda _: find_python(packages, home=home), range(8)))

    assert len(pythons) == 1
    assert pythons.pop().read_text() == "a==1"
    assert len(made) == len(list_folders(home)) == 1


def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(folder: Path, *_: object, **__: object) -> None:
        python = Path(folder) / "bin/python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\necho no matching distribution >&2\nexit 1\n")
        python.chmod(0o755)

    monkeypatch.setattr("venv.create", make)

    with pytest.raises(InstallError, match="no matching distribution"):
        find_python(write(tmp_path, "nothing==0"), home=tmp_path / "home")
    assert list_folders(tmp_path / "home") == []


@pytest.mark.slow(reason="runs pip")
def test_a_package_whose_hash_is_not_in_the_list_is_not_installed(tmp_path: Path) -> None:
    """Pip itself says so, of a wheel in a folder: no index is asked."""
    wheel = tmp_path / "a-1-py3-none-any.whl"
    wheel.write_bytes(b"another file than the one that was locked")
    listed = f"--no-index\n--find-links {tmp_path}\na==1 --hash=sha256:{'0' * 64}\n"
    with pytest.raises(InstallError, match="THESE PACKAGES DO NOT MATCH THE HASHES"):
        find_python(write(tmp_path, listed), home=tmp_path / "home")
