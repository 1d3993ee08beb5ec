"""HTTP: event subscriptions: events are sent to targets that callers name."""

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from blueprints import _subscription_fields
from blueprints._bounds import EVENT_DELIVERY_PAGE, SUBSCRIPTION_PAGE
from blueprints._http import Content, Request, answers
from blueprints._idempotent_writes import run_idempotently
from blueprints._routes import Blueprint
from shared.json_text import Json

if TYPE_CHECKING:
    from event_subscriptions.managing import Subscriptions
    from event_subscriptions.subscription import EventSubscription
    from shared.storage.idempotency import Attempt

bp = Blueprint()

_ONE = "subscriptions/{subscription}"


@bp.route(route="subscriptions", methods=["POST"])
@answers()
def create_subscription(request: Request) -> Content:
    """Make an event subscription; the answer shows its secret, once."""
    from composition.subscriptions import derive_id

    use, body = _open(request), request.body(*_subscription_fields.NAMES)
    wanted = _subscription_fields.read_wanted(request, body, use)
    origin = urlsplit(request.base_url).hostname or ""

    def work(attempt: "Attempt") -> Json:
        name = derive_id(request.services, f"{request.connection_name} {attempt.mark}")
        return use.describe(use.create(replace(wanted, id=name), origin))

    answer = run_idempotently(
        request, "subscribe", body, work, status=HTTPStatus.CREATED, scope=f"{request.connection_name}|subscriptions"
    )
    return _with_secret(use, request, answer)


@bp.route(route="subscriptions", methods=["GET"])
@answers("limit", "cursor")
def list_subscriptions(request: Request) -> Json:
    """List the event subscriptions of a connection."""
    limit = request.query.whole_number("limit", SUBSCRIPTION_PAGE)
    use = _open(request)
    found, after = use.list_from(request.connection_name, str(request.cursor() or ""), limit)
    answer: Json = {"value": [use.describe(one) for one in found]}
    return answer | ({"nextLink": request.next_link(after)} if after else {})


@bp.route(route=_ONE, methods=["GET"])
@answers()
def get_subscription(request: Request) -> Json:
    """Get an event subscription with its state."""
    use = _open(request)
    return use.describe(use.get(request.connection_name, _name_of(request)))


@bp.route(route=_ONE, methods=["DELETE"])
@answers()
def delete_subscription(request: Request) -> Content:
    """Delete an event subscription; one that is not there stays so."""
    _open(request).delete(request.connection_name, _name_of(request))
    return Content(b"", status=HTTPStatus.NO_CONTENT)


@bp.route(route=f"{_ONE}/deliveries", methods=["GET"])
@answers("limit", "cursor")
def list_event_deliveries(request: Request) -> Json:
    """List the latest event deliveries of a subscription with what its target answered, the latest first."""
    from event_subscriptions.managing import describe_entry

    limit = request.query.whole_number("limit", EVENT_DELIVERY_PAGE)
    found = _open(request).list_entries(request.connection_name, _name_of(request), request.cursor(), limit)
    answer: Json = {"value": [describe_entry(entry) for entry in found]}
    return answer | ({"nextLink": request.next_link(found[-1].number)} if len(found) == limit else {})


@bp.route(route=f"{_ONE}/replay", methods=["POST"])
@answers()
def replay_events(request: Request) -> Json:
    """Send all events since a moment again, and go on from there."""
    body = request.body("since")
    since = _subscription_fields.read_moment(body, "since")
    use = _open(request)
    return use.describe(use.replay(request.connection_name, _name_of(request), since))


@bp.route(route=f"{_ONE}/pause", methods=["POST"])
@answers()
def pause_subscription(request: Request) -> Json:
    """Send nothing until the subscription is resumed."""
    request.optional_body()
    use = _open(request)
    return use.describe(use.pause(request.connection_name, _name_of(request)))


@bp.route(route=f"{_ONE}/resume", methods=["POST"])
@answers()
def resume_subscription(request: Request) -> Json:
    """Go on where the subscription stands, at once."""
    request.optional_body()
    use = _open(request)
    return use.describe(use.resume(request.connection_name, _name_of(request)))


@bp.route(route=f"{_ONE}/secret", methods=["POST"])
@answers()
def rotate_secret(request: Request) -> Json:
    """Give the subscription a new secret; events bear the signatures of both for a day."""
    request.optional_body()
    use = _open(request)
    changed = use.rotate(request.connection_name, _name_of(request))
    return use.describe(changed) | _secret_of(use, changed)


def _open(request: Request) -> "Subscriptions":
    from composition.subscriptions import open_subscriptions

    return open_subscriptions(request.services)


def _name_of(request: Request) -> str:
    """Return the id in the path. Raises Invalid."""
    return _subscription_fields.read_id(str(request.http.route_params.get("subscription", "")))


def _with_secret(use: "Subscriptions", request: Request, answer: Content) -> Content:
    """Return an answer with the secret, which is kept nowhere: not beside the idempotency key either."""
    body = answer.body
    found = use.store.find(request.connection_name, body["id"]) if isinstance(body, dict) else None
    if found is None or not isinstance(body, dict):
        return answer
    return Content(body | _secret_of(use, found.subscription), answer.status, headers=answer.headers)


def _secret_of(use: "Subscriptions", subscription: "EventSubscription") -> Json:
    secret = use.show_secret(subscription)
    return {"secret": secret} if secret is not None else {}
