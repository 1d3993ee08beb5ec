"""Whose settings: of the app that `up` runs, of a settings file, or of a deployed app.

Only the settings that concern mailboxes and sinks are judged here: an app may be deployed and not yet registered.
"""

import getpass
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devkit.running import find_running
from devkit.settings_blobs.errors import SettingsBlobError
from devkit.settings_file import SettingsFileError, read_settings_file
from inbound_mail.sinks import check_sink
from shared.identity import Identity
from shared.settings.choices import IdentitySource
from shared.settings.config import Settings, load_settings
from shared.settings.faults import Fault, SettingsError
from shared.settings.mail_settings import read_storage
from shared.settings.settings_blobs import MEMBERS, BlobContents, BlobPlace, find_place
from shared.storage.account import Storage
from shared.storage.blobs import Container

_AZ_SECONDS = 120
_JUDGED = (*MEMBERS, "AzureWebJobsStorage")


@dataclass(frozen=True)
class Target:
    """The settings of one app, and who works on them. A person signs in with the Azure CLI, an app does not."""

    environ: Mapping[str, str]
    person: str

    @property
    def places(self) -> dict[str, BlobPlace]:
        """The blob of each setting that names one."""
        found = {name: find_place(self.environ.get(name, "").strip()) for name in MEMBERS}
        return {name: place for name, place in found.items() if place}

    def find_place(self, name: str | None) -> BlobPlace:
        """Return the blob of a setting ("mailboxes"), or the only blob. Raises SettingsBlobError."""
        places = self.places
        if not places:
            raise SettingsBlobError(
                "Neither MAILBOXES nor SINKS of this app names a blob. Set them to a blob such as "
                "blob:config/mail.json; see docs/settings.md."
            )
        if name is None:
            if len(set(places.values())) > 1:
                raise SettingsBlobError("MAILBOXES and SINKS are in two blobs: say which with --name.")
            return next(iter(places.values()))
        if name.upper() not in places:
            raise SettingsBlobError(f"{name.upper()} of this app names no blob.")
        return places[name.upper()]

    def open_container(self, container: str) -> Container:
        """Open a container of the app's storage account."""
        storage = read_storage(lambda name: self.environ.get(name, "").strip())
        return Container(Storage(storage, Identity(IdentitySource.AZURE_CLI)), container)

    def check(self, contents: BlobContents) -> tuple[Settings | None, tuple[Fault, ...]]:
        """Check mailboxes and sinks as the app does; return the settings and the faults that concern them."""
        load = partial(load_settings, self.environ, check_sink=check_sink, blobs=contents)
        try:
            return load(), ()
        except SettingsError as error:
            return None, tuple(fault for fault in error.faults if fault.setting.startswith(_JUDGED))


def find_target(settings_file: Path | None, app: str | None, group: str | None, person: str | None) -> Target:
    """Return the target that the options name; without any, the app that `up` runs.

    Raises SettingsBlobError and NothingRunsError.
    """
    if app:
        return _find_deployed(app, group, person)
    if settings_file:
        return Target(os.environ | _read_file(settings_file), person or _name_user())
    running = find_running()
    if running.settings_file is None:
        raise SettingsBlobError("The app runs with Core Tools: name its settings with --settings FILE.")
    values = _read_file(Path(running.settings_file))
    storage = {"AzureWebJobsStorage": running.storage_connection or ""}
    return Target(os.environ | values | storage, person or _name_user())


def _find_deployed(app: str, group: str | None, person: str | None) -> Target:
    if not group:
        raise SettingsBlobError("--app needs --group, the resource group of the app.")
    listed = _run_az(
        "functionapp", "config", "appsettings", "list", "--name", app, "--resource-group", group, "--output", "json"
    )
    try:
        values = {str(one["name"]): str(one["value"]) for one in json.loads(listed)}
    except (ValueError, KeyError, TypeError):
        raise SettingsBlobError("The Azure CLI did not list the app's settings as JSON.") from None
    return Target(values, person or _run_az("account", "show", "--query", "user.name", "--output", "tsv").strip())


def _run_az(*words: str) -> str:
    az = shutil.which("az")
    if az is None:
        raise SettingsBlobError("The Azure CLI is not installed; a deployed app's settings are read with it.")
    try:
        done = subprocess.run([az, *words], capture_output=True, text=True, check=True, timeout=_AZ_SECONDS)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        raise SettingsBlobError(f"`az {words[0]} …` failed: {said[-1] if said else error.returncode}") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise SettingsBlobError(f"`az {words[0]} …` could not be run: {type(error).__name__}.") from None
    return done.stdout


def _read_file(path: Path) -> dict[str, str]:
    try:
        return read_settings_file(path)
    except SettingsFileError as error:
        raise SettingsBlobError(str(error)) from None


def _name_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
