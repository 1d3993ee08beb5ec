"""One command packs what is deployed; azd takes its file as it is. Core Tools, by mistake, would pack the sources."""

import argparse
import hashlib
import re
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from devkit.bootstrap import SUPPORTED
from devkit.commands import main, package
from devkit.packaging import building, contents, wheels
from devkit.packaging.building import SITE_PACKAGES, write_zip
from devkit.packaging.wheels import PackagingError, download_wheels, unpack_wheels
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


def test_the_package_holds_the_deployed_sources_and_nothing_else(working_copy: Path) -> None:
    tracked = {path.relative_to(ROOT).as_posix() for path in tracked_files()}
    folders = tuple(f"{folder}/" for folder in (*contents.PACKAGES, *contents.PAGES))
    wanted = {name for name in tracked if name in contents.FILES or name.startswith(folders)}
    wanted = {name for name in wanted if not name.endswith(f"/{contents.SOURCES}")}
    assert set(contents.list_files(working_copy)) == wanted


def test_azd_deploys_the_packed_file_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service in a language of its own, whose `dist` is a zip, is neither packed again nor built on the platform.

    Source: https://github.com/Azure/azure-dev (framework_service_custom.go, service_target_functionapp.go)
    """
    text = (ROOT / "azure.yaml").read_text()
    options = package_options(monkeypatch)
    for line in ("language: custom", f"dist: {options.output.relative_to(ROOT)}", "remoteBuild: false"):
        assert re.search(rf"^    {line}$", text, re.MULTILINE), line
    hook = re.search(r"^    hooks:\n      prepackage:\n(.*?)^hooks:", text, re.MULTILINE | re.DOTALL)
    assert hook
    assert re.findall(r"run: (.*)", hook[1]) == ["python3 -m devkit package", "python -m devkit package"]


def package_options(monkeypatch: pytest.MonkeyPatch, **environ: str) -> argparse.Namespace:
    for name in ("GATEWAY_PYTHON", "OPEN_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    parser = argparse.ArgumentParser()
    package.add_arguments(parser)
    return parser.parse_args([])


def test_the_package_is_for_the_function_app_that_azd_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of the environment are those of the Bicep parameters."""
    plain = package_options(monkeypatch)
    assert (plain.python, plain.open_telemetry) == (SUPPORTED[0], "off")
    other = package_options(monkeypatch, GATEWAY_PYTHON="3.14", OPEN_TELEMETRY="on")
    assert (other.python, other.open_telemetry) == ("3.14", "on")
    parameters = (ROOT / "infra/main.parameters.json").read_text()
    assert f'"${{GATEWAY_PYTHON={SUPPORTED[0]}}}"' in parameters
    assert '"${OPEN_TELEMETRY=off}"' in parameters


def test_ci_tests_and_deploys_each_version_of_python_that_is_supported() -> None:
    versions = ", ".join(f'"{version}"' for version in SUPPORTED)
    assert f"python: [{versions}]" in (ROOT / ".github/workflows/ci.yml").read_text()
    deploy = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert f"python-version: ${{{{ vars.GATEWAY_PYTHON || '{SUPPORTED[0]}' }}}}" in deploy
    assert "GATEWAY_PYTHON: ${{ vars.GATEWAY_PYTHON }}" in deploy
    assert (ROOT / ".python-version").read_text().strip() == SUPPORTED[0]
    allowed = ", ".join(f"'{version}'" for version in SUPPORTED)
    bicep = f"@allowed([{allowed}])\nparam pythonVersion string = '{SUPPORTED[0]}'\n"
    assert bicep in (ROOT / "infra/main.bicep").read_text()


def test_the_job_that_may_deploy_runs_nothing_of_the_repository() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    before, _, job = text.partition("\n  deploy:\n")
    assert "id-token" not in before
    assert "id-token: write" in job
    assert not re.search(r"checkout@|setup-python@|setup-node@|python|pip|npm|devkit", job)
    assert "--src dist/app.zip --build-remote false" in job
    assert "python3 -m devkit package --sbom" in before


def test_a_version_that_the_platform_does_not_have_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_PYTHON", "3.11")
    assert main(["package"]) == 2
    assert "GATEWAY_PYTHON is one of 3.13, 3.14" in capsys.readouterr().err


