"""Build all that an administrator imports into an environment, from the sources in `power-automate`."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from devkit.bootstrap import ROOT
from devkit.flows.certification import build_certification
from devkit.flows.connectors import Connector, load_connectors
from devkit.flows.contents import list_contents, write_contents
from devkit.flows.errors import WishError
from devkit.flows.legacy import build_legacy_package
from devkit.flows.logic_apps import build_workflows
from devkit.flows.names import Identity, make_identity
from devkit.flows.packing import Files, pack, write_json
from devkit.flows.publisher import Publisher, find_faults
from devkit.flows.solution import (
    ConnectorFiles,
    Edition,
    build_connector_solution,
    build_flows_solution,
    find_references,
    list_settings,
    read_connector_files,
)
from devkit.flows.sources import Flow, load_flows
from devkit.flows.topics import TOPICS

_INDENT = 4  # as the connectors' coding standards want it
_API_NAME = re.compile(r"shared_[a-z0-9-]+")


@dataclass(frozen=True)
class Sources:
    """The sources of a build."""

    flows: list[Flow]
    connectors: dict[str, Connector]
    files: ConnectorFiles
    intro: bytes
    readme: bytes
    version: str  # four numbers


def load_sources(root: Path = ROOT) -> Sources:
    """Read the sources. FileNotFoundError if one is missing, FlowFileError if one is not valid."""
    folder = root / "power-automate"
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return Sources(
        flows=load_flows(folder / "flows"),
        connectors=load_connectors(folder / "apiDefinition.swagger.json"),
        files=read_connector_files(
            (folder / "apiDefinition.swagger.json").read_bytes(),
            (folder / "apiProperties.json").read_bytes(),
            (folder / "icon.png").read_bytes(),
            (folder / "settings.json").read_bytes(),
        ),
        intro=(folder / "readme.md").read_bytes(),
        readme=(folder / "flows" / "README.md").read_bytes(),
        version=f"{version}.0",
    )


def build_all(sources: Sources, api_name: str | None = None, *, flows_on: bool = False) -> Files:
    """Return every file by its path below the output folder.

    `api_name` is what an environment calls the connector, for solutions that cannot find it otherwise. WishError if it
    is not valid. With `flows_on` solutions hold their flows as turned on, for an environment in which they run already.
    """
    if api_name is not None and not _API_NAME.fullmatch(api_name):
        raise WishError(f"“{api_name}” is no connector's name: it begins with shared_ and stands in its address.")
    identity = make_identity(str(sources.files.definition["info"]["title"]), api_name)
    solutions = _build_solutions(sources, identity, None if api_name else identity.api_id, flows_on=flows_on)
    return {
        "README.md": sources.readme,
        "CONTENTS.md": write_contents(list_contents(sources.flows, sources.connectors, identity)),
        **_below("solutions", solutions),
        **_below("connector", _write_connector(sources.files)),
        **_below("packages", _build_packages(sources, identity)),
        **_below("logic-apps", build_workflows(sources.flows, sources.connectors)),
    }


def build_submission(sources: Sources, publisher: Publisher) -> Files:
    """Return what this publisher hands in for certification. WishError if Microsoft would refuse the publisher."""
    if faults := list(find_faults(publisher)):
        raise WishError("\n".join(faults))
    identity = make_identity(str(sources.files.definition["info"]["title"]))
    return build_certification(
        sources.files, sources.flows, sources.connectors, identity=identity, version=sources.version,
        readme=sources.intro.decode(), publisher=publisher,
    )  # fmt: skip


def _build_solutions(sources: Sources, identity: Identity, unknown: str | None, *, flows_on: bool) -> Files:
    """Return the solutions, each unmanaged and managed, and the settings for an unattended import of each topic."""
    files: dict[str, bytes] = {}
    for ending, is_managed in (("", False), ("_managed", True)):
        edition = Edition(sources.version, is_managed, flows_on)
        files[f"connector{ending}.zip"] = pack(build_connector_solution(sources.files, identity, edition))
        for topic in TOPICS.values():
            flows = [flow for flow in sources.flows if flow.topic == topic.name]
            files[f"{topic.name}{ending}.zip"] = pack(
                build_flows_solution(topic, flows, sources.connectors, identity, edition)
            )
            references = find_references(flows, sources.connectors, identity)
            files[f"{topic.name}.settings.json"] = write_json(list_settings(flows, references, unknown))
    return dict(sorted(files.items()))


def _build_packages(sources: Sources, identity: Identity) -> Files:
    return {
        f"{flow.name}.zip": pack(build_legacy_package(flow, sources.connectors, identity)) for flow in sources.flows
    }


def _write_connector(files: ConnectorFiles) -> Files:
    return {
        "apiDefinition.swagger.json": write_json(files.definition, _INDENT),
        "apiProperties.json": write_json(files.properties, _INDENT),
        **({"icon.png": files.icon} if files.icon else {}),
        "settings.json": files.settings,
    }


def _below(folder: str, files: Files) -> Files:
    return {f"{folder}/{name}": content for name, content in files.items()}
