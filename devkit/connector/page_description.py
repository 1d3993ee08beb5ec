"""Build the text that the API page shows: Swagger 2.0 with every operation, examples, and the lists to pick from.

It has no address: the page puts its own in. Of Power Automate's extensions it keeps those that name the list from which
a value is picked, which the page asks for as a designer of flows does.
"""

import copy
from typing import Any

from devkit.connector.examples import add_to_definition

type Json = dict[str, Any]

_LIST = "x-ms-dynamic-values"
_KEPT = ("swagger", "info", "consumes", "produces", "paths", "definitions", "parameters", "responses", "security")


def build_page_description(source: Json) -> Json:
    """Return the text. `source` is the connector's definition with all operations."""
    page: Json = _strip(copy.deepcopy({name: source[name] for name in (*_KEPT, "securityDefinitions", "tags")}))
    page["info"].pop("contact")  # the addresses of the description's author lead nowhere
    for item in page["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                response.pop("headers", None)
    add_to_definition(page)
    return page


def _strip(node: Any) -> Any:
    if isinstance(node, list):
        return [_strip(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {key: _strip(value) for key, value in node.items() if not key.startswith("x-") or key == _LIST}
