"""Error answers of the directory.

Codes and texts as in public issue reports (hashicorp/terraform-provider-azuread, microsoftgraph/msgraph-bicep-types,
OfficeDev/microsoft-365-agents-toolkit 10998 for the policy on lifetimes).
"""

from twin.graph.errors import GraphRefusal

POLICY = "538f1913-0000-4000-8000-a0e195cb55b2"


def refuse_privileges() -> GraphRefusal:
    """403: the caller's scopes or directory roles do not allow it. Graph never says which one is missing."""
    return GraphRefusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def refuse_unknown(name: str) -> GraphRefusal:
    """404: there is no such object, or this server does not know it yet."""
    message = f"Resource '{name}' does not exist or one of its queried reference-property objects are not present."
    return GraphRefusal(404, "Request_ResourceNotFound", message)


def refuse_request(message: str) -> GraphRefusal:
    """400 Request_BadRequest."""
    return GraphRefusal(400, "Request_BadRequest", message)


def refuse_unknown_app(app_id: str) -> GraphRefusal:
    """400: a principal for an application that this server does not know yet."""
    return GraphRefusal(
        400,
        "NoBackingApplicationObject",
        f"The appId '{app_id}' of the service principal does not reference a valid application object.",
    )


def refuse_clash(what: str) -> GraphRefusal:
    """400: a value that must be unique is taken, maybe by a deleted object."""
    return refuse_request(f"Another object with the same value for property {what} already exists.")


def refuse_namesake(name: str) -> GraphRefusal:
    """409: a federated credential of this name, or for the same issuer and subject, exists already."""
    message = f"FederatedIdentityCredential with name {name} already exists."
    return GraphRefusal(409, "Request_MultipleObjectsWithSameKeyValue", message)


def refuse_secret() -> GraphRefusal:
    """400: an app management policy forbids client secrets."""
    message = f"Credential type not allowed as per assigned policy '{POLICY}'."
    return GraphRefusal(400, "CredentialTypeNotAllowedAsPerAppPolicy", message)


def refuse_lifetime() -> GraphRefusal:
    """400: an app management policy limits how long a secret may live."""
    message = f"Credential lifetime exceeds the max value allowed as per assigned policy '{POLICY}'."
    return GraphRefusal(400, "CredentialInvalidLifetimeAsPerAppPolicy", message)
