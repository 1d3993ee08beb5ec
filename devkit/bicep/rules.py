"""The rules. Each is a function from what it looks at to sentences; `check` collects them with file and rule."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from devkit.bicep.properties import find_wrong_properties, is_code
from devkit.bicep.reading import Models, Source
from devkit.bicep.resources import OPEN_VALUES, REFUSED_SETTINGS, RESOURCES, ROLES

MAIN = "main.bicep"
TYPES = "types.bicep"
ROLES_FILE = "modules/roles.bicep"
UNREAD = "unread"
# A new identity needs new assignments, so their names have to depend on what is known only when it exists.
_LATE_NAMES = {"gatewayPrincipalId"}
_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_OUTPUT_OF = re.compile(r"\b(\w+)!?\.outputs\.(\w+)")
_KEYS = re.compile(r"\blist[A-Z]\w*\s*\(")
_SECRETS = re.compile(r"ConnectionString|InstrumentationKey|primaryKey|[Pp]assword|\.key\b|keys\[|@secure")
_TEXT = re.compile(r"'(?:\\.|\$\{[^}]*\}|[^'\\])*'|//.*")
_COUNT = {"{": 1, "[": 1, "(": 1, "}": -1, "]": -1, ")": -1}


@dataclass(frozen=True)
class Finding:
    """One fault: where, which rule, what. The rule `unread`: no fault, but nothing is known of that place."""

    file: str
    rule: str
    text: str


def check(sources: Sequence[Source], models: Models) -> list[Finding]:
    """Apply every rule to every file."""
    by_name = {source.name: source for source in sources}
    found = []
    for source in sources:
        per_file = {
            UNREAD: source.read.get("unread", ()),
            "names": _check_names(source),
            "documented": _check_documented(source),
            "types": _check_types(source),
            "layout": _check_layout(source.text),
            "keys": _check_keys(source),
            "modules": _check_modules(source, by_name),
            "roles": _check_roles(source),
            "resources": _check_resources(source, models),
        }
        found += [Finding(source.name, rule, text) for rule, texts in per_file.items() for text in texts]
    called = {_resolve(each, module) for each in sources for module in each.list_declared("module")}
    stray = sorted(set(by_name) - called - {MAIN, TYPES})
    return found + [Finding(name, "modules", "nothing uses this file") for name in stray]


def _check_names(source: Source) -> Iterator[str]:
    declared = [each for each in source.read.get("declared", ()) if each["kind"] != "output"]
    names = [each["name"] for each in declared]
    used = set(source.read.get("used", ()))
    yield from (f"{name} is declared twice" for name in sorted({each for each in names if names.count(each) > 1}))
    for name in sorted(used - set(names) - set(source.read.get("scoped", ()))):
        yield f"{name} is declared nowhere"
    for each in declared:
        is_idle = each["kind"] in ("parameter", "variable", "import") or each.get("existing")
        if is_idle and each["name"] not in used:
            yield f"{each['kind']} {each['name']} is not used"


def _check_documented(source: Source) -> Iterator[str]:
    for each in source.list_declared("parameter", "output") if source.name == MAIN else ():
        if not each["decorators"].get("description"):
            yield f"{each['name']} has no @description"


def _check_types(source: Source) -> Iterator[str]:
    for each in source.list_declared("parameter", "output"):
        if each["type"] in ("object", "array"):
            yield f"{each['name']} has no type of its own: say what is in it"


def _check_layout(text: str) -> Iterator[str]:
    """Yield the lines that the compiler's formatter would break or indent otherwise."""
    depth, text = 0, re.sub(r"'''.*?'''", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    for number, line in enumerate(text.splitlines(), 1):
        signs = [each for each in _TEXT.sub("", line) if each in _COUNT]
        lowest = min((sum(_COUNT[each] for each in signs[:count]) for count in range(len(signs) + 1)), default=0)
        opened = sum(_COUNT[each] for each in signs) - lowest
        if lowest < -1 or opened > 1 or (lowest and opened):
            yield f"line {number} opens or closes more than one bracket of several lines"
        elif line and not line.lstrip().startswith(("? ", ": ")) and line.find(line.lstrip()) != 2 * (depth + lowest):
            yield f"line {number} is not indented by {2 * (depth + lowest)}"
        depth += lowest + opened


def _check_keys(source: Source) -> Iterator[str]:
    if _KEYS.search(source.text):
        yield "a key is read: everything goes by identity"
    for each in source.list_declared("parameter"):
        if "secure" in each["decorators"]:
            yield f"{each['name']} is a secret parameter: secrets are in the vault"
    for line in source.text.splitlines():
        if line.startswith("output ") and _SECRETS.search(line.partition("=")[2]):
            yield f"a secret in the output {line.split()[1]}"


def _check_modules(source: Source, by_name: Mapping[str, Source]) -> Iterator[str]:
    modules = {each["name"]: each for each in source.list_declared("module")}
    for name, module in modules.items():
        target = by_name.get(_resolve(source, module))
        if target is None:
            yield f"module {name} is no file of ours: {module['path']}"
            continue
        if "name" in module["value"]:
            yield f"module {name} has a name: two deployments at the same time would meet in it"
        parameters = {each["name"]: each for each in target.list_declared("parameter")}
        given = module["value"].get("params", {})
        yield from (f"module {name} has no parameter {each}" for each in sorted(set(given) - set(parameters)))
        for each in sorted(set(parameters) - set(given)):
            if not parameters[each]["hasValue"]:
                yield f"module {name} needs the parameter {each}"
        in_names = " ".join(re.findall(r"^ +name: (.+)$", target.text, re.MULTILINE))
        for each, value in given.items():
            if _OUTPUT_OF.search(str(value)) and re.search(rf"\b{each}\b", in_names) and each not in _LATE_NAMES:
                yield f"module {name} gets a name from an output, {each}: a preview would not see its resources"
    for found in _OUTPUT_OF.finditer(source.text):
        target = by_name.get(_resolve(source, modules[found[1]])) if found[1] in modules else None
        if target and found[2] not in {each["name"] for each in target.list_declared("output")}:
            yield f"{found[1]} has no output {found[2]}"


def _check_roles(source: Source) -> Iterator[str]:
    yield from (f"{each} is no role that we know" for each in _GUID.findall(source.text) if each not in ROLES.values())
    for role in source.list_declared("resource"):
        if role["path"].startswith("Microsoft.Authorization/roleAssignments@") and source.name != ROLES_FILE:
            yield f"roles are assigned in {ROLES_FILE} only"
    if source.name == ROLES_FILE:
        values = {each["name"]: each["value"] for each in source.list_declared("variable")}
        table: Mapping[str, str] = values.get("roleIds", {})
        yield from (f"{name} is not {value}" for name, value in table.items() if ROLES.get(name) != value)
        used = set(re.findall(r"'([A-Z]\w+(?: [A-Z]\w+)+)'(?!:)", source.text))
        yield from (f"{name} is not both in the table and assigned" for name in sorted(used ^ set(table)))


def _check_resources(source: Source, models: Models) -> Iterator[str]:
    for resource in source.list_declared("resource"):
        kind, _, version = resource["path"].partition("@")
        config, symbol = resource["value"], resource["name"]
        known = RESOURCES.get(f"{kind}/{config.get('name')}") or RESOURCES.get(kind)
        if known is None:
            yield f"{symbol}: {kind} is not in our table of types"
            continue
        if version != known.version:
            yield f"{symbol}: API version {version}, not {known.version}"
        if resource["existing"]:
            continue
        if kind in OPEN_VALUES and is_code(config.get("name")):
            yield f"{symbol}: the name decides what its properties are, so write it out"
        yield from (f"{symbol}: {text}" for text in _check_values(config, known.required))
        if known.model:
            yield from (f"{symbol}: {text}" for text in find_wrong_properties(config, known.model, models))
    for name in REFUSED_SETTINGS:
        if re.search(rf"^\s*'?{name}'?:", source.text, flags=re.MULTILINE):
            yield f"Flex Consumption refuses the setting {name}"


def _check_values(config: Mapping[str, Any], required: Mapping[str, Any]) -> Iterator[str]:
    for path, wanted in required.items():
        value: Any = config
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value != wanted or type(value) is not type(wanted):
            yield f"{path} must be {wanted}"


def _resolve(source: Source, module: Mapping[str, Any]) -> str:
    """Return a module's path below infra/."""
    return str(PurePosixPath(source.name).parent / str(module["path"]))
