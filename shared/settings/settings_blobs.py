"""Settings that are in a blob: how a setting names it, and what it holds. Reads no blob itself.

The value of MAILBOXES or SINKS is then `blob:container/name`, and the blob holds what the setting would. If both name
the same blob, it holds a JSON object with the members `mailboxes` and `sinks`: they change together.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.settings.json_fields import NamedTwiceError, explain_json_fault, parse_once_named

MOST_BYTES = 1024 * 1024
MEMBERS = {"MAILBOXES": "mailboxes", "SINKS": "sinks"}
_PREFIX = "blob:"
# Container: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
_PLACE = re.compile(r"blob:(?=[^/]{3,63}/)([a-z0-9](?:-?[a-z0-9])*)/((?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_.-]+)")
_LONGEST_NAME = 256


@dataclass(frozen=True)
class BlobPlace:
    """Where a blob is: its container, and its name there."""

    container: str
    name: str

    def __str__(self) -> str:
        """Return it as settings and messages show it."""
        return f"{self.container}/{self.name}"


type BlobContents = Mapping[BlobPlace, bytes | None]
"""The bytes of each blob that settings name; None: there is no such blob."""


def is_in_blob(text: str) -> bool:
    """Return whether the value of a setting says that it is in a blob."""
    return text.startswith(_PREFIX)


def find_place(text: str) -> BlobPlace | None:
    """Return the blob that the value of a setting names, or None for a value that names none."""
    found = _PLACE.fullmatch(text)
    if found is None or len(found[2]) > _LONGEST_NAME or found[2].endswith("."):
        return None
    return BlobPlace(found[1], found[2])


def read_value(setting: str, place: BlobPlace, contents: BlobContents, *, is_shared: bool) -> Any:
    """Return the value of a setting from its blob, which may hold both settings (`is_shared`).

    Raises ValueError with a sentence that says what is wrong with the blob.
    """
    value = _parse(place, contents.get(place))
    if not is_shared:
        return _refuse_null(setting, place, value)
    if not isinstance(value, dict) or set(value) != set(MEMBERS.values()):
        raise ValueError(
            f"The blob {place} holds MAILBOXES and SINKS: write a JSON object with the members mailboxes and sinks, "
            "and no others."
        )
    return _refuse_null(setting, place, value[MEMBERS[setting]])


def decode_text(data: bytes) -> str:
    """Return the text of a blob. Its encoding is recognised as for JSON, with or without a byte order mark.

    Raises UnicodeDecodeError.
    """
    return data.decode(json.detect_encoding(data))


def _refuse_null(setting: str, place: BlobPlace, value: Any) -> Any:
    if value is None:
        raise ValueError(f"The blob {place} holds null for {setting}. Write an empty list or object instead.")
    return value


def _parse(place: BlobPlace, data: bytes | None) -> Any:
    if data is None:
        raise ValueError(f"There is no blob {place} in the storage account. Put it there; see docs/settings.md.")
    if len(data) > MOST_BYTES:
        raise ValueError(f"The blob {place} has more than {MOST_BYTES // 1024} KiB.")
    try:
        return parse_once_named(decode_text(data))
    except UnicodeDecodeError:
        raise ValueError(f"The blob {place} is no text in UTF-8. Save it with this encoding.") from None
    except NamedTwiceError as error:
        raise ValueError(f"The blob {place} is ambiguous. {error}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"The blob {place} is not valid JSON, {explain_json_fault(error)}.") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets in each other
        raise ValueError(f"The blob {place} is not valid JSON.") from None
