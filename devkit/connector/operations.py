"""How an operation is described: texts, parameters, one answer with a schema, and the failures that can come."""

from collections.abc import Mapping, Sequence
from typing import Any

from devkit.connector.shapes import Shape, list_of, ref, text, thing

type Operation = dict[str, Any]

FAILURES: Mapping[int, str] = {
    400: "The request is wrong; the message says what to do, and target names the field.",
    401: "The key is missing or wrong.",
    403: "The gateway's settings or Microsoft 365 do not allow this.",
    404: "The page, appointment, mail or other item does not exist.",
    409: "The current state does not allow this; the code names the reason.",
    413: "The body or the answer is too large.",
    429: "There were too many calls; Retry-After gives the seconds to wait.",
    500: "The gateway failed, or its settings are wrong.",
    502: "Microsoft 365 gave an invalid answer, or none to a write.",
    503: "Microsoft 365 or the gateway's storage is not available; Retry-After gives the seconds to wait.",
    504: "The time limit ended before there was an answer.",
}
_READ = (400, 401, 403, 404, 429, 500, 502, 503, 504)
_WRITE = (*_READ, 409, 413)


def describe(
    operation_id: str,
    summary: str,
    description: str,
    answer: Shape,
    *,
    parameters: Sequence[Shape] = (),
    status: int = 200,
    answer_text: str = "The answer.",
    visibility: str | None = None,
    writes: bool = False,
    also: Mapping[int, str] | None = None,
    **more: Any,
) -> Operation:
    """Describe an operation. `writes`: it takes a body, which adds failures; `also`: other successful answers."""
    operation: Operation = {"operationId": operation_id, "summary": summary, "description": description}
    if visibility:
        operation["x-ms-visibility"] = visibility
    operation |= {name.replace("_", "-"): value for name, value in more.items()}
    operation["parameters"] = list(parameters)
    failures = sorted(_WRITE if writes else _READ)
    operation["responses"] = {
        str(status): {"description": answer_text, "schema": answer},
        **{str(code): {"description": words} for code, words in (also or {}).items()},
        **{str(code): {"$ref": f"#/responses/Failure{code}"} for code in failures},
    }
    return operation


def body(shape: Shape, *, required: bool = True) -> Shape:
    """Describe the body."""
    return {"name": "body", "in": "body", "required": required, "schema": shape}


def value_list(definition: str, title: str, description: str, **more: Shape) -> Shape:
    """Describe {"value": [...]} with further properties beside it."""
    items = list_of(ref(definition), title, description)
    return thing({"value": items, **more}, required=["value"])


NEXT_LINK = text("Next Link", "Where the next page is; absent on the last one.", visibility="advanced")
PAGEABLE = {"nextLinkName": "nextLink"}
