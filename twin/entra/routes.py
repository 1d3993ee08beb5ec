"""What the sign-in hosts answer: discovery, user realm, tokens."""

from twin.core.api import Api
from twin.core.clouds import CLOUDS, LOGIN_HOSTS, Cloud
from twin.core.jws import describe_public_key
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.entra.control import control
from twin.entra.credentials import authenticate_client
from twin.entra.errors import EntraRefusal, describe_outage
from twin.entra.grants import (
    Applicant,
    grant_app_token,
    grant_refreshed_token,
    grant_user_token,
)
from twin.entra.state import Entra, Forcible, Tenant

routes = Routes[Entra]()

_SHARED_NAMES = frozenset({"common", "organizations", "consumers"})
_GRANTS = {
    "client_credentials": grant_app_token,
    "password": grant_user_token,
    "refresh_token": grant_refreshed_token,
}


@routes.get("/common/discovery/instance")
def discover_instance(call: Call, entra: Entra) -> Reply:
    """Say which host names are aliases of which cloud."""
    _ = entra
    endpoint = call.option("authorization_endpoint")
    if endpoint is None:
        raise EntraRefusal(900144, parameter="authorization_endpoint")
    tenant = endpoint.split("/")[3] if endpoint.count("/") > 2 else "common"  # noqa: PLR2004 - https://host/tenant
    return Reply(
        200,
        {
            "tenant_discovery_endpoint": f"https://{call.host}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [
                {
                    "preferred_network": cloud.login_host,
                    "preferred_cache": cloud.login_host,
                    "aliases": list(cloud.login_hosts),
                }
                for cloud in _distinct_logins()
            ],
        },
    )


@routes.get("/common/userrealm/{user}")
def discover_realm(call: Call, entra: Entra) -> Reply:
    """Say whether a user's password is checked here or by a federated server."""
    domain = call["user"].rpartition("@")[2].lower()
    answer: Json = {"ver": "1.0", "domain_name": domain, "cloud_instance_name": call.host.partition(".")[2]}
    for tenant in tuple(entra.tenants.values()):
        if domain in tenant.federated_domains:
            server = tenant.federated_domains[domain]
            return Reply(
                200,
                answer
                | {
                    "account_type": "Federated",
                    "federation_protocol": "WSTrust",
                    "federation_metadata_url": f"https://{server}/adfs/services/trust/mex",
                    "federation_active_auth_url": f"https://{server}/adfs/services/trust/2005/usernamemixed",
                    "cloud_audience_urn": "urn:federation:MicrosoftOnline",
                },
            )
        if domain in tenant.domains:
            realm = {"account_type": "Managed", "cloud_audience_urn": "urn:federation:MicrosoftOnline"}
            return Reply(200, answer | realm)
    return Reply(200, answer | {"account_type": "Unknown"})


@routes.get("/{tenant}/v2.0/.well-known/openid-configuration")
def discover_tenant(call: Call, entra: Entra) -> Reply:
    """Describe the endpoints of a tenant; an unknown one is AADSTS90002."""
    name = call["tenant"]
    if name not in _SHARED_NAMES:
        name = _find_tenant(entra, call).id
    base = f"https://{call.host}/{name}"
    return Reply(
        200,
        {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": call.host.partition(".")[2],
        },
    )


@routes.get("/{tenant}/discovery/v2.0/keys")
def list_keys(call: Call, entra: Entra) -> Reply:
    """Publish the key that signs tokens."""
    _ = call
    return Reply(200, {"keys": [describe_public_key(entra.key)]})


@routes.post("/{tenant}/oauth2/v2.0/token")
def issue(call: Call, entra: Entra) -> Reply:
    """Check tenant, app and credential, in that order, then grant."""
    form = call.form()
    for parameter in ("grant_type", "client_id"):
        if not form.get(parameter):
            raise EntraRefusal(900144, parameter=parameter)
    if form["grant_type"] not in _GRANTS:
        raise EntraRefusal(70003, parameter=form["grant_type"])
    if call["tenant"] in _SHARED_NAMES:
        raise EntraRefusal(9001023)
    tenant = _find_tenant(entra, call)
    _fail_if_forced(tenant, tenant=tenant.id, app=form["client_id"])
    applicant = _find_applicant(entra, tenant, form["client_id"])
    _fail_if_forced(applicant.app, tenant=tenant.id, app=applicant.app.app_id)
    authenticate_client(entra, tenant, applicant.app, form)
    return Reply(200, _GRANTS[form["grant_type"]](entra, applicant, form))


def _find_tenant(entra: Entra, call: Call) -> Tenant:
    try:
        tenant = entra.tenant(call["tenant"])
    except KeyError as error:
        raise EntraRefusal(90002, tenant=call["tenant"]) from error
    if call.host not in tenant.cloud.login_hosts:
        raise EntraRefusal(90002, tenant=call["tenant"])
    return tenant


def _find_applicant(entra: Entra, tenant: Tenant, client_id: str) -> Applicant:
    app, principal = entra.apps.get(client_id.lower()), tenant.principals.get(client_id.lower())
    if app is None or principal is None:
        raise EntraRefusal(700016, app=client_id, tenant=tenant.id)
    if not principal.enabled:
        raise EntraRefusal(7000112, app=client_id)
    return Applicant(tenant, app, principal)


def _fail_if_forced(owner: Forcible, **names: str) -> None:
    forced = owner.take_forced()
    if forced is not None:
        raise EntraRefusal(forced.code, retry_after=forced.retry_after, **names)


def _distinct_logins() -> list[Cloud]:
    return list({cloud.login_host: cloud for cloud in CLOUDS.values()}.values())


def _stamp(call: Call, reply: Reply) -> Reply:
    return reply.with_headers(x_ms_request_id=call.request_id, cache_control="no-store, no-cache")


API = Api(
    name="entra",
    hosts=LOGIN_HOSTS,
    state=Entra,
    routes=routes,
    control=control,
    stamp=_stamp,
    outage=describe_outage,
)
