"""Read durations as the workflow definition language writes them, such as PT10S or P1DT2H."""

import re

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def read_seconds(duration: str) -> int:
    """Return the seconds of a duration, 0 if it is none."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        return 0
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
