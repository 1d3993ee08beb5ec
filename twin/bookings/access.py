"""Access to a business: Bookings exists in this cloud, the token permits the operation, the user is on the staff."""

from twin.bookings.errors import (
    refuse_access,
    refuse_business,
    refuse_folder,
    refuse_token_type,
)
from twin.bookings.permissions import READ, ROLE_SUBJECTS, RULES
from twin.bookings.schema import MisfitError, check
from twin.bookings.state import Bookings, Business
from twin.core.wire import Call, Json
from twin.entra.state import User
from twin.graph.admission import caller_of
from twin.graph.errors import GraphRefusal, refuse_body, refuse_segment

_WRITES = ("Create", "Update", "Delete")


def check_permission(call: Call, bookings: Bookings, operation: str) -> None:
    """Refuse an operation that the token's permissions do not cover."""
    caller = caller_of(call)
    if not caller.cloud.has_bookings:
        raise refuse_segment(call.path.split("/")[3])
    rule = RULES[operation]
    sufficient = rule.application if caller.user is None else rule.delegated
    if not sufficient:
        raise refuse_token_type(f"Business.{operation}", "App" if caller.user is None else "User")
    if operation.startswith(_WRITES) and not bookings.switches.read_all_may_write:
        sufficient -= {READ}
    if not sufficient & caller.permissions:
        raise refuse_access()


def enter_business(call: Call, bookings: Bookings, operation: str) -> Business:
    """Enter the business of the path, for an operation that is allowed in it."""
    check_permission(call, bookings, operation)
    caller = caller_of(call)
    business = bookings.businesses.get(call["business"].lower())
    if business is None or business.tenant_id != caller.tenant.id:
        raise refuse_business()
    if caller.user is not None:
        role = find_role(business, caller.user)
        if role is None:
            raise refuse_folder()
        if RULES[operation].subject not in ROLE_SUBJECTS.get(role, frozenset()):
            raise refuse_access()
    return business


def find_role(business: Business, user: User) -> str | None:
    """Return a user's role on the staff; None for a user who is not on it."""
    for staff in business.staff.all():
        if (staff["emailAddress"] or "").lower() == user.name.lower():
            role: str = staff["role"]
            return role
    return None


def is_overriding(call: Call, business: Business) -> bool:
    """Return whether the caller may break business rules: administrators may, apps and others may not."""
    caller = caller_of(call)
    return caller.user is not None and find_role(business, caller.user) == "administrator"


def read_body(call: Call, type_name: str) -> Json:
    """Return the properties sent, checked against the metadata, without annotations and computed ones."""
    try:
        return check(read_json(call), type_name)
    except MisfitError as error:
        raise refuse_body(str(error)) from error


def read_json(call: Call) -> Json:
    """Read the JSON object sent. GraphRefusal 400 for anything else, and for a missing content type."""
    try:
        body = call.json()
    except ValueError as error:
        raise GraphRefusal(400, "BadRequest", "Unable to read JSON request payload.") from error
    if not isinstance(body, dict):
        raise GraphRefusal(400, "BadRequest", "Empty Payload. JSON content expected.")
    if not call.headers.get("content-type", "").startswith("application/json"):
        raise GraphRefusal(415, "BadRequest", "The content type of the request is not supported.")
    return body
