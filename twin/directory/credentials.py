"""Credentials of an application: client secrets and federated credentials. Certificates are part of the application.

Public sources: the Graph v1.0 reference, application: addPassword, removePassword, federatedIdentityCredentials.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.directory.access import check_changing, check_reading
from twin.directory.applications import find_registration, read_body
from twin.directory.errors import (
    refuse_lifetime,
    refuse_namesake,
    refuse_request,
    refuse_secret,
    refuse_unknown,
)
from twin.directory.render import describe_federated, describe_secret, read_instant
from twin.directory.state import Directory, Registration
from twin.entra.state import FederatedCredential
from twin.graph.odata import answer_collection, answer_entity, make_context

credentials = Routes[Directory]("/v1.0/applications/{id}")

_FEDERATED = "/federatedIdentityCredentials"
_NAME = re.compile(r"[A-Za-z0-9_-]{3,120}")
_MOST = 20
_TWO_YEARS = timedelta(days=730)


@credentials.post("/addPassword")
def add_password(call: Call, directory: Directory) -> Reply:
    """Make a client secret; only this answer contains its value."""
    found = find_registration(call, directory)
    check_changing(call, found)
    wish: Json = read_body(call).get("passwordCredential") or {}
    now = datetime.now(UTC)
    expires = read_instant(wish.get("endDateTime")) or now + _TWO_YEARS
    switches = directory.switches
    if not switches.secrets_allowed:
        raise refuse_secret()
    if switches.secret_days is not None and expires > now + timedelta(days=switches.secret_days):
        raise refuse_lifetime()
    made = found.app.add_secret(expires=expires, name=str(wish.get("displayName") or ""))
    made.unknown_for = switches.secret_requests
    return answer_entity(
        make_context(call, "microsoft.graph.passwordCredential"), describe_secret(made) | {"secretText": made.value}
    )


@credentials.post("/removePassword")
def remove_password(call: Call, directory: Directory) -> Reply:
    """Remove a client secret."""
    found = find_registration(call, directory)
    check_changing(call, found)
    key_id = str(read_body(call).get("keyId"))
    if key_id not in found.app.secrets:
        raise refuse_request("No password credential found with keyId.")
    found.app.remove_secret(key_id)
    return Reply(204)


@credentials.get(_FEDERATED)
def list_federated(call: Call, directory: Directory) -> Reply:
    """List the federated credentials."""
    found = find_registration(call, directory)
    check_reading(call)
    entries = [describe_federated(found.app, one) for one in tuple(found.app.federated.values())]
    return answer_collection(make_context(call, "federatedIdentityCredentials"), entries, count=None, link=None)


@credentials.post(_FEDERATED)
def add_federated(call: Call, directory: Directory) -> Reply:
    """Add a federated credential. Nothing checks whether issuer and subject mean anything."""
    found = find_registration(call, directory)
    check_changing(call, found)
    made = _read_federated(read_body(call))
    others = tuple(found.app.federated.values())
    if any(one.name == made.name or (one.issuer, one.subject) == (made.issuer, made.subject) for one in others):
        raise refuse_namesake(made.name)
    if len(others) >= _MOST:
        raise refuse_request(f"Only {_MOST} federated credentials are allowed.")
    _trust(directory, found, made)
    entity = describe_federated(found.app, made)
    return answer_entity(make_context(call, "federatedIdentityCredentials/$entity"), entity, status=201)


@credentials.patch(_FEDERATED + "/{credential}")
def change_federated(call: Call, directory: Directory) -> Reply:
    """Change a federated credential; its name stays."""
    found = find_registration(call, directory)
    check_changing(call, found)
    before = _find_federated(call, found)
    body = read_body(call)
    if body.get("name", before.name) != before.name:
        raise refuse_request("Property 'name' is immutable.")
    audiences = body.get("audiences") or [before.audience]
    changed = replace(
        before,
        issuer=body.get("issuer", before.issuer),
        subject=body.get("subject", before.subject),
        audience=audiences[0],
    )
    _trust(directory, found, changed)
    return Reply(204)


@credentials.delete(_FEDERATED + "/{credential}")
def remove_federated(call: Call, directory: Directory) -> Reply:
    """Remove a federated credential."""
    found = find_registration(call, directory)
    check_changing(call, found)
    del found.app.federated[_find_federated(call, found).name]
    return Reply(204)


def _trust(directory: Directory, registration: Registration, credential: FederatedCredential) -> None:
    registration.app.add_federated_credential(credential)
    if directory.switches.federated_requests:
        registration.app.force(70021, times=directory.switches.federated_requests)


def _find_federated(call: Call, registration: Registration) -> FederatedCredential:
    for one in tuple(registration.app.federated.values()):
        if call["credential"] in (one.name, describe_federated(registration.app, one)["id"]):
            return one
    raise refuse_unknown(call["credential"])


def _read_federated(body: Json) -> FederatedCredential:
    name, issuer, subject, audiences = (body.get(key) for key in ("name", "issuer", "subject", "audiences"))
    if not name or not _NAME.fullmatch(str(name)):
        raise refuse_request("The name of a federated credential has 3 to 120 URL-safe characters.")
    if not issuer or not subject or not isinstance(audiences, list) or len(audiences) != 1:
        raise refuse_request("A federated credential needs issuer, subject and one audience.")
    return FederatedCredential(str(name), str(issuer), str(subject), str(audiences[0]))
