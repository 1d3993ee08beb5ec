"""List what each file for import holds and needs: its flows, the connections to make, the values to give."""

from collections.abc import Iterable
from dataclasses import dataclass

from devkit.flows.connectors import GATEWAY, Connector
from devkit.flows.names import Identity
from devkit.flows.solution import find_references
from devkit.flows.sources import Flow, Setting
from devkit.flows.topics import TOPICS

_HEAD = """\
# What is here and what it needs

A solution without `_managed` is for changing its flows, one with it for keeping changes when a new version comes; both
need the same. *To fill in* has no default; a flow whose value is missing cannot be turned on. *Optional* can be given
after the import, by its own name. The import of a solution lists the sites and lists of SharePoint to pick from; in
packages and Logic Apps they are texts.

| File | Flows | Connections | To fill in | Optional | With a default |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Content:
    """One file for import. Connections go by the titles of their connectors, values by their names."""

    file: str
    flows: tuple[str, ...]
    connections: tuple[str, ...]
    to_fill_in: tuple[str, ...]
    optional: tuple[str, ...]
    with_default: tuple[str, ...]

    @property
    def line(self) -> str:
        """The file and what it needs, for a terminal."""
        needs = (
            ("connections", self.connections), ("to fill in", self.to_fill_in), ("optional", self.optional),
            ("with a default", self.with_default),
        )  # fmt: skip
        return f"{self.file}: " + ("; ".join(f"{what}: {', '.join(names)}" for what, names in needs if names) or "-")


def list_contents(flows: Iterable[Flow], connectors: dict[str, Connector], identity: Identity) -> list[Content]:
    """Return every file for import."""
    flows = list(flows)
    found = [Content("solutions/connector.zip", (), (), (), (), ())]
    for topic in TOPICS.values():
        chosen = [flow for flow in flows if flow.topic == topic.name]
        references = find_references(chosen, connectors, identity)
        titles = [each.title for each in references]
        found.append(_describe(f"solutions/{topic.name}.zip", chosen, titles, are_variables=True))
    for folder, ending in (("packages", "zip"), ("logic-apps", "bicepparam")):
        for flow in flows:
            names = [str(each["api"]["name"]) for each in flow.references.values()]
            titles = [identity.title if name == GATEWAY else connectors[name].title for name in names]
            found.append(_describe(f"{folder}/{flow.name}.{ending}", [flow], titles, are_variables=False))
    return found


def write_contents(contents: Iterable[Content]) -> bytes:
    """Return CONTENTS.md."""
    rows = [
        (each.file, each.flows, each.connections, each.to_fill_in, each.optional, each.with_default)
        for each in contents
    ]  # fmt: skip
    lines = [f"| `{file}` | " + " | ".join(", ".join(cell) or "-" for cell in cells) + " |" for file, *cells in rows]
    return (_HEAD + "\n".join(lines) + "\n").encode()


def _describe(file: str, flows: list[Flow], connections: Iterable[str], *, are_variables: bool) -> Content:
    """Describe a file. `are_variables`: values are environment variables, which can be given later."""
    settings: dict[str, Setting] = {each.schema_name: each for flow in flows for each in flow.settings.values()}
    kinds: dict[str, list[str]] = {"to_fill_in": [], "optional": [], "with_default": []}
    for name, setting in sorted(settings.items()):
        is_optional = are_variables and setting.is_optional
        is_asked = setting.is_asked if are_variables else not setting.has_default
        kind = "optional" if is_optional else "to_fill_in" if is_asked else "with_default"
        kinds[kind].append(name)
    return Content(
        file,
        tuple(flow.title for flow in flows),
        tuple(sorted(set(connections))),
        *(tuple(kinds[kind]) for kind in ("to_fill_in", "optional", "with_default")),
    )
