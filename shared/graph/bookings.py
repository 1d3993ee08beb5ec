"""Microsoft Bookings on Graph v1.0, as it behaves rather than as its metadata promises.

- No `$top`, `$filter`, `$select`, `$orderby`: with `$top` the next link was seen missing, `$filter` answers 400 or 500,
  the rest is undocumented. Filtering, sorting and projecting are the use cases' work.
- Lists leave `customers` empty; the whole record needs one GET for each appointment.
- Ids that hold "/" are refused in a path; the URL-safe form of Exchange ids ("/" as "-", "+" as "_") is accepted.
- A create that answers 5xx may have made something all the same: it is never repeated here. A change says the same
  thing twice, so it may be repeated where Graph says "later".
- PATCH answers 204 without a body, or 200 with the object, by kind.

Sources: the reference pages of bookingBusiness, bookingAppointment and getStaffAvailability; public issue threads on
microsoft-graph-docs (2846, 10534, 15647, 20554), msgraph-sdk-powershell (1351), microsoft-graph-explorer (4029) and
msgraph-sdk-java (1581).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from shared.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unavailable,
    Unreachable,
)
from shared.graph.client import CollectionPage, GraphClient, segment, url_safe
from shared.graph.permissions import APPOINTMENTS_WRITE, BOOKINGS_READ, BOOKINGS_WRITE, Permission
from shared.json_text import Json
from shared.retry import READ, WRITE, RetryPolicy
from shared.time_zones.zones import graph_moment, utc_text

_ROOT = "/solutions/bookingBusinesses"
# Without it staff roles added after the first release come as unknownFutureValue.
_ALL_ENUM_MEMBERS = ("include-unknown-enum-members",)

# For what must not be made twice: repeated only after a refusal that was certainly given before any work.
_CREATE = RetryPolicy(attempts=WRITE.attempts, within=WRITE.within, on=(Throttled, Unreachable))

_LISTS = {
    "business": "the list of businesses",
    "service": "the business's list of services",
    "appointment": "the business's list of appointments",
    "customer": "the business's list of customers",
}

CAP_OF_BUSINESSES = 500  # what one list of businesses answers at most, without a next link


class GraphBookings:
    """Bookings of one tenant. Raises GatewayErrors; NotFound and Forbidden name the thing or the permission.

    `is_delegated` says that the token is a signed-in user's: Graph then decides by the user's role on the page, too.
    """

    is_delegated = False

    def __init__(self, graph: GraphClient, *, is_delegated: bool = False) -> None:
        self._graph = graph
        self.is_delegated = is_delegated

    def list_businesses(self, search: str | None = None) -> list[Json]:
        """Return [{"id", "displayName"}], at most CAP_OF_BUSINESSES; `search` matches a part of the name."""
        query = {"query": search} if search else None
        with self._explain_refusals("business", BOOKINGS_READ):
            return [item for page in self._graph.pages(_ROOT, query=query, retry=READ) for item in page]

    def get_business(self, business: str) -> Json:
        """Return one business with its hours, policy and page settings."""
        with self._explain_refusals("business", BOOKINGS_READ):
            return self._graph.get(_path(business), retry=READ)

    def list_services(self, business: str) -> list[Json]:
        """Return all services."""
        return self._list(business, "services")

    def list_staff(self, business: str) -> list[Json]:
        """Return all staff members, with every role by its name."""
        return self._list(business, "staffMembers", prefer=_ALL_ENUM_MEMBERS)

    def list_questions(self, business: str) -> list[Json]:
        """Return the catalogue of custom questions."""
        return self._list(business, "customQuestions")

    def get_customers(self, business: str, link: str | None = None) -> CollectionPage:
        """Return one page of customers: the first, or the one behind the link of an earlier page."""
        with self._explain_refusals("business", BOOKINGS_READ):
            return self._graph.get_page(_path(business, "customers"), retry=READ, link=link)

    def get_service(self, business: str, service: str) -> Json:
        """Return one service."""
        with self._explain_refusals("service", BOOKINGS_READ):
            return self._graph.get(_path(business, "services", service), retry=READ)

    def get_appointment(self, business: str, appointment: str) -> Json:
        """Return one appointment with its customers and their answers."""
        with self._explain_refusals("appointment", BOOKINGS_READ):
            return self._graph.get(_path(business, "appointments", url_safe(appointment)), retry=READ)

    def calendar_view(self, business: str, start: datetime, end: datetime) -> list[Json]:
        """Return the appointments that Graph finds in the window, in no order. Keep it to about a month."""
        query = {"start": utc_text(start), "end": utc_text(end)}
        with self._explain_refusals("business", BOOKINGS_READ):
            path = _path(business, "calendarView")
            return [item for page in self._graph.pages(path, query=query, retry=READ) for item in page]

    def get_staff_availability(self, business: str, staff: Sequence[str], start: datetime, end: datetime) -> list[Json]:
        """Return [{"staffId", "availabilityItems"}] as Graph sends them: not clipped, statuses in any case.

        Reading, though a POST: it may be repeated. The items were seen under two names.
        """
        body = {"staffIds": list(staff), "startDateTime": graph_moment(start), "endDateTime": graph_moment(end)}
        with self._explain_refusals("business", BOOKINGS_READ):
            answer = self._graph.post(_path(business, "getStaffAvailability"), body=body, retry=READ)
        items: Any = answer.get("value") or answer.get("staffAvailabilityItem") or []
        if not isinstance(items, list):
            raise OutcomeUnknown(
                "Microsoft Graph sent something else where a list belongs. Try again later.", code="UpstreamBadAnswer"
            )
        return items

    def create_appointment(self, business: str, body: Json) -> Json:
        """Book and return the whole appointment. OutcomeUnknown: look for it before doing anything else."""
        return self._create(_path(business, "appointments"), body)

    def update_appointment(self, business: str, appointment: str, body: Json) -> None:
        """Change what is sent; Graph returns nothing."""
        with _explain_faults(), self._explain_refusals("appointment", APPOINTMENTS_WRITE):
            self._graph.patch(_path(business, "appointments", url_safe(appointment)), body=body, retry=WRITE)

    def cancel_appointment(self, business: str, appointment: str, message: str) -> None:
        """Cancel and let Bookings mail customer and staff. NotFound may mean that an earlier try did it."""
        needed = APPOINTMENTS_WRITE if self.is_delegated else BOOKINGS_WRITE
        with self._explain_refusals("appointment", needed):
            path = _path(business, "appointments", url_safe(appointment), "cancel")
            self._graph.post(path, body={"cancellationMessage": message}, retry=WRITE)

    def get_customer(self, business: str, customer: str) -> Json:
        """Return one customer."""
        with self._explain_refusals("customer", BOOKINGS_READ):
            return self._graph.get(_path(business, "customers", customer), retry=READ)

    def create_customer(self, business: str, body: Json) -> Json:
        """Make a customer and return it. OutcomeUnknown: look for it before doing anything else."""
        return self._create(_path(business, "customers"), body)

    def update_customer(self, business: str, customer: str, body: Json) -> None:
        """Change what is sent of a customer."""
        with _explain_faults(), self._explain_refusals("customer", APPOINTMENTS_WRITE):
            self._graph.patch(_path(business, "customers", customer), body=body, retry=WRITE)

    @contextmanager
    def _explain_refusals(self, thing: str, permission: Permission) -> Iterator[None]:
        """Name, in a refusal of Graph, the thing that is missing or was changed, or what the app or the user needs."""
        try:
            yield
        except Forbidden as error:
            if error.code == "ConsentMissing":  # others are about the kind of the token
                self._explain_missing_right(error, permission)
            raise
        except NotFound as error:
            if error.code == "MailboxNotFound":
                thing = "business"
            reason = "the gateway has no access to it"
            if self.is_delegated:
                reason = "the user as whom the gateway signs in is not on its staff"
            error.restate(
                f"There is no such {thing}, or {reason}. Use an id from {_LISTS[thing]}.",
                code=f"{thing.capitalize()}NotFound",
                target="id" if thing == "appointment" else thing,
            )
            raise
        except Conflict as error:
            error.restate(f"The {thing} was changed by somebody else at the same time. Read it again first.")
            raise

    def _explain_missing_right(self, error: Forbidden, permission: Permission) -> None:
        if self.is_delegated:
            error.restate(
                "Microsoft Graph refuses this to the user as whom the gateway signs in. Grant the delegated permission "
                f"{permission.name} for that user, who also needs a role on the page's staff that allows it.",
                code="UserNotAllowed",
            )
        else:
            error.restate(
                "Microsoft Graph refuses: the app registration lacks a permission. Grant the application permission "
                f"{permission.name}, with admin consent."
            )

    def _create(self, path: str, body: Json) -> Json:
        with _explain_faults(), self._explain_refusals("business", APPOINTMENTS_WRITE):
            try:
                return self._graph.post(path, body=body, retry=_CREATE)
            except (Throttled, Unreachable):
                raise
            except Unavailable as error:
                if error.code == "OutOfTime":  # nothing was sent
                    raise
                raise OutcomeUnknown(error.message, detail=error.detail, upstream_id=error.upstream_id) from error

    def _list(self, business: str, collection: str, prefer: Sequence[str] = ()) -> list[Json]:
        with self._explain_refusals("business", BOOKINGS_READ):
            path = _path(business, collection)
            return [item for page in self._graph.pages(path, prefer=prefer, retry=READ) for item in page]


def _path(business: str, *below: str) -> str:
    return "/".join((_ROOT, *(segment(part) for part in (business, *below))))


@contextmanager
def _explain_faults() -> Iterator[None]:
    """Turn Graph's 400 on a write into a refusal of what the caller asked for, with Graph's reason."""
    try:
        yield
    except Rejected as error:
        if not (error.detail or "").startswith("HTTP 400"):
            raise
        known: dict[str, Any] = {"detail": error.detail, "upstream_id": error.upstream_id, "reason": error.reason}
        if "staff" in (error.reason or "").lower():
            raise Conflict(
                "Microsoft Graph did not accept the staff, and nothing was written. Name other staff, or choose "
                "another time.",
                code="StaffRefused",
                target="staff",
                **known,
            ) from error
        raise Invalid(
            "Microsoft Graph refused this as wrong, and nothing was written. Change what its reason names.",
            code="RefusedByGraph",
            **known,
        ) from error
