"""The foreign files that pages are made of are the published packages, byte for byte."""

import hashlib
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from devkit.installing import OUTSIDE
from tests.house.source import ROOT

VIEWER, CONSOLE = ROOT / "viewer", ROOT / "console"
FOREIGN = {
    VIEWER: {
        *("index.html", "page.css", "openapi.json", "page.json", "sources.json"),
        *("initializer.js", "examples.js", "key.js", "lists.js", "plugin.js"),
    },
    CONSOLE / "vendor": {"sources.json"},
}
"""Folders with foreign files, and which files there are ours."""
# Names under which files of theirs are kept: tools that pack the app leave a LICENSE out.
THEIRS = {
    "swagger-ui.LICENSE.txt": "LICENSE",
    "swagger-ui.NOTICE.txt": "NOTICE",
    "htm-preact-3.1.1.js": "preact/standalone.module.js",
    "htm.LICENSE.txt": "LICENSE",
    "preact.LICENSE.txt": "LICENSE",
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sources(folder: Path) -> list[dict[str, Any]]:
    read = json.loads((folder / "sources.json").read_text())
    return read if isinstance(read, list) else [read]


@pytest.mark.parametrize("folder", FOREIGN, ids=str)
def test_every_foreign_file_has_its_checksum(folder: Path) -> None:
    files = {path.name: digest(path.read_bytes()) for path in folder.iterdir() if path.name not in FOREIGN[folder]}
    assert files == {name: checksum for source in sources(folder) for name, checksum in source["files"].items()}


PACKAGES = [source for folder in FOREIGN for source in sources(folder)]


@pytest.mark.parametrize("source", PACKAGES, ids=[str(each["package"]) for each in PACKAGES])
def test_the_checksums_are_those_of_the_published_package(tmp_path: Path, source: dict[str, Any]) -> None:
    wanted = f"{source['package']}@{source['version']}"
    done = subprocess.run(
        ["npm", "pack", wanted], cwd=tmp_path, env=OUTSIDE, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0 and re.search(r"ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT", done.stderr):
        pytest.skip(f"offline: {wanted} cannot be fetched")
    assert done.returncode == 0, done.stderr
    [packed] = tmp_path.glob("*.tgz")
    with tarfile.open(fileobj=io.BytesIO(packed.read_bytes())) as archive:
        for name, checksum in source["files"].items():
            member = archive.extractfile(f"package/{THEIRS.get(name, name)}")
            assert member is not None
            assert digest(member.read()) == checksum


OURS = [
    VIEWER / "index.html",
    *VIEWER.glob("[!s]*.js"),
    *CONSOLE.glob("*.*"),
    *CONSOLE.glob("[!v]*/*"),
    *CONSOLE.glob("views/*"),
]


def test_the_pages_call_no_other_host() -> None:
    assert len(OURS) > 10, "the search itself works"
    for path in OURS:
        code = "\n".join(line for line in path.read_text().splitlines() if not re.match(r"\s*//( |$)", line))
        assert not re.search(r"//[\w$\[]", code), path


def test_the_console_inserts_texts_and_no_markup() -> None:
    markup = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|localStorage|cookie"
    )
    assert not [path.name for path in OURS if path.suffix == ".js" and markup.search(path.read_text())]


def test_every_view_has_its_place_in_the_console() -> None:
    registry = (CONSOLE / "views/registry.js").read_text()
    views = sorted(path.stem for path in (CONSOLE / "views").glob("*.js") if path.stem != "registry")
    assert sorted(re.findall(r'^import \* as \w+ from "\./(\w+)\.js";$', registry, re.MULTILINE)) == views
    for view in views:
        text = (CONSOLE / f"views/{view}.js").read_text()
        assert f'export const name = "{view}";' in text, view
        assert "\nexport const title = " in text, view
        assert "\nexport function View({" in text, view
