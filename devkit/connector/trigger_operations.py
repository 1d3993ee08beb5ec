"""The polling triggers that start flows."""

from collections.abc import Sequence
from typing import Any

from blueprints._bounds import MINUTES_AHEAD
from devkit.connector.operations import Operation, describe, value_list
from devkit.connector.parameters import number, shared
from devkit.connector.shapes import Shape

# What each run gets; designers put the title before those of its properties, as in “Appointment Start Time”.
ITEMS = {
    "appointments": ("Appointment", "What happened to appointments, oldest first; the flow runs once for each."),
    "mails": ("Mail", "The mails, oldest first; the flow runs once for each."),
    "tickets": ("Ticket", "The tickets, oldest first; the flow runs once for each."),
}
_APPOINTMENT = ("BusinessAsked", "Service", "StaffMember", "TimeZone", "Details", "Expand", "TriggerState")
_MAIL = ("MailboxAsked", "Folder", "TriggerState")
_MINUTES = number(
    "minutes",
    "Minutes Before",
    "How long before the start the flow runs.",
    MINUTES_AHEAD,
    {"default": MINUTES_AHEAD.default},
)


def _trigger(
    operation_id: str,
    summary: str,
    when: str,
    *,
    items: tuple[str, str],
    parameters: Sequence[Shape],
    hint: str,
    simulate: tuple[str, dict[str, Any]],
) -> Operation:
    operation = describe(
        operation_id,
        summary,
        f"This operation triggers when {when}.",
        value_list(items[0], *ITEMS[items[1]]),
        parameters=parameters,
        answer_text="There are new events.",
        x_ms_trigger="batch",
        x_ms_trigger_metadata={"kind": "query", "mode": "polling"},
        x_ms_trigger_hint=f"To see it work now, {hint}.",
        x_ms_operation_context={"simulate": {"operationId": simulate[0], "parameters": simulate[1]}},
    )
    operation["responses"]["202"] = {"description": "There is nothing new since the last poll."}
    operation["responses"] = dict(sorted(operation["responses"].items()))
    return operation


def _appointment(kind: str, operation_id: str, what: str, when: str, hint: str) -> tuple[str, dict[str, Operation]]:
    trigger = _trigger(
        operation_id,
        f"When {what}",
        when,
        items=("UpcomingAppointment" if kind == "upcoming" else "AppointmentEvent", "appointments"),
        parameters=[
            *shared(*_APPOINTMENT[:3]),
            *([_MINUTES] if kind == "upcoming" else []),
            *shared(*_APPOINTMENT[3:]),
        ],
        hint=hint,
        simulate=("PreviewAppointments", {"kind": kind}),
    )
    return f"/triggers/appointments/{kind}", {"get": trigger}


def _mail(
    feed: str, kind: str, *, name: str, what: str, when: str, hint: str, items: str
) -> tuple[str, dict[str, Any]]:
    trigger = _trigger(
        f"On{name}",
        f"When {what}",
        when,
        items=(items, feed),
        parameters=shared(*_MAIL),
        hint=hint,
        simulate=(f"Preview{feed.title()}", {"kind": kind}),
    )
    return f"/triggers/{feed}/{kind}", {"get": trigger}


OPERATIONS: dict[str, dict[str, Operation]] = dict(
    [
        _appointment("created", "OnAppointmentCreated", "an appointment is created",
                     "an appointment is booked on the page, by a customer or by staff", "book one on the page"),
        _appointment("updated", "OnAppointmentUpdated", "an appointment is updated",
                     "an appointment is rescheduled, reassigned to other staff or edited in any way",
                     "edit one in the calendar"),
        _appointment("rescheduled", "OnAppointmentRescheduled", "an appointment is rescheduled",
                     "an appointment is moved to another time; the item holds both times", "move one in the calendar"),
        _appointment("cancelled", "OnAppointmentCancelled", "an appointment is cancelled",
                     "an appointment is cancelled or deleted (Microsoft Graph does not tell which); the item holds its "
                     "last state, with details also customers and answers as they were last known",
                     "cancel one in the calendar"),
        _appointment("reassigned", "OnAppointmentReassigned", "an appointment is reassigned",
                     "an appointment is assigned to other staff members; the item lists the previous ones, too",
                     "assign one to another staff member"),
        _appointment("registered", "OnAppointmentRegistered", "somebody registers for a group appointment",
                     "a customer joins a group appointment; once for each person, with that person's data",
                     "book a seat on the page"),
        _appointment("unregistered", "OnAppointmentUnregistered", "somebody leaves a group appointment",
                     "a customer leaves a group appointment that stays; once for each person, with that person's data",
                     "take somebody out of one in the calendar"),
        _appointment("any", "OnAnyAppointmentEvent", "anything happens to an appointment",
                     "an appointment is created, rescheduled, reassigned, edited or cancelled, or somebody joins or "
                     "leaves a group",
                     "book one on the page"),
        _appointment("upcoming", "OnAppointmentUpcoming", "an appointment is about to start",
                     "an appointment starts within the given number of minutes", "book one that starts soon"),
        _mail("mails", "arrived", name="SupportMailArrived", what="a support mail arrives",
              when="a mail has arrived in a support mailbox and was read with its attachments",
              hint="send a mail to the mailbox",
              items="MailEvent"),
        _mail("mails", "failed", name="SupportMailFailed", what="a support mail could not be processed",
              when="a delivery of a mail has failed for good and is in quarantine",
              hint="send a mail that the service desk refuses", items="MailFailure"),
        _mail("tickets", "created", name="TicketCreated", what="a ticket is created from a mail",
              when="a mail became a new ticket", hint="send a mail to the mailbox and wait a minute or two",
              items="Ticket"),
    ]
)  # fmt: skip
