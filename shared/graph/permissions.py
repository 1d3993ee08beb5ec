"""The permissions that the gateway needs: names, ids, what each is for, and which feature needs it.

The one home of these facts: refusals of Graph, the doctor, `setup register` and the tables of the documents read them
here. Sources: https://learn.microsoft.com/graph/permissions-reference for names and ids, the Bookings reference pages
for what suffices, https://learn.microsoft.com/exchange/permissions-exo/application-rbac for the roles of Exchange.
"""

from dataclasses import dataclass
from enum import StrEnum


class Feature(StrEnum):
    """What the gateway may be registered for: the words of `register --for`."""

    READ = "read"
    WRITES = "writes"
    CANCEL = "cancel"
    MAIL = "mail"
    CALENDARS = "calendars"


@dataclass(frozen=True)
class Permission:
    """One permission of Microsoft Graph.

    `purpose` completes "needed …", `when` says under which settings. `application_id` and `delegated_id` are its ids as
    an application role and as a delegated scope; empty if the gateway never asks for that form.
    """

    name: str
    purpose: str
    feature: Feature | None = None
    when: str = ""
    application_id: str = ""
    delegated_id: str = ""

    @property
    def is_granted_in_exchange(self) -> bool:
        """Whether Exchange grants it for some mailboxes; in Entra ID it would open every mailbox of the tenant."""
        return opens_mailboxes(self.name)

    @property
    def exchange_role(self) -> str:
        """The role of Exchange's RBAC for Applications that gives this right."""
        return f"Application {self.name}"


BOOKINGS_READ = Permission(
    "Bookings.Read.All",
    "to answer questions about Bookings",
    Feature.READ,
    when="Bookings is used",
    application_id="6e98f277-b046-4193-a4f2-6bf6a78cd491",
    delegated_id="33b1df99-4b29-4548-9339-7a7b83eaeebc",
)
APPOINTMENTS_WRITE = Permission(
    "BookingsAppointment.ReadWrite.All",
    "to make and change appointments and customers",
    Feature.WRITES,
    when="`BOOKINGS_WRITES` is on",
    application_id="9769393e-5a9f-4302-9e3d-7e018ecb64a7",
    delegated_id="02a5a114-36a6-46ff-a102-954d89d9ab02",
)
BOOKINGS_WRITE = Permission(
    "Bookings.ReadWrite.All",
    "to cancel appointments with a mail to the customer",
    Feature.CANCEL,
    when="`BOOKINGS_WRITES` is on",
    application_id="0c4b2d20-7919-468d-8668-c54b09d4dee8",
    delegated_id="948eb538-f19d-4ec5-9ccc-f059e1ea4c72",
)
MAIL_READ = Permission("Mail.Read", "to read support mailboxes", Feature.MAIL, when="no mailbox has `write_back`")
MAIL_WRITE = Permission(
    "Mail.ReadWrite", "to read and mark mails in support mailboxes", Feature.MAIL, when="a mailbox has `write_back`"
)
CALENDARS_READ = Permission(
    "Calendars.Read",
    "to be told by Graph of changes in the calendars of booking pages",
    Feature.CALENDARS,
    when="`GRAPH_NOTIFICATIONS_BOOKINGS` is on",
)
USER_READ = Permission("User.Read", "to sign the service user in", delegated_id="e1fe6dd8-ba31-4d61-89e7-88639da4683d")

PERMISSIONS = (BOOKINGS_READ, APPOINTMENTS_WRITE, BOOKINGS_WRITE, MAIL_READ, MAIL_WRITE, CALENDARS_READ, USER_READ)


def list_permissions(feature: Feature) -> tuple[Permission, ...]:
    """Return what a feature needs in Entra ID. Mail and calendars need nothing there."""
    return tuple(each for each in PERMISSIONS if each.feature is feature and not each.is_granted_in_exchange)


def opens_mailboxes(name: str) -> bool:
    """Return whether a permission of this name opens every mailbox of the tenant when Entra ID grants it."""
    return name.startswith(("Mail.", "Calendars."))
