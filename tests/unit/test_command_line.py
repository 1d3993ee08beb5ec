"""`python3 -m devkit` itself: what it prints, what it imports, and that asking how it is used makes nothing."""

import json
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


LOOK = """
import contextlib, io, json, sys
from devkit.commands import NAMES, main
first, found = set(sys.modules), {}
for name in NAMES:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main([name, "--help"])
    loaded = sorted(set(sys.modules) - first)
    found[name] = {each: getattr(sys.modules[each], "__file__", None) or "" for each in loaded}
    for each in loaded:
        if each.partition(".")[0] not in sys.stdlib_module_names:
            del sys.modules[each]
print(json.dumps(found))
"""
MOST_MODULES = 80


def test_help_loads_no_package_and_little_of_our_own() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert set(found) == set(NAMES)
    for name, modules in found.items():
        assert f"devkit.commands.{name}" in modules
        assert not [each for each in modules if each.startswith("devkit.commands.") and not each.endswith(f".{name}")]
        assert not [each for each, file in modules.items() if "site-packages" in file], name
        own = [each for each in modules if each.partition(".")[0] not in sys.stdlib_module_names]
        assert len(own) <= MOST_MODULES, name
        heavy = {"twin.simulator", "function_app", "devkit.host.host", "doctor.examination"}
        assert not heavy & set(own), name


def test_the_lines_of_a_running_world_are_printed_without_any_package() -> None:
    code = (
        "import sys; known = set(sys.modules); from devkit.commands import main; main(['up', '--lines'])\n"
        "found = [each for name, each in sys.modules.items() if name not in known]\n"
        "print(*[each for each in found if 'site-packages' in (getattr(each, '__file__', '') or '')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1:] == [""]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: python3 -m devkit {name}" in capsys.readouterr().out


OTHERS = {
    "twin": "usage: python -m twin",
    "devkit.host": "usage: python -m devkit.host",
    "setup": "usage: python3 -m setup register",
    "bench": "hostile_text",
}


@pytest.mark.parametrize("module", OTHERS)
def test_modules_that_are_documented_explain_themselves(module: str) -> None:
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert OTHERS[module] in done.stdout


@pytest.mark.parametrize(("module", "options"), [("twin", ["--state-dir", "."]), ("devkit.host", [])])
def test_modules_that_need_packages_enter_the_environment_first(module: str, options: list[str]) -> None:
    """As with a Python that has no packages: the same module is started again inside of it, with the same options."""
    code = (
        "import importlib.util, runpy, sys\n"
        "from devkit import bootstrap\n"
        "importlib.util.find_spec = lambda name: None\n"
        "bootstrap.run_inside = lambda arguments, module: print(module, *arguments) or 5\n"
        f"sys.argv[1:] = {options!r}\n"
        f"runpy.run_path({module.replace('.', '/') + '/__main__.py'!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (5, [module, *options]), done.stderr
