"""A small connector and a small flow that is without fault, for tests that spoil it."""

import copy
from collections.abc import Callable
from typing import Any

from devkit.flows.check import check_flows
from devkit.flows.check_failures import WORK, make_branch
from devkit.flows.connectors import GATEWAY, Connector, load_connectors
from devkit.flows.sources import Flow

type Spoil = Callable[[dict[str, Any]], object]

_TEXT = {"type": "string"}
_ITEM = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "who": {"type": "object", "properties": {"name": _TEXT}},
        "answers": {"type": "object"},
    },
}
_LIST = {"type": "object", "properties": {"value": {"type": "array", "items": {"$ref": "#/definitions/Thing"}}}}
_PAGE = {"name": "page", "in": "path", "required": True, "type": "string"}
_KIND = {"name": "kind", "in": "query", "required": False, "type": "string", "enum": ["big", "small"]}
_TAGS = {
    "name": "tags", "in": "query", "required": False, "type": "array", "items": _TEXT, "collectionFormat": "multi",
}  # fmt: skip
_STATE = {"name": "state", "in": "query", "required": False, "type": "string", "x-ms-visibility": "internal"}
_WISH = {
    "name": "body",
    "in": "body",
    "required": True,
    "schema": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": _TEXT, "owner": {"type": "object", "properties": {"mail": _TEXT}}},
    },
}


def _answer(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "Good.", "schema": schema}}


SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Things", "version": "1.0", "description": "Things to try flows on."},
    "basePath": "/api",
    "paths": {
        "/triggers/things": {
            "get": {
                "operationId": "OnThing", "summary": "When a thing comes", "x-ms-trigger": "batch",
                "parameters": [{**_PAGE, "in": "query"}, _KIND, _STATE], "responses": _answer(_LIST),
            }
        },
        "/pages/{page}/things": {
            "get": {
                "operationId": "ListThings", "summary": "List things", "parameters": [_PAGE, _KIND, _TAGS],
                "responses": _answer(_LIST),
            },
            "post": {
                "operationId": "MakeThing", "summary": "Make a thing", "parameters": [_PAGE, _WISH],
                "responses": _answer({"$ref": "#/definitions/Thing"}),
            },
        },
    },
    "definitions": {"Thing": _ITEM},
}  # fmt: skip

CONNECTORS = load_connectors() | {GATEWAY: Connector(GATEWAY, SWAGGER)}
PAGE = "Page (ggw_Page)"
KEY = "Gateway key (ggw_GatewayKey)"
_FIRST_ID = "string(first(body('Ask')?['value'])?['id'])"
_SCHEMAS = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas"
_PAGE_ESCAPED = f"@{{encodeURIComponent(parameters('{PAGE}'))}}"
_LIST_READ = "@outputs('List')?['body/value']"


