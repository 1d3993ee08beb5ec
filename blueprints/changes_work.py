"""Timer: scan the businesses with a change feed, so that changes are found while no caller asks."""

import logging
import uuid
from datetime import UTC, datetime

import azure.functions as func

from blueprints._routes import Blueprint
from composition.services import services
from shared import context

bp = Blueprint()
_log = logging.getLogger("gateway.changes")

_AT_ONCE = 4


@bp.timer_trigger(arg_name="timer", schedule="%CHANGES_SCHEDULE%", run_on_startup=False, use_monitor=True)
def refresh_changes(timer: func.TimerRequest) -> None:
    """Scan every business whose change feed was asked for within a month; then look after event subscriptions.

    Who has not polled a trigger for a month is forgotten.

    Before that, deliver events if the trigger of their queue takes no messages. The next run does what this one leaves.
    """
    from bookings.changes.feed import tick_feeds
    from composition.subscriptions import prove_deliveries, stand_in_for_deliveries, sweep_subscriptions
    from shared.workers import Workers

    used = services()
    _log.debug("scanning businesses, past due: %s", timer.past_due)
    feeds = {name: connection.changes for name, connection in used.connections.items()}
    with context.call(str(uuid.uuid4()), seconds=context.RUN_SECONDS):
        used.mail.timer_runs.note("refresh_changes", datetime.now(UTC))
        has_stood_in = stand_in_for_deliveries(used)
        tick_feeds(
            used.changes,
            feeds,
            lambda connection, business: used.connections[connection].businesses.allows(business),
            Workers(_AT_ONCE),
        )
        sweep_subscriptions(used)
        used.stores.trigger_polls.forget_old(used.connections, datetime.now(UTC))
        if has_stood_in:
            prove_deliveries(used)
