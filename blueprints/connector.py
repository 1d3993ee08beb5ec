"""HTTP: what a designer of flows asks for while one is built: a trial of the connection, lists, schemas, previews."""

import azure.functions as func

from blueprints._http import Request, answers
from blueprints.triggers import KINDS, MOST_PREVIEWED, Question
from shared.json_text import Json

bp = func.Blueprint()

_MAIL_KINDS, _TICKET_KINDS = ("arrived", "failed"), ("created",)


@bp.route(route="connector/connection", methods=["GET"])
@answers()
def check_connection(request: Request) -> Json:
    """Say that the key works and that Microsoft Graph lets the gateway in; errors as everywhere."""
    connection = request.connection
    if not connection.businesses.is_empty:
        connection.graph.list_businesses()
    return {
        "status": "ok",
        "connection": request.connection_name,
        "canWrite": connection.writes is not None,
        "mailboxes": len(request.services.settings.mailboxes),
    }


@bp.route(route="connector/folders", methods=["GET"])
@answers("mailbox")
def list_folders(request: Request) -> Json:
    """List the folders of a mailbox that are read."""
    mailbox = request.named_mailbox(request.query.needed_text("mailbox"))
    return {"value": [{"name": folder} for folder in mailbox.settings.folders]}


@bp.route(route="connector/time-zones", methods=["GET"])
@answers()
def list_time_zones(_request: Request) -> Json:
    """List the time zones by their Windows names."""
    from shared.time_zones.zones import list_zones

    return {
        "value": [
            {"name": zone.windows, "title": f"{zone.windows} ({zone.iana})", "iana": zone.iana} for zone in list_zones()
        ]
    }


@bp.route(route="connector/schemas/answers", methods=["GET"])
@answers("business")
def get_answers_schema(request: Request) -> Json:
    """Get the custom questions of a business as the schema of answers that are read."""
    from bookings.reading.questions import answers_schema

    business = request.allowed_business(request.query.needed_text("business"))
    return {"schema": answers_schema(request.connection.catalogue.questions(business))}


@bp.route(route="connector/schemas/questions", methods=["GET"])
@answers("business", "service")
def get_questions_schema(request: Request) -> Json:
    """Get the custom questions of a service, or of the whole business, as the schema of answers that are written."""
    from bookings.reading.questions import questions_schema

    business, service = (
        request.allowed_business(request.query.needed_text("business")),
        request.query.identifier("service"),
    )
    offered = request.connection.graph.get_service(business, service) if service else None
    return {"schema": questions_schema(request.connection.catalogue.questions(business), offered)}


@bp.route(route="connector/previews/appointments", methods=["GET"])
@answers("kind", "business", "service", "staff", "timeZone", "expand")
def preview_appointments(request: Request) -> Json:
    """Get a few changes, or appointments to come, as a trigger would tell them."""
    kind = _kind(request, *KINDS)
    return {"value": Question(request).preview(kind)}


@bp.route(route="connector/previews/mails", methods=["GET"])
@answers("kind", "mailbox", "folder")
def preview_mails(request: Request) -> Json:
    """Get a few of the last mails that arrived or failed, as a trigger would tell them."""
    from inbound_mail.reports.trigger_items import find_arrived, find_failed, find_latest

    find = find_arrived if _kind(request, *_MAIL_KINDS) == "arrived" else find_failed
    mailbox, folder = request.named_mailbox(request.query.needed_text("mailbox")), request.query.text("folder")
    return {"value": find_latest(find, mailbox, MOST_PREVIEWED, folder, request.services.mail.workers)}


@bp.route(route="connector/previews/tickets", methods=["GET"])
@answers("kind", "mailbox", "folder")
def preview_tickets(request: Request) -> Json:
    """Get a few of the last tickets, as a trigger would tell them."""
    from inbound_mail.reports.trigger_items import find_latest, find_tickets

    _kind(request, *_TICKET_KINDS)
    mailbox, folder = request.named_mailbox(request.query.needed_text("mailbox")), request.query.text("folder")
    return {"value": find_latest(find_tickets, mailbox, MOST_PREVIEWED, folder, request.services.mail.workers)}


def _kind(request: Request, *known: str) -> str:
    request.query.needed_text("kind")
    return request.query.choice("kind", *known) or ""
