"""Applications: find, make, change, delete, restore.

Public sources: the Graph v1.0 reference, application: list, post, upsert (by uniqueName), update, delete, and
directory: deleteditems. `uniqueName` cannot be changed once set; it stays taken while the app is in the recycle bin.
"""

import base64
from typing import Any

from cryptography import x509

from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.directory.access import check_changing, check_creating, check_reading, check_restoring
from twin.directory.errors import refuse_clash, refuse_request, refuse_unknown
from twin.directory.render import describe_application, matches, select
from twin.directory.state import Directory, Registration
from twin.entra.state import Tenant
from twin.graph.admission import caller_of
from twin.graph.errors import refuse_body
from twin.graph.odata import answer_collection, answer_entity, make_context, read_preferences

applications = Routes[Directory]("/v1.0")

_AUDIENCES = {"AzureADMyOrg": False, "AzureADMultipleOrgs": True}
_KEPT = ("tags", "notes", "publicClient", "requiredResourceAccess", "servicePrincipalLockConfiguration")
_CHANGEABLE = frozenset({*_KEPT, "displayName", "signInAudience", "isFallbackPublicClient", "uniqueName"})


@applications.get("/applications")
def list_applications(call: Call, directory: Directory) -> Reply:
    """List the apps of the caller's tenant."""
    tenant = check_reading(call).tenant
    found = [
        select(call, described)
        for one in directory.registrations(tenant)
        if matches(call, described := describe_application(one), ("displayName", "appId", "uniqueName"))
    ]
    return answer_collection(make_context(call, "applications"), found, count=None, link=None)


@applications.post("/applications")
def create_application(call: Call, directory: Directory) -> Reply:
    """Register an app; the caller becomes its owner."""
    return _create(call, directory, read_body(call))


@applications.get("/applications/{id}")
def get_application(call: Call, directory: Directory) -> Reply:
    """Return one app by its object id."""
    check_reading(call)
    return _answer(call, find_registration(call, directory))


@applications.get("/applications(uniqueName)/{name}")
def get_application_by_name(call: Call, directory: Directory) -> Reply:
    """Return one app by its unique name."""
    tenant = check_reading(call).tenant
    found = _find_by_name(directory, tenant, call["name"])
    if found is None or not found.fresh.is_seen():
        raise refuse_unknown(call["name"])
    return _answer(call, found)


@applications.get("/applications(appId)/{app}")
def get_application_of_client(call: Call, directory: Directory) -> Reply:
    """Return one app by its client id."""
    tenant = check_reading(call).tenant
    for one in directory.registrations(tenant):
        if one.app.app_id == call["app"] and one.fresh.is_seen():
            return _answer(call, one)
    raise refuse_unknown(call["app"])


@applications.patch("/applications/{id}")
def change_application(call: Call, directory: Directory) -> Reply:
    """Change an app."""
    found = find_registration(call, directory)
    check_changing(call, found)
    _apply(call, directory, found, read_body(call))
    return Reply(204)


@applications.patch("/applications(uniqueName)/{name}")
def upsert_application(call: Call, directory: Directory) -> Reply:
    """Change the app of this unique name; with `Prefer: create-if-missing` make it if there is none."""
    body = read_body(call)
    found = _find_by_name(directory, caller_of(call).tenant, call["name"])
    if found is not None:
        check_changing(call, found)
        _apply(call, directory, found, body)
        return Reply(204)
    if "create-if-missing" not in read_preferences(call):
        raise refuse_unknown(call["name"])
    return _create(call, directory, body | {"uniqueName": call["name"]})


@applications.delete("/applications/{id}")
def delete_application(call: Call, directory: Directory) -> Reply:
    """Move an app to the recycle bin, where it stays for 30 days."""
    found = find_registration(call, directory)
    check_changing(call, found)
    directory.delete(found)
    return Reply(204)


@applications.get("/directory/deletedItems/microsoft.graph.application")
def list_deleted(call: Call, directory: Directory) -> Reply:
    """List the apps in the recycle bin."""
    tenant = check_reading(call).tenant
    found = [
        select(call, described)
        for one in tuple(directory.deleted.values())
        if one.app.home_tenant == tenant.id
        and matches(call, described := describe_application(one), ("displayName", "appId"))
    ]
    return answer_collection(make_context(call, "deletedItems"), found, count=None, link=None)


@applications.post("/directory/deletedItems/{id}/restore")
def restore_application(call: Call, directory: Directory) -> Reply:
    """Restore an app; its principal is not restored."""
    check_restoring(call)
    if call["id"] not in directory.deleted:
        raise refuse_unknown(call["id"])
    return _answer(call, directory.restore(call["id"]))


