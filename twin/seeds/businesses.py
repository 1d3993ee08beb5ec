"""Seeds a booking page: staff, services, customers, time off, and appointments that follow the rules."""

import json
import uuid
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from twin.bookings.book import ZERO_GUID, Appointment
from twin.bookings.hours import is_service_open, open_spans
from twin.bookings.rules import RuleBrokenError, choose_staff
from twin.bookings.state import Bookings, Business, make_item_id
from twin.bookings.times import Span, parse_duration, render_zoned
from twin.bookings.zones import find_zone
from twin.core.wire import Json
from twin.seeds.booking_pages import GHOST_STAFF_ID, BookingPage
from twin.seeds.people import make_people

DAYS_BACK, DAYS_AHEAD = 30, 60
_NEXT_DAYS = 2  # today and tomorrow are never empty, whatever day of the week they are
_TRIES = 40
_BY_HAND_AT = time(10)
_TYPE = "#microsoft.graph."
_SELF_SERVICE_SHARE, _SLASH_SHARE, _ANSWER_SHARE = 0.7, 0.25, 0.8
_WORDS = (
    "LT-0042",
    "Screen stays dark after the update",
    "3.14",
    "none",
    "Naïve café résumé ✓",
    "asks for a PIN; twice",
)

_MADE: dict[str, list[tuple[str, datetime, datetime, str]]] = {}
"""Appointments of a page and a day: id, start, end, and their values as JSON."""