def test_core_tools_pack_the_same_files(working_copy: Path) -> None:
    assert pack_by_core_tools_rule(working_copy) == contents.list_files(working_copy)


def test_the_lines_are_plain_names_that_mean_the_same_under_both_rules() -> None:
    assert not [line for line in lines() if re.search(r"[*?!\[\]\\]|^/|/$", line)]
    assert lines() == list(dict.fromkeys(lines()))


def test_a_zip_depends_on_nothing_but_names_and_contents(tmp_path: Path, working_copy: Path) -> None:
    files = {name: working_copy / name for name in contents.list_files(working_copy)}
    write_zip(tmp_path / "one.zip", files)
    for path in files.values():
        path.touch()
        path.chmod(0o600)
    write_zip(tmp_path / "deep/two.zip", dict(reversed(files.items())))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "deep/two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(files)
        assert archive.read("host.json") == (working_copy / "host.json").read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def write_wheel(folder: Path, name: str, files: Mapping[str, str]) -> Path:
    wheel = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # the same at any time
    return wheel


@pytest.mark.parametrize("path", ["a-1.data/scripts/run", "../outside.py", "/outside.py"])
def test_a_wheel_that_wants_more_than_a_folder_is_refused(tmp_path: Path, path: str) -> None:
    wheel = write_wheel(tmp_path, "a", {path: ""})
    with pytest.raises(PackagingError, match="outside of site-packages"):
        unpack_wheels([wheel], tmp_path / "site")
    assert not (tmp_path / "outside.py").exists()


def test_two_wheels_may_share_a_file_only_if_it_is_the_same(tmp_path: Path) -> None:
    one = write_wheel(tmp_path, "a", {"azure/__init__.py": "", "azure/a.py": "1"})
    unpack_wheels([one, write_wheel(tmp_path, "b", {"azure/__init__.py": "", "azure/b.py": "2"})], tmp_path / "site")
    assert [path.name for path in sorted((tmp_path / "site/azure").iterdir())] == ["__init__.py", "a.py", "b.py"]
    with pytest.raises(PackagingError, match=r"another azure/a\.py"):
        unpack_wheels([write_wheel(tmp_path, "c", {"azure/a.py": "3"})], tmp_path / "site")


@pytest.mark.parametrize("fault", ["changed", "unknown", "missing"])
def test_a_kept_wheel_is_compared_with_its_hash_at_each_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def download(target: Path, **_: str) -> None:
        target.mkdir()
        write_wheel(target, "a", {"a.py": "1"})

    monkeypatch.setattr(wheels, "_download", download)
    wheel = write_wheel(tmp_path, "a", {"a.py": "1"})
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    listed = tmp_path / "packages.txt"
    listed.write_text(
        f"a==1 \\\n    --hash=sha256:{digest}\nb==1 ; sys_platform == 'win32' \\\n    --hash=sha256:{digest}\n"
    )

    [kept] = download_wheels(listed, "3.13", home=tmp_path / "home")
    assert [kept] == download_wheels(listed, "3.13", home=tmp_path / "home")
    if fault == "changed":
        kept.write_bytes(kept.read_bytes() + b" ")
    elif fault == "unknown":
        write_wheel(kept.parent, "c", {"c.py": "1"})
    else:
        kept.unlink()
    with pytest.raises(PackagingError, match=r"not the file that was locked|No wheel was found for a"):
        download_wheels(listed, "3.13", home=tmp_path / "home")


@pytest.mark.slow(reason="builds the package")
def test_the_command_says_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With no wheels: those are built into the package, and it is started, in the functional tests."""
    monkeypatch.setattr(building, "download_wheels", lambda *_: [])
    target = tmp_path / "app.zip"
    assert main(["package", "--output", str(target), "--python", f"{sys.version_info[0]}.{sys.version_info[1]}"]) == 0
    said = capsys.readouterr().out
    assert hashlib.sha256(target.read_bytes()).hexdigest() in said
    with zipfile.ZipFile(target) as archive:
        assert f"{len(archive.namelist())} files" in said
        assert not [name for name in archive.namelist() if name.startswith(SITE_PACKAGES)]

    (tmp_path / "taken").write_text("a file, no folder")
    assert main(["package", "--output", str(tmp_path / "taken/app.zip")]) == 1
    assert "cannot be written" in capsys.readouterr().err
