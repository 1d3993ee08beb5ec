"""HTTP: the state of the gateway itself (health, readiness, status, doctor)."""

import logging
import uuid
from datetime import UTC, datetime
from http import HTTPStatus

import azure.functions as func

from blueprints._http import Content, Request, answer, answers
from blueprints._routes import Blueprint
from composition.services import services
from doctor import examine
from shared.errors import Invalid
from shared.json_text import Json
from shared.mail_address import is_mail_address
from shared.settings.faults import SettingsError
from shared.time_zones.zones import utc_text
from shared.version import VERSION

bp = Blueprint()
_log = logging.getLogger("gateway.health")


@bp.route(route="health", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Return that the gateway is alive: ok, degraded or misconfigured.

    Sends no request. Anybody may ask: of the settings it says nothing but the names of the catalogue.
    """
    request_id = str(uuid.uuid4())
    body, status = _health()
    _log.debug("health %s: %s", req.method, body["status"])
    return answer(body, request_id=request_id, status=status)


@bp.route(route="health/ready", methods=["GET", "HEAD"])
@answers("check", "scope")
def readiness(request: Request) -> Content:
    """Return whether the gateway is able to do its work: 200, or 503 with what fails, since when, and what to do.

    With `scope=instance` it says so of this instance alone, for who replaces instances.
    """
    from doctor.monitoring import describe_health, describe_wrong
    from doctor.readiness import CHECK_AGAIN_AFTER

    check = request.query.choice("check", "now") == "now"
    is_whole = request.query.choice("scope", "all", "instance") != "instance"
    now = datetime.now(UTC)
    try:
        body, is_well = describe_health(request.services, now, check=check, is_whole=is_whole)
    except SettingsError as error:
        body, is_well = describe_wrong(error, now), False
    if is_well:
        return Content(body)
    return Content(body, status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": f"{CHECK_AGAIN_AFTER:.0f}"})


@bp.route(route="status", methods=["GET"])
@answers()
def status(request: Request) -> Json | Content:
    """Return the verdict, and the state of mailboxes, sinks, credentials, queues and alarms."""
    from doctor.overall import examine_state

    used, now = request.services, datetime.now(UTC)
    mail, overall = used.mail, examine_state(used, now)
    body: Json = {
        "asOfDateTime": utc_text(now),
        "version": VERSION,
        "verdict": overall.judge(),
        "alarms": overall.describe_alarms(),
        "mailboxes": overall.describe_mailboxes(),
        "sinks": [
            {"name": name, "kind": mail.settings.sinks[name].kind, "circuit": "open" if why else "closed"}
            | ({"why": why} if why else {})
            for name, why in overall.survey.circuits.items()
        ],
        "credentials": [
            {"connection": source.connection.name, "expiresOn": utc_text(source.credential_expires_on)}
            for source in used.authenticator.sources()
            if source.credential_expires_on
        ],
        "waitingMessages": {"polls": mail.polls.count(), "deliveries": mail.deliveries.count()},
        "poisonMessages": overall.raised.poison,
    }
    if overall.subscriptions:
        body["eventSubscriptions"] = list(overall.subscriptions)
    if mail.settings.notifications.is_on:
        body["graphSubscriptions"] = used.notifications.describe()
    if mail.settings_state:
        body["mailSettings"] = mail.settings_state.describe()
    return body


@bp.route(route="doctor", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
@answers("refusedMailbox", seconds=90)
def doctor(request: Request) -> Json:
    """Examine everything that the gateway depends on, from the identity to the timer, and return a report."""
    refused = request.query.text("refusedMailbox")
    if refused and not is_mail_address(refused):
        raise Invalid(
            "refusedMailbox is not a mail address. Send that of a mailbox, such as ceo@contoso.com.",
            code="InvalidId",
            target="refusedMailbox",
        )
    return examine(refused=refused, connection=request.query.text("connection"))


def _health() -> tuple[Json, int]:
    from shared.issues import EXPIRES_SOON
    from shared.settings.schedules import is_refused

    try:
        used = services()
        sources = used.authenticator.sources()
    except SettingsError as error:
        return {"status": "misconfigured", "settings": sorted({fault.app_setting for fault in error.faults})}, 503
    now = datetime.now(UTC)
    is_expiring = any(
        source.credential_expires_on and source.credential_expires_on - now < EXPIRES_SOON for source in sources
    )
    state = used.settings_state
    refused = sorted(state.blobs) if state and state.is_wrong else []
    schedules = sorted(name for name, text in used.settings.schedules.items() if is_refused(text))
    body: Json = {"credentialsExpireSoon": True} if is_expiring else {}
    body |= {"settingsRefused": refused} if refused else {}
    body |= {"schedulesRefused": schedules} if schedules else {}
    return {"status": "degraded" if body else "ok"} | body, 200
