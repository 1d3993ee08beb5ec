from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.functional.twin.small_page import PAGE_PATH, ROBIN, UNKNOWN_ERROR, book, make_safe, read_error, wish, zoned
from twin import Simulator
from twin.bookings.state import Business
from twin.client import RawGraphClient
from twin.seeds.booking_pages import week
from twin.seeds.tiny import ANNE, BOB, BUSINESS, CUSTOMER, GROUP, QUESTION, VISIT

CLEO = {"@odata.type": "#microsoft.graph.bookingCustomerInformation", "customerId": CUSTOMER}


def change(graph: RawGraphClient, appointment_id: str, body: dict[str, Any]) -> requests.Response:
    return graph.request("PATCH", f"{PAGE_PATH}/appointments/{make_safe(appointment_id)}", json=body)


def test_a_booking_fills_what_was_not_sent(graph: RawGraphClient, page: Business, noon: datetime) -> None:
    answer = book(graph, noon)
    made = answer.json()

    assert answer.status_code == 201
    assert made["serviceName"] == "Visit"
    assert made["staffMemberIds"] == [ANNE]
    assert (made["postBuffer"], made["duration"]) == ("PT10M", "PT30M")
    assert (made["maximumAttendeesCount"], made["filledAttendeesCount"]) == (1, 1)
    assert (made["customerName"], made["customerEmailAddress"]) == ("Robin Example", "robin@example.com")
    assert made["selfServiceAppointmentId"] == "00000000-0000-0000-0000-000000000000"
    record = page.customers.get(made["customers"][0]["customerId"])
    assert (record["displayName"], record["phones"][0]["number"]) == ("Robin Example", "+44 20 7946 0100")
    assert graph.get(f"{PAGE_PATH}/appointments/{make_safe(made['id'])}").json() == made


def test_an_online_booking_has_a_meeting(graph: RawGraphClient, noon: datetime) -> None:
    assert book(graph, noon).json()["joinWebUrl"] is None
    made = book(graph, noon + timedelta(hours=1), isLocationOnline=True).json()
    assert made["joinWebUrl"].startswith("https://teams.microsoft.com/")


def test_answers_get_the_text_of_their_question(graph: RawGraphClient, noon: datetime) -> None:
    answers = [{"questionId": QUESTION, "answer": "LT-1"}]
    made = book(graph, noon, customers=[ROBIN | {"customQuestionAnswers": answers}]).json()

    answer = made["customers"][0]["customQuestionAnswers"][0]
    assert (answer["question"], answer["answer"], answer["answerInputType"]) == ("Asset tag?", "LT-1", "text")


def test_confirmations_go_out_unless_the_customer_opted_out(
    graph: RawGraphClient, page: Business, noon: datetime
) -> None:
    book(graph, noon)
    book(graph, noon + timedelta(hours=1), optOutOfCustomerEmail=True)

    assert [(notice.kind, notice.recipients) for notice in page.notices] == [
        ("confirmation", ("anne@contoso.com", "robin@example.com")),
        ("confirmation", ("anne@contoso.com",)),
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda noon: wish(noon, minutes=45),
        lambda noon: wish(noon - timedelta(days=30)),
        lambda noon: wish(noon + timedelta(days=400)),
        lambda noon: wish(noon, serviceId="unknown"),
        lambda noon: wish(noon, staffMemberIds=["stranger"]),
        lambda noon: wish(noon, serviceId=GROUP, minutes=60, customers=[ROBIN]),
        lambda noon: wish(noon, serviceId=GROUP, minutes=60, customers=[CLEO] * 5),
        lambda noon: wish(noon, customers=[ROBIN, ROBIN]),
        lambda noon: wish(noon, customers=[ROBIN | {"emailAddress": "bad mail at example"}]),
        lambda noon: wish(noon, customers=[ROBIN | {"phone": "call me"}]),
        lambda noon: wish(noon, startDateTime={"dateTime": "soon", "timeZone": "UTC"}),
        lambda noon: wish(noon, startDateTime=zoned(noon) | {"timeZone": "Nowhere"}),
        lambda noon: wish(noon, endDateTime=zoned(noon - timedelta(minutes=30))),
        lambda noon: {name: value for name, value in wish(noon).items() if name != "serviceId"},
        lambda noon: {name: value for name, value in wish(noon).items() if name != "endDateTime"},
    ],
    ids=[
        "length",
        "past",
        "far",
        "service",
        "staff",
        "stranger",
        "five",
        "seats",
        "mail",
        "phone",
        "time",
        "zone",
        "end",
        "none",
        "half",
    ],
)
def test_a_broken_rule_is_an_unknown_error(
    graph: RawGraphClient, page: Business, noon: datetime, spoil: Callable[[datetime], dict[str, Any]]
) -> None:
    answer = graph.request("POST", f"{PAGE_PATH}/appointments", json=spoil(noon))

    assert read_error(answer) == UNKNOWN_ERROR
    assert len(page.appointments) == 0


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"customers": [{"name": "Robin"}]}, "Cannot create an abstract class."),
        ({"start": "now"}, "The property 'start' does not exist"),
        ({"isLocationOnline": "yes"}, "Cannot convert the literal"),
    ],
)
def test_a_body_that_does_not_fit_is_a_bad_request(
    graph: RawGraphClient, noon: datetime, body: dict[str, Any], complaint: str
) -> None:
    status, code, message = read_error(book(graph, noon, **body))

    assert (status, code) == (400, "RequestBodyRead")
    assert message.startswith(complaint)


