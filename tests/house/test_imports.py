"""Which module may import which: layers, features, libraries and the environment."""

import ast
import importlib.metadata
import json
import subprocess
import sys

import pytest

from tests.house.source import DEPLOYED, ROOT, TREES, Module, deployed, modules

pytestmark = pytest.mark.xdist_group(TREES)

# Each layer may import those below it, never one above.
LAYERS = (
    ("function_app",),
    ("blueprints",),
    ("doctor",),
    ("composition",),
    ("bookings", "inbound_mail", "event_subscriptions", "graph_notifications", "trigger_polls"),
    ("shared.graph",),
    ("shared",),
)


def layer_of(name: str) -> int | None:
    for number, prefixes in reversed(list(enumerate(LAYERS))):
        exact = [prefix for prefix in prefixes if name == prefix or name.startswith(f"{prefix}.")]
        if exact and not (prefixes == ("shared",) and name.startswith("shared.graph")):
            return number
    return None


def ids(found: tuple[Module, ...]) -> list[str]:
    return [module.name for module in found]


@pytest.mark.parametrize("module", deployed(), ids=ids(deployed()))
def test_imports_lead_downwards_only(module: Module) -> None:
    own = layer_of(module.name)
    assert own is not None
    for name in module.imports():
        other = layer_of(name)
        assert other is None or other >= own, f"{module.name} imports {name}"


def test_features_do_not_import_each_other() -> None:
    features = next(prefixes for prefixes in LAYERS if "bookings" in prefixes)
    for one in features:
        for module in modules(one):
            others = set(features) - {one}
            assert not [name for name in module.imports() if name.partition(".")[0] in others]


def test_only_blueprints_import_azure_functions() -> None:
    for module in deployed():
        if module.package not in ("function_app", "blueprints"):
            assert "azure.functions" not in set(module.imports()), module.name


HOMES = {
    ("azure.identity", "azure.keyvault", "msal"): {"shared.auth", "shared.identity", "shared.key_vault"},
    ("azure.core.pipeline",): {"shared.azure_transport", "shared.storage.service"},
    ("azure.data",): set(),
    ("azure.storage",): {
        "shared.storage.account",
        "shared.storage.tables",
        "shared.storage.blobs",
        "shared.storage.file_links",
        "shared.storage.service",
        "shared.storage.table_client",
        "shared.storage.queue_client",
        "shared.storage.queues",
    },
}


@pytest.mark.parametrize(("libraries", "homes"), HOMES.items())
def test_each_azure_library_is_imported_by_its_own_modules_only(libraries: tuple[str, ...], homes: set[str]) -> None:
    for module in deployed():
        if module.name not in homes:
            assert not [name for name in module.imports() if name.startswith(libraries)], module.name


def test_no_other_azure_library_is_imported() -> None:
    known = {home for homes in HOMES.values() for home in homes}
    for module in deployed():
        if module.name not in known:
            azure = {name for name in module.imports() if name.startswith("azure.")}
            assert azure <= {"azure.functions"}, module.name


def test_only_the_settings_module_reads_the_environment() -> None:
    for module in deployed():
        if module.name == "shared.settings.config":
            continue
        for node in module.nodes:
            reads = isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
            assert not reads, f"{module.path}:{getattr(node, 'lineno', 0)} reads the environment"


def test_deployed_code_neither_imports_nor_mentions_the_twin() -> None:
    undeployed = ("devkit", "twin", "setup", "tests", "bench")
    for module in deployed():
        assert not [name for name in module.imports() if name.partition(".")[0] in undeployed]
        assert "simulat" not in module.text.lower(), f"{module.name} must not mention the simulation"


def test_the_twin_and_the_local_host_import_nothing_of_the_product() -> None:
    foreign = (*DEPLOYED, "setup")
    for module in modules("twin", "devkit"):
        if module.name.startswith(("twin", "devkit.host")):
            assert not [name for name in module.imports() if name.partition(".")[0] in foreign], module.name
        if module.package == "twin" and module.name != "twin.__main__":  # it makes its environment first
            assert not [name for name in module.imports() if name.partition(".")[0] == "devkit"], module.name


def test_only_one_module_imports_the_worker_library() -> None:
    library = "azure_functions_runtime"
    suspects = [module for module in modules() if library in module.text]  # the others need not be parsed
    users = {module.name for module in suspects if any(name.startswith(library) for name in module.imports())}
    assert users == {"devkit.host.worker"}


def test_no_package_has_the_name_of_the_standard_library_or_of_a_distribution() -> None:
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"function_app"}
    taken = set(sys.stdlib_module_names) | set(importlib.metadata.packages_distributions())
    assert {"shared", "bookings", "blueprints"} <= ours
    assert not ours & taken


PROBE = """
import json, os, sys

found = []
def watch(event, details):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        found.append(event)
    if event == "open" and isinstance(details[0], str) and details[1] and set(details[1]) & set("wax+"):
        found.append(f"writes {details[0]}")
sys.addaudithook(watch)

class Environment(dict):
    def get(self, name, default=None):
        found.append(f"reads {name}") if name in OURS else None
        return super().get(name, default)
    def __getitem__(self, name):
        found.append(f"reads {name}") if name in OURS else None
        return super().__getitem__(name)

from shared.settings.catalogue import SETTINGS
OURS = {setting.name for setting in SETTINGS}
os.environ = Environment(os.environ)
for name in [name for name in sys.modules if name.startswith("shared.settings.")]:
    del sys.modules[name]  # the probe's own
import azure.functions
before = set(sys.modules)
import function_app
HEAVY = (
    "azure.identity", "azure.keyvault", "azure.storage", "azure.data", "azure.core", "msal", "requests", "urllib3",
    "tenacity", "shared.settings.config", "shared.settings.mail_settings", "shared.storage", "shared.graph",
    "composition.connections", "inbound_mail.intake", "inbound_mail.ledger", "inbound_mail.content", "zoneinfo",
    "pathlib",
)
heavy = [name for name in sys.modules if name.startswith(HEAVY) and name not in before]
print(json.dumps({"found": found, "heavy": heavy}))
"""


def test_importing_the_app_reads_no_setting_opens_no_connection_and_loads_nothing_heavy() -> None:
    probe = subprocess.run([sys.executable, "-B", "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(probe.stdout) == {"found": [], "heavy": []}


MADE = """
import dataclasses, sys
import function_app
for name, module in sorted(sys.modules.items()):
    if name.partition(".")[0] in DEPLOYED:
        own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == name]
        print(*(f"{name}.{one.__name__}" for one in own if dataclasses.is_dataclass(one)))
"""


def test_importing_the_app_makes_few_data_classes() -> None:
    """To make one takes half a millisecond of each start, a named tuple less than a tenth."""
    code = f"DEPLOYED = {sorted(DEPLOYED)!r}\n{MADE}"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {
        "blueprints._http.Content",
        "blueprints._http.Request",
        "blueprints._assets.Kept",
        "shared.settings.faults.Fault",
        "shared.time_zones.zones.Zone",
    }


def test_building_the_services_loads_no_use_case_and_no_sink() -> None:
    """The first answer of a process waits for what it needs alone."""
    code = "import sys, composition.connections, inbound_mail.sinks; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    unneeded = ("bookings.", "inbound_mail.content", "inbound_mail.sinks.protocol")
    loaded = done.stdout.split()
    assert [name for name in loaded if name.startswith(unneeded) or name.endswith(".sink")] == []
    assert "inbound_mail.sinks.easyvista.options" in loaded