@applications.delete("/directory/deletedItems/{id}")
def purge_application(call: Call, directory: Directory) -> Reply:
    """Delete an app from the recycle bin; its unique name is free again."""
    check_restoring(call)
    if directory.deleted.pop(call["id"], None) is None:
        raise refuse_unknown(call["id"])
    return Reply(204)


def find_registration(call: Call, directory: Directory) -> Registration:
    """Find the app of the path, if this server knows it already."""
    for one in directory.registrations(caller_of(call).tenant):
        if one.object_id == call["id"]:
            if one.fresh.is_seen():
                return one
            break
    raise refuse_unknown(call["id"])


def read_body(call: Call) -> Json:
    """Read the JSON object sent."""
    try:
        body = call.json()
    except ValueError as error:
        raise refuse_body("Unable to read JSON request payload.") from error
    if not isinstance(body, dict):
        raise refuse_body("Empty Payload. JSON content expected.")
    return body


def _find_by_name(directory: Directory, tenant: Tenant, name: str) -> Registration | None:
    return next((one for one in directory.registrations(tenant) if one.unique_name == name), None)


def _create(call: Call, directory: Directory, body: Json) -> Reply:
    caller = check_creating(call, directory)
    if not body.get("displayName"):
        raise refuse_request("A value is required for property 'displayName' of resource 'Application'.")
    name = body.get("uniqueName")
    deleted = tuple(directory.deleted.values())
    if name and any(one.unique_name == name for one in [*directory.registrations(caller.tenant), *deleted]):
        raise refuse_clash("uniqueName")
    _check_body(body)
    owner = caller.user.object_id if caller.user else None
    made = directory.register(caller.tenant, body["displayName"], name, owner)
    made.app.multi_tenant = True  # documented answers show the widest audience where none is sent
    _apply(call, directory, made, {key: value for key, value in body.items() if key != "uniqueName"})
    return _answer(call, made, status=201)


def _apply(call: Call, directory: Directory, registration: Registration, body: Json) -> None:
    _check_body(body)
    app = registration.app
    if "uniqueName" in body and body["uniqueName"] != registration.unique_name:
        if registration.unique_name is not None:
            raise refuse_request("Property 'uniqueName' is immutable.")
        if _find_by_name(directory, caller_of(call).tenant, body["uniqueName"]):
            raise refuse_clash("uniqueName")
        registration.unique_name = body["uniqueName"]
    certificates = [_read_certificate(registration, entry) for entry in body.get("keyCredentials") or ()]
    app.name = body.get("displayName", app.name)
    app.multi_tenant = _AUDIENCES[body["signInAudience"]] if "signInAudience" in body else app.multi_tenant
    app.is_public_client = bool(body.get("isFallbackPublicClient", app.is_public_client))
    registration.details |= {key: body[key] for key in _KEPT if key in body}
    if "isFallbackPublicClient" in body:
        registration.details["isFallbackPublicClient"] = body["isFallbackPublicClient"]
    if "keyCredentials" in body:
        before, app.certificates = app.certificates, {}
        for entry, certificate in certificates:
            known = before.get(str(entry.get("keyId")))
            made = app.add_certificate(certificate, key_id=entry.get("keyId"))
            made.name = entry.get("displayName") or (known.name if known else "")


def _check_body(body: Json) -> None:
    if unknown := set(body) - _CHANGEABLE - {"keyCredentials"}:
        raise refuse_request(f"Invalid property '{min(unknown)}'.")
    if body.get("signInAudience", "AzureADMyOrg") not in _AUDIENCES:
        raise refuse_request("Invalid value specified for property 'signInAudience' of resource 'Application'.")


def _read_certificate(registration: Registration, entry: Json) -> tuple[Json, x509.Certificate]:
    """Read one entry of the list: a known one may be sent without its key, a new one needs it."""
    known = registration.app.certificates.get(str(entry.get("keyId")))
    if known is not None and not entry.get("key"):
        return entry, known.certificate
    right = (entry.get("type"), entry.get("usage")) == ("AsymmetricX509Cert", "Verify")
    try:
        return entry, x509.load_der_x509_certificate(base64.b64decode(entry["key"] if right else "-", validate=True))
    except (KeyError, ValueError, TypeError) as error:
        raise refuse_request("New key credential must be a certificate with key, type and usage.") from error


def _answer(call: Call, registration: Registration, *, status: int = 200) -> Reply:
    wanted: Any = call.option("$select") or ""
    described = describe_application(registration, with_keys="keyCredentials" in wanted)
    return answer_entity(make_context(call, "applications/$entity"), select(call, described), status=status)
