"""HTTP: the history of support mailboxes as points for plots, and a search through the mails of all of them."""

from datetime import UTC, datetime
from typing import Any

from blueprints._bounds import LONGEST_SEARCHED, MAIL_PAGE
from blueprints._fields import Fields
from blueprints._http import Request, answers
from blueprints._routes import Blueprint
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone, find_zone, utc_text

bp = Blueprint()

_PERIODS = ("day", "month")
_STATES = ("delivered", "waiting", "quarantined", "skipped", "setAside")
_TEXTS = ("search", "from", "subject", "ticket")


@bp.route(route="mail-history", methods=["GET"])
@answers("period", "mailbox")
def get_mail_history(request: Request) -> Json:
    """Get what happened to the mails of each mailbox in the last 24 hours or 30 days, hour by hour or day by day."""
    mail, now = request.services.mail, datetime.now(UTC)
    mail.check_in_force()
    period = request.query.choice("period", *_PERIODS) or "day"
    return {"asOfDateTime": utc_text(now)} | mail.describe_history(period, now, _find_mailboxes(request))


@bp.route(route="mails", methods=["GET"])
@answers(*_TEXTS, "mailbox", "state", "start", "end", "limit", "cursor")
def search_mails(request: Request) -> Json:
    """List the mails of all mailboxes, or those that fit, the newest first."""
    from inbound_mail.history.searching import Search

    mail, query, now = request.services.mail, request.query, datetime.now(UTC)
    mail.check_in_force()
    limit = query.whole_number("limit", MAIL_PAGE)
    text, sender, subject, ticket = (_read_text(query, name) for name in _TEXTS)
    start, end = _read_range(query)
    state, behind = query.choice("state", *_STATES), _read_place(request.cursor())
    wanted = Search(text, sender, subject, ticket, state=state, start=start, end=end, behind=behind)
    found = mail.search_mails(wanted, limit, _find_mailboxes(request))
    page: Json = {
        "asOfDateTime": utc_text(now),
        "isComplete": found.is_complete,
        "value": [one.describe(mail.link_ticket) for one in found.mails],
    }
    return page | ({"nextLink": request.next_link(list(found.mails[-1].place))} if found.has_more else {})


def _find_mailboxes(request: Request) -> list[str] | None:
    """Return the mailbox that is asked for, None for all."""
    name = request.query.text("mailbox")
    return [request.named_mailbox(name).name] if name else None


def _read_text(query: Fields, name: str) -> str:
    text = query.text(name) or ""
    if len(text) > LONGEST_SEARCHED:
        raise Invalid(f"{name} is too long. Send {LONGEST_SEARCHED} characters at most.", target=name)
    return text


def _read_range(query: Fields) -> tuple[str, str]:
    start, end = (query.optional_moment(name, _utc) for name in ("start", "end"))
    if start and end and end <= start:
        raise Invalid(
            "end does not lie after start. Send a later end, or an earlier start.", code="EndBeforeStart", target="end"
        )
    return utc_text(start) if start else "", utc_text(end) if end else ""


def _read_place(cursor: Any) -> tuple[str, str] | None:
    return (str(cursor[0]), str(cursor[1])) if cursor else None


def _utc() -> Zone:
    return find_zone("UTC")
