"""`python3 -m devkit` itself: what it prints, what it imports, and that asking how it is used makes nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devkit.commands import NAMES, main
from tests.house.source import BEFORE_THE_ENVIRONMENT, ROOT


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout in which no environment was made yet: no more than what runs without one."""
    for name in BEFORE_THE_ENVIRONMENT:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "devkit/commands", tmp_path / "devkit/commands")
    return tmp_path


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["fly"], 2), (["--help"], 0)])
def test_usage_is_printed_without_making_an_environment(bare: Path, arguments: list[str], code: int) -> None:
    command = [sys.executable, "-m", "devkit", *arguments]
    done = subprocess.run(command, cwd=bare, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "usage: python3 -m devkit" in done.stdout + done.stderr
    assert not (bare / ".venv").exists()


def test_every_command_is_listed_with_the_first_line_of_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    files = {path.stem for path in (ROOT / "devkit/commands").glob("*.py")}
    assert set(NAMES) == {name for name in files if f"\n    {name} " in shown}
    assert "Run one function of the running app now" in shown


def test_a_command_is_started_without_importing_the_others() -> None:
    code = (
        "import sys; from devkit.commands import main\n"
        "try: main(['fire', '--help'])\n"
        "finally: print(*sorted(name for name in sys.modules if name.startswith(('devkit.', 'twin', 'setup'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert loaded == ["devkit.bootstrap", "devkit.commands", "devkit.commands.fire", "devkit.running"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: python3 -m devkit {name}" in capsys.readouterr().out
