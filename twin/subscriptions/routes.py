"""The resource /subscriptions: make, list, read, renew, delete, reauthorize.

Public sources: the reference pages of subscription and of its six operations, "Receive change notifications through
webhooks" and "Reduce missing subscriptions and change notifications". A list shows what the calling app has made; with
a person signed in, what it has made for that person.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.graph.admission import Caller, caller_of
from twin.graph.errors import GraphRefusal
from twin.graph.odata import answer_collection, answer_entity, make_context, make_link, read_position, read_preferences
from twin.subscriptions.errors import refuse_access, refuse_by_exchange, refuse_request, refuse_span, refuse_unknown
from twin.subscriptions.handshake import shake_hands
from twin.subscriptions.resources import Named, Watched, find_watched, read_resource, suffices
from twin.subscriptions.state import Subscriptions
from twin.subscriptions.subscription import Subscription

routes = Routes[Subscriptions]("/v1.0/subscriptions")

_REQUIRED = ("changeType", "notificationUrl", "resource", "expirationDateTime")
_TEXTS = ("clientState", "lifecycleNotificationUrl", "latestSupportedTlsVersion")
_UNPLAYED = ("notificationQueryOptions", "notificationUrlAppId")
_RICH = ("includeResourceData", "encryptionCertificate", "encryptionCertificateId")
_KNOWN = frozenset({*_REQUIRED, *_TEXTS, *_UNPLAYED, *_RICH})
_CHANGE_TYPES = frozenset({"created", "updated", "deleted"})
_TLS = frozenset({"v1_0", "v1_1", "v1_2", "v1_3"})
_LONGEST_STATE = 128
_IMMUTABLE = 'idtype="immutableid"'


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a request to make a subscription says."""

    named: Named
    resource: str
    change_type: str
    notification_url: str
    lifecycle_url: str | None
    client_state: str | None
    expires: datetime
    tls: str


@routes.post("")
def create(call: Call, state: Subscriptions) -> Reply:
    """Make a subscription, when its addresses have echoed a token and the caller may read the resource."""
    wish = _read_wish(_read_body(call), state)

    async def complete() -> Reply:
        for url in dict.fromkeys(one for one in (wish.notification_url, wish.lifecycle_url) if one):
            await shake_hands(state, url)
        watched = find_watched(state.world, caller_of(call), wish.named, "Create", state.switches)
        if state.count_of(watched.owner) >= state.switches.most_per_mailbox:
            reason = "The mailbox has reached the limit of active subscriptions."  # the text is not documented
            raise refuse_by_exchange("Create", 403, "Forbidden", reason)
        made = _make(call, wish, watched, state)
        state.add(made)
        return answer_entity(_context(call), made.show(with_secret=True), status=201)

    return Reply(later=complete)


@routes.get("")
def list_all(call: Call, state: Subscriptions) -> Reply:
    """List the caller's own subscriptions; query options are not supported."""
    start = read_position(call)
    own = [one for one in state.all() if _is_own(one, caller_of(call))]
    end = start + state.switches.page_size
    link = make_link(call, end) if end < len(own) else None
    shown = [one.show(with_secret=False) for one in own[start:end]]
    return answer_collection(make_context(call, "subscriptions"), shown, count=None, link=link)


@routes.get("/{id}")
def show(call: Call, state: Subscriptions) -> Reply:
    """Show one."""
    return answer_entity(_context(call), _find(call, state).show(with_secret=False))


@routes.patch("/{id}")
def renew(call: Call, state: Subscriptions) -> Reply:
    """Move the end of a subscription, or its notification URL, which must then echo a token."""
    found, body = _find(call, state), _read_body(call)
    refused = set(body) - {"expirationDateTime", "notificationUrl"}
    if refused:
        raise refuse_request(f"Property '{min(refused)}' cannot be updated.")
    if not body:
        either = "'expirationDateTime' or 'notificationUrl'"
        raise refuse_request(f"Subscription must contain either the {either} property and its value.")
    expires = _read_end(body, state) if "expirationDateTime" in body else None
    _check_access(call, found, state, "Update")
    url = _read_url(body, "notificationUrl") if "notificationUrl" in body else None

    if url is None:
        return _renew(call, found, state, expires)

    async def complete() -> Reply:
        await shake_hands(state, url)
        found.notification_url = url
        return _renew(call, found, state, expires)

    return Reply(later=complete)


@routes.delete("/{id}")
def delete(call: Call, state: Subscriptions) -> Reply:
    """Delete one."""
    state.remove(_find(call, state).id)
    return Reply(204)


@routes.post("/{id}/reauthorize")
def reauthorize(call: Call, state: Subscriptions) -> Reply:
    """Answer a challenge; the subscription ends when it would have ended."""
    found = _find(call, state)
    _check_access(call, found, state, "Reauthorize")
    state.renew(found)
    return Reply(204)


def _renew(call: Call, found: Subscription, state: Subscriptions, expires: datetime | None) -> Reply:
    state.renew(found, expires)
    return answer_entity(_context(call), found.show(with_secret=True))


