"""Which mails the ledger has already, found with few reads, for one poll.

Certain are the mails on which work is open, or was when the poll began, and those that it has entered itself: so the
marks that the gateway sets, and pages that are read again after a crash, cost no read. Beyond a few, the latest mails
of the feed are read at once; only what is in none of these is looked up one by one.
"""

from collections.abc import Iterable, Sequence

from inbound_mail.ledger.ledger import Ledger
from shared.workers import Workers

_FEW = 3
_LATEST = 1000  # rows in one request


class KnownMails:
    """What a poll knows of the mails of its mailbox, by their keys. Mails never leave the ledger."""

    def __init__(self, ledger: Ledger, workers: Workers) -> None:
        self._ledger = ledger
        self._workers = workers
        self._keys: set[str] = set()
        self._knows_latest = False

    def note(self, keys: Iterable[str]) -> None:
        """Take note of mails that the ledger has."""
        self._keys.update(keys)

    def find(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that the ledger has."""
        if len(set(keys) - self._keys) > _FEW:
            self._read_latest()
        open_keys = sorted(set(keys) - self._keys)
        found = self._workers.map(self._ledger.is_known, open_keys)
        self.note(key for key, is_known in zip(open_keys, found, strict=True) if is_known)
        return self._keys.intersection(keys)

    def find_certain(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys of which it is known without a read that the ledger has them."""
        return self._keys.intersection(keys)

    def _read_latest(self) -> None:
        if not self._knows_latest:
            self._knows_latest = True
            after = max(0, self._ledger.state().last_number - _LATEST)
            self.note(entry.key for entry in self._ledger.feed(after, _LATEST))
