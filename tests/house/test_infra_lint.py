"""The tool kit's rules for Bicep files: they find nothing in infra/, and each finds the fault that it is made for."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from devkit.bicep import Finding, Source, check, read_sources
from devkit.bicep.reading import Models
from devkit.bicep.rules import UNREAD
from devkit.flows.logic_apps import TEMPLATE
from tests.house.source import ROOT
from tests.house.tools import find_or_skip

INFRA = ROOT / "infra"
MAIN, GATEWAY, STORAGE, ROLES = "main.bicep", "modules/gateway.bicep", "modules/storage.bicep", "modules/roles.bicep"
VAULT, ALERTS, TYPES = "modules/vault.bicep", "modules/alerts.bicep", "types.bicep"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments@2022-04-01"
POLICY = "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01"

# rule, file, what stands there, what is put in its place
FAULTS = (
    (UNREAD, STORAGE, "kind: 'StorageV2'", "kind: 'StorageV2"),
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
    ("modules", MAIN, "vault.outputs.uri", "vault.outputs.label"),
    ("modules", MAIN, "  scope: group\n", "  name: 'one'\n  scope: group\n"),
    ("modules", MAIN, "storageName: names.storage", "storageName: storage.outputs.id"),
    ("types", STORAGE, "param queues string[]", "param queues array"),
    ("types", STORAGE, "param tags texts", "param tags object"),
    ("names", STORAGE, "import { texts }", "import { texts, sinksByName }"),
    ("names", TYPES, "rules: rule[]?", "rules: rul[]?"),
    ("layout", STORAGE, "= [\n  for each in queues: {", "= [for each in queues: {"),
    ("layout", STORAGE, "  kind: 'StorageV2'", "    kind: 'StorageV2'"),
    ("layout", GATEWAY, "union(settings, platformSettings, ", "union(settings, {\n    X: 'y'\n  }, "),
    ("roles", ROLES, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "b7e6dc6d-f1e8-4753-8033-0f276bb0955c"),
    ("roles", ROLES, "4633458b-17de-408a-b874-0445c86b69e6", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    ("roles", ROLES, "['Storage Blob Data Owner', ", "["),
    ("roles", STORAGE, "Microsoft.Storage/storageAccounts@2025-06-01", ASSIGNMENT),
    ("resources", STORAGE, "storageAccounts@2025-06-01", "storageAccounts@2019-06-01"),
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
    ("resources", GATEWAY, "name: 'scm'", "name: planName"),
    ("resources", GATEWAY, "AzureWebJobsStorage__credential:", "FUNCTIONS_WORKER_RUNTIME: 'python'\n  X:"),
    ("resources", ALERTS, "scopes: [component.id]", "scopes: 'everything'"),
    ("resources", ALERTS, "threshold: 0", "thresholds: 0"),
)  # fmt: skip

ALLOWED = """\
import { first } from 'other.bicep'

@sealed()
type entry = {
  @minLength(1)
  name: string
  'odd-name': ('a' | 'b')?
  below: entry[]?
}

func greet(name string) string => 'Hello ${name}'

@description('Entries.')
param entries entry[] = []

@description('One of two.')
param word 'a' | 'b' = 'a'

var names = map(entries, each => each.?name ?? 'none')
var more = { ...first, list: [for (each, i) in names: '${i} ${greet(each)}'] }
var text = '''
  several { lines
'''

