"""Zips that are byte for byte the same for the same contents."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can tell; every file gets it
_READABLE = 0o100644 << 16
_UNIX = 3

type Files = Mapping[str, bytes]


def pack(files: Files) -> bytes:
    """Return a zip of these files, in the order given."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX  # the same on every machine
            entry.external_attr = _READABLE
            archive.writestr(entry, content)
    return out.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """Return the files of a zip, in its order. Raises zipfile.BadZipFile."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_json(value: Any, indent: int = 2) -> bytes:
    """Return JSON as it is shipped: indented, in ASCII."""
    return (json.dumps(value, indent=indent) + "\n").encode()