def test_a_body_that_is_no_json(graph: RawGraphClient) -> None:
    url = f"https://graph.microsoft.com/v1.0{PAGE_PATH}/appointments"

    no_json = graph.session.post(url, data="{", headers={"Content-Type": "application/json"}, timeout=10)
    no_type = graph.session.post(url, data="{}", timeout=10)
    nothing = graph.session.post(url, timeout=10)

    assert [answer.status_code for answer in (no_json, no_type, nothing)] == [400, 415, 400]


def test_hours_of_business_service_and_staff_count(graph: RawGraphClient, page: Business, noon: datetime) -> None:
    day = noon.strftime("%A").lower()
    page.patch({"businessHours": week(("10:00", "14:00"), days=(day,))})
    assert read_error(book(graph, noon.replace(hour=9))) == UNKNOWN_ERROR
    assert read_error(book(graph, noon + timedelta(days=1))) == UNKNOWN_ERROR

    for staff_id in (ANNE, BOB):
        page.staff.patch(staff_id, {"useBusinessHours": False, "workingHours": week(("12:00", "13:00"), days=(day,)),
                                    "timeZone": "W. Europe Standard Time"})  # fmt: skip
    assert read_error(book(graph, noon)) == (500, "UnknownError", "staff not available")
    berlin_noon = noon.replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert book(graph, berlin_noon).status_code == 201


FREE, CLOSED = "bookWhenStaffAreFree", "notBookable"


@pytest.mark.parametrize(
    ("general", "windows", "works"),
    [
        ({"availabilityType": CLOSED}, [], False),
        ({"availabilityType": CLOSED}, [{"availabilityType": FREE}], True),
        ({"availabilityType": CLOSED}, [{"availabilityType": FREE, "endDate": "2020-01-01"}], False),
        ({"availabilityType": "customWeeklyHours", "businessHours": []}, [], False),
        ({"availabilityType": FREE}, [{"availabilityType": CLOSED}], False),
        (None, [], True),
    ],
)  # fmt: skip
def test_the_availability_of_a_service_counts(  # noqa: PLR0917 - a row of the table
    graph: RawGraphClient, page: Business, noon: datetime, general: Any, windows: list[Any], works: bool
) -> None:
    windows = [{"@odata.type": "#microsoft.graph.bookingsAvailabilityWindow"} | one for one in windows]
    page.services.patch(VISIT, {"schedulingPolicy": {"generalAvailability": general, "customAvailabilities": windows}})

    assert book(graph, noon).status_code == (201 if works else 500)


def test_lead_time_is_the_services_or_else_the_businesss(sim: Simulator, graph: RawGraphClient, page: Business) -> None:
    soon = sim.world.clock.now().replace(second=0, microsecond=0) + timedelta(hours=1)
    assert book(graph, soon).status_code == 201

    page.services.patch(VISIT, {"schedulingPolicy": {"minimumLeadTime": "PT2H"}})
    assert read_error(book(graph, soon + timedelta(minutes=45))) == UNKNOWN_ERROR
    assert book(graph, soon + timedelta(hours=3)).status_code == 201


