"""HTTP: what the flow designer asks for: a test of the connection, lists, schemas, previews of triggers."""

from blueprints import _subscriptions
from blueprints._bounds import (
    MOST_APPOINTMENTS_LISTED,
    MOST_CUSTOMERS_LISTED,
    MOST_FILES_LISTED,
    MOST_MAILS_LISTED,
)
from blueprints._http import Request, answers
from blueprints._routes import Blueprint
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import list_zones

bp = Blueprint()

MOST_PREVIEWED = 3


@bp.route(route="connector/connection", methods=["GET"])
@answers()
def check_connection(request: Request) -> Json:
    """Confirm that the key is valid and that Microsoft Graph answers the gateway."""
    connection, used = request.connection, request.services
    if not connection.businesses.is_empty:
        try:
            connection.graph.list_businesses()
        except Invalid as error:
            if error.code != "SearchTooWide":  # Graph answers, and finds more than it lists
                raise
    mailboxes = used.mail.mailboxes if used.settings.blobs else used.settings.mailboxes
    return {
        "status": "ok",
        "connection": request.connection_name,
        "canWrite": connection.writes is not None,
        "mailboxes": len(mailboxes),
    }


@bp.route(route="connector/folders", methods=["GET"])
@answers("mailbox")
def list_folders(request: Request) -> Json:
    """List the folders of a support mailbox that are read."""
    mailbox = request.named_mailbox(request.query.needed_text("mailbox"))
    return {"value": [{"name": folder} for folder in mailbox.settings.folders]}


@bp.route(route="connector/time-zones", methods=["GET"])
@answers()
def list_time_zones(_request: Request) -> Json:
    """List the time zones by their Windows names."""
    return {
        "value": [
            {"name": zone.windows, "title": f"{zone.windows} ({zone.iana})", "iana": zone.iana} for zone in list_zones()
        ]
    }


@bp.route(route="connector/appointments", methods=["GET"])
@answers("business")
def list_coming_appointments(request: Request) -> Json:
    """List the coming appointments of a business, with titles to pick one by."""
    from bookings.reading import pickers

    business = request.allowed_business(request.query.needed_text("business"))
    found = pickers.list_coming_appointments(request.connection.appointments, business, MOST_APPOINTMENTS_LISTED)
    return {"value": found}


@bp.route(route="connector/customers", methods=["GET"])
@answers("business")
def list_known_customers(request: Request) -> Json:
    """List the customers that a business has on record, with titles to pick one by."""
    from bookings.reading import pickers

    business = request.allowed_business(request.query.needed_text("business"))
    found = pickers.list_known_customers(request.connection.catalogue, business, MOST_CUSTOMERS_LISTED)
    return {"value": found}


@bp.route(route="connector/mails", methods=["GET"])
@answers("mailbox")
def list_latest_mails(request: Request) -> Json:
    """List the mails of a mailbox that were read last, with titles to pick one by."""
    mailbox = request.named_mailbox(request.query.needed_text("mailbox"))
    return {"value": request.services.mail.list_latest(mailbox, MOST_MAILS_LISTED)}


@bp.route(route="connector/attachments", methods=["GET"])
@answers("mailbox", "key")
def list_stored_files(request: Request) -> Json:
    """List the files of a mail that the gateway has, with titles to pick one by."""
    mailbox = request.named_mailbox(request.query.needed_text("mailbox"))
    key = request.check_mail_key(request.query.needed_text("key"))
    return {"value": request.services.mail.list_files(mailbox, key, MOST_FILES_LISTED)}


@bp.route(route="connector/schemas/answers", methods=["GET"])
@answers("business")
def get_answers_schema(request: Request) -> Json:
    """Get the schema of the answers to a business's custom questions, as appointments return them."""
    from bookings.reading.questions import answers_schema

    business = request.allowed_business(request.query.needed_text("business"))
    return {"schema": answers_schema(request.connection.catalogue.questions(business))}


@bp.route(route="connector/schemas/questions", methods=["GET"])
@answers("business", "service")
def get_questions_schema(request: Request) -> Json:
    """Get the schema of the answers to a service's custom questions, as writes take them; without one, of all."""
    from bookings.reading.questions import questions_schema

    business = request.allowed_business(request.query.needed_text("business"))
    service = request.query.identifier("service")
    offered = request.connection.graph.get_service(business, service) if service else None
    return {"schema": questions_schema(request.connection.catalogue.questions(business), offered)}


@bp.route(route="connector/previews/appointments", methods=["GET"])
@answers("kind", "business", "service", "staff", "timeZone", "details", "expand")
def preview_appointments(request: Request) -> Json:
    """Get some items that a trigger of appointments would answer: recent changes, or upcoming appointments."""
    from bookings.changes.kinds import TRIGGER_KINDS

    kind = _subscriptions.read_kind(request.query.needed_text("kind"), TRIGGER_KINDS)
    wanted = _subscriptions.read_subscription(request)
    return {"value": request.connection.triggers.preview(kind, wanted, MOST_PREVIEWED)}


@bp.route(route="connector/previews/mails", methods=["GET"])
@answers("kind", "mailbox", "folder")
def preview_mails(request: Request) -> Json:
    """Get some items that a trigger of mails would answer: the last mails that arrived or failed."""
    kind = _subscriptions.read_kind(request.query.needed_text("kind"), _subscriptions.MAIL_KINDS)
    return _preview_mailbox(request, kind)


@bp.route(route="connector/previews/tickets", methods=["GET"])
@answers("kind", "mailbox", "folder")
def preview_tickets(request: Request) -> Json:
    """Get some items that a trigger of tickets would answer: the last tickets."""
    kind = _subscriptions.read_kind(request.query.needed_text("kind"), _subscriptions.TICKET_KINDS)
    return _preview_mailbox(request, kind)


def _preview_mailbox(request: Request, kind: str) -> Json:
    mailbox, folder = request.named_mailbox(request.query.needed_text("mailbox")), request.query.text("folder")
    return {"value": request.services.mail.preview_items(kind, mailbox, MOST_PREVIEWED, folder)}
