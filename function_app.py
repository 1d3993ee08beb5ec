"""The function app: which blueprints wake up, and nothing else."""

import azure.functions as func

from blueprints import (
    booking_writes,
    bookings,
    changes,
    changes_work,
    connector,
    console,
    description,
    graph_notifications,
    instant_triggers,
    mail_files,
    mail_search,
    mail_work,
    mailboxes,
    operations,
    signed_in,
    slot_holds,
    slots,
    subscriptions,
    subscriptions_work,
    triggers,
    wrong_path,
)
from shared import telemetry

telemetry.install()
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in (
    bookings.bp,
    booking_writes.bp,
    changes.bp,
    changes_work.bp,
    connector.bp,
    console.bp,
    description.bp,
    instant_triggers.bp,
    graph_notifications.bp,
    mailboxes.bp,
    mail_files.bp,
    mail_search.bp,
    mail_work.bp,
    operations.bp,
    signed_in.bp,
    slot_holds.bp,
    slots.bp,
    subscriptions.bp,
    subscriptions_work.bp,
    triggers.bp,
    wrong_path.bp,
):
    app.register_functions(blueprint)
