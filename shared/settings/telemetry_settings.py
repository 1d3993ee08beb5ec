"""How the platform sends telemetry: two settings that it reads itself, as the doctor must read them.

Source: learn.microsoft.com/azure/azure-monitor/app/connection-strings and /azure/azure-functions/functions-app-settings
"""

from collections.abc import Callable
from dataclasses import dataclass

_ENDPOINT = "https://dc.services.visualstudio.com"  # where a connection string names none
_AUDIENCE = "https://monitor.azure.com"


@dataclass(frozen=True)
class TelemetrySettings:
    """Where telemetry goes, and how it is signed in: by an identity, or by the key alone."""

    endpoint: str
    key: str
    is_signed_in: bool
    client_id: str | None
    audience: str


def read_telemetry_settings(given: Callable[[str], str]) -> TelemetrySettings | None:
    """Return what the settings say, whose values `given` returns; None where no Application Insights is connected."""
    connection = _read_pairs(given("APPLICATIONINSIGHTS_CONNECTION_STRING"))
    if "instrumentationkey" not in connection:
        return None
    sign_in = _read_pairs(given("APPLICATIONINSIGHTS_AUTHENTICATION_STRING"))
    return TelemetrySettings(
        connection.get("ingestionendpoint", _ENDPOINT).rstrip("/"),
        connection["instrumentationkey"],
        sign_in.get("authorization", "").upper() == "AAD",
        sign_in.get("clientid") or None,
        connection.get("aadaudience", _AUDIENCE).rstrip("/"),
    )


def _read_pairs(text: str) -> dict[str, str]:
    """Return the values of name=value;name=value by their names in small letters."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value.strip()}
