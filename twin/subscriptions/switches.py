"""Behaviour of change notifications that tests can set: times, limits, and what goes wrong on the way."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Switches:
    """The switches. Times are of the world's clock; only how long an endpoint takes is measured by the machine's.

    latency_seconds       from a change to its notification (documented: under a minute on average, at most three)
    most_minutes          the longest life of a basic subscription: the service refuses what the reference page allows,
                          10,080 ("Subscription expiration can only be 10070 minutes in the future." in public code)
    most_minutes_with_data the same with resource data (reference page)
    least_minutes         a shorter life is raised to this
    most_per_mailbox      active subscriptions of one mailbox, of all apps
    page_size             subscriptions per page of a list
    readwrite_subscribes  Mail.ReadWrite covers Mail.Read, and Calendars.ReadWrite covers Calendars.Read, as public code
                          relies on; the page of POST /subscriptions says that permissions to write are not supported
    handshake_seconds     within which an endpoint must echo the validation token
    answer_seconds        within which an endpoint must answer a notification
    slow_seconds          an endpoint that takes longer counts as slow
    judged_after          notifications after which an endpoint is judged
    delay_share           share of slow answers from which its notifications wait ten minutes
    drop_share            share of slow answers from which its notifications are dropped
    retry_minutes         how long a notification that nobody took is tried again
    reminder_minutes      before the end of a subscription reauthorizationRequired is sent; 0 for never
    pause_minutes         after a challenge by `challenge` that nobody answers, notifications are lost
    silent                nothing is sent, and nobody is told
    dropped               share of notifications that are lost, and nobody is told
    duplicated            share that comes twice
    reordered             share that others overtake
    reorder_seconds       by how much, at most
    delayed               share that comes late
    delayed_seconds       by how much
    seed                  of the draws; setting it begins them anew
    """

    latency_seconds: float = 0.2
    most_minutes: int = 10_070
    most_minutes_with_data: int = 1_440
    least_minutes: int = 45
    most_per_mailbox: int = 1_000
    page_size: int = 100
    readwrite_subscribes: bool = True
    handshake_seconds: float = 10.0
    answer_seconds: float = 3.0
    slow_seconds: float = 2.9
    judged_after: int = 100
    delay_share: float = 0.10
    drop_share: float = 0.15
    retry_minutes: int = 240
    reminder_minutes: int = 180
    pause_minutes: int = 60
    silent: bool = False
    dropped: float = 0.0
    duplicated: float = 0.0
    reordered: float = 0.0
    reorder_seconds: float = 2.0
    delayed: float = 0.0
    delayed_seconds: float = 60.0
    seed: int = 1

    def set(self, wish: dict[str, Any]) -> None:
        """Set switches by name. ValueError for an unknown one or a value of another type."""
        for name, value in wish.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"no switch {name!r}; there are {', '.join(self.__dataclass_fields__)}")
            wanted = type(getattr(self, name))
            if isinstance(value, bool) is not (wanted is bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} is of type {wanted.__name__}")  # ValueError is 400 to control
        for name, value in wish.items():
            setattr(self, name, value)
