"""The contract that every kind of sink must keep. A new kind needs a harness in test_sinks.py and nothing else.

A process can die between any two steps. So the suite ends a delivery after each exchange and after each save in turn,
and asserts that the next attempt, with the saved progress, leaves exactly one effect in the sink's target.
"""

import io
import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any, ClassVar

import pytest

from inbound_mail.sinks.protocol import PreparedMail, Sink
from shared.errors import GatewayError
from tests.functional.prepared_mails import BODY, Died, MemoryProgress


class Harness(ABC):
    """Runs one kind of sink against its simulated target, and reads what the target received."""

    kind: ClassVar[str]
    # Keys, tokens and addresses that are credentials: they must be in no log and no error.
    secrets: tuple[str, ...] = ()

    @abstractmethod
    def build(self) -> Sink:
        """Build the sink, as a new process does."""

    @abstractmethod
    def prepared_mail(self) -> PreparedMail:
        """Return the mail, the same at each call."""

    @abstractmethod
    def effects(self) -> list[str]:
        """Return what the target has of this mail. A repetition that it can recognise by its id counts once."""

    @abstractmethod
    def expected(self) -> list[str]:
        """Return what the target must have after one delivery."""

    @abstractmethod
    def reset(self) -> None:
        """Delete everything in the target."""

    @abstractmethod
    def killed_after(self, exchange: int) -> AbstractContextManager["Killer"]:
        """Return a context in which the process dies when the target has done its part of this exchange."""

    @abstractmethod
    def failures(self) -> Mapping[str, tuple[type[GatewayError], Callable[[], None]]]:
        """Return the failures to try: name -> (class of the error, function that starts the failure)."""

    @abstractmethod
    def end_failures(self) -> None:
        """End all failures."""


class Killer:
    """Counts exchanges, and kills the process after the chosen one."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0

    def step(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise Died

    def patching(self, monkeypatch: pytest.MonkeyPatch, owner: type, *names: str) -> None:
        """Count each call of these methods as an exchange."""
        for name in names:
            monkeypatch.setattr(owner, name, self._counting(getattr(owner, name)))

    def _counting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def method(*given: Any, **more: Any) -> Any:
            answer = real(*given, **more)
            self.step()
            return answer

        return method


def dies_while_delivering(harness: Harness, progress: MemoryProgress) -> bool:
    """Deliver the mail; return True if the process died."""
    try:
        harness.build().deliver(harness.prepared_mail(), progress)
    except Died:
        return True
    return False


@contextmanager
def capture_logs() -> Iterator[io.StringIO]:
    """Capture all that any library logs, down to DEBUG, with tracebacks."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    before, levels = root.level, {name: logging.getLogger(name).level for name in list(logging.root.manager.loggerDict)}
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in levels:
        logging.getLogger(name).setLevel(logging.NOTSET)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


class SinkContract:
    """The tests of the contract. A subclass provides the fixture `harness`."""

    def test_it_delivers_once(self, harness: Harness) -> None:
        sink = harness.build()
        assert sink.time_limit > 0
        sink.probe()
        sink.deliver(harness.prepared_mail(), MemoryProgress())
        assert harness.effects() == harness.expected()

    def test_a_second_delivery_with_the_saved_progress_does_nothing(self, harness: Harness) -> None:
        progress = MemoryProgress()
        first = harness.build().deliver(harness.prepared_mail(), progress)
        again = harness.build().deliver(harness.prepared_mail(), progress.next_attempt())
        assert (again.ticket, again.is_reply) == (first.ticket, first.is_reply)
        assert harness.effects() == harness.expected()

    def test_a_death_after_any_exchange_leaves_one_effect(self, harness: Harness) -> None:
        for exchange in count(1):
            harness.reset()
            progress = MemoryProgress()
            with harness.killed_after(exchange):
                died = dies_while_delivering(harness, progress)
            if not died:
                break
            harness.build().deliver(harness.prepared_mail(), progress.next_attempt())
            assert harness.effects() == harness.expected(), f"after exchange {exchange}"
        assert exchange > 1

    def test_a_death_after_any_save_leaves_one_effect(self, harness: Harness) -> None:
        for save in count(1):
            harness.reset()
            progress = MemoryProgress()
            progress.dies_after = save
            if not dies_while_delivering(harness, progress):
                break
            harness.build().deliver(harness.prepared_mail(), progress.next_attempt())
            assert harness.effects() == harness.expected(), f"after save {save}"
        assert save > 1

    def test_a_failure_raises_its_own_error_and_a_later_attempt_leaves_one_effect(self, harness: Harness) -> None:
        for name, (kind, begin) in harness.failures().items():
            begin()
            progress = MemoryProgress()
            with pytest.raises(kind) as caught:
                harness.build().deliver(harness.prepared_mail(), progress)
            assert type(caught.value) is kind, name
            assert caught.value.message.endswith("."), name
            harness.end_failures()
        harness.build().deliver(harness.prepared_mail(), progress.next_attempt())
        assert harness.effects() == harness.expected()

    def test_no_secret_and_no_text_of_a_mail_is_logged_or_in_an_error(self, harness: Harness) -> None:
        with capture_logs() as log:
            harness.build().deliver(harness.prepared_mail(), MemoryProgress())
            for _, begin in harness.failures().values():
                begin()
                try:
                    harness.build().deliver(harness.prepared_mail(), MemoryProgress())
                except GatewayError as error:
                    log.write("".join(traceback.format_exception(error)))
                    log.write(str(error) + repr(error))
                harness.end_failures()
            logging.getLogger("urllib3.connectionpool").debug("still heard")
        text = log.getvalue()
        assert "still heard" in text
        assert not [one for one in harness.secrets if one in text]
        assert BODY not in text
        assert "Body-of-the-mail" not in text
