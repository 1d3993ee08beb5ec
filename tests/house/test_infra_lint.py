"""The tool kit's lint of Bicep files: it finds nothing in infra/, and each rule finds the fault that it is made for."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from devkit.bicep import Finding, Source, check, read_sources
from devkit.bicep.reading import Models
from devkit.bicep.syntax import find_declared, find_loop_names, find_used, strip_texts
from tests.house.source import ROOT
from tests.house.tools import find_or_skip

INFRA = ROOT / "infra"
MAIN, GATEWAY, STORAGE, ROLES = "main.bicep", "modules/gateway.bicep", "modules/storage.bicep", "modules/roles.bicep"
VAULT, ALERTS = "modules/vault.bicep", "modules/alerts.bicep"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments@2022-04-01"

# rule, file, what stands there, what is put in its place
FAULTS = (
    ("syntax", STORAGE, "kind: 'StorageV2'", "kind: 'StorageV2"),
    ("names", MAIN, "location: location\n", "location: locatoin\n"),
    ("names", STORAGE, "param sku string", "param sku string\nparam spare string"),
    ("names", STORAGE, "param sku string", "param sku string\nparam sku string"),
    ("names", GATEWAY, "component.properties.ConnectionString", "'none'"),
    ("documented", MAIN, "@description('Days that logs are kept.')\n", ""),
    ("documented", MAIN, "@description('Name of the vault.')\n", ""),
    ("keys", STORAGE, "output id string = storage.id", "output id string = storage.listKeys().keys[0].value"),
    ("keys", STORAGE, "output id string = storage.id", "output id string = storage.properties.primaryKey"),
    ("keys", MAIN, "@description('Days that logs are kept.')\n", "@description('Days.')\n@secure()\n"),
    ("modules", MAIN, "'modules/vault.bicep'", "'br/public:avm/res/key-vault/vault:0.9.0'"),
    ("modules", MAIN, "'modules/vault.bicep'", "'modules/safe.bicep'"),
    ("modules", MAIN, "    retentionDays: logRetentionDays\n", "    retention: logRetentionDays\n"),
    ("outputs", MAIN, "storage.outputs.name", "storage.outputs.label"),
    ("roles", ROLES, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "b7e6dc6d-f1e8-4753-8033-0f276bb0955c"),
    ("roles", ROLES, "4633458b-17de-408a-b874-0445c86b69e6", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    ("roles", ROLES, "['Storage Blob Data Owner', ", "["),
    ("roles", STORAGE, "Microsoft.Storage/storageAccounts@2023-05-01", ASSIGNMENT),
    ("resources", STORAGE, "storageAccounts@2023-05-01", "storageAccounts@2019-06-01"),
    ("resources", STORAGE, "Microsoft.Storage/storageAccounts@", "Microsoft.Storage/accounts@"),
    ("resources", STORAGE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
    ("resources", STORAGE, "    allowSharedKeyAccess: false\n", ""),
    ("resources", STORAGE, "TLS1_2", "TLS1_0"),
    ("resources", STORAGE, "allowBlobPublicAccess", "allowBlobPublicAcces"),
    ("resources", STORAGE, "days: 7", "days: '7'"),
    ("resources", STORAGE, "kind: 'StorageV2'", "kind: 'StorageV9'"),
    ("resources", VAULT, "enablePurgeProtection: true", "enablePurgeProtection: false"),
    ("resources", VAULT, "    sku: { family: 'A', name: 'standard' }\n", ""),
    ("resources", VAULT, "family: 'A', ", ""),
    ("resources", ALERTS, "name: 'people', ", ""),
    ("resources", GATEWAY, "httpsOnly: true", "httpsOnly: false"),
    ("resources", GATEWAY, "minTlsVersion: '1.2'", "minTlsVersion: '1.0'"),
    ("resources", GATEWAY, "perInstanceConcurrency", "concurrency"),
    ("resources", GATEWAY, "AzureWebJobsStorage__credential:", "FUNCTIONS_WORKER_RUNTIME: 'python'\n    X:"),
    ("resources", ALERTS, "scopes: [component.id]", "scopes: 'everything'"),
    ("resources", ALERTS, "threshold: 0", "thresholds: 0"),
)  # fmt: skip


@dataclass(frozen=True)
class Read:
    ours: Sequence[Source]
    broken: Sequence[Source]
    models: Models

    def check_with(self, number: int) -> list[Finding]:
        broken = self.broken[number]
        return check([broken if each.name == broken.name else each for each in self.ours], self.models)


@pytest.fixture(scope="module")
def read() -> Read:
    """One start of the parser for all files: those of infra/ and those with a fault."""
    ours = [(path.relative_to(INFRA).as_posix(), path.read_text()) for path in sorted(INFRA.rglob("*.bicep"))]
    texts = dict(ours)
    broken = [(file, texts[file].replace(old, new, 1)) for _, file, old, new in FAULTS]
    find_or_skip()
    sources, models = read_sources([*ours, *broken])
    return Read(sources[: len(ours)], sources[len(ours) :], models)


@pytest.mark.slow(reason="installs a foreign tool")
def test_nothing_is_found_in_infra(read: Read) -> None:
    assert len(read.ours) == len(list(INFRA.rglob("*.bicep"))) > 8
    assert check(read.ours, read.models) == []


@pytest.mark.slow(reason="installs a foreign tool")
@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda number: f"{FAULTS[number][0]}-{number}")
def test_a_fault_is_found_by_its_rule(read: Read, number: int) -> None:
    rule, file, old, _ = FAULTS[number]
    assert old in (INFRA / file).read_text()
    found = read.check_with(number)
    assert (file, rule) in {(each.file, each.rule) for each in found}, found


@pytest.mark.slow(reason="installs a foreign tool")
def test_a_file_that_nobody_uses_is_found(read: Read) -> None:
    stray = Source("modules/stray.bicep", "param name string\n", {})
    assert Finding("modules/stray.bicep", "modules", "nothing uses this file") in check(
        [*read.ours, stray], read.models
    )


def test_names_are_distinguished_from_texts_keys_and_members() -> None:
    text = """
// a comment about nothing
param one string
var two = { three: one, four: 'five ${six.seven} it\\'s ${eight ? 'nine' : ten}' }
output eleven array = [for (item, i) in two: '${item.x}-${i}']
"""
    assert find_declared(text) == [("param", "one"), ("var", "two"), ("output", "eleven")]
    assert find_loop_names(text) == {"item", "i"}
    assert find_used(text) == {"one", "two", "six", "eight", "ten", "item", "i"}
    assert "comment" not in strip_texts(text)


def test_the_bicep_compiler_accepts_it(tmp_path: Path) -> None:
    bicep = shutil.which("bicep")
    if bicep is None:
        pytest.skip("Bicep's compiler is not on the PATH; CI runs it")
    out = tmp_path / "main.json"
    command = [bicep, "build", str(INFRA / "main.bicep"), "--outfile", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, out.exists()) == (0, True), done.stderr


def test_lines_are_short() -> None:
    for path in INFRA.rglob("*.bicep"):
        assert not [line for line in path.read_text().splitlines() if len(line) > 120], path
