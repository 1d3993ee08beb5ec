"""The functions that a timer starts. Imported at every start of the app, so it holds nothing else."""

from collections.abc import Mapping

WATCH_SCHEDULE = "30 */5 * * * *"
"""When alarms are checked. Not a setting: so a wrong setting keeps no alarm back."""
TIMERS: Mapping[str, str | None] = {
    "schedule_mailbox_polls": "MAILBOX_POLL_SCHEDULE",
    "refresh_changes": "CHANGES_SCHEDULE",
    "watch_mailboxes": None,
}
"""The functions that a timer starts, with the setting of the schedule; None: `WATCH_SCHEDULE`."""
