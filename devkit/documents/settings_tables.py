"""The settings, written from their catalogue: the sample file, docs/settings.md and the table of the README."""

import json
from collections.abc import Mapping, Sequence
from types import UnionType

from devkit.documents.blocks import Texts, make_table
from shared.settings.catalogue import SETTINGS
from shared.settings.json_catalogue import (
    BRAKE_FIELDS,
    CONDITION_FIELDS,
    CONNECTION_FIELDS,
    MAILBOX_FIELDS,
    REQUESTOR_FIELDS,
    RULE_FIELDS,
    WRITE_BACK_FIELDS,
    Field,
)

# What the local host needs beside our own settings.
_PLATFORM = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
_TYPES: Mapping[type | UnionType, str] = {
    str: "text",
    list: "list",
    dict: "object",
    bool: "`true` or `false`",
    int: "whole number",
    str | list: "text, or list of texts",
}


def write(texts: Texts) -> None:
    """Write all of it."""
    texts.put("local.settings.sample.json", _make_sample())
    settings = "docs/settings.md"
    texts.put_block(settings, "settings", _make_table())
    texts.put_block(settings, "connection fields", _make_fields(CONNECTION_FIELDS))
    texts.put_block(settings, "mailbox fields", _make_fields(MAILBOX_FIELDS))
    texts.put_block(settings, "write_back fields", _make_fields(WRITE_BACK_FIELDS))
    texts.put_block(settings, "requestor fields", _make_fields(REQUESTOR_FIELDS))
    texts.put_block(settings, "brake fields", _make_fields(BRAKE_FIELDS))
    texts.put_block(settings, "rule fields", _make_fields(RULE_FIELDS))
    texts.put_block(settings, "condition fields", _make_fields(CONDITION_FIELDS))
    essential = [(f"`{each.name}`", each.text) for each in SETTINGS if each.is_essential]
    texts.put_block("README.md", "settings", make_table(("Setting", "Meaning"), essential))


def show_default(default: str | None) -> str:
    """Return a setting's default as a table shows it."""
    return "none" if default is None else f"`{default}`" if default else "empty"


def _make_sample() -> str:
    own = {each.name: (each.default or "") if each.sample is None else each.sample for each in SETTINGS}
    return json.dumps({"IsEncrypted": False, "Values": _PLATFORM | own}, indent=2) + "\n"


def _make_table() -> list[str]:
    rows = [(f"`{each.name}`", show_default(each.default), each.kind.describe(), each.text) for each in SETTINGS]
    return make_table(("Setting", "Default", "Values", "Meaning"), rows)


def _make_fields(fields: Sequence[Field]) -> list[str]:
    rows = [(f"`{each.name}`", _show_field_default(each), _show_values(each), each.text) for each in fields]
    return make_table(("Field", "Default", "Values", "Meaning"), rows)


def _show_values(field: Field) -> str:
    return field.bounds.describe() if field.bounds else _TYPES[field.type]


def _show_field_default(field: Field) -> str:
    if field.default is None:
        return "needed" if field.is_needed else "none"
    return f"`{field.default if field.type is str else json.dumps(field.default)}`"