def test_nobody_is_booked_twice_and_buffers_count(sim: Simulator, graph: RawGraphClient, noon: datetime) -> None:
    assert book(graph, noon, staffMemberIds=[ANNE]).status_code == 201
    after_buffer = noon + timedelta(minutes=40)

    assert read_error(book(graph, noon, staffMemberIds=[ANNE]))[2] == "staff not available"
    assert read_error(book(graph, noon + timedelta(minutes=30), staffMemberIds=[ANNE]))[2] == "staff not available"
    assert book(graph, after_buffer, staffMemberIds=[ANNE]).status_code == 201
    sim.bookings.switches.app_create_needs_staff = False
    assert book(graph, noon, staffMemberIds=[]).json()["staffMemberIds"] == [BOB]
    assert read_error(book(graph, noon, staffMemberIds=[]))[2] == "staff not available"


def test_an_app_must_name_staff_and_an_administrator_need_not(
    sim: Simulator, graph: RawGraphClient, page: Business, noon: datetime
) -> None:
    assert read_error(book(graph, noon, staffMemberIds=[])) == (400, "BadRequest", "Invalid Staff")
    assert len(page.appointments) == 0
    sim.bookings.switches.app_create_needs_staff = False
    assert book(graph, noon, staffMemberIds=[]).json()["staffMemberIds"] == [ANNE]


def test_time_off_and_personal_meetings_count(
    sim: Simulator, graph: RawGraphClient, page: Business, noon: datetime
) -> None:
    control = f"{sim.control_url}/bookings/businesses/{BUSINESS}"
    span = {"start": noon.isoformat(), "end": (noon + timedelta(hours=1)).isoformat()}
    requests.post(f"{control}/timeOff", json={"staffId": ANNE} | span, timeout=10).raise_for_status()
    requests.post(f"{control}/personalEvents", json={"staffId": BOB} | span, timeout=10).raise_for_status()

    assert read_error(book(graph, noon))[2] == "staff not available"
    assert read_error(book(graph, noon, staffMemberIds=[BOB]))[2] == "staff not available"
    page.staff.patch(BOB, {"availabilityIsAffectedByPersonalCalendar": False})
    assert book(graph, noon, staffMemberIds=[BOB]).status_code == 201


def test_a_choice_of_staff_must_be_allowed_only_with_the_switch(
    sim: Simulator, graph: RawGraphClient, page: Business, noon: datetime
) -> None:
    page.services.patch(VISIT, {"schedulingPolicy": {"allowStaffSelection": False}})
    assert book(graph, noon, staffMemberIds=[ANNE]).status_code == 201
    sim.bookings.set_switches({"staff_choice_binds_apps": True, "app_create_needs_staff": False})

    assert read_error(book(graph, noon, staffMemberIds=[BOB])) == UNKNOWN_ERROR
    assert book(graph, noon, staffMemberIds=[]).json()["staffMemberIds"] == [BOB]


def test_where_staff_cannot_be_chosen_an_appointment_moves_with_the_staff_it_has(
    sim: Simulator, graph: RawGraphClient, page: Business, noon: datetime
) -> None:
    page.services.patch(VISIT, {"schedulingPolicy": {"allowStaffSelection": False}})
    made = book(graph, noon).json()
    sim.bookings.switches.staff_choice_binds_apps = True
    later = noon + timedelta(hours=2)
    times = {"startDateTime": zoned(later), "endDateTime": zoned(later + timedelta(minutes=30))}

    assert change(graph, made["id"], times).status_code == 204
    assert page.appointments.get(made["id"]).staff_ids == made["staffMemberIds"]
    assert read_error(change(graph, made["id"], {"staffMemberIds": [BOB]})) == UNKNOWN_ERROR


def test_a_group_takes_existing_customers_and_drops_unknown_ones(graph: RawGraphClient, noon: datetime) -> None:
    unknown = CLEO | {"customerId": "00000000-0000-4000-8000-000000000000"}
    made = book(graph, noon, minutes=60, serviceId=GROUP, customers=[CLEO, unknown]).json()

    assert [one["customerId"] for one in made["customers"]] == [CUSTOMER]
    assert made["customers"][0]["name"] is None
    assert (made["maximumAttendeesCount"], made["filledAttendeesCount"]) == (6, 1)
    second = book(graph, noon, minutes=60, serviceId=GROUP, customers=[CLEO])
    assert read_error(second) == (500, "UnknownError", "staff not available")


