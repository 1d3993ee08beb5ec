"""Runs in the foreign environment: calls the app through a client that was generated from its OpenAPI 3.1 text.

Arguments: the app's base URL, a booking page, the first and last day; the key comes in the variable GATEWAY_KEY. Prints
what was decoded as JSON. In that environment mypy checks this file against the client, without the next line.
"""
# mypy: ignore-errors
# ruff: noqa: T201 - a script that prints its result

import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

from graph_gateway_client import AuthenticatedClient
from graph_gateway_client.api.bookings import get_appointment, list_appointments, list_booking_pages
from graph_gateway_client.api.changing_bookings import create_appointment
from graph_gateway_client.models import Appointment, AppointmentList, Failure, FailureDetails, NewAppointment
from graph_gateway_client.types import UNSET, Unset


def read_pages(client: AuthenticatedClient, business: str, start: str, end: str) -> list[list[Appointment]]:
    """Return the pages of a list, each by the cursor in the last one's link."""
    pages: list[list[Appointment]] = []
    cursor: str | Unset = UNSET
    while True:
        answer = list_appointments.sync(business, client=client, start=start, end=end, limit=4, cursor=cursor)
        assert isinstance(answer, AppointmentList)
        pages.append(answer.value)
        link: str | Unset = answer.next_link
        if isinstance(link, Unset):
            return pages
        [cursor] = parse_qs(urlsplit(link).query)["cursor"]


def show_error(failure: object) -> dict[str, object]:
    assert isinstance(failure, Failure)
    error: FailureDetails = failure.error
    code: str = error.code
    target: str | Unset = error.target
    return {"code": code, "target": target or None, "message": error.message, "requestId": error.request_id}


def main(base_url: str, business: str, start: str, end: str) -> None:
    client, stranger = (
        AuthenticatedClient(base_url=f"{base_url}/api", token=key, prefix="", auth_header_name="x-functions-key")
        for key in (os.environ["GATEWAY_KEY"], "not-the-key")
    )

    listed = list_booking_pages.sync(client=client)
    assert listed is not None
    assert not isinstance(listed, Failure)
    pages = read_pages(client, business, start, end)
    first = get_appointment.sync(business, client=client, id=str(pages[0][0].id))
    assert isinstance(first, Appointment)
    assert not isinstance(first.start_utc, Unset)
    refused = list_appointments.sync_detailed(business, client=client, start=start, end=end, time_zone="Mars/Base")
    body = NewAppointment(service="x", start=start)
    unwritten = create_appointment.sync(business, client=client, body=body)
    unknown = list_booking_pages.sync_detailed(client=stranger)
    print(
        json.dumps(
            {
                "businesses": [each.id for each in listed.value],
                "pages": [[each.id for each in page] for page in pages],
                "startUtc": first.start_utc.isoformat(),
                "nulls": [first.service_location is None, first.anonymous_join_web_url is None],
                "refused": [refused.status_code.value, show_error(refused.parsed), dict(refused.headers)],
                "unwritten": show_error(unwritten),
                "stranger": [unknown.status_code.value, unknown.parsed],
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
