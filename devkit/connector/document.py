"""Build both descriptions of the API: the connector's definition, and the OpenAPI 3.1 text for everybody else."""

import copy
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from devkit.connector import (
    bookings_operations,
    bookings_shapes,
    catalogue_shapes,
    gateway_operations,
    history_operations,
    inner_operations,
    instant_operations,
    mail_operations,
    mail_shapes,
    overview_operations,
    slot_shapes,
    status_shapes,
    subscription_operations,
    trigger_operations,
    write_operations,
)
from devkit.connector.client_description import build_client_description
from devkit.connector.examples import add_to_description
from devkit.connector.failures import FAILURES
from devkit.connector.files import (
    CLIENT_DESCRIPTION,
    DEFINITION,
    PAGE_DESCRIPTION,
    PROPERTIES,
    README,
    REFERENCE,
)
from devkit.connector.operations import NOTIFICATION
from devkit.connector.page_description import build_page_description
from devkit.connector.pages import update_readme, update_reference
from devkit.connector.parameters import PARAMETERS
from devkit.connector.shapes import NAME, ref, without_names
from shared.version import VERSION

if TYPE_CHECKING:
    from devkit.connector.operations import Operation

# The format wants a host, and no request goes there: the policy puts the connection's in its place. The domain of all
# function apps is Microsoft's own, so that no stranger gets a key if the policy is lost.
HOST = "azurewebsites.net"
ROUTES = "/api"  # below which function apps answer
_HOST_PARAMETER = "host"
BRAND = "#0b5cab"
_OWNER = "Graph gateway"
_STACK_OWNER = "Microsoft Corporation"  # of booking pages and mailboxes, which the gateway stands in front of
_REFERENCE = re.compile(r'"#/(parameters|definitions)/(\w+)"')

_PARTS = {
    "Triggers": trigger_operations,
    "Instant triggers": instant_operations,
    "Bookings": bookings_operations,
    "Changing bookings": write_operations,
    "Support mail": mail_operations,
    "For designers": inner_operations,
}
_FOR_CLIENTS = {
    "Event subscriptions": subscription_operations,
    "Overviews": overview_operations,
    "History of mails": history_operations,
    "The gateway": gateway_operations,
}
_SHAPES = catalogue_shapes.DEFINITIONS | bookings_shapes.DEFINITIONS | mail_shapes.DEFINITIONS
_SHAPES |= inner_operations.DEFINITIONS | slot_shapes.DEFINITIONS | status_shapes.DEFINITIONS
_SHAPES |= subscription_operations.DEFINITIONS


def build_definition() -> dict[str, Any]:
    """Return the definition (Swagger 2.0), its parts in the order that Microsoft's reviewers ask for."""
    definition = _share_answers(_collect(_PARTS))
    for path, content in instant_operations.NOTIFICATIONS.items():
        definition["paths"][path] = {NOTIFICATION: content, **definition["paths"][path]}
    return dict(without_names(definition))


def build_description() -> dict[str, Any]:
    """Return the OpenAPI 3.1 text. DescriptionError if two things have one name."""
    description = build_client_description(_collect(_PARTS | _FOR_CLIENTS), _SHAPES)
    add_to_description(description)
    return description


def _collect(parts: Mapping[str, ModuleType]) -> dict[str, Any]:
    """Return the definition, with the names of objects that clients see."""
    paths: dict[str, dict[str, Operation]] = {}
    for tag, part in parts.items():
        for path, operations in part.OPERATIONS.items():
            tagged = {method: {"tags": [tag], **operation} for method, operation in operations.items()}
            paths.setdefault(path, {}).update(tagged)
    return {
        "swagger": "2.0",
        "info": {
            "title": "Graph Gateway",
            "description": "Read, book, move and cancel the appointments of your booking pages, start flows when "
            "something happens to them, and follow support mails until they are tickets. A gateway of your own holds "
            "the permissions, so makers of flows need none.",
            "version": VERSION,
            "contact": {
                "name": f"{_OWNER} maintainers",
                "url": "https://gateway.example.com/support",
                "email": "support@gateway.example.com",
            },
            "x-ms-api-annotation": {"status": "Production"},
        },
        "host": HOST,
        # The policy drops the base path as well (MicrosoftDocs/BusinessApplicationPlatform-Connectors-public#294).
        "basePath": "/",
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": paths,
        "definitions": {name: _SHAPES[name] for name in sorted(_used(paths, "definitions"))},
        "parameters": {name: PARAMETERS[name] for name in sorted(_used(paths, "parameters"))},
        "responses": {f"Failure{code}": {"description": meaning} for code, meaning in FAILURES.items()},
        "securityDefinitions": {
            "api_key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
        },
        "security": [{"api_key": []}],
        "tags": [{"name": tag} for tag in parts],
        "x-ms-connector-metadata": [
            {"propertyName": "Website", "propertyValue": "https://gateway.example.com"},
            {"propertyName": "Privacy policy", "propertyValue": "https://gateway.example.com/privacy"},
            {"propertyName": "Categories", "propertyValue": "IT Operations;Productivity"},
        ],
        "x-ms-capabilities": {"testConnection": {"operationId": "TestConnection", "parameters": {}}},
    }


