"""Read durations as the workflow definition language writes them, such as PT10S or P1DT2H."""

import isodate


def read_seconds(duration: str) -> float:
    """Return an ISO 8601 duration in seconds. Raises ValueError if it is none."""
    return float(isodate.parse_duration(duration).total_seconds())


def measure(duration: str) -> float:
    """Return a duration in seconds, 0 for a text that is none."""
    try:
        return read_seconds(duration)
    except ValueError:
        return 0.0
