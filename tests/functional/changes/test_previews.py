"""Previews: what a trigger would tell, for a flow that is tried before anything happens."""

from datetime import datetime, timedelta
from typing import Any

from tests.functional.booking_writes import clock
from tests.functional.changes.conftest import Page
from tests.functional.conftest import read_error
from twin.seeds import tiny


def soon() -> datetime:
    return datetime.fromisoformat(clock(9)) + timedelta(days=2)


def preview(page: Page, kind: str, **query: Any) -> list[Any]:
    answer = page.gateway.get("connector/previews/appointments", business=page.name, kind=kind, **query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["value"]
    return found


def test_a_preview_shows_what_happened_lately(page: Page) -> None:
    preview(page, "created")  # the first scan reports nothing
    made = page.book(soon())
    page.age()
    [item] = preview(page, "created")
    assert (item["appointmentId"], item["eventKind"]) == (made, "created")


def test_without_news_a_preview_shows_what_is_to_come(page: Page) -> None:
    made = page.book(soon())
    [item] = preview(page, "cancelled")
    assert (item["appointmentId"], item["eventKind"]) == (made, "upcoming")


def test_a_preview_keeps_to_the_triggers_filters(page: Page) -> None:
    page.book(soon())
    assert preview(page, "upcoming", staff=tiny.BOB) == []
    asked = {"staff": tiny.ANNE}
    [whole], [plain] = preview(page, "upcoming", **asked, details="true"), preview(page, "upcoming", **asked)
    assert "customers" in whole.keys() - plain.keys()
    assert [whole] == preview(page, "upcoming", **asked, expand="details")


def test_a_preview_of_an_unknown_kind_is_refused(page: Page) -> None:
    answer = page.gateway.get("connector/previews/appointments", business=page.name, kind="nonsense")
    assert read_error(answer)["code"] == "InvalidChoice"
    assert (
        read_error(page.gateway.get("connector/previews/appointments", business=page.name))["code"]
        == "MissingParameter"
    )
