"""Support mailboxes for flows."""

from tests.functional.mail.conftest import open_scenario, scenario

__all__ = ["open_scenario", "scenario"]
