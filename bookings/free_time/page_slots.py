"""Free slots of several pages in one order, and which pages could not be asked, and why.

A page that fails does not hide what the others have: its error stands beside the slots. Only if all fail, the question
does. What the caller asked wrong (a service or staff member that no page has) fails the whole question.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bookings.free_time.service_context import PageContext
from bookings.free_time.slots import PageSlots, Slot, SlotFinder, SlotRequest
from shared.errors import GatewayError, Invalid

# Where a slot stands in the order of all: start, end, and the numbers of its page and service in the question.
type Position = tuple[int, int, int, int]
type MakeRequest = Callable[[PageContext], SlotRequest]


@dataclass(frozen=True)
class Failure:
    """A page that could not be asked."""

    business: str
    error: GatewayError


def find_on_pages(
    finder: SlotFinder, businesses: Sequence[str], services: Sequence[str], make_request: MakeRequest
) -> tuple[list[PageSlots], list[Failure]]:
    """Find the slots of these services on each page that has any of them; the pages are read beside each other.

    Raises Invalid for a service or staff member that no page has, for a page that has none of the services, and what
    `make_request` raises; if every page fails, the error of the first.
    """
    failures: list[Failure] = []
    reading = [(business, finder.start_page(business, services)) for business in businesses]
    pages = list(_finish(reading, failures))
    _check_services(pages, services, is_complete=not failures)
    requests = [make_request(page) for page in pages]
    _check_staff(pages, requests, is_complete=not failures)
    finding = []
    for page, request in zip(pages, requests, strict=True):
        own = replace(request, staff=tuple(member for member in request.staff if member in page.staff))
        try:
            finding.append((page.business, finder.start_finding(page, own)))
        except Invalid:
            raise
        except GatewayError as error:
            failures.append(Failure(page.business, error))
    found = list(_finish(finding, failures))
    if failures and not found:
        raise failures[0].error
    return found, failures


def order_slots(pages: Sequence[PageSlots], after: Position | None) -> list[tuple[Position, PageSlots, Slot]]:
    """Return the slots of all pages in their order, those behind a position only."""
    found = []
    for number, each in enumerate(pages):
        places = {str(context.service["id"]): place for place, context in enumerate(each.page.services)}
        for slot in each.slots:
            position = (slot.start, slot.end, number, places[str(slot.service.service["id"])])
            if after is None or position > after:
                found.append((position, each, slot))
    return sorted(found, key=lambda each: each[0])


def _finish[T](waiting: Iterable[tuple[str, Callable[[], T]]], failures: list[Failure]) -> Iterator[T]:
    """Wait for each page; note the errors of those that failed."""
    for business, wait in waiting:
        try:
            yield wait()
        except GatewayError as error:
            failures.append(Failure(business, error))


def _check_services(pages: Sequence[PageContext], services: Sequence[str], *, is_complete: bool) -> None:
    known = {str(context.service["id"]) for page in pages for context in page.services}
    if is_complete and (unknown := [each for each in services if each not in known]):
        raise Invalid(
            f"None of these pages has a service {unknown[0]}. List the services to see their ids.",
            code="ServiceNotFound",
            target="service",
        )
    if empty := [page.business for page in pages if not page.services]:
        raise Invalid(
            f"The page {empty[0]} has none of these services. Leave the page out, or name a service of it.",
            code="ServiceNotFound",
            target="service",
        )


def _check_staff(pages: Sequence[PageContext], requests: Sequence[SlotRequest], *, is_complete: bool) -> None:
    known = {member for page in pages for member in page.staff}
    wanted = [member for request in requests for member in request.staff]
    if is_complete and (unknown := [member for member in wanted if member not in known]):
        raise Invalid(
            f"None of these pages has a staff member {unknown[0]}. List the staff to see their ids.",
            code="StaffNotFound",
            target="staff",
        )
    if wanted and (empty := [page.business for page in pages if page.staff.keys().isdisjoint(wanted)]):
        raise Invalid(
            f"The page {empty[0]} has none of these staff members. Leave the page out, or name staff of it.",
            code="StaffNotFound",
            target="staff",
        )
