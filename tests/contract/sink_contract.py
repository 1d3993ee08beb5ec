"""What every sink promises, whatever it hands mails to. A new kind needs a harness here and nothing else.

Processes die between any two steps: the suite ends them after each exchange in turn and after each save, and asks
whether the next attempt, with what was saved, leaves exactly one effect.
"""

import io
import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any

import pytest

from inbound_mail.sinks.protocol import PreparedMail, Sink
from shared.errors import GatewayError
from tests.functional.prepared_mails import BODY, Died, MemoryProgress


class Harness(ABC):
    """One kind of sink at work, and the other side as it sees it."""

    # What must never be seen: keys, tokens, addresses that are credentials.
    secrets: tuple[str, ...] = ()

    @abstractmethod
    def build(self) -> Sink:
        """Build the sink, as after a start of the process."""

    @abstractmethod
    def prepared_mail(self) -> PreparedMail:
        """The mail: the same at each call."""

    @abstractmethod
    def effects(self) -> list[str]:
        """What the other side holds of this mail; a repetition that it can tell by its id counts once."""

    @abstractmethod
    def expected(self) -> list[str]:
        """What it should hold after one delivery."""

    @abstractmethod
    def begin_anew(self) -> None:
        """Let the other side forget everything."""

    @abstractmethod
    def dying_after(self, exchange: int) -> AbstractContextManager["Death"]:
        """A block in which the process dies once the other side has done its part of this exchange."""

    @abstractmethod
    def troubles(self) -> Mapping[str, tuple[type[GatewayError], Callable[[], None]]]:
        """Ways to be in trouble: name -> (class of the error, what brings it about for ever)."""

    @abstractmethod
    def end_troubles(self) -> None:
        """All is well again."""


class Death:
    """Counts exchanges, and dies after one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0

    def step(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise Died

    def patching(self, monkeypatch: pytest.MonkeyPatch, owner: type, *names: str) -> None:
        """Let each of these methods be an exchange."""
        for name in names:
            monkeypatch.setattr(owner, name, self._counting(getattr(owner, name)))

    def _counting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def method(*given: Any, **more: Any) -> Any:
            answer = real(*given, **more)
            self.step()
            return answer

        return method


def dies(harness: Harness, progress: MemoryProgress) -> bool:
    """Deliver; whether the process died."""
    try:
        harness.build().deliver(harness.prepared_mail(), progress)
    except Died:
        return True
    return False


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Everything that any library logs, down to DEBUG, with tracebacks."""
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
    """The suite. A subclass gives the fixture `harness`."""

    def test_it_delivers_once(self, harness: Harness) -> None:
        sink = harness.build()
        assert sink.time_limit > 0
        sink.probe()
        sink.deliver(harness.prepared_mail(), MemoryProgress())
        assert harness.effects() == harness.expected()

    def test_delivered_again_with_what_was_saved_it_does_nothing_more(self, harness: Harness) -> None:
        progress = MemoryProgress()
        first = harness.build().deliver(harness.prepared_mail(), progress)
        again = harness.build().deliver(harness.prepared_mail(), progress.next_attempt())
        assert (again.ticket, again.is_reply) == (first.ticket, first.is_reply)
        assert harness.effects() == harness.expected()

    def test_a_death_after_any_exchange_leaves_one_effect(self, harness: Harness) -> None:
        for exchange in count(1):
            harness.begin_anew()
            progress = MemoryProgress()
            with harness.dying_after(exchange):
                died = dies(harness, progress)
            if not died:
                break
            harness.build().deliver(harness.prepared_mail(), progress.next_attempt())
            assert harness.effects() == harness.expected(), f"after exchange {exchange}"
        assert exchange > 1

    def test_a_death_after_any_save_leaves_one_effect(self, harness: Harness) -> None:
        for save in count(1):
            harness.begin_anew()
            progress = MemoryProgress()
            progress.dies_after = save
            if not dies(harness, progress):
                break
            harness.build().deliver(harness.prepared_mail(), progress.next_attempt())
            assert harness.effects() == harness.expected(), f"after save {save}"
        assert save > 1

    def test_trouble_raises_the_family_of_errors_and_ends_in_one_effect(self, harness: Harness) -> None:
        for name, (kind, begin) in harness.troubles().items():
            begin()
            progress = MemoryProgress()
            with pytest.raises(kind) as caught:
                harness.build().deliver(harness.prepared_mail(), progress)
            assert type(caught.value) is kind, name
            assert caught.value.message.endswith("."), name
            harness.end_troubles()
        harness.build().deliver(harness.prepared_mail(), progress.next_attempt())
        assert harness.effects() == harness.expected()

    def test_no_secret_and_no_word_of_a_mail_is_logged_or_put_into_an_error(self, harness: Harness) -> None:
        with everything_logged() as log:
            harness.build().deliver(harness.prepared_mail(), MemoryProgress())
            for _, begin in harness.troubles().values():
                begin()
                try:
                    harness.build().deliver(harness.prepared_mail(), MemoryProgress())
                except GatewayError as error:
                    log.write("".join(traceback.format_exception(error)))
                    log.write(str(error) + repr(error))
                harness.end_troubles()
            logging.getLogger("urllib3.connectionpool").debug("still heard")
        text = log.getvalue()
        assert "still heard" in text
        assert not [one for one in harness.secrets if one in text]
        assert BODY not in text
        assert "Body-of-the-mail" not in text
