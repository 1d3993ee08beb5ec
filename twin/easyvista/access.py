"""Access: account number, credentials and profile are checked in that order.

The account number in the path is that of the database; a wrong one is answered like a wrong password (EasyVista wiki,
REST API - See a list: causes of 401). Denied and unknown paths get the same 403 (python client, measured).
"""

import base64
import hmac
from dataclasses import dataclass

from twin.core.wire import Call
from twin.easyvista.errors import EasyvistaRefusal, refuse_login, refuse_missing, refuse_right
from twin.easyvista.instance import Instance, User
from twin.easyvista.records import Action, Ticket
from twin.easyvista.state import EasyVista
from twin.easyvista.switches import Switches
from twin.easyvista.unreliable import order_fault

BASE = ("api", "v1")


@dataclass(slots=True)
class Caller:
    """The caller. Before admission there is neither instance nor user."""

    switches: Switches
    instance: Instance | None = None
    user: User | None = None


def admit(call: Call, api: EasyVista) -> None:
    """Admit a call and set its caller. A path outside of all accounts is refused later, as unknown."""
    call.caller = caller = Caller(api.switches)
    if api.stopped is not None:
        if api.stopped == "drop":
            order_fault(call, {"kind": "drop"})
        raise EasyvistaRefusal(503, "Service unavailable")
    segments = [segment for segment in call.path.lower().split("/") if segment]
    if tuple(segments[:2]) != BASE or len(segments) <= len(BASE):
        return
    instance = api.find_instance(call.host, segments[2])
    if instance is None:
        raise refuse_login()
    user = _find_user(instance, call.headers.get("authorization", ""))
    if user is None or not user.enabled:
        raise refuse_login()
    profile = user.profile
    resources = set(segments[3:4] + segments[5:6])
    if not profile.rest or (call.method != "GET" and not profile.writes) or resources & profile.denied:
        raise refuse_right()
    caller.instance, caller.user = instance, user


def enter(call: Call) -> tuple[Instance, User]:
    """Return the instance and the account of an admitted call."""
    caller: Caller = call.caller
    if caller.instance is None or caller.user is None:
        raise refuse_right()
    return caller.instance, caller.user


def find_ticket(call: Call) -> Ticket:
    """Find the ticket that the path names. EasyvistaRefusal 404 if this account has none."""
    instance, user = enter(call)
    ticket = instance.by_rfc.get(call["rfc"].upper())
    if ticket is None or not sees(user, ticket, instance.switches):
        raise refuse_missing()
    return ticket


def find_action(call: Call) -> Action:
    """Find the action that the path names. EasyvistaRefusal 404 if this account has none."""
    instance, user = enter(call)
    number = call["id"]
    action = instance.actions.get(int(number)) if number.isdigit() else None
    if action is None or not sees(user, action.ticket, instance.switches):
        raise refuse_missing()
    return action


def sees(user: User, ticket: Ticket, switches: Switches) -> bool:
    """Return whether an account can see a ticket."""
    return user.profile.reaches(ticket.domain) or not switches.domain_hides_tickets


def _find_user(instance: Instance, header: str) -> User | None:
    scheme, _, rest = header.partition(" ")
    given = rest.strip()
    if scheme.lower() == "bearer" and given:
        return next((user for user in instance.users.values() if user.token and _same(user.token, given)), None)
    if scheme.lower() != "basic":
        return None
    try:
        login, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        return None
    user = instance.users.get(login.lower())
    return user if user is not None and _same(user.password, password) else None


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
