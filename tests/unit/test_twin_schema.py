from typing import Any

import pytest

from twin.bookings.schema import MisfitError, check

CUSTOMER = {"@odata.type": "#microsoft.graph.bookingCustomerInformation", "name": "Robin"}


def test_annotations_and_computed_properties_are_left_out() -> None:
    sent = {
        "@odata.type": "#microsoft.graph.bookingAppointment",
        "customers@odata.type": "#Collection(microsoft.graph.bookingCustomerInformation)",
        "customers": [CUSTOMER],
        "filledAttendeesCount": 9,
        "serviceName": "Visit",
    }

    assert check(sent, "bookingAppointment") == {"customers": [CUSTOMER], "serviceName": "Visit"}


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ({"start": "now"}, "The property 'start' does not exist on type 'microsoft.graph.bookingAppointment'"),
        ({"customers": [{"name": "Robin"}]}, "Cannot create an abstract class"),
        ({"customers": [CUSTOMER | {"smsNotificationsEnabled": True}]}, "smsNotificationsEnabled"),
        ({"customers": [CUSTOMER | {"@odata.type": "#microsoft.graph.bookingService"}]}, "not assignable"),
        ({"@odata.type": "#microsoft.graph.nothing"}, "could not be resolved"),
        ({"serviceName": None}, "A null value was found for the property named 'serviceName'"),
        ({"isLocationOnline": "yes"}, "Cannot convert the literal 'yes'"),
        ({"maximumAttendeesCount": True}, "Cannot convert"),
        ({"maximumAttendeesCount": 2**31}, "Cannot convert"),
        ({"preBuffer": "10 minutes"}, "Cannot convert"),
        ({"priceType": "cheap"}, "Requested value 'cheap' was not found"),
        ({"staffMemberIds": "one"}, "expects a collection"),
        ({"startDateTime": "2026-05-05"}, "A JSON object is expected"),
        ({"startDateTime": {"date": "2026-05-05"}}, "does not exist on type 'microsoft.graph.dateTimeTimeZone'"),
        ([], "A JSON object is expected"),
    ],
)
def test_what_the_metadata_do_not_allow_is_refused(sent: Any, complaint: str) -> None:
    with pytest.raises(MisfitError, match=complaint):
        check(sent, "bookingAppointment")


def test_a_property_called_type_is_a_property() -> None:
    sent = {"@odata.type": "#microsoft.graph.bookingCustomer", "phones": [{"number": "1", "type": "business"}]}

    assert check(sent, "bookingCustomerBase") == {"phones": [{"number": "1", "type": "business"}]}


def test_an_availability_keeps_the_name_of_its_type() -> None:
    window = {
        "@odata.type": "#microsoft.graph.bookingsAvailabilityWindow",
        "availabilityType": "notBookable",
        "startDate": "2026-05-05",
    }
    policy = {"generalAvailability": {"availabilityType": "notBookable"}, "customAvailabilities": [window]}

    checked = check({"schedulingPolicy": policy}, "bookingService")["schedulingPolicy"]

    assert checked["generalAvailability"]["@odata.type"] == "#microsoft.graph.bookingsAvailability"
    assert checked["customAvailabilities"] == [window]
