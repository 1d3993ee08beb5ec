"""Single-value extended properties: values that programs store on a message, by MAPI id.

Public sources: the reference page of singleValueLegacyExtendedProperty; an answer spells `LONG 0x0E08` as `Long 0xe08`.
"""

import re

from twin.graph.errors import GraphRefusal
from twin.mail.message import Message

_TAG = re.compile(r"(\w+) (0x[0-9a-fA-F]{1,4})")
_NAMED = re.compile(r"(\w+) (\{[0-9a-fA-F-]{36}\}) (Name|Id) (\S.*)", re.IGNORECASE)
SIZE = "Long 0xe08"
CLASS = "String 0x1a"


def read_key(text: str) -> str:
    """Return the id in the spelling of answers; the name in it keeps its case. GraphRefusal 400 for an invalid id."""
    if found := _TAG.fullmatch(text):
        return f"{found[1].capitalize()} {int(found[2], 16):#x}"
    if found := _NAMED.fullmatch(text):
        return f"{found[1].capitalize()} {found[2].lower()} {found[3].capitalize()} {found[4]}"
    raise GraphRefusal(400, "ErrorInvalidProperty", "PropertyId values may only be in one of the documented formats.")


def read_extended(message: Message, key: str) -> str | None:
    """Return a property's value: every message has size and class; others only if they were set."""
    if key == SIZE:
        return str(message.size)
    if key == CLASS:
        return message.extended.get(key, message.draft.class_ or "IPM.Note")
    return message.extended.get(key)
