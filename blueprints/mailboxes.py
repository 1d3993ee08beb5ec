"""HTTP: support mailboxes and their mails; polls and redeliveries that a person asks for."""

from typing import TYPE_CHECKING

from blueprints._bounds import MAIL_PAGE
from blueprints._http import Request, answers
from blueprints._routes import Blueprint
from inbound_mail.messages import PollRequest
from shared import context
from shared.errors import Invalid
from shared.json_text import Json

if TYPE_CHECKING:
    from blueprints._fields import Fields
    from inbound_mail.ledger.decisions import Decision

bp = Blueprint()

_SET_ASIDE = ("automatic", "rule", "loop", "thanks", "copy", "before-cutover", "by-hand")
_LONGEST_NAME, _LONGEST_REASON = 100, 500


@bp.route(route="mailboxes", methods=["GET"])
@answers()
def list_mailboxes(request: Request) -> Json:
    """List the mailboxes with their state."""
    request.services.mail.check_in_force()
    return {"value": request.services.mail.describe_mailboxes()}


@bp.route(route="mailboxes/{mailbox}", methods=["GET"])
@answers()
def get_mailbox(request: Request) -> Json:
    """Get one mailbox with its state."""
    return request.services.mail.describe_mailbox(request.mailbox)


@bp.route(route="mailboxes/{mailbox}/poll", methods=["POST"])
@answers()
def poll_now(request: Request) -> Json:
    """Queue a poll of a mailbox, even if the mailbox pauses after a failure."""
    mailbox = request.mailbox
    mailbox.ledger.plan.keep_awake(
        mailbox.name
    )  # a lost message, or a mail that is still on its way, waits for no pause
    poll_request = PollRequest(mailbox.name, at_once=True, correlation_id=context.request_id())
    request.services.mail.polls.put(poll_request)
    return {"mailbox": mailbox.name, "status": "queued"}


@bp.route(route="mailboxes/{mailbox}/mails", methods=["GET"])
@answers("state", "limit", "cursor")
def list_mailbox_mails(request: Request) -> Json:
    """List mails in the order in which they became complete; the cursor in the answer continues, also later."""
    mailbox, mail = request.mailbox, request.services.mail
    limit = request.query.whole_number("limit", MAIL_PAGE)
    state = request.query.choice("state", "quarantined", *_SET_ASIDE)
    if state == "quarantined":
        return {"value": mail.list_quarantined(mailbox, limit)}
    if state:
        return {"value": mail.list_set_aside(mailbox, state, limit)}
    found, position = mail.list_mails(mailbox, int(request.cursor() or 0), limit)
    page: Json = {"value": found, "cursor": request.services.cursors.seal(position, binding=request.binding)}
    return page | ({"nextLink": request.next_link(position)} if len(found) == limit else {})


@bp.route(route="mailboxes/{mailbox}/mails/{key}", methods=["GET"])
@answers()
def get_mail(request: Request) -> Json:
    """Get one mail: Graph's message, its attachments, its deliveries."""
    return request.services.mail.read_mail(request.mailbox, request.mail_key)


@bp.route(route="mailboxes/{mailbox}/mails/{key}/redeliver", methods=["POST"])
@answers()
def redeliver_mail(request: Request) -> Json:
    """Let the quarantined deliveries of a mail begin again, all or those to one sink: {"sink", "by", "reason"}."""
    mailbox, body = request.mailbox, request.optional_body("sink", "by", "reason")
    sinks = request.services.mail.redeliver(mailbox, request.mail_key, body.text("sink"), _read_decision(body))
    return {"key": request.mail_key, "sinks": sinks, "status": "queued"}


@bp.route(route="mailboxes/{mailbox}/mails/{key}/deliver", methods=["POST"])
@answers()
def deliver_mail_by_hand(request: Request) -> Json:
    """Let a mail be delivered now, to another sink, or to a ticket: {"sink", "ticket", "insteadOf", "by", ...}."""
    from inbound_mail.delivery.by_hand import Wish

    body = request.optional_body("sink", "ticket", "insteadOf", "isNotThere", "by", "reason")
    wish = Wish(
        body.text("sink"),
        body.text("ticket"),
        body.text("insteadOf"),
        is_not_there=bool(body.flag("isNotThere")),
        decision=_read_decision(body),
    )
    sinks = request.services.mail.by_hand.deliver(request.mailbox, request.mail_key, wish)
    return {"key": request.mail_key, "sinks": sinks, "status": "queued"}


@bp.route(route="mailboxes/{mailbox}/mails/{key}/set-aside", methods=["POST"])
@answers()
def set_mail_aside(request: Request) -> Json:
    """Set a mail aside for good: {"reason", "sink", "by"}."""
    body = request.body("reason", "sink", "by")
    body.needed_text("reason")
    by_hand = request.services.mail.by_hand
    sinks = by_hand.set_aside(request.mailbox, request.mail_key, body.text("sink"), _read_decision(body))
    return {"key": request.mail_key, "sinks": sinks, "status": "set-aside"}


def _read_decision(body: "Fields") -> "Decision":
    from inbound_mail.ledger.decisions import Decision

    by, reason = body.text("by"), body.text("reason")
    for name, value, most in (("by", by, _LONGEST_NAME), ("reason", reason, _LONGEST_REASON)):
        if value and len(value) > most:
            raise Invalid(f"{name} is too long. Send {most} characters at most.", target=name)
    return Decision(by, reason)
