"""HTTP: how the gateway itself is doing."""

import logging
import uuid
from datetime import UTC, datetime, timedelta

import azure.functions as func

from blueprints._http import Content, Json, Request, answer, answers
from blueprints._status_page import render_status
from composition.services import services
from shared.errors import Invalid
from shared.mail_address import is_mail_address
from shared.settings.config import SettingsError
from shared.time_zones.zones import utc_text

bp = func.Blueprint()
_log = logging.getLogger("gateway.health")

_SOON = timedelta(days=14)


@bp.route(route="health", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Say whether the gateway can work: ok, degraded or misconfigured. Calls nobody and tells no secret."""
    request_id = str(uuid.uuid4())
    body, status = _health()
    _log.debug("health %s: %s", req.method, body["status"])
    return answer(body, request_id=request_id, status=status)


@bp.route(route="status", methods=["GET"])
@answers()
def status(request: Request) -> Json | Content:
    """Tell how mailboxes, sinks, credentials and alarms stand: JSON, or a page for a browser."""
    from inbound_mail.delivery.circuit_breaker import Circuit
    from inbound_mail.reports.mails import describe_mailbox

    used = request.services
    mail = used.mail
    circuits = {name: Circuit(mail.table, name).describe() for name in mail.sinks}
    body: Json = {
        "alarms": mail.watch.active(),
        "mailboxes": mail.workers.map(describe_mailbox, list(mail.mailboxes.values())),
        "sinks": [
            {"name": name, "kind": used.settings.sinks[name].kind, "circuit": "open" if why else "closed"}
            | ({"why": why} if why else {})
            for name, why in circuits.items()
        ],
        "credentials": [
            {"connection": source.connection.name, "expiresOn": utc_text(source.credential_expires_on)}
            for source in used.authenticator.sources()
            if source.credential_expires_on
        ],
        "waitingMessages": {"polls": mail.polls.count(), "deliveries": mail.deliveries.count()},
        "poisonMessages": mail.watch.count_poison(),
    }
    if "text/html" not in (request.http.headers.get("Accept") or ""):
        return body
    page = render_status(body).encode()
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Content(page, content_type="text/html", headers=policy)


@bp.route(route="doctor", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
@answers("refusedMailbox", seconds=90)
def doctor(request: Request) -> Json:
    """Try everything that the gateway stands on: identity, vault, sign-in, Graph, mailboxes, sinks, storage, timer."""
    from doctor import steps

    refused = request.query.text("refusedMailbox")
    if refused and not is_mail_address(refused):
        raise Invalid(
            "refusedMailbox is the mail address of a mailbox, such as ceo@contoso.com.",
            code="InvalidId",
            target="refusedMailbox",
        )
    return steps.look(refused=refused, connection=request.query.text("connection"))


def _health() -> tuple[Json, int]:
    try:
        sources = services().authenticator.sources()
    except SettingsError as error:
        return {"status": "misconfigured", "settings": sorted({fault.setting for fault in error.faults})}, 503
    now = datetime.now(UTC)
    expiring = [
        source.connection.name
        for source in sources
        if source.credential_expires_on and source.credential_expires_on - now < _SOON
    ]
    if expiring:
        return {"status": "degraded", "credentialsExpireSoon": expiring}, 200
    return {"status": "ok"}, 200
