"""The same files are deployed, whoever packs them: the tool kit, azd (gitignore rules) or Core Tools (own rules)."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from devkit.commands import package
from tests.house.source import ROOT, tracked_files

# What a working copy holds beside the sources, some of it with secrets inside.
RUBBISH = (
    ".azure/prod/.env",
    ".devkit/keys.json",
    ".git/HEAD",
    ".hypothesis/unicode_data/x",
    ".mypy_cache/x.json",
    ".pytest_cache/x",
    ".ruff_cache/x",
    ".venv/lib/site-packages/requests/__init__.py",
    ".vscode/settings.json",
    "dist/app.zip",
    "local.settings.json",
)


@pytest.fixture(scope="module")
def working_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in use: sources, bytecode in every folder with modules, and files that do not belong there."""
    folder = tmp_path_factory.mktemp("copy")
    for path in tracked_files():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for name in RUBBISH:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("rubbish")
    for module in folder.rglob("*.py"):
        (module.parent / "__pycache__").mkdir(exist_ok=True)
        (module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc").write_text("bytecode")
    return folder


def lines() -> list[str]:
    return [line for line in (ROOT / ".funcignore").read_text().splitlines() if line and not line.startswith("#")]


def list_all(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pack_by_core_tools_rule(folder: Path) -> list[str]:
    """Each line is a prefix of the path that ends at a word boundary; `*` stands for anything but a slash."""
    rules = [re.compile(rf"/?{re.escape(line.strip('/')).replace(r'\*', '[^/]*')}\b") for line in lines()]
    return [name for name in list_all(folder) if not any(rule.match(name) for rule in rules)]


def pack_by_gitignore_rules(folder: Path) -> list[str]:
    """Let git decide, in a new repository with no other ignore file than this one."""
    own = folder.with_name(f"{folder.name}-git")
    shutil.copytree(folder, own, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
    subprocess.run(["git", "init", "--quiet"], cwd=own, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--others", f"--exclude-from={own / '.funcignore'}"],
        cwd=own, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(listed.stdout.splitlines())


def test_the_package_holds_the_deployed_sources_and_nothing_else(working_copy: Path) -> None:
    tracked = {path.relative_to(ROOT).as_posix() for path in tracked_files()}
    wanted = {
        name for name in tracked if name in package.FILES or name.startswith(tuple(f"{p}/" for p in package.PACKAGES))
    }
    assert set(package.list_files(working_copy)) == wanted


def test_azd_packs_the_same_files(working_copy: Path) -> None:
    assert pack_by_gitignore_rules(working_copy) == package.list_files(working_copy)


def test_core_tools_pack_the_same_files(working_copy: Path) -> None:
    assert pack_by_core_tools_rule(working_copy) == package.list_files(working_copy)


def test_the_lines_are_plain_names_that_mean_the_same_under_both_rules() -> None:
    assert not [line for line in lines() if re.search(r"[*?!\[\]\\]|^/|/$", line)]
    assert lines() == list(dict.fromkeys(lines()))


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, working_copy: Path) -> None:
    names = package.list_files(working_copy)
    package.write_package(tmp_path / "one.zip", names, working_copy)
    for name in names:
        (working_copy / name).touch()
        (working_copy / name).chmod(0o600)
    package.write_package(tmp_path / "deep/two.zip", names, working_copy)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "deep/two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == names
        assert archive.read("host.json") == (working_copy / "host.json").read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_the_command_prints_size_and_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from devkit.commands import main  # noqa: PLC0415 - the command line, beside its only use

    target = tmp_path / "app.zip"
    assert main(["package", "--output", str(target)]) == 0
    assert f"{len(package.list_files())} files" in capsys.readouterr().out
    assert target.stat().st_size < 2 * 1024 * 1024

    (tmp_path / "taken").write_text("a file, no folder")
    assert main(["package", "--output", str(tmp_path / "taken/app.zip")]) == 1
    assert "cannot be written" in capsys.readouterr().err
