"""Rules for the texts of a definition and the form of its file."""

import re
from collections.abc import Iterator
from typing import Any

from devkit.connector.standard_walk import Json, follow, is_hidden, list_calls, list_texts

type Checked = Iterator[tuple[str, str | None]]

# coding-standards, "Structure of the file"; what the list does not name follows in any order.
_ORDER = (
    "swagger", "info", "host", "basePath", "schemes", "consumes", "produces", "paths", "definitions", "parameters",
)  # fmt: skip
_INDENT = 4
# connector-string-guidance: title and description name no product whose API is somebody else's, nor the platform's.
_RESTRICTED = re.compile(
    r"\b(?:API|connector|microsoft|bookings|outlook|teams|sharepoint|azure|office 365|exchange|entra|dynamics|"
    r"dataverse|power (?:apps|automate|platform|pages|bi)|copilot|logic apps|easyvista)\b",
    re.IGNORECASE,
)
_LONGEST_TITLE = 80
_TITLE = re.compile(r"[A-Z0-9][A-Za-z0-9 ()]*")
_CAMEL = re.compile(r"\b[a-z]+[A-Z]\w*\b")
_ENDS = (".", "?", "!", ":")
_TRIGGER_TITLE, _TRIGGER_TEXT = "When ", "This operation triggers when "
_VISIBILITIES = ("important", "advanced", "internal")


def check_order(definition: Json) -> Checked:
    """Require the order of parts that the standards have."""
    found = [part for part in definition if part in _ORDER]
    wanted = [part for part in _ORDER if part in definition]
    yield (
        "file",
        None
        if found == wanted and list(definition)[: len(wanted)] == wanted
        else (f"has its parts in the order {', '.join(definition)}, not {', '.join(wanted)} and then the rest"),
    )


def check_indentation(text: str) -> Checked:
    """Require four blanks for each level, no tabs, no blanks at the end of a line ("API definition")."""
    for number, line in enumerate(text.splitlines(), 1):
        blanks = len(line) - len(line.lstrip())
        is_right = blanks % _INDENT == 0 and "\t" not in line and line == line.rstrip()
        yield f"line {number}", None if is_right else "is not indented by four blanks, or ends in a blank"


def check_restricted_words(definition: Json) -> Checked:
    """Allow no product of others in title and description (connector-string-guidance, "Connector Info")."""
    for name in ("title", "description"):
        found = _RESTRICTED.search(str(definition["info"][name]))
        yield f"info/{name}", f"“{found[0]}” may not stand there" if found else None


def check_full_stops(definition: Json) -> Checked:
    """Require sentences: descriptions of operations end in a full stop, others in punctuation."""
    for call in list_calls(definition):
        text = str(call.operation["description"])
        yield call.place, None if text.endswith(".") else f"“{text}” does not end with a full stop"
    for place, key, text in list_texts({name: definition[name] for name in ("paths", "definitions", "parameters")}):
        if key == "description":
            yield place, None if text.endswith(_ENDS) else f"“{text}” does not end in punctuation"


def check_triggers(definition: Json) -> Checked:
    """Require the wording that all triggers have (connector-string-guidance, "Triggers versus Actions")."""
    for call in list_calls(definition):
        if "x-ms-trigger" in call.operation:
            is_title = str(call.operation["summary"]).startswith(_TRIGGER_TITLE)
            yield call.place, None if is_title else f"the summary does not begin with “{_TRIGGER_TITLE.strip()}”"
            is_text = str(call.operation["description"]).startswith(_TRIGGER_TEXT)
            yield call.place, None if is_text else f"the description does not begin with “{_TRIGGER_TEXT.strip()}”"


def check_titles(definition: Json) -> Checked:
    """Require names of letters, digits and parentheses, without camel case (certification-submission)."""
    for place, key, text in list_texts({name: definition[name] for name in ("paths", "definitions", "parameters")}):
        if key in ("summary", "x-ms-summary", "title"):
            is_right = len(text) <= _LONGEST_TITLE and _TITLE.fullmatch(text) and not _CAMEL.search(text)
            yield place, None if is_right else f"“{text}” is no name of letters and digits that begins with a capital"


def check_english(definition: Json) -> Checked:
    """Require English letters, well spaced, with pairs of parentheses (ValueMustBeInEnglish, RequiredValueEmpty)."""
    for place, key, text in list_texts(definition):
        is_right = text.isascii() and text == " ".join(text.split()) and text.count("(") == text.count(")")
        yield f"{place}/{key}", None if text and is_right else f"“{text}” holds other letters, or blanks too many"


def check_visibility(definition: Json) -> Checked:
    """Require that each operation says how visible it is, and has its texts (certification-submission, "Checklist")."""
    for call in list_calls(definition):
        given = call.operation.get("x-ms-visibility")
        yield call.place, None if given in _VISIBILITIES else "does not say how visible it is (x-ms-visibility)"
        for name in ("summary", "description"):
            yield call.place, None if call.operation.get(name) else f"has no {name}"
        for number, parameter in enumerate(call.operation["parameters"]):
            shape = follow(definition, parameter)
            needed = () if shape["in"] == "body" or is_hidden(shape) else ("x-ms-summary", "description")
            lacking = [name for name in needed if not shape.get(name)]
            yield f"{call.place}/{number}", f"lacks {', '.join(lacking)}" if lacking else None


def check_connection_texts(properties: Json) -> Checked:
    """Require that what a connection asks for is explained in sentences, in an order, and with different words."""
    places: list[Any] = []
    for name, parameter in properties["properties"]["connectionParameters"].items():
        shown = parameter["uiDefinition"]
        for key in ("description", "tooltip"):
            text = str(shown.get(key, ""))
            yield f"{name}/{key}", None if text.endswith(".") else f"“{text}” is no sentence"
        texts = [shown.get(key) for key in ("displayName", "description", "tooltip")]
        yield name, None if len(set(texts)) == len(texts) else "says the same twice"
        places.append(shown["constraints"].get("tabIndex"))
    yield "tabIndex", None if places == sorted(set(places)) else f"{places}: not one place each, in their order"
