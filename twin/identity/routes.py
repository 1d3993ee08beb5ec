"""The token endpoint of App Service and Functions, API version 2019-08-01.

Public source: learn.microsoft.com/azure/app-service/overview-managed-identity, "REST endpoint reference"; the error
bodies follow public issue reports.
"""

from twin.core.api import Api
from twin.core.routes import Miss, Routes
from twin.core.wire import LOOPBACK, Call, Json, Refusal, Reply
from twin.identity.state import ENDPOINT_PATH, Identities

routes = Routes[Identities]()

_API_VERSION = "2019-08-01"
_SELECTORS = ("client_id", "principal_id", "object_id", "mi_res_id")
_OTHER_RESOURCES = frozenset(
    {
        "https://management.azure.com",
        "https://monitor.azure.com",
        "https://storage.azure.com",
        "https://servicebus.azure.net",
        "https://eventgrid.azure.net",
    }
)


@routes.get(ENDPOINT_PATH)
def issue_token(call: Call, identities: Identities) -> Reply:
    """Issue a token for the identity that the query names."""
    if call.headers.get("x-identity-header") != identities.header:
        raise _refuse(call, 401, "The X-IDENTITY-HEADER header is missing or wrong.")
    if call.option("api-version") != _API_VERSION:
        raise _refuse(call, 400, f"The api-version {call.option('api-version')!r} is not supported.")
    resource = (call.option("resource") or "").rstrip("/")
    if not resource:
        raise _refuse(call, 400, "The resource query parameter is required.")
    named = next((name for name in _SELECTORS if call.option(name) is not None), None)
    identity = identities.find(named, call.option(named) if named else None)
    identities.requests[resource] += 1
    if identity is None:
        no_identity = (
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
        )
        raise _refuse(call, 400, no_identity)
    cloud = identities.cloud_of(identity)
    known = {cloud.vault_resource, cloud.graph_resource, cloud.exchange_audience} | _OTHER_RESOURCES
    if resource not in known:
        raise _refuse(call, 500, "An unexpected error occured while fetching the AAD Token.")
    return Reply(200, identities.issue(identity, resource))


def _refuse(call: Call, status: int, message: str) -> Refusal:
    return Refusal(Reply(status, _describe(call, status, message)))


def _describe(call: Call, status: int, message: str) -> Json:
    return {"statusCode": status, "message": message, "correlationId": call.request_id}


def _miss(call: Call, miss: Miss, state: Identities) -> Reply:
    _ = miss, state
    return Reply(404, _describe(call, 404, "Not found."))


def _describe_outage(call: Call, status: int) -> Json:
    return _describe(call, status, "An unexpected error occured while fetching the AAD Token.")


API = Api(
    name="identity",
    hosts=(LOOPBACK,),
    state=Identities,
    routes=routes,
    miss=_miss,
    outage=_describe_outage,
)