@description('All of it.')
output all string = string(union(more, { word: word, text: text }))
"""


@dataclass(frozen=True)
class Read:
    ours: Sequence[Source]
    broken: Sequence[Source]
    allowed: Source
    template: Source
    models: Models

    def check_with(self, number: int) -> list[Finding]:
        broken = self.broken[number]
        return check([broken if each.name == broken.name else each for each in self.ours], self.models)


@pytest.fixture(scope="module")
def read() -> Read:
    """One start of the reader for all files: those of infra/, those with a fault, and two by themselves."""
    ours = [(path.relative_to(INFRA).as_posix(), path.read_text()) for path in sorted(INFRA.rglob("*.bicep"))]
    texts = dict(ours)
    broken = [(file, texts[file].replace(old, new, 1)) for _, file, old, new in FAULTS]
    find_or_skip()
    alone = [("main.bicep", ALLOWED), (TEMPLATE.name, TEMPLATE.read_text())]
    sources, models = read_sources([*ours, *broken, *alone])
    return Read(sources[: len(ours)], sources[len(ours) : -2], sources[-2], sources[-1], models)


@pytest.mark.slow(reason="installs a foreign tool")
def test_nothing_is_found_in_infra(read: Read) -> None:
    assert len(read.ours) == len(list(INFRA.rglob("*.bicep"))) > 8
    found = check(read.ours, read.models)
    assert [each for each in found if each.rule != UNREAD] == []
    if found and shutil.which("bicep") is None:
        pytest.skip(f"the grammar does not know what is at {found}; only Bicep's compiler can say, which CI runs")


@pytest.mark.slow(reason="installs a foreign tool")
@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda number: f"{FAULTS[number][0]}-{number}")
def test_a_fault_is_found_by_its_rule(read: Read, number: int) -> None:
    rule, file, old, _ = FAULTS[number]
    assert old in (INFRA / file).read_text()
    found = read.check_with(number)
    assert (file, rule) in {(each.file, each.rule) for each in found}, found


@pytest.mark.slow(reason="installs a foreign tool")
def test_what_the_compiler_allows_is_no_fault(read: Read) -> None:
    """The newer parts of the language: whether it is well written, the compiler says."""
    assert check([read.allowed], read.models) == []


@pytest.mark.slow(reason="installs a foreign tool")
def test_a_file_that_nobody_uses_is_found(read: Read) -> None:
    stray = Source("modules/stray.bicep", "param name string\n")
    assert Finding("modules/stray.bicep", "modules", "nothing uses this file") in check(
        [*read.ours, stray], read.models
    )


@pytest.mark.slow(reason="installs a foreign tool")
def test_the_template_of_workflows_is_well_written(read: Read) -> None:
    """It takes secrets as parameters, because what calls it has them: everything else is held to the same rules."""
    assert {each.text for each in check([read.template], read.models)} == {
        "settings is a secret parameter: secrets are in the vault",
        "gatewayKey is a secret parameter: secrets are in the vault",
        "app: Microsoft.Logic/workflows is not in our table of types",
        "nothing uses this file",
    }


def test_the_bicep_compiler_accepts_it(tmp_path: Path) -> None:
    bicep = shutil.which("bicep")
    if bicep is None:
        pytest.skip("Bicep's compiler is not on the PATH: warnings, types of values and layout are seen by CI only")
    for path in (INFRA / "main.bicep", TEMPLATE):
        out = tmp_path / "main.json"
        command = [bicep, "build", str(path), "--outfile", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, out.exists(), done.stderr) == (0, True, "")
    for path in (*INFRA.rglob("*.bicep"), TEMPLATE):
        out = tmp_path / "formatted.bicep"
        command = [bicep, "format", str(path), "--outfile", str(out)]
        subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert out.read_text() == path.read_text(), path


def test_lines_are_short() -> None:
    """But for descriptions, which are one text each."""
    for path in INFRA.rglob("*.bicep"):
        long = [line for line in path.read_text().splitlines() if len(line) > 120]
        assert [line for line in long if not line.lstrip().startswith("@description(")] == [], path


def test_the_table_of_rules_names_them_all() -> None:
    rules = re.findall(
        r"^            (?:\"(\w+)\"|UNREAD): ", (ROOT / "devkit/bicep/rules.py").read_text(), re.MULTILINE
    )
    section = (ROOT / "docs/development.md").read_text().partition("## The Bicep files\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [rule or UNREAD for rule in rules]
