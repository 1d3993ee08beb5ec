"""Routes that need no key and that no flow uses: described for clients only, not in the connector's definition."""

from devkit.connector.failures import header
from devkit.connector.operations import Operation, describe
from devkit.connector.shapes import thing

_KEYLESS: Operation = {"security": []}


def _describe_description() -> Operation:
    described = describe(
        "GetDescription",
        "Get the description of the API",
        "Gets this text, with the address of this gateway.",
        thing({}, name="Description"),
        also={304: "The text is the one whose ETag stands in If-None-Match."},
    )
    described["parameters"] = [
        {"name": "If-None-Match", "in": "header", "type": "string", "required": False,
         "description": "The ETag of the text that the caller has."}
    ]  # fmt: skip
    for status in ("200", "304"):
        described["responses"][status]["headers"] = header("ETag")
    return described | _KEYLESS


OPERATIONS: dict[str, dict[str, Operation]] = {"/openapi.json": {"get": _describe_description()}}
