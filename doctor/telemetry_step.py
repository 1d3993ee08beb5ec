"""The step that examines whether telemetry arrives: it sends one line, signed in as the platform does it.

Source: learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication; what is sent has the form of
azure-monitor-opentelemetry-exporter, whose client takes 401 and 403 for a sign-in or a role that is missing.
"""

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from composition.connections import Services
from doctor.examination import Status, Step, Verdict
from doctor.step_names import StepName, explain_role
from shared.settings.telemetry_settings import TelemetrySettings
from shared.transport import Transport

_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_LINE = "The doctor looks whether telemetry arrives."


def make_telemetry_step(settings: TelemetrySettings | None, services: Services) -> Step:
    """Return the step for Application Insights."""
    return Step(
        StepName.TELEMETRY,
        "",
        partial(_check_telemetry, settings, services),
        "Check APPLICATIONINSIGHTS_CONNECTION_STRING and APPLICATIONINSIGHTS_AUTHENTICATION_STRING; "
        + explain_role("Monitoring Metrics Publisher", "the Application Insights component"),
    )


def _check_telemetry(settings: TelemetrySettings | None, services: Services) -> str | Verdict:
    if settings is None:
        return "No Application Insights is connected: APPLICATIONINSIGHTS_CONNECTION_STRING is not set."
    if not settings.is_signed_in:
        return "Telemetry is sent with the connection string alone, for which no role is needed."
    token = services.authenticator.identity.assertion(settings.client_id, settings.audience)
    line = {
        "name": "Microsoft.ApplicationInsights.Message",
        "time": datetime.now(UTC).isoformat(),
        "iKey": settings.key,
        "data": {"baseType": "MessageData", "baseData": {"ver": 2, "message": _LINE, "severityLevel": 0}},
    }
    url = f"{settings.endpoint}/v2.1/track"
    answer = Transport().send("POST", url, authorization=f"Bearer {token}", json=[line])
    if answer.status in _REFUSED:
        return Verdict(
            Status.FAIL,
            f"Application Insights refuses what the identity sends ({answer.status}), so no log, event or alert of "
            "the gateway arrives there.",
        )
    if answer.status != HTTPStatus.OK:
        return Verdict(Status.WARN, f"Application Insights answered {answer.status}: run the doctor again later.")
    return "Application Insights takes what the identity sends; one line was sent."
