"""The viewer of the API page is the published package, byte for byte."""

import hashlib
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from devkit.installing import OUTSIDE
from tests.house.source import ROOT

VIEWER = ROOT / "viewer"
SOURCES = json.loads((VIEWER / "sources.json").read_text())
OURS = {"index.html", "initializer.js", "openapi.json", "sources.json"}
# Names under which two files of theirs are kept: tools that pack the app leave a LICENSE out.
THEIRS = {"swagger-ui.LICENSE.txt": "LICENSE", "swagger-ui.NOTICE.txt": "NOTICE"}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_every_foreign_file_has_its_checksum() -> None:
    files = {path.name: digest(path.read_bytes()) for path in VIEWER.iterdir() if path.name not in OURS}
    assert files == SOURCES["files"]


def test_the_checksums_are_those_of_the_published_package(tmp_path: Path) -> None:
    wanted = f"{SOURCES['package']}@{SOURCES['version']}"
    done = subprocess.run(
        ["npm", "pack", wanted], cwd=tmp_path, env=OUTSIDE, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0 and re.search(r"ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT", done.stderr):
        pytest.skip(f"offline: {wanted} cannot be fetched")
    assert done.returncode == 0, done.stderr
    [packed] = tmp_path.glob("*.tgz")
    with tarfile.open(fileobj=io.BytesIO(packed.read_bytes())) as archive:
        for name, checksum in SOURCES["files"].items():
            member = archive.extractfile(f"package/{THEIRS.get(name, name)}")
            assert member is not None
            assert digest(member.read()) == checksum


def test_the_page_calls_no_other_host() -> None:
    for name in ("index.html", "initializer.js"):
        assert "//" not in "".join(
            line for line in (VIEWER / name).read_text().splitlines() if not line.lstrip().startswith("// ")
        )
