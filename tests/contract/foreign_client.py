"""Runs in the foreign environment: asks through Microsoft's own SDK, prints numbers as JSON.

Arguments: tenant, client id, business, start, end; the client secret comes in the variable FOREIGN_SECRET.
"""
# mypy: ignore-errors
# ruff: noqa: T201 - a script that prints its result

import asyncio
import json
import os
import sys
from typing import Any

from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph.generated.solutions.booking_businesses.item.calendar_view.calendar_view_request_builder import (
    CalendarViewRequestBuilder,
)


async def count_pages(builder: Any, configuration: Any = None) -> list[Any]:
    page = await builder.get(configuration)
    items = list(page.value)
    while page.odata_next_link:
        page = await builder.with_url(page.odata_next_link).get()
        items += page.value
    return items


async def main(tenant: str, client_id: str, business_id: str, start: str, end: str) -> None:
    credential = ClientSecretCredential(tenant, client_id, os.environ["FOREIGN_SECRET"])
    graph = GraphServiceClient(credential, ["https://graph.microsoft.com/.default"])
    business = graph.solutions.booking_businesses.by_booking_business_id(business_id)
    span = CalendarViewRequestBuilder.CalendarViewRequestBuilderGetQueryParameters(start=start, end=end)
    view = await count_pages(business.calendar_view, RequestConfiguration(query_parameters=span))
    services = await count_pages(business.services)
    first = await business.appointments.by_booking_appointment_id(
        view[0].id.replace("/", "-").replace("+", "_"),
    ).get()
    print(
        json.dumps(
            {
                "businesses": sorted(one.id for one in (await graph.solutions.booking_businesses.get()).value),
                "services": sorted(one.display_name for one in services),
                "view": sorted(one.id for one in view),
                "seconds": sum(one.duration.total_seconds() for one in view),
                "customers": [one.email_address for one in first.customers],
                "first": first.id,
            },
        ),
    )


asyncio.run(main(*sys.argv[1:]))
