"""The reasons for which a time is no slot. A module of its own, because the description of the API reads it alone."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a time is no slot, as answers name it."""

    CLOSED = "closed"
    BREAK = "break"
    CUSTOM = "customAvailability"
    LEAD_TIME = "leadTime"
    BEYOND = "beyondWindow"
    NOBODY = "noStaff"
    FULL = "full"
    BUSY = "busy"
    AWAY = "outOfOffice"
    BUFFER = "buffer"
    HELD = "held"
    UNKNOWN = "notReported"
