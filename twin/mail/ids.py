"""Exchange's ids: their form, and which spellings are the same id.

Public sources: "Get immutable identifiers for Outlook resources" (two kinds of id, both resolve) and public reports on
ids that hold "/" and "+", whose URL-safe form has "-" and "_" instead.
"""

import random
import re

_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_MUTABLE_LENGTH = 140
_IMMUTABLE_LENGTH = 128
_FOLDER_LENGTH = 106
_SUFFIX_LENGTH = 28
_WELL_FORMED = re.compile(r"[A-Za-z0-9\-_=/+]{40,}")
_SAFE = str.maketrans("/+", "-_")


def make_mutable_id(source: random.Random, *, slashes: bool) -> str:
    """Make an id of the default kind, which a move changes; with `slashes` it contains "/" and "+"."""
    body = source.choices(_PLAIN, k=_MUTABLE_LENGTH)
    first, second = ("/", "+") if slashes else ("-", "_")
    body[source.randrange(20, 70)] = first
    body[source.randrange(70, _MUTABLE_LENGTH)] = second
    return "AAMkAD" + "".join(body) + "AAA="


def make_immutable_id(source: random.Random) -> str:
    """Make an id that stays with the item as long as it stays in the mailbox."""
    body = source.choices(_PLAIN, k=_IMMUTABLE_LENGTH)
    body[source.randrange(20, 70)] = "-"
    body[source.randrange(70, _IMMUTABLE_LENGTH)] = "_"
    return "AAkALgAAAAAAHYQD" + "".join(body) + "AA="


def make_folder_id(source: random.Random) -> str:
    """Make the id of a folder; folders have one kind only."""
    return "AQMkAD" + "".join(source.choices(_PLAIN, k=_FOLDER_LENGTH)) + "AAAA=="


def make_suffix(source: random.Random) -> str:
    """Make the part that the id of an attachment adds to that of its message."""
    return "ABEgAQ" + "".join(source.choices(_PLAIN, k=_SUFFIX_LENGTH)) + "="


def attach(message_id: str, suffix: str) -> str:
    """Return the id of an attachment of a message."""
    return message_id.rstrip("=") + suffix


def make_safe(item_id: str) -> str:
    """Return the URL-safe spelling: the one under which items are looked up."""
    return item_id.translate(_SAFE)


def is_well_formed(item_id: str) -> bool:
    """Return whether the text has the form of an id."""
    return _WELL_FORMED.fullmatch(item_id) is not None
