"""The versions of one blob: the current one, and a history of those that it replaced.

A put first copies what it is about to replace into the history, then replaces it if it is still that version. So a
process that dies between the two steps has changed nothing, and two people cannot overwrite each other. The current
version may also have been written by hand, with another program: it goes into the history when it is replaced.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote

from devkit.settings_blobs.errors import SettingsBlobError
from shared.errors import Conflict, GatewayError, Unavailable
from shared.settings.settings_blobs import MOST_BYTES
from shared.storage.blobs import BlobVersion, Container
from shared.time_zones.zones import utc_text

_MOST_READ = 4 * MOST_BYTES  # what is refused as too large can still be read and replaced
_PERSON, _WRITTEN = "person", "written"
_LONGEST_PERSON = 200


@dataclass(frozen=True)
class Version:
    """One version. `id` is made of the time when it was written and of its content; `person` is "" if not known."""

    id: str
    written: datetime
    person: str
    size: int
    is_current: bool = False

    def describe(self) -> str:
        """Return the line of a list."""
        mark = "  (current)" if self.is_current else ""
        return f"{self.id}  {utc_text(self.written)}  {self.size:>7} bytes  {self.person or '-'}{mark}"


class Versions:
    """The versions of a blob."""

    def __init__(self, container: Container, name: str) -> None:
        self._container = container
        self._name = name

    def read(self) -> BlobVersion | None:
        """Return the current version with its data, or None."""
        return self._get(self._name)

    def get(self, version: str) -> bytes:
        """Return the data of a version. Raises SettingsBlobError."""
        current = self.read()
        found = current if current and name_version(current) == version else self._get(self._locate(version))
        if found is None:
            raise SettingsBlobError(f"There is no version {version}; `history` lists all.")
        return found.data

    def list_all(self) -> list[Version]:
        """Return all versions, the newest first."""
        kept = [_describe(one, one.name.removeprefix(self._locate(""))) for one in self._list_kept()]
        current = self.read()
        if current is not None:
            now = name_version(current)
            kept = [one for one in kept if one.id != now]  # kept by a put that ended before it replaced it
            kept.append(_describe(current, now, is_current=True))
        return sorted(kept, key=lambda one: (one.is_current, one.written), reverse=True)

    def put(self, data: bytes, *, replaces: BlobVersion | None, person: str) -> BlobVersion:
        """Write a new version in place of `replaces`, which goes into the history; return what is there then.

        Raises SettingsBlobError if somebody else was faster or the outcome is not known, GatewayError if nothing was
        written.
        """
        if replaces is not None:
            self._keep(replaces)
        metadata = {_PERSON: quote(person[:_LONGEST_PERSON])} if person else {}
        try:
            etag = self._container.put_version(
                self._name, data, replaces=replaces.etag if replaces else None, metadata=metadata
            )
        except (Conflict, Unavailable) as error:
            return self._look(data, replaces, error)
        written = self._get(self._name)
        if written is None or written.etag != etag:
            raise SettingsBlobError("The blob was put, and somebody else has replaced it since: see `history`.")
        return written

    def _look(self, data: bytes, replaces: BlobVersion | None, error: GatewayError) -> BlobVersion:
        """Find out what a write has done whose answer was lost; the library may have repeated it, too."""
        try:
            found = self._get(self._name)
        except GatewayError as again:
            raise SettingsBlobError(
                f"It is not known whether the blob was written: {again.message} Look with `get` or `history`."
            ) from error
        if found is not None and found.data == data:
            return found
        if (found and found.etag) == (replaces and replaces.etag):
            raise error
        who = f" by {read_person(found)}" if found and read_person(found) else ""
        raise SettingsBlobError(
            f"Nothing was put: the blob was changed{who} at the same time. Get it, add your change, put it again."
        ) from error

    def _keep(self, version: BlobVersion) -> None:
        metadata = dict(version.metadata) | {_WRITTEN: version.modified.isoformat()}
        name = self._locate(name_version(version))
        try:
            self._container.put_version(name, version.data, replaces=None, metadata=metadata)
        except Conflict:
            return  # it is there: a put before this one ended after its first step

    def _locate(self, version: str) -> str:
        return f"{self._name}.history/{version}"

    def _list_kept(self) -> list[BlobVersion]:
        return self._container.list_versions(self._locate(""))

    def _get(self, name: str) -> BlobVersion | None:
        found = self._container.get_version(name, most=_MOST_READ)
        if isinstance(found, BlobVersion) and found.size > _MOST_READ:
            raise SettingsBlobError(f"The blob {name} has more than {_MOST_READ // 1024} KiB: delete it by hand.")
        return found if isinstance(found, BlobVersion) else None


def name_version(version: BlobVersion) -> str:
    """Return the id of a version, such as 20261130T101500Z-1a2b3c4d."""
    return f"{version.modified:%Y%m%dT%H%M%SZ}-{hashlib.sha256(version.data).hexdigest()[:8]}"


def read_person(version: BlobVersion) -> str:
    """Return who wrote a version, or "" if it is not known."""
    return unquote(version.metadata.get(_PERSON, ""))


def _describe(found: BlobVersion, version: str, *, is_current: bool = False) -> Version:
    written = found.metadata.get(_WRITTEN)
    moment = datetime.fromisoformat(written) if written else found.modified
    return Version(version, moment, read_person(found), found.size, is_current)
