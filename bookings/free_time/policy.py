"""The booking rules of a service, from the service and its business.

A service's own policy comes first; the business fills its gaps; what both leave out gets the values that Bookings
gives a new business. Sources: Graph's page on booking business rules, and the sample answer of its page on creating a
business.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bookings.free_time.hours import WeeklyHours, day_spans
from bookings.free_time.intervals import Interval, Intervals, intersect, merge
from shared.json_text import Json
from shared.time_zones.zones import Zone, read_date, read_duration

_DEFAULT_INTERVAL = timedelta(minutes=30)
_DEFAULT_LEAD = timedelta(days=1)
_DEFAULT_ADVANCE = timedelta(days=365)
_DEFAULT_DURATION = timedelta(minutes=60)
_NONE = timedelta(0)


@dataclass(frozen=True)
class Rule:
    """When a service can be booked on a day: never, in all business hours, or in weekly hours of its own."""

    kind: str
    hours: WeeklyHours

    def spans(self, day: date, zone: Zone, business_open: Intervals) -> Intervals:
        """Return when the service is open on this local day; never outside the business's own hours."""
        match self.kind:
            case "notbookable":
                return []
            case "customweeklyhours":
                return intersect(business_open, merge(day_spans(self.hours, day, zone)))
            case _:
                return business_open


@dataclass(frozen=True)
class DatedRule:
    """A rule for the local days from `first` to `last`, both included."""

    first: date
    last: date
    rule: Rule


@dataclass(frozen=True)
class Policy:
    """Everything about a service that decides its slots."""

    duration: timedelta
    interval: timedelta
    minimum_lead: timedelta
    maximum_advance: timedelta
    pre_buffer: timedelta
    post_buffer: timedelta
    seats: int
    general: Rule
    dated: tuple[DatedRule, ...]
    allows_staff_selection: bool
    business_hours: WeeklyHours

    @property
    def margin(self) -> timedelta:
        """How far around a time an appointment or a busy time may lie and still be in the way."""
        return self.pre_buffer + self.duration + self.post_buffer

    def open_spans(self, days: Iterable[date], zone: Zone) -> list[Interval]:
        """Return when the service may take place, day by day: slots are counted from the start of each span."""
        spans: list[Interval] = []
        for day in days:
            business_open = merge(day_spans(self.business_hours, day, zone))
            spans += self._rule_on(day).spans(day, zone, business_open)
        return spans

    def is_dated(self, day: date) -> bool:
        """Say whether a dated rule holds on this local day instead of the general one."""
        return any(dated.first <= day <= dated.last for dated in self.dated)

    def _rule_on(self, day: date) -> Rule:
        return next((dated.rule for dated in self.dated if dated.first <= day <= dated.last), self.general)


def read_policy(business: Json, service: Json) -> Policy:
    """Return the policy of a service of this business."""
    own: Mapping[str, Any] = service.get("schedulingPolicy") or {}
    general: Mapping[str, Any] = business.get("schedulingPolicy") or {}

    def first_given(name: str) -> Any:
        return own[name] if own.get(name) is not None else general.get(name)

    interval = read_duration(first_given("timeSlotInterval"), _DEFAULT_INTERVAL)
    return Policy(
        duration=read_duration(service.get("defaultDuration"), _DEFAULT_DURATION),
        interval=interval if interval > _NONE else _DEFAULT_INTERVAL,
        minimum_lead=read_duration(first_given("minimumLeadTime"), _DEFAULT_LEAD),
        maximum_advance=read_duration(first_given("maximumAdvance"), _DEFAULT_ADVANCE),
        pre_buffer=read_duration(service.get("preBuffer"), _NONE),
        post_buffer=read_duration(service.get("postBuffer"), _NONE),
        seats=max(1, int(service.get("maximumAttendeesCount") or 1)),
        general=_read_rule(first_given("generalAvailability") or {}),
        dated=tuple(_read_dated(window) for window in first_given("customAvailabilities") or ()),
        allows_staff_selection=first_given("allowStaffSelection") is not False,
        business_hours=business.get("businessHours") or (),
    )


def _read_rule(availability: Mapping[str, Any]) -> Rule:
    return Rule(str(availability.get("availabilityType") or "").lower(), availability.get("businessHours") or ())


def _read_dated(window: Mapping[str, Any]) -> DatedRule:
    first, last = window.get("startDate"), window.get("endDate")
    return DatedRule(
        first=read_date(str(first)) if first else date.min,
        last=read_date(str(last)) if last else date.max,
        rule=_read_rule(window),
    )
