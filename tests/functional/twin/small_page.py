"""Helpers of the tests of Bookings: the small business, bookings, error codes."""

from datetime import datetime, timedelta
from typing import Any

import requests

from twin.client import RawGraphClient
from twin.seeds.tiny import ANNE, BOB, BUSINESS, GROUP, VISIT

PAGE_PATH = f"/solutions/bookingBusinesses/{BUSINESS}"
ROBIN = {
    "@odata.type": "#microsoft.graph.bookingCustomerInformation",
    "name": "Robin Example",
    "emailAddress": "robin@example.com",
    "phone": "+44 20 7946 0100",
    "timeZone": "Europe/London",
}
UNKNOWN_ERROR = (500, "UnknownError", "")


def zoned(instant: datetime) -> dict[str, str]:
    return {"dateTime": f"{instant:%Y-%m-%dT%H:%M:%S.0000000}", "timeZone": "UTC"}


def wish(start: datetime, /, minutes: int = 30, **more: Any) -> dict[str, Any]:
    """Return the body of an app's create, which must name staff; `more` overrides it."""
    return {
        "@odata.type": "#microsoft.graph.bookingAppointment",
        "staffMemberIds": [BOB if more.get("serviceId") == GROUP else ANNE],
        "serviceId": VISIT,
        "startDateTime": zoned(start),
        "endDateTime": zoned(start + timedelta(minutes=minutes)),
        "customers": [ROBIN],
        "customerTimeZone": "Europe/London",
    } | more


def book(graph: RawGraphClient, start: datetime, /, **more: Any) -> requests.Response:
    return graph.request("POST", f"{PAGE_PATH}/appointments", json=wish(start, **more))


def make_safe(appointment_id: str) -> str:
    return appointment_id.replace("/", "-").replace("+", "_")


def read_error(answer: requests.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]
