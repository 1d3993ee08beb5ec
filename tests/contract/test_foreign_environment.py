import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devkit import foreign
from devkit.foreign import ForeignEnvironmentError, find_python


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Environments without packages, which are made at once: the tests are about who gets which one."""
    folders: list[Path] = []

    def install(folder: Path, requirements: tuple[str, ...]) -> None:
        folders.append(folder)
        python = foreign._interpreter(folder)
        python.parent.mkdir(parents=True)
        python.write_text("\n".join(requirements))

    monkeypatch.setattr(foreign, "_install", install)
    return folders


def test_an_environment_is_made_once(tmp_path: Path, made: list[Path]) -> None:
    first = find_python(("a==1",), home=tmp_path)
    again = find_python(("a==1",), home=tmp_path)
    other = find_python(("a==2",), home=tmp_path)

    assert first == again != other
    assert len(made) == 2
    assert first.read_text() == "a==1"
    assert len(list(tmp_path.iterdir())) == 2


def test_two_that_make_it_at_once_share_one(tmp_path: Path, made: list[Path]) -> None:
    with ThreadPoolExecutor(8) as pool:
        pythons = set(pool.map(lambda _: find_python(("a==1",), home=tmp_path), range(8)))

    assert len(pythons) == 1
    assert pythons.pop().read_text() == "a==1"
    assert len(list(tmp_path.iterdir())) == 1
    assert made


def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "pip", stderr="no matching distribution")

    monkeypatch.setattr("venv.create", lambda *_, **__: None)
    monkeypatch.setattr("subprocess.run", fail)

    with pytest.raises(ForeignEnvironmentError, match="no matching distribution"):
        find_python(("nothing==0",), home=tmp_path)
    assert list(tmp_path.iterdir()) == []
