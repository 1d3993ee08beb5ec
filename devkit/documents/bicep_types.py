"""infra/types.bicep: what a person writes into mailboxes, sinks and connections, as types of Bicep.

With them an editor completes the fields, and a wrong one is refused before anything is deployed. They follow from the
fields of the settings and the options of the sinks.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType

from devkit.documents.blocks import Texts, quote_bicep
from inbound_mail.sinks import KINDS
from inbound_mail.sinks._options import Option
from shared.settings.catalogue import SETTINGS
from shared.settings.json_catalogue import (
    BRAKE_FIELDS,
    CONNECTION_FIELDS,
    MAILBOX_FIELDS,
    MOST_FOLDERS,
    REQUESTOR_FIELDS,
    RULE_FIELDS,
    WRITE_BACK_FIELDS,
    Field,
)
from shared.settings.kinds import Choice

FILE = "infra/types.bicep"
# A condition of a rule is a text or a list of texts in many of its fields, which no type of Bicep can say.
_OWN_TYPES = {
    "rules": "rule[]",
    "write_back": "writeBack",
    "brakes": "brakes",
    "custom_fields": "texts",
    "fields": "texts",
    "all": "object[]",
    "any": "object[]",
}
_TYPES: Mapping[type | UnionType, str] = {str: "string", list: "string[]", dict: "object", bool: "bool", int: "int"}
_MOST = {"folders": MOST_FOLDERS}
_BEGIN = """\
// Written by `python3 -m devkit docs` from the fields of the settings and the options of the sinks.

@export()
@description('Texts by name.')
type texts = {
  *: string
}
"""


def write(texts: Texts) -> None:
    """Write the file."""
    parts = [_BEGIN]
    parts.append(_export("mailbox", "A support mailbox to read.", _list_fields(MAILBOX_FIELDS, requestor="requestor")))
    parts.append(_type("rule", "What becomes of certain mails.", _list_fields(RULE_FIELDS)))
    for name, text, fields in (
        ("writeBack", "What people see in the mailbox once every sink has the mail.", WRITE_BACK_FIELDS),
        ("requestor", "Who becomes the requestor of tickets, if not the author of the mail.", REQUESTOR_FIELDS),
        ("brakes", "Limits for the mails of one correspondent, against loops.", BRAKE_FIELDS),
    ):
        parts.append(_type(name, text, _list_fields(fields)))
    parts.append(_export_map("sinksByName", "Where mails are delivered, by name.", "sink"))
    kinds = {kind: f"{_camel(kind)}Sink" for kind in KINDS}
    parts.append(f"@discriminator('kind')\ntype sink = {' | '.join(kinds.values())}\n")
    for kind, name in kinds.items():
        members = [f"  kind: {quote_bicep(kind)}", *_list_options(KINDS[kind].options)]
        parts.append(_type(name, f"A sink of the kind {kind}.", members))
    parts.append(_export_map("connectionsByName", "Further tenants, by name.", "connection"))
    parts.append(_type("connection", "How the app signs in to one tenant.", _list_fields(CONNECTION_FIELDS)))
    texts.put(FILE, "\n".join(parts))


def _export(name: str, text: str, members: Iterable[str]) -> str:
    return "@export()\n" + _type(name, text, members)


def _export_map(name: str, text: str, of: str) -> str:
    return f"@export()\n@description({quote_bicep(text)})\ntype {name} = {{\n  *: {of}\n}}\n"


def _type(name: str, text: str, members: Iterable[str]) -> str:
    body = "\n\n".join(members)
    return f"@sealed()\n@description({quote_bicep(text)})\ntype {name} = {{\n{body}\n}}\n"


def _list_fields(fields: Sequence[Field], **own: str) -> Iterator[str]:
    for each in fields:
        kind = (own | _OWN_TYPES).get(each.name) or _list_choices(each) or _TYPES[each.type]
        bounds = (each.bounds.least, each.bounds.most) if each.bounds else None
        yield _member(each.name, each.text, kind, bounds, is_needed=each.is_needed)


def _list_choices(field: Field) -> str:
    """Return the words that are allowed where a field is "As `SETTING`" and that setting has a choice of words."""
    found = re.match(r"As `(\w+)`", field.text)
    setting = next((each for each in SETTINGS if found and each.name == found[1]), None)
    return _union(setting.kind.words) if setting and isinstance(setting.kind, Choice) else ""


def _list_options(options: Mapping[str, Option]) -> Iterator[str]:
    for name, each in options.items():
        kind = _union(each.choices) or _OWN_TYPES.get(name) or _TYPES[each.kind]
        yield _member(name, each.text, kind, each.bounds, is_needed=each.needed)


def _member(name: str, text: str, kind: str, bounds: tuple[int, int] | None, *, is_needed: bool) -> str:
    lines = [f"@description({quote_bicep(text)})"]
    if bounds:
        lines += [f"@minValue({bounds[0]})", f"@maxValue({bounds[1]})"]
    elif is_needed and kind in ("string", "string[]"):
        lines.append("@minLength(1)")
    elif name in _MOST:
        lines.append(f"@maxLength({_MOST[name]})")
    optional = "" if is_needed else "?"
    lines.append(f"{name}: {f'({kind})' if optional and '|' in kind else kind}{optional}")
    return "\n".join(f"  {line}" for line in lines)


def _union(words: Sequence[str]) -> str:
    return " | ".join(map(quote_bicep, words))


def _camel(words: str) -> str:
    first, *others = words.split("-")
    return first + "".join(each.capitalize() for each in others)
