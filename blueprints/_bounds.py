"""Bounds of parameters, said once: routes check them, and the connector's description of a route names them."""

from datetime import timedelta
from typing import NamedTuple


class Bounds(NamedTuple):
    """A whole number's bounds, both included, and the number that is taken if a call gives none."""

    least: int
    most: int
    default: int


APPOINTMENT_PAGE = Bounds(1, 500, default=100)
APPOINTMENT_PAGE_WITH_DETAILS = Bounds(1, 100, default=50)  # a call to Graph for each appointment
SUBSCRIPTION_PAGE = Bounds(1, 100, default=50)
EVENT_DELIVERY_PAGE = Bounds(1, 100, default=50)
MAIL_PAGE = Bounds(1, 100, default=50)
LONGEST_SEARCHED = 200  # characters
HELD_MINUTES = Bounds(1, 30, default=5)
HELD_SEATS = Bounds(1, 1000, default=1)
SLOT_PAGE = Bounds(1, 5000, default=5000)
MINUTES_AHEAD = Bounds(1, 7 * 24 * 60, default=60)

LONGEST_RANGE = timedelta(days=366)
LONGEST_FREE_TIME = timedelta(days=62)
LONGEST_EXPLAINED = timedelta(days=7)

# An answer takes two to three times its size in the worker, and seven to eight times in the platform's host.
MOST_ANSWER_BYTES = 32 * 1024 * 1024

# What lists for designers hold at most.
MOST_APPOINTMENTS_LISTED = 100
MOST_CUSTOMERS_LISTED = 500
MOST_MAILS_LISTED = 50
MOST_FILES_LISTED = 100

MOST_SERVICES = 20
MOST_PAGES = 10  # five calls to Graph for each