def _share_answers(definition: dict[str, Any]) -> dict[str, Any]:
    """Define an answer of several operations once, as the coding standards ask, under the name that clients see."""
    places: dict[str, list[Operation]] = defaultdict(list)
    paths = copy.deepcopy(definition["paths"])
    for item in paths.values():
        for operation in item.values():
            for answer in operation["responses"].values():
                if NAME in answer.get("schema", {}):
                    places[json.dumps(without_names(answer["schema"]))].append(answer)
    shared = {}
    for answers in places.values():
        if len(answers) > 1:
            name = str(answers[0]["schema"][NAME])
            shared[name] = answers[0]["schema"]
            for answer in answers:
                answer["schema"] = ref(name)
    named = definition["definitions"] | shared
    return definition | {"paths": paths, "definitions": {name: named[name] for name in sorted(named)}}


def build_properties() -> dict[str, Any]:
    """Return the file beside the definition: parameters of the connection, and policies of the platform's gateway.

    There is no policy `updatenextlink`: the app writes links of pages as it writes those of triggers, behind the
    address of the connection, also for connectors that have no policies (imported by address, or in Logic Apps). Such a
    link would be rewritten a second time, and what the policy makes of a host that `dynamichosturl` has put in place is
    not documented; no connector of microsoft/PowerPlatformConnectors that we read has both.
    """
    return {
        "properties": {
            "connectionParameters": {
                _HOST_PARAMETER: {
                    "type": "string",
                    "uiDefinition": {
                        "displayName": "Gateway host",
                        "description": "The gateway's host, such as YOUR-APP.azurewebsites.net; no https, no path.",
                        "tooltip": "Your administrator finds it on the function app's overview, as Default domain.",
                        "constraints": {"tabIndex": 2, "required": "true"},
                    },
                },
                "api_key": {
                    "type": "securestring",
                    "uiDefinition": {
                        "displayName": "Function key",
                        "description": "A host key of the gateway's function app, made for this purpose.",
                        "tooltip": "Your administrator finds it under App keys, Host keys. Never use the master key.",
                        "constraints": {"tabIndex": 3, "clearText": False, "required": "true"},
                    },
                },
                "tenant": {
                    "type": "string",
                    "uiDefinition": {
                        "displayName": "Tenant connection",
                        "description": "The gateway's connection to a tenant; leave it empty if there is only one.",
                        "tooltip": "A name from the gateway's setting GRAPH_CONNECTIONS.",
                        "constraints": {"tabIndex": 4, "required": "false"},
                    },
                },
            },
            "iconBrandColor": BRAND,
            "capabilities": [],
            "publisher": _OWNER,
            "stackOwner": _STACK_OWNER,
            "policyTemplateInstances": [
                {
                    "templateId": "dynamichosturl",
                    "title": "Send each request to the gateway of the connection",
                    "parameters": {
                        "x-ms-apimTemplateParameter.urlTemplate": (
                            f"https://@connectionParameters('{_HOST_PARAMETER}'){ROUTES}"
                        ),
                    },
                },
                {
                    "templateId": "setqueryparameter",
                    "title": "Add the connection to each request",
                    "parameters": {
                        "x-ms-apimTemplateParameter.name": "connection",
                        "x-ms-apimTemplateParameter.value": "@connectionParameters('tenant','default')",
                        "x-ms-apimTemplateParameter.existsAction": "override",
                    },
                },
            ],
        }
    }


def build_files() -> dict[Path, str]:
    """Return every file that is generated, in whole or in part, with its text.

    They are indented, the definition as Microsoft asks; the app serves both without blanks.
    """
    definition = build_definition()
    return {
        DEFINITION: json.dumps(definition, indent=4) + "\n",
        CLIENT_DESCRIPTION: json.dumps(build_description(), indent=1) + "\n",
        PAGE_DESCRIPTION: json.dumps(build_page_description(_collect(_PARTS | _FOR_CLIENTS)), indent=1) + "\n",
        PROPERTIES: json.dumps(build_properties(), indent=4) + "\n",
        README: update_readme(README.read_text(encoding="utf-8"), definition),
        REFERENCE: update_reference(REFERENCE.read_text(encoding="utf-8"), definition),
    }


def _used(start: Any, kind: str) -> set[str]:
    """Name the definitions or parameters that the paths refer to, at any depth."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name_kind, name in _REFERENCE.findall(json.dumps(waiting.pop())):
            if name not in found and name_kind == kind:
                found.add(name)
                waiting.append(_SHAPES[name] if kind == "definitions" else PARAMETERS[name])
    return found
