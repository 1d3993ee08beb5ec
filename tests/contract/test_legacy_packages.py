"""Packages for "Import package (legacy)" have the form of real exports, field by field.

Compared with manifests in public projects: 31 entries of the platform's connectors, and two of custom connectors
(pnp/powerautomate-samples: samples/teams-invites-via-graph-api, samples/graph_api_in_power_bi).
"""

import json
from typing import Any

import pytest

from devkit.flows.build import build_all, load_sources
from devkit.flows.check_packages import check_package
from devkit.flows.packing import pack, unpack
from devkit.flows.sources import load_flows

PACKAGES = [f"packages/{flow.name}.zip" for flow in load_flows()]
FLOW = {
    "type": "Microsoft.Flow/flows",
    "suggestedCreationType": "New",
    "creationType": "Existing, New, Update",
    "configurableBy": "User",
    "hierarchy": "Root",
}
API = {"type": "Microsoft.PowerApps/apis", "suggestedCreationType": "Existing", "hierarchy": "Child", "dependsOn": []}
OF_THE_PLATFORM = API | {"configurableBy": "System"}
CUSTOM = API | {"creationType": "Existing", "configurableBy": "User"}
CONNECTION = {
    "type": "Microsoft.PowerApps/apis/connections",
    "suggestedCreationType": "Existing",
    "creationType": "Existing",
    "configurableBy": "User",
    "hierarchy": "Child",
}


@pytest.fixture(scope="module", params=[None, "shared_ggw-5fgraph-20gateway-5f0123456789abcdef"], ids=["own", "given"])
def built(request: pytest.FixtureRequest) -> dict[str, bytes]:
    return dict(build_all(load_sources(), request.param))


def read_package(content: bytes) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the resources of the manifest, the flow, and the two maps."""
    files = unpack(content)
    inner = {name.rpartition("/")[2]: json.loads(data) for name, data in files.items() if name != "manifest.json"}
    resources = json.loads(files["manifest.json"])["resources"]
    return resources, inner["definition.json"]["properties"], inner["apisMap.json"], inner["connectionsMap.json"]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_lets_people_choose_the_custom_connector(built: dict[str, bytes], name: str) -> None:
    resources, flow, apis, connections = read_package(built[name])
    expected = {}
    for key, reference in flow["connectionReferences"].items():
        api = reference["id"].rpartition("/")[2]
        is_custom = api.startswith("shared_ggw")
        form = CUSTOM if is_custom else OF_THE_PLATFORM | {"id": reference["id"], "name": api}
        title = resources[apis[key]]["details"]["displayName"]
        assert title == "Graph Gateway" if is_custom else title
        expected[apis[key]] = form | {"details": {"displayName": title}}
        expected[connections[key]] = CONNECTION | {"details": {"displayName": title}, "dependsOn": [apis[key]]}
    [root] = [each for each in resources if each not in expected]
    needed = [*apis.values(), *connections.values()]
    expected[root] = FLOW | {"details": {"displayName": flow["displayName"]}, "dependsOn": needed}
    assert resources == expected


def test_an_entry_that_no_export_has_is_seen(built: dict[str, bytes]) -> None:
    name = "packages/new-appointment-ticket.zip"
    for is_custom, more in ((True, {"id": "x", "name": "y"}), (True, {"configurableBy": "System"}), (False, CUSTOM)):
        files = unpack(built[name])
        manifest = json.loads(files["manifest.json"])
        entries = [each for each in manifest["resources"].values() if each["type"] == API["type"]]
        next(each for each in entries if ("id" not in each) == is_custom).update(more)
        files["manifest.json"] = json.dumps(manifest).encode()
        [found] = check_package(name, pack(files))
        assert (found.rule, "as exports do" in found.message) == ("manifest", True)
