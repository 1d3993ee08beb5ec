"""The rules. Each is a function from what it looks at to sentences; `check` collects them with file and rule."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from devkit.bicep.properties import find_wrong_properties, unwrap
from devkit.bicep.reading import Models, Source
from devkit.bicep.resources import REFUSED_SETTINGS, RESOURCES, ROLES
from devkit.bicep.syntax import find_declared, find_loop_names, find_used, strip_texts

MAIN = "main.bicep"
ROLES_FILE = "modules/roles.bicep"
_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_OUTPUT_OF = re.compile(r"\b(\w+)!?\.outputs\.(\w+)")
_KEYS = re.compile(r"\blist[A-Z]\w*\(|\blist[A-Z]\w*\s*\(")
_SECRETS = re.compile(r"ConnectionString|InstrumentationKey|primaryKey|[Pp]assword|\.key\b|keys\[|@secure")


@dataclass(frozen=True)
class Finding:
    """One fault: where, which rule, what."""

    file: str
    rule: str
    text: str


def check(sources: Sequence[Source], models: Models) -> list[Finding]:
    """Apply every rule to every file."""
    by_name = {source.name: source for source in sources}
    found = []
    for source in sources:
        if source.error is not None:
            found.append(Finding(source.name, "syntax", source.error))
            continue
        per_file = {
            "names": _check_names(source.text),
            "documented": _check_documented(source) if source.name == MAIN else iter(()),
            "keys": _check_keys(source),
            "modules": _check_modules(source, by_name),
            "outputs": _check_outputs(source, by_name),
            "roles": _check_roles(source),
            "resources": _check_resources(source, models),
        }
        found += [Finding(source.name, rule, text) for rule, texts in per_file.items() for text in texts]
    return found + list(_check_unreferenced(by_name))


def _check_names(text: str) -> Iterator[str]:
    declared = find_declared(text)
    names = [name for kind, name in declared if kind != "output"]
    used = find_used(text)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is declared twice"
    for name in sorted(used - set(names) - find_loop_names(text)):
        yield f"{name} is declared nowhere"
    for kind, name in declared:
        if kind in ("param", "var") and name not in used:
            yield f"{kind} {name} is not used"
    for found in re.finditer(r"^resource +(\w+) +'[^']*' +existing\b", text, flags=re.MULTILINE):
        if found[1] not in used:
            yield f"existing resource {found[1]} is not used"


def _check_documented(source: Source) -> Iterator[str]:
    for kind in ("parameters", "outputs"):
        for name, declared in source.part(kind).items():
            if not any(each["type"] == "description" and each["argument"] for each in declared["decorators"]):
                yield f"{name} has no @description"


def _check_keys(source: Source) -> Iterator[str]:
    if _KEYS.search(strip_texts(source.text)):
        yield "a key is read: everything goes by identity"
    for name, declared in source.part("parameters").items():
        if any(each["type"] == "secure" for each in declared["decorators"]):
            yield f"{name} is a secret parameter: secrets are in the vault"
    for line in source.text.splitlines():
        if line.startswith("output ") and _SECRETS.search(line.partition("=")[2]):
            yield f"a secret in the output {line.split()[1]}"


def _check_modules(source: Source, by_name: Mapping[str, Source]) -> Iterator[str]:
    for name, module in source.part("modules").items():
        path = module["detail"]["path"] if module["type"] == "local" else None
        target = by_name.get(_resolve(source, path)) if path else None
        if target is None:
            yield f"module {name} is no file of ours: {module['detail'].get('full')}"
            continue
        parameters, given = target.part("parameters"), unwrap(module["config"]).get("params", {})
        for each in sorted(set(given) - set(parameters)):
            yield f"module {name} has no parameter {each}"
        for each in sorted(set(parameters) - set(given)):
            if "default" not in parameters[each]:
                yield f"module {name} needs the parameter {each}"


def _check_outputs(source: Source, by_name: Mapping[str, Source]) -> Iterator[str]:
    modules = source.part("modules")
    for found in _OUTPUT_OF.finditer(source.text):
        module = modules.get(found[1])
        target = by_name.get(_resolve(source, str(module["detail"].get("path")))) if module else None
        if target is not None and found[2] not in target.part("outputs"):
            yield f"{found[1]} has no output {found[2]}"


def _check_roles(source: Source) -> Iterator[str]:
    for found in _GUID.findall(source.text):
        if found not in ROLES.values():
            yield f"{found} is no role that we know"
    for role in source.part("resources").values():
        if role["type"] == "Microsoft.Authorization/roleAssignments" and source.name != ROLES_FILE:
            yield f"roles are assigned in {ROLES_FILE} only"
    table = (source.part("variables").get("roleIds") or {}).get("value", {})
    for name, value in table.items():
        if ROLES.get(name) != value:
            yield f"{name} is not {value}"
    if source.name == ROLES_FILE:
        used = set(re.findall(r"'([A-Z]\w+(?: [A-Z]\w+)+)'(?!:)", source.text))
        for name in sorted(used ^ set(table)):
            yield f"{name} is not both in the table and assigned"


def _check_resources(source: Source, models: Models) -> Iterator[str]:
    for symbol, resource in source.part("resources").items():
        known = RESOURCES.get(resource["type"])
        if known is None:
            yield f"{symbol}: {resource['type']} is not in our table of types"
            continue
        if resource["api_version"] != known.version:
            yield f"{symbol}: API version {resource['api_version']}, not {known.version}"
        if resource["existing"]:
            continue
        config = unwrap(resource["config"])
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


def _check_unreferenced(by_name: Mapping[str, Source]) -> Iterator[Finding]:
    called = {
        _resolve(source, str(module["detail"].get("path")))
        for source in by_name.values()
        for module in source.part("modules").values()
    }
    for name in sorted(set(by_name) - called - {MAIN}):
        yield Finding(name, "modules", "nothing uses this file")


def _resolve(source: Source, path: str) -> str:
    """Return a module's path below infra/."""
    return str(PurePosixPath(source.name).parent / path)
