"""What an independent publisher hands in: in the form of Microsoft's validator and rules, and every fault is seen."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from devkit.connector.files import README
from devkit.connector.pages import visible_operations
from devkit.flows.build import build_all, build_submission, load_sources
from devkit.flows.check_certification import check_certification
from devkit.flows.errors import WishError
from devkit.flows.introduction import write_introduction
from devkit.flows.packing import Files, pack, unpack
from devkit.flows.publisher import Publisher
from tests.contract.test_connector import LINT, NOT_OURS

PUBLISHER = Publisher(
    "Ada Lovelace", "https://contoso.com/support", "help@contoso.com", "https://contoso.com",
    "https://contoso.com/privacy",
)  # fmt: skip
PACKAGE = "GraphGateway.pdpkg.zip"
CONNECTOR, FLOWS = "PkgAssets/GraphGatewayConnector.zip", "PkgAssets/GraphGatewayFlows.zip"
# templates/readme.md of microsoft/PowerPlatformConnectors
TEMPLATE = [
    "Publisher: Ada Lovelace", "Prerequisites", "Supported Operations", "Obtaining Credentials", "Getting Started",
    "Known Issues and Limitations", "Frequently Asked Questions", "Deployment Instructions",
]  # fmt: skip


@pytest.fixture(scope="module")
def built() -> Files:
    return build_submission(load_sources(), PUBLISHER)


@pytest.fixture(scope="module")
def outer(built: Files) -> dict[str, bytes]:
    return unpack(built["certification.zip"])


@pytest.fixture(scope="module")
def package(outer: Files) -> dict[str, bytes]:
    return unpack(outer[PACKAGE])


def test_it_is_without_complaint(built: Files) -> None:
    assert check_certification("certification.zip", built["certification.zip"]) == []


def test_two_builds_are_the_same_byte_for_byte(built: Files) -> None:
    assert build_submission(load_sources(), PUBLISHER) == built


def test_the_ordinary_build_hands_nothing_in() -> None:
    assert [name for name in build_all(load_sources()) if "certification" in name] == []


def test_the_lint_finds_nothing_in_an_independent_publishers_folder(built: Files, tmp_path: Path) -> None:
    for name, content in built.items():
        if name.startswith("certification/"):
            (tmp_path / name.partition("/")[2]).write_bytes(content)
    command = [sys.executable, str(LINT), str(tmp_path), "--level", "gold", "--publisher", "independent"]
    command += ["--ignore", NOT_OURS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert re.fullmatch(r"\d{4,} passed, 0 failed", done.stdout.splitlines()[-1]), done.stdout[-3000:]


def test_the_connector_is_the_publishers(built: Files, package: Files) -> None:
    definition = json.loads(built["certification/apiDefinition.swagger.json"])
    assert definition["info"]["title"] == "Graph Gateway (Independent Publisher)"
    contact = {"name": "Ada Lovelace", "url": "https://contoso.com/support", "email": "help@contoso.com"}
    assert definition["info"]["contact"] == contact
    metadata = {one["propertyName"]: one["propertyValue"] for one in definition["x-ms-connector-metadata"]}
    assert (metadata["Website"], metadata["Privacy policy"]) == ("https://contoso.com", "https://contoso.com/privacy")
    properties = json.loads(built["certification/apiProperties.json"])["properties"]
    owners = (properties["publisher"], properties["stackOwner"], properties["iconBrandColor"])
    assert owners == ("Ada Lovelace", "Microsoft Corporation", "#da3b01")
    for name in (CONNECTOR, FLOWS):
        files = unpack(package[name])
        assert not [each for each in files if each.lower().endswith(".png")]
        assert b"example.com" not in next(data for each, data in files.items() if "_openapidefinition" in each)
        [connector] = ET.fromstring(files["customizations.xml"]).iter("Connector")  # noqa: S314 - our own file
        assert connector.findtext("displayname") == definition["info"]["title"]
        assert connector.findtext("name") == "ggw_graph-20gateway"


def test_the_package_holds_what_the_deployer_reads(package: Files) -> None:
    assert list(package) == ["[Content_Types].xml", "PkgAssets/ImportConfig.xml", CONNECTOR, FLOWS]
    config = ET.fromstring(package["PkgAssets/ImportConfig.xml"])  # noqa: S314 - our own file
    listed = [each.attrib for each in config.iter("configsolutionfile")]
    assert [each["solutionpackagefilename"] for each in listed] == [
        "GraphGatewayConnector.zip",
        "GraphGatewayFlows.zip",
    ]
    assert {each["publishworkflowsandactivateplugins"] for each in listed} == {"false"}


def test_its_flows_all_use_the_connector(package: Files) -> None:
    flows = [data for name, data in unpack(package[FLOWS]).items() if name.startswith("Workflows/")]
    assert len(flows) >= 10
    assert [data for data in flows if b"graph-20gateway" not in data] == []


def test_the_introduction_has_the_form_of_the_template(built: Files, outer: Files) -> None:
    page = outer["intro.md"].decode()
    definition = json.loads(built["certification/apiDefinition.swagger.json"])
    assert outer["intro.md"] == built["certification/readme.md"]
    assert re.findall(r"^## (.+)$", page, flags=re.MULTILINE) == TEMPLATE
    operations = page.partition("## Supported Operations\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (.+)$", operations, flags=re.MULTILINE) == [
        one["summary"] for one in visible_operations(definition)
    ]
    assert re.findall(r"\]\((?!https://)", page) == []
    assert "stock" not in page


def test_a_readme_without_a_section_makes_no_introduction(built: Files) -> None:
    definition = json.loads(built["certification/apiDefinition.swagger.json"])
    with pytest.raises(KeyError, match="Prerequisites"):
        write_introduction(definition, README.read_text().replace("## Prerequisites", "## Needed"), "Ada Lovelace")


def test_who_cannot_be_published_gets_no_package() -> None:
    with pytest.raises(WishError, match="no page that Microsoft can open"):
        build_submission(load_sources(), replace(PUBLISHER, website="https://gateway.example.com"))


type Spoil = Callable[[dict[str, bytes]], object]


def within(name: str, spoil: Spoil) -> Spoil:
    """Spoil the files of a zip within."""

    def spoil_inner(files: dict[str, bytes]) -> None:
        inner = unpack(files[name])
        spoil(inner)
        files[name] = pack(inner)

    return spoil_inner


def swap(name: str, old: str, new: str) -> Spoil:
    def spoil(files: dict[str, bytes]) -> None:
        [found] = [each for each in files if name in each]
        assert old.encode() in files[found], old
        files[found] = files[found].replace(old.encode(), new.encode())

    return spoil


def packed(spoil: Spoil) -> Spoil:
    return within(PACKAGE, spoil)


def connector(spoil: Spoil) -> Spoil:
    return packed(within(CONNECTOR, spoil))


FAULTS: list[tuple[str, Spoil, str]] = [
    ("zip", lambda files: files.pop("intro.md"), "intro.md and one package"),
    ("zip", lambda files: files.update({"more.md": b""}), "intro.md and one package"),
    ("zip", lambda files: files.update({PACKAGE: b"PK"}), "is no zip"),
    ("zip", packed(lambda files: files.pop(FLOWS)), "connector and flows together"),
    ("zip", packed(lambda files: files.update({"Other/x.xml": b"<a/>"})), "one folder"),
    ("zip", packed(lambda files: files.pop("[Content_Types].xml")), "is missing"),
    ("zip", packed(swap("[Content_Types].xml", '"zip"', '"zap"')), "says nothing of “zip”"),
    ("zip", packed(lambda files: files.pop("PkgAssets/ImportConfig.xml")), "is missing"),
    ("zip", packed(swap("ImportConfig.xml", "GraphGatewayFlows", "Flows")), "imports"),
    ("zip", connector(lambda files: files.update({"environmentvariabledefinitions/a/b.xml": b"<a/>"})), "more than"),
    ("publisher", connector(swap("_openapidefinition", " (Independent Publisher)", "")), "does not end"),
    ("publisher", connector(swap("_openapidefinition", "help@contoso.com", "help@example.com")), "nobody's address"),
    ("publisher", connector(swap("customizations.xml", "#da3b01", "#0b5cab")), "is not #da3b01"),
    ("publisher", connector(swap("customizations.xml", "</Connector>", "<iconblob>x</iconblob></Connector>")), "icon"),
    ("publisher", connector(swap("customizations.xml", "Graph Gateway (", "Gateway (")), "not the definition's title"),
    ("introduction", swap("intro.md", "## Prerequisites", "## Needed"), "template"),
    ("introduction", swap("intro.md", "# Graph Gateway (", "# Gateway ("), "not the connector's"),
    ("introduction", swap("intro.md", "### Hold a slot\n", "Hold a slot\n"), "no heading"),
    ("introduction", swap("intro.md", "sample flows can", "[sample flows](flows/README.md) can"), "not in the zip"),
    (
        "introduction",
        swap("intro.md", "## Getting Started\n", "## Getting Started\nUnlike the stock one\n"),
        "compares",
    ),
]


@pytest.mark.parametrize(("rule", "spoil", "words"), FAULTS)
def test_a_fault_is_seen(outer: dict[str, bytes], rule: str, spoil: Spoil, words: str) -> None:
    files = dict(outer)
    spoil(files)
    found = check_certification("certification.zip", pack(files))
    assert any(one.rule == rule and words in one.message for one in found), found
