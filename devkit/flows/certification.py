"""Build what an independent publisher hands in for certification.

`certification.zip` is intro.md and a package with two solutions, as the public validator wants them
(scripts/ConnectorPackageValidator.ps1 of microsoft/PowerPlatformConnectors): the connector alone, and connector and
flows together. The package holds the files of Package Deployer beside them; the .NET assembly that the deployer runs
can only be built by .NET (`pac package init`, `dotnet publish`), and the validator does not ask for it. The folder
`certification` has the files of a pull request to that repository.
"""

from collections.abc import Iterable
from dataclasses import replace
from xml.etree import ElementTree as ET

from devkit.flows.connectors import GATEWAY, Connector
from devkit.flows.introduction import write_introduction
from devkit.flows.names import CONNECTOR_SOLUTION, FLOWS_SOLUTION, Identity
from devkit.flows.packing import Files, pack, write_json
from devkit.flows.publisher import Publisher, publish
from devkit.flows.solution import ConnectorFiles, Edition, build_connector_solution, build_flows_solution
from devkit.flows.solution_xml import write_content_types
from devkit.flows.sources import Flow
from devkit.flows.topics import Topic

ASSETS = "PkgAssets"  # as `pac package init` names the folder; no other may stand beside it
PACKAGE = "GraphGateway.pdpkg.zip"
IMPORT_CONFIG = f"{ASSETS}/ImportConfig.xml"
_INDENT = 4  # as the connectors' coding standards want it


def build_certification(
    files: ConnectorFiles,
    flows: Iterable[Flow],
    connectors: dict[str, Connector],
    *,
    identity: Identity,
    version: str,
    readme: str,
    publisher: Publisher,
) -> Files:
    """Return certification.zip and the files of the folder. KeyError if the readme lacks a section."""
    published = publish(files, publisher)
    named = replace(identity, title=str(published.definition["info"]["title"]))
    users = [flow for flow in flows if any(one["api"]["name"] == GATEWAY for one in flow.references.values())]
    topic = Topic("certification", FLOWS_SOLUTION, "connector and flows", "For certification only.")
    edition = Edition(version)
    alone = build_connector_solution(published, named, edition)
    together = build_flows_solution(topic, users, connectors, named, edition, with_connector=published)
    introduction = write_introduction(published.definition, readme, publisher.name).encode()
    package = _build_package({CONNECTOR_SOLUTION: pack(alone), FLOWS_SOLUTION: pack(together)})
    return {
        "certification.zip": pack({"intro.md": introduction, PACKAGE: pack(package)}),
        "certification/apiDefinition.swagger.json": write_json(published.definition, _INDENT),
        "certification/apiProperties.json": write_json(published.properties, _INDENT),
        "certification/readme.md": introduction,
    }


def _build_package(solutions: dict[str, bytes]) -> Files:
    return {
        "[Content_Types].xml": write_content_types(["xml", "zip"]),
        IMPORT_CONFIG: _write_import_config(f"{name}.zip" for name in solutions),
        **{f"{ASSETS}/{name}.zip": content for name, content in solutions.items()},
    }


def _write_import_config(solutions: Iterable[str]) -> bytes:
    """Return the deployer's list of solutions, in the order of their import; flows stay turned off.

    Form: "ImportConfig Reference" of the Power Platform documentation.
    """
    root = ET.Element("configdatastorage", installsampledata="false", crmmigdataimportfile="")
    listed = ET.SubElement(root, "solutions")
    for name in solutions:
        ET.SubElement(
            listed, "configsolutionfile", solutionpackagefilename=name, overwriteunmanagedcustomizations="false",
            publishworkflowsandactivateplugins="false",
        )  # fmt: skip
    ET.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode").encode() + b"\n"
