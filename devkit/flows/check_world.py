"""Checks for what must not be published: real addresses and ids, exposed keys, customers' text used as HTML."""

import re
from collections.abc import Iterator

from devkit.flows.complaints import Complaint
from devkit.flows.connectors import Connector
from devkit.flows.expressions import ExpressionError, find_expressions
from devkit.flows.shapes import Shapes
from devkit.flows.sources import Flow, find_texts

_GUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
_HOST = re.compile(r"https?://([\w.-]+)", re.IGNORECASE)
_BARE_HOST = re.compile(
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:onmicrosoft\.com|sharepoint\.com|azurewebsites\.net|azure-api\.net|vault\.azure\.net)\b",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"(?:.+\.)?example\.(?:com|org|net)")
_PUBLIC = {"schema.management.azure.com", "www.w3.org", "schemas.openxmlformats.org", "api.powerapps.com",
           "make.powerautomate.com", "portal.azure.com"}  # fmt: skip
_PLACEHOLDER = "YOUR-"
_ESCAPED = "'&lt;'"
_KEY_IN_ADDRESS = re.compile(r"[?&](?:code|key|x-functions-key)=", re.IGNORECASE)

type Found = tuple[str, str, str]  # rule, place, message


def check_world(flow: Flow, connectors: dict[str, Connector]) -> list[Complaint]:
    """Return what reveals a tenant, exposes a key, or puts customers' text into HTML."""
    found = [*_check_addresses(flow), *_check_secrets(flow), *_check_markup(Shapes(flow, connectors))]
    return [Complaint(flow.name, *each) for each in found]


def find_real_names(text: str) -> list[str]:
    """Return the ids, mail addresses and hosts of a text that are not reserved for examples."""
    mails = [found[0] for found in _MAIL.finditer(text) if not _EXAMPLE.fullmatch(found[1].lower())]
    hosts = {*_HOST.findall(text), *_BARE_HOST.findall(text)}
    return [*_GUID.findall(text), *mails, *sorted(host for host in hosts if not _is_example(host))]


def _is_example(host: str) -> bool:
    if host.startswith(_PLACEHOLDER) or host.lower() in _PUBLIC:
        return True
    return _EXAMPLE.fullmatch(host.lower()) is not None


def _check_addresses(flow: Flow) -> Iterator[Found]:
    for place, text in find_texts(flow.document):
        for name in find_real_names(text):
            yield "real", place, f"“{name}” could be somebody's; examples end in example.com"


def _check_secrets(flow: Flow) -> Iterator[Found]:
    secrets = [setting.name for setting in flow.settings.values() if setting.is_secret]
    for setting in flow.settings.values():
        if setting.is_secret and setting.default not in ("", None):
            yield "secret", setting.name, "a secret has no default"
    for name in secrets:
        for step in flow.steps:
            reads = any(f"parameters('{name}')" in text for _, text in find_texts(step.action.get("inputs", {})))
            secured = step.action.get("runtimeConfiguration", {}).get("secureData", {}).get("properties", [])
            if reads and "inputs" not in secured:
                yield "secret", step.name, f"“{name}” would be read in the run history: secure its inputs"
        if any(f"parameters('{name}')" in text for _, text in find_texts(flow.trigger[1])):
            yield "secret", flow.trigger[0], f"“{name}” would be read in the trigger's history"
    yield from _check_results(flow)
    for step in flow.steps:
        if step.action["type"] != "Http":
            continue
        uri = str(step.action["inputs"]["uri"])
        if _KEY_IN_ADDRESS.search(uri) or any(name in uri for name in secrets):
            yield "secret", step.name, "a key in an address ends up in logs: send it as the header x-functions-key"


def _check_results(flow: Flow) -> Iterator[Found]:
    """Find hidden inputs and outputs that result() would hand to a step which hides nothing."""
    texts = [text for _, text in find_texts(flow.definition["actions"])]
    for step in flow.steps:
        hidden = step.action.get("runtimeConfiguration", {}).get("secureData", {}).get("properties", [])
        around = step.parents[-1].name if step.parents else ""
        if hidden and any(f"result('{around}')" in text for text in texts):
            yield "secret", step.name, f"result('{around}') would show what it hides: put it into a scope of its own"


def _check_markup(shapes: Shapes) -> Iterator[Found]:
    for step, name, known, text in shapes.list_texts():
        if known.schema.get("format") == "html" and _is_unescaped(text):
            yield "markup", step.name, f"“{name}” is HTML: replace & and < in what others wrote"


def _is_unescaped(text: str) -> bool:
    try:
        return any(_ESCAPED not in expression for expression in find_expressions(text))
    except ExpressionError:
        return False  # reported by the check of expressions
