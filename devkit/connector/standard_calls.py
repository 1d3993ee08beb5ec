"""Rules for operations: their answers, parameters, lists to pick from, tags, and the policy that finds their host."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from devkit.connector.standard_walk import (
    Json,
    follow,
    list_calls,
    list_parameters,
)

type Checked = Iterator[tuple[str, str | None]]

_STATUS = re.compile(r"[1-5]\d\d|default")
_READ_BY_DESIGNERS = ("200", "201")
_WITHOUT_BODY = "204"
_TAKEN = {"application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"}
_GIVEN = {"application/json", "text/plain", "application/octet-stream"}
_COLLECTIONS = ("csv", "ssv", "tsv", "pipes", "multi")
_HOST = re.compile(r"https://@connectionParameters\('(\w+)'\)(?:/[\w/-]*)?")
_ENCODINGS = ("single", "double")


def check_shared_parameters(definition: Json) -> Checked:
    """Require that a parameter of several operations is defined once ("Definitions and parameters")."""
    places: dict[str, list[str]] = defaultdict(list)
    for call in list_calls(definition):
        for parameter in call.operation["parameters"]:
            if "$ref" not in parameter and parameter["in"] != "body":
                places[json.dumps(parameter, sort_keys=True)].append(f"{call.place} {parameter['name']}")
    for found in places.values():
        yield found[0], f"is also in {', '.join(found[1:])}: define it once" if len(found) > 1 else None
    for name in definition["parameters"]:
        reference = json.dumps({"$ref": f"#/parameters/{name}"})
        yield f"parameters/{name}", None if reference in json.dumps(definition["paths"]) else "no operation has it"


def check_answers(definition: Json) -> Checked:
    """Require schemas where designers read them (SchemaDefinitionSetIncorrectly), and lists of failures."""
    for call in list_calls(definition):
        answers = call.operation["responses"]
        for status in answers:
            yield f"{call.place} {status}", None if _STATUS.fullmatch(status) else "is no status (…OrHttpStatusCode)"
        carriers = [status for status, answer in answers.items() if "schema" in answer]
        is_right = len(carriers) == 1 and carriers[0] in _READ_BY_DESIGNERS
        is_right |= carriers == [] and _WITHOUT_BODY in answers
        yield call.place, None if is_right else f"schemas on {carriers}; designers read one, on 200 or 201"
        for status, answer in answers.items():
            known = follow(definition, answer)
            yield f"{call.place} {status}", None if known.get("description") else "is not described"
            is_failure = status[0] not in "23"
            yield f"{call.place} {status}", "is a failure with a schema" if is_failure and "schema" in known else None
        client = any(status.startswith("4") for status in answers)
        server = any(status.startswith("5") for status in answers)
        yield call.place, None if client and server else "does not list its failures (4xx and 5xx)"


def check_media_types(definition: Json) -> Checked:
    """Allow only media types that the platform takes (MimeTypeNotSupported, ConsumesMissing)."""
    for call in list_calls(definition):
        gives = call.operation.get("produces", definition.get("produces", []))
        yield call.place, _name_unknown("gives", gives, _GIVEN)
        if any(parameter.get("in") == "body" for parameter in call.operation["parameters"]):
            yield call.place, _name_unknown("takes", call.operation.get("consumes", definition["consumes"]), _TAKEN)


def _name_unknown(verb: str, types: Any, known: set[str]) -> str | None:
    return None if types and set(types) <= known else f"{verb} {list(types)}, not only {sorted(known)}"


def check_encodings(definition: Json) -> Checked:
    """Require encodings of path parameters and no others (PathParameterMissingEncoding, QueryParameterEncoding…)."""
    for call in list_calls(definition):
        for parameter in list_parameters(definition, call.operation):
            place = f"{call.place} {parameter['name']}"
            is_right = (parameter.get("x-ms-url-encoding") in _ENCODINGS) == (parameter["in"] == "path")
            yield place, None if is_right else "says an encoding and is no part of the path, or says none"
            if "allowEmptyValue" in parameter:
                yield place, None if parameter["in"] in ("query", "formData") else "allows an empty value there"
            if "collectionFormat" in parameter:
                is_known = parameter["collectionFormat"] in _COLLECTIONS and parameter.get("type") == "array"
                yield place, None if is_known else "has a collection format that is unknown, or is no list"


def check_tags(definition: Json) -> Checked:
    """Require that tags are declared, once each (TagRedefined)."""
    declared = [str(tag["name"]) for tag in definition["tags"]]
    for name in declared:
        yield f"tags/{name}", None if declared.count(name) == 1 else "is declared twice"
    for call in list_calls(definition):
        unknown = [tag for tag in call.operation["tags"] if tag not in declared]
        yield call.place, f"has tags that are not declared: {', '.join(unknown)}" if unknown else None


def check_status(definition: Json) -> Checked:
    """Allow no operation in production before its connector (OperationStatusAheadOfConnector)."""
    own = definition["info"].get("x-ms-api-annotation", {}).get("status")
    for call in list_calls(definition):
        noted = call.operation.get("x-ms-api-annotation", {})
        ahead = noted.get("status") == "Production" and own != "Production"
        yield call.place, "is in production before its connector" if ahead else None
        if "replacement" in noted:
            is_right = call.operation.get("deprecated") and {"api", "operationId"} <= set(noted["replacement"])
            yield call.place, None if is_right else "names a replacement, and is not deprecated or says not by what"


def check_host_policy(properties: Json) -> Checked:
    """Require that every operation goes to the host that the connection names ("production version of the host")."""
    inner = properties["properties"]
    policies = [one for one in inner["policyTemplateInstances"] if one["templateId"] == "dynamichosturl"]
    yield "policies", None if len(policies) == 1 else f"{len(policies)} policies set the host; one is wanted"
    for policy in policies:
        given = policy["parameters"]
        found = _HOST.fullmatch(str(given.get("x-ms-apimTemplateParameter.urlTemplate")))
        yield "host", None if found else "the host is not read from the connection, over https"
        yield "host", "is set for some operations only" if "x-ms-apimTemplate-operationName" in given else None
        asked = inner["connectionParameters"].get(found[1], {}) if found else {}
        is_asked = asked.get("uiDefinition", {}).get("constraints", {}).get("required") == "true"
        yield "host", None if is_asked else "the connection does not ask for the host"