def _check_access(call: Call, found: Subscription, state: Subscriptions, operation: str) -> None:
    caller = caller_of(call)
    if not suffices(found.watched.kind, caller.permissions, state.switches, is_app=caller.user is None):
        raise refuse_access(operation)


def _read_wish(body: Json, state: Subscriptions) -> _Wish:
    """Read what the request says. GraphRefusal 400 for what cannot be; whether the resource is there shows later."""
    for name in _REQUIRED:
        if not body.get(name):
            raise refuse_request(f"{name} is a required property for subscription creation")
    if unknown := {name for name in body if name not in _KNOWN and not name.startswith("@")}:
        message = f"The property '{min(unknown)}' does not exist on type 'microsoft.graph.subscription'."
        raise GraphRefusal(400, "BadRequest", message)
    for name in (*_REQUIRED, *_TEXTS):
        if not isinstance(body.get(name), str | None):
            raise refuse_request(f"The value of property '{name}' must be text.")
    changes = {part.strip().lower() for part in body["changeType"].split(",")}
    if not changes <= _CHANGE_TYPES:
        raise refuse_request(f"Invalid 'changeType' attribute: '{body['changeType']}'.")
    client_state, tls = body.get("clientState"), body.get("latestSupportedTlsVersion") or "v1_2"
    if client_state is not None and len(client_state) > _LONGEST_STATE:
        raise refuse_request(f"The length of clientState exceeds the maximum of {_LONGEST_STATE} characters.")
    if tls not in _TLS:
        raise refuse_request(f"Invalid value '{tls}' for latestSupportedTlsVersion.")
    expires = _read_end(body, state)
    if body.get("includeResourceData") or any(body.get(name) for name in _UNPLAYED):
        raise refuse_request("The simulator plays no notifications with resource data, and no query options.")
    return _Wish(
        named=read_resource(body["resource"]),
        resource=body["resource"],
        change_type=body["changeType"],
        notification_url=_read_url(body, "notificationUrl"),
        lifecycle_url=_read_url(body, "lifecycleNotificationUrl") if body.get("lifecycleNotificationUrl") else None,
        client_state=client_state,
        expires=expires,
        tls=tls,
    )


def _make(call: Call, wish: _Wish, watched: Watched, state: Subscriptions) -> Subscription:
    caller = caller_of(call)
    principal = caller.tenant.principals.get(caller.app_id)
    creator = caller.user.object_id if caller.user else principal.object_id if principal else ""
    made = Subscription(
        id=str(uuid.uuid4()),
        app_id=caller.app_id,
        tenant_id=caller.tenant.id,
        creator_id=creator,
        user=caller.user.name if caller.user else None,
        resource=wish.resource,
        watched=watched,
        change_type=wish.change_type,
        notification_url=wish.notification_url,
        lifecycle_url=wish.lifecycle_url,
        client_state=wish.client_state,
        expires=wish.expires,
        tls=wish.tls,
        immutable=_IMMUTABLE in read_preferences(call),
    )
    made.was_covered = made.user is None and state.covers(made)
    return made


def _read_end(body: Json, state: Subscriptions) -> datetime:
    """Read the end of a subscription: too short a life is raised, too long a one refused."""
    switches, now = state.switches, state.world.clock.now()
    try:
        wanted = datetime.fromisoformat(body["expirationDateTime"])
    except (ValueError, TypeError):
        raise refuse_request("Invalid value for expirationDateTime.") from None
    wanted = wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)
    most = switches.most_minutes_with_data if body.get("includeResourceData") else switches.most_minutes
    if wanted > now + timedelta(minutes=most):
        raise refuse_span(most)
    return max(wanted.astimezone(UTC), now + timedelta(minutes=switches.least_minutes))


def _read_url(body: Json, name: str) -> str:
    url = str(body[name])
    parts = urlsplit(url)
    if parts.scheme.lower() != "https":
        shown = f"{name[0].upper()}{name[1:]}"
        raise refuse_request(f"{shown} scheme='{parts.scheme}' is not supported.")
    if not parts.hostname:
        raise refuse_request(f"The value of property '{name}' is no address.")
    return url


def _find(call: Call, state: Subscriptions) -> Subscription:
    try:
        found = state.find(call["id"])
    except KeyError:
        raise refuse_unknown() from None
    if not _is_own(found, caller_of(call)):
        raise refuse_unknown()
    return found


def _is_own(one: Subscription, caller: Caller) -> bool:
    same_app = (one.app_id, one.tenant_id) == (caller.app_id, caller.tenant.id)
    return same_app and (caller.user is None or one.user == caller.user.name)


def _read_body(call: Call) -> Json:
    try:
        body = call.json()
    except ValueError as error:
        raise GraphRefusal(400, "BadRequest", "Unable to read JSON request payload.") from error
    if not isinstance(body, dict):
        raise GraphRefusal(400, "BadRequest", "Empty Payload. JSON content expected.")
    return body


def _context(call: Call) -> str:
    return make_context(call, "subscriptions/$entity")