def _step(operation: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    host = {
        "apiId": f"/providers/Microsoft.PowerApps/apis/{GATEWAY}", "connectionName": GATEWAY, "operationId": operation,
    }  # fmt: skip
    inputs = {"host": host, "parameters": parameters, "authentication": "@parameters('$authentication')"}
    return {"type": "OpenApiConnection", "description": "A step.", "inputs": inputs, **more}


DOCUMENT: dict[str, Any] = {
    "properties": {
        "displayName": "A thing comes",
        "topic": "appointments",
        "connectionReferences": {
            GATEWAY: {
                "runtimeSource": "embedded",
                "connection": {"connectionReferenceLogicalName": "ggw_Gateway"},
                "api": {"name": GATEWAY},
            },
            "shared_office365": {
                "runtimeSource": "embedded",
                "connection": {"connectionReferenceLogicalName": "ggw_Outlook"},
                "api": {"name": "shared_office365"},
            },
        },
        "definition": {
            "$schema": f"{_SCHEMAS}/2016-06-01/workflowdefinition.json#",
            "contentVersion": "1.0.0.0",
            "description": "Tells somebody of each thing.",
            "parameters": {
                "$connections": {"type": "Object", "defaultValue": {}},
                "$authentication": {"type": "SecureObject", "defaultValue": {}},
                PAGE: {
                    "type": "String", "defaultValue": "page@example.com",
                    "metadata": {"schemaName": "ggw_Page", "description": "The page."},
                },
                KEY: {
                    "type": "SecureString", "defaultValue": "",
                    "metadata": {"schemaName": "ggw_GatewayKey", "description": "The key."},
                },
                "Report recipients (ggw_Recipients)": {
                    "type": "String", "defaultValue": "people@example.com",
                    "metadata": {"schemaName": "ggw_Recipients", "description": "The people."},
                },
            },
            "triggers": {
                "When_a_thing_comes": _step(
                    "OnThing", {"page": f"@parameters('{PAGE}')", "kind": "big"},
                    recurrence={"frequency": "Minute", "interval": 5},
                    splitOn="@triggerOutputs()?['body/value']",
                    description="One run at a time, so that each finds what the one before it made.",
                    runtimeConfiguration={"concurrency": {"runs": 1}},
                )
            },
            "actions": {
                "List": _step("ListThings", {"page": f"@parameters('{PAGE}')"}, runAfter={}),
                "Names": {
                    "type": "Select", "description": "Names.", "runAfter": {"List": ["Succeeded"]},
                    "inputs": {"from": _LIST_READ, "select": {"name": "@item()?['who']?['name']"}},
                },
                "Each": {
                    "type": "Foreach", "description": "All.", "runAfter": {"Names": ["Succeeded"]},
                    "foreach": "@body('Names')", "runtimeConfiguration": {"concurrency": {"repetitions": 1}},
                    "actions": {
                        "Make": _step(
                            "MakeThing",
                            {"page": f"@parameters('{PAGE}')", "body/name": "@items('Each')?['name']",
                             "body/owner/mail": "@triggerBody()?['who']?['name']"},
                            runAfter={},
                        )
                    },
                },
                "Alone": {
                    "type": "Scope", "description": "Where nothing shows the key.", "runAfter": {"Each": ["Succeeded"]},
                    "actions": {
                        "Ask": {
                            "type": "Http", "description": "Straight.", "runAfter": {},
                            "inputs": {
                                "method": "GET",
                                "uri": f"https://gateway.example.com/api/pages/{_PAGE_ESCAPED}/things?kind=big",
                                "headers": {"x-functions-key": f"@parameters('{KEY}')"},
                                "retryPolicy": {"type": "exponential", "count": 4, "interval": "PT10S"},
                            },
                            "runtimeConfiguration": {"secureData": {"properties": ["inputs"]}},
                        }
                    },
                },
                "Tell": {
                    "type": "OpenApiConnection", "description": "By mail.", "runAfter": {"Alone": ["Succeeded"]},
                    "inputs": {
                        "host": {
                            "apiId": "/providers/Microsoft.PowerApps/apis/shared_office365",
                            "connectionName": "shared_office365", "operationId": "SendEmailV2",
                        },
                        "parameters": {
                            "emailMessage/To": f"@parameters('{PAGE}')",
                            "emailMessage/Subject": "@{triggerOutputs()?['body/id']}",
                            "emailMessage/Body": f"<p>@{{replace({_FIRST_ID},'<','&lt;')}}</p>",
                        },
                        "authentication": "@parameters('$authentication')",
                        "retryPolicy": {"type": "fixed", "count": 1, "interval": "PT20S"},
                    },
                },
            },
            "outputs": {},
        },
    },
    "schemaVersion": "1.0.0.0",
}  # fmt: skip


def make_flow(spoil: Spoil = lambda _: None) -> Flow:
    """The flow, spoilt as asked: `spoil` gets its definition, with the whole file under "file".

    Then the steps are put into the scope of the work, and the branch for failures beside it.
    """
    document = copy.deepcopy(DOCUMENT)
    definition = document["properties"]["definition"]
    spoil({**definition, "file": document["properties"], "definition": definition})
    work = {"type": "Scope", "description": "The work.", "actions": definition["actions"], "runAfter": {}}
    definition["actions"] = {WORK: work}
    name, branch = make_branch(Flow("things", document))
    definition["actions"][name] = copy.deepcopy(branch)
    return Flow("things", document)


def complaints_about(spoil: Spoil = lambda _: None) -> list[tuple[str, str]]:
    """Rule and message of every complaint about the spoilt flow."""
    return [(found.rule, f"{found.place}: {found.message}") for found in check_flows([make_flow(spoil)], CONNECTORS)]
