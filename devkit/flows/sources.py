"""Read the flows of `power-automate/flows`: one file each, the source of all containers."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from devkit.bootstrap import ROOT
from devkit.flows.errors import FlowFileError
from devkit.flows.groups import Group, read_group

FLOWS = ROOT / "power-automate" / "flows"
CONNECTED = ("OpenApiConnection", "OpenApiConnectionWebhook", "OpenApiConnectionNotification")
_SETTING = re.compile(r"(?P<title>[A-Za-z][A-Za-z ]*) \((?P<schema>ggw_[A-Za-z]+)\)")
_EXAMPLE = "example.com"
DATA_SOURCE = "dataSource"  # in a parameter's metadata: ours, and in no container

type Json = dict[str, Any]


@dataclass(frozen=True)
class DataSource:
    """Where a setting's values are listed: a parameter of a connector; `within` is the setting that it depends on."""

    connector: str
    parameter: str
    within: str | None = None


@dataclass(frozen=True)
class Setting:
    """A value that is chosen at the import: a parameter of the definition named `Title (schema_name)`.

    With a data source it is picked from a list where there are environment variables, and a plain text elsewhere.
    """

    name: str
    title: str
    schema_name: str
    type: str
    default: Any
    description: str
    data_source: DataSource | None = None

    @property
    def short_name(self) -> str:
        """The schema name without the publisher's prefix."""
        return self.schema_name.partition("_")[2]

    @property
    def is_secret(self) -> bool:
        """Whether the value is secret: not everybody who sees the flow may read it."""
        return self.type == "SecureString"

    @property
    def is_optional(self) -> bool:
        """Whether flows can be turned on without it: a secret is read by its name when the flow runs."""
        return self.is_secret

    @property
    def is_asked(self) -> bool:
        """Whether an import of a solution asks for it: it is picked, or has no default."""
        return self.data_source is not None or not self.has_default

    @property
    def has_default(self) -> bool:
        """Whether there is a useful default: one that is neither empty nor an example."""
        return self.default not in ("", None) and _EXAMPLE not in str(self.default)


@dataclass(frozen=True)
class Step:
    """One action and where it stands."""

    name: str
    action: Json
    siblings: Mapping[str, Json]
    parents: tuple["Step", ...]  # the scopes, branches and loops around it, the outermost first


@dataclass(frozen=True)
class Flow:
    """One flow; `name` is its file's name without the ending."""

    name: str
    document: Json

    @property
    def definition(self) -> Json:
        """The workflow definition."""
        return dict(self.document["properties"]["definition"])

    @property
    def title(self) -> str:
        """The name that people see."""
        return str(self.document["properties"].get("displayName", self.name))

    @property
    def description(self) -> str:
        """What the flow does, in a sentence."""
        return str(self.definition.get("description", ""))

    @property
    def topic(self) -> str:
        """What the flow is about, a name of `topics.TOPICS`; flows that are not ours have none."""
        return str(self.document["properties"].get("topic", ""))

    @property
    def references(self) -> Mapping[str, Json]:
        """The connection references by the key that the steps use."""
        return dict(self.document["properties"]["connectionReferences"])

    @property
    def trigger(self) -> tuple[str, Json]:
        """The name of the trigger and the trigger."""
        name, trigger = next(iter(self.definition["triggers"].items()))
        return name, trigger

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every action at any depth, each after those around it."""
        return tuple(_walk_actions(self.definition["actions"], ()))

    @cached_property
    def groups(self) -> Mapping[int, Group]:
        """The order of each group of actions at any depth, by its id(): checks go through them thousands of times."""
        inside = (branch for step in self.steps for branch in find_branches(step.action))
        return {id(actions): read_group(actions) for actions in (self.definition["actions"], *inside)}

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """The parameters to choose, by their whole names."""
        found = {}
        for name, parameter in self.definition.get("parameters", {}).items():
            if (match := _SETTING.fullmatch(name)) is not None:
                metadata = parameter.get("metadata", {})
                source = metadata.get(DATA_SOURCE)
                found[name] = Setting(
                    name, match["title"], match["schema"], str(parameter.get("type")),
                    parameter.get("defaultValue"), str(metadata.get("description", "")),
                    DataSource(**source) if source else None,
                )  # fmt: skip
        return found


def load_flows(folder: Path = FLOWS) -> list[Flow]:
    """Read every flow of a folder, by name. Raises FlowFileError."""
    return [load_flow(path) for path in sorted(folder.glob("*.json"))]


def load_flow(path: Path) -> Flow:
    """Read one flow. Raises FlowFileError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        flow = Flow(path.stem, document)
        _ = flow.trigger, flow.steps, flow.references
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise FlowFileError(f"{path.name} is no flow: {type(error).__name__}: {error}") from error
    return flow


def find_branches(action: Json) -> list[dict[str, Json]]:
    """Return the groups of actions inside an action: of a scope or loop, of both sides of a condition, of each case."""
    inside = [action, action.get("else", {}), action.get("default", {}), *action.get("cases", {}).values()]
    return [branch["actions"] for branch in inside if "actions" in branch]


def find_texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string below a value with its place, such as `inputs/parameters/business`."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from find_texts(below, f"{place}/{key}" if place else str(key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from find_texts(below, f"{place}/{number}")


def strip_branches(action: Json) -> Json:
    """Return an action without the actions inside it."""
    return {key: value for key, value in action.items() if key not in ("actions", "else", "cases", "default")}


def _walk_actions(actions: Mapping[str, Json], parents: tuple[Step, ...]) -> Iterator[Step]:
    for name, action in actions.items():
        step = Step(name, action, actions, parents)
        yield step
        for branch in find_branches(action):
            yield from _walk_actions(branch, (*parents, step))
