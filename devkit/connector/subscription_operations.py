"""Event subscriptions: described for clients only. Makers of flows have triggers."""

from typing import Any

from blueprints._bounds import EVENT_DELIVERY_PAGE, SUBSCRIPTION_PAGE, Bounds
from blueprints._subscription_fields import DETAILS
from composition.appointment_events import list_appointment_events
from devkit.connector.operations import NEXT_LINK, Operation, body, describe
from devkit.connector.parameters import number, path, shared
from devkit.connector.shapes import Shape, list_of, moment, ref, text, thing, whole
from event_subscriptions.subscription import Reason, State
from event_subscriptions.targets.protocol import Verdict
from inbound_mail.reports.mail_events import MAIL_EVENTS
from shared.settings.event_targets import AzureTarget

_ONE = "/subscriptions/{subscription}"
_ID = path("subscription", "Subscription", "The subscription, by its id.")
_EVENTS = text("Event Type", "A type of events.", choices=(*list_appointment_events(), *MAIL_EVENTS), name="EventType")
_WANTED_TARGET = thing(
    {
        "kind": text("Target Kind", "What kind of target it is.", choices=("https", *AzureTarget)),
        "url": text("Target Address", "The https address that takes the events; of a queue or topic, its own."),
        "queue": text("Target Queue", "The queue of the storage account, for the kind storage-queue."),
    },
    name="WantedTarget",
    required=["kind"],
)
_FILTERS = {
    "business": text("Page ID", "The booking page, by its mail address."),
    "service": text("Service ID", "Only appointments of this service."),
    "staff": text("Staff ID", "Only appointments of this staff member, now or before."),
    "timeZone": text("Time Zone", "Time zone of wall times in the events; left out, the booking page's own."),
    "expand": text("Expand", "Whether customers with their answers and notes come along.", choices=(DETAILS,)),
    "mailbox": text("Mailbox", "The support mailbox, by its name in the gateway's settings."),
    "folder": text("Folder", "Only mails of this folder."),
    "sink": text("Sink", "Only mails that go to this sink."),
}
_WANTED = thing(
    {
        "events": list_of(_EVENTS, "Event Types", "The types of events that are wanted."),
        **_FILTERS,
        "target": _WANTED_TARGET,
        "expires": text("Expires", "When the subscription ends by itself, such as 2026-12-31T00:00:00Z."),
        "since": text("Since", "Begin with the events since then; left out, with the next one."),
    },
    name="WantedSubscription",
    required=["events", "target"],
)
_SUBSCRIPTION: dict[str, Shape] = {
    "id": text("Subscription ID", "Id of the subscription."),
    "state": text("State", "Whether events are sent.", choices=tuple(State)),
    "reason": text("Reason", "Why the subscription is paused or has ended.", choices=tuple(Reason)),
    "events": list_of(_EVENTS, "Event Types", "The types of events that are wanted."),
    **_FILTERS,
    "quarantined": text("In Quarantine", "true: only mails in quarantine, as an instant trigger wants them."),
    "target": thing(
        {
            "kind": text("Target Kind", "What kind of target it is."),
            "url": text("Target Address", "Its address, without a query."),
            "queue": text("Target Queue", "The queue of the storage account."),
            "host": text("Target Host", "The host of a flow's callback, whose address is a secret."),
            "workflow": text("Flow Name", "The flow by its name, if its engine said it."),
        },
        name="Target",
    ),
    "createdDateTime": moment("Created", "When it was made, in UTC."),
    "expiresDateTime": moment("Expires", "When it ends by itself, in UTC.", null=True),
    "stateSinceDateTime": moment("State Since", "Since when it is in this state, in UTC."),
    "deliveries": whole("Events Sent", "How many events were sent to it since it was made, accepted or not."),
    "deliveredDateTime": moment("Delivered", "When the target last accepted an event, in UTC.", null=True),
    "lastEvent": text("Last Event", "The type of the event that was sent last.", null=True),
    "lastAnswer": text("Last Answer", "What the target answered last.", null=True),
    "failures": whole("Failures", "How often the event that waits was tried."),
    "failingSinceDateTime": moment("Failing Since", "Since when the event that waits is tried, in UTC.", null=True),
    "nextAttemptDateTime": moment("Next Attempt", "When it is tried again, in UTC.", null=True),
}
_SECRET = {"secret": text("Secret", "The key by which the target checks signatures. It is shown here only.")}
_WITH_SECRET = thing(_SUBSCRIPTION | _SECRET, name="NewSubscription", required=["id", "state"])

