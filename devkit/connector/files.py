"""The files that hold the connector's definition, and what is made from it.

A module of its own, because foreign environments read the definition without the packages of the app.
"""

from devkit.bootstrap import ROOT

FOLDER = ROOT / "power-automate"
DEFINITION = FOLDER / "apiDefinition.swagger.json"
CLIENT_DESCRIPTION = ROOT / "viewer" / "openapi.json"
PAGE_DESCRIPTION = ROOT / "viewer" / "page.json"
EXAMPLES = ROOT / "devkit" / "connector" / "examples.json"
PROPERTIES = FOLDER / "apiProperties.json"
README = FOLDER / "readme.md"
REFERENCE = ROOT / "docs" / "flows-reference.md"
