"""Subscriptions of Graph v1.0 to changes of Outlook's items, as a webhook gets them.

- Outlook's live for under 7 days; Graph was seen to take 10,070 minutes at most.
- Graph asks the address whether it is the caller's before it answers a create, so the route must work meanwhile.
- A list never has the `clientState`. Each app sees its own subscriptions only, those of a tenant with one request.
- A subscription that has ended, or that Graph has removed, is not there any more (404).

Sources: reference pages "Create subscription", "List subscriptions", "Update subscription" and "subscription resource
type"; "Receive change notifications through webhooks".
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.errors import Forbidden, NotFound, OutcomeUnknown, Unavailable
from shared.graph.client import GraphClient, segment
from shared.graph.permissions import CALENDARS_READ, MAIL_READ
from shared.json_text import Json
from shared.retry import ONCE, RetryPolicy
from shared.time_zones.zones import utc_text

_MAY_NOT = (
    "Microsoft Graph announces nothing of this mailbox: the app may not read it. Grant "
    f"{MAIL_READ.name}, or {CALENDARS_READ.name} for a booking page; Exchange may need an hour until a new right holds."
)
LIFETIME = timedelta(minutes=10_000)
# What may be done twice is tried again at once; a create whose answer is lost is looked for first.
_AGAIN = RetryPolicy(attempts=2, within=20, on=(Unavailable, OutcomeUnknown), attempts_unknown=2)


@dataclass(frozen=True)
class GraphSubscription:
    """One subscription as Graph has it."""

    id: str
    resource: str
    url: str
    lifecycle_url: str
    ends_at: datetime


class GraphSubscriptions:
    """The subscriptions of one app in one tenant. Raises GatewayErrors."""

    def __init__(self, graph: GraphClient) -> None:
        self._graph = graph

    def list(self) -> "list[GraphSubscription]":
        """Return all of them, those that this gateway knows nothing of included."""
        pages = self._graph.pages("/subscriptions", retry=_AGAIN)
        return [_read(one) for page in pages for one in page if one.get("id")]

    def create(self, resource: str, change_types: str, url: str, client_state: str) -> GraphSubscription:
        """Subscribe to changes of a resource, with lifecycle events to the same address. Sent once."""
        body = {
            "changeType": change_types,
            "notificationUrl": url,
            "lifecycleNotificationUrl": url,
            "resource": resource,
            "expirationDateTime": _find_end(),
            "clientState": client_state,
            "latestSupportedTlsVersion": "v1_2",
        }
        try:
            made = self._graph.post("/subscriptions", body=body, retry=ONCE)
        except Forbidden as error:
            error.restate(_MAY_NOT)
            raise
        if not made.get("id"):
            raise OutcomeUnknown("Microsoft Graph did not name the subscription. Try again.", code="UpstreamBadAnswer")
        return _read(made)

    def renew(self, subscription: str) -> datetime:
        """Let it live on, and authorise it anew; return its new end. Raises NotFound if it is gone."""
        body = {"expirationDateTime": _find_end()}
        renewed = self._graph.patch(_path(subscription), body=body, retry=_AGAIN)
        return _read_moment(renewed.get("expirationDateTime")) or datetime.now(UTC)

    def delete(self, subscription: str) -> None:
        """End it; one that is gone is as wanted."""
        try:
            self._graph.delete(_path(subscription), retry=_AGAIN)
        except NotFound:
            return


def _path(subscription: str) -> str:
    return f"/subscriptions/{segment(subscription)}"


def _find_end() -> str:
    return utc_text(datetime.now(UTC) + LIFETIME)


def _read(one: Json) -> GraphSubscription:
    return GraphSubscription(
        str(one["id"]),
        str(one.get("resource") or ""),
        str(one.get("notificationUrl") or ""),
        str(one.get("lifecycleNotificationUrl") or ""),
        _read_moment(one.get("expirationDateTime")) or datetime.now(UTC),
    )


def _read_moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
