"""How an operation is described: texts, parameters, one answer with a schema, and the failures that can come."""

from collections.abc import Mapping, Sequence
from typing import Any

from devkit.connector.shapes import Shape, list_of, ref, text, thing

type Operation = dict[str, Any]

NOTIFICATION = "x-ms-notification-content"  # of a path, beside its operations: what the callback of a flow gets
_READ = (400, 401, 403, 404, 429, 500, 502, 503, 504)
_WRITE = (*_READ, 409, 411, 413)


def describe(
    operation_id: str,
    summary: str,
    description: str,
    answer: Shape | None,
    *,
    parameters: Sequence[Shape] = (),
    status: int = 200,
    answer_text: str = "The answer.",
    visibility: str = "important",
    writes: bool = False,
    failing: Sequence[int] | None = None,
    also: Mapping[int, str] | None = None,
    **more: Any,
) -> Operation:
    """Describe an operation.

    `answer` None: the answer has no body; `writes`: it takes a body, which adds failures; `failing`: the only statuses
    of failures; `also`: other successful answers; `visibility`: `advanced` for what few makers need.
    """
    operation: Operation = {"operationId": operation_id, "summary": summary, "description": description}
    operation["x-ms-visibility"] = visibility
    operation |= {name.replace("_", "-"): value for name, value in more.items()}
    operation["parameters"] = list(parameters)
    failures = sorted(failing or (_WRITE if writes else _READ))
    operation["responses"] = {
        str(status): {"description": answer_text, **({"schema": answer} if answer is not None else {})},
        **{str(code): {"description": words} for code, words in (also or {}).items()},
        **{str(code): {"$ref": f"#/responses/Failure{code}"} for code in failures},
    }
    return operation


def body(shape: Shape, *, required: bool = True) -> Shape:
    """Describe the body."""
    return {"name": "body", "in": "body", "required": required, "schema": shape}


def value_list(definition: str, title: str, description: str, *, list_name: str | None = None, **more: Shape) -> Shape:
    """Describe {"value": [...]} with further properties beside it. Clients call it AppointmentList, for example."""
    items = list_of(ref(definition), title, description)
    return thing({"value": items, **more}, name=list_name or f"{definition}List", required=["value"])


NEXT_LINK = text("Next Link", "Where the next page is; absent on the last one.", visibility="advanced")
PAGEABLE = {"nextLinkName": "nextLink"}


def list_operations(item: Mapping[str, Any]) -> Mapping[str, Operation]:
    """Return the operations of a path by their methods."""
    return {method: operation for method, operation in item.items() if method != NOTIFICATION}
