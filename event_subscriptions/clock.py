"""The time by which events wait, subscriptions expire and runs hold them."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
