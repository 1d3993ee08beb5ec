"""Which lines of the processes `up` shows: warnings, errors and restarts, and what became of mails, in few words.

Everything is in the log files; with `--verbose` everything is shown, too.
"""

import json
import re
import threading
from collections import Counter
from contextlib import suppress

from devkit.progress import Progress

_TOGETHER_SECONDS = 2.0
_LOCAL_HOST = re.compile(r"^\d{4}-\d\d-\d\d (?P<time>\d\d:\d\d:\d\d),\d+ (?P<level>[A-Z]+) +\[[^]]*\] (?P<text>.*)$")
_CLOUD = re.compile(r"^(?P<time>)(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) (?P<text>[\w.]+: .*)$")
_CORE_TOOLS = re.compile(r"^\[(?P<time>[^]]+)\] (?P<level>)(?P<text>.*)$")
_DELIVERED = re.compile(r"^[\w.]+: (?P<mailbox>[^:]+): mail \w+ delivered to (?P<sink>[^\s,]+)")
_SET_ASIDE = re.compile(r"^gateway\.events: MailQuarantined (?P<event>\{.*\"cause\": \"AutomaticMail\".*\})$")
_SAME_SET_ASIDE = re.compile(r"^gateway\.mail: .* attempt \d+: AutomaticMail \|")
_MENDS_ITSELF = re.compile(r"^gateway\.retry: attempt \d+ failed, next in ")
_BAD = {"ERROR", "CRITICAL"}
_SHOWN = {"WARNING", *_BAD}
_LIST_BEGINS, _LIST_ENDS = "Functions:", "Listening on "
_WORTH_READING = re.compile(r"in error:|^ *Mind:|^Changed: |^The (host|app) ")


class Shower:
    """Shows lines as they come, but mails of the same two seconds together: the first ones are dozens."""

    def __init__(self, progress: Progress, *, is_verbose: bool) -> None:
        self._progress = progress
        self._is_verbose = is_verbose
        self._follows: dict[str, bool] = {}
        self._is_list: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._mails: Counter[str] = Counter()
        self._timer: threading.Timer | None = None

    def show(self, name: str, line: str) -> None:
        """Show a line of a process, if it is to be shown."""
        found = _LOCAL_HOST.match(line) or _CLOUD.match(line) or _CORE_TOOLS.match(line)
        if self._is_verbose or (self._is_shown(name, found) if found else self._is_worth_reading(name, line)):
            if found is not None and not self._is_verbose:
                line = f"{found['time']} {found['level']} {found['text']}".lstrip()
            self._progress.say(f"[{name}] {line}", is_bad=found is not None and found["level"] in _BAD)

    def flush(self) -> None:
        """Show what became of the mails since the last time."""
        with self._lock:
            mails, self._mails = self._mails, Counter()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for what, count in sorted(mails.items()):
            mailbox, _, end = what.partition(": ")
            self._progress.say(f"[app] {mailbox}: {'one mail is' if count == 1 else f'{count} mails are'} {end}")

    def _is_shown(self, name: str, found: re.Match[str]) -> bool:
        self._follows[name] = found["level"] in _SHOWN
        if self._is_about_a_mail(found["text"]) or _MENDS_ITSELF.match(found["text"]):
            self._follows[name] = False
            return False
        return found["level"] in _SHOWN

    def _is_about_a_mail(self, text: str) -> bool:
        """Note what became of a mail; say whether that is all that the line is about."""
        if delivered := _DELIVERED.match(text):
            self._note(f"{delivered['mailbox']}: delivered to {delivered['sink']}")
            return True
        if set_aside := _SET_ASIDE.match(text):
            with suppress(ValueError, KeyError):
                event = json.loads(set_aside["event"])
                self._note(f"{event['mailbox']}: automatic and no ticket in {event['sink']}")
                return True
        return _SAME_SET_ASIDE.match(text) is not None

    def _note(self, what: str) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(_TOGETHER_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()
            self._mails[what] += 1

    def _is_worth_reading(self, name: str, line: str) -> bool:
        """Say whether to show a line without a level: it is more of the line before, or the host's own word."""
        if line.startswith(_LIST_BEGINS):
            self._is_list[name] = True
        if line.startswith(_LIST_ENDS):
            self._is_list[name] = self._follows[name] = False
            return False
        if _WORTH_READING.search(line):
            return True
        return self._follows.get(name, False) and not self._is_list.get(name, False)
