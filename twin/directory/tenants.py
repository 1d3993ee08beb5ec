"""The tenant itself, the person who asks, and users by name."""

from twin.core.routes import Routes
from twin.core.wire import Call, Reply
from twin.directory.access import ROLE_TEMPLATES, check_reading
from twin.directory.errors import refuse_unknown
from twin.directory.render import select
from twin.directory.state import Directory, make_id
from twin.entra.state import User
from twin.graph.admission import caller_of
from twin.graph.errors import GraphRefusal
from twin.graph.odata import answer_collection, answer_entity, make_context

tenants = Routes[Directory]("/v1.0")


@tenants.get("/organization")
def show_organization(call: Call, directory: Directory) -> Reply:
    """Show the caller's tenant."""
    _ = directory
    tenant = caller_of(call).tenant
    domains = [{"name": name, "isDefault": number == 0} for number, name in enumerate(tenant.domains)]
    entity = {"id": tenant.id, "displayName": tenant.domains[0].partition(".")[0].title(), "verifiedDomains": domains}
    return answer_collection(make_context(call, "organization"), [select(call, entity)], count=None, link=None)


@tenants.get("/me")
def show_me(call: Call, directory: Directory) -> Reply:
    """Show the person who asks."""
    _ = directory
    user = _person_of(call)
    entity = {"id": user.object_id, "userPrincipalName": user.name, "displayName": user.name}
    return answer_entity(make_context(call, "users/$entity"), select(call, entity))


@tenants.get("/me/transitiveMemberOf/microsoft.graph.directoryRole")
def list_my_roles(call: Call, directory: Directory) -> Reply:
    """List the active directory roles of the person who asks."""
    _ = directory
    roles = [
        select(
            call,
            {
                "id": make_id(caller_of(call).tenant.id, role),
                "displayName": role,
                "roleTemplateId": ROLE_TEMPLATES.get(role),
            },
        )
        for role in sorted(_person_of(call).directory_roles)
    ]
    return answer_collection(make_context(call, "directoryObjects"), roles, count=None, link=None)


@tenants.get("/users/{user}")
def show_user(call: Call, directory: Directory) -> Reply:
    """Show a user, by sign-in name or object id."""
    _ = directory
    for user in tuple(check_reading(call).tenant.users.values()):
        if call["user"].lower() in (user.name.lower(), user.object_id):
            entity = {"id": user.object_id, "userPrincipalName": user.name, "displayName": user.name}
            return answer_entity(make_context(call, "users/$entity"), select(call, entity))
    raise refuse_unknown(call["user"])


def _person_of(call: Call) -> User:
    user = caller_of(call).user
    if user is None:
        raise GraphRefusal(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
    return user
