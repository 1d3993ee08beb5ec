"""The function app: which blueprints wake up, and nothing else."""

import azure.functions as func

from blueprints import bookings, mail_work, mailboxes, operations

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in (bookings.bp, mailboxes.bp, mail_work.bp, operations.bp):
    app.register_functions(blueprint)
