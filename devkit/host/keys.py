"""Access keys: who may call what, and the file that keeps them.

Rules: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to. Keys are never logged or printed.
"""

import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

from devkit.host.errors import KeysError

KEY_HEADER = "x-functions-key"
_KEY_BYTES = 32


class Level(IntEnum):
    """What a caller has shown, or what a function asks for; a higher level includes the lower ones."""

    ANONYMOUS = 0
    FUNCTION = 1
    ADMIN = 2


@dataclass(frozen=True, repr=False)
class Keys:
    """The keys of one app. The master key opens everything, a host key every function."""

    master: str
    host: Mapping[str, str]
    """Name to key; ``default`` is the one to hand out."""

    @classmethod
    def generate(cls) -> Self:
        """Make random keys: a master key and the host key ``default``."""
        return cls(secrets.token_urlsafe(_KEY_BYTES), {"default": secrets.token_urlsafe(_KEY_BYTES)})

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the key file, or create it (mode 0600) with random keys. Safe when two processes do it at once.

        The file: ``{"master": "...", "host": {"default": "..."}}``. Keys of single functions are unknown here.
        Raises KeysError for a file of another shape.
        """
        if not path.exists():
            keys = cls.generate()
            _create_file(path, {"master": keys.master, "host": dict(keys.host)})
        try:
            if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) != stat.S_IRUSR | stat.S_IWUSR:
                path.chmod(0o600)
            data = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise KeysError(f"The key file {path} cannot be read: {error}. Delete it to get new keys.") from None
        return cls.parse(data, source=str(path))

    @classmethod
    def parse(cls, data: Any, *, source: str) -> Self:
        """Read the key file's JSON. Raises KeysError that names ``source`` and never a key."""
        match data:
            case {"master": str(master), "host": dict(host), **rest} if master and host and not rest.get("functions"):
                if all(isinstance(key, str) and key for key in host.values()):
                    return cls(master, host)
        raise KeysError(f'{source} is no key file: it needs "master" and "host", and no keys of single functions.')

    def find_level(self, presented: str | None) -> Level:
        """Return what ``presented`` opens. Takes as long for a wrong key as for a right one."""
        if not presented:
            return Level.ANONYMOUS
        opens = [_is_same(presented, key) for key in self.host.values()]
        if _is_same(presented, self.master):
            return Level.ADMIN
        return Level.FUNCTION if any(opens) else Level.ANONYMOUS


def _is_same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "surrogateescape"), right.encode())


def _create_file(path: Path, data: Mapping[str, Any]) -> None:
    """Write a new file whole and private; when another process was first, leave that one's file in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=2)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
