"""An alarm: a state that an operator must know of, with an event that is logged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.events import Event
from shared.issues import Issue
from shared.json_text import Json
from shared.time_zones.zones import utc_text


@dataclass(frozen=True)
class Alarm:
    """One alarm. `about`: a mailbox, a sink or a secret. An event is logged again when `level` grows.

    `since`: when that began which it is about, if that is known; else the alarm counts from when it was raised.
    """

    event: Event
    about: str
    level: int
    details: Mapping[str, Any]
    since: datetime | None = None

    @property
    def row_key(self) -> str:
        """The row key of the alarm."""
        return f"{self.event.value}|{self.about}"

    def describe(self, raised_at: datetime | None) -> Json:
        """Return the alarm as answers show it. `raised_at`: when a check raised it, None if none has seen it yet."""
        since = raised_at or self.since
        shown: Json = {"event": self.event.value, "about": self.about}
        return shown | ({"sinceDateTime": utc_text(since)} if since else {}) | dict(self.details)

    def as_issue(self, raised_at: datetime | None = None) -> Issue:
        """Return the issue that the verdict counts."""
        return Issue(self.event, self.about, self.since or raised_at, self.details)
