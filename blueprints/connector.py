"""HTTP: what a designer of flows asks for while one is built: a trial of the connection, lists, schemas, previews."""

import azure.functions as func

from blueprints._http import Asked, Json, answers
from blueprints.triggers import KINDS, MOST_PREVIEWED, Question

bp = func.Blueprint()

_MAIL_KINDS, _TICKET_KINDS = ("arrived", "failed"), ("created",)


@bp.route(route="connector/connection", methods=["GET"])
@answers()
def check_connection(asked: Asked) -> Json:
    """Say that the key works and that Microsoft Graph lets the gateway in; errors as everywhere."""
    tenant = asked.tenant
    if not tenant.businesses.is_empty:
        tenant.graph.list_businesses()
    return {
        "status": "ok",
        "connection": asked.connection,
        "canWrite": tenant.writes is not None,
        "mailboxes": len(asked.services.settings.mailboxes),
    }


@bp.route(route="connector/folders", methods=["GET"])
@answers("mailbox")
def list_folders(asked: Asked) -> Json:
    """List the folders of a mailbox that are read."""
    desk = asked.named_desk(asked.query.needed_text("mailbox"))
    return {"value": [{"name": folder} for folder in desk.mailbox.folders]}


@bp.route(route="connector/time-zones", methods=["GET"])
@answers()
def list_time_zones(_asked: Asked) -> Json:
    """List the time zones by their Windows names."""
    from shared.time_zones.zones import list_zones

    return {
        "value": [
            {"name": zone.windows, "title": f"{zone.windows} ({zone.iana})", "iana": zone.iana} for zone in list_zones()
        ]
    }


@bp.route(route="connector/schemas/answers", methods=["GET"])
@answers("business")
def get_answers_schema(asked: Asked) -> Json:
    """Get the custom questions of a business as the schema of answers that are read."""
    from bookings.reading.questions import answers_schema

    business = asked.allowed_business(asked.query.needed_text("business"))
    return {"schema": answers_schema(asked.tenant.catalogue.questions(business))}


@bp.route(route="connector/schemas/questions", methods=["GET"])
@answers("business", "service")
def get_questions_schema(asked: Asked) -> Json:
    """Get the custom questions of a service, or of the whole business, as the schema of answers that are written."""
    from bookings.reading.questions import questions_schema

    business, service = asked.allowed_business(asked.query.needed_text("business")), asked.query.identifier("service")
    offered = asked.tenant.graph.get_service(business, service) if service else None
    return {"schema": questions_schema(asked.tenant.catalogue.questions(business), offered)}


@bp.route(route="connector/previews/appointments", methods=["GET"])
@answers("kind", "business", "service", "staff", "timeZone", "expand")
def preview_appointments(asked: Asked) -> Json:
    """Get a few changes, or appointments to come, as a trigger would tell them."""
    kind = _kind(asked, *KINDS)
    return {"value": Question(asked).preview(kind)}


@bp.route(route="connector/previews/mails", methods=["GET"])
@answers("kind", "mailbox", "folder")
def preview_mails(asked: Asked) -> Json:
    """Get a few of the last mails that arrived or failed, as a trigger would tell them."""
    from inbound_mail.reports.trigger_items import find_arrived, find_failed, find_latest

    find = find_arrived if _kind(asked, *_MAIL_KINDS) == "arrived" else find_failed
    desk, folder = asked.named_desk(asked.query.needed_text("mailbox")), asked.query.text("folder")
    return {"value": find_latest(find, desk, MOST_PREVIEWED, folder, asked.services.mail.workers)}


@bp.route(route="connector/previews/tickets", methods=["GET"])
@answers("kind", "mailbox", "folder")
def preview_tickets(asked: Asked) -> Json:
    """Get a few of the last tickets, as a trigger would tell them."""
    from inbound_mail.reports.trigger_items import find_latest, find_tickets

    _kind(asked, *_TICKET_KINDS)
    desk, folder = asked.named_desk(asked.query.needed_text("mailbox")), asked.query.text("folder")
    return {"value": find_latest(find_tickets, desk, MOST_PREVIEWED, folder, asked.services.mail.workers)}


def _kind(asked: Asked, *known: str) -> str:
    asked.query.needed_text("kind")
    return asked.query.choice("kind", *known) or ""
