"""The steps of Graph's change notifications: the public address, and the subscriptions behind them."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from composition.connections import Services
from doctor.examination import Name, Status, Step, Verdict
from doctor.remedies import open_pages
from doctor.step_names import StepName
from graph_notifications.resources import ResourceKind, WatchedResource
from shared.graph.permissions import MAIL_READ
from shared.settings.config import Settings
from shared.time_zones.zones import utc_text
from shared.transport import Transport
from shared.wording import count_of

_MOST_BYTES = 4096
_MOST_NAMED = 5
_ADDRESS_REMEDY = (
    "Set GRAPH_NOTIFICATIONS_URL to the https address at which the Internet reaches the gateway, with /api; let POST "
    "graph-notifications/* through access restrictions and whatever stands in front; docs/operations.md, New mail "
    "within seconds"
)
_SUBSCRIPTION_REMEDY = (
    "Wait for the next runs of schedule_mailbox_polls; GET status shows why one could not be made. If Graph refuses, "
    f"grant {MAIL_READ.exchange_role} beside the right to write: docs/security.md, Least permissions"
)
_USERS_REMEDY = "Use a credential of the app (GRAPH_CREDENTIAL) for this connection, or switch GRAPH_NOTIFICATIONS off"


def list_notification_steps(settings: Settings, services: Services, needs: tuple[Name, ...]) -> Iterator[Step]:
    """Yield the steps; none while notifications are not wanted. `needs`: the steps of vault and tokens."""
    base_url = settings.notifications.base_url
    if not (settings.notifications.is_on and base_url):
        return
    yield Step(
        StepName.NOTIFICATION_ADDRESS,
        base_url,
        partial(_check_address, services, base_url),
        _ADDRESS_REMEDY,
        needs=needs,
    )
    watched = services.notifications.list_resources(services.mail)
    for name in dict.fromkeys(one.connection for one in watched):
        resources = [one for one in watched if one.connection == name]
        yield Step(
            StepName.GRAPH_SUBSCRIPTIONS,
            name,
            partial(_check_subscriptions, services, name, resources, base_url),
            _SUBSCRIPTION_REMEDY,
            needs=(*needs, (StepName.TOKEN, name)),
        )


def _check_address(services: Services, base_url: str) -> str | Verdict:
    """Ask the public address as Graph asks it before it makes a subscription."""
    token = f"Doctor: {uuid.uuid4()}"
    url = f"{base_url}/graph-notifications/{services.notifications.proofs.make_part('0' * 32)}"
    answer = Transport().send("POST", url, query={"validationToken": token}, data=b"", most_bytes=_MOST_BYTES)
    kind = {name.lower(): value for name, value in answer.headers.items()}.get("content-type", "")
    if answer.status == HTTPStatus.OK and answer.body == token.encode() and kind.startswith("text/plain"):
        return "The public address answers as Graph wants it."
    if answer.status == HTTPStatus.NOT_FOUND:
        return Verdict(
            Status.FAIL, "The public address leads to something that does not know its own addresses: another app?"
        )
    return Verdict(Status.FAIL, f"The public address answers {answer.status} and no echo.")


def _check_subscriptions(
    services: Services, connection: str, resources: Sequence[WatchedResource], base_url: str
) -> str | Verdict:
    """Look for the subscription of each folder in Graph's own list."""
    if services.settings.connections[connection].is_delegated:
        message = "It signs in as a user, and Graph announces new mail of other mailboxes to apps only."
        return Verdict(Status.WARN, message, _USERS_REMEDY)
    wishes = services.notifications.converger.make_wishes(resources, base_url)
    ends = {one.url: one.ends_at for one in services.notifications.converger.list_at_graph(connection)}
    missing = [wish.resource for wish in wishes.values() if ends.get(wish.url, datetime.now(UTC)) <= datetime.now(UTC)]
    if missing:
        named = ", ".join(f"{one.owner} ({one.folder})" for one in missing[:_MOST_NAMED])
        message = f"Graph announces nothing of {count_of(len(missing), 'folder')}: {named}."
        if any(one.kind is not ResourceKind.CALENDAR for one in missing):
            return Verdict(Status.FAIL, message, _SUBSCRIPTION_REMEDY)
        found = services.settings.connections[connection]
        return Verdict(Status.FAIL, message, open_pages(found, sorted(found.businesses.ids)))
    first = min(ends[wish.url] for wish in wishes.values())
    return f"Graph announces new mail of {count_of(len(wishes), 'folder')}, until {utc_text(first)} at least."
