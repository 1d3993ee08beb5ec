"""Notes polls sparingly: a flow asks every minute, and a person looks once a month.

A poll is written when its process has not written one of this trigger yet, when its answer had items, when it failed
and the one before had not, or the reverse, and else every quarter of an hour. Nothing of it may fail a poll.
"""

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

import cachetools

from shared import context
from shared.errors import GatewayError, place_of
from trigger_polls.poll import AskedTrigger, PollAnswer
from trigger_polls.store import TriggerPollStore

_log = logging.getLogger("gateway.triggers")

WRITTEN_EVERY = timedelta(minutes=15)
_MOST_REMEMBERED = 5_000
_PATIENCE = 2.0  # seconds that a poll may take longer because of its note


class PollNotes:
    """What this process has noted: of each trigger, when it was written last, and whether it failed then."""

    def __init__(self, store: TriggerPollStore) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._written: cachetools.LRUCache[str, tuple[datetime, bool]] = cachetools.LRUCache(_MOST_REMEMBERED)

    def note(self, asked: AskedTrigger, answer: PollAnswer) -> None:
        """Note a poll, if it is time. Raises nothing: what could not be written is left out."""
        name = f"{asked.connection}|{asked.key}"
        with self._lock:
            before = self._written.get(name)
        if before and not answer.items and before[1] is answer.has_failed and answer.at - before[0] < WRITTEN_EVERY:
            return
        try:
            with context.within(_PATIENCE):
                (self.store.update if before else self.store.add)(asked, answer)
        except GatewayError as error:
            _log.info("a poll of %s could not be noted: %s", asked.kind, error)
        except Exception as error:  # noqa: BLE001 - the flow is not at fault
            _log.error("a poll of %s could not be noted: %s", asked.kind, place_of(error))
        else:
            with self._lock:
                self._written[name] = answer.at, answer.has_failed

    def forget_old(self, connections: Iterable[str], now: datetime) -> None:
        """Do the timer's work: remove what nobody has asked for within a month. A failure is logged."""
        for connection in connections:
            try:
                self.store.forget_old(connection, now)
            except GatewayError as error:
                _log.warning("who polls triggers of connection %s could not be looked at: %s", connection, error)
