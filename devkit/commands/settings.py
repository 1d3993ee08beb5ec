"""Get, check or put the mailboxes and sinks that a blob holds, or list its versions.

Without options: the blob of the app that `up` runs. With --settings FILE: the one that a local.settings.json names.
With --app and --group: a deployed app's, with the rights of the person who is signed in with the Azure CLI. What is put
is checked first, and never overwrites what somebody else has put since you got it.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from devkit.running import NothingRunsError
from devkit.settings_blobs.errors import SettingsBlobError
from devkit.settings_blobs.targets import Target, find_target
from devkit.settings_blobs.versions import Versions, name_version, read_person
from shared.errors import GatewayError
from shared.settings.faults import Fault
from shared.settings.settings_blobs import BlobPlace
from shared.storage.blobs import BlobVersion

PASSES_ON = False
_NOTE = ".version"
_EMPTY = {"MAILBOXES": b"[]", "SINKS": b"{}"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("action", choices=("get", "check", "put", "history"), help="what to do")
    add("file", nargs="?", type=Path, metavar="FILE", help="get: where to write it; check, put: what to read")
    add("--name", choices=("mailboxes", "sinks"), help="which setting, if they are in two blobs")
    add("--version", metavar="ID", help="get, check, put: a version of the history")
    add("--over", metavar="ID", help="put: the version that FILE replaces, if `get` did not write FILE")
    add("--by", metavar="NAME", help="put: who puts it, for the history; usually who is signed in")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--settings", type=Path, metavar="FILE", help="a local.settings.json that names the blob")
    where.add_argument("--app", metavar="NAME", help="a deployed function app")
    add("--group", metavar="NAME", help="with --app: its resource group")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Do it; return 0 if it was done, 1 if it was refused or failed, 2 for options that make no sense."""
    if fault := _find_fault(options):
        sys.stderr.write(f"{fault}\n")
        return 2
    try:
        target = find_target(options.settings, options.app, options.group, options.by)
        return _Run(target, options).act()
    except (SettingsBlobError, NothingRunsError) as error:
        sys.stderr.write(f"{error}\n")
    except GatewayError as error:
        sys.stderr.write(f"{error.message}\n")
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
    return 1


def _find_fault(options: argparse.Namespace) -> str | None:
    faults = (
        (options.action == "put" and not (options.file or options.version), "Name the FILE to put, or a --version."),
        (
            options.action in ("put", "check") and options.file and options.version,
            "Give a FILE or --version, not both.",
        ),
        (options.action == "history" and (options.file or options.version), "history takes no FILE and no --version."),
        (options.over and options.action != "put", "--over is for put."),
        (options.group and not options.app, "--group needs --app."),
    )
    return next((message for is_wrong, message in faults if is_wrong), None)


class _Run:
    """One run of the command on one blob."""

    def __init__(self, target: Target, options: argparse.Namespace) -> None:
        self._target = target
        self._options = options
        self._file: Path | None = options.file
        self._place = target.find_place(options.name)
        self._versions = self._open(self._place)

    def act(self) -> int:
        """Do what the options say; return the exit code."""
        return {"get": self._get, "check": self._check, "put": self._put, "history": self._list}[self._options.action]()

    def _open(self, place: BlobPlace) -> Versions:
        return Versions(self._target.open_container(place.container), place.name)

    def _get(self) -> int:
        current = self._versions.read()
        if current is None:
            raise SettingsBlobError(f"There is no blob {self._place} yet. Put the first version.")
        data = self._versions.get(self._options.version) if self._options.version else current.data
        if self._file is None:
            sys.stdout.write(data.decode(errors="replace"))
            return 0
        self._file.write_bytes(data)
        self._note(current)
        print(f"{self._file}: {self._options.version or name_version(current)} of {self._place}")
        return 0

    def _check(self) -> int:
        return 1 if self._report(self._find_faults(self._read_given())) else 0

    def _put(self) -> int:
        data, current = self._read_given(), self._versions.read()
        assert data is not None  # noqa: S101 - the options say what to put
        if current is not None and current.data == data:
            print(f"{self._place} holds this already; nothing was put.")
            self._note(current)
            return 0
        self._refuse_unseen(current)
        if self._report(self._find_faults(data)):
            sys.stderr.write("Nothing was put.\n")
            return 1
        written = self._versions.put(data, replaces=current, person=self._target.person)
        self._note(written)
        before = f", in place of {name_version(current)}" if current else ""
        print(f"{self._place}: {name_version(written)} was put{before}. It is in force within a minute: GET status.")
        return 0

    def _list(self) -> int:
        found = self._versions.list_all()
        for version in found:
            print(version.describe())
        if not found:
            print(f"There is no blob {self._place} yet.")
        return 0

    def _read_given(self) -> bytes | None:
        """Return what the options name: a file, a version of the history, or the current version (None: no blob)."""
        if self._file is not None:
            return self._file.read_bytes()
        if self._options.version:
            return self._versions.get(self._options.version)
        current = self._versions.read()
        return current.data if current else None

    def _find_faults(self, data: bytes | None) -> tuple[Fault, ...]:
        """Check the data together with what the other setting's blob holds now."""
        contents: dict[BlobPlace, bytes | None] = {self._place: data}
        for name, place in self._target.places.items():
            if place not in contents:
                current = self._open(place).read()
                contents[place] = current.data if current else _EMPTY[name]
                if current is None:
                    print(f"{name} ({place}) is not there yet and counts as empty.")
        settings, faults = self._target.check(contents)
        if settings is not None:
            print(f"Valid: {len(settings.mailboxes)} mailboxes, {len(settings.sinks)} sinks.")
        elif not faults:
            print("Valid. Other settings of the app are wrong; the doctor names them.")
        return faults

    def _report(self, faults: Iterable[Fault]) -> bool:
        """Print the faults; return whether there are any."""
        lines = [f"{fault.setting}: {fault.message}" for fault in faults]
        for line in lines:
            sys.stderr.write(f"{line}\n")
        return bool(lines)

    def _refuse_unseen(self, current: BlobVersion | None) -> None:
        """Raise SettingsBlobError if FILE was not made from the current version."""
        if current is None or self._file is None:
            return
        now, seen = name_version(current), self._options.over or self._read_note()
        if seen == now:
            return
        who = f" by {read_person(current)}" if read_person(current) else ""
        known = f"{self._file} was made from {seen}" if seen else f"It is not known from which {self._file} was made"
        raise SettingsBlobError(
            f"Nothing was put: {self._place} is at version {now}, put{who}. {known}. Get the current one and add your "
            f"change, or say --over {now} if you know what you replace."
        )

    def _note(self, version: BlobVersion) -> None:
        """Write beside FILE from which version it was made."""
        if self._file is not None:
            self._file.with_name(self._file.name + _NOTE).write_text(f"{self._place} {name_version(version)}\n")

    def _read_note(self) -> str | None:
        assert self._file is not None  # noqa: S101 - asked only for a file
        note = self._file.with_name(self._file.name + _NOTE)
        place, _, version = note.read_text().strip().partition(" ") if note.exists() else ("", "", "")
        return version if place == str(self._place) else None
