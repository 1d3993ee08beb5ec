"""What the console shows of booking pages and of who asks: described for clients only, not in the connector."""

from devkit.connector.bookings_shapes import TIMES
from devkit.connector.operations import Operation, describe
from devkit.connector.parameters import shared
from devkit.connector.shapes import Shape, decimal, flag, list_of, moment, ref, text, texts_by_name, thing, whole

_USE: dict[str, Shape] = {
    "bookedMinutes": whole("Booked Minutes", "How many of the offered minutes are booked."),
    "offeredMinutes": whole("Offered Minutes", "How many minutes the staff of the services work."),
}
_DAY = thing(
    {"date": text("Day", "A day of this week, in the page's time zone.", form="date"), **_USE},
    name="DayOfUse",
    required=["date", *_USE],
)
_FEED = thing(
    {
        "lastScanDateTime": moment("Last Scan", "When the change feed last looked at the page, in UTC.", null=True),
        "ageSeconds": whole("Feed Age", "How many seconds ago that was.", null=True),
        "isFollowed": flag("Followed", "Whether somebody asked for its changes within a month, so that it is scanned."),
    },
    name="FeedAge",
    required=["lastScanDateTime", "ageSeconds", "isFollowed"],
)
_SERVICE = thing(
    {
        "id": text("Service ID", "Id of the service."),
        "displayName": text("Service Name", "Name of the service.", null=True),
        "nextSlotStartUtc": moment("Next Slot", "When its next free slot begins, in UTC.", null=True),
        "secondsToNextSlot": whole("Seconds to Next Slot", "How many seconds that is from now.", null=True),
    },
    name="NextSlot",
    required=["id", "displayName", "nextSlotStartUtc", "secondsToNextSlot"],
)
_WEEK = thing(
    {
        **_USE,
        "utilization": decimal("Utilization", "The booked share of the offered minutes, 0 to 1.", null=True),
        "days": list_of(_DAY, "Days", "The days of this week, from Monday on."),
    },
    name="WeekOfUse",
    required=[*_USE, "utilization", "days"],
)
_OVERVIEW: dict[str, Shape] = {
    "id": text("Page ID", "Id of the booking page, which is its mail address."),
    "displayName": text("Page Name", "Name of the booking page.", null=True),
    "asOfDateTime": moment("As Of", "When this was so, in UTC."),
    "timeZone": TIMES["timeZone"],
    "timeZoneIana": TIMES["timeZoneIana"],
    "feed": _FEED,
    "today": list_of(ref("Appointment"), "Today", "The appointments of today in the page's time zone, by start."),
    "next": ref("Appointment") | {"x-nullable": True},
    "week": _WEEK,
    "services": list_of(_SERVICE, "Services", "The services by name, each with its next free slot."),
    "searchedUntilDateTime": moment("Searched Until", "Until when appointments and slots were looked for, in UTC."),
}
_NOTHING_IF_NOT_SENT = "null if it does not say so."
_WHO = thing(
    {
        "workflowName": text("Flow Name", f"The flow by its name, {_NOTHING_IF_NOT_SENT}", null=True),
        "workflowId": text("Engine's Flow ID", f"The flow as the engine knows it, {_NOTHING_IF_NOT_SENT}", null=True),
        "environment": text("Environment", "The environment of Power Automate that it polls from.", null=True),
        "program": text("Program", "What sends the requests.", null=True),
    },
    name="TriggerAsker",
    required=["workflowName", "workflowId", "environment", "program"],
)
_LAST_ANSWER = thing(
    {
        "dateTime": moment("Answered", "When it was answered, in UTC."),
        "status": whole("Status", "The HTTP status: 200 with items, 202 without, anything else is an error."),
        "items": whole("Items", "How many items it got."),
        "code": text("Error Code", "The code of the error.", null=True),
        "runId": text("Run ID", "The engine's id of that poll.", null=True),
    },
    name="TriggerAnswer",
    required=["dateTime", "status", "items", "code", "runId"],
)
_POLLED: dict[str, Shape] = {
    "kind": text("Trigger", "The trigger by its route, such as appointments/created."),
    "about": text("Page or Mailbox", "The booking page, by its mail address, or the mailbox, by its name."),
    "filters": texts_by_name("Filters", "What else the trigger asks for, by the name of the parameter."),
    "who": _WHO,
    "firstAskedDateTime": moment("First Asked", "When it was polled first, in UTC."),
    "lastAskedDateTime": moment("Last Asked", "When it was polled last, up to 15 minutes before now, in UTC."),
    "lastAnswer": _LAST_ANSWER,
    "lastItemsDateTime": moment("Last Items", "When an answer had items last, in UTC.", null=True),
}

OPERATIONS: dict[str, dict[str, Operation]] = {
    "/bookings/businesses/{business}/overview": {
        "get": describe(
            "GetOverview",
            "Get the overview of a booking page",
            "Gets what goes on at a booking page: appointments of today and the next one, how much of the week is "
            "booked, the next free slot of each service, and the age of its change feed.",
            thing(_OVERVIEW, name="Overview", required=list(_OVERVIEW)),
            parameters=shared("Business"),
        )
    },
    "/triggers": {
        "get": describe(
            "ListPolledTriggers",
            "List polled triggers",
            "Lists who polls triggers of the connection, since when, and what they were answered last.",
            thing(
                {
                    "asOfDateTime": moment("As Of", "When this was so, in UTC."),
                    "value": list_of(
                        thing(_POLLED, name="PolledTrigger", required=list(_POLLED)),
                        "Polled Triggers",
                        "The triggers that were polled within 30 days, the latest first; 1,000 at most.",
                    ),
                },
                name="PolledTriggerList",
                required=["asOfDateTime", "value"],
            ),
        )
    },
}
