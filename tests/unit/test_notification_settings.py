"""Where Graph reaches the gateway: what is declared goes before what the platform says, and must be public."""

import pytest

from shared.settings.notification_settings import NotificationSettings, is_public, read_notification_settings

PLATFORM = {"WEBSITE_HOSTNAME": "app.azurewebsites.net"}
ON = {"GRAPH_NOTIFICATIONS": "on"}


def read(given: dict[str, str]) -> tuple[NotificationSettings, list[str]]:
    faults: list[str] = []
    found = read_notification_settings(lambda name: given.get(name, ""), lambda name, _: faults.append(name))
    return found, faults


@pytest.mark.parametrize(
    ("given", "base_url"),
    [
        (PLATFORM, "https://app.azurewebsites.net/api"),
        (PLATFORM | {"PUBLIC_BASE_URL": "https://gateway.contoso.com/api"}, "https://gateway.contoso.com/api"),
        (
            {
                "PUBLIC_BASE_URL": "https://gateway.internal/api",
                "GRAPH_NOTIFICATIONS_URL": "https://push.contoso.com/x/",
            },
            "https://push.contoso.com/x",
        ),
    ],
)
def test_the_address_is_the_declared_one_or_that_of_the_platform(given: dict[str, str], base_url: str) -> None:
    assert read(given | ON) == (NotificationSettings(is_on=True, base_url=base_url), [])


def test_an_address_is_needed_only_while_notifications_are_wanted() -> None:
    assert read({}) == (NotificationSettings(is_on=False, base_url=None), [])
    assert read(ON)[1] == ["GRAPH_NOTIFICATIONS_URL"]
    assert read(ON | {"PUBLIC_BASE_URL": "https://10.0.0.4/api"})[1] == ["GRAPH_NOTIFICATIONS_URL"]
    assert read({"GRAPH_NOTIFICATIONS_URL": "http://gateway.contoso.com/api"})[1] == ["GRAPH_NOTIFICATIONS_URL"]


def test_calendars_are_watched_with_both_switches_only() -> None:
    bookings = {"GRAPH_NOTIFICATIONS_BOOKINGS": "on"}
    assert [read(given | PLATFORM)[0].has_bookings for given in (bookings, ON, ON | bookings)] == [False, False, True]


@pytest.mark.parametrize("host", ["localhost", "gateway", "127.0.0.1", "10.1.2.3", "gw.internal", "gw.local", "gw.lan"])
def test_hosts_that_the_internet_does_not_know_are_refused(host: str) -> None:
    assert not is_public(f"https://{host}/api")
    assert is_public(f"https://{host}.contoso.com/api")
