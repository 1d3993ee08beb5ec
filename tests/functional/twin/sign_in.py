"""Helpers of the tests of Entra: sign-in."""

from typing import Any

import msal
import requests

from twin import Simulator
from twin.seeds.sample import CLIENT_ID, TENANT_ID

AUTHORITY = f"https://login.microsoftonline.com/{TENANT_ID}"
TOKEN_URL = f"{AUTHORITY}/oauth2/v2.0/token"
SCOPE = "https://graph.microsoft.com/.default"
BUSINESSES = "https://graph.microsoft.com/v1.0/solutions/bookingBusinesses"
DELEGATED = ["https://graph.microsoft.com/Bookings.Read.All"]


def make_client(credential: Any, tenant: str = TENANT_ID, app: str = CLIENT_ID, **more: Any) -> Any:
    authority = f"https://login.microsoftonline.com/{tenant}"
    return msal.ConfidentialClientApplication(app, client_credential=credential, authority=authority, **more)


def ask_for_app(client: Any, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.acquire_token_for_client([SCOPE], **more)
    return answer


def read_secret(sim: Simulator, app: str = CLIENT_ID) -> str:
    return next(iter(sim.entra.app(app).secrets.values())).value


def request_token(sim: Simulator, url: str = TOKEN_URL, /, **changes: str | None) -> requests.Response:
    """Send a token request for the sample app, with these changes of its form; None leaves a field out."""
    form = {"client_id": CLIENT_ID, "client_secret": read_secret(sim), "grant_type": "client_credentials"}
    full = {**form, "scope": SCOPE, **changes}
    return requests.post(url, data={name: value for name, value in full.items() if value is not None}, timeout=10)


def list_businesses(token: dict[str, Any]) -> requests.Response:
    assert "access_token" in token, token
    return requests.get(BUSINESSES, headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=10)
