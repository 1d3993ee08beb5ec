"""One subscription, one item on its way, and what an endpoint has answered so far."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from twin.core.wire import Json
from twin.subscriptions.resources import Watched
from twin.subscriptions.switches import Switches

_FLUSH = timedelta(minutes=10)


@dataclass(slots=True, eq=False)
class Subscription:
    """A subscription of one app in one tenant.

    user          sign-in name of the person it was made for; None for the app itself
    immutable     notifications name the immutable ids of items
    was_covered   the app's own permissions covered it when it was made: when they no longer do, it is removed
    reminded      reauthorizationRequired was sent because it ends soon
    challenged    when reauthorizationRequired was sent for another reason, which nobody has answered yet
    """

    id: str
    app_id: str
    tenant_id: str
    creator_id: str
    user: str | None
    resource: str
    watched: Watched
    change_type: str
    notification_url: str
    lifecycle_url: str | None
    client_state: str | None
    expires: datetime
    tls: str = "v1_2"
    immutable: bool = False
    was_covered: bool = True
    reminded: bool = False
    challenged: datetime | None = None

    @property
    def change_types(self) -> frozenset[str]:
        """The kinds of change that it wants."""
        return frozenset(part.strip().lower() for part in self.change_type.split(","))

    def is_paused(self, now: datetime, switches: Switches) -> bool:
        """Return whether a challenge was not answered in time."""
        return self.challenged is not None and now >= self.challenged + timedelta(minutes=switches.pause_minutes)

    def show(self, *, with_secret: bool) -> Json:
        """Show it as an answer does; lists and reads leave out the client state."""
        return {
            "id": self.id,
            "resource": self.resource,
            "applicationId": self.app_id,
            "changeType": self.change_type,
            "clientState": self.client_state if with_secret else None,
            "notificationUrl": self.notification_url,
            "notificationQueryOptions": None,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": render(self.expires),
            "creatorId": self.creator_id,
            "includeResourceData": None,
            "latestSupportedTlsVersion": self.tls,
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            "notificationUrlAppId": None,
        }


@dataclass(slots=True, order=True)
class Parcel:
    """One item of a delivery on its way. It is due at an instant of the world; `number` keeps the order of the rest."""

    due: datetime
    number: int
    subscription: Subscription = field(compare=False)
    item: Json = field(compare=False)
    first: datetime = field(compare=False)
    is_lifecycle: bool = field(compare=False, default=False)
    tries: int = field(compare=False, default=0)
    was_throttled: bool = field(compare=False, default=False)

    @property
    def url(self) -> str:
        """Where it goes."""
        one = self.subscription
        return (one.lifecycle_url or "") if self.is_lifecycle else one.notification_url

    def write(self) -> Json:
        """Write the item as it is sent."""
        one = self.subscription
        return {
            "subscriptionId": one.id,
            "subscriptionExpirationDateTime": render(one.expires),
            "tenantId": one.tenant_id,
            "clientState": one.client_state,
        } | self.item


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to an endpoint. `status` is 0 when no answer came in time; `seconds` are the machine's."""

    number: int
    when: datetime
    url: str
    items: tuple[Json, ...]
    status: int
    seconds: float

    @property
    def is_taken(self) -> bool:
        """Return whether the endpoint answered 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004 - the class of the status


@dataclass(slots=True)
class Endpoint:
    """How fast a notification URL answered in the present ten minutes."""

    since: datetime
    total: int = 0
    slow: int = 0

    def note(self, now: datetime, count: int, *, is_slow: bool) -> None:
        """Note an answer to so many notifications."""
        self._flush(now)
        self.total += count
        self.slow += count if is_slow else 0

    def share(self, now: datetime, judged_after: int) -> float:
        """Return the share of slow answers, 0 before there are enough to judge."""
        self._flush(now)
        return self.slow / self.total if self.total >= judged_after else 0.0

    def _flush(self, now: datetime) -> None:
        if now >= self.since + _FLUSH:
            self.since, self.total, self.slow = now, 0, 0


def render(instant: datetime) -> str:
    """Write an instant as this service does, with seven digits behind the point."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
