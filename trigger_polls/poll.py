"""One poll of a trigger, as it is noted: which trigger it is, who asks, and what was answered.

Texts are those of callers, so each is one line and short. None of them is a secret: addresses of callbacks, keys and
trigger states are not among them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from shared.log_text import as_line

LONGEST = 120  # characters of one text


def shorten(text: str | None) -> str | None:
    """Return a caller's text as it is kept; None for an empty one."""
    return as_line(text.strip()[:LONGEST])[:LONGEST] or None if text else None


@dataclass(frozen=True)
class Asker:
    """Whoever polls, by what the engine of Power Automate and Logic Apps says; anybody could say that.

    `workflow` is the flow's name, of Power Automate its id; `workflow_id` is the engine's own. `environment`: which one
    the connector's gateway is of. `program`: what sends the requests, in its own words.
    """

    workflow: str | None
    workflow_id: str | None
    environment: str | None
    program: str | None

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What two polls of the same flow have in common; the version of an engine is no part of it."""
        is_flow = bool(self.workflow or self.workflow_id)
        return self.workflow, self.workflow_id, self.environment, None if is_flow else self.program


@dataclass(frozen=True)
class AskedTrigger:
    """A trigger as somebody polls it. `about`: the booking page or mailbox; `filters`: what else was asked."""

    connection: str
    kind: str
    about: str
    filters: Mapping[str, str]
    asker: Asker

    @property
    def key(self) -> str:
        """A name of its row: the same for all polls of one flow's trigger."""
        question = [self.kind, self.about.lower(), sorted(self.filters.items()), self.asker.identity]
        return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class PollAnswer:
    """What a poll was answered: the status, the number of items, and the code of an error."""

    at: datetime
    status: int
    items: int = 0
    code: str | None = None
    run: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the flow got an error."""
        return self.status >= HTTPStatus.BAD_REQUEST


@dataclass(frozen=True)
class NotedTrigger:
    """A row: since when a trigger is polled, and how the latest noted poll ended.

    `items_at`: when an answer had items last.
    """

    asked: AskedTrigger
    first_asked: datetime
    answer: PollAnswer
    items_at: datetime | None
