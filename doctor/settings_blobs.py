"""Examines the blobs that MAILBOXES and SINKS name: they are read and checked before anything that they name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from composition.settings_source import good_place, read_blobs, read_good
from doctor.examination import Finding, Status, Step, Verdict, run_steps
from doctor.step_names import StepName, explain_role
from inbound_mail.sinks import check_sink
from shared.errors import GatewayError
from shared.identity import Identity
from shared.settings.config import Settings, load_settings
from shared.settings.faults import Fault, SettingsError
from shared.settings.settings_blobs import BlobContents
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.wording import count_of

_CORRECT = "Correct the blob: docs/settings.md, Mailboxes and sinks in a blob"
_OPEN = (
    "Check AzureWebJobsStorage and the account's network; "
    f"{explain_role('Storage Blob Data Owner', 'the storage account')}"
)


@dataclass
class _Blobs:
    """The blobs of some settings, and what was found in them."""

    settings: Settings
    variables: Mapping[str, str] | None
    taken: Settings | None = None
    faults: tuple[Fault, ...] = ()

    def check(self) -> str | Verdict:
        """Read and check them; use the last good version instead of a wrong one."""
        storage = Storage(self.settings.storage, Identity(self.settings.identity_source))
        places = tuple(dict.fromkeys(self.settings.blobs.values()))
        open_container = partial(Container, storage)
        try:
            self.taken = self._load(read_blobs(places, open_container))
        except SettingsError as error:
            self.faults = error.faults
        else:
            mailboxes = count_of(len(self.taken.mailboxes), "mailbox", "mailboxes")
            return f"The blob is valid: {mailboxes}, {count_of(len(self.taken.sinks), 'sink')}."
        try:
            self.taken = self._load(read_good(places, open_container))
        except (GatewayError, LookupError, TypeError, ValueError):
            rest = "There is no last good version, so no mailbox is read."
        else:
            rest = f"The last good version ({good_place(places)}) is in force, and is examined below."
        return Verdict(Status.FAIL, f"Refused for {count_of(len(self.faults), 'fault')}, each a line below. {rest}")

    def _load(self, contents: BlobContents) -> Settings:
        return load_settings(self.variables, check_sink=check_sink, blobs=contents)


def examine_blobs(settings: Settings, environ: Mapping[str, str] | None) -> tuple[Settings, list[Finding]]:
    """Return the settings with what their blobs hold, or the last good version of it, and the findings."""
    if not settings.blobs:
        return settings, []
    blobs = _Blobs(settings, environ)
    about = " and ".join(str(place) for place in dict.fromkeys(settings.blobs.values()))
    found = run_steps([Step(StepName.SETTINGS_BLOB, about, blobs.check, _OPEN)])
    if blobs.faults:
        found = [replace(found[0], remedy=_CORRECT), *_list_faults(blobs.faults)]
    return replace(blobs.taken or settings, blobs={}), found


def _list_faults(faults: tuple[Fault, ...]) -> Iterator[Finding]:
    for fault in faults:
        yield Finding(StepName.SETTINGS_BLOB, fault.setting, Status.FAIL, fault.message, _CORRECT)
