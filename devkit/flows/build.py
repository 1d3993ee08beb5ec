"""Build all that an administrator imports into an environment, from the sources in `power-automate`."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from devkit.bootstrap import ROOT
from devkit.flows.certification import build_certification
from devkit.flows.connectors import Connector, load_connectors
from devkit.flows.legacy import build_legacy_package
from devkit.flows.logic_apps import build_workflows
from devkit.flows.names import Identity, make_identity
from devkit.flows.packing import Files, pack, write_json
from devkit.flows.solution import (
    ConnectorFiles,
    build_connector_solution,
    build_flows_solution,
    find_references,
    list_settings,
    read_connector_files,
)
from devkit.flows.sources import Flow, load_flows

_INDENT = 4  # as the connectors' coding standards want it
_API_NAME = re.compile(r"shared_[a-z0-9-]+")


class WishError(ValueError):
    """The options do not allow a build; the message says why."""


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


def build_all(sources: Sources, api_name: str | None = None) -> Files:
    """Return every file by its path below the output folder.

    `api_name` is what an environment calls the connector, for solutions that cannot find it otherwise. WishError if it
    is not valid.
    """
    if api_name is not None and not _API_NAME.fullmatch(api_name):
        raise WishError(f"“{api_name}” is no connector's name: it begins with shared_ and stands in its address.")
    identity = make_identity(str(sources.files.definition["info"]["title"]), api_name)
    references = find_references(sources.flows, sources.connectors, identity)
    connector = pack(build_connector_solution(sources.files, identity, sources.version))
    flows = pack(build_flows_solution(sources.flows, sources.connectors, identity, sources.version))
    return {
        "README.md": sources.readme,
        "connector.zip": connector,
        "flows.zip": flows,
        "deployment-settings.json": write_json(
            list_settings(sources.flows, references, None if api_name else identity.api_id)
        ),
        **_below("connector", _write_connector(sources.files)),
        **_below("packages", _build_packages(sources, identity)),
        **_below("logic-apps", build_workflows(sources.flows, sources.connectors)),
        "certification.zip": pack(_build_certification(sources, identity, connector)),
    }


def _build_packages(sources: Sources, identity: Identity) -> Files:
    return {
        f"{flow.name}.zip": pack(build_legacy_package(flow, sources.connectors, identity)) for flow in sources.flows
    }


def _build_certification(sources: Sources, identity: Identity, connector: bytes) -> Files:
    both = build_flows_solution(
        sources.flows, sources.connectors, identity, sources.version, with_connector=sources.files
    )
    return build_certification(sources.intro, connector, pack(both))


def _write_connector(files: ConnectorFiles) -> Files:
    return {
        "apiDefinition.swagger.json": write_json(files.definition, _INDENT),
        "apiProperties.json": write_json(files.properties, _INDENT),
        "icon.png": files.icon,
        "settings.json": files.settings,
    }


def _below(folder: str, files: Files) -> Files:
    return {f"{folder}/{name}": content for name, content in files.items()}
