"""HTTP: how the gateway itself is doing."""

import logging
import uuid
from datetime import UTC, datetime, timedelta

import azure.functions as func

from blueprints._http import Json, answer
from blueprints._services import services
from shared.config import SettingsError

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
