"""The infrastructure's parameters: those of the settings, written from the catalogue, and the tables of all of them.

infra/main.bicep is written by hand but for two blocks: the parameters of the settings (their types: `bicep_types`), and
the app settings made of them. infra/main.parameters.json and the table of docs/deploy.md follow from all of main.bicep.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devkit.documents.blocks import Texts, make_table, quote_bicep
from shared.settings.catalogue import SETTINGS, Setting
from shared.settings.kinds import Choice, JsonText, Schedule, WholeNumber, list_words

_MAIN, _FILE, _DEPLOY = "infra/main.bicep", "infra/main.parameters.json", "docs/deploy.md"
_PARAMETER = re.compile(
    r"^@description\('(?P<text>(?:[^'\\]|\\.)*)'\)\n(?P<more>(?:@.+\n)*)"
    r"param (?P<name>\w+) (?P<kind>[\w\[\]]+)(?: = (?P<default>.+))?$",
    re.MULTILINE,
)
_JSON_TYPES = {"GRAPH_CONNECTIONS": "connectionsByName", "MAILBOXES": "mailbox[]", "SINKS": "sinksByName"}
_VARIABLE = re.compile(r"\$\{(\w+)(?:=[^}]*)?\}")


@dataclass(frozen=True)
class Parameter:
    """One parameter of main.bicep, as it stands there. `default` is Bicep text, None for a parameter without one."""

    name: str
    kind: str
    default: str | None
    text: str
    decorators: Mapping[str, str]

    @property
    def value(self) -> Any:
        """The default as JSON knows it."""
        if self.default is None:
            return None
        return self.default[1:-1].replace("\\'", "'") if self.kind == "string" else json.loads(self.default)

    @property
    def shown_default(self) -> str:
        """The default as a table shows it."""
        if self.default is None:
            return "needed"
        plain = self.value if self.kind == "string" else self.default
        return f"`{plain}`" if plain else "empty"

    @property
    def shown_values(self) -> str:
        """The values that are allowed, as a table shows them; empty without a limit."""
        if allowed := self.decorators.get("allowed"):
            return list_words(re.findall(r"[\w.-]+", allowed))
        if "minValue" in self.decorators:
            return WholeNumber(int(self.decorators["minValue"]), int(self.decorators["maxValue"])).describe()
        return {"bool": "`true` or `false`", "string[]": "list of texts"}.get(self.kind, "")


def write(texts: Texts) -> None:
    """Write all of it."""
    texts.put_block(_MAIN, "parameters of the settings", list(_make_parameters()))
    texts.put_block(_MAIN, "settings", [_make_app_setting(each) for each in SETTINGS])
    parameters = read_parameters(texts.read(_MAIN))
    values = _make_values(parameters, json.loads(texts.read(_FILE))["parameters"])
    texts.put(_FILE, _make_file(values))
    texts.put_block(_DEPLOY, "parameters", _make_table(parameters, values))


def read_parameters(bicep: str) -> list[Parameter]:
    """Return the parameters of a Bicep text, in its order."""
    return [
        Parameter(
            found["name"],
            found["kind"],
            found["default"],
            found["text"].replace("\\'", "'"),
            dict(re.findall(r"^@(\w+)\((.*)\)$", found["more"], flags=re.MULTILINE)),
        )
        for found in _PARAMETER.finditer(bicep)
    ]


def name_parameter(setting: str) -> str:
    """Return the Bicep name of a setting's parameter: GRAPH_CLOUD -> graphCloud."""
    first, *others = setting.lower().split("_")
    return first + "".join(each.capitalize() for each in others)


def find_variable(value: Any) -> str | None:
    """Return the variable of azd that gives a parameter of main.parameters.json; None where the value stands there."""
    found = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def _make_parameters() -> Iterator[str]:
    for number, each in enumerate(each for each in SETTINGS if each.fixed is None):
        if number:
            yield ""
        sentence = each.text.partition(". ")[0].removesuffix(".").replace("`", "")
        yield f"@description({quote_bicep(f'{sentence}. {each.deployed_note}'.strip())})"
        match each.kind:
            case Choice(words):
                yield f"@allowed([{', '.join(map(quote_bicep, words))}])"
            case WholeNumber(least, most):
                yield f"@minValue({least})"
                yield f"@maxValue({most})"
            case _:
                pass
        kind = _bicep_kind(each)
        default = quote_bicep(each.default or "") if kind == "string" else each.default
        yield f"param {name_parameter(each.name)} {kind} = {default}"


def _make_app_setting(setting: Setting) -> str:
    name = name_parameter(setting.name)
    passed_on = name if _bicep_kind(setting) == "string" else f"string({name})"
    return f"{setting.name}: {setting.fixed or setting.deployed_as or passed_on}"


def _bicep_kind(setting: Setting) -> str:
    match setting.kind:
        case WholeNumber():
            return "int"
        case JsonText():
            return _JSON_TYPES[setting.name]
        case _:
            return "string"


def _make_values(parameters: list[Parameter], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of main.parameters.json. A variable that stands there keeps its name."""
    schedules = {name_parameter(each.name) for each in SETTINGS if isinstance(each.kind, Schedule)}
    values: dict[str, Any] = {}
    for each in parameters:
        if each.name in before:
            variable = find_variable(before[each.name]["value"])
        elif each.kind not in ("string", "int", "bool") or each.name in schedules:
            variable = None
        else:
            variable = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", each.name).upper()
        if variable is None:
            values[each.name] = each.value
        else:
            plain = each.value if each.kind == "string" else each.default
            values[each.name] = f"${{{variable}={plain}}}" if plain else f"${{{variable}}}"
    return values


def _make_file(values: Mapping[str, Any]) -> str:
    lines = (f'    {json.dumps(name)}: {{ "value": {json.dumps(value)} }}' for name, value in values.items())
    return "\n".join(
        (
            "{",
            '  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",',
            '  "contentVersion": "1.0.0.0",',
            '  "parameters": {',
            ",\n".join(lines),
            "  }",
            "}",
            "",
        )
    )


def _make_table(parameters: list[Parameter], values: Mapping[str, Any]) -> list[str]:
    kinds = {name_parameter(each.name): each.kind for each in SETTINGS}
    rows = []
    for each in parameters:
        variable = find_variable(values[each.name])
        place = f"`{variable}`" if variable else "in the file"
        allowed = kinds[each.name].describe() if each.name in kinds else each.shown_values
        rows.append((f"`{each.name}`", place, each.shown_default, allowed or "text", each.text))
    return make_table(("Parameter", "Variable", "Default", "Values", "Meaning"), rows)