class _Seeder:
    """Seeds one booking page. Random values come from one seeded source: the same day gives the same data."""

    def __init__(self, bookings: Bookings, page: BookingPage, tenant_id: str, day: date, administrator: str) -> None:
        self.bookings = bookings
        self.page = page
        self.day = day
        self.source = Random(f"{page.id} {day}")  # noqa: S311 - a sample, not a secret
        self.created = datetime.combine(day - timedelta(days=200), time(9), UTC)
        self._zone = find_zone(page.zone)
        self._today = self._local_day(bookings.world.clock.now())
        self._newest = min(datetime.combine(day, time(0), UTC) - timedelta(hours=1), bookings.world.clock.now())
        self.business = bookings.add_business(page.id, tenant_id, self._describe_business(), created=self.created)
        self.staff_ids = [self._add_staff(values) for values in page.staff]
        self._add_staff(
            {"displayName": "Bookings service account", "role": "administrator", "emailAddress": administrator},
        )
        self.question_ids = [
            self.business.questions.add(values, item_id=self._make_guid(), created=self.created)
            for values in page.questions
        ]
        self.service_ids = [self._add_service(values) for values in page.services]
        self.customer_ids = self._add_customers()

    def add_absences(self) -> None:
        """Give the second staff member a week off, and the first some private meetings."""
        start = _at(self.day + timedelta(days=10))
        self.business.add_time_off(self.staff_ids[1], start, start + timedelta(days=7))
        for days in (1, 2, 8):
            noon = _at(self.day + timedelta(days=days), 12)
            self.business.add_personal_event(self.staff_ids[0], noon, noon + timedelta(hours=1))

    def add_appointments(self) -> None:
        """Add appointments up to the number wanted.

        They follow from page and day alone. Making them takes most of the time of a new world, which a test run makes
        hundreds of times: what was made once is copied.
        """
        key = json.dumps([asdict(self.page), self.day, self._newest, self._today], default=str)
        if key not in _MADE:
            made = self._make_appointments()
            _MADE[key] = [(one.id, one.start, one.end, json.dumps(one.values)) for one in made]
            return
        copies = (Appointment(name, start, end, json.loads(values)) for name, start, end, values in _MADE[key])
        self.business.appointments.take_over(copies)

    def _make_appointments(self) -> list[Appointment]:
        """Make appointments, in this order; one that a rule forbids is tried at another time.

        The last two are made for the present day of the page and the next one, if these have none yet.
        """
        made: list[Appointment] = []
        while len(made) < self.page.appointments - _NEXT_DAYS:
            made += self._make_one(len(made))
        for ahead in range(_NEXT_DAYS):
            day, count = self._today + timedelta(days=ahead), len(made)
            if all(self._local_day(one.start) != day for one in made):
                made.append(self._make_on(day, count))
            while len(made) == count:
                made += self._make_one(count)
        return made

    def _make_one(self, number: int, day: date | None = None) -> list[Appointment]:
        """Try to make an appointment, on any day or on this one."""
        place = number % len(self.service_ids)
        service = self.business.services.get(self.service_ids[place])
        span = self._pick_span(service, day)
        if span is None or not is_service_open(self.business, service, span):
            return []
        return self._try_booking(place, service, span) if day in (None, self._local_day(span.start)) else []

    def _make_on(self, day: date, number: int) -> Appointment:
        """Make an appointment on a local day: at a time that can be booked; if it has none, as staff enter one."""
        for attempt in range(_TRIES):
            if made := self._make_one(number + attempt, day):
                return made[0]
        service = self.business.services.get(self.service_ids[0])
        start = datetime.combine(day, _BY_HAND_AT, self._zone).astimezone(UTC)
        span = Span(start, start + parse_duration(service["defaultDuration"]))
        return self._book(0, service, span, self.staff_ids[:1])

    def _local_day(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()

    def _try_booking(self, place: int, service: Json, span: Span) -> list[Appointment]:
        """Return the appointment, or none."""
        try:
            staff_ids = choose_staff(self.business, service, span, [])
        except RuleBrokenError:
            return []
        return [self._book(place, service, span, staff_ids)]

    def _book(self, place: int, service: Json, span: Span, staff_ids: list[str]) -> Appointment:
        return self.business.appointments.add(
            self._describe_appointment(place, service, span, staff_ids),
            appointment_id=make_item_id(self.source, slashes=self.source.random() < _SLASH_SHARE),
            self_service_id=self._make_self_service_id(service),
            created=self._pick_creation(span),
        )

    def _pick_span(self, service: Json, day: date | None) -> Span | None:
        day = day or self.day + timedelta(days=self.source.randint(-DAYS_BACK, DAYS_AHEAD))
        hours = self.page.hours
        doors = open_spans(hours, self.page.zone, Span(_at(day), _at(day + timedelta(days=1))))
        if not doors:
            return None
        length = parse_duration(service["defaultDuration"])
        interval = parse_duration((service["schedulingPolicy"] or self.page.policy)["timeSlotInterval"])
        slots = (doors[0].end - doors[0].start - length) // interval
        start = doors[0].start + self.source.randint(0, max(0, slots)) * interval
        return Span(start, start + length)

    def _pick_creation(self, span: Span) -> datetime:
        before = span.start - timedelta(days=self.source.randint(1, 20), minutes=self.source.randint(0, 600))
        return min(before, self._newest)

    def _describe_business(self) -> Json:
        page = self.page
        return {
            "displayName": page.name,
            "email": page.id,
            "phone": f"{page.phone_prefix}099",
            "webSiteUrl": f"https://{page.id.partition('@')[2]}/desk",
            "businessType": "IT support",
            "languageTag": page.language,
            "defaultCurrencyIso": page.currency,
            "businessHours": page.hours,
            "schedulingPolicy": page.policy,
            "address": page.address,
            "bookingPageSettings": {
                "accessControl": "restrictedToOrganization",
                "bookingPageColorCode": "#0F6CBD",
                "businessTimeZone": page.zone,
                "customerConsentMessage": "",
                "enforceOneTimePassword": False,
                "isBusinessLogoDisplayEnabled": False,
                "isCustomerConsentEnabled": False,
                "isSearchEngineIndexabilityDisabled": True,
                "isTimeSlotTimeZoneSetToBusinessTimeZone": False,
                "privacyPolicyWebUrl": "",
                "termsAndConditionsWebUrl": "",
            },
        }

    def _add_staff(self, values: Json) -> str:
        address = values["displayName"].lower().replace(" ", ".") + "@" + self.page.id.partition("@")[2]
        full = {"emailAddress": address, "timeZone": self.page.zone} | values
        return self.business.staff.add(full, item_id=self._make_guid(), created=self.created)

    def _add_service(self, values: Json) -> str:
        plain = {name: value for name, value in values.items() if name not in {"team", "asks", "ghost", "window"}}
        team = [self.staff_ids[place] for place in values["team"]]
        if values.get("ghost"):
            team.append(GHOST_STAFF_ID)
        plain["staffMemberIds"] = team
        plain["customQuestions"] = [
            {"questionId": self.question_ids[place], "isRequired": required}
            for place, required in values.get("asks", ())
        ]
        plain["defaultLocation"] = {"displayName": f"{self.page.name}, ground floor", "locationUri": ""}
        plain["defaultReminders"] = [{"offset": "P1D", "recipients": "allAttendees", "message": "See you tomorrow."}]
        if values.get("window"):
            plain["schedulingPolicy"] = plain["schedulingPolicy"] | {"customAvailabilities": [self._make_window()]}
        return self.business.services.add(plain, item_id=self._make_guid(), created=self.created)

    def _make_window(self) -> Json:
        """Make the dates on which a service can be booked that is otherwise not bookable."""
        return {
            "@odata.type": _TYPE + "bookingsAvailabilityWindow",
            "startDate": (self.day - timedelta(days=DAYS_BACK)).isoformat(),
            "endDate": (self.day + timedelta(days=30)).isoformat(),
            "availabilityType": "bookWhenStaffAreFree",
            "businessHours": [],
        }

    def _add_customers(self) -> list[str]:
        people = make_people(self.source, self.page.customers, self.page.phone_prefix)
        return [
            self.business.customers.add(
                {
                    "displayName": person.name,
                    "emailAddress": person.email,
                    "phones": [{"number": person.phone, "type": "business"}],
                },
                item_id=self._make_guid(),
                created=self.created,
            )
            for person in people
        ]

    def _describe_appointment(self, place: int, service: Json, span: Span, staff_ids: list[str]) -> Json:
        seats = service["maximumAttendeesCount"]
        taken = 1 if seats == 1 else self.source.choice((1, seats // 2, seats - 1, seats))
        zone = self.source.choice(self.page.customer_zones)
        customers = [
            self._describe_customer(customer_id, service, zone)
            for customer_id in self.source.sample(self.customer_ids, taken)
        ]
        return {
            "serviceId": self.service_ids[place],
            "serviceName": service["displayName"],
            "startDateTime": render_zoned(span.start),
            "endDateTime": render_zoned(span.end),
            "staffMemberIds": staff_ids,
            "preBuffer": service["preBuffer"],
            "postBuffer": service["postBuffer"],
            "maximumAttendeesCount": seats,
            "isLocationOnline": service["isLocationOnline"],
            "joinWebUrl": self._make_meeting_url() if service["isLocationOnline"] else None,
            "serviceLocation": service["defaultLocation"],
            "serviceNotes": self.source.choice((None, None, "Bring the spare dock.")),
            "reminders": service["defaultReminders"],
            "customerTimeZone": zone,
            "customers": customers,
        }

    def _describe_customer(self, customer_id: str, service: Json, zone: str) -> Json:
        record = self.business.customers.get(customer_id)
        return {
            "@odata.type": _TYPE + "bookingCustomerInformation",
            "customerId": customer_id,
            "name": record["displayName"],
            "emailAddress": record["emailAddress"],
            "phone": record["phones"][0]["number"],
            "timeZone": zone,
            "notes": self.source.choice((None, "Laptop will not start.", "Second try; see the mail from Monday.")),
            "customQuestionAnswers": [
                self._answer_question(asked) for asked in service["customQuestions"] if self._is_answered(asked)
            ],
        }

    def _is_answered(self, asked: Json) -> bool:
        return asked["isRequired"] or self.source.random() < _ANSWER_SHARE

    def _answer_question(self, asked: Json) -> Json:
        question = self.business.questions.get(asked["questionId"])
        options = question["answerOptions"]
        chosen = self.source.choice(options) if options else None
        return {
            "questionId": question["id"],
            "question": question["displayName"],
            "answerInputType": question["answerInputType"],
            "answerOptions": options,
            "isRequired": asked["isRequired"],
            "answer": chosen or self.source.choice(_WORDS),
            "selectedOptions": [chosen] if chosen else [],
        }

    def _make_self_service_id(self, service: Json) -> str:
        is_own = service["maximumAttendeesCount"] == 1 and self.source.random() < _SELF_SERVICE_SHARE
        return self._make_guid() if is_own else ZERO_GUID

    def _make_meeting_url(self) -> str:
        return f"https://teams.microsoft.com/l/meetup-join/19%3ameeting_{self._make_guid()}%40thread.v2/0"

    def _make_guid(self) -> str:
        return str(uuid.UUID(int=self.source.getrandbits(128), version=4))


def seed_business(bookings: Bookings, page: BookingPage, tenant_id: str, day: date, administrator: str) -> Business:
    """Seed one booking page for a day; `administrator` is the account through which a product may sign in."""
    seeder = _Seeder(bookings, page, tenant_id, day, administrator)
    seeder.add_absences()
    seeder.add_appointments()
    seeder.business.publish(published=True)
    return seeder.business


def _at(day: date, hour: int = 0) -> datetime:
    return datetime.combine(day, time(hour), UTC)