def test_seats_are_taken_by_patch(graph: RawGraphClient, page: Business, noon: datetime) -> None:
    made = book(graph, noon, minutes=60, serviceId=GROUP, customers=[CLEO]).json()
    other = page.customers.add({"displayName": "Other"})
    more = [CLEO | {"name": "Cleo"}, CLEO | {"customerId": other, "name": "Other"}]

    assert change(graph, made["id"], {"customers": more}).status_code == 204
    changed = page.appointments.get(made["id"])
    assert changed.seats_taken == 2
    assert changed.values["customerName"] == "Cleo"
    assert read_error(change(graph, made["id"], {"customers": [{"name": "x"}]}))[0] == 400


@pytest.mark.parametrize("is_capped", [False, True])
def test_five_customers_are_refused_by_create_and_by_update_only_with_the_switch(
    sim: Simulator, graph: RawGraphClient, page: Business, noon: datetime, *, is_capped: bool
) -> None:
    sim.bookings.switches.update_caps_customers = is_capped
    ids = [page.customers.add({"displayName": f"Guest {number}"}) for number in range(6)]
    guests = [CLEO | {"customerId": each, "name": each} for each in ids]

    assert read_error(book(graph, noon, minutes=60, serviceId=GROUP, customers=guests[:5])) == UNKNOWN_ERROR
    made = book(graph, noon, minutes=60, serviceId=GROUP, customers=guests[:4]).json()
    answer = change(graph, made["id"], {"customers": guests})

    assert answer.status_code == (500 if is_capped else 204)
    assert page.appointments.get(made["id"]).seats_taken == (4 if is_capped else 6)


def test_a_reschedule_moves_and_keeps_the_id(graph: RawGraphClient, page: Business, noon: datetime) -> None:
    made = book(graph, noon).json()
    later = noon + timedelta(hours=2)
    body = {"startDateTime": zoned(later), "endDateTime": zoned(later + timedelta(minutes=30))}

    answer = change(graph, made["id"], body)

    assert (answer.status_code, answer.content) == (204, b"")
    moved = page.appointments.get(made["id"])
    assert (moved.start, moved.values["createdDateTime"]) == (later, made["createdDateTime"])
    assert change(graph, made["id"], {"startDateTime": zoned(noon)}).status_code == 500
    half = {"startDateTime": zoned(later + timedelta(minutes=10)), "endDateTime": zoned(later + timedelta(minutes=40))}
    assert change(graph, made["id"], half).status_code == 204


def test_a_reschedule_can_be_made_to_change_the_id(
    sim: Simulator, graph: RawGraphClient, page: Business, noon: datetime
) -> None:
    sim.bookings.switches.reschedule_changes_id = True
    made = book(graph, noon).json()
    later = noon + timedelta(hours=2)
    body = {"startDateTime": zoned(later), "endDateTime": zoned(later + timedelta(minutes=30))}

    assert change(graph, made["id"], body).status_code == 204
    assert made["id"] not in [one.id for one in page.appointments.all()]
    assert len(page.appointments) == 1


def test_what_a_change_may_not_do(graph: RawGraphClient, noon: datetime) -> None:
    made = book(graph, noon, staffMemberIds=[ANNE]).json()
    other = book(graph, noon, staffMemberIds=[BOB]).json()

    assert read_error(change(graph, made["id"], {"serviceId": GROUP})) == UNKNOWN_ERROR
    assert read_error(change(graph, made["id"], {"staffMemberIds": [BOB]})) == UNKNOWN_ERROR
    assert change(graph, made["id"], {"serviceId": VISIT, "serviceNotes": "x"}).status_code == 204
    assert read_error(change(graph, "unknown", {}))[1] == "ErrorItemNotFound"
    assert graph.request("DELETE", f"{PAGE_PATH}/appointments/{make_safe(other['id'])}").status_code == 204
    assert change(graph, made["id"], {"staffMemberIds": [BOB]}).status_code == 204


def test_a_cancelled_appointment_is_gone_and_everybody_informed(
    graph: RawGraphClient, page: Business, noon: datetime
) -> None:
    made = book(graph, noon).json()
    path = f"{PAGE_PATH}/appointments/{make_safe(made['id'])}/cancel"

    assert read_error(graph.request("POST", path, json={"message": "x"})) == UNKNOWN_ERROR
    assert read_error(graph.request("POST", path, json={"cancellationMessage": 1})) == UNKNOWN_ERROR
    assert graph.request("POST", path, json={"cancellationMessage": "Closed that day."}).status_code == 204
    assert read_error(graph.request("POST", path, json={}))[0] == 404
    assert (page.notices[-1].kind, page.notices[-1].message) == ("cancelled", "Closed that day.")
    assert "robin@example.com" in page.notices[-1].recipients
