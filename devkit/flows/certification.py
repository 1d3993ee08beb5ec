"""Build the zip for Microsoft's certification: intro.md, and a package with two solutions in PkgAssets.

The public validator (scripts/ConnectorPackageValidator.ps1 of microsoft/PowerPlatformConnectors) wants the connector
alone in one solution, and connector and flows together in the other. What the deployer of a package needs besides (a
.NET library) is made by `pac package`; the validator does not ask for it.
"""

from devkit.flows.names import CONNECTOR_SOLUTION, FLOWS_SOLUTION
from devkit.flows.packing import Files, pack

_ASSETS = "PkgAssets"
_PACKAGE = "GraphGateway.pdpkg.zip"


def build_certification(intro: bytes, connector: bytes, flows_with_connector: bytes) -> Files:
    """Return the files of the outer zip."""
    assets = {
        f"{_ASSETS}/{CONNECTOR_SOLUTION}.zip": connector,
        f"{_ASSETS}/{FLOWS_SOLUTION}.zip": flows_with_connector,
    }
    return {"intro.md": intro, _PACKAGE: pack(assets)}
