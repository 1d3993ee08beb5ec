"""Numbers that others send in ways that Python does not read: of 5,000 digits, without end, or none at all."""

from datetime import timedelta
from typing import Any, cast

import pytest

from bookings.describe import answer_text
from inbound_mail.content.meetings import has_words_of_a_person
from shared.entra_errors import read_refusal
from shared.errors import AnswerTooLarge, OutcomeUnknown
from shared.retry import read_retry_after
from shared.time_zones.zones import read_duration
from shared.transport import Streamed
from tests.unit.graph_message import build_mail

LONG = "9" * 5000
DAY = 24 * 3600


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7), ("0.5", 0.5), ("-1", 0), (LONG, DAY), ("inf", DAY), ("1e999", DAY), ("-inf", 0), ("nan", None),
        ("soon", None), ("", None), (None, None), ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
        ("Mon, 01 Jan 0001 00:00:00", None),
    ],
)  # fmt: skip
def test_a_wait_that_is_asked_for_is_a_day_at_most(header: str | None, seconds: float | None) -> None:
    assert read_retry_after(header) == seconds


class Endless:
    """An answer that announces a length of 5,000 digits. It has nothing that could be read."""

    status_code = 200
    headers = {"Content-Length": LONG}  # noqa: RUF012 - never changed


def test_an_answer_of_a_length_beyond_all_bounds_is_too_large() -> None:
    with pytest.raises(AnswerTooLarge):
        Streamed(cast("Any", Endless()), "graph").read(10)


@pytest.mark.parametrize("codes", [[LONG], ["x"], [None], [1.5], 5, "700016", {"a": 1}, None, [-1], [True]])
def test_entra_may_send_anything_for_its_numbers(codes: Any) -> None:
    refusal = read_refusal({"error": "invalid_client", "error_codes": codes})
    assert (refusal.error, refusal.numbers) == ("invalid_client", ())
    assert read_refusal({"error": "invalid_client", "error_codes": [7000215, "53003"]}).numbers == (7000215, 53003)


@pytest.mark.parametrize("text", [f"P{LONG}D", "P999999999999D", f"PT{LONG}S", "P1Y", "soon", "PT1e9H"])
def test_a_duration_that_no_clock_knows_is_an_answer_that_cannot_be_read(text: str) -> None:
    with pytest.raises(OutcomeUnknown):
        read_duration(text, timedelta())


@pytest.mark.parametrize("chosen", [LONG, "7", "-1", "1.0", "\u0661", "01", 99])
def test_a_choice_that_is_no_position_is_shown_as_it_is(chosen: Any) -> None:
    options = ["Desk", "Phone"]
    assert answer_text({"answerOptions": options, "selectedOptions": [chosen]}) == str(chosen)
    assert answer_text({"answerOptions": options, "selectedOptions": [1, "0", "Phone"]}) == "Phone, Desk, Phone"
    assert answer_text({"answerOptions": ["1", "0"], "selectedOptions": ["1"]}) == "1"


def test_a_reference_to_a_character_of_any_length_is_read_in_an_answer_to_an_invitation() -> None:
    for number in (LONG, f"x{LONG}"):
        assert has_words_of_a_person(build_mail(f"<p>I come later &#{number};</p>", kind="html"))
