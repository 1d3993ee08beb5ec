"""checkov, in an environment of its own: only rules that are skipped with a reason fail, and rules do find faults.

Its parser knows no types of one's own, so it gets a copy of the files with the types that it knows. A file that it
cannot parse ends well with "parsing errors: 1", so that number is asserted, too.
Source: https://www.checkov.io/2.Basics/CLI%20Command%20Reference.html
"""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.house.source import ROOT
from tests.house.tools import find_or_skip

SEEDED = """
resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: 'app'
  location: 'westeurope'
  properties: { httpsOnly: false, siteConfig: { minTlsVersion: '1.0' } }
}
resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'vault'
  location: 'westeurope'
  properties: { enablePurgeProtection: false }
}
"""
# only an error in checkov's log tells of a rule that cannot cope with a condition
BROKEN = {"CKV_AZURE_70", "CKV_AZURE_189"}


def simplify_types(text: str) -> str:
    """Return a Bicep text with the types that checkov's parser knows."""
    text = re.sub(r"^import .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^((?:param|output) \w+) \w+\[\]", r"\1 array", text, flags=re.MULTILINE)
    return re.sub(r"^(param \w+) (?!(?:string|int|bool|array)\b)\w+", r"\1 object", text, flags=re.MULTILINE)


def skipped() -> dict[str, str]:
    lines = (ROOT / "infra/.checkov.yaml").read_text().partition("skip-check:")[2].splitlines()
    found = (re.fullmatch(r"  - (CKV2?_\w+)(?: # (.+))?", line) for line in lines if line)
    return {each[1]: each[2] or "" for each in found if each}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run over the files of infra/ and a file with faults, without any skip."""
    python = find_or_skip()
    folder = tmp_path_factory.mktemp("checked")
    shutil.copytree(ROOT / "infra", folder / "infra")
    shutil.copytree(ROOT / ".github", folder / ".github")
    (folder / "infra/types.bicep").unlink()
    for path in folder.rglob("*.bicep"):
        path.write_text(simplify_types(path.read_text()))
    (folder / "seeded.bicep").write_text(SEEDED)
    done = subprocess.run(
        [str(python), "-m", "checkov.main", "--framework", "bicep", "github_actions", "--skip-download",
         "--output", "json", "--quiet", "--directory", str(folder)],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr[-2000:]
    failed_rules = set(re.findall(r"Failed to run check (\w+)", done.stderr))
    return {each["check_type"]: each for each in json.loads(done.stdout)} | {"broken": failed_rules}


def failed(report: dict[str, Any], *, seeded: bool) -> set[str]:
    return {
        each["check_id"]
        for each in report["results"]["failed_checks"]
        if each["file_path"].endswith("seeded.bicep") is seeded
    }


@pytest.mark.slow(reason="installs a foreign tool")
def test_every_file_was_read(reports: dict[str, Any]) -> None:
    assert reports["bicep"]["summary"]["parsing_errors"] == 0
    assert reports["bicep"]["summary"]["resource_count"] > 20
    assert reports["bicep"]["summary"]["passed"] > 20


@pytest.mark.slow(reason="installs a foreign tool")
def test_exactly_the_failing_rules_are_skipped_with_a_reason(reports: dict[str, Any]) -> None:
    assert reports["broken"] == BROKEN
    assert failed(reports["bicep"], seeded=False) | BROKEN == set(skipped())
    assert not [rule for rule, reason in skipped().items() if not reason]


@pytest.mark.slow(reason="installs a foreign tool")
def test_seeded_faults_are_found(reports: dict[str, Any]) -> None:
    assert failed(reports["bicep"], seeded=True) >= {"CKV_AZURE_14", "CKV_AZURE_15", "CKV_AZURE_110"}


@pytest.mark.slow(reason="installs a foreign tool")
def test_the_workflows_pass(reports: dict[str, Any]) -> None:
    summary, results = reports["github_actions"]["summary"], reports["github_actions"]["results"]
    assert {(each["check_id"], each["file_path"]) for each in results["failed_checks"]} == set(), results
    assert summary["parsing_errors"] == 0
    assert summary["passed"] > 0