DEFINITIONS: dict[str, Shape] = {
    "Subscription": thing(_SUBSCRIPTION, required=["id", "state"]),
    "EventDelivery": thing(
        {
            "number": whole("Number", "Its place in the list, counted from the subscription's begin."),
            "eventId": text("Event ID", "Id of the event, the same at every attempt."),
            "type": text("Type", "The type of the event."),
            "outcome": text("Outcome", "What is known of the last attempt.", choices=tuple(Verdict)),
            "answer": text("Answer", "What the target answered."),
            "status": whole("Status", "The HTTP status of the answer, if there was one."),
            "attempts": whole("Attempts", "How often it was tried."),
            "attemptedDateTime": moment("Attempted", "When it was tried last, in UTC."),
        }
    ),
}


def _page(definition: str, title: str, description: str) -> Shape:
    items = list_of(ref(definition), title, description)
    return thing({"value": items, "nextLink": NEXT_LINK}, name=f"{definition}List", required=["value"])


def _limit(bounds: Bounds) -> Shape:
    return number("limit", "Page Size", "How many entries one page holds.", bounds)


def _act(operation_id: str, summary: str, description: str, answer: Shape | None = None, **more: Any) -> Operation:
    return describe(
        operation_id,
        summary,
        description,
        answer or ref("Subscription"),
        parameters=[_ID, *more.pop("parameters", ())],
        writes=True,
        **more,
    )


OPERATIONS: dict[str, dict[str, Operation]] = {
    "/subscriptions": {
        "post": describe(
            "CreateSubscription",
            "Create a subscription",
            "Lets events be sent to a target, which is asked first whether it wants them.",
            _WITH_SECRET,
            status=201,
            answer_text="The subscription, with its secret.",
            parameters=[*shared("IdempotencyKey"), body(_WANTED)],
            writes=True,
        ),
        "get": describe(
            "ListSubscriptions",
            "List subscriptions",
            "Lists the subscriptions of the connection.",
            _page("Subscription", "Subscriptions", "The subscriptions."),
            parameters=[_limit(SUBSCRIPTION_PAGE), *shared("Cursor")],
        ),
    },
    _ONE: {
        "get": describe(
            "GetSubscription", "Get a subscription", "Gets a subscription with its state.", ref("Subscription"),
            parameters=[_ID],
        ),
        "delete": describe(
            "DeleteSubscription", "Delete a subscription", "Ends a subscription; one that is not there stays so.", None,
            status=204, answer_text="There is no such subscription any more.", parameters=[_ID], writes=True,
        ),
    },
    f"{_ONE}/deliveries": {
        "get": describe(
            "ListEventDeliveries",
            "List event deliveries",
            "Lists the latest event deliveries of a subscription with what the target answered, the latest first.",
            _page("EventDelivery", "Event Deliveries", "The event deliveries."),
            parameters=[_ID, _limit(EVENT_DELIVERY_PAGE), *shared("Cursor")],
        )
    },
    f"{_ONE}/replay": {
        "post": _act(
            "ReplayEvents",
            "Replay events",
            "Sends all events since a moment again, and goes on from there.",
            parameters=[
                body(
                    thing(
                        {"since": text("Since", "The moment, such as 2026-05-05T09:00:00Z.")},
                        name="WantedReplay",
                        required=["since"],
                    )
                )
            ],
        )
    },
    f"{_ONE}/pause": {
        "post": _act("PauseSubscription", "Pause a subscription", "Sends nothing until the subscription is resumed.")
    },
    f"{_ONE}/resume": {
        "post": _act("ResumeSubscription", "Resume a subscription", "Goes on where the subscription stands, at once.")
    },
    f"{_ONE}/secret": {
        "post": _act(
            "RotateSubscriptionSecret",
            "Make a new secret",
            "Gives the subscription a new secret; for a day, events bear the signatures of both.",
            _WITH_SECRET,
        )
    },
}  # fmt: skip
