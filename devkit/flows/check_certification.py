"""Checks of what is handed in for certification: what Microsoft's public validator asks, and its written rules."""

import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from devkit.flows.certification import ASSETS, IMPORT_CONFIG
from devkit.flows.check_packages import check_content_types, check_solution
from devkit.flows.complaints import Complaint
from devkit.flows.introduction import check_introduction
from devkit.flows.packing import Files, unpack
from devkit.flows.publisher import COLOUR, SUFFIX

_EXAMPLE = re.compile(r"[\w.@-]*\bexample\.(?:com|org|net)")
_ALONE, _TOGETHER = {"Connector"}, {"Connector", "Workflows"}

type Found = tuple[str, str, str]  # rule, place, message


def check_certification(name: str, content: bytes) -> list[Complaint]:
    """Return what is wrong with certification.zip."""
    try:
        outer = unpack(content)
        inner = [each for each in outer if each.endswith(".zip")]
        if sorted(outer) != sorted(["intro.md", *inner]) or len(inner) != 1:
            return [Complaint(name, "zip", name, "holds intro.md and one package zip")]
        package = unpack(outer[inner[0]])
        solutions: dict[str, Files] = {each: unpack(data) for each, data in package.items() if each.endswith(".zip")}
    except zipfile.BadZipFile:
        return [Complaint(name, "zip", name, "is no zip, or holds one that is none")]
    found = [Complaint(name, *each) for each in _check_package(package, solutions)]
    for each in solutions:
        found += check_solution(f"{name}/{each}", package[each])
    for files in solutions.values():
        found += [Complaint(name, *each) for each in _check_published(files, outer["intro.md"].decode())]
    return sorted(set(found))


def _check_package(package: Files, solutions: dict[str, Files]) -> Iterator[Found]:
    folders = {each.rpartition("/")[0] for each in package}
    if folders != {"", ASSETS}:
        yield "zip", "package", f"holds one folder, {ASSETS}, and files beside it"
    shapes = [{each.partition("/")[0] for each in files if "/" in each} for files in solutions.values()]
    if [shape & _TOGETHER for shape in shapes] != [_ALONE, _TOGETHER]:
        yield "zip", ASSETS, "holds the connector alone, and connector and flows together"
    elif shapes[0] != _ALONE:
        yield "zip", ASSETS, "the connector's solution holds more than the connector"
    if "[Content_Types].xml" in package:
        types = ET.fromstring(package["[Content_Types].xml"])  # noqa: S314 - our own file
        yield from check_content_types(package, types)
    else:
        yield "zip", "[Content_Types].xml", "is missing: Package Deployer wants it"
    if IMPORT_CONFIG not in package:
        yield "zip", IMPORT_CONFIG, "is missing: Package Deployer wants it"
        return
    config = ET.fromstring(package[IMPORT_CONFIG])  # noqa: S314 - our own file
    named = [f"{ASSETS}/{each.get('solutionpackagefilename')}" for each in config.iter("configsolutionfile")]
    if named != list(solutions):
        yield "zip", IMPORT_CONFIG, f"imports {named}, not {list(solutions)}"


def _check_published(files: Files, introduction: str) -> Iterator[Found]:
    """Find what an independent publisher may not hand in."""
    definition: Any = next((json.loads(data) for name, data in files.items() if "_openapidefinition" in name), None)
    if definition is None:
        return
    info = definition["info"]
    if not info["title"].endswith(SUFFIX):
        yield "publisher", "info/title", f"does not end in “{SUFFIX.strip()}”"
    texts = json.dumps([info["contact"], definition["x-ms-connector-metadata"]])
    for example in _EXAMPLE.findall(texts):
        yield "publisher", "info/contact", f"“{example}” is nobody's address"
    root = ET.fromstring(files["customizations.xml"])  # noqa: S314 - our own file
    for connector in root.iter("Connector"):
        if connector.findtext("iconbrandcolor") != COLOUR:
            yield "publisher", "iconbrandcolor", f"is not {COLOUR}"
        if connector.find("iconblob") is not None:
            yield "publisher", "iconblob", "is there, but Microsoft puts its own icon on it"
        if connector.findtext("displayname") != info["title"]:
            yield "publisher", "displayname", "is not the definition's title"
    for place, message in check_introduction(introduction, definition):
        yield "introduction", f"intro.md {place}", message
