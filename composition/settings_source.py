"""The settings of support mail from blobs: read again once a minute at most, checked whole, taken over at once.

What is wrong is refused with every fault, and the last good version stays in force. A copy of it is kept in a blob
beside the one that the settings name, so that it also survives a restart. No thread of its own reads: a call that needs
the settings does, when the last reading is too old.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError, GatewayError, Unavailable, place_of
from shared.json_text import Json
from shared.log_text import Lines
from shared.settings.config import Settings
from shared.settings.faults import Fault, SettingsError
from shared.settings.settings_blobs import MOST_BYTES, BlobContents, BlobPlace, decode_text
from shared.storage.blobs import BlobVersion, Container, Unchanged
from shared.time_zones.zones import utc_text
from shared.wording import count_of

if TYPE_CHECKING:
    from composition.mail import MailServices

_log = logging.getLogger("gateway.settings")

REREAD_SECONDS = 60.0
RETRY_SECONDS = 10.0  # while nothing is in force: somebody is waiting
GOOD_SUFFIX = ".good"
_LONGEST_TROUBLE = timedelta(minutes=10)

type OpenContainer = Callable[[str], Container]
type Load = Callable[[BlobContents], Settings]


class InForce(StrEnum):
    """Which version of the settings is in force."""

    CURRENT = "current"
    LAST_GOOD = "lastGood"
    NOTHING = "nothing"


@dataclass(frozen=True)
class SettingsState:
    """What is known of the settings in blobs.

    `faults`: why the version in the blobs is refused; `trouble`: why the blobs could not be read at the last try, and
    `is_denied`: because the storage account refuses access. `wrong_since`: since when one of the two is so.
    """

    blobs: Mapping[str, BlobPlace]
    in_force: InForce = InForce.NOTHING
    taken_at: datetime | None = None
    faults: tuple[Fault, ...] = ()
    trouble: str = ""
    is_denied: bool = False
    wrong_since: datetime | None = None

    @property
    def setting(self) -> str:
        """The settings that are in blobs, such as "MAILBOXES and SINKS"."""
        return " and ".join(self.blobs)

    @property
    def is_wrong(self) -> bool:
        """Whether the version in the blobs is refused, nothing is in force, or the blobs cannot be read for long."""
        if self.faults or (self.trouble and self.in_force is InForce.NOTHING):
            return True
        return self.wrong_since is not None and datetime.now(UTC) - self.wrong_since > _LONGEST_TROUBLE

    def explain(self) -> str:
        """Return a sentence that says what is wrong; empty if nothing is."""
        where = ", ".join(dict.fromkeys(str(place) for place in self.blobs.values()))
        if self.faults:
            return f"{self.setting} ({where}) are refused: {count_of(len(self.faults), 'fault')}, listed at GET status."
        return f"{self.setting} ({where}) could not be read. {self.trouble}" if self.trouble else ""

    def check_in_force(self) -> None:
        """Raise ConfigurationError or Unavailable while no version is in force."""
        if self.in_force is not InForce.NOTHING:
            return
        if self.faults or self.is_denied:
            raise ConfigurationError(f"No mailbox can be used. Correct the settings in the blob: {self.explain()}")
        raise Unavailable(f"No mailbox can be used. Try again in a minute: {self.explain()}", retry_after=RETRY_SECONDS)

    def describe(self) -> Json:
        """Return the state as the route `status` shows it."""
        answer: Json = {
            "inForce": self.in_force.value,
            "blobs": [{"setting": name, "blob": str(place)} for name, place in self.blobs.items()],
            "faults": [{"setting": fault.setting, "message": fault.message} for fault in self.faults],
        }
        answer |= {"takenDateTime": utc_text(self.taken_at)} if self.taken_at else {}
        answer |= {"wrongSinceDateTime": utc_text(self.wrong_since)} if self.wrong_since else {}
        return answer | ({"message": self.explain()} if self.explain() else {})


class SettingsSource:
    """The settings of support mail as they are in force. `load` checks the contents of the blobs and returns them."""

    def __init__(self, settings: Settings, open_container: OpenContainer, load: Load) -> None:
        self._places = tuple(dict.fromkeys(settings.blobs.values()))
        self._open = open_container
        self._load = load
        self._lock = threading.Lock()
        self._known: dict[BlobPlace, tuple[str, bytes]] = {}
        self._is_read = False
        self._is_good_kept = True
        self._due = 0.0
        self._value = (settings, SettingsState(settings.blobs))

    @property
    def state(self) -> SettingsState:
        """What is known without reading."""
        return self._value[1]

    def get(self, *, at_once: bool = False) -> tuple[Settings, SettingsState]:
        """Return the settings in force and their state. Read the blobs again if it is time, or `at_once`."""
        is_first = not self._is_read
        if at_once or is_first:
            with self._lock:
                if at_once or not self._is_read:
                    self._read()
        elif time.monotonic() >= self._due and self._lock.acquire(blocking=False):  # the others go on meanwhile
            try:
                self._read()
            finally:
                self._lock.release()
        return self._value

    def _read(self) -> None:
        settings, state = self._value
        before = dict(self._known)
        try:
            contents = {place: self._read_blob(place) for place in self._places}
        except (ConfigurationError, Unavailable) as error:
            _log.warning("%s could not be read again: %s", state.setting, error)
            is_denied = isinstance(error, ConfigurationError)
            since = state.wrong_since or datetime.now(UTC)
            self._value = (settings, replace(state, trouble=error.message, is_denied=is_denied, wrong_since=since))
            self._known = before  # both are read in one pass, or neither
            self._finish()
            return
        if state.in_force is InForce.NOTHING or state.trouble or before != self._known:
            self._judge(contents)
        if not self._is_good_kept:
            self._keep_good(contents)
        self._finish()

    def _finish(self) -> None:
        is_empty = self.state.in_force is InForce.NOTHING
        self._due = time.monotonic() + (RETRY_SECONDS if is_empty else REREAD_SECONDS)
        self._is_read = True

    def _read_blob(self, place: BlobPlace) -> bytes | None:
        etag, data = self._known.get(place, (None, b""))
        found = self._open(place.container).get_version(place.name, known=etag, most=MOST_BYTES)
        if isinstance(found, Unchanged):
            return data
        if found is None:
            self._known.pop(place, None)
            return None
        data = _data_of(found)
        self._known[place] = (found.etag, data)
        return data

    def _judge(self, contents: BlobContents) -> None:
        """Take the contents over, or refuse them."""
        settings, state = self._value
        faults: tuple[Fault, ...] = ()
        try:
            taken = self._load(contents)
        except SettingsError as error:
            faults = error.faults
        except Exception as error:  # noqa: BLE001 - whatever a person wrote, the mails of the others go on
            _log.error("the settings in blobs cannot be read: %s", place_of(error))
            faults = (Fault(state.setting, f"The gateway cannot read this ({type(error).__name__})."),)
        if not faults:
            self._value = (taken, SettingsState(state.blobs, InForce.CURRENT, datetime.now(UTC)))
            self._is_good_kept = False
            counts = len(taken.mailboxes), len(taken.sinks)
            _log.info("%s were taken over: %d mailboxes, %d sinks", state.setting, *counts)
            return
        if state.in_force is InForce.NOTHING:
            settings, in_force = self._find_good(settings)
        else:
            in_force = InForce.LAST_GOOD
        if faults != state.faults:
            lines = Lines(f"{fault.setting}: {fault.message}" for fault in faults)
            stays = "no mailbox is read" if in_force is InForce.NOTHING else "the last good version stays in force"
            _log.critical("%s in blobs are wrong; until they are corrected, %s:\n%s", state.setting, stays, lines)
        since = (state.wrong_since if state.faults else None) or datetime.now(UTC)
        kept = SettingsState(state.blobs, in_force, state.taken_at, faults, wrong_since=since)
        self._value = (settings, kept)

    def _find_good(self, empty: Settings) -> tuple[Settings, InForce]:
        """Return the version that was kept as good, if there is one and it still passes every check."""
        try:
            return self._load(read_good(self._places, self._open)), InForce.LAST_GOOD
        except SettingsError as error:
            _log.warning("the last good version cannot be used either: %s", error.detail)
        except (GatewayError, LookupError, TypeError, ValueError) as error:
            _log.warning("there is no last good version: %s", type(error).__name__)
        return empty, InForce.NOTHING

    def _keep_good(self, contents: BlobContents) -> None:
        place = good_place(self._places)
        texts = {str(one): decode_text(data) for one, data in contents.items() if data is not None}
        try:
            self._open(place.container).put(
                place.name, json.dumps(texts, indent=1).encode(), content_type="application/json"
            )
        except GatewayError as error:
            _log.warning("the good version could not be kept, the next reading tries again: %s", error)
        else:
            self._is_good_kept = True


class MailSource:
    """The use cases of support mail, built anew when other settings are in force."""

    def __init__(self, source: SettingsSource, build: "Callable[[Settings], MailServices]") -> None:
        self._source = source
        self._build = build
        self._lock = threading.Lock()
        self._built: MailServices | None = None

    @property
    def state(self) -> SettingsState:
        """What is known of the settings without reading."""
        return self._source.state

    def get(self, *, at_once: bool = False) -> "MailServices":
        """Return them with the settings in force, which are read again if it is time, or `at_once`."""
        settings, state = self._source.get(at_once=at_once)
        with self._lock:
            if self._built is None or self._built.settings is not settings:
                self._built = self._build(settings)
            if self._built.settings_state is not state:
                self._built = replace(self._built, settings_state=state)
            return self._built


def _data_of(version: BlobVersion) -> bytes:
    """Return the data of a blob; for one that is too large, and was not read, bytes that are refused as too large."""
    return version.data if version.size <= MOST_BYTES else b" " * (MOST_BYTES + 1)


def read_blobs(places: Iterable[BlobPlace], open_container: OpenContainer) -> BlobContents:
    """Return what is in the blobs now. Raises ConfigurationError or Unavailable."""
    found = {place: open_container(place.container).get_version(place.name, most=MOST_BYTES) for place in places}
    return {place: _data_of(one) if isinstance(one, BlobVersion) else None for place, one in found.items()}


def good_place(places: Iterable[BlobPlace]) -> BlobPlace:
    """Return where the last good version is kept: beside the first blob."""
    first = next(iter(places))
    return BlobPlace(first.container, first.name + GOOD_SUFFIX)


def read_good(places: Iterable[BlobPlace], open_container: OpenContainer) -> BlobContents:
    """Return the contents of the last good version. Raises LookupError, TypeError or ValueError if there is none."""
    place = good_place(places)
    data = open_container(place.container).get(place.name)
    if data is None:
        raise LookupError(str(place))
    texts = json.loads(data)
    return {one: str(texts[str(one)]).encode() for one in places}
